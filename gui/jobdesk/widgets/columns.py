"""Which columns of a table are shown, in which order and how wide, by the person's choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QHeaderView, QMenu, QTableView

NARROWEST, WIDEST = 32, 4_000


class Choice(TypedDict, total=False):
    """What a person chose of a table's columns, by their keys; what was left alone is left out."""

    order: list[str]
    hidden: list[str]
    widths: dict[str, int]


class Columns(QObject):
    """Follows a table's header. Without a choice, the owner of the table decides, for instance by the room."""

    changed = Signal()  # a person chose, or took every choice back

    def __init__(self, table: QTableView, keys: Sequence[str]) -> None:
        super().__init__(table)
        self._table = table
        self._head: QHeaderView = table.horizontalHeader()
        self._keys = list(keys)
        self._hidden: set[str] | None = None
        self._has_own_widths = self._has_own_order = False
        self._is_held = False
        self._growing = ""
        self._optional: Sequence[str] = ()
        self._widths = {key: table.columnWidth(place) for place, key in enumerate(keys)}
        self._shown_first = {key for place, key in enumerate(keys) if not table.isColumnHidden(place)}
        self._head.viewport().installEventFilter(self)
        self._head.sectionResized.connect(self._resized)
        self._head.sectionMoved.connect(self._moved)
        self._head.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._head.customContextMenuRequested.connect(self.open_menu)

    @property
    def has_own_widths(self) -> bool:
        """Whether the widths were chosen: nobody else changes them then."""
        return self._has_own_widths

    @property
    def has_own_shown(self) -> bool:
        """Whether it was chosen which columns show: nobody else changes that then."""
        return self._hidden is not None

    def fill(self, growing: str, optional: Sequence[str] = ()) -> None:
        """Fill the table's width from now on, as far as nobody chose otherwise.

        What is over goes to the column `growing`; `optional` ones are given up where there is no room, the first
        one first.
        """
        self._growing, self._optional = growing, optional
        self.changed.connect(self.fit)
        self.fit()

    def fit(self) -> None:
        """Fit the width that the table has now."""
        if not self._growing:
            return
        room = self._table.viewport().width()
        if not self.has_own_shown:
            self._give_up_columns(room)
        if not self.has_own_widths:
            rest = sum(self._widths[key] for _, key in self._shown() if key != self._growing)
            width = max(self._widths[self._growing], room - rest)
            self._table.setColumnWidth(self._keys.index(self._growing), width)

    def choice(self) -> Choice:
        """What was chosen; empty when nothing was."""
        chosen: Choice = {}
        if self._has_own_order:
            chosen["order"] = [self._keys[self._head.logicalIndex(place)] for place in range(len(self._keys))]
        if self._hidden is not None:
            chosen["hidden"] = sorted(self._hidden)
        if self._has_own_widths:
            chosen["widths"] = {key: self._head.sectionSize(place) for place, key in self._shown()}
        return chosen

    def choose(self, chosen: object) -> None:
        """Take a remembered choice over, as far as it can be understood, instead of the one in force."""
        self._forget()
        chosen = chosen if isinstance(chosen, dict) else {}
        order, hidden, widths = (chosen.get(part) for part in ("order", "hidden", "widths"))
        if isinstance(order, list):
            self._put_order([key for key in order if key in self._keys])
        if isinstance(hidden, list) and not set(self._keys) <= set(map(str, hidden)):
            self._hidden = set(map(str, hidden)) & set(self._keys)
            self._hide(self._hidden)
        if isinstance(widths, dict):
            self._put_widths(widths)
        self.changed.emit()

    def reset(self) -> None:
        """Take every choice back."""
        self._forget()
        self.changed.emit()

    def show_column(self, key: str, is_shown: bool) -> None:
        """Show a column, or no longer. The last one stays."""
        hidden = {each for place, each in enumerate(self._keys) if self._table.isColumnHidden(place)}
        hidden = hidden - {key} if is_shown else hidden | {key}
        if len(hidden) < len(self._keys):
            self._hidden = hidden
            self._hide(hidden)
            self.changed.emit()

    def fill_menu(self, menu: QMenu) -> None:
        """List the columns, those shown with a tick."""
        menu.clear()
        for place in (self._head.logicalIndex(visual) for visual in range(len(self._keys))):
            key = self._keys[place]
            title = self._table.model().headerData(place, Qt.Orientation.Horizontal)
            action = menu.addAction(str(title))
            action.setCheckable(True)
            action.setChecked(not self._table.isColumnHidden(place))
            action.triggered.connect(lambda is_shown, key=key: self.show_column(key, is_shown))
        menu.addSeparator()
        menu.addAction(self.tr("Reset to defaults"), self.reset).setEnabled(bool(self.choice()))

    def open_menu(self, at: QPoint | None = None) -> None:
        """Offer the columns below the header."""
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill_menu(menu)
        menu.popup(self._head.mapToGlobal(at if at is not None else QPoint(8, self._head.height())))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Override QObject.eventFilter: only what is done with a button held is a choice."""
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            self._is_held = True
        elif event.type() == QEvent.Type.MouseButtonRelease:
            QTimer.singleShot(0, self._let_go)  # the header moves a section only after this
        return super().eventFilter(watched, event)

    def _let_go(self) -> None:
        self._is_held = False

    def _shown(self) -> list[tuple[int, str]]:
        return [(place, key) for place, key in enumerate(self._keys) if not self._table.isColumnHidden(place)]

    def _give_up_columns(self, room: int) -> None:
        hidden = set(self._keys) - self._shown_first
        for key in self._optional:
            if sum(width for each, width in self._widths.items() if each not in hidden) > room:
                hidden.add(key)
        self._hide(hidden)

    def _resized(self, *_: int) -> None:
        if self._is_held:
            self._has_own_widths = True
            self.changed.emit()

    def _moved(self, *_: int) -> None:
        if self._is_held:
            self._has_own_order = True
            self.changed.emit()

    def _hide(self, hidden: set[str]) -> None:
        for place, key in enumerate(self._keys):
            self._table.setColumnHidden(place, key in hidden)

    def _put_order(self, order: list[str]) -> None:
        for visual, key in enumerate(order):
            self._head.moveSection(self._head.visualIndex(self._keys.index(key)), visual)
        self._has_own_order = bool(order)

    def _put_widths(self, widths: dict[object, object]) -> None:
        for place, key in enumerate(self._keys):
            width = widths.get(key)
            if isinstance(width, int) and not isinstance(width, bool):
                self._head.resizeSection(place, min(WIDEST, max(NARROWEST, width)))
                self._has_own_widths = True

    def _forget(self) -> None:
        """Reset to defaults: the order, the widths and what is shown."""
        was_hidden, self._hidden = self._hidden, None
        if self._has_own_order:
            self._put_order(self._keys)
            self._has_own_order = False
        if was_hidden is not None:
            self._hide(set(self._keys) - self._shown_first)
        if self._has_own_widths:
            self._has_own_widths = False
            for place, key in enumerate(self._keys):
                self._table.setColumnWidth(place, self._widths[key])
