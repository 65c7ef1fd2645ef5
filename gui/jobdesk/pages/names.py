"""The Queues and the Tasks page: one row per name, its jobs by status, and how fast they go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.tally import QueueCounts
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QHeaderView

from jobdesk import formats
from jobdesk.desk import Desk
from jobdesk.models.values import Cell, Title
from jobdesk.pages.list_page import ListPage
from jobdesk.widgets.empty_state import EmptyState

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


class NamesPage(ListPage):
    """Queues or tasks."""

    def __init__(self, kind: Literal["queue", "task"]) -> None:
        self._kind = kind
        self._desk: Desk | None = None
        self._oldest: Mapping[str, dt.datetime] = {}
        titles = [Title(_tr("queue") if kind == "queue" else _tr("task"), 220, is_right=False)]
        titles += [Title(status.value, 92) for status in STATUSES]
        if kind == "queue":
            titles += [
                Title(_tr("started / min"), 104),
                Title(_tr("wait p95"), 92),
                Title(_tr("run p95"), 92),
                Title(_tr("oldest waiting"), 120),
            ]
        empty = EmptyState(
            "queues" if kind == "queue" else "tasks",
            _tr("Nothing here yet"),
            _tr("Queues and tasks show here as soon as the database holds jobs of them."),
        )
        super().__init__(_tr("Queues") if kind == "queue" else _tr("Tasks"), titles, kind, empty)
        columns = self.table.horizontalHeader()
        columns.setStretchLastSection(False)
        columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

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
            self.show_rows([], "")
            return
        found = desk.monitor.counts.queues() if self._kind == "queue" else desk.monitor.counts.tasks()
        words = _tr("{count} queues") if self._kind == "queue" else _tr("{count} tasks")
        rows = [(each.name, self._cells(desk, each)) for each in found]
        self.show_rows(rows, words.format(count=formats.number(len(found))))

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


def _tr(text: str) -> str:
    return QCoreApplication.translate("NamesPage", text)
