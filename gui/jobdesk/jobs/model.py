"""The jobs on the screen: a sorted window of rows, changed in place by pages and by the feed."""

from __future__ import annotations

import datetime as dt
import time
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from jobdesk_core.database.rows import JobRow
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.jobs import Status
from jobdesk_core.reading.pages import Order
from PySide6.QtCore import QAbstractTableModel, QCoreApplication, QObject, Qt

from jobdesk.jobs.extras import JobExtras
from jobdesk.jobs.job_columns import CLOCK_COLUMNS, COLUMNS, EXTRAS, STATUS_COLUMN, Column, cells
from jobdesk.kit import clock, formats
from jobdesk.kit.roles import CELL_ROLE, CHANGED_ROLE, MONO_ROLE, STATUS_ROLE, TONE_ROLE, AnyIndex, PaintedCell
from jobdesk.kit.theme.tokens import STATUS_SHAPE, Tone
from jobdesk.kit.values_model import LEFT, NO_PARENT, RIGHT

Key = tuple[int, int]


class JobsModel(QAbstractTableModel):
    """A window of rows sorted in one order. Only rows that match the filter are in it, and those being looked at."""

    #: Rows kept at most; what is beyond is dropped at the end that is not being read, and read again later.
    CAPACITY = 3_000

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.order = Order.NEWEST
        self.job_filter = JobFilter.parse("")
        #: Whether the rows reach the start and the end of the order, so that a row beyond belongs here.
        self.is_at_start, self.is_complete = True, False
        self._keys: list[Key] = []
        self._rows: list[JobRow] = []
        self._cells: list[list[str]] = []
        self._changed_at: list[float] = []
        self._key_of: dict[int, Key] = {}
        self._lost: set[int] = set()
        #: What is shown beyond the rows: times and arguments, in the columns behind those of COLUMNS.
        self.extras = JobExtras()
        #: Loaded jobs that have changed, of which only the database can say whether they still match.
        self.doubtful: set[int] = set()

    # What stands where

    def ids(self) -> list[int]:
        """The ids of all loaded rows, top to bottom."""
        return [row.id for row in self._rows]

    def ids_between(self, first: int, last: int) -> list[int]:
        """The ids of the rows at the given positions, both included and cut to what there is."""
        return [row.id for row in self._rows[max(0, first) : last + 1]]

    @property
    def lost(self) -> int:
        """How many loaded rows no longer match: they were selected when they ceased to."""
        return len(self._lost)

    def is_lost(self, job_id: int) -> bool:
        """Whether a loaded job no longer matches."""
        return job_id in self._lost

    def row_at(self, position: int) -> JobRow:
        """The row at a position."""
        return self._rows[position]

    def row(self, job_id: int) -> JobRow | None:
        """The loaded row of a job, if it is loaded."""
        position = self.position(job_id)
        return None if position is None else self._rows[position]

    def position(self, job_id: int) -> int | None:
        """Where a job stands, or None when it is not loaded."""
        key = self._key_of.get(job_id)
        return None if key is None else bisect_left(self._keys, key)

    def place_of(self, job_id: int) -> int | None:
        """Where a job of this id stands or would stand, if that is within the window. Not under NEXT_TO_RUN."""
        if not self._keys or self.order is Order.NEXT_TO_RUN:
            return None
        key = (0, -job_id if self.order is Order.NEWEST else job_id)
        is_before = key < self._keys[0] and not self.is_at_start
        is_after = key > self._keys[-1] and not self.is_complete
        return None if is_before or is_after else min(bisect_left(self._keys, key), len(self._keys) - 1)

    # Changing what stands there

    def restart(self, order: Order, job_filter: JobFilter) -> None:
        """Empty the window for another order or filter."""
        self.beginResetModel()
        self.order, self.job_filter = order, job_filter
        self.is_at_start, self.is_complete = True, False
        for held in (self._keys, self._rows, self._cells, self._changed_at):
            held.clear()
        self._key_of.clear()
        self._lost.clear()
        self.doubtful.clear()
        self.extras.clear()
        self.endResetModel()

    def merge(self, rows: Iterable[JobRow]) -> None:
        """Put rows of a page in their places; those already there are brought up to date."""
        self._put({row.id: row for row in rows}, changed_at=0.0)

    def apply(self, rows: Mapping[int, JobRow], removed: Collection[int], keep: Collection[int]) -> set[int]:
        """Take over a batch of the feed and return the ids for which only the database can say.

        `keep` are selected jobs: they stay although they have stopped to match.
        """
        now = clock.now()
        wanted: dict[int, JobRow] = {}
        leaving = [job_id for job_id in removed if job_id in self._key_of]
        undecided: set[int] = set()
        for job_id, row in rows.items():
            is_loaded = job_id in self._key_of
            verdict = self._matches(row, now)
            if verdict is None and is_loaded:
                self.doubtful.add(job_id)
            elif is_loaded and (verdict or job_id in keep):
                self._mark(job_id, is_lost=not verdict)
            if verdict is None and not is_loaded:
                undecided.add(job_id)
            elif verdict or (verdict is None and is_loaded) or (is_loaded and job_id in keep):
                if is_loaded or self._belongs_in_window(row):
                    wanted[job_id] = row
            elif is_loaded:
                leaving.append(job_id)
        self._take(leaving)
        self._put(wanted, changed_at=time.monotonic())
        return undecided

    def settle(self, asked: Collection[int], matching: Collection[int], keep: Collection[int]) -> None:
        """Take over which of those `asked` about the database says to match; those in `keep` stay all the same."""
        gone = {job_id for job_id in asked if job_id not in matching and job_id in self._key_of}
        for job_id in asked:
            if job_id in self._key_of and (job_id in matching or job_id in keep):
                self._mark(job_id, is_lost=job_id in gone)
        self._take(gone - set(keep))

    def leave(self, keep: Collection[int] = ()) -> None:
        """Drop the rows that no longer match, but for those in `keep`."""
        self._take(self._lost - set(keep))

    def _mark(self, job_id: int, *, is_lost: bool) -> None:
        position = self.position(job_id)
        if position is None or is_lost is (job_id in self._lost):
            return
        (self._lost.add if is_lost else self._lost.discard)(job_id)
        self.dataChanged.emit(self.index(position, 0), self.index(position, self.columnCount() - 1))

    def trim_start(self) -> JobRow | None:
        """Drop the first rows beyond the capacity, and return what is the first row then; None when none had to go."""
        extra = len(self._rows) - self.CAPACITY
        if extra <= 0:
            return None
        self._drop(0, extra)
        self.is_at_start = False
        return self._rows[0]

    def trim_end(self) -> JobRow | None:
        """Drop the last rows beyond the capacity, and return what is the last row then; None when none had to go."""
        if len(self._rows) <= self.CAPACITY:
            return None
        self._drop(self.CAPACITY, len(self._rows))
        self.is_complete = False
        return self._rows[-1]

    def wants(self, row: JobRow) -> bool:
        """Whether a row is known to match."""
        return self._matches(row, clock.now()) is True

    def refresh_clock(self, first: int, last: int) -> None:
        """Bring the texts that depend on the time up to date for the visible rows."""
        now = clock.now()
        last = min(last, len(self._rows) - 1)
        for position in range(max(0, first), last + 1):
            fresh = cells(self._rows[position], now)
            if fresh != self._cells[position]:
                self._cells[position] = fresh
                for column in CLOCK_COLUMNS:
                    index = self.index(position, column)
                    self.dataChanged.emit(index, index)

    # Qt

    def rowCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(COLUMNS) + len(self.extras.columns)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        position, column = index.row(), index.column()
        if role == CELL_ROLE:
            return self._painted(position, column)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(position, column)
        if role == CHANGED_ROLE:
            return self._changed_at[position]
        if role == STATUS_ROLE:
            return self._rows[position].status if column == STATUS_COLUMN else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if self.column(column).is_right else LEFT
        if role == MONO_ROLE:
            return self.column(column).is_mono
        if role == TONE_ROLE:
            return self.column(column).tone
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(self._rows[position], self.column(column).key)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _tr(self.column(section).title)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if self.column(section).is_right else LEFT
        return None

    # Columns

    def column(self, place: int) -> Column:
        """The column at a place."""
        return COLUMNS[place] if place < len(COLUMNS) else self.extras.columns[place - len(COLUMNS)]

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, shown or not."""
        return COLUMNS + self.extras.columns

    def set_arguments(self, paths: Sequence[tuple[str, ...]]) -> None:
        """Have columns for the arguments at these paths, the last ones of all."""
        first = len(COLUMNS) + len(EXTRAS)
        if self.columnCount() > first:
            self.beginRemoveColumns(NO_PARENT, first, self.columnCount() - 1)
            self.extras.set_paths(())
            self.endRemoveColumns()
        if paths:
            self.beginInsertColumns(NO_PARENT, first, first + len(paths) - 1)
            self.extras.set_paths(paths)
            self.endInsertColumns()

    def tell_extras(self, job_ids: Iterable[int]) -> None:
        """Show what the extra columns hold now of these jobs."""
        positions = sorted(place for place in map(self.position, job_ids) if place is not None)
        for first, last in _runs(positions):
            self.dataChanged.emit(self.index(first, len(COLUMNS)), self.index(last, self.columnCount() - 1))
        if positions:
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, len(COLUMNS), self.columnCount() - 1)

    # Within

    def _text(self, position: int, column: int) -> str:
        if column < len(COLUMNS):
            return self._cells[position][column]
        return self.extras.text(self._rows[position].id, column - len(COLUMNS))

    def _painted(self, position: int, column: int) -> PaintedCell:
        text, changed_at, row = self._text(position, column), self._changed_at[position], self._rows[position]
        is_lost = row.id in self._lost
        if column == STATUS_COLUMN:
            tone: Tone = "faint" if is_lost else row.status.value
            return PaintedCell(text, tone, STATUS_SHAPE[row.status], changed_at, False, False, False)
        shown = self.column(column)
        tone = "faint" if is_lost else shown.tone
        return PaintedCell(text, tone, "", changed_at, shown.is_mono, False, shown.is_right)

    def _matches(self, row: JobRow, now: dt.datetime) -> bool | None:
        if self.order is Order.NEXT_TO_RUN and row.status is not Status.TODO:
            return False
        return self.job_filter.matches(row, now)

    def _belongs_in_window(self, row: JobRow) -> bool:
        key = self._sort_key(row)
        is_before = self.is_at_start if not self._keys or key < self._keys[0] else True
        is_after = self.is_complete if not self._keys or key > self._keys[-1] else True
        return is_before and is_after

    def _sort_key(self, row: JobRow) -> Key:
        if self.order is Order.NEWEST:
            return (0, -row.id)
        if self.order is Order.OLDEST:
            return (0, row.id)
        return (-row.priority, row.id)

    def _put(self, rows: Mapping[int, JobRow], *, changed_at: float) -> None:
        now = clock.now()
        moved = [
            job_id
            for job_id, row in rows.items()
            if job_id in self._key_of and self._key_of[job_id] != self._sort_key(row)
        ]
        self._take(moved)
        updated: list[int] = []
        arriving: list[tuple[Key, JobRow]] = []
        for job_id, row in rows.items():
            position = self.position(job_id)
            if position is None:
                arriving.append((self._sort_key(row), row))
            elif self._rows[position] != row:
                self._rows[position] = row
                self._cells[position] = cells(row, now)
                self._changed_at[position] = changed_at
                updated.append(position)
        for first, last in _runs(sorted(updated)):
            self.dataChanged.emit(self.index(first, 0), self.index(last, self.columnCount() - 1))
        self._insert(sorted(arriving, key=lambda pair: pair[0]), now, changed_at)

    def _insert(self, arriving: list[tuple[Key, JobRow]], now: dt.datetime, changed_at: float) -> None:
        end = len(arriving)
        while end:
            # From the bottom up, every group that goes between the same two rows at once.
            position = bisect_left(self._keys, arriving[end - 1][0])
            start = end
            while start and (not position or arriving[start - 1][0] > self._keys[position - 1]):
                start -= 1
            group = arriving[start:end]
            self.beginInsertRows(NO_PARENT, position, position + len(group) - 1)
            self._keys[position:position] = [key for key, _ in group]
            self._rows[position:position] = [row for _, row in group]
            self._cells[position:position] = [cells(row, now) for _, row in group]
            self._changed_at[position:position] = [changed_at] * len(group)
            self._key_of.update((row.id, key) for key, row in group)
            self.endInsertRows()
            end = start

    def _take(self, job_ids: Collection[int]) -> None:
        positions = sorted(bisect_left(self._keys, self._key_of[job_id]) for job_id in job_ids)
        for first, last in reversed(list(_runs(positions))):
            self._drop(first, last + 1)

    def _drop(self, start: int, end: int) -> None:
        self.beginRemoveRows(NO_PARENT, start, end - 1)
        for row in self._rows[start:end]:
            del self._key_of[row.id]
            self._lost.discard(row.id)
            self.doubtful.discard(row.id)
        for held in (self._keys, self._rows, self._cells, self._changed_at):
            del held[start:end]
        self.endRemoveRows()

    def _tooltip(self, row: JobRow, key: str) -> str | None:
        if row.id in self._lost:
            return _tr("No longer matches the filter. It will leave the list when it is no longer selected.")
        if key in ("started", "ended"):
            return self.extras.full_moment(row.id, key)
        if key == "age":
            return formats.full(row.deferred_at) if row.deferred_at else None
        if key == "scheduled":
            return formats.full(row.scheduled_at) if row.scheduled_at else None
        if key == "status" and row.abort_requested and row.status is Status.DOING:
            return _tr("Abort requested; still running.")
        return None


def _runs(positions: list[int]) -> Iterable[tuple[int, int]]:
    """The stretches of neighbours in a sorted list of positions, as first and last."""
    start = 0
    for end in range(1, len(positions) + 1):
        if end == len(positions) or positions[end] != positions[end - 1] + 1:
            yield positions[start], positions[end - 1]
            start = end


def _tr(text: str) -> str:
    return QCoreApplication.translate("JobsModel", text)
