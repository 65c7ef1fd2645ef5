"""Which columns of a table are shown, in which order and how wide, by the person's choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QHeaderView, QMenu, QTableView

NARROWEST, WIDEST = 32, 4_000
#: Columns that a person may add.
MOST_ADDED = 100
Path = tuple[str, ...]


class Choice(TypedDict, total=False):
    """What a person chose of a table's columns, by their keys; what was left alone is left out."""

    order: list[str]
    hidden: list[str]
    shown: list[str]  # of those that are off at first
    widths: dict[str, int]
    added: list[list[str]]  # what the columns show that a person has added, each by its path


class Columns(QObject):
    """Follows a table's header. Without a choice, the owner of the table decides, for instance by the room."""

    changed = Signal()  # a person chose, or took every choice back
    adding_asked_for = Signal()  # a column that is not there yet

    def __init__(self, table: QTableView, keys: Sequence[str]) -> None:
        super().__init__(table)
        self._table = table
        self._head: QHeaderView = table.horizontalHeader()
        self._keys = list(keys)
        self._hidden: set[str] | None = None
        self._has_own_widths = self._has_own_order = False
        self._is_dragging = False
        self._growing = ""
        self._optional: Sequence[str] = ()
        self._widths = {key: table.columnWidth(place) for place, key in enumerate(keys)}
        self._shown_first = {key for place, key in enumerate(keys) if not table.isColumnHidden(place)}
        self._fixed = len(self._keys)
        self._added: list[Path] = []
        self._make: Callable[[Sequence[Path]], Sequence[str]] | None = None
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

    @property
    def added(self) -> list[Path]:
        """The paths of the columns that a person has added."""
        return list(self._added)

    def let_add(self, make: Callable[[Sequence[Path]], Sequence[str]]) -> None:
        """Let columns be added behind the others: `make` makes those at these paths alone, and tells their keys."""
        self._make = make

    def add(self, path: Path) -> str:
        """Show the column of this path, and return its key; nothing more than that when it was added before."""
        if path not in self._added and len(self._added) < MOST_ADDED:
            before = self.choice()
            self._put_added([*self._added, path])
            before["added"] = [list(each) for each in self._added]
            self.choose(before)
        if path not in self._added:
            return ""
        key = self._keys[self._fixed + self._added.index(path)]
        self.show_column(key, True)
        return key

    def remove(self, path: Path) -> None:
        """Take an added column away."""
        if path in self._added:
            before = self.choice()
            self._put_added([each for each in self._added if each != path])
            before["added"] = [list(each) for each in self._added]
            self.choose(before)

    def fill(self, growing: str, optional: Sequence[str] = ()) -> None:
        """Fill the table's width from now on, as far as nobody chose otherwise.

        What is over goes to the column `growing`; `optional` ones are given up where there is no room, the first
        one first.
        """
        self._growing, self._optional = growing, optional
        self.changed.connect(self.fit)
        self.fit()

    def set_first_widths(self, widths: Sequence[int]) -> None:
        """Take other first widths, for another size of text: those that were chosen change in proportion."""
        old = dict(self._widths)
        self._widths |= dict(zip(self._keys, widths, strict=False))
        for place, key in enumerate(self._keys):
            own = self._head.sectionSize(place) if self._has_own_widths else old[key]
            if own:
                self._table.setColumnWidth(place, round(own * self._widths[key] / max(1, old[key])))
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
            chosen["shown"] = sorted(set(self._keys) - self._shown_first - self._hidden)
        if self._has_own_widths:
            chosen["widths"] = {key: self._head.sectionSize(place) for place, key in self._shown()}
        if self._added:
            chosen["added"] = [list(path) for path in self._added]
        return chosen

    def choose(self, chosen: object) -> None:
        """Take a remembered choice over, as far as it can be understood, instead of the one in force."""
        self._forget()
        chosen = chosen if isinstance(chosen, dict) else {}
        order, hidden, widths = (chosen.get(part) for part in ("order", "hidden", "widths"))
        self._put_added(_paths(chosen.get("added")))
        if isinstance(order, list):
            self._put_order([key for key in order if key in self._keys])
        if isinstance(hidden, list):
            shown = chosen.get("shown")
            # What is off at first and was not known when this was chosen stays off.
            off = set(self._keys) - self._shown_first - set(map(str, shown if isinstance(shown, list) else ()))
            if not set(self._keys) <= set(map(str, hidden)) | off:
                self._hidden = (set(map(str, hidden)) & set(self._keys)) | off
                self._hide(self._hidden)
        if isinstance(widths, dict):
            self._put_widths(widths)
        self.changed.emit()

    def reset(self) -> None:
        """Take every choice back."""
        self._forget()
        self._put_added([])
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
            is_given_up = key in self._shown_first and self._hidden is None and self._table.isColumnHidden(place)
            words = self.tr("{title} (no room at this width)") if is_given_up else "{title}"
            action = menu.addAction(words.format(title=str(title).replace("&", "&&")))
            action.setCheckable(True)
            action.setChecked(not self._table.isColumnHidden(place))
            action.triggered.connect(lambda is_shown, key=key: self._tick(key, is_shown))
        menu.addSeparator()
        if self._make is not None:
            menu.addAction(self.tr("Argument…"), self.adding_asked_for.emit)
        menu.addAction(self.tr("Reset to defaults"), self.reset).setEnabled(bool(self.choice()))

    def _tick(self, key: str, is_shown: bool) -> None:
        place = self._keys.index(key)
        if place >= self._fixed and not is_shown:
            self.remove(self._added[place - self._fixed])
        else:
            self.show_column(key, is_shown)

    def open_menu(self, at: QPoint | None = None) -> None:
        """Offer the columns below the header."""
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill_menu(menu)
        menu.popup(self._head.mapToGlobal(at if at is not None else QPoint(8, self._head.height())))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Override QObject.eventFilter: only what is done with a button held is a choice."""
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            self._is_dragging = True
        elif event.type() == QEvent.Type.MouseButtonRelease:
            QTimer.singleShot(0, self._let_go)  # the header moves a section only after this
        return super().eventFilter(watched, event)

    def _let_go(self) -> None:
        self._is_dragging = False

    def _shown(self) -> list[tuple[int, str]]:
        return [(place, key) for place, key in enumerate(self._keys) if not self._table.isColumnHidden(place)]

    def _give_up_columns(self, room: int) -> None:
        hidden = set(self._keys) - self._shown_first
        for key in self._optional:
            if sum(width for each, width in self._widths.items() if each not in hidden) > room:
                hidden.add(key)
        self._hide(hidden)

    def _resized(self, *_: int) -> None:
        if self._is_dragging:
            self._has_own_widths = True
            self.changed.emit()

    def _moved(self, *_: int) -> None:
        if self._is_dragging:
            self._has_own_order = True
            self.changed.emit()

    def _hide(self, hidden: set[str]) -> None:
        for place, key in enumerate(self._keys):
            self._table.setColumnHidden(place, key in hidden)

    def _put_added(self, paths: list[Path]) -> None:
        if self._make is None or paths == self._added:
            return
        self._keys[self._fixed :] = self._make(paths)
        self._added = paths
        for place, key in enumerate(self._keys[self._fixed :], self._fixed):
            self._widths[key] = self._table.columnWidth(place)
            self._table.setColumnHidden(place, True)

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


def _paths(added: object) -> list[Path]:
    """The paths that a remembered choice names, as far as they can be understood."""
    found: dict[Path, None] = {}
    for path in added if isinstance(added, list) else ():
        if isinstance(path, list) and path and all(isinstance(step, str) for step in path):
            found[tuple(path)] = None
    return list(found)[:MOST_ADDED]
