"""Going round the window by keyboard: from pane to pane by F6, and back to the table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QApplication, QWidget

from jobdesk.kit.table import Table

REASON = Qt.FocusReason.ShortcutFocusReason
#: The property of widgets that F6 stops at. Tables need none.
_PANE = "pane"
Pane = TypeVar("Pane", bound=QWidget)


class Panes(QObject):
    """Finds the panes by what is in sight, from left to right and from top to bottom."""

    def __init__(self, view: QWidget, header: QWidget) -> None:
        super().__init__(view)
        self._view, self._header = view, header

    def go(self, steps: int) -> None:
        """Give the focus to the pane so many steps further round."""
        panes = [pane for pane in self._in_sight(self._panes()) if _first_stop(pane) is not None]
        if not panes:
            return
        focused = QApplication.focusWidget()
        around = [place for place, pane in enumerate(panes) if focused is not None and _is_within(focused, pane)]
        # Of panes within each other the innermost, which comes last.
        here = around[-1] if around else -1 if steps > 0 else 0
        stop = _first_stop(panes[(here + steps) % len(panes)])
        if stop is not None:
            stop.setFocus(REASON)

    def go_back(self) -> None:
        """Give the focus to the first table in sight."""
        table = self._first_table()
        if table is not None:
            table.setFocus(REASON)

    def table(self) -> Table | None:
        """The table that has the focus, or else the first in sight."""
        focused = QApplication.focusWidget()
        is_here = isinstance(focused, Table) and self._view.isAncestorOf(focused)
        return focused if isinstance(focused, Table) and is_here else self._first_table()

    def _first_table(self) -> Table | None:
        return next(iter(self._in_sight(self._view.findChildren(Table))), None)

    def _panes(self) -> list[QWidget]:
        return [each for each in self._view.findChildren(QWidget) if each.property(_PANE) or isinstance(each, Table)]

    def _in_sight(self, found: Iterable[Pane]) -> list[Pane]:
        shown = [each for each in found if each.isVisible() and each.width() > 0 and each.height() > 0]

        def place(pane: QWidget) -> tuple[bool, int, int]:
            at = pane.mapTo(self._view, QPoint(0, 0))
            return at.y() >= self._header.height(), at.x(), at.y()

        return sorted(shown, key=place)


def _first_stop(pane: QWidget) -> QWidget | None:
    """What in a pane takes the focus: what had it last, the pane itself, or the first that Tab stops at."""
    last = pane.focusWidget()
    if last is not None and last.isVisible() and last.isEnabled():
        return last
    for each in (pane, *pane.findChildren(QWidget)):
        if each.focusPolicy() & Qt.FocusPolicy.TabFocus and each.isVisible() and each.isEnabled():
            return each
    return None


def _is_within(widget: QWidget, pane: QWidget) -> bool:
    return widget is pane or pane.isAncestorOf(widget)
