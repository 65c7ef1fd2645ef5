"""The open jobs at one moment: due, scheduled, held by a lock, running, stalled; with the workers of that moment.

Everything is read in the snapshot that it is asked in, from the partial index of the open jobs.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from operator import itemgetter

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import UNKNOWN_TIME, WorkerRow, is_heard_from, reserves_lock
from jobdesk_core.jobs import Status
from jobdesk_core.reading.job_counts import CountedGroup

#: Jobs whose time of deferring is asked for at once; those beyond are asked for by the next reads.
DEFERRED_AT_ONCE = 2_000
#: Running jobs whose start is asked for at the beginning.
MOST_RUNNING = 5_000

#: PostgreSQL has times that no clock tells: infinity, and years beyond.
_TELLABLE = "BETWEEN '1000-01-01' AND '9000-01-01'"


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """Open jobs of a queue, a task, both, or all.

    Of the `due` ones `held` cannot start: their lock belongs to a running job (`held_by_stalled`: to a stalled one)
    or to one that is scheduled for later. Of the `running` ones `stalled` have no living worker. `oldest` (UTC) is
    since when the oldest due job waits, None without one or when nothing tells; `next_due` when the next scheduled
    one is due. `dead_worker` is the worker of a stalled job; None when that is no longer registered, as it is for
    the `orphans` among them.
    """

    due: int = 0
    scheduled: int = 0
    held: int = 0
    held_by_stalled: int = 0
    running: int = 0
    stalled: int = 0
    orphans: int = 0
    oldest: dt.datetime | None = None
    next_due: dt.datetime | None = None
    dead_worker: int | None = None

    @property
    def waiting(self) -> int:
        """All in the status todo."""
        return self.due + self.scheduled

    @property
    def ready(self) -> int:
        """Those that a worker could start now, one of each lock after the other."""
        return self.due - self.held

    def __add__(self, other: OpenGroup) -> OpenGroup:
        return OpenGroup(
            self.due + other.due,
            self.scheduled + other.scheduled,
            self.held + other.held,
            self.held_by_stalled + other.held_by_stalled,
            self.running + other.running,
            self.stalled + other.stalled,
            self.orphans + other.orphans,
            _first(self.oldest, other.oldest),
            _first(self.next_due, other.next_due),
            self.dead_worker if self.dead_worker is not None else other.dead_worker,
        )


NONE_OPEN = OpenGroup()
#: A group's fields out of a row of the same names.
_GROUP = itemgetter(*(each.name for each in fields(OpenGroup)))


@dataclass(frozen=True, slots=True)
class OpenJobs:
    """The open jobs by queue and task at `read_at` (the server's clock, UTC), summed by queue, by task and in all.

    `workers` are those registered at that moment; None on releases that keep no record of them.
    """

    read_at: dt.datetime
    groups: Mapping[tuple[str, str], OpenGroup] = field(default_factory=dict)
    queues: Mapping[str, OpenGroup] = field(default_factory=dict)
    tasks: Mapping[str, OpenGroup] = field(default_factory=dict)
    all: OpenGroup = NONE_OPEN
    workers: tuple[WorkerRow, ...] | None = None
    #: The paused queues, on schemas that know of such a thing, and since when (UTC-aware).
    paused: Mapping[str, dt.datetime] = field(default_factory=dict)

    def counted(self) -> Counter[CountedGroup]:
        """The waiting and running jobs by queue, task and status."""
        found: Counter[CountedGroup] = Counter()
        for (queue, task), group in self.groups.items():
            found[queue, task, Status.TODO] = group.waiting
            found[queue, task, Status.DOING] = group.running
        return +found


@dataclass(frozen=True, slots=True)
class Head:
    """One queue and task as the first statement gives it; `first_id` is its oldest due job without a schedule."""

    queue: str
    task: str
    group: OpenGroup
    first_id: int | None


@dataclass(frozen=True, slots=True)
class Heads:
    """All queues and tasks with open jobs, still without the times of deferring."""

    read_at: dt.datetime
    workers: tuple[WorkerRow, ...] | None
    heads: list[Head]
    paused: Mapping[str, dt.datetime] = field(default_factory=dict)

    @property
    def first_ids(self) -> list[int]:
        """The jobs whose time of deferring tells how long the oldest ones have waited."""
        return [head.first_id for head in self.heads if head.first_id is not None]

    def with_deferred(self, deferred_at: Mapping[int, dt.datetime]) -> OpenJobs:
        """The whole, with the times at which `first_ids` were deferred, as far as they are known."""
        groups: dict[tuple[str, str], OpenGroup] = {}
        for head in self.heads:
            at = deferred_at.get(head.first_id) if head.first_id is not None else None
            groups[head.queue, head.task] = head.group if at is None else head.group + OpenGroup(oldest=at)
        queues = _sums((queue, group) for (queue, _), group in groups.items())
        tasks = _sums((task, group) for (_, task), group in groups.items())
        return OpenJobs(self.read_at, groups, queues, tasks, sum(queues.values(), NONE_OPEN), self.workers, self.paused)


def _sums(named: Iterable[tuple[str, OpenGroup]]) -> dict[str, OpenGroup]:
    found: dict[str, OpenGroup] = {}
    for name, group in named:
        held = found.get(name)
        found[name] = group if held is None else held + group
    return found


def _first(one: dt.datetime | None, other: dt.datetime | None) -> dt.datetime | None:
    # Not by min: this is asked for every queue and task of fifty databases.
    if one is None:
        return other
    return one if other is None or one <= other else other


def heads(capabilities: Capabilities) -> Statement[Heads]:
    """Count the open jobs of each queue and task, and read the registered workers; one row at least."""
    return Statement(heads_sql(capabilities), lambda rows: read_heads(rows, capabilities))


def heads_sql(
    capabilities: Capabilities, source: str = "procrastinate_jobs AS job WHERE job.status IN ('todo', 'doing')"
) -> str:
    """The text of `heads`; the open jobs, named `job`, are those of a FROM clause."""
    has_workers = _has_workers(capabilities)
    priority = "priority" if capabilities.has_priority and capabilities.has_priority_locks else "0"
    worker, stalled = "NULL::bigint AS worker_id", "false"
    workers = "SELECT NULL::bigint[], NULL::timestamptz[], NULL::bigint[]"
    if has_workers:
        worker = "worker_id"
        stalled = (
            "status = 'doing' AND NOT EXISTS (SELECT FROM procrastinate_workers AS worker WHERE worker.id = "
            f"job.worker_id AND {is_heard_from('worker')})"
        )
        workers = (
            "SELECT array_agg(id ORDER BY id), array_agg(last_heartbeat ORDER BY id), array_agg(running ORDER BY id) "
            "FROM (SELECT id, last_heartbeat, (SELECT count(*) FROM open WHERE worker_id = worker.id "
            "AND status = 'doing') AS running FROM procrastinate_workers AS worker ORDER BY id LIMIT 1000) AS known"
        )
    paused = "NULL::text[]"
    if capabilities.has_paused_queues:
        paused = (
            "ARRAY(SELECT extract(epoch FROM min(paused_at)) || ' ' || queue_name "
            "FROM procrastinate_paused_queues GROUP BY queue_name ORDER BY queue_name)"
        )
    return (
        "WITH open AS (SELECT id, queue_name, task_name, status::text, lock, scheduled_at, "
        f"{reserves_lock(capabilities, '')} AS reserves, {priority}::bigint AS priority, {worker}, "
        f"{stalled} AS is_stalled, "
        # Of those that run it is null.
        f"CASE WHEN scheduled_at {_TELLABLE} THEN scheduled_at END AS at, "
        "CASE status WHEN 'todo' THEN coalesce(scheduled_at <= now(), true) END AS is_due "
        f"FROM {source}), "
        # A lock belongs to its running job, or else to the first in line, due or not.
        "line AS (SELECT lock, bool_or(status = 'doing') AS runs, bool_or(is_stalled) AS stalls, "
        "(min(ARRAY[-priority, id, is_due::integer]) FILTER (WHERE status = 'todo' AND reserves))[3] = 0 AS is_early "
        "FROM open WHERE lock IS NOT NULL GROUP BY lock), "
        "counted AS (SELECT queue_name, task_name, count(*) FILTER (WHERE is_due) AS due, "
        "count(*) FILTER (WHERE NOT is_due) AS scheduled, "
        "count(*) FILTER (WHERE is_due AND (line.runs OR line.is_early)) AS held, "
        "count(*) FILTER (WHERE is_due AND line.stalls) AS held_by_stalled, "
        "count(*) FILTER (WHERE status = 'doing') AS running, count(*) FILTER (WHERE is_stalled) AS stalled, "
        "count(*) FILTER (WHERE is_stalled AND worker_id IS NULL) AS orphans, "
        "min(at) FILTER (WHERE is_due) AS oldest, min(at) FILTER (WHERE NOT is_due) AS next_due, "
        "min(worker_id) FILTER (WHERE is_stalled) AS dead_worker, "
        "min(id) FILTER (WHERE is_due AND scheduled_at IS NULL) AS first_id "
        "FROM open LEFT JOIN line USING (lock) GROUP BY queue_name, task_name) "
        f"SELECT now() AS read_at, {paused} AS paused, workers.*, counted.* "
        f"FROM ({workers}) AS workers (worker_ids, heartbeats, worker_jobs) LEFT JOIN counted ON true"
    )


def _has_workers(capabilities: Capabilities) -> bool:
    return capabilities.has_workers and capabilities.has_worker_id and capabilities.rights.read is None


def read_heads(rows: Rows, capabilities: Capabilities) -> Heads:
    """What the rows of `heads_sql` say."""
    first = rows[0]
    columns = (first[name] or () for name in ("worker_ids", "heartbeats", "worker_jobs"))
    workers = (
        tuple(WorkerRow(number, at or UNKNOWN_TIME, running) for number, at, running in zip(*columns, strict=True))
        if _has_workers(capabilities)
        else None
    )
    found = [
        Head(row["queue_name"], row["task_name"], OpenGroup(*_GROUP(row)), row["first_id"])
        for row in rows
        if row["queue_name"] is not None
    ]
    marks = (each.partition(" ") for each in first["paused"] or ())
    paused = {queue: dt.datetime.fromtimestamp(float(at), dt.UTC) for at, _, queue in marks}
    return Heads(first["read_at"], workers, found, paused)


def deferred(job_ids: list[int]) -> Statement[dict[int, dt.datetime]]:
    """When these jobs were deferred (UTC), as far as their events tell."""
    return Statement(
        "SELECT job_id, min(at) AS at FROM procrastinate_events "
        f"WHERE job_id = ANY (%(ids)s) AND type = 'deferred' AND at {_TELLABLE} GROUP BY job_id",
        lambda rows: {row["job_id"]: row["at"] for row in rows},
        {"ids": job_ids[:DEFERRED_AT_ONCE]},
    )


RUNNING_SINCE: Statement[dict[int, dt.datetime]] = Statement(
    "SELECT job.id, (SELECT max(event.at) FROM procrastinate_events AS event WHERE event.job_id = job.id "
    "AND event.type = 'started') AS at FROM procrastinate_jobs AS job WHERE job.status = 'doing' "
    f"ORDER BY job.id DESC LIMIT {MOST_RUNNING}",
    lambda rows: {row["id"]: row["at"] for row in rows if row["at"] is not None},
)
