"""What the monitor reads, as plain values, and the columns to select for it on every release."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.moments import FarTime

#: A worker whose heartbeat is older than this many seconds counts as dead (Procrastinate's default).
STALLED_AFTER_S = 30
#: One that is further ahead is of a clock that was set back since. (A little, and the next heartbeat mends it.)
AHEAD_AT_MOST_S = 900


class JobRow(NamedTuple):
    """A job without its arguments. `deferred_at` is the time of its first `deferred` event; times are aware.

    A tuple, because pages make hundreds at once.
    """

    id: int
    task_name: str
    queue_name: str
    status: Status
    priority: int
    attempts: int
    scheduled_at: dt.datetime | None
    lock: str | None
    queueing_lock: str | None
    worker_id: int | None
    abort_requested: bool
    deferred_at: dt.datetime | None


class EventRow(NamedTuple):
    """Something that happened to a job. The `at` of a `scheduled` event is the time it is scheduled for."""

    id: int
    job_id: int
    type: EventType
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A registered worker and how many jobs it is running."""

    id: int
    last_heartbeat: dt.datetime
    running: int

    def is_alive(self, now: dt.datetime) -> bool:
        """Whether its last heartbeat is fresh enough for its jobs not to count as stalled, and not far ahead."""
        return -AHEAD_AT_MOST_S <= (now - self.last_heartbeat).total_seconds() <= STALLED_AFTER_S


def is_heard_from(worker: str) -> str:
    """`is_alive` as SQL, of the alias of a table of workers."""
    return (
        f"{worker}.last_heartbeat BETWEEN now() - interval '{STALLED_AFTER_S} seconds' "
        f"AND now() + interval '{AHEAD_AT_MOST_S} seconds'"
    )


#: What `jobs_table` adds to a job's columns, by names that no deployment's own columns have.
VERSION, IS_ABORTING = '"jobdesk: version"', '"jobdesk: is aborting"'


def jobs_table(capabilities: Capabilities) -> str:
    """The jobs, aliased `job`, with every column that a filter names, also those that a release lacks.

    VERSION is another one after each change of the row: its xmin, or a view's row as a number. The planner looks
    through the inner query: indexes are used as without it.
    """
    version = "hashtextextended(jobs::text, 0)" if capabilities.is_view else "jobs.xmin::text::bigint"
    columns = ["jobs.*", f"{version} AS {VERSION}"]
    if not capabilities.has_priority:
        columns.append("0 AS priority")
    if not capabilities.has_worker_id:
        columns.append("NULL::bigint AS worker_id")
    if not capabilities.has_abort_requested:
        columns.append("false AS abort_requested")
    aborting = ["false"]
    if capabilities.has_abort_requested:
        aborting.append("jobs.status = 'doing' AND jobs.abort_requested")
    if capabilities.has_aborting_status:
        aborting.append("jobs.status = 'aborting'")
    columns.append(f"{' OR '.join(aborting)} AS {IS_ABORTING}")
    return f"(SELECT {', '.join(columns)} FROM procrastinate_jobs AS jobs) AS job"


def row_columns(capabilities: Capabilities) -> str:
    """The columns of a JobRow in its order, of a table aliased `job`; what a release lacks becomes a constant."""
    priority = "job.priority" if capabilities.has_priority else "0 AS priority"
    worker_id = "job.worker_id" if capabilities.has_worker_id else "NULL::bigint AS worker_id"
    abort = "job.abort_requested" if capabilities.has_abort_requested else "false AS abort_requested"
    return (
        f"job.id, job.task_name, job.queue_name, job.status::text AS status, {priority}, job.attempts, "
        f"job.scheduled_at, job.lock, job.queueing_lock, {worker_id}, {abort}, "
        "(SELECT min(event.at) FROM procrastinate_events AS event "
        "WHERE event.job_id = job.id AND event.type = 'deferred') AS deferred_at"
    )


def reserves_lock(capabilities: Capabilities, prefix: str) -> str:
    """The SQL of whether a waiting job keeps others of its lock from running, though it is not due itself.

    It does, but for a lock of the mode `mutex`; the prefix (`job.`) names whose columns.
    """
    if not capabilities.has_mutex_locks:
        return "true"
    is_due = f"{prefix}scheduled_at IS NULL OR {prefix}scheduled_at <= now()"
    return f"({prefix}lock_mode::text <> 'mutex' OR {is_due})"


class _Members(dict[str, Any]):
    """The members of an enum by their labels, those too that only this database has."""

    def __init__(self, kind: type[Status] | type[EventType]) -> None:
        super().__init__((member.value, member) for member in kind)
        self._kind = kind

    def __missing__(self, label: str) -> Any:
        return self._kind(label)


_STATUS_OF, _TYPE_OF = _Members(Status), _Members(EventType)
#: Stands where the schema has no NULL and the table has one.
UNKNOWN_TIME = FarTime("unknown", is_past=True)
_INSTEAD = (0, "", "", "unknown", 0, 0)
#: The columns of an EventRow.
EVENT_COLUMNS = "id, job_id, type::text AS type, at"


def event_tuples(rows: list[tuple[Any, ...]]) -> list[EventRow]:
    """All rows, read as tuples of EVENT_COLUMNS, as EventRows."""
    make, type_of = partial(tuple.__new__, EventRow), _TYPE_OF
    return [make((event_id, job_id or 0, type_of[kind], at or UNKNOWN_TIME)) for event_id, job_id, kind, at in rows]


def job_row(row: dict[str, Any]) -> JobRow:
    """A JobRow from a row with the columns of `row_columns`."""
    return job_tuples([tuple(row[name] for name in JobRow._fields)])[0]


def job_tuples(rows: list[tuple[Any, ...]]) -> list[JobRow]:
    """All rows, read as tuples that begin with the columns of `row_columns`, as JobRows."""
    # One row is made some hundred thousand times a minute while one scrolls: as JobRow._make, without its call.
    make, status_of, end = partial(tuple.__new__, JobRow), _STATUS_OF, len(JobRow._fields)
    return [
        make((*row[:3], status_of[row[3]], *row[4:end]) if None not in row[:6] else _whole(row[:end])) for row in rows
    ]


def _whole(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of a table that lacks the schema's NOT NULL, with something in each of those places."""
    first: list[Any] = [instead if value is None else value for value, instead in zip(row[:6], _INSTEAD, strict=True)]
    return (*first[:3], _STATUS_OF[str(first[3])], *first[4:], *row[6:])


def rows_by_id(capabilities: Capabilities, job_ids: list[int]) -> Statement[dict[int, JobRow]]:
    """The jobs of these ids that are there."""
    return Statement(
        f"SELECT {row_columns(capabilities)} FROM procrastinate_jobs AS job WHERE job.id = ANY (%(ids)s)",
        lambda rows: {row.id: row for row in job_tuples(rows)},
        {"ids": job_ids},
        is_page=True,
    )
