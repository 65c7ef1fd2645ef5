"""Tells of an error that is our own fault: what to do, with the details to copy. The program goes on."""

from __future__ import annotations

import platform
import traceback

from jobdesk_core.troubles import without_secrets
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton, QWidget

from jobdesk.dialogs.frame import DialogFrame


class ErrorDialog(DialogFrame):
    """One at a time; the details are folded until asked for."""

    def __init__(self, parent: QWidget | None, *, error: BaseException) -> None:
        super().__init__(
            parent,
            title="Something went wrong in Jobdesk",
            sentence="This is a fault of the program, not of your database. You can go on; if it comes again, "
            "send us the details.",
            verb="Go on",
        )
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        self.details = QPlainTextEdit(without_secrets("".join([f"Python {platform.python_version()}\n", *lines])))
        self.details.setObjectName("code")
        self.details.setReadOnly(True)
        self.details.setAccessibleName(self.tr("Details"))
        self.details.setMinimumHeight(180)
        self.details.hide()
        self.content.addWidget(self.details)
        show = QPushButton(self.tr("Show the details"))
        copy = QPushButton(self.tr("Copy the details"))
        for button in (show, copy):
            button.setObjectName("link")
            button.setAutoDefault(False)
            self.links.addWidget(button)
        show.clicked.connect(lambda: self.details.setVisible(not self.details.isVisible()))
        copy.clicked.connect(lambda: QApplication.clipboard().setText(self.details.toPlainText()))
        self.cancel_button.hide()
