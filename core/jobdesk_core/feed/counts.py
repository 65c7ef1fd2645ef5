"""Counts per queue, task and status that cost what has changed, not what exists.

Waiting and running jobs are counted from their partial index. Ended jobs are counted once per stretch of ids,
then by increments from events. A stretch that is doubted is counted again; when rows have gone and nobody knows
which (see `balance`), the stretches are compared with the table one by one, until what has gone is found.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.rows import EventRow, JobRow
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.number import Number, exact, known_at, so_far
from jobdesk_core.reading.job_counts import CountedGroup, QueueCounts, Tally

#: Ids per stretch. Counting one takes some ten milliseconds (measured on PostgreSQL 18, warm).
STRETCH_IDS = 50_000

#: More groups than these would be too much work for each glance at a count.
MOST_ASKED_GROUPS = 1_000

OPEN = (Status.TODO, Status.DOING)
_ENDS = {
    EventType.SUCCEEDED: Status.SUCCEEDED,
    EventType.FAILED: Status.FAILED,
    EventType.CANCELLED: Status.CANCELLED,
    EventType.ABORTED: Status.ABORTED,
}
#: In which status a job was before an event. Of the other events the next one tells.
_BEFORE = {
    EventType.DEFERRED: None,
    EventType.STARTED: Status.TODO,
    EventType.CANCELLED: Status.TODO,
    EventType.SUCCEEDED: Status.DOING,
    EventType.FAILED: Status.DOING,
    EventType.ABORTED: Status.DOING,
    EventType.DEFERRED_FOR_RETRY: Status.DOING,
    EventType.RETRIED: Status.FAILED,
}


class Counts:
    """What the tables hold, as the monitor believes.

    `is_exact`: all has been counted and nothing is in doubt. `as_of` (UTC): when the numbers were last known to be
    right; it stands still while deletions are looked for, and all that events tell is counted meanwhile.
    """

    def __init__(self) -> None:
        self.as_of: dt.datetime | None = None
        self._tally = Tally()
        self._open: Counter[CountedGroup] = Counter()
        self._stretches: dict[int, Counter[CountedGroup]] = {}
        self._uncounted: set[int] = set()
        self._doubted: set[int] = set()
        self._unchecked: set[int] = set()

    # Asking

    @property
    def is_exact(self) -> bool:
        """Whether no stretch waits to be counted or checked."""
        return self.as_of is not None and not (self._uncounted or self._doubted or self._unchecked)

    def number(self, count: int) -> Number:
        """A count of ended jobs, with what it is worth now."""
        if self.is_exact:
            return exact(count)
        # What was counted once stands until it has been counted again.
        if self.as_of is None or self._uncounted - self._stretches.keys():
            return so_far(count)
        return known_at(count, self.as_of)

    def statuses(self) -> Counter[Status]:
        """The count of each status."""
        return self._tally.statuses.copy()

    def groups(self) -> Counter[CountedGroup]:
        """The count of each queue, task and status."""
        return self._tally.groups.copy()

    def total(self, status: Status | None = None) -> int:
        """All jobs, or those of one status."""
        return self._tally.total if status is None else self._tally.statuses[status]

    def queues(self) -> list[QueueCounts]:
        """The queues by name."""
        return self._tally.queues.all()

    def tasks(self) -> list[QueueCounts]:
        """The tasks by name."""
        return self._tally.tasks.all()

    def match(self, job_filter: JobFilter) -> Number | None:
        """How many jobs meet a filter of queues, tasks and statuses alone; None for any other.

        One that does more than name them is asked about each group, as long as these are few.
        """
        if not job_filter.is_counted:
            return None
        if any("*" in token.value or token.is_negated for token in job_filter.tokens) or (
            len(job_filter.required) < len(job_filter.tokens)
        ):
            groups = self._tally.groups
            if len(groups) > MOST_ASKED_GROUPS:
                return None
            return self.number(sum(groups[each] for each in groups if job_filter.matches_group(*each)))
        chosen = job_filter.choices("status")
        statuses = [status for status in Status if chosen is None or status.value in chosen]
        count = self._tally.sum(job_filter.choices("queue"), job_filter.choices("task"), statuses)
        return self.number(count)

    # What to count

    @property
    def has_uncounted(self) -> bool:
        """Whether there are stretches that have never been counted."""
        return bool(self._uncounted)

    def clear(self) -> None:
        """Believe nothing any more."""
        self.__init__()  # type: ignore[misc]

    def expect(self, inhabited: Iterable[int]) -> None:
        """Have these stretches and all known ones counted anew; what is believed stands until then."""
        self._uncounted.update(inhabited, self._stretches)
        self._unchecked.clear()

    def doubt(self, job_ids: Iterable[int]) -> None:
        """Have the stretches of these jobs counted anew."""
        self._doubted.update(job_id // STRETCH_IDS for job_id in job_ids)

    def check(self, inhabited: Iterable[int]) -> None:
        """Have these stretches compared with the table, which has no rows in others."""
        self._unchecked = set(inhabited)
        for stretch in self._stretches.keys() - self._unchecked:
            self.set_stretch(stretch, Counter())

    def stop_checking(self) -> None:
        """What had gone has been found."""
        self._unchecked.clear()

    @property
    def is_checking(self) -> bool:
        """Whether stretches wait to be compared with the table."""
        return bool(self._unchecked)

    def next_stretch(self) -> int | None:
        """The stretch to count next: never counted, then doubted ones, the newest first."""
        return max(self._uncounted or self._doubted, default=None)

    def next_checks(self, most: int) -> list[int]:
        """The stretches to compare next: the newest and the oldest, for there most is deleted."""
        ordered = sorted(self._unchecked)
        return ordered if len(ordered) <= most else [*ordered[: most // 2], *ordered[-(most // 2) :]]

    # Keeping

    def set_open(self, open_jobs: Counter[CountedGroup]) -> None:
        """Take over the count of waiting and running jobs."""
        self._tally.replace(self._open, open_jobs)
        self._open = open_jobs

    def set_stretch(self, stretch: int, counted: Counter[CountedGroup]) -> None:
        """Take over the count of one stretch of ended jobs."""
        self._tally.replace(self._stretches.pop(stretch, Counter()), counted)
        if counted:
            self._stretches[stretch] = counted
        for waiting in (self._uncounted, self._doubted, self._unchecked):
            waiting.discard(stretch)

    def set_checked(self, stretch: int, ended: int) -> None:
        """Compare one stretch with its number of ended jobs: if it differs, it is doubted."""
        self._unchecked.discard(stretch)
        if ended != self._stretches.get(stretch, Counter()).total():
            self._doubted.add(stretch)

    def add_ends(
        self, events: Iterable[EventRow], rows: Mapping[int, JobRow], *, except_stretch: int | None = None
    ) -> None:
        """Follow the ended jobs. Events of `except_stretch`, counted in the same snapshot, are in already."""
        last_of: dict[int, int] = {event.job_id: event.id for event in events}
        came: Counter[tuple[int, CountedGroup]] = Counter()
        retried: Counter[tuple[int, CountedGroup]] = Counter()
        for event_id, job_id, kind, _ in events:
            stretch, row = job_id // STRETCH_IDS, rows.get(job_id)
            if stretch == except_stretch or row is None:
                continue
            if kind in _ENDS:
                # A waiting job that a worker ends otherwise is told as cancelled: the row knows better.
                is_last = last_of[job_id] == event_id and row.status.is_final
                came[stretch, (row.queue_name, row.task_name, row.status if is_last else _ENDS[kind])] += 1
            elif kind is EventType.RETRIED:
                retried[stretch, (row.queue_name, row.task_name, Status.FAILED)] += 1
                self._doubted.add(stretch)  # it may have failed in another queue than it waits in now
        for (stretch, group), number in came.items():
            self._add(stretch, group, number)
        for (stretch, group), number in retried.items():
            held = self._stretches.get(stretch)
            self._add(stretch, group, -min(number, held[group] if held is not None else 0))
        self.doubt(_scheduled_only(events))

    def add_open(self, events: Iterable[EventRow], rows: Mapping[int, JobRow]) -> None:
        """Follow the waiting and running jobs between two counts of them, nearly: queues may have changed."""
        firsts: dict[int, EventType] = {}
        for _, job_id, kind, _ in events:
            if kind in _BEFORE:
                firsts.setdefault(job_id, kind)
        left: Counter[CountedGroup] = Counter()
        came: Counter[CountedGroup] = Counter()
        for job_id, first in firsts.items():
            row, before = rows.get(job_id), _BEFORE[first]
            if row is None:
                continue
            if before in OPEN:
                left[row.queue_name, row.task_name, before] += 1
            if row.status in OPEN:
                came[row.queue_name, row.task_name, row.status] += 1
        for group in left.keys() | came.keys():
            number = came[group] - min(left[group], self._open[group])
            self._open[group] += number
            self._tally.shift(group, number)

    def _add(self, stretch: int, group: CountedGroup, number: int) -> None:
        if not number:
            return
        counted = self._stretches.setdefault(stretch, Counter())
        counted[group] += number
        if not counted[group]:
            del counted[group]
        self._tally.shift(group, number)


def _scheduled_only(events: Iterable[EventRow]) -> set[int]:
    """The jobs with a `scheduled` event that none tells the cause of: a failed job's retry halfway to 3.4."""
    found: set[int] = set()
    for event in events:
        if event.type is EventType.SCHEDULED:
            found.add(event.job_id)
        elif event.type in (EventType.DEFERRED, EventType.DEFERRED_FOR_RETRY, EventType.RETRIED):
            found.discard(event.job_id)
    return found


def _groups(rows: list[dict[str, object]]) -> Counter[CountedGroup]:
    return Counter(
        {(str(row["queue_name"]), str(row["task_name"]), Status(row["status"])): int(str(row["count"])) for row in rows}
    )


def aborting_jobs(stretch: int) -> Statement[set[int]]:
    """The jobs of one stretch in the older status `aborting`."""
    return Statement(
        "SELECT id FROM procrastinate_jobs WHERE id >= %(low)s AND id < %(high)s AND status::text = 'aborting'",
        lambda rows: {row["id"] for row in rows},
        {"low": stretch * STRETCH_IDS, "high": (stretch + 1) * STRETCH_IDS},
    )


#: The stretches that hold jobs: one step in the index for each, however far apart ids lie.
INHABITED: Statement[list[int]] = Statement(
    "WITH RECURSIVE stretch (number) AS ("
    f"SELECT min(id) / {STRETCH_IDS} FROM procrastinate_jobs UNION ALL "
    f"SELECT (SELECT min(id) / {STRETCH_IDS} FROM procrastinate_jobs WHERE id >= (number + 1) * {STRETCH_IDS}) "
    f"FROM stretch WHERE number < {2**63 // STRETCH_IDS - 1}) SELECT number FROM stretch WHERE number IS NOT NULL",
    lambda rows: [row["number"] for row in rows],
)


def count_stretch(stretch: int) -> Statement[Counter[CountedGroup]]:
    """Count the ended jobs of one stretch of ids (and those in the old status `aborting`)."""
    return Statement(
        "SELECT queue_name, task_name, status::text AS status, count(*) AS count FROM procrastinate_jobs "
        "WHERE id >= %(low)s AND id < %(high)s AND status NOT IN ('todo', 'doing') "
        "GROUP BY queue_name, task_name, status",
        _groups,
        {"low": stretch * STRETCH_IDS, "high": (stretch + 1) * STRETCH_IDS},
    )


def count_ended(stretch: int) -> Statement[int]:
    """The number of ended jobs in one stretch: from indexes alone, where the table is at rest."""
    bounds = "id >= %(low)s AND id < %(high)s"
    return Statement(
        f"SELECT (SELECT count(*) FROM procrastinate_jobs WHERE {bounds}) - "
        f"(SELECT count(*) FROM procrastinate_jobs WHERE {bounds} AND status IN ('todo', 'doing')) AS ended",
        lambda rows: rows[0]["ended"],
        {"low": stretch * STRETCH_IDS, "high": (stretch + 1) * STRETCH_IDS},
    )
