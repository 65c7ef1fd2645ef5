"""Who we are, the versions, and the licences of everything that Jobdesk is made of."""

from __future__ import annotations

import importlib.metadata

from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QPushButton, QWidget

from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.fields import Field, FieldList
from jobdesk.window.components import components, notices
from jobdesk.window.diagnostics import versions


class AboutDialog(DialogFrame):
    """Versions and notices, to read and to copy."""

    help_place = ("logs", "")

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(
            parent,
            title=self.tr("Jobdesk"),
            sentence=self.tr("The desktop console for Procrastinate job queues on PostgreSQL. MIT licence."),
            verb=self.tr("Close"),
            width=560,
        )
        self.cancel_button.hide()
        fields = FieldList()
        # The address as text: nothing outside is opened from here.
        address = importlib.metadata.metadata("jobdesk").get_all("Project-URL") or []
        addresses: list[Field] = [(self.tr("address"), each.partition(", ")[2], "") for each in address[:1]]
        fields.set_fields([*((name, value, "") for name, value in versions()), *addresses])
        self.content.addWidget(fields)
        self.notice = QLabel(
            self.tr(
                "Qt for Python and psycopg are used under the GNU Lesser General Public License, version 3. They are "
                "separate libraries beside the program, and you may replace them with your own builds."
            )
        )
        self.notice.setWordWrap(True)
        self.content.addWidget(self.notice)
        self.texts = QPlainTextEdit()
        self.texts.setReadOnly(True)
        self.texts.setObjectName("code")
        self.texts.setAccessibleName(self.tr("Packages and licences"))
        self.texts.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.texts.setMinimumHeight(220)
        self.texts.hide()
        self.content.addWidget(self.texts, 1)
        self.content.addStretch()
        for text, clicked in (
            (self.tr("Packages"), self._show_packages),
            (self.tr("Licence texts"), self._show_texts),
            (self.tr("Copy the versions"), self._copy),
        ):
            button = QPushButton(text)
            button.setObjectName("link")
            button.setAutoDefault(False)
            button.clicked.connect(clicked)
            self.links.addWidget(button)

    def _show_packages(self) -> None:
        lines = [f"{each.name} {each.version}\n    {each.licence}" for each in components()[1:]]
        self._show("\n".join(lines))

    def _show_texts(self) -> None:
        self._show(notices())

    def _show(self, text: str) -> None:
        self.texts.setPlainText(text)
        self.texts.show()
        self.make_room()

    def _copy(self) -> None:
        lines = [*versions(), *((each.name, each.version) for each in components()[1:])]
        QApplication.clipboard().setText("\n".join(f"{name} {version}" for name, version in lines))
