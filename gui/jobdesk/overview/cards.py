"""The four numbers of the overview: two of now, and two of the range that is chosen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.filters.language import DUE
from jobdesk_core.jobs import EventType
from jobdesk_core.watching.overview import Overview
from jobdesk_core.watching.spans import Span, per_column
from PySide6.QtCore import QObject, Signal

from jobdesk.kit import formats
from jobdesk.kit.card import DOT, Card
from jobdesk.kit.chart.scales import percent_text
from jobdesk.kit.theme.tokens import Tone
from jobdesk.overview.ranges import ENDINGS, RUNNING, bounds_words, jobs_filter, last_name
from jobdesk.queues.words import course_cell, seconds


class Cards(QObject):
    """The cards, and which jobs each leads to."""

    filter_asked_for = Signal(str)
    runs_asked_for = Signal(str, int)  # the jobs of so many runs

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.due = Card(self.tr("due now"))
        self.due.setProperty("pane", True)
        self.running = Card(self.tr("running"))
        self.failed = Card(self.tr("failed, last hour"))
        self.finished = Card(self.tr("finished, last hour"))
        self._span: Span | None = None
        self.due.chosen.connect(lambda: self.filter_asked_for.emit(DUE))
        self.running.chosen.connect(lambda: self.filter_asked_for.emit(RUNNING))
        self.failed.chosen.connect(lambda: self._open_range(["failed"]))
        self.finished.chosen.connect(lambda: self._open_range(ENDINGS))

    @property
    def all(self) -> tuple[Card, Card, Card, Card]:
        """In their order."""
        return self.due, self.running, self.failed, self.finished

    def show_reading(self) -> None:
        """Nothing has been read yet."""
        for card in self.all:
            card.set_reading(self.tr("reading …"))
            card.set_line((), "")

    def show_numbers(self, found: Overview, span: Span | None, now: dt.datetime, *, is_stale: bool) -> None:
        """Show these; stale ones are of the past, and grey."""
        group, self._span = found.open, span
        is_stuck = found.progress.course == "stalled"
        is_bad = bool(group.stalled or (found.live_workers == 0 and (group.due or group.running)))
        self._show(self.due, group.due, self._due_note(found, now), "bad" if is_stuck else "", is_stale=is_stale)
        running, note = formats.number(group.running), self._running_note(found)
        tone: Tone = "secondary" if is_stale else "bad" if group.stalled else ""
        self.running.set_value(running, note, tone, is_bad and not is_stale)
        self.due.set_line(found.was_due.get(None, ()), "secondary" if is_stale else "failed" if is_stuck else "todo")
        self.running.set_line(found.were_running, "secondary" if is_stale else "doing")
        if span is None or not span.whole.recorded:
            self._show_unknown(span)
            return
        self._show_titles(span)
        self._show(
            self.failed, span.failed, self._failed_note(found, span), "bad" if span.failed else "", is_stale=is_stale
        )
        self._show(self.finished, span.finished, self._finished_note(span), "", is_stale=is_stale)
        known = [column.recorded > 0 for column in span.whole.columns]
        failures = [column.counts[EventType.FAILED] for column in span.whole.columns]
        for card, counts, colour in (
            (self.failed, failures, "failed"),
            (self.finished, per_column(span.whole), "succeeded"),
        ):
            values = [float(each) if is_known else None for each, is_known in zip(counts, known, strict=True)]
            card.set_line(values, "secondary" if is_stale else "failed" if colour == "failed" else "succeeded")

    # Within

    def _show(self, card: Card, count: int, note: str, tone: Tone, *, is_stale: bool) -> None:
        card.set_value(formats.number(count), note, "secondary" if is_stale else tone)

    def _show_unknown(self, span: Span | None) -> None:
        if span is not None:
            self._show_titles(span)
        for card in (self.failed, self.finished):
            if span is None:
                card.set_reading(self.tr("reading …"))
            else:
                card.set_value(formats.DASH, self.tr("not recorded"), "secondary")
            card.set_line((), "")

    def _show_titles(self, span: Span) -> None:
        when = last_name(span.wish.minutes) if span.wish.first is None else bounds_words(span)
        self.failed.set_title(self.tr("failed, {when}").format(when=when))
        self.finished.set_title(self.tr("finished, {when}").format(when=when))

    def _open_range(self, statuses: Sequence[str]) -> None:
        span = self._span
        if span is not None:
            number = span.failed if statuses == ["failed"] else span.finished
            self.runs_asked_for.emit(jobs_filter(span.whole.first, span.whole.end, statuses), number)

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
        return DOT.join(parts)

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
        return DOT.join(parts)

    def _failed_note(self, found: Overview, span: Span) -> str:
        parts = []
        if span.failed_share is not None:
            words = self.tr("{percent} % of {count}")
            percent = percent_text(100 * span.failed_share)
            parts.append(words.format(percent=percent, count=formats.number(span.finished)))
        parts.append(self.tr("{count} failed now").format(count=formats.count_cell(found.failed_now)[0]))
        return DOT.join(parts)

    def _finished_note(self, span: Span) -> str:
        pace = span.finished / span.whole.recorded
        rate = formats.number(round(pace)) if pace >= 10 else f"{pace:.1f}".removesuffix(".0")
        parts = [self.tr("{rate} per min").format(rate=rate)]
        ran = span.whole.ran.percentile(0.95)
        if ran is not None:
            parts.append(self.tr("run p95 {time}").format(time=seconds(ran)[0]))
        return DOT.join(parts)
