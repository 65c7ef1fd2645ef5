"""The table of jobs: what is being read stays where it is, whatever arrives above it or goes."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.jobs import Status
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from jobdesk.jobs.job_columns import ABORT_REQUESTED, COLUMNS, INDEX_OF, REPORTED, STATUS_COLUMN, Column, argument_key
from jobdesk.jobs.model import JobsModel
from jobdesk.kit import formats
from jobdesk.kit.cells import PADDING, SHAPE_GAP, SHAPE_SIDE
from jobdesk.kit.roles import AnyIndex
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme

#: A column is never made narrower than this by itself, in pixels.
NARROWEST = 96
#: Columns that are given up where there is no room, the first one first; the inspector has them all.
OPTIONAL = ("attempts", "priority", "lock", "scheduled")


class JobsTable(Table):
    """A Table over a JobsModel. Row positions become job ids, and ids keep selection and place."""

    selection_settled = Signal()  # at most once per turn of the loop
    near_end = Signal()  # the last loaded rows are in sight
    near_start = Signal()  # the first loaded rows are in sight
    start_asked_for = Signal()  # the key Home
    end_asked_for = Signal()  # the key End
    sight_changed = Signal()  # other rows are in sight than before
    given_up = Signal(list)  # the titles of the columns that there is no room for
    arrived_above = Signal(int)  # rows that came in above the sight since it was last at the top

    def __init__(self, model: JobsModel, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Jobs"), parent)
        self.jobs = model
        self.setModel(model)
        self._above = 0
        self._highest, self._has_abort = 0, False
        self._settling = _single_shot(self, 0, self.selection_settled)
        self._looking = _single_shot(self, 60, self.sight_changed)
        self.selectionModel().selectionChanged.connect(lambda *_: self._settling.start())
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        model.modelReset.connect(self._restarted)
        # Before anything is hidden: the header would go on counting a hidden last section's width.
        self.horizontalHeader().setStretchLastSection(False)
        for position, column in enumerate(model.columns):
            self.setColumnWidth(position, self._width(column))
            self.setColumnHidden(position, not column.is_shown)
        self.choice = self.name_columns("jobs", [column.key for column in model.columns])
        self.choice.let_add(self._make_arguments)
        self.choice.changed.connect(self._fit_columns)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def selected_ids(self) -> list[int]:
        """The selected jobs, top to bottom."""
        return [self.jobs.row_at(place).id for place in self.selected_places()]

    def copied(self, index: AnyIndex) -> str:
        """What is copied of a cell: of an id the digits, of a time the whole of it, of what is not there nothing."""
        row, key = self.jobs.row_at(index.row()), COLUMNS[index.column()].key
        held = {
            "id": row.id,
            "scheduled": formats.whole(row.scheduled_at),
            "lock": row.lock,
            "queueing_lock": row.queueing_lock,
            "worker": row.worker_id,
        }
        if key not in held:
            return super().copied(index)
        return "" if held[key] is None else str(held[key])

    def select(self, job_ids: list[int]) -> None:
        """Select these jobs as far as they are loaded, and only these."""
        selection = QItemSelection()
        last = self.jobs.columnCount() - 1
        for job_id in job_ids:
            position = self.jobs.position(job_id)
            if position is not None:
                selection.select(self.jobs.index(position, 0), self.jobs.index(position, last))
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def shown_paths(self) -> list[tuple[str, ...]]:
        """The arguments that have a column on show, in the order of the columns."""
        keys = [column.key for column in self.jobs.columns]
        places = {path: keys.index(argument_key(path)) for path in self.jobs.extras.paths}
        shown = [path for path, place in places.items() if not self.isColumnHidden(place)]
        return sorted(shown, key=lambda path: self.horizontalHeader().visualIndex(places[path]))

    def show_job(self, job_id: int) -> bool:
        """Select one job and scroll to it. False when it is not loaded."""
        position = self.jobs.position(job_id)
        if position is None:
            return False
        index = self.jobs.index(position, 0)
        # Not the view's own setCurrentIndex: it would add to the selection while Ctrl is held.
        only_this = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, only_this)
        self.scrollTo(index)
        return True

    def sight(self) -> tuple[int, int]:
        """The first and the last position in sight; the last is below the first when nothing is."""
        count = self.jobs.rowCount()
        first = self.rowAt(0)
        last = self.rowAt(self.viewport().height() - 1)
        return (first, last if last >= 0 else count - 1) if first >= 0 else (0, -1)

    def scroll_to_id(self, job_id: int) -> bool:
        """Put the row of this id, or the next after it, at the top. False when it is not in the window."""
        position = self.jobs.place_of(job_id)
        if position is None:
            return False
        self.scrollTo(self.jobs.index(position, 0), Table.ScrollHint.PositionAtTop)
        return True

    def go_to_top(self) -> None:
        """Show the first loaded row."""
        self.scrollToTop()
        self._forget_above()

    # Qt calls these

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # The window's ends are not the table's.
        if event.key() == Qt.Key.Key_Home and not self.jobs.is_at_start:
            self.start_asked_for.emit()
        elif event.key() == Qt.Key.Key_End and not self.jobs.is_complete:
            self.end_asked_for.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_columns()

    def rowsInserted(self, parent: AnyIndex, start: int, end: int) -> None:
        bar = self.verticalScrollBar()
        is_reading = bar.value() > 0 or self.selectionModel().hasSelection() or not self.jobs.is_at_start
        first_in_sight = self.rowAt(0)
        super().rowsInserted(parent, start, end)
        self._make_room_for(start, end)
        arrived = end - start + 1
        is_above = first_in_sight >= 0 and start <= first_in_sight
        if is_reading and is_above and self.jobs.rowCount() > arrived:
            self.updateGeometries()
            unit = self.rowHeight(start) if self.is_scrolling_pixels else 1
            bar.setValue(bar.value() + arrived * unit)
            if start == 0 and self.jobs.is_at_start:
                self._above += arrived
                self.arrived_above.emit(self._above)
        self._looking.start()

    def rowsAboutToBeRemoved(self, parent: AnyIndex, start: int, end: int) -> None:
        # Qt would make the neighbour of a removed row the current one: the next click on Delete
        # would then hit a job that nobody chose.
        if start <= self.currentIndex().row() <= end:
            nowhere = QModelIndex()
            self.selectionModel().setCurrentIndex(nowhere, QItemSelectionModel.SelectionFlag.NoUpdate)
        if start < self.rowAt(0):
            bar = self.verticalScrollBar()
            unit = self.rowHeight(start) if self.is_scrolling_pixels else 1
            bar.setValue(max(0, bar.value() - (min(end, self.rowAt(0) - 1) - start + 1) * unit))
        super().rowsAboutToBeRemoved(parent, start, end)
        self._settling.start()
        self._looking.start()

    def shows_extras(self) -> bool:
        """Whether a column is shown whose values no row tells."""
        return any(not self.isColumnHidden(place) for place in range(len(COLUMNS), self.jobs.columnCount()))

    def shows_reported(self) -> bool:
        """Whether a column is shown that only workers that report can fill."""
        columns = enumerate(self.jobs.columns)
        return any(column.key in REPORTED and not self.isColumnHidden(place) for place, column in columns)

    @property
    def is_scrolling_pixels(self) -> bool:
        """Whether the scroll bar counts pixels rather than rows."""
        return self.verticalScrollMode() == Table.ScrollMode.ScrollPerPixel

    def _fit_columns(self) -> None:
        """Fill the width, as far as nobody chose otherwise."""
        widths = [self._width(column) for column in self.jobs.columns]
        if self.choice.has_own_shown:
            self.given_up.emit([])
        else:
            self._fit_shown(widths)
        if not self.choice.has_own_widths:
            self._fit_widths(widths)

    def _fit_shown(self, widths: list[int]) -> None:
        """Give up columns, one after the other, until the rest has room."""
        shown = [place for place, column in enumerate(self.jobs.columns) if column.is_shown]
        for key in OPTIONAL:
            if sum(widths[place] for place in shown) > self.viewport().width():
                shown.remove(INDEX_OF[key])
        for place in range(self.jobs.columnCount()):
            self.setColumnHidden(place, place not in shown)
        columns = enumerate(self.jobs.columns)
        self.given_up.emit([column.title for place, column in columns if column.is_shown and place not in shown])

    def _fit_widths(self, widths: list[int]) -> None:
        """What is over goes to the columns whose texts vary in length."""
        shown = [place for place in range(self.jobs.columnCount()) if not self.isColumnHidden(place)]
        room = self.viewport().width() - sum(widths[place] for place in shown)
        shares = {place: self.jobs.column(place).share for place in shown if self.jobs.column(place).share}
        # Too narrow: the task gives way, it is read from its end least often and can be made wider by hand.
        if room < 0:
            shares = {INDEX_OF["task"]: 1}
        for place in shown:
            least = min(theme().grown(NARROWEST), widths[place])
            width = widths[place] + room * shares.get(place, 0) // max(1, sum(shares.values()))
            self.setColumnWidth(place, max(least, width))

    def _width(self, column: Column) -> int:
        needed = self.width_of(column, self.jobs.columns.index(column))
        if column.key == "id":
            digits = QFontMetrics(theme().mono_font(12), self).horizontalAdvance(formats.number(self._highest))
            return max(needed, digits + 2 * PADDING + 2)
        if column.key == "status" and self._has_abort:
            words = QFontMetrics(theme().font(13), self).horizontalAdvance(ABORT_REQUESTED)
            return max(needed, theme().grown(SHAPE_SIDE) + SHAPE_GAP + words + 2 * PADDING + 2)
        return needed

    def _make_arguments(self, paths: Sequence[tuple[str, ...]]) -> list[str]:
        selected = self.selected_ids()
        self.jobs.set_arguments(paths)
        self.select(selected)  # Qt would leave the new columns out of it
        return [argument_key(path) for path in paths]

    def _make_room_for(self, start: int, end: int) -> None:
        """Widen the columns of ids and of statuses, which must never be elided, for what these rows show."""
        highest = max(self._highest, self.jobs.row_at(start).id, self.jobs.row_at(end).id)
        has_abort = self._has_abort or any(
            row.abort_requested and row.status is Status.DOING
            for row in (self.jobs.row_at(place) for place in range(start, end + 1))
        )
        if len(str(highest)) > len(str(self._highest)) or has_abort is not self._has_abort:
            self._highest, self._has_abort = highest, has_abort
            self._fit_columns()

    def dataChanged(self, first: AnyIndex, last: AnyIndex, roles: Sequence[int] = ()) -> None:
        """Override QTableView.dataChanged: a job may have been asked to abort."""
        super().dataChanged(first, last, roles)
        if first.isValid() and first.column() <= STATUS_COLUMN <= last.column():
            self._make_room_for(first.row(), last.row())

    def _lay(self) -> None:
        if self.columns is None:
            return
        self.choice.set_first_widths([self._width(column) for column in self.jobs.columns])
        self._fit_columns()

    def _scrolled(self, value: int) -> None:
        self._looking.start()
        if value == 0 and self.jobs.is_at_start:
            self._forget_above()
        if value <= (2_000 if self.is_scrolling_pixels else 60) and not self.jobs.is_at_start:
            self.near_start.emit()
        if value >= self.verticalScrollBar().maximum() - (2_000 if self.is_scrolling_pixels else 60):
            self.near_end.emit()

    def _restarted(self) -> None:
        self._forget_above()
        self._settling.start()

    def _forget_above(self) -> None:
        if self._above:
            self._above = 0
            self.arrived_above.emit(0)


def _single_shot(parent: QWidget, interval_ms: int, signal: SignalInstance) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(signal)
    return timer
