"""The Overview: what waits, runs, fails and succeeds, how fast, in which queue, and what is wrong."""

from __future__ import annotations

import datetime as dt
import heapq

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.board import NameRow
from jobdesk_core.monitor.filters import term
from jobdesk_core.monitor.news import news
from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QHeaderView, QScrollArea, QVBoxLayout, QWidget

from jobdesk import formats
from jobdesk.desk import Desk
from jobdesk.models.names import STATUSES, drains, seconds
from jobdesk.models.values import Cell, Title, ValuesModel
from jobdesk.theme import theme
from jobdesk.widgets.card import Card
from jobdesk.widgets.news_card import NewsCard
from jobdesk.widgets.table import HEADER_HEIGHT, Table
from jobdesk.widgets.text_block import Run, TextBlock
from jobdesk.widgets.throughput_chart import ThroughputChart

LINES = {Status.SUCCEEDED: EventType.SUCCEEDED, Status.FAILED: EventType.FAILED, Status.DOING: EventType.STARTED}
#: Queues shown: those in trouble, then those with the most to do.
SHOWN = 10
#: Narrower, cancelled and aborted jobs and the oldest are left to the Queues page; still narrower, the 95th
#: percentiles, too.
NARROW_WIDTH = 1_000


class OverviewPage(QScrollArea):
    """Cards, the chart of the last hour, the queues, and what changed."""

    filter_asked_for = Signal(str)
    page_asked_for = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        # Its cards and tables are stops of their own, and scroll into sight.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._desk: Desk | None = None
        self.waiting = Card(self.tr("waiting"))
        self.waiting.setProperty("pane", True)
        self.running = Card(self.tr("running"))
        self.failed = Card(self.tr("failed, last hour"))
        self.succeeded = Card(self.tr("succeeded, last hour"))
        self.waiting.chosen.connect(lambda: self.filter_asked_for.emit("status:todo"))
        self.running.chosen.connect(self._open_running)
        self.failed.chosen.connect(lambda: self.filter_asked_for.emit("status:failed"))
        self.succeeded.chosen.connect(lambda: self.filter_asked_for.emit("status:succeeded"))
        self.chart = ThroughputChart()
        self.changed = NewsCard()
        self.changed.filter_asked_for.connect(self.filter_asked_for)
        self.more = TextBlock()
        self.more.linked.connect(self.page_asked_for)
        titles = [
            Title(self.tr("queue"), 160, is_right=False),
            *(Title(status.value, 92) for status in STATUSES),
            Title(self.tr("oldest"), 84),
            Title(self.tr("wait p95"), 100),
            Title(self.tr("run p95"), 100),
            Title(self.tr("drains in"), 104),
        ]
        self.model = ValuesModel(titles, self)
        self.table = Table(self.tr("Queues"))
        self.table.setModel(self.model)
        self.table.set_ground("panel")
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
        self.refresh()

    def refresh(self) -> None:
        """Show what the counts, the series and the boards say now."""
        desk = self._desk
        if desk is None:
            return
        now = dt.datetime.now(dt.UTC)
        series = desk.monitor.series
        self._show_cards(desk, now)
        self.chart.set_series(
            {status: series.per_minute(kind, now) for status, kind in LINES.items()},
            {
                Status.SUCCEEDED: self.tr("succeeded"),
                Status.FAILED: self.tr("failed"),
                Status.DOING: self.tr("started"),
            },
            series.minutes(now),
        )
        self._show_queues(desk, now)
        queues, tasks = desk.monitor.queues.troubled, desk.monitor.tasks.troubled
        news_now = news(queues.values(), tasks.values(), desk.workers, desk.orphans, now)
        self.changed.show_news(news_now)
        # At once: what has grown must not be cut off until the next turn of the loop.
        self.widget().layout().activate()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # The oldest of all stands in the card of the waiting.
        for column in (1 + STATUSES.index(Status.CANCELLED), 1 + STATUSES.index(Status.ABORTED), 1 + len(STATUSES)):
            self.table.setColumnHidden(column, self.width() < NARROW_WIDTH)

    # The cards

    def _show_cards(self, desk: Desk, now: dt.datetime) -> None:
        counts, series = desk.monitor.counts, desk.monitor.series
        self.waiting.set_value(formats.number(counts.total(Status.TODO)), self._waiting_note(desk, now))
        live = len(desk.live_worker_ids)
        note = self.tr("on one worker") if live == 1 else self.tr("on {count} workers").format(count=live)
        if not desk.capabilities.has_workers:
            note = ""
        if desk.stalled:
            note += self.tr(" · {count} stalled").format(count=formats.number(desk.stalled))
        self.running.set_value(formats.number(counts.total(Status.DOING)), note, "bad" if desk.stalled else "")
        failed = series.total(EventType.FAILED, now)
        self.failed.set_value(formats.number(failed), self._failed_note(desk, failed), "bad" if failed else "")
        pace = self.tr("{rate} / min").format(rate=f"{series.rate((EventType.SUCCEEDED,), now):,.1f}")
        self.succeeded.set_value(formats.number(series.total(EventType.SUCCEEDED, now)), f"{pace} · {self._ran(desk)}")

    def _waiting_note(self, desk: Desk, now: dt.datetime) -> str:
        waiting = desk.monitor.counts.total(Status.TODO)
        oldest = min(desk.monitor.oldest.queues.values(), default=None)
        if not waiting:
            return self.tr("none overdue")
        parts = []
        if oldest is not None:
            parts.append(self.tr("oldest {age}").format(age=formats.age(oldest, now)))
        elif desk.monitor.oldest.as_of is not None:
            return self.tr("none overdue")
        drain = desk.monitor.series.drain_s(waiting, now)
        if drain is None:
            series = desk.monitor.series
            grows = series.rate((EventType.DEFERRED,), now) > series.rate((EventType.STARTED,), now)
            parts.append(self.tr("grows") if grows else self.tr("stands"))
        else:
            parts.append(self.tr("drains in {time}").format(time=formats.duration(max(1, round(drain)))))
        return " · ".join(parts)

    def _failed_note(self, desk: Desk, failed: int) -> str:
        counts = desk.monitor.counts
        about = "" if counts.is_exact else "~"
        text = self.tr("{count} in all").format(count=f"{about}{formats.number(counts.total(Status.FAILED))}")
        worst = max(desk.monitor.queues.rows.values(), key=lambda row: row.failed_in_hour, default=None)
        if failed and worst is not None and worst.failed_in_hour:
            percent = min(100, round(100 * worst.failed_in_hour / failed))
            text = self.tr("{percent} % in {queue}").format(percent=percent, queue=worst.name[:60]) + f" · {text}"
        return text

    def _ran(self, desk: Desk) -> str:
        return self.tr("p95 run {time}").format(time=seconds(desk.monitor.series.ran_s(None))[0])

    def _open_running(self) -> None:
        is_stalled = self._desk is not None and self._desk.stalled
        self.filter_asked_for.emit("is:stalled" if is_stalled else "status:doing")

    # The queues

    def _show_queues(self, desk: Desk, now: dt.datetime) -> None:
        rows = desk.monitor.queues.rows
        chosen = heapq.nlargest(SHOWN, rows.values(), key=_weight)
        chosen.sort(key=lambda row: (not row.trouble, row.name))
        is_exact = desk.monitor.counts.is_exact
        self.model.set_rows([(row.name, self._cells(row, is_exact, now)) for row in chosen])
        self.table.setFixedHeight(max(1, len(chosen)) * theme().row_height + HEADER_HEIGHT)
        beyond = len(rows) - len(chosen)
        self._below.setVisible(beyond > 0)
        text = self.tr("{count} more queues").format(count=formats.number(beyond))
        self.more.set_runs([Run(text, link="queues")] if beyond > 0 else [])

    def _cells(self, row: NameRow, is_exact: bool, now: dt.datetime) -> list[Cell]:
        cells = [Cell(row.name, "bad" if row.trouble else "", shape="triangle" if row.trouble else "", is_strong=True)]
        for status in STATUSES:
            count = row.count(status)
            tone = "secondary" if not count else status.value if status in (Status.FAILED, Status.DOING) else ""
            about = "~" if status.is_final and not is_exact else ""
            cells.append(Cell(f"{about}{formats.number(count)}", tone))
        cells.append(Cell(formats.age(row.oldest, now), "" if row.oldest else "secondary"))
        return [*cells, Cell(*seconds(row.waited_s)), Cell(*seconds(row.ran_s)), Cell(*drains(row))]

    def _open(self, index: QModelIndex) -> None:
        self.filter_asked_for.emit(term("queue", self.model.key_at(index.row())))

    def _build(self) -> None:
        cards = QHBoxLayout()
        cards.setSpacing(12)
        for card in (self.waiting, self.running, self.failed, self.succeeded):
            cards.addWidget(card, 1)
        holder = QFrame()
        holder.setObjectName("card")
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(1, 1, 1, 1)
        inner.setSpacing(0)
        inner.addWidget(self.table)
        self._below = QWidget()
        below = QVBoxLayout(self._below)
        below.setContentsMargins(10, 6, 10, 7)
        below.addWidget(self.more)
        inner.addWidget(self._below)
        content = QWidget()
        content.setObjectName("page")
        layout = QVBoxLayout(content)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(12)
        layout.addLayout(cards)
        layout.addWidget(self.chart, 1)
        layout.addWidget(holder)
        layout.addWidget(self.changed)
        self.setWidget(content)


def _weight(row: NameRow) -> tuple[bool, int, int]:
    return row.trouble != "", row.waiting + row.running, row.ended_in_hour
