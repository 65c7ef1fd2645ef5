"""A stretch of the history for the overview: exactly the range that was asked for, and all of its parts add up."""

from __future__ import annotations

import pytest
from jobdesk_core.history.history import History
from jobdesk_core.history.minutes import Minute
from jobdesk_core.history.ranges import COUNTED
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.pace import Occurrence
from jobdesk_core.watching import spans
from jobdesk_core.watching.live_hour import OUTCOMES, Line, LiveHour, finished
from jobdesk_core.watching.spans import Span, Wish, read_span, step_of

NOW = 29_600_000
#: What NOTES tells of one hour: queue, succeeded, failed, aborted.
STORY = (
    ("mail", 3_442, 6, 0),
    ("billing", 1_360, 41, 0),
    ("etl", 236, 3, 0),
    ("media", 349, 1, 2),
    ("reports", 22, 0, 0),
)
GAP = range(NOW - 47, NOW - 41)


def history() -> History:
    """The story, spread over the 54 minutes of the last hour that were recorded, and as much again before it."""
    minutes = {minute: Minute() for minute in range(NOW - 120, NOW) if minute not in GAP}
    recent = [minute for minute in minutes if minute >= NOW - 60]
    for queue, *counts in STORY:
        for kind, count in zip(OUTCOMES, counts, strict=True):
            for number in range(count):
                for minute in (recent[number % len(recent)], NOW - 61 - number % 60):
                    minutes[minute].add(Occurrence(minute, queue, f"{queue}.{number % 2}", kind, 1.0 + number % 100))
    for minute in recent:
        minutes[minute].add(Occurrence(minute, "mail", "mail.0", EventType.STARTED, 38.0))
        minutes[minute].add(Occurrence(minute, "mail", "mail.0", EventType.DEFERRED_FOR_RETRY, 0.1))
    found = History()
    found.keep(minutes)
    return found


def test_the_hour_of_the_story_adds_up_everywhere() -> None:
    queues = tuple(name for name, *_ in STORY)
    span = read_span(history(), Wish(queues=queues), NOW)
    assert (span.finished, span.failed, span.whole.recorded, span.minutes) == (5_462, 51, 54, 60)
    assert round(100 * (span.failed_share or 0), 1) == 0.9 and round(span.finished / span.whole.recorded) == 101
    assert {name: (told.finished, told.failed) for name, told in span.queues.items()} == {
        name: (succeeded + failed + aborted, failed) for name, succeeded, failed, aborted in STORY
    }
    assert span.queues["mail"].waited_s == pytest.approx(38, rel=0.05) and span.queues["etl"].waited_s is None
    assert span.queues["etl"].ran_s == pytest.approx(95, rel=0.05)
    assert sum(spans.per_column(span.whole)) == span.finished and span.chosen is span.whole
    assert span.names["queue"] == ("mail", "billing", "media", "etl", "reports")


@pytest.mark.parametrize(
    ("wish", "length", "step"),
    [
        (Wish(15), 15, 1),
        (Wish(60), 60, 1),
        (Wish(360), 360, 2),
        (Wish(1_440), 1_440, 10),
        (Wish(10_080), 10_080, 60),
        (Wish(60, NOW - 30, NOW - 10), 20, 1),
        (Wish(60, NOW - 30, NOW + 5), 30, 1),
    ],
)
def test_a_range_is_exactly_that_long_and_ends_before_the_running_minute(wish: Wish, length: int, step: int) -> None:
    span = read_span(history(), wish, NOW)
    assert (span.minutes, span.whole.step, len(span.whole.columns)) == (length, step, -(-length // step))
    assert span.whole.end <= NOW and step_of(length) == step


def test_one_queue_alone_leaves_the_whole_as_it_is() -> None:
    span = read_span(history(), Wish(kind="queue", name="billing"), NOW)
    assert (finished(span.chosen.counts), span.finished) == (1_401, 5_462)
    task = read_span(history(), Wish(kind="task", name="mail.0"), NOW)
    assert finished(task.chosen.counts) == 1_724


def test_the_parts_and_the_rest_are_the_whole_in_each_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "MOST_PARTS", 3)
    span = read_span(history(), Wish(kind="queue"), NOW)
    assert list(span.parts) == ["mail", "billing", "media"] and span.others == 2
    columns = [sum(column) for column in zip(*span.parts.values(), span.rest, strict=True)]
    assert columns == spans.per_column(span.whole) and sum(span.rest) == 239 + 22


def test_what_comes_in_between_two_reads_is_read_again() -> None:
    class Growing(History):
        reads = 0

        def read(self, *args: int, **names: str | None) -> spans.Range:
            self.reads += 1
            if self.reads == 2:
                late = Minute()
                late.add(Occurrence(NOW - 1, "mail", "t", EventType.FAILED, 1.0))
                self.keep({NOW - 1: late})
            return super().read(*args, **names)

    growing = Growing()
    growing.keep({NOW - 1: Minute()})
    span: Span = read_span(growing, Wish(queues=("mail",)), NOW)
    assert (span.failed, span.queues["mail"].failed) == (1, 1)


def test_what_the_history_does_not_know_of_the_last_hour_is_taken_from_the_feed() -> None:
    known = History()
    minutes = {minute: Minute() for minute in (NOW - 2, NOW - 1)}
    minutes[NOW - 1].add(Occurrence(NOW - 1, "mail", "t", EventType.FAILED, 4.0))
    known.keep(minutes)
    counts = {kind: [int(kind in OUTCOMES)] * 60 for kind in COUNTED}  # one of each outcome in each minute
    line = Line(counts, ([60.0 * (NOW - 5)], [2.0]), ([60.0 * (NOW - 1)], [9.0]))
    live = LiveHour(NOW - 60, NOW, {(None, None): line, ("queue", "mail"): line})
    for minutes_long, step in ((60, 1), (360, 2)):
        span = read_span(known, Wish(minutes_long, queues=("mail", "none")), NOW, live)
        assert (span.whole.step, span.whole.recorded, span.whole.filled) == (step, 60, 58)
        assert (span.finished, span.failed) == (58 * 3 + 1, 59)
        assert span.queues["mail"].finished == span.finished and span.queues["none"].finished == 0
        assert span.whole.waited.count == 1 and span.whole.ran.count == 1, "nothing is counted twice"
        assert span.recorded_since == NOW - 60
    assert span.names["queue"] == ("mail",)
    assert read_span(known, Wish(60), NOW).whole.recorded == 2
