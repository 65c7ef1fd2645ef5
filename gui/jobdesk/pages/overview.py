"""The Overview: what waits, runs, fails and succeeds, how fast, and in which queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.filters import term
from jobdesk_core.monitor.news import news
from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QHeaderView, QVBoxLayout, QWidget

from jobdesk import formats
from jobdesk.desk import Desk
from jobdesk.models.values import Cell, Title, ValuesModel
from jobdesk.pages.names import count_cells, seconds_cell
from jobdesk.widgets.card import Card
from jobdesk.widgets.news_card import NewsCard
from jobdesk.widgets.table import ROW_HEIGHT, Table
from jobdesk.widgets.throughput_chart import ThroughputChart

LINES = {Status.SUCCEEDED: EventType.SUCCEEDED, Status.FAILED: EventType.FAILED, Status.DOING: EventType.STARTED}


class OverviewPage(QWidget):
    """Cards, the chart of the last hour, the queues, and what changed."""

    filter_asked_for = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._desk: Desk | None = None
        self._oldest: Mapping[str, dt.datetime] | None = None  # not asked yet
        self.waiting = Card(self.tr("waiting"))
        self.running = Card(self.tr("running"))
        self.failed = Card(self.tr("failed, last hour"))
        self.succeeded = Card(self.tr("succeeded, last hour"))
        self.chart = ThroughputChart()
        self.changed = NewsCard()
        self.changed.filter_asked_for.connect(self.filter_asked_for)
        titles = [
            Title(self.tr("queue"), 160, is_right=False),
            *(Title(status.value, 92) for status in Status if status is not Status.ABORTING),
            Title(self.tr("wait p95"), 92),
            Title(self.tr("run p95"), 92),
            Title(self.tr("drains in"), 104),
        ]
        self.model = ValuesModel(titles, self)
        self.table = Table(self.tr("Queues"))
        self.table.setModel(self.model)
        for position, title in enumerate(titles):
            self.table.setColumnWidth(position, title.width)
        columns = self.table.horizontalHeader()
        columns.setStretchLastSection(False)
        columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.activated.connect(self._open)
        self._build()

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection."""
        self._desk = desk
        self._oldest = None
        self.refresh()

    def set_oldest(self, oldest: Mapping[str, dt.datetime]) -> None:
        """When the oldest waiting job of each queue was deferred."""
        self._oldest = oldest

    def refresh(self) -> None:
        """Show what the counts and the series say now."""
        desk = self._desk
        if desk is None:
            return
        now = dt.datetime.now(dt.UTC)
        self._show_cards(desk, now)
        series = desk.monitor.series
        self.chart.set_series(
            {status: series.per_minute(kind, now) for status, kind in LINES.items()},
            {
                Status.SUCCEEDED: self.tr("succeeded"),
                Status.FAILED: self.tr("failed"),
                Status.DOING: self.tr("started"),
            },
            series.minutes(now),
        )
        rows = []
        for queue in desk.monitor.counts.queues():
            cells = [Cell(queue.name), *count_cells(queue)]
            cells += [seconds_cell(series.waited_s(queue.name)), seconds_cell(series.ran_s(queue.name))]
            cells.append(self._drains(desk, queue.name, queue.count(Status.TODO), now))
            rows.append((queue.name, cells))
        self.model.set_rows(rows)
        self.changed.show_news(news(desk.monitor.counts, series, self._oldest or {}, desk.workers, now))
        self.table.setFixedHeight(min(10, max(1, len(rows))) * ROW_HEIGHT + 34)

    def _show_cards(self, desk: Desk, now: dt.datetime) -> None:
        counts, series = desk.monitor.counts, desk.monitor.series
        note = ""
        if self._oldest is not None:
            oldest = min(self._oldest.values(), default=None)
            note = self.tr("oldest {age}").format(age=formats.age(oldest, now)) if oldest else self.tr("none overdue")
        self.waiting.set_value(formats.number(counts.total(Status.TODO)), note)
        live = len(desk.live_worker_ids)
        silent = sum(worker.running for worker in desk.workers if not worker.is_alive(now))
        note = self.tr("on {count} workers").format(count=formats.number(live))
        if silent:
            note += self.tr(" · {count} stalled").format(count=formats.number(silent))
        self.running.set_value(formats.number(counts.total(Status.DOING)), note, "bad" if silent else "")
        failed = series.total(EventType.FAILED, now)
        all_failed = self.tr("{count} in all").format(count=formats.number(counts.total(Status.FAILED)))
        self.failed.set_value(formats.number(failed), all_failed, "bad" if failed else "")
        succeeded = series.total(EventType.SUCCEEDED, now)
        ran = series.ran_s(None)
        note = self.tr("{count} in all").format(count=formats.number(counts.total(Status.SUCCEEDED)))
        if ran is not None:
            note += self.tr(" · p95 run {time}").format(time=formats.duration(ran))
        self.succeeded.set_value(formats.number(succeeded), note)

    def _drains(self, desk: Desk, queue: str, waiting: int, now: dt.datetime) -> Cell:
        """When the backlog will be gone, at the pace of the last whole minutes."""
        if not waiting:
            return Cell(self.tr("empty"), "secondary")
        seconds = desk.monitor.series.drain_s(waiting, now, queue)
        if seconds is None:
            return Cell(self.tr("does not shrink"), "warning")
        return Cell(formats.duration(max(1, round(seconds))))

    def _build(self) -> None:
        cards = QHBoxLayout()
        cards.setSpacing(12)
        for card in (self.waiting, self.running, self.failed, self.succeeded):
            cards.addWidget(card, 1)
        holder = QFrame()
        holder.setObjectName("card")
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(1, 1, 1, 3)
        inner.addWidget(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(12)
        layout.addLayout(cards)
        layout.addWidget(self.chart, 1)
        layout.addWidget(holder)
        layout.addWidget(self.changed)

    def _open(self, index: QModelIndex) -> None:
        self.filter_asked_for.emit(term("queue", self.model.key_at(index.row())))
