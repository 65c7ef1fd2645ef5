"""The scroll bar of the jobs table: it spans the whole table, although only a window of it is loaded."""

from __future__ import annotations

from jobdesk_core.reading.pages import Order
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractSlider, QScrollBar

from jobdesk.jobs.table import JobsTable

#: What a scroll bar can count to. Beyond it, one step stands for several ids.
MOST_STEPS = 1_000_000_000
#: How often a drag asks for other rows, in milliseconds.
DRAG_MS = 60
Action = QAbstractSlider.SliderAction


class WholeBar(QScrollBar):
    """Counts in ids where rows are in the order of their ids, and otherwise follows the table's own bar.

    Ids are close enough to positions: where jobs were deleted the bar moves a little faster.
    """

    job_asked_for = Signal(int)  # dragged to where this id is, or would be

    def __init__(self, table: JobsTable) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.setAccessibleName(self.tr("Place in the table of jobs"))
        self._table = table
        self._own = table.verticalScrollBar()
        self._bounds: tuple[int, int] | None = None
        self._step = 1
        self._wanted = QTimer(self)
        self._wanted.setSingleShot(True)
        self._wanted.setInterval(DRAG_MS)
        self._wanted.timeout.connect(self._go)
        self._own.valueChanged.connect(self.follow)
        self._own.rangeChanged.connect(self.follow)
        self.actionTriggered.connect(self._act)
        self.sliderMoved.connect(lambda _: self._wanted.start() if not self._wanted.isActive() else None)
        self.sliderReleased.connect(self._go)

    def set_bounds(self, bounds: tuple[int, int] | None) -> None:
        """The lowest and the highest id of the table; None to follow the table's own bar."""
        self._bounds = bounds
        self.follow()

    def follow(self, *_: int) -> None:
        """Show where the table is."""
        if self.isSliderDown():
            return
        in_sight = self._in_sight()
        if self._bounds is None or in_sight is None:
            self._set(self._own.maximum(), self._own.pageStep(), self._own.value())
            return
        lowest, highest = self._bounds
        first, last = in_sight
        self._step = max(1, (highest - lowest) // MOST_STEPS)
        page = abs(first - last) // self._step + 1
        start = highest if self._is_newest_first() else lowest
        whole = (highest - lowest) // self._step + 1
        self._set(max(1, whole - page), page, abs(start - first) // self._step)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._own.event(event)

    def _set(self, maximum: int, page: int, value: int) -> None:
        self.setRange(0, maximum)
        self.setPageStep(page)
        self.setValue(value)

    def _in_sight(self) -> tuple[int, int] | None:
        model = self._table.jobs
        is_whole = model.is_at_start and model.is_complete
        first, last = self._table.sight()
        if is_whole or model.order is Order.NEXT_TO_RUN or last < first:
            return None
        return model.row_at(first).id, model.row_at(min(last, model.rowCount() - 1)).id

    def _is_newest_first(self) -> bool:
        return self._table.jobs.order is Order.NEWEST

    def _act(self, action: int) -> None:
        """Steps are the table's, row by row; only a drag goes by ids."""
        if action != Action.SliderMove.value:
            self.setSliderPosition(self.value())
            self._own.triggerAction(Action(action))

    def _go(self) -> None:
        if self._bounds is None or self._in_sight() is None:
            self._own.setValue(self.sliderPosition())
            return
        lowest, highest = self._bounds
        ids = self.sliderPosition() * self._step
        job_id = highest - ids if self._is_newest_first() else lowest + ids
        if not self._table.scroll_to_id(job_id):
            self.job_asked_for.emit(job_id)
