"""The keyboard shortcuts, read from the table of actions."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from jobdesk.actions import MENUS, SPECS, translated
from jobdesk.dialogs.frame import DialogFrame

_RIGHT = ("view", "help")


class ShortcutsDialog(DialogFrame):
    """The menus in two columns: what acts, and what leads somewhere."""

    help_place = ("first-steps", "keys")

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent, title=self.tr("Keyboard shortcuts"), sentence="", verb=self.tr("Close"), width=680)
        self.cancel_button.hide()
        columns = QHBoxLayout()
        columns.setSpacing(40)
        for menus in (tuple(menu for menu in MENUS if menu not in _RIGHT), _RIGHT):
            grid = QGridLayout()
            grid.setHorizontalSpacing(24)
            grid.setVerticalSpacing(5)
            for menu in menus:
                _add(grid, menu)
            grid.setRowStretch(grid.rowCount(), 1)
            columns.addLayout(grid, 1)
        self.content.addLayout(columns)


def _add(grid: QGridLayout, menu: str) -> None:
    """Add the shortcuts of a menu below what is there."""
    specs = [spec for spec in SPECS if spec.menu == menu and spec.shortcut]
    line = grid.rowCount()
    if specs:
        caption = QLabel(translated(MENUS[menu]).replace("&", "").upper())
        caption.setObjectName("caption")
        caption.setContentsMargins(0, 8 if grid.count() else 0, 0, 2)
        grid.addWidget(caption, line, 0, 1, 2)
    for place, spec in enumerate(specs, line + 1):
        keys = QLabel(QKeySequence(spec.shortcut).toString(QKeySequence.SequenceFormat.NativeText))
        keys.setProperty("mono", "true")
        grid.addWidget(QLabel(translated(spec.text).replace("&", "")), place, 0)
        grid.addWidget(keys, place, 1, Qt.AlignmentFlag.AlignRight)
