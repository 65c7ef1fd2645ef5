"""Asks before staged changes are thrown away."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from jobdesk import formats
from jobdesk.dialogs.frame import DialogFrame


class DiscardDialog(DialogFrame):
    """`is_closing`: they would be lost because their connection is closed."""

    def __init__(self, parent: QWidget | None, *, count: int, is_closing: bool = False) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=440)
        self.title.setText(
            self.tr("Throw 1 staged change away?")
            if count == 1
            else self.tr("Throw {count} staged changes away?").format(count=formats.number(count))
        )
        self.setWindowTitle(self.tr("Staged changes"))
        lost = self.tr("Staged changes are not kept when their connection is closed.")
        left = self.tr("Nothing of them is in the database.")
        self.sentence.setText(f"{lost} {left}" if is_closing else left)
        self.sentence.show()
        self.verb.setText(self.tr("Throw away"))
        self.verb.setObjectName("danger")
        self.verb.show()
        self.cancel_button.setText(self.tr("Keep them"))
        self.cancel_button.setFocus()
