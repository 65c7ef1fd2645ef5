"""Tells of an error that is our own fault: what to do, with the details to copy. The program goes on."""

from __future__ import annotations

import platform
import traceback

from jobdesk_core.masking import without_secrets
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton, QWidget

from jobdesk.kit.dialog_frame import DialogFrame, note

#: Of so many errors the details are kept while the window is open; more are only counted.
MOST_DETAILS = 10


class ErrorDialog(DialogFrame):
    """One at a time, for as many errors as come meanwhile; the details are folded until asked for."""

    help_place = ("logs", "an-unexpected-error")

    def __init__(self, parent: QWidget | None, *, error: BaseException) -> None:
        super().__init__(
            parent,
            title=self.tr("Something went wrong in Jobdesk"),
            sentence=self.tr(
                "This is a bug in Jobdesk, not a problem with your database. You can go on; if it happens again, send"
                " us the details. They may name jobs and servers: look through them first."
            ),
            verb=self.tr("Go on"),
        )
        self.errors: list[BaseException] = []
        self._count = 0
        self.more = note()
        self.more.hide()
        self.details = QPlainTextEdit(f"Python {platform.python_version()}\n")
        self.details.setObjectName("code")
        self.details.setReadOnly(True)
        self.details.setAccessibleName(self.tr("Details"))
        self.details.setMinimumHeight(180)
        self.details.hide()
        self.content.addWidget(self.more)
        self.content.addWidget(self.details)
        self._show_button = QPushButton(self.tr("Show the details"))
        copy = QPushButton(self.tr("Copy the details"))
        for button in (self._show_button, copy):
            button.setObjectName("link")
            button.setAutoDefault(False)
            self.links.addWidget(button)
        self._show_button.clicked.connect(self._fold)
        copy.clicked.connect(lambda: QApplication.clipboard().setText(self.details.toPlainText()))
        self.cancel_button.hide()
        self.add(error)

    def add(self, error: BaseException) -> None:
        """Tell of one more error in the same window."""
        self._count += 1
        if len(self.errors) < MOST_DETAILS:
            self.errors.append(error)
            lines = traceback.format_exception(type(error), error, error.__traceback__)
            self.details.appendPlainText(without_secrets("".join(lines)))
        if self._count > 1:
            self.more.setText(self.tr("{count} errors so far.").format(count=self._count))
            self.more.show()
            self.make_room()

    def _fold(self) -> None:
        is_shown = not self.details.isVisible()
        self.details.setVisible(is_shown)
        self._show_button.setText(self.tr("Hide the details") if is_shown else self.tr("Show the details"))
        self.make_room(gives_back=not is_shown)
