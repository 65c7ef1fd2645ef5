"""A stretch of the history as the overview shows it: all of it, one queue or task, or many upon each other.

Read in one go, so that what is said of the whole, of its columns and of its queues adds up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobdesk_core.history.history import History
from jobdesk_core.history.ranges import Range
from jobdesk_core.jobs import EventType
from jobdesk_core.watching.live_hour import KINDS, NO_HOUR, Kind, Known, LiveHour, finished

#: Minutes of a column, and how many columns a range has at most: more are no wider than a finger.
STEPS, MOST_COLUMNS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440), 180
#: Series that stand upon each other one by one; the rest together.
MOST_PARTS = 50
#: How often it is read again when something has happened in between.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be read: the last `minutes` before the running one, or from minute `first` to before `end`.

    `kind` with a `name` is one queue or task alone; without a name, all of them upon each other. `queues` are those
    that are told one by one.
    """

    minutes: int = 60
    first: int | None = None
    end: int | None = None
    kind: Kind | None = None
    name: str | None = None
    queues: tuple[str, ...] = ()

    def bounds(self, running: int) -> tuple[int, int]:
        """The first minute and the one after the last; `running` is the minute that is not over yet."""
        if self.first is not None and self.end is not None:
            return self.first, min(self.end, running) if self.end > self.first else self.end
        return running - self.minutes, running


@dataclass(frozen=True, slots=True)
class Told:
    """What happened to one queue within the range: runs that failed, and the 95th percentiles in seconds."""

    failed: int
    finished: int
    waited_s: float | None
    ran_s: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """`whole` is all that happened; `chosen` what the wish is about, the same where it is about all.

    `parts` stand upon each other, by name, the busiest first; `rest` is what the other names had, by column. `queues`
    are those of the wish. `names` are all queues or tasks of the range, the busiest first.
    """

    wish: Wish
    whole: Range
    chosen: Range
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    rest: Sequence[int] = ()
    others: int = 0
    queues: Mapping[str, Told] = field(default_factory=dict)
    names: Mapping[Kind, Sequence[str]] = field(default_factory=dict)
    recorded_since: int | None = None

    @property
    def minutes(self) -> int:
        """How long it is."""
        return self.whole.end - self.whole.first

    @property
    def finished(self) -> int:
        """How many runs had an outcome."""
        return finished(self.whole.counts)

    @property
    def failed(self) -> int:
        """How many runs failed."""
        return self.whole.counts[EventType.FAILED]

    @property
    def failed_share(self) -> float | None:
        """The share of the failed among those with an outcome, 0 to 1; None where there is none."""
        return self.failed / self.finished if self.finished else None


def step_of(minutes: int) -> int:
    """How many minutes a column of a range has."""
    return next((step for step in STEPS if minutes <= step * MOST_COLUMNS), STEPS[-1])


def read_span(history: History, wish: Wish, running: int, live: LiveHour = NO_HOUR) -> Span:
    """Read it; `running` is the minute that is not over yet. For a thread of its own: it may take a while.

    What of the last hour the history does not know is taken from the `live` one.
    """
    span = _read(Known(history, live), wish, running)
    for _ in range(_TRIES - 1):
        if _agrees(span):
            break
        span = _read(Known(history, live), wish, running)
    return span


def _read(history: Known, wish: Wish, running: int) -> Span:
    first, end = wish.bounds(running)
    step = step_of(end - first)
    whole = history.read(first, end, step)
    names = {kind: history.names(first, end, kind) for kind in KINDS}
    chosen, parts, rest, others = whole, dict[str, Sequence[int]](), list[int](), 0
    if wish.kind is not None and wish.name is not None:
        chosen = _of(history, wish.kind, wish.name, first, end, step)
    elif wish.kind is not None:
        busiest = [name.name for name in names[wish.kind] if finished(name.counts)]
        others = max(0, len(busiest) - MOST_PARTS)
        for name in busiest[:MOST_PARTS]:
            parts[name] = per_column(_of(history, wish.kind, name, first, end, step))
        taken = [sum(column) for column in zip(*parts.values(), strict=True)] or [0] * len(whole.columns)
        rest = [max(0, all_ - part) for all_, part in zip(per_column(whole), taken, strict=True)]
    queues = {name: _told(_of(history, "queue", name, first, end, max(1, end - first))) for name in wish.queues}
    known = {kind: tuple(each.name for each in found) for kind, found in names.items()}
    return Span(wish, whole, chosen, parts, rest, others, queues, known, history.recorded_since)


def per_column(found: Range) -> list[int]:
    """The runs that had an outcome, by column."""
    return [finished(column.counts) for column in found.columns]


def _of(history: Known, kind: Kind, name: str, first: int, end: int, step: int) -> Range:
    return history.read(first, end, step, kind, name)


def _told(found: Range) -> Told:
    return Told(
        found.counts[EventType.FAILED],
        finished(found.counts),
        found.waited.percentile(0.95),
        found.ran.percentile(0.95),
    )


def _agrees(span: Span) -> bool:
    """Whether nothing has come in while it was read."""
    told = sum(each.finished for each in span.queues.values())
    is_all = set(span.names["queue"]) <= set(span.queues)
    return told == span.finished if is_all else told <= span.finished
