"""The Overview: what is wrong, how much is due, runs and fails, since when, and in which queue.

All that stands on it is of one moment. Before the first read it says that it reads; while the link is broken it
says as of when the numbers are.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from jobdesk_core.filters.language import term
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.reading.name_rows import NameRow
from jobdesk_core.watching.attention import Attention
from jobdesk_core.watching.overview import Hour, Overview
from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHeaderView, QScrollArea, QVBoxLayout, QWidget

from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.connection.remedies import Way
from jobdesk.kit import formats
from jobdesk.kit.card import Card
from jobdesk.kit.table import HEADER_HEIGHT, Table
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme
from jobdesk.kit.values_model import Cell, Title, ValuesModel
from jobdesk.overview.attention_card import AttentionCard
from jobdesk.overview.throughput_chart import ThroughputChart
from jobdesk.queues.columns import LONG_AGE, LONG_TIME
from jobdesk.queues.words import count_cell, course_cell, running_cell, seconds

STATUS_OF = {
    EventType.SUCCEEDED: Status.SUCCEEDED,
    EventType.FAILED: Status.FAILED,
    EventType.ABORTED: Status.ABORTED,
}
#: Narrower, the 95th percentiles are left to the Queues page.
NARROW_WIDTH = 860


class OverviewPage(Page):
    """What needs attention, the cards, the chart of the last hour, and the queues."""

    rescue_asked_for = Signal(str)
    retry_asked_for = Signal(str)
    defer_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._desk: Desk | None = None
        self._has_stalled = False
        self.attention = AttentionCard()
        self.attention.asked.connect(self._help)
        self.attention.defer_asked_for.connect(self.defer_asked_for)
        self.due = Card(self.tr("due now"))
        self.due.setProperty("pane", True)
        self.running = Card(self.tr("running"))
        self.failures = Card(self.tr("failed, last hour"))
        self.ended = Card(self.tr("ended, last hour"))
        self.due.chosen.connect(lambda: self.filter_asked_for.emit("status:todo"))
        self.running.chosen.connect(self._open_running)
        self.failures.chosen.connect(lambda: self.filter_asked_for.emit("status:failed"))
        self.ended.chosen.connect(lambda: self.filter_asked_for.emit("ended:>-60m"))
        self.chart = ThroughputChart()
        self.more = TextBlock()
        self.more.linked.connect(self.page_asked_for)
        self._make_table()
        self._build()

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection."""
        self._desk = desk
        self.refresh()

    def refresh(self) -> None:
        """Show what is known of the latest moment."""
        if self._desk is None:
            return
        found = self._desk.monitor.overview()
        is_stale = self._desk.state.mode == "stale"
        if found is None:
            self._show_reading()
        else:
            self._show(found, is_stale)
        # At once: what has grown must not be cut off until the next turn of the loop.
        self._column.activate()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _help(self, way: Way, line: Attention) -> None:
        """What a button of a line that needs attention leads to."""
        asked = {"jobs": self.filter_asked_for, "rescue": self.rescue_asked_for, "retry": self.retry_asked_for}
        if way in asked:
            asked[way].emit(line.filter_text)
        else:
            subject = line.subject.removeprefix("lock ") if way == "locks" else line.subject
            self.place_asked_for.emit("schedules" if way == "defer" else way, subject)

    def _fit(self) -> None:
        is_narrow = self.width() < theme().grown(NARROW_WIDTH)
        for column in (6, 7):
            self.table.setColumnHidden(column, is_narrow)
        across = 2 if is_narrow else 4
        for place, card in enumerate((self.due, self.running, self.failures, self.ended)):
            self._cards.addWidget(card, place // across, place % across)
        for column in range(4):
            self._cards.setColumnStretch(column, int(column < across))

    # Within

    def _show_reading(self) -> None:
        self.attention.show_reading()
        for card in (self.due, self.running, self.failures, self.ended):
            card.set_reading(self.tr("reading …"))
        self.chart.show_reading()
        self.model.set_rows([])
        self.table.setFixedHeight(theme().grown(HEADER_HEIGHT) + 1)
        self._below.setVisible(True)
        self.more.set_runs([Run(self.tr("reading …"), "secondary")])

    def _show(self, found: Overview, is_stale: bool) -> None:
        # What is of the past does not age: nobody knows what has become of it.
        now = found.read_at if is_stale or self._desk is None else self._desk.monitor.now()
        as_of = self.tr("as of {time}").format(time=formats.local(found.read_at)) if is_stale else ""
        self._has_stalled = bool(found.open.stalled)
        if not found.queues and not found.attention:
            self.attention.show_empty()
        else:
            self.attention.show_lines(found.attention, now, as_of, found.last)
        self._show_cards(found, now)
        if is_stale:
            for card in (self.due, self.running, self.failures, self.ended):
                card.set_value(card.value, card.note, "secondary")
        self._show_hour(found.hour)
        self._show_queues(found, now, is_stale)

    def _show_cards(self, found: Overview, now: dt.datetime) -> None:
        group = found.open
        is_stuck = found.progress.course == "stalled"
        self.due.set_value(formats.number(group.due), self._due_note(found, now), "bad" if is_stuck else "")
        is_bad = bool(group.stalled or (found.live_workers == 0 and (group.due or group.running)))
        self.running.set_value(
            formats.number(group.running), self._running_note(found), "bad" if group.stalled else "", is_bad
        )
        hour = found.hour
        if hour is None:
            for card in (self.failures, self.ended):
                card.set_reading(self.tr("reading …"))
            return
        since = formats.minute_of_day(hour.minutes[0])
        self.failures.set_title(self.tr("failed since {time}").format(time=since))
        self.ended.set_title(self.tr("runs ended since {time}").format(time=since))
        self.failures.set_value(
            formats.number(hour.failed), self._failed_note(found, hour), "bad" if hour.failed else ""
        )
        pace = self.tr("{rate} / min").format(rate=f"{hour.rate:,.1f}")
        ran = self.tr("run p95 {time}").format(time=seconds(hour.ran_s)[0])
        self.ended.set_value(formats.number(hour.ended), f"{pace} · {ran}")

    def _due_note(self, found: Overview, now: dt.datetime) -> str:
        group = found.open
        parts = []
        if not group.due:
            parts.append(self.tr("none due"))
        else:
            if group.oldest is not None:
                parts.append(self.tr("oldest {age}").format(age=formats.age(group.oldest, now)))
            course = found.progress
            if course.course == "clears" and course.clears_in_s is not None:
                eta = formats.duration(max(1, round(course.clears_in_s)))
                parts.append(self.tr("clears in {time}").format(time=eta))
            elif course.course not in ("unknown", "none"):
                parts.append(course_cell(course)[0])
        if group.held and group.ready:
            parts.append(self.tr("{count} held by locks").format(count=formats.number(group.held)))
        if group.scheduled:
            parts.append(self.tr("{count} scheduled").format(count=formats.number(group.scheduled)))
        return " · ".join(parts)

    def _running_note(self, found: Overview) -> str:
        parts = []
        if found.live_workers == 0:
            parts.append(self.tr("no worker alive"))
        elif found.live_workers is not None:
            one, more = self.tr("1 worker alive"), self.tr("{count} workers alive")
            live = formats.number(found.live_workers)
            parts.append(one if found.live_workers == 1 else more.format(count=live))
        if found.open.stalled:
            parts.append(self.tr("{count} stalled").format(count=formats.number(found.open.stalled)))
        if found.dead_workers:
            parts.append(self.tr("{count} unresponsive").format(count=formats.number(found.dead_workers)))
        return " · ".join(parts)

    def _failed_note(self, found: Overview, hour: Hour) -> str:
        parts = []
        if hour.ended:
            share = 100 * hour.failed / hour.ended
            text = f"{share:.1f}".removesuffix(".0")
            parts.append(self.tr("{percent} % of runs").format(percent=text))
        parts.append(self.tr("{count} failed now").format(count=formats.count_cell(found.failed_now)[0]))
        if hour.failed and hour.failed_in_worst:
            percent = round(100 * hour.failed_in_worst / hour.failed)
            parts.append(self.tr("{percent} % in {queue}").format(percent=percent, queue=hour.worst_queue[:60]))
        return " · ".join(parts)

    def _open_running(self) -> None:
        self.filter_asked_for.emit("is:stalled" if self._has_stalled else "status:doing")

    def _show_hour(self, hour: Hour | None) -> None:
        if hour is None:
            self.chart.show_reading()
            return
        names = {
            Status.SUCCEEDED: self.tr("succeeded"),
            Status.FAILED: self.tr("failed"),
            Status.ABORTED: self.tr("aborted"),
        }
        self.chart.set_series({STATUS_OF[kind]: each for kind, each in hour.charted.items()}, names, hour.minutes)

    # The queues

    def _show_queues(self, found: Overview, now: dt.datetime, is_stale: bool) -> None:
        rows = [(row.name, self._cells(row, now, is_read=found.hour is not None)) for row in found.queues]
        if rows:
            rows.append(("", self._sum(found, now)))
        if is_stale:
            rows = [(key, [_faded(cell) for cell in cells]) for key, cells in rows]
        self.model.set_rows(rows)
        self.table.setFixedHeight(max(1, len(rows)) * theme().row_height + theme().grown(HEADER_HEIGHT))
        self._below.setVisible(found.more > 0 or not rows)
        text = self.tr("1 more queue") if found.more == 1 else self.tr("{count} more queues")
        more = Run(text.format(count=formats.number(found.more)), link="queues")
        self.more.set_runs([more] if found.more > 0 else [Run(self.tr("No queue has any job."), "secondary")])

    def _cells(self, row: NameRow, now: dt.datetime, *, is_read: bool) -> list[Cell]:
        group = row.open
        failed = Cell(*count_cell(row.failed_in_hour, "failed")) if is_read else Cell(formats.DASH, "secondary")
        return [
            Cell(row.name, "bad" if row.trouble else "", shape="triangle" if row.trouble else "", is_strong=True),
            Cell(*count_cell(group.due)),
            Cell(*count_cell(group.scheduled)),
            Cell(*running_cell(group), value=group.running),
            failed,
            Cell(formats.age(group.oldest, now), "" if group.oldest else "secondary", value=group.oldest),
            *(Cell(*seconds(value), value=value) for value in (row.waited_s, row.ran_s)),
            Cell(*course_cell(row.progress), value=row.progress.clears_in_s),
        ]

    def _sum(self, found: Overview, now: dt.datetime) -> list[Cell]:
        group, count = found.open, len(found.queues) + found.more
        title = self.tr("1 queue") if count == 1 else self.tr("{count} queues").format(count=formats.number(count))
        failed = formats.number(found.hour.failed) if found.hour is not None else formats.DASH
        numbers = (formats.number(group.due), formats.number(group.scheduled), formats.number(group.running), failed)
        return [
            Cell(title, "secondary"),
            *(Cell(text, is_strong=True) for text in numbers),
            Cell(formats.age(group.oldest, now), "secondary"),
            *(Cell("") for _ in range(3)),
        ]

    def _open(self, index: QModelIndex) -> None:
        name = self.model.key_at(index.row())
        is_sum = index.row() == self.model.rowCount() - 1
        if is_sum:
            self.page_asked_for.emit("queues")
        else:
            self.filter_asked_for.emit(term("queue", name))

    def _make_table(self) -> None:
        titles = [
            Title(self.tr("queue"), 150, is_right=False),
            Title(self.tr("due"), 76),
            Title(self.tr("scheduled"), 92),
            Title(self.tr("running"), 100),
            Title(self.tr("failed, 1 h"), 92),
            Title(self.tr("oldest due"), 92, sample=LONG_AGE),
            Title(self.tr("wait p95"), 96, sample=LONG_TIME),
            Title(self.tr("run p95"), 96, sample=LONG_TIME),
            Title(self.tr("clears in"), 110, sample="held by locks"),
        ]
        self.model = ValuesModel(titles, self)
        self.table = Table(self.tr("Queues"))
        self.table.setModel(self.model)
        self.table.set_ground("panel")
        self.table.lay_columns(titles)
        columns = self.table.horizontalHeader()
        columns.setStretchLastSection(False)
        columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.activated.connect(self._open)

    def _build(self) -> None:
        self._cards = QGridLayout()
        self._cards.setSpacing(12)
        self._fit()
        theme().changed.connect(self._fit)
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
        layout = self._column = QVBoxLayout(content)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(12)
        layout.addWidget(self.attention)
        layout.addLayout(self._cards)
        layout.addWidget(self.chart, 1)
        layout.addWidget(holder)
        scroll = QScrollArea()
        scroll.setObjectName("page")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        # Its cards and tables are stops of their own, and scroll into sight.
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(content)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)


def _faded(cell: Cell) -> Cell:
    return replace(cell, tone="secondary")
