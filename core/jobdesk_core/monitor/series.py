"""What happened per minute and queue in the last hour: incremental from events, history in short stretches."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.jobs import EventType
from jobdesk_core.monitor.rows import EventRow, JobRow

MINUTES = 60
#: Events per stretch of history.
STRETCH_EVENTS = 20_000
#: Durations kept per queue for its percentiles.
SAMPLES = 500
KINDS = (EventType.DEFERRED, EventType.STARTED, EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED)
_ENDS = (EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED, EventType.DEFERRED_FOR_RETRY)

HistoryRow = tuple[int, str, EventType, int]


class Series:
    """Counts of events by minute, queue and kind, and the waiting and running times seen lately."""

    def __init__(self) -> None:
        #: By queue (None: all of them) and kind the count of each minute since 1970.
        self._counts: dict[tuple[str | None, EventType], Counter[int]] = defaultdict(Counter)
        self._oldest = 0
        self._waited: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._ran: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
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
                    self._waited[row.queue_name].append(max(0.0, (event.at - since).total_seconds()))
            elif event.type in _ENDS:
                started = self._started.pop(event.job_id, None)
                if started is not None:
                    self._ran[row.queue_name].append((event.at - started).total_seconds())
        if events:
            self._drop_old(events[-1].at)

    def add_history(self, history: Iterable[HistoryRow]) -> None:
        """Add what happened before the feed began."""
        for minute, queue, kind, count in history:
            self._count(minute, queue, kind, count)

    def minutes(self, now: dt.datetime) -> list[int]:
        """The minutes of the last hour, oldest first, the running one last; minutes since 1970."""
        last = _minute(now)
        return list(range(last - MINUTES + 1, last + 1))

    def per_minute(self, kind: EventType, now: dt.datetime, queue: str | None = None) -> list[int]:
        """How often a kind of event happened in each of `minutes(now)`."""
        counts = self._counts.get((queue, kind), Counter())
        return [counts[minute] for minute in self.minutes(now)]

    def total(self, kind: EventType, now: dt.datetime, queue: str | None = None) -> int:
        """How often it happened in the last hour."""
        return sum(self.per_minute(kind, now, queue))

    def waited_s(self, queue: str, part: float = 0.95) -> float | None:
        """The percentile of the waiting times of a queue's first runs seen lately, in seconds."""
        return _percentile(self._waited.get(queue, ()), part)

    def ran_s(self, queue: str | None, part: float = 0.95) -> float | None:
        """The percentile of the running times seen lately, in seconds."""
        if queue is not None:
            return _percentile(self._ran.get(queue, ()), part)
        return _percentile([seconds for held in self._ran.values() for seconds in held], part)

    def _count(self, minute: int, queue: str, kind: EventType, count: int) -> None:
        self._counts[queue, kind][minute] += count
        self._counts[None, kind][minute] += count

    def _drop_old(self, now: dt.datetime) -> None:
        oldest = _minute(now) - 2 * MINUTES
        if oldest == self._oldest:
            return
        self._oldest = oldest
        for counts in self._counts.values():
            for minute in [minute for minute in counts if minute < oldest]:
                del counts[minute]


def _minute(moment: dt.datetime) -> int:
    return int(moment.timestamp()) // 60


def _percentile(values: Sequence[float] | deque[float], part: float) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def history(low_id: int, high_id: int, without: Sequence[int] = ()) -> Statement[tuple[list[HistoryRow], bool]]:
    """The last hour's events with low_id < id <= high_id but `without`, by minute, and whether older ones were met."""

    def decode(rows: Rows) -> tuple[list[HistoryRow], bool]:
        found = [
            (row["minute"], row["queue_name"], EventType(row["type"]), row["count"])
            for row in rows
            if row["minute"] is not None
        ]
        return found, any(row["minute"] is None for row in rows)

    return Statement(
        "SELECT CASE WHEN event.at >= now() - interval '1 hour' "
        "THEN floor(extract(epoch FROM event.at) / 60)::integer END AS minute, "
        "job.queue_name, event.type::text AS type, count(*)::integer AS count "
        "FROM procrastinate_events AS event JOIN procrastinate_jobs AS job ON job.id = event.job_id "
        "WHERE event.id > %(low)s AND event.id <= %(high)s AND event.type::text = ANY (%(kinds)s) "
        "AND NOT EXISTS (SELECT FROM unnest(%(without)s::bigint[]) AS missing (id) WHERE missing.id = event.id) "
        "GROUP BY 1, 2, 3",
        decode,
        {"low": low_id, "high": high_id, "kinds": [kind.value for kind in KINDS], "without": list(without)},
    )
