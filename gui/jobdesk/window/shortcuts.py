"""The keyboard shortcuts, read from the table of actions."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from jobdesk.filtering.finding import SHORTCUTS
from jobdesk.kit.action_spec import Spec, translated
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.window.menus import MENUS

_RIGHT = ("view", "help")


class ShortcutsDialog(DialogFrame):
    """The menus in two columns: what acts, and what leads somewhere."""

    help_place = ("first-steps", "keys")

    def __init__(self, parent: QWidget | None, specs: Sequence[Spec]) -> None:
        super().__init__(parent, title=self.tr("Keyboard shortcuts"), sentence="", verb=self.tr("Close"), width=680)
        self.cancel_button.hide()
        columns = QHBoxLayout()
        columns.setSpacing(40)
        for menus in (tuple(menu for menu in MENUS if menu not in _RIGHT), _RIGHT):
            grid = QGridLayout()
            grid.setHorizontalSpacing(24)
            grid.setVerticalSpacing(5)
            for menu in menus:
                rows = [
                    (translated(spec.text).replace("&", ""), spec.shortcut)
                    for spec in specs
                    if spec.menu == menu and spec.shortcut
                ]
                _add(grid, translated(MENUS[menu]).replace("&", ""), rows)
            if menus is _RIGHT:
                _add(grid, self.tr("Everywhere else"), self._others())
            grid.setRowStretch(grid.rowCount(), 1)
            columns.addLayout(grid, 1)
        self.content.addLayout(columns)

    def _others(self) -> list[tuple[str, str]]:
        """The keys that are no action's."""
        return [
            (self.tr("Saved views, from the first"), f"Alt+1 … Alt+{SHORTCUTS}"),
            (self.tr("Back to the list"), "Esc"),
            (self.tr("First and last row"), "Home End"),
            (self.tr("Open what a row stands for"), "Return"),
            (self.tr("Find a queue or a task"), "/"),
        ]


def _add(grid: QGridLayout, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Add what these keys do below what is there."""
    line = grid.rowCount()
    if rows:
        caption = QLabel(title.upper())
        caption.setObjectName("caption")
        caption.setContentsMargins(0, 8 if grid.count() else 0, 0, 2)
        grid.addWidget(caption, line, 0, 1, 2)
    for place, (text, held) in enumerate(rows, line + 1):
        parts = [QKeySequence(part).toString(QKeySequence.SequenceFormat.NativeText) for part in held.split()]
        keys = QLabel(" ".join(part or "…" for part in parts))
        keys.setTextFormat(Qt.TextFormat.PlainText)
        keys.setProperty("mono", "true")
        grid.addWidget(QLabel(text), place, 0)
        grid.addWidget(keys, place, 1, Qt.AlignmentFlag.AlignRight)
