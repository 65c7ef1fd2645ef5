"""Counts per queue, task and status that cost what has changed, not what exists.

Waiting and running jobs are counted exactly from their partial index. Ended jobs are counted once per
stretch of ids, then by increments from events; a stretch is counted again when rows may have gone.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.filters import JobFilter
from jobdesk_core.monitor.rows import EventRow, JobRow

#: Ids per stretch. Counting one takes some ten milliseconds (measured on PostgreSQL 18, warm).
STRETCH_IDS = 50_000

Group = tuple[str, str, Status]  # queue, task, status

_ENDS = {
    EventType.SUCCEEDED: Status.SUCCEEDED,
    EventType.FAILED: Status.FAILED,
    EventType.CANCELLED: Status.CANCELLED,
    EventType.ABORTED: Status.ABORTED,
}


@dataclass(frozen=True, slots=True)
class MatchCount:
    """How many jobs match, and whether that is exact."""

    count: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """One queue (or task) and its jobs by status."""

    name: str
    by_status: Mapping[Status, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All its jobs."""
        return sum(self.by_status.values())

    def count(self, status: Status) -> int:
        """Its jobs of one status."""
        return self.by_status.get(status, 0)


class Counts:
    """What the tables hold, as the monitor believes. `is_exact` once every stretch has been counted."""

    def __init__(self) -> None:
        self.as_of: dt.datetime | None = None
        self._open: Counter[Group] = Counter()
        self._stretches: dict[int, Counter[Group]] = {}
        self._ended: Counter[Group] = Counter()
        self._dirty: set[int] = set()

    # Asking

    @property
    def is_exact(self) -> bool:
        """Whether no stretch waits to be counted."""
        return self.as_of is not None and not self._dirty

    def groups(self) -> Counter[Group]:
        """The count of each queue, task and status."""
        return self._open + self._ended

    def total(self, status: Status | None = None) -> int:
        """All jobs, or those of one status."""
        return sum(
            count
            for held in (self._open, self._ended)
            for group, count in held.items()
            if status is None or group[2] is status
        )

    def queues(self) -> list[QueueCounts]:
        """The queues by name."""
        return self._by(0)

    def tasks(self) -> list[QueueCounts]:
        """The tasks by name."""
        return self._by(1)

    def match(self, job_filter: JobFilter) -> MatchCount | None:
        """How many jobs meet a filter that names only queues, tasks and statuses; None for any other."""
        if any(token.key not in ("queue", "task", "status") or "*" in token.value for token in job_filter.tokens):
            return None
        if any(token.is_negated for token in job_filter.tokens):
            return None
        queues, tasks = job_filter.choices("queue"), job_filter.choices("task")
        statuses = job_filter.choices("status")
        count = sum(
            held
            for (queue, task, status), held in self.groups().items()
            if (queues is None or queue in queues)
            and (tasks is None or task in tasks)
            and (statuses is None or status.value in statuses)
        )
        return MatchCount(count, self.is_exact)

    # Keeping

    def clear(self) -> None:
        """Believe nothing any more."""
        self._open.clear()
        self._stretches.clear()
        self._ended.clear()
        self._dirty.clear()
        self.as_of = None

    def expect(self, lowest_id: int, highest_id: int) -> None:
        """Have every stretch between two ids counted anew; what is believed stands until then."""
        self._dirty.update(range(lowest_id // STRETCH_IDS, highest_id // STRETCH_IDS + 1))
        self._dirty.update(self._stretches)

    def doubt(self, job_ids: Iterable[int]) -> None:
        """Have the stretches of these jobs counted anew."""
        self._dirty.update(job_id // STRETCH_IDS for job_id in job_ids)

    def next_stretch(self) -> int | None:
        """The stretch to count next, the newest first."""
        return max(self._dirty, default=None)

    def set_open(self, open_jobs: Counter[Group], as_of: dt.datetime) -> None:
        """Take over the count of waiting and running jobs."""
        self._open = open_jobs
        self.as_of = as_of

    def set_stretch(self, stretch: int, counted: Counter[Group]) -> None:
        """Take over the count of one stretch of ended jobs."""
        self._ended.subtract(self._stretches.get(stretch, Counter()))
        self._ended.update(counted)
        self._ended = +self._ended
        if counted:
            self._stretches[stretch] = counted
        else:
            self._stretches.pop(stretch, None)
        self._dirty.discard(stretch)

    def add_events(
        self, events: Iterable[EventRow], rows: Mapping[int, JobRow], *, except_stretch: int | None = None
    ) -> None:
        """Follow what happened. Events of `except_stretch`, counted in the same snapshot, are in already."""
        last_of: dict[int, int] = {event.job_id: event.id for event in events}
        for event in events:
            stretch = event.job_id // STRETCH_IDS
            row = rows.get(event.job_id)
            if stretch == except_stretch or row is None:
                continue
            if event.type in _ENDS:
                # A waiting job that a worker ends otherwise is told as cancelled: the row knows better.
                is_last = last_of[event.job_id] == event.id and row.status.is_final
                self._add(stretch, (row.queue_name, row.task_name, row.status if is_last else _ENDS[event.type]), 1)
            elif event.type is EventType.RETRIED:
                group = (row.queue_name, row.task_name, Status.FAILED)
                if self._stretches.get(stretch, Counter())[group] <= 0:
                    self._dirty.add(stretch)  # it failed in another queue than it waits in now
                else:
                    self._add(stretch, group, -1)
        self.doubt(_scheduled_only(events))

    def _add(self, stretch: int, group: Group, number: int) -> None:
        counted = self._stretches.setdefault(stretch, Counter())
        counted[group] += number
        self._ended[group] += number
        if not counted[group]:
            del counted[group]
        if not self._ended[group]:
            del self._ended[group]

    def _by(self, place: int) -> list[QueueCounts]:
        found: dict[str, Counter[Status]] = {}
        for group, count in self.groups().items():
            name = group[0] if place == 0 else group[1]
            found.setdefault(name, Counter())[group[2]] += count
        return [QueueCounts(name, found[name]) for name in sorted(found)]


def _scheduled_only(events: Iterable[EventRow]) -> set[int]:
    """The jobs with a `scheduled` event that none tells the cause of: a failed job's retry halfway to 3.4."""
    found: set[int] = set()
    for event in events:
        if event.type is EventType.SCHEDULED:
            found.add(event.job_id)
        elif event.type in (EventType.DEFERRED, EventType.DEFERRED_FOR_RETRY, EventType.RETRIED):
            found.discard(event.job_id)
    return found


def _groups(rows: list[dict[str, object]]) -> Counter[Group]:
    return Counter(
        {(str(row["queue_name"]), str(row["task_name"]), Status(row["status"])): int(str(row["count"])) for row in rows}
    )


def count_open() -> Statement[Counter[Group]]:
    """Count the waiting and running jobs."""
    return Statement(
        "SELECT queue_name, task_name, status::text AS status, count(*) AS count FROM procrastinate_jobs "
        "WHERE status IN ('todo', 'doing') GROUP BY queue_name, task_name, status",
        _groups,
    )


def aborting_jobs(stretch: int) -> Statement[set[int]]:
    """The jobs of one stretch in the older status `aborting`."""
    return Statement(
        "SELECT id FROM procrastinate_jobs WHERE id >= %(low)s AND id < %(high)s AND status::text = 'aborting'",
        lambda rows: {row["id"] for row in rows},
        {"low": stretch * STRETCH_IDS, "high": (stretch + 1) * STRETCH_IDS},
    )


def count_stretch(stretch: int) -> Statement[Counter[Group]]:
    """Count the ended jobs of one stretch of ids (and those in the old status `aborting`)."""
    return Statement(
        "SELECT queue_name, task_name, status::text AS status, count(*) AS count FROM procrastinate_jobs "
        "WHERE id >= %(low)s AND id < %(high)s AND status NOT IN ('todo', 'doing') "
        "GROUP BY queue_name, task_name, status",
        _groups,
        {"low": stretch * STRETCH_IDS, "high": (stretch + 1) * STRETCH_IDS},
    )
