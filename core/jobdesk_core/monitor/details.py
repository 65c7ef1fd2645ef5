"""Everything about one job: arguments, events, whoever holds its locks, its worker, and why it is there."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import ArgumentsTooDeep
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.explain import AHEAD_LIMIT, Explanation, Surroundings, explain
from jobdesk_core.monitor.rows import STALLED_AFTER_S, EventRow, JobRow, WorkerRow, job_row, row_columns

#: Larger arguments are read on demand only.
ARGS_LIMIT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class JobDetail:
    """One job. `args` is None when they take more than ARGS_LIMIT_BYTES as text, or are nested too deeply."""

    row: JobRow
    args: dict[str, Any] | None
    args_bytes: int
    events: list[EventRow]
    lock_holder: JobRow | None
    queueing_lock_holder: JobRow | None
    worker: WorkerRow | None
    periodic: tuple[str, int] | None
    reason: Explanation


async def read_detail(connector: PsycopgConnector, capabilities: Capabilities, job_id: int) -> JobDetail | None:
    """Read it all in one snapshot."""
    async with connector.transaction(snapshot=True) as connection:
        found = await connector.run_async(_job(capabilities, job_id), connection=connection)
        if found is None:
            return None
        row, args, args_bytes, periodic = found
        events = await connector.run_async(_events(job_id), connection=connection)
        lock_holder = queueing_lock_holder = worker = None
        if row.lock is not None:
            lock_holder = await connector.run_async(_lock_holder(capabilities, row.lock), connection=connection)
        if row.queueing_lock is not None:
            queueing_lock_holder = await connector.run_async(
                _queueing_lock_holder(capabilities, row.queueing_lock), connection=connection
            )
        if row.worker_id is not None:
            worker = await connector.run_async(_worker(row.worker_id), connection=connection)
        live_workers, ahead, last_start = 0, 0, None
        if row.status is Status.TODO:
            live_workers, ahead, last_start = await connector.run_async(
                _neighbours(capabilities, row), connection=connection
            )
    around = Surroundings(
        lock_holder=lock_holder,
        queueing_lock_holder=queueing_lock_holder,
        worker=worker,
        live_workers=live_workers,
        ahead=ahead,
        last_start=last_start,
        has_workers_table=capabilities.has_workers,
    )
    reason = explain(row, events, around, dt.datetime.now(dt.UTC))
    return JobDetail(row, args, args_bytes, events, lock_holder, queueing_lock_holder, worker, periodic, reason)


def arguments(job_id: int) -> Statement[dict[str, Any] | None]:
    """A job's arguments, or None when it is not there. Raises ArgumentsTooDeep."""
    return Statement(
        "SELECT args::text AS args FROM procrastinate_jobs WHERE id = %(id)s",
        lambda rows: _parsed(rows[0]["args"]) if rows else None,
        {"id": job_id},
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(text)
    except RecursionError as error:
        raise ArgumentsTooDeep(text) from error
    return value


def _worker_rows(rows: Rows) -> list[WorkerRow]:
    return [WorkerRow(row["id"], row["last_heartbeat"], row["running"]) for row in rows]


_WORKER_COLUMNS = (
    "SELECT worker.id, worker.last_heartbeat, (SELECT count(*) FROM procrastinate_jobs AS job "
    "WHERE job.worker_id = worker.id AND job.status = 'doing') AS running FROM procrastinate_workers AS worker"
)
WORKERS: Statement[list[WorkerRow]] = Statement(f"{_WORKER_COLUMNS} ORDER BY worker.id LIMIT 1000", _worker_rows)


def _worker(worker_id: int) -> Statement[WorkerRow | None]:
    return Statement(
        f"{_WORKER_COLUMNS} WHERE worker.id = %(id)s",
        lambda rows: _worker_rows(rows)[0] if rows else None,
        {"id": worker_id},
    )


def _job(
    capabilities: Capabilities, job_id: int
) -> Statement[tuple[JobRow, dict[str, Any] | None, int, tuple[str, int] | None] | None]:
    def decode(rows: Rows) -> tuple[JobRow, dict[str, Any] | None, int, tuple[str, int] | None] | None:
        if not rows:
            return None
        row = rows[0]
        periodic = (row["periodic_id"], row["defer_timestamp"]) if row["defer_timestamp"] is not None else None
        args = None
        if row["args"] is not None:
            with contextlib.suppress(ArgumentsTooDeep):
                args = _parsed(row["args"])
        return job_row(row), args, row["args_bytes"], periodic

    return Statement(
        f"SELECT {row_columns(capabilities)}, octet_length(job.args::text) AS args_bytes, "
        "CASE WHEN octet_length(job.args::text) <= %(limit)s THEN job.args::text END AS args, "
        "periodic.periodic_id, periodic.defer_timestamp FROM procrastinate_jobs AS job "
        "LEFT JOIN procrastinate_periodic_defers AS periodic ON periodic.job_id = job.id "
        "WHERE job.id = %(id)s LIMIT 1",
        decode,
        {"id": job_id, "limit": ARGS_LIMIT_BYTES},
    )


def _events(job_id: int) -> Statement[list[EventRow]]:
    return Statement(
        "SELECT id, job_id, type::text AS type, at FROM (SELECT * FROM procrastinate_events "
        "WHERE job_id = %(id)s ORDER BY id DESC LIMIT 500) AS event ORDER BY id",
        lambda rows: [EventRow(row["id"], row["job_id"], EventType(row["type"]), row["at"]) for row in rows],
        {"id": job_id},
    )


def _first(rows: Rows) -> JobRow | None:
    return job_row(rows[0]) if rows else None


def _lock_holder(capabilities: Capabilities, lock: str) -> Statement[JobRow | None]:
    # From 3.3 on the first of the waiting jobs goes by priority, before by id alone.
    priority = "job.priority DESC, " if capabilities.has_priority and capabilities.has_priority_locks else ""
    held = "'todo', 'doing', 'aborting'" if capabilities.has_aborting_status else "'todo', 'doing'"
    return Statement(
        f"SELECT {row_columns(capabilities)} FROM procrastinate_jobs AS job "
        f"WHERE job.lock = %(lock)s AND job.status IN ({held}) "
        f"ORDER BY job.status <> 'todo' DESC, {priority}job.id LIMIT 1",
        _first,
        {"lock": lock},
    )


def _queueing_lock_holder(capabilities: Capabilities, queueing_lock: str) -> Statement[JobRow | None]:
    return Statement(
        f"SELECT {row_columns(capabilities)} FROM procrastinate_jobs AS job "
        "WHERE job.queueing_lock = %(lock)s AND job.status = 'todo' LIMIT 1",
        _first,
        {"lock": queueing_lock},
    )


def _neighbours(capabilities: Capabilities, row: JobRow) -> Statement[tuple[int, int, dt.datetime | None]]:
    """Live workers, due jobs ahead in the queue (counted up to a limit), and the queue's latest start."""
    live = (
        "(SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat >= now() - %(stalled)s * interval '1 second')"
        if capabilities.has_workers
        else "0"
    )
    priority = "job.priority" if capabilities.has_priority else "0"
    return Statement(
        f"SELECT {live} AS live, (SELECT count(*) FROM (SELECT FROM procrastinate_jobs AS job "
        "WHERE job.status = 'todo' AND job.queue_name = %(queue)s "
        "AND (job.scheduled_at IS NULL OR job.scheduled_at <= now()) "
        f"AND ({priority} > %(priority)s OR ({priority} = %(priority)s AND job.id < %(id)s)) LIMIT %(limit)s"
        # By LIMIT, not by an id: a bound that the planner does not know has it join all jobs (0.8 s of five million).
        ") AS before_it) AS ahead, (SELECT max(event.at) FROM (SELECT job_id, type, at FROM procrastinate_events "
        "ORDER BY id DESC LIMIT 5000) AS event JOIN procrastinate_jobs AS job ON job.id = event.job_id "
        "WHERE event.type = 'started' AND job.queue_name = %(queue)s) AS last_start",
        lambda rows: (rows[0]["live"], rows[0]["ahead"], rows[0]["last_start"]),
        {
            "stalled": STALLED_AFTER_S,
            "queue": row.queue_name,
            "priority": row.priority,
            "id": row.id,
            "limit": AHEAD_LIMIT,
        },
    )
