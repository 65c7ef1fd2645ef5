"""What happened per minute and queue in the last hour, followed from events; `history` fills in what was before."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from jobdesk_core.jobs import EventType
from jobdesk_core.monitor.rows import EventRow, JobRow

MINUTES = 60
#: Durations kept per queue for its percentiles.
SAMPLES = 500
#: Running jobs whose start is remembered; those that are deleted never end.
MOST_STARTS = 100_000
#: Whole minutes whose pace counts as the pace now: one alone jumps too much.
PACE_MINUTES = 5
#: What brings a job into its queue, and what takes it out. (Deletions leave no event.)
ARRIVALS = (EventType.DEFERRED, EventType.DEFERRED_FOR_RETRY, EventType.RETRIED)
DEPARTURES = (EventType.STARTED, EventType.CANCELLED)
ENDS = (EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED, EventType.DEFERRED_FOR_RETRY)
KINDS = tuple(dict.fromkeys((*ARRIVALS, *DEPARTURES, *ENDS)))

HistoryRow = tuple[int, str, EventType, int]


class Durations:
    """The latest durations of each queue, in seconds, and their percentiles."""

    def __init__(self) -> None:
        self._held: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._sorted: dict[str | None, list[float]] = {}

    def add(self, queue: str, seconds: float) -> None:
        """Add the newest; the oldest goes when there are too many."""
        self._held[queue].append(seconds)
        self._forget(queue)

    def add_older(self, queue: str, seconds: float) -> None:
        """Add one that is older than all others, while there is room."""
        held = self._held[queue]
        if len(held) < SAMPLES:
            held.appendleft(seconds)
            self._forget(queue)

    def percentile(self, queue: str | None, part: float) -> float | None:
        """That of one queue, or of all (None); None when there are no durations."""
        if queue not in self._sorted:
            chosen = self._held.values() if queue is None else [self._held.get(queue, ())]
            self._sorted[queue] = sorted(seconds for held in chosen for seconds in held)
        ordered = self._sorted[queue]
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._sorted.clear()

    def _forget(self, queue: str) -> None:
        self._sorted.pop(queue, None)
        self._sorted.pop(None, None)


class Series:
    """Counts of events by minute, queue and kind, and the waiting and running times seen lately."""

    def __init__(self) -> None:
        #: By minute since 1970, then by queue (None: all of them) and kind.
        self._counts: defaultdict[int, Counter[tuple[str | None, EventType]]] = defaultdict(Counter)
        self._waited = Durations()
        self._ran = Durations()
        self._started: dict[int, dt.datetime] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._counts.clear()
        self._waited.clear()
        self._ran.clear()
        self._started.clear()

    def add_events(self, events: Sequence[EventRow], rows: Mapping[int, JobRow]) -> None:
        """Follow what happened."""
        for event in events:
            row = rows.get(event.job_id)
            if row is None:
                continue
            if event.type in KINDS:
                self._count(_minute(event.at), row.queue_name, event.type, 1)
            if event.type is EventType.STARTED:
                self._started[event.job_id] = event.at
                since = max((at for at in (row.deferred_at, row.scheduled_at) if at is not None), default=event.at)
                if row.attempts == 0:
                    self._waited.add(row.queue_name, max(0.0, (event.at - since).total_seconds()))
            elif event.type in ENDS:
                started = self._started.pop(event.job_id, None)
                if started is not None:
                    self._ran.add(row.queue_name, (event.at - started).total_seconds())
        if events:
            self._drop_old(events[-1].at)

    def add_history(self, history: Iterable[HistoryRow]) -> None:
        """Add what happened before the feed began."""
        for minute, queue, kind, count in history:
            self._count(minute, queue, kind, count)

    def add_older(self, waited: Iterable[tuple[str, float]], ran: Iterable[tuple[str, float]]) -> None:
        """Add durations from before the feed began, by queue, the newest first."""
        for queue, seconds in waited:
            self._waited.add_older(queue, seconds)
        for queue, seconds in ran:
            self._ran.add_older(queue, seconds)

    def minutes(self, now: dt.datetime) -> list[int]:
        """The minutes of the last hour, oldest first, the running one last; minutes since 1970."""
        last = _minute(now)
        return list(range(last - MINUTES + 1, last + 1))

    def per_minute(self, kind: EventType, now: dt.datetime, queue: str | None = None) -> list[int]:
        """How often a kind of event happened in each of `minutes(now)`."""
        nothing: Counter[tuple[str | None, EventType]] = Counter()
        return [self._counts.get(minute, nothing)[queue, kind] for minute in self.minutes(now)]

    def total(self, kind: EventType, now: dt.datetime, queue: str | None = None) -> int:
        """How often it happened in the last hour."""
        return sum(self.per_minute(kind, now, queue))

    def backlog(self, waiting: int, now: dt.datetime, queue: str | None = None) -> list[int]:
        """How many jobs waited at the end of each of `minutes(now)`, reckoned back from `waiting`, those of now."""
        found = [waiting]
        for growth in self._growth(now, queue)[:0:-1]:
            found.append(max(0, found[-1] - growth))
        return found[::-1]

    def drain_s(self, waiting: int, now: dt.datetime, queue: str | None = None) -> float | None:
        """In how many seconds a backlog will be gone at the pace of the last whole minutes.

        None when it does not shrink: nothing leaves, or as much arrives.
        """
        if not waiting:
            return 0.0
        shrinking = -sum(self._growth(now, queue)[-1 - PACE_MINUTES : -1]) / (60 * PACE_MINUTES)
        return waiting / shrinking if shrinking > 0 else None

    def waited_s(self, queue: str | None, part: float = 0.95) -> float | None:
        """The percentile of the waiting times of a queue's (None: all) first runs seen lately, in seconds."""
        return self._waited.percentile(queue, part)

    def ran_s(self, queue: str | None, part: float = 0.95) -> float | None:
        """The percentile of the running times seen lately, in seconds."""
        return self._ran.percentile(queue, part)

    def _growth(self, now: dt.datetime, queue: str | None) -> list[int]:
        """By how much the backlog grew in each of `minutes(now)`."""
        came = zip(*(self.per_minute(kind, now, queue) for kind in ARRIVALS), strict=True)
        left = zip(*(self.per_minute(kind, now, queue) for kind in DEPARTURES), strict=True)
        return [sum(more) - sum(fewer) for more, fewer in zip(came, left, strict=True)]

    def _count(self, minute: int, queue: str, kind: EventType, count: int) -> None:
        self._counts[minute][queue, kind] += count
        self._counts[minute][None, kind] += count

    def _drop_old(self, now: dt.datetime) -> None:
        oldest = _minute(now) - 2 * MINUTES
        for minute in [minute for minute in self._counts if minute < oldest]:
            del self._counts[minute]
        if len(self._started) > MOST_STARTS:
            for job_id in list(self._started)[: MOST_STARTS // 2]:
                del self._started[job_id]


def _minute(moment: dt.datetime) -> int:
    return int(moment.timestamp()) // 60
