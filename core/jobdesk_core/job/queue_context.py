"""What lies round a job and decides when it runs: who holds its locks, its worker, what is ahead in its queue.

Every statement is bounded: by a key, by a number of rows, or by a number of the latest events.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import (
    JobRow,
    WorkerRow,
    is_heard_from,
    job_row,
    jobs_table,
    reserves_lock,
    row_columns,
)
from jobdesk_core.moments import of_microseconds

#: Jobs ahead are counted up to this number, among as many waiting jobs as are looked at.
AHEAD_LIMIT = 1_000
LOOKED_AHEAD = 20_000
#: The latest events among which the last start of a queue is looked for.
LOOKED_BACK = 5_000


@dataclass(frozen=True, slots=True)
class Ahead:
    """Due jobs that a worker takes first: of its queue, how many of these wait for a lock, and of other queues.

    With `is_more` there are at least so many: the count stopped at a limit.
    """

    count: int = 0
    blocked: int = 0
    elsewhere: int = 0
    is_more: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """How the queue of a waiting job is served. `last_starts` are by queue, among the events since `looked_back_to`."""

    live_workers: int = 0
    running: int = 0
    ahead: Ahead = field(default_factory=Ahead)
    last_starts: dict[str, dt.datetime] = field(default_factory=dict)
    looked_back_to: dt.datetime | None = None
    #: Since when its queue is paused (UTC-aware), on schemas that know of such a thing; None when it is not.
    paused_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """The job that a lock belongs to, since when it runs, and its worker."""

    row: JobRow
    started_at: dt.datetime | None = None
    worker: WorkerRow | None = None


def lock_holder(capabilities: Capabilities, row: JobRow) -> Statement[JobRow | None]:
    """Whoever the lock of a job belongs to: the running job, or else the first of the waiting ones."""
    # From 3.3 on the first of the waiting jobs goes by priority, before by id alone.
    priority = "job.priority DESC, " if capabilities.has_priority and capabilities.has_priority_locks else ""
    held = "'todo', 'doing', 'aborting'" if capabilities.has_aborting_status else "'todo', 'doing'"
    return Statement(
        f"SELECT {row_columns(capabilities)} FROM procrastinate_jobs AS job "
        f"WHERE job.lock = %(lock)s AND job.status IN ({held}) "
        f"AND (job.status <> 'todo' OR job.id = %(id)s OR {reserves_lock(capabilities, 'job.')}) "
        f"ORDER BY job.status <> 'todo' DESC, {priority}job.id LIMIT 1",
        _first,
        {"lock": row.lock, "id": row.id},
    )


def queueing_lock_holder(capabilities: Capabilities, row: JobRow) -> Statement[JobRow | None]:
    """The waiting job that has the queueing lock of this one; itself, perhaps."""
    return Statement(
        f"SELECT {row_columns(capabilities)} FROM procrastinate_jobs AS job "
        "WHERE job.queueing_lock = %(lock)s AND job.status = 'todo' LIMIT 1",
        _first,
        {"lock": row.queueing_lock},
    )


def started_at(job_id: int) -> Statement[dt.datetime | None]:
    """When a job was started last."""
    return Statement(
        "SELECT max(at) AS at FROM procrastinate_events WHERE job_id = %(id)s AND type = 'started' AND isfinite(at)",
        lambda rows: rows[0]["at"],
        {"id": job_id},
    )


#: When a job of each queue was started last (UTC), among the latest events.
LAST_STARTS: Statement[dict[str, dt.datetime]] = Statement(
    "WITH recent AS MATERIALIZED (SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC "
    f"LIMIT {LOOKED_BACK}) SELECT job.queue_name, max(recent.at) AS at FROM recent "
    "JOIN procrastinate_jobs AS job ON job.id = recent.job_id "
    "WHERE recent.type = 'started' AND isfinite(recent.at) GROUP BY job.queue_name",
    lambda rows: {row["queue_name"]: row["at"] for row in rows},
)


_LIVE = f"(SELECT count(*) FROM procrastinate_workers AS worker WHERE {is_heard_from('worker')})"
_PAUSED = "(SELECT min(paused_at) FROM procrastinate_paused_queues WHERE queue_name = %(queue)s)"


def situation(capabilities: Capabilities, row: JobRow, queues: list[str]) -> Statement[Situation]:
    """How the queue of a waiting job is served, and when something of each of `queues` was started last."""
    first = "priority DESC, " if capabilities.has_priority_locks else ""
    live = _LIVE if capabilities.has_workers else "0"
    paused = _PAUSED if capabilities.has_paused_queues else "NULL::timestamptz"
    running = "'doing', 'aborting'" if capabilities.has_aborting_status else "'doing'"
    return Statement(
        "WITH before_it AS MATERIALIZED (SELECT job.id, job.priority, job.queue_name = %(queue)s AS is_its, job.lock, "
        f"job.scheduled_at IS NULL OR job.scheduled_at <= now() AS is_due, "
        f"{reserves_lock(capabilities, 'job.')} AS reserves FROM {jobs_table(capabilities)} "
        "WHERE job.status = 'todo' AND (job.priority > %(priority)s::integer OR "
        "(job.priority = %(priority)s::integer AND job.id < %(id)s::bigint)) "
        "ORDER BY job.priority DESC, job.id LIMIT %(looked)s), "
        # Whoever is not the first of its lock, not even due, waits behind the first.
        "due AS (SELECT *, row_number() OVER (PARTITION BY is_its, is_due) AS number FROM (SELECT *, row_number() "
        f"OVER (PARTITION BY lock ORDER BY reserves DESC, {first}id) > 1 AS is_later FROM before_it) AS ranked), "
        "counted AS (SELECT * FROM due WHERE is_due AND number <= %(limit)s), "
        # By LIMIT, not by an id: a bound that the planner does not know has it join all jobs (0.8 s of five million).
        "recent AS MATERIALIZED (SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC LIMIT %(back)s), "
        "starts AS (SELECT job.queue_name, max(recent.at) AS at FROM recent "
        "JOIN procrastinate_jobs AS job ON job.id = recent.job_id "
        "WHERE recent.type = 'started' AND job.queue_name = ANY (%(queues)s::text[]) GROUP BY job.queue_name) "
        f"SELECT {live} AS live, (SELECT count(*) FROM (SELECT FROM procrastinate_jobs AS job WHERE job.status IN "
        f"({running}) AND job.queue_name = %(queue)s LIMIT %(limit)s) AS doing) AS running, "
        "(SELECT count(*) FROM counted WHERE is_its) AS ahead, "
        "(SELECT count(*) FROM counted WHERE is_its AND lock IS NOT NULL AND (is_later OR EXISTS (SELECT "
        "FROM procrastinate_jobs AS job WHERE job.lock = counted.lock AND job.status = 'doing'))) AS blocked, "
        "(SELECT count(*) FROM counted WHERE NOT is_its) AS elsewhere, "
        "(SELECT count(*) FROM before_it) AS looked, "
        "(SELECT json_object_agg(queue_name, (extract(epoch FROM at) - 946684800) * 1000000) "
        "FROM starts WHERE isfinite(at)) AS starts, "
        "(SELECT min(at) FROM recent WHERE type <> 'scheduled' AND isfinite(at)) AS looked_back_to, "
        f"{paused} AS paused_at",
        _situation,
        {
            "queue": row.queue_name,
            "queues": queues,
            "priority": row.priority,
            "id": row.id,
            "limit": AHEAD_LIMIT,
            "looked": LOOKED_AHEAD,
            "back": LOOKED_BACK,
        },
    )


def _situation(rows: Rows) -> Situation:
    row = rows[0]
    is_more = row["looked"] >= LOOKED_AHEAD or max(row["ahead"], row["elsewhere"]) >= AHEAD_LIMIT
    starts = {name: of_microseconds(round(at)) for name, at in (row["starts"] or {}).items()}
    return Situation(
        row["live"],
        row["running"],
        Ahead(row["ahead"], row["blocked"], row["elsewhere"], is_more),
        starts,
        row["looked_back_to"],
        row["paused_at"],
    )


def _first(rows: Rows) -> JobRow | None:
    return job_row(rows[0]) if rows else None
