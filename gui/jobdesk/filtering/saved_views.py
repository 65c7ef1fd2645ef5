"""Renames, orders and deletes saved views, all at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobdesk_core.profiles.finding import SavedView
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QPushButton, QWidget

from jobdesk.filtering.save_view import LONGEST_NAME
from jobdesk.kit.dialog_frame import DialogFrame, field, note
from jobdesk.kit.layouts import STRETCH, in_column, in_row
from jobdesk.kit.theme import theme

if TYPE_CHECKING:
    from jobdesk.filtering.finding import Finding

_VIEW = int(Qt.ItemDataRole.UserRole)


class SavedViewsDialog(DialogFrame):
    """Nothing is changed before the verb is pressed."""

    help_place = ("filter", "keep-a-filter")
    submits_on_return = True

    def __init__(self, parent: QWidget, finding: Finding, chosen: str = "") -> None:
        super().__init__(parent, title="", sentence="", verb="", width=460)
        self._finding = finding
        self.title.setText(self.tr("Saved views"))
        self.setWindowTitle(self.tr("Saved views"))
        self.sentence.setText(self.tr("Alt+1 to Alt+9 open the first nine."))
        self.sentence.show()
        self.verb.setText(self.tr("Save the views"))
        self.verb.show()
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Saved views"))
        self.list.setMinimumHeight(220)
        self.name = QLineEdit()
        self.name.setMaxLength(LONGEST_NAME)
        self._note = note("bad")
        self.up = self._button(self.tr("Up"), "Alt+Up", lambda: self._move(-1))
        self.down = self._button(self.tr("Down"), "Alt+Down", lambda: self._move(1))
        self.remove = self._button(self.tr("Delete"), "", self._remove)
        self._fill(chosen)
        row = in_row((self.list, 1))
        column = in_column(self.up, self.down, self.remove, STRETCH)
        row.addLayout(column)
        self.content.addLayout(row)
        self.content.addLayout(field(self.tr("Name"), self.name, self._note))
        self.name.textEdited.connect(self._rename)
        self.list.currentItemChanged.connect(self._show)
        self._show()
        self.name.setFocus()

    def submit(self) -> None:
        """Keep the views as they are listed."""
        self._finding.set_views(self._views())
        self.accept()

    def would_lose(self) -> bool:
        """Override DialogFrame.would_lose: names of other views, their order, and what was deleted count as well."""
        return self._views() != list(self._finding.views)

    def _fill(self, chosen: str) -> None:
        for view in self._finding.views:
            item = QListWidgetItem(view.name, self.list)
            item.setData(_VIEW, view)
            item.setSizeHint(QSize(100, theme().grown(28)))
            if view.name == chosen:
                self.list.setCurrentItem(item)
        if self.list.currentRow() < 0:
            self.list.setCurrentRow(0)

    def _button(self, text: str, keys: str, clicked: object) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        if keys:
            button.setShortcut(keys)
            button.setToolTip(f"{text} ({keys})")
        button.clicked.connect(clicked)
        return button

    def _views(self) -> list[SavedView]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return [replace(item.data(_VIEW), name=_plain(item.text())) for item in items]

    def _rename(self, name: str) -> None:
        item = self.list.currentItem()
        if item is not None:
            item.setText(name)
        self._check()

    def _move(self, step: int) -> None:
        row = self.list.currentRow()
        if 0 <= row + step < self.list.count():
            item = self.list.takeItem(row)
            self.list.insertItem(row + step, item)
            self.list.setCurrentItem(item)

    def _remove(self) -> None:
        if self.list.currentRow() >= 0:
            self.list.takeItem(self.list.currentRow())
        self._show()

    def _show(self, *_: object) -> None:
        item, row = self.list.currentItem(), self.list.currentRow()
        self.name.setEnabled(item is not None)
        text = item.text() if item is not None else ""
        if self.name.text() != text:
            self.name.setText(text)
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < self.list.count() - 1)
        self.remove.setEnabled(item is not None)
        self._check()

    def _check(self) -> None:
        names = [view.name for view in self._views()]
        problem = ""
        if not all(names):
            problem = self.tr("A view needs a name.")
        elif len(set(names)) < len(names):
            problem = self.tr("Two views have the same name.")
        self._note.setText(problem)
        self.verb.setEnabled(not problem)


def _plain(name: str) -> str:
    return " ".join(name.split())
