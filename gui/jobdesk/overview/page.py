"""The Overview: what is wrong, how much is due, runs and fails, since when, and in which queue.

All that stands on it is of one moment: what is open now is of one snapshot, and what happened in the chosen range is
read in one go, so that cards, chart and table add up. Before the first read it says that it reads; while the link is
broken it says as of when the numbers are.
"""

from __future__ import annotations

import asyncio
import time

from jobdesk_core import number
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.history.history import History
from jobdesk_core.reading.name_rows import Board
from jobdesk_core.reading.pace import minute_of
from jobdesk_core.watching.live_hour import NO_HOUR, Kind, LiveHour, live_hour
from jobdesk_core.watching.overview import Overview
from jobdesk_core.watching.spans import Span, Wish, read_span
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from jobdesk.connection.broken_link import leave_to_feed
from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.kit import formats
from jobdesk.kit.chart.data import ChartData
from jobdesk.kit.theme import theme
from jobdesk.kit.work import Work
from jobdesk.overview.attention_card import AttentionCard
from jobdesk.overview.cards import Cards
from jobdesk.overview.charted import Below, charted
from jobdesk.overview.history_card import HistoryCard
from jobdesk.overview.queue_table import QueueTable
from jobdesk.overview.ranges import difference_words

#: Narrower, the 95th percentiles are left to the Queues page.
NARROW_WIDTH = 860
#: Seconds between two reads of one range within a minute: while it has gaps that may be filled, and when it has none,
#: for what comes late; and how many times as long as such a read takes.
REREAD_S, REREAD_WHOLE_S, REREAD_TIMES = 5.0, 30.0, 200


class OverviewPage(Page):
    """What needs attention, the cards, the chart of a range, and the queues."""

    remedy_asked_for = Signal(str, object)  # a Way, and the Attention that it is about
    defer_asked_for = Signal()
    rules_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._desk: Desk | None = None
        self._work = Work(self)
        self._span: Span | None = None
        self._asked: tuple[Wish, Below, int, bool] | None = None
        self._read_at = self._took_s = 0.0
        self.attention = AttentionCard()
        self.attention.asked.connect(self.remedy_asked_for)
        self.attention.defer_asked_for.connect(self.defer_asked_for)
        self.attention.rules_asked_for.connect(self.rules_asked_for)
        self.cards = Cards()
        self.cards.filter_asked_for.connect(self.filter_asked_for)
        self.cards.runs_asked_for.connect(self._show_runs)
        self.history = HistoryCard()
        self.history.wished.connect(self.refresh)
        self.history.jobs_asked_for.connect(self._show_runs)
        self.queues = QueueTable()
        self.queues.filter_asked_for.connect(self.filter_asked_for)
        self.queues.runs_asked_for.connect(self._show_runs)
        self.queues.all_chosen.connect(lambda: self.page_asked_for.emit("queues"))
        self.model, self.table = self.queues.model, self.queues.table
        self._build()

    @property
    def span(self) -> Span | None:
        """What is shown of the history; None before the first read."""
        return self._span

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection."""
        self._desk, self._span, self._asked = desk, None, None
        for name in ("history", "runs"):
            self._work.cancel(name)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known of the latest moment."""
        if self._desk is None:
            return
        found = self._desk.monitor.overview()
        if found is None:
            self._show_reading()
        else:
            self._show(found)
            self._look_back(tuple(row.name for row in found.queues))
        # At once: what has grown must not be cut off until the next turn of the loop.
        self._column.activate()

    def retell(self) -> None:
        """Moments are told in another zone."""
        self._asked = None
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    # Within

    def _show_reading(self) -> None:
        self.attention.show_reading()
        self.cards.show_reading()
        self.history.show_reading()
        self.queues.show_reading()

    def _show(self, found: Overview) -> None:
        assert self._desk is not None
        is_stale = self._desk.state.mode == "stale"
        # What is of the past does not age: nobody knows what has become of it.
        now = found.read_at if is_stale else found.now
        as_of = self.tr("as of {time}").format(time=formats.local(found.read_at)) if is_stale else ""
        if not found.queues and not found.attention:
            self.attention.show_empty()
        elif not found.attention and not is_stale and not self._desk.monitor.series.is_whole:
            self.attention.show_reading()  # of a queue that nothing is known of it cannot be said that it goes on
        else:
            self.attention.show_lines(found.attention, now, as_of, found.last)
        self.cards.show_numbers(found, self._span, now, is_stale=is_stale)
        self.queues.show_queues(found, self._span, now, is_stale=is_stale)

    def _show_runs(self, text: str, runs: int) -> None:
        """Show the jobs of so many runs, and say why there are fewer or more of them, if that is so."""
        self.filter_asked_for.emit(text)

        def compare(found: number.Number | None) -> None:
            if (
                found is not None
                and found.kind is number.Kind.AS_OF
                and (words := difference_words(runs, found.value or 0))
            ):
                self.told.emit(words)

        if self._desk is not None:
            counting = self._desk.view_count.read(JobFilter.parse(text))
            self._work.start(counting, name="runs", then=compare, failed=leave_to_feed, replaces=True)

    def _look_back(self, queues: tuple[str, ...]) -> None:
        """Read what happened in the range, unless that is known: anew each minute, and now and then within it."""
        assert self._desk is not None
        running = minute_of(self._desk.monitor.now())
        asked = self.history.wish(queues), self.history.below, running, self._desk.monitor.series.is_whole
        is_whole = self._span is not None and self._span.whole.recorded >= self._span.minutes
        rest_s = max(REREAD_WHOLE_S if is_whole else REREAD_S, REREAD_TIMES * self._took_s)
        if asked == self._asked and (self._work.is_running("history") or time.monotonic() - self._read_at < rest_s):
            return
        self._asked, self._read_at = asked, time.monotonic()
        reading = asyncio.to_thread(_read, self._desk.monitor.history, *asked[:3], self._live(queues))
        self._work.start(reading, name="history", then=self._take, replaces=True)

    def _live(self, queues: tuple[str, ...]) -> LiveHour:
        """What the feed knows of the last hour, for what of it is not in the history."""
        assert self._desk is not None
        monitor, choice = self._desk.monitor, self.history.choice
        if monitor.moment is None:
            return NO_HOUR
        names: list[tuple[Kind, str]] = [("queue", name) for name in queues]
        if choice.kind is not None and choice.name is not None:
            names.append((choice.kind, choice.name))
        boards: dict[Kind, Board] = {"queue": monitor.queues, "task": monitor.tasks}
        return live_hour(
            monitor.moment, monitor.series, boards, names, each_of=choice.kind if choice.name is None else None
        )

    def _take(self, found: tuple[Span, ChartData]) -> None:
        self._took_s = time.monotonic() - self._read_at
        span, data = found
        is_read = self._desk is not None and self._desk.monitor.series.is_whole
        if self._span is None and not is_read and not span.whole.recorded:
            return  # the last hour is still being read: that is not nothing
        self._span = span
        self.history.show_span(span, data)
        self.refresh()

    def _fit(self) -> None:
        is_narrow = self.width() < theme().grown(NARROW_WIDTH)
        self.queues.set_narrow(is_narrow)
        across = 2 if is_narrow else 4
        for place, card in enumerate(self.cards.all):
            self._cards.addWidget(card, place // across, place % across)
        for column in range(4):
            self._cards.setColumnStretch(column, int(column < across))

    def _build(self) -> None:
        self._cards = QGridLayout()
        self._cards.setSpacing(12)
        self._fit()
        theme().changed.connect(self._fit)
        content = QWidget()
        content.setObjectName("page")
        layout = self._column = QVBoxLayout(content)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(12)
        layout.addWidget(self.attention)
        layout.addLayout(self._cards)
        layout.addWidget(self.history, 1)
        layout.addWidget(self.queues)
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


def _read(history: History, wish: Wish, below: Below, running: int, live: LiveHour) -> tuple[Span, ChartData]:
    """In a thread of its own."""
    span = read_span(history, wish, running, live)
    data = charted(span, below)
    for each in (span.whole, span.chosen):
        _ = each.counts, each.waited, each.ran  # reckoned here, and kept
    return span, data
