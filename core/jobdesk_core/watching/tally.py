"""What has happened, and how long jobs waited and ran, in numbers that only grow: counters and histograms.

The pulse's question tells durations with what has happened since the last one, at one look-up for each start and end.
A wait is that of a first run, from when the job was due; a run is told when it has ended, however it did.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Literal, TypeVar

from jobdesk_core.history.events import SANE, STARTED, seconds_sql
from jobdesk_core.jobs import EventType

T = TypeVar("T")

#: The seconds up to which each bucket goes, these included; what takes longer is in one more bucket.
BOUNDS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
#: Queues with their tasks and kinds that are counted each on its own; what comes after these is counted as OTHER.
MOST_KEYS, OTHER = 50_000, "other"
#: Of a job that has been tried more often a start from before the last question is not looked for: it has many events.
_MOST_ATTEMPTS = 200

Span = Literal["wait", "run"]
#: Queue, task, what it is of, the bucket's place, how many, and how many seconds in all.
Lasted = tuple[str, str, Span, int, int, float]

# As many bounds as are not below it: a bound belongs to its bucket, and width_bucket counts the other way.
_PLACE = (
    f"{len(BOUNDS_S)} - width_bucket(-seconds, ARRAY[{', '.join(f'-{each}' for each in reversed(BOUNDS_S))}]::float8[])"
)
_BEFORE = f"coalesce(event.started, CASE WHEN job.attempts <= {_MOST_ATTEMPTS} THEN {STARTED} END)"
#: More parts of the question: `lasted` of the events of `tail`. A start that is among them is not looked for again, or
#: jobs that are retried every moment would cost by the square of how often.
LASTED = (
    f"paired AS (SELECT *, max(at) FILTER (WHERE type = 'started' AND at {SANE}) OVER (PARTITION BY job_id ORDER BY id "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS started FROM tail WHERE type = ANY (%(spans)s)), "
    "spans AS (SELECT job.queue_name, job.task_name, "
    "CASE event.type WHEN 'started' THEN 'wait' ELSE 'run' END AS span, "
    f"({seconds_sql(_BEFORE)})::float8 AS seconds FROM paired AS event, "
    "LATERAL (SELECT * FROM procrastinate_jobs WHERE id = event.job_id LIMIT 1) AS job "
    "WHERE event.at > now() - %(minutes)s * interval '1 minute' AND event.at < now() + interval '1 day' OFFSET 0), "
    f"lasted AS (SELECT queue_name, task_name, span, {_PLACE} AS place, count(*) AS number, "
    "sum(greatest(seconds, 0)) AS seconds FROM spans WHERE seconds IS NOT NULL GROUP BY 1, 2, 3, 4)"
)
#: What the question's first row tells of them, as `read_lasted` reads it.
TOLD = (
    "CASE WHEN seen.place = 1 THEN (SELECT json_agg(json_build_array("
    "queue_name, task_name, span, place, number, seconds)) FROM lasted)::text END"
)


def read_lasted(told: str | None) -> list[Lasted]:
    """What `TOLD` has told."""
    return [(queue, task, span, place, n, seconds) for queue, task, span, place, n, seconds in json.loads(told or "[]")]


class Buckets:
    """How many durations each bucket holds, the one without a bound last, and the sum of all in seconds."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, other: Buckets) -> None:
        """Add all of another's."""
        self.counts = [ours + theirs for ours, theirs in zip(self.counts, other.counts, strict=True)]
        self.sum_s += other.sum_s

    @property
    def at_most(self) -> Sequence[int]:
        """How many durations lasted up to each bound, and how many there are."""
        return list(accumulate(self.counts))

    def percentile(self, part: float) -> float | None:
        """The seconds that `part` of all do not exceed, as Prometheus reckons them from buckets; None without any."""
        at_most = self.at_most
        rank = part * at_most[-1]
        if not at_most[-1]:
            return None
        place = bisect_left(at_most, rank)
        if place >= len(BOUNDS_S):
            return BOUNDS_S[-1]
        low, before = (BOUNDS_S[place - 1], at_most[place - 1]) if place else (0.0, 0)
        return low + (BOUNDS_S[place] - low) * (rank - before) / max(1, self.counts[place])


class Tally:
    """All of one database from the first question on. `of_before`: with the durations of the hour before that."""

    def __init__(self, *, of_before: bool = False) -> None:
        self.of_before = of_before
        #: How many events by queue, task and kind. Those of before the first question are there, as 0.
        self.events: Counter[tuple[str, str, EventType]] = Counter()
        self._held: dict[tuple[str, str, Span], Buckets] = {}

    def take(
        self, events: Iterable[tuple[str, str, EventType, int]], lasted: Iterable[Lasted], *, is_first: bool
    ) -> None:
        """Add what a question has told: queue, task, kind and number of events, and durations."""
        for queue, task, kind, number in events:
            self.events[_key(self.events, (queue, task, kind))] += 0 if is_first else number
        for queue, task, span, place, number, seconds in lasted:
            held = self._held.setdefault(_key(self._held, (queue, task, span)), Buckets())
            held.counts[place] += number
            held.sum_s += seconds

    def of_queues(self, span: Span) -> dict[str, Buckets]:
        """Those of waits or of runs by queue."""
        return self._by(span, 0)

    def of_tasks(self, span: Span) -> dict[str, Buckets]:
        """Those of waits or of runs by task."""
        return self._by(span, 1)

    def _by(self, span: Span, part: int) -> dict[str, Buckets]:
        found: dict[str, Buckets] = {}
        # A copy, for a question that goes on may add some.
        for key, buckets in self._held.copy().items():
            if key[2] == span:
                found.setdefault(key[part], Buckets()).add(buckets)
        return found


def _key(held: Mapping[tuple[str, str, T], object], key: tuple[str, str, T]) -> tuple[str, str, T]:
    """Where it is counted: names without end must not take memory without end."""
    return key if key in held or len(held) < MOST_KEYS else (OTHER, OTHER, key[2])
