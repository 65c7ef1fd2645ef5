"""The keyboard shortcuts, read from the table of actions."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from jobdesk.actions import MENUS, SPECS, translated
from jobdesk.dialogs.frame import DialogFrame


class ShortcutsDialog(DialogFrame):
    """One column per menu."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent, title=self.tr("Keyboard shortcuts"), sentence="", verb=self.tr("Close"), width=520)
        self.cancel_button.hide()
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(5)
        line = 0
        for menu, title in MENUS.items():
            specs = [spec for spec in SPECS if spec.menu == menu and spec.shortcut]
            if specs:
                caption = QLabel(translated(title).replace("&", "").upper())
                caption.setObjectName("caption")
                caption.setContentsMargins(0, 8 if line else 0, 0, 2)
                grid.addWidget(caption, line, 0, 1, 2)
                line += 1
            for spec in specs:
                keys = QLabel(QKeySequence(spec.shortcut).toString(QKeySequence.SequenceFormat.NativeText))
                keys.setProperty("mono", "true")
                grid.addWidget(QLabel(translated(spec.text).replace("&", "")), line, 0)
                grid.addWidget(keys, line, 1, Qt.AlignmentFlag.AlignRight)
                line += 1
        self.content.addLayout(grid)
