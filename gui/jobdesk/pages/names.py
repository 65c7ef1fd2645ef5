"""The Queues and the Tasks page: one row per name, its jobs by status, and how fast they go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.counts import QueueCounts
from jobdesk_core.monitor.filters import term
from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QLabel, QStackedWidget, QVBoxLayout, QWidget

from jobdesk import formats
from jobdesk.desk import Desk
from jobdesk.models.values import Cell, Title, ValuesModel
from jobdesk.widgets.empty_state import EmptyState
from jobdesk.widgets.table import Table

STATUSES = (Status.TODO, Status.DOING, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.ABORTED)


def count_cells(counts: QueueCounts) -> list[Cell]:
    """The counts per status; a zero is quiet, what failed is not."""
    cells = []
    for status in STATUSES:
        count = counts.count(status)
        tone = "secondary" if not count else status.value if status in (Status.FAILED, Status.DOING) else ""
        cells.append(Cell(formats.number(count), tone))
    return cells


def seconds_cell(seconds: float | None) -> Cell:
    """A duration, or a quiet dash."""
    return Cell(formats.DASH, "secondary") if seconds is None else Cell(formats.duration(seconds))


class NamesPage(QWidget):
    """Queues or tasks. A double click or Enter shows the jobs of one."""

    filter_asked_for = Signal(str)

    def __init__(self, kind: Literal["queue", "task"], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._kind = kind
        self._desk: Desk | None = None
        self._oldest: Mapping[str, dt.datetime] = {}
        titles = [Title(self.tr("queue") if kind == "queue" else self.tr("task"), 220, is_right=False)]
        titles += [Title(status.value, 92) for status in STATUSES]
        if kind == "queue":
            titles += [
                Title(self.tr("started / min"), 104),
                Title(self.tr("wait p95"), 92),
                Title(self.tr("run p95"), 92),
                Title(self.tr("oldest waiting"), 120),
            ]
        self.model = ValuesModel(titles, self)
        self.table = Table(self.tr("Queues") if kind == "queue" else self.tr("Tasks"))
        self.table.setModel(self.model)
        for position, title in enumerate(titles):
            self.table.setColumnWidth(position, title.width)
        columns = self.table.horizontalHeader()
        columns.setStretchLastSection(False)
        columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.activated.connect(self._open)
        self._note = QLabel()
        self._note.setProperty("tone", "secondary")
        self._empty = EmptyState(
            "queues" if kind == "queue" else "tasks",
            self.tr("Nothing here yet"),
            self.tr("Queues and tasks show here as soon as the database holds jobs of them."),
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._empty)
        bar = QWidget()
        bar.setObjectName("toolbar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 8, 12, 8)
        row.addWidget(self._note)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(bar)
        layout.addWidget(self._stack)

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's names."""
        self._desk = desk
        self._oldest = {}
        self.refresh()

    def set_oldest(self, oldest: Mapping[str, dt.datetime]) -> None:
        """When the oldest waiting job of each queue was deferred."""
        self._oldest = oldest

    def refresh(self) -> None:
        """Show what the counts and the series say now."""
        desk = self._desk
        if desk is None:
            self.model.set_rows([])
            return
        counts = desk.monitor.counts
        found = counts.queues() if self._kind == "queue" else counts.tasks()
        self.model.set_rows([(each.name, self._cells(desk, each)) for each in found])
        self._stack.setCurrentIndex(0 if found else 1)
        words = self.tr("{count} queues") if self._kind == "queue" else self.tr("{count} tasks")
        self._note.setText(words.format(count=formats.number(len(found))))

    def _cells(self, desk: Desk, each: QueueCounts) -> Sequence[Cell]:
        cells = [Cell(each.name), *count_cells(each)]
        if self._kind == "queue":
            series, now = desk.monitor.series, dt.datetime.now(dt.UTC)
            # The last five whole minutes: one alone jumps too much to be read.
            started = sum(series.per_minute(EventType.STARTED, now, each.name)[-6:-1]) / 5
            oldest = self._oldest.get(each.name)
            cells += [
                Cell(f"{started:,.1f}" if started else formats.DASH, "" if started else "secondary"),
                seconds_cell(series.waited_s(each.name)),
                seconds_cell(series.ran_s(each.name)),
                Cell(formats.age(oldest, now), "" if oldest else "secondary"),
            ]
        return cells

    def _open(self, index: QModelIndex) -> None:
        self.filter_asked_for.emit(term(self._kind, self.model.key_at(index.row())))
