"""Asks for the path of an argument that the table of jobs is to show as a column."""

from __future__ import annotations

from collections.abc import Callable

from jobdesk_core.reading.records import Path, path_of
from PySide6.QtWidgets import QLineEdit, QWidget

from jobdesk.kit.dialog_frame import DialogFrame, field, note

LONGEST_PATH = 500


class ArgumentColumnDialog(DialogFrame):
    """A path such as `customer.id`. That it leads nowhere in some jobs is no mistake: a dash stands there."""

    help_place = ("jobs", "columns")
    submits_on_return = True

    def __init__(self, parent: QWidget, *, show: Callable[[Path], None]) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=440)
        self._show_column = show
        self.title.setText(self.tr("Show an argument as a column"))
        self.setWindowTitle(self.title.text())
        self.verb.setText(self.tr("Show the column"))
        self.verb.show()
        self.path = QLineEdit()
        self.path.setMaxLength(LONGEST_PATH)
        self.path.setPlaceholderText(self.tr("customer, customer.id or items.0.price"))
        self.path.textChanged.connect(self._show)
        self._note = note()
        self.content.addLayout(field(self.tr("Argument"), self.path, self._note))
        self._show()
        self.path.setFocus()

    def submit(self) -> None:
        """Show it."""
        path = self._path()
        if path is not None:
            self._show_column(path)
            self.accept()

    def _path(self) -> Path | None:
        try:
            return path_of(self.path.text().strip())
        except ValueError:
            return None

    def _show(self) -> None:
        is_path = self._path() is not None
        self.verb.setEnabled(is_path)
        is_wrong = bool(self.path.text().strip()) and not is_path
        self._note.setText(self.tr("There must be a name at both ends and between two dots.") if is_wrong else "")
