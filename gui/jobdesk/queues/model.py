"""The queues or tasks on the screen: rows of a board, sorted and looked through here, changed cell by cell."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from jobdesk_core.jobs import Status
from jobdesk_core.number import Number, exact
from jobdesk_core.reading.name_rows import NameRow
from PySide6.QtCore import QAbstractTableModel, QObject, Qt

from jobdesk.kit import clock, formats
from jobdesk.kit.roles import CELL_ROLE, CHANGED_ROLE, SPARK_ROLE, VALUE_ROLE, AnyIndex, PaintedCell
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import LEFT, NO_PARENT, RIGHT
from jobdesk.queues.columns import COLUMNS, HOUR_COLUMN, INDEX_OF, NUMBERS, Column
from jobdesk.queues.words import TEXTS, held_sentence, trouble_sentence

#: Rows told of one by one; of more, the stretch that holds them all is.
ONE_BY_ONE = 50
EXACT = exact(0)


class NamesModel(QAbstractTableModel):
    """Rows by name. Sorting goes by what is shown; while values change the order stays, until `arrange`."""

    def __init__(self, name_title: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sort_column, self.is_descending = 0, False
        self._name_title = name_title
        self._rows: dict[str, NameRow] = {}
        self._order: list[str] = []
        self._place: dict[str, int] = {}
        self._changed_at: dict[str, tuple[float, frozenset[int]]] = {}
        self._find = ""
        self._worth = EXACT
        self._are_names_new = False
        self._is_stale = False
        self._now: Callable[[], dt.datetime] = clock.now

    # What stands where

    @property
    def total(self) -> int:
        """All rows, also those that the search text hides."""
        return len(self._rows)

    def key_at(self, position: int) -> str:
        """The name of a row."""
        return self._order[position]

    def row(self, name: str) -> NameRow | None:
        """All of one name; None when it has no jobs any more."""
        return self._rows.get(name)

    def position(self, name: str) -> int | None:
        """Where a name stands, None when it is not shown."""
        return self._place.get(name)

    # Changing it

    def clear(self) -> None:
        """Empty it for another database."""
        self.beginResetModel()
        for kept in (self._rows, self._order, self._place, self._changed_at):
            kept.clear()
        self.endResetModel()

    def apply(self, names: Collection[str], rows: Mapping[str, NameRow]) -> None:
        """Take over the rows of these names. New ones show, and those gone leave, with the next `arrange`."""
        places: list[int] = []
        now = time.monotonic()
        for name in names:
            row, before = rows.get(name), self._rows.get(name)
            if row is None or before is None:
                self._are_names_new = True
            if row is None:
                self._rows.pop(name, None)
                continue
            self._rows[name] = row
            if before is not None:
                changed = frozenset(place for place, number in NUMBERS if number(row) != number(before))
                if changed:
                    self._changed_at[name] = (now, changed)
            place = self._place.get(name)
            if place is not None:
                places.append(place)
        self._emit_changes(sorted(places))

    def show_clock(self, now: Callable[[], dt.datetime], *, is_stale: bool) -> None:
        """What time it is for ages; stale numbers are quiet."""
        is_other, self._now, self._is_stale = is_stale != self._is_stale, now, is_stale
        if is_other and self._order:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._order) - 1, len(COLUMNS) - 1))

    def show_worth(self, worth: Number) -> None:
        """What the numbers of ended jobs are worth, each of them as this one."""
        is_other, self._worth = worth.kind is not self._worth.kind, worth
        if is_other and self._order:
            first, last = INDEX_OF[Status.SUCCEEDED.value], INDEX_OF[Status.ABORTED.value]
            self.dataChanged.emit(self.index(0, first), self.index(len(self._order) - 1, last))

    def find(self, text: str) -> None:
        """Show only names with this text in them."""
        self._find = text.casefold()
        self.arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Override QAbstractItemModel.sort."""
        self.sort_column, self.is_descending = column, order is Qt.SortOrder.DescendingOrder
        self.arrange()

    @property
    def must_arrange(self) -> bool:
        """Whether names have come or gone since the last `arrange`."""
        return self._are_names_new

    def arrange(self) -> None:
        """Put the rows in order. Selected rows stay selected, wherever they go."""
        self._are_names_new = False
        wanted = self._sorted(name for name in self._rows if not self._find or self._find in name.casefold())
        if wanted == self._order:
            return
        if len(wanted) == len(self._order) and set(wanted) == set(self._order):
            self._move(wanted)
            return
        self.beginResetModel()
        self._set_order(wanted)
        self.endResetModel()

    # Qt

    def rowCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        name, column = self._order[index.row()], index.column()
        row = self._rows.get(name)
        if row is None:  # gone, and not yet taken away
            return (
                PaintedCell(name if not column else "", "faint", "", 0.0, False, False, False)
                if (role == CELL_ROLE)
                else None
            )
        if role == CELL_ROLE:
            return self._painted(row, column)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)[0]
        if role == CHANGED_ROLE:
            return self._changed_at.get(name, (0.0, ()))[0]
        if role == VALUE_ROLE:
            return self._value(row, COLUMNS[column])
        if role == SPARK_ROLE:
            return (row.ended, row.failed) if column == HOUR_COLUMN else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if COLUMNS[column].is_right else LEFT
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(row, column)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._name_title if section == 0 else COLUMNS[section].shown_title()
        if role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].shown_tip()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if COLUMNS[section].is_right else LEFT
        return None

    # Within

    def _sorted(self, names: Iterable[str]) -> list[str]:
        ordered = sorted(names)
        if self.sort_column == 0:
            return ordered[::-1] if self.is_descending else ordered
        key = COLUMNS[self.sort_column].sort_key
        values = {name: key(self._rows[name]) for name in ordered}
        known = [name for name in ordered if values[name] is not None]
        known.sort(key=values.__getitem__, reverse=self.is_descending)  # type: ignore[arg-type]
        return known if len(known) == len(ordered) else known + [name for name in ordered if values[name] is None]

    def _set_order(self, order: list[str]) -> None:
        self._order = order
        self._place = {name: place for place, name in enumerate(order)}

    def _move(self, order: list[str]) -> None:
        self.layoutAboutToBeChanged.emit()
        before, indexes = self._order, self.persistentIndexList()
        self._set_order(order)
        moved = [self.index(self._place[before[index.row()]], index.column()) for index in indexes]
        self.changePersistentIndexList(indexes, moved)
        self.layoutChanged.emit()

    def _emit_changes(self, places: list[int]) -> None:
        if not places:
            return
        last = len(COLUMNS) - 1
        if len(places) > ONE_BY_ONE:
            self.dataChanged.emit(self.index(places[0], 0), self.index(places[-1], last))
            return
        for place in places:
            self.dataChanged.emit(self.index(place, 0), self.index(place, last))

    def _painted(self, row: NameRow, column: int) -> PaintedCell:
        text, tone = self._text(row, column)
        if self._is_stale:
            tone = "secondary"
        if column == 0:
            shape = "triangle" if row.trouble else ""
            loud = "bad" if row.trouble and not self._is_stale else tone
            return PaintedCell(text, loud, shape, 0.0, False, True, False)
        changed_at, columns = self._changed_at.get(row.name, (0.0, ()))
        return PaintedCell(text, tone, "", changed_at if column in columns else 0.0, False, False, True)

    def _value(self, row: NameRow, column: Column) -> object:
        if column.status is None:
            return (column.value or column.sort_key)(row)
        worth = self._worth if column.status.is_final else EXACT
        return Number(row.count(column.status), worth.kind, worth.as_of)

    def _text(self, row: NameRow, column: int) -> tuple[str, Tone]:
        """What a cell shows, and its tone."""
        status = COLUMNS[column].status
        if status is not None:
            worth = self._worth if status.is_final else EXACT
            count = Number(row.count(status), worth.kind, worth.as_of)
            return formats.count_cell(count, "failed" if status is Status.FAILED else "")
        if COLUMNS[column].key == "oldest":
            return formats.age(row.oldest, self._now()), "" if row.oldest else "secondary"
        return TEXTS[COLUMNS[column].key](row)

    def _tooltip(self, row: NameRow, column: int) -> str | None:
        status = COLUMNS[column].status
        if status is not None and status.is_final and not self._worth.is_exact:
            return formats.count_tip(self._worth)
        if COLUMNS[column].key == "oldest" and row.oldest is not None:
            return formats.full(row.oldest)
        if COLUMNS[column].key in ("due", "course") and row.open.held:
            return held_sentence(row.open)
        if column == 0:
            trouble = trouble_sentence(row, self._now())
            return as_tooltip(f"{row.name}\n{trouble}" if trouble else row.name)
        return None
