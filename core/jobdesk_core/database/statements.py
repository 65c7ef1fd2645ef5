"""The SQL of each operation, chosen by what the database offers. One source for sync and async callers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement, nothing
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import AlreadyEnqueued, CapabilityMissing, NoResult, QueueNameTooLong, UniqueViolation
from jobdesk_core.jobs import Job, Status

QUEUEING_LOCK_INDEXES = ("procrastinate_jobs_queueing_lock_idx", "procrastinate_jobs_queueing_lock_idx_v1")


def _call(capabilities: Capabilities, operation: str, name: str) -> str:
    signature = capabilities.function(operation)
    if signature is None:
        raise CapabilityMissing(name, f"This database's schema (Procrastinate {capabilities.release}) cannot {name}.")
    return signature


def _name(signature: str) -> str:
    return signature.partition("(")[0]


def _check_queue(capabilities: Capabilities, queue: str) -> None:
    """Refuse a queue that the server would refuse, while the caller's transaction is still whole."""
    limit_bytes = capabilities.queue_name_limit_bytes
    if capabilities.channels and len(queue.encode()) > limit_bytes:
        raise QueueNameTooLong(queue, limit_bytes)


def _ids(rows: Rows) -> list[int]:
    ids: list[int] = rows[0]["ids"]
    return ids


def _job_row(job: Job) -> tuple[Any, ...]:
    return (
        job.queue,
        job.task_name,
        job.priority,
        job.lock,
        job.queueing_lock,
        dict(job.task_kwargs),
        job.scheduled_at,
    )


# Deferring


def defer(capabilities: Capabilities, jobs: Sequence[Job]) -> Statement[list[int]]:
    """Insert the jobs, all or none, and return their ids in order.

    A schema without batches (before 3.2) takes one job at a time: more raise CapabilityMissing.
    """
    for queue in {job.queue for job in jobs}:
        _check_queue(capabilities, queue)
    if capabilities.can_batch:
        return Statement(
            "SELECT procrastinate_defer_jobs_v1(%(jobs)s::procrastinate_job_to_defer_v1[]) AS ids",
            _ids,
            {"jobs": [_job_row(job) for job in jobs]},
        )
    signature = _call(capabilities, "defer", "defer jobs")
    if len(jobs) != 1:
        raise CapabilityMissing("batch defer")
    job = jobs[0]
    has_priority = "integer" in signature
    if job.priority and not has_priority:
        raise CapabilityMissing("priority")
    priority = "%(priority)s::integer, " if has_priority else ""
    return Statement(
        f"SELECT ARRAY[{_name(signature)}(%(queue)s::varchar, %(task)s::varchar, {priority}"
        "%(lock)s::text, %(queueing_lock)s::text, %(args)s::jsonb, %(at)s::timestamptz)] AS ids",
        _ids,
        {
            "queue": job.queue,
            "task": job.task_name,
            "priority": job.priority,
            "lock": job.lock,
            "queueing_lock": job.queueing_lock,
            "args": dict(job.task_kwargs),
            "at": job.scheduled_at,
        },
    )


def already_enqueued(error: UniqueViolation, jobs: Iterable[Job]) -> AlreadyEnqueued | None:
    """The exception for a taken queueing lock, or None when another index refused the row.

    Of several jobs the database does not say which one: the lock is named when only one has any.
    """
    if error.constraint_name not in QUEUEING_LOCK_INDEXES:
        return None
    locks = {job.queueing_lock for job in jobs if job.queueing_lock is not None}
    return AlreadyEnqueued(queueing_lock=locks.pop() if len(locks) == 1 else None)


def defer_periodic(
    capabilities: Capabilities, job: Job, *, periodic_id: str, defer_timestamp: int
) -> Statement[int | None]:
    """Insert the job of one due time (seconds since 1970, UTC); None when it was deferred already."""
    signature = _call(capabilities, "periodic", "defer periodic jobs")
    _check_queue(capabilities, job.queue)
    priority = "%(priority)s::integer, " if "integer" in signature else ""
    return Statement(
        f"SELECT {_name(signature)}(%(queue)s::varchar, %(lock)s::varchar, %(queueing_lock)s::varchar, "
        f"%(task)s::varchar, {priority}%(periodic_id)s::varchar, %(timestamp)s::bigint, %(args)s::jsonb) AS id",
        lambda rows: rows[0]["id"],
        {
            "queue": job.queue,
            "lock": job.lock,
            "queueing_lock": job.queueing_lock,
            "task": job.task_name,
            "priority": job.priority,
            "periodic_id": periodic_id,
            "timestamp": defer_timestamp,
            "args": dict(job.task_kwargs),
        },
    )


# Acting on a job


def cancel(
    capabilities: Capabilities, job_id: int, *, abort: bool = False, delete_job: bool = False
) -> Statement[bool]:
    """Cancel a waiting job; with `abort` also ask a running one to stop. False: neither applied."""
    signature = _call(capabilities, "cancel", "cancel jobs")
    return Statement(
        f"SELECT {_name(signature)}(%(id)s::bigint, %(abort)s::boolean, %(delete)s::boolean) AS id",
        lambda rows: rows[0]["id"] is not None,
        {"id": job_id, "abort": abort, "delete": delete_job},
    )


def retry(
    capabilities: Capabilities,
    job_id: int,
    *,
    retry_at: dt.datetime,
    priority: int | None = None,
    queue: str | None = None,
    lock: str | None = None,
) -> Statement[None]:
    """Put a running or (from 3.4) failed job back in its queue, due at `retry_at` (aware).

    None leaves priority, queue and lock as they are. A failed job's stuck abort flag, which would
    violate a CHECK, is cleared by the same statement. Workers are notified: the schema does not.
    """
    signature = _call(capabilities, "retry", "retry jobs")
    has_changes = "integer" in signature
    if not has_changes and not (priority is None and queue is None and lock is None):
        raise CapabilityMissing("another priority, queue or lock on retry")
    changes = ", %(priority)s::integer, %(queue)s::varchar, %(lock)s::varchar" if has_changes else ""
    # The function is called once the flag is cleared (the count makes sure of the order) and sees that,
    # for a volatile function sees what its own statement has done so far.
    cleared = (
        "UPDATE procrastinate_jobs SET abort_requested = false "
        "WHERE id = %(id)s AND status = 'failed' AND abort_requested RETURNING id"
        if capabilities.has_abort_requested and capabilities.can_retry_failed
        else "SELECT 1 AS id"
    )
    notified, notified_parameters = _notifications(capabilities)
    return Statement(
        f"WITH cleared AS ({cleared}), retried AS MATERIALIZED ("
        f"SELECT {_name(signature)}(%(id)s::bigint, %(at)s::timestamptz{changes})::text "
        "FROM (SELECT count(*) FROM cleared) AS first) "
        f"SELECT {notified} FROM retried LEFT JOIN procrastinate_jobs AS job ON job.id = %(id)s",
        nothing,
        {"id": job_id, "at": retry_at, "priority": priority, "queue": queue, "lock": lock} | notified_parameters,
    )


def _notifications(capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
    """The columns that tell workers of `job`, which may have got another queue, on every channel they know."""
    calls = ["NULL"]
    parameters: dict[str, Any] = {}
    for number, channel in enumerate(capabilities.channels):
        payload = (
            "json_build_object('type', 'job_inserted', 'job_id', job.id)::text"
            if channel.endswith("_v1")
            else "job.task_name"
        )
        prefix = channel.replace("any_queue", "queue") + "#"
        calls.append(f"pg_notify(%(channel{number})s || coalesce(%(queue)s, job.queue_name), {payload})")
        calls.append(f"pg_notify(%(any{number})s, {payload})")
        parameters |= {f"channel{number}": prefix, f"any{number}": channel}
    return ", ".join(calls), parameters


def notify_queue(capabilities: Capabilities, job_id: int, queue: str) -> Statement[None]:
    """Tell workers that a waiting job has become free, for example when its lock's holder ended."""
    columns, parameters = _notifications(capabilities)
    return Statement(
        f"SELECT {columns} FROM (SELECT %(id)s::bigint AS id, %(queue)s::text AS queue_name, "
        "''::text AS task_name) AS job",
        nothing,
        {"id": job_id, "queue": queue} | parameters,
    )


def status(job_id: int) -> Statement[Status]:
    """A job's status. Raises NoResult for an id that is not there."""

    def decode(rows: Rows) -> Status:
        if not rows:
            raise NoResult(f"There is no job with id {job_id}.")
        return Status(rows[0]["status"])

    return Statement("SELECT status::text AS status FROM procrastinate_jobs WHERE id = %(id)s", decode, {"id": job_id})


# Running


def fetch(capabilities: Capabilities, queues: Sequence[str] | None, worker_id: int | None) -> Statement[Job | None]:
    """Start the next due job of the queues (None: of any) for a worker, or return None."""
    signature = _call(capabilities, "fetch", "fetch jobs")
    worker = ", %(worker)s::bigint" if "bigint" in signature else ""
    return Statement(
        f"SELECT {_columns(capabilities)} FROM {_name(signature)}(%(queues)s::varchar[]{worker}) WHERE id IS NOT NULL",
        lambda rows: Job.from_row(rows[0]) if rows else None,
        {"queues": list(queues) if queues is not None else None, "worker": worker_id},
    )


def finish(capabilities: Capabilities, job_id: int, end: Status, *, delete_job: bool) -> Statement[None]:
    """End a job as succeeded, failed or aborted, or delete it."""
    signature = _call(capabilities, "finish", "finish jobs")
    return Statement(
        f"SELECT {_name(signature)}(%(id)s::bigint, %(end)s::procrastinate_job_status, %(delete)s::boolean)",
        nothing,
        {"id": job_id, "end": end.value, "delete": delete_job},
    )


def waiting_for_lock(capabilities: Capabilities, lock: str) -> Statement[tuple[int, str] | None]:
    """The first waiting job of a lock in the order of fetching, as id and queue."""
    order = "priority DESC, id" if capabilities.has_priority_locks else "id"
    return Statement(
        "SELECT id, queue_name FROM procrastinate_jobs WHERE lock = %(lock)s AND status = 'todo' "
        f"ORDER BY {order} LIMIT 1",
        lambda rows: (rows[0]["id"], rows[0]["queue_name"]) if rows else None,
        {"lock": lock},
    )


def jobs_to_abort(
    capabilities: Capabilities, worker_id: int | None, *, queue: str | None = None
) -> Statement[list[int]]:
    """The running jobs of a worker and a queue (None: of any) whose abort was requested."""
    if capabilities.abort_model == "status":
        condition = "status = 'aborting'"
    elif capabilities.abort_model == "flag":
        condition = "status = 'doing' AND abort_requested"
    else:
        condition = "false"
    own = " AND (%(queue)s::text IS NULL OR queue_name = %(queue)s)"
    if capabilities.has_worker_id:
        own += " AND (%(worker)s::bigint IS NULL OR worker_id = %(worker)s)"
    return Statement(
        f"SELECT id FROM procrastinate_jobs WHERE {condition}{own}",
        lambda rows: [row["id"] for row in rows],
        {"worker": worker_id, "queue": queue},
    )


def register_worker() -> Statement[int]:
    """Add a worker and return its id."""
    return Statement("SELECT worker_id FROM procrastinate_register_worker_v1()", lambda rows: rows[0]["worker_id"])


def unregister_worker(worker_id: int) -> Statement[None]:
    """Remove a worker; its running jobs count as stalled from then on."""
    return Statement("SELECT procrastinate_unregister_worker_v1(%(id)s)", nothing, {"id": worker_id})


def update_heartbeat(worker_id: int) -> Statement[None]:
    """Tell that a worker lives."""
    return Statement("SELECT procrastinate_update_heartbeat_v1(%(id)s)", nothing, {"id": worker_id})


def prune_stalled_workers(seconds_since_heartbeat: float) -> Statement[list[int]]:
    """Remove the workers that have been silent for so many seconds and return their ids."""
    return Statement(
        "SELECT worker_id FROM procrastinate_prune_stalled_workers_v1(%(seconds)s)",
        lambda rows: [row["worker_id"] for row in rows],
        {"seconds": seconds_since_heartbeat},
    )


def stalled_jobs(
    capabilities: Capabilities, *, seconds_since_heartbeat: float, queue: str | None, task_name: str | None
) -> Statement[list[Job]]:
    """The running jobs without a worker, or whose worker has been silent for so many seconds."""
    if not capabilities.has_workers:
        raise CapabilityMissing("workers table")
    return Statement(
        f"SELECT {_columns(capabilities, 'job.')} FROM procrastinate_jobs AS job "
        "LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id "
        "WHERE job.status = 'doing' "
        "AND (worker.id IS NULL OR worker.last_heartbeat < now() - %(seconds)s * interval '1 second') "
        "AND (%(queue)s::text IS NULL OR job.queue_name = %(queue)s) "
        "AND (%(task)s::text IS NULL OR job.task_name = %(task)s) ORDER BY job.id",
        lambda rows: [Job.from_row(row) for row in rows],
        {"seconds": seconds_since_heartbeat, "queue": queue, "task": task_name},
    )


def delete_old_jobs(
    *, nb_hours: float, queue: str | None, statuses: Sequence[str], limit: int | None = None
) -> Statement[int]:
    """Delete the jobs of these statuses whose latest event is older than `nb_hours`; return how many."""
    return Statement(
        "WITH old AS (SELECT job.id FROM procrastinate_jobs AS job "
        "WHERE job.status::text = ANY (%(statuses)s) "
        "AND (%(queue)s::text IS NULL OR job.queue_name = %(queue)s) "
        "AND (SELECT max(event.at) FROM procrastinate_events AS event WHERE event.job_id = job.id) "
        "< now() - %(hours)s * interval '1 hour' ORDER BY job.id LIMIT %(limit)s), "
        "gone AS (DELETE FROM procrastinate_jobs WHERE id IN (SELECT id FROM old) RETURNING id) "
        "SELECT count(*) AS count FROM gone",
        lambda rows: rows[0]["count"],
        {"hours": nb_hours, "queue": queue, "statuses": list(statuses), "limit": limit},
    )


# Listing


def _columns(capabilities: Capabilities, prefix: str = "") -> str:
    names = ["id", "queue_name", "task_name", "lock", "queueing_lock", "args", "scheduled_at", "attempts"]
    if capabilities.has_priority:
        names.append("priority")
    if capabilities.has_abort_requested:
        names.append("abort_requested")
    if capabilities.has_worker_id:
        names.append("worker_id")
    return ", ".join(f"{prefix}{name}" for name in names) + f", {prefix}status::text AS status"


def list_jobs(capabilities: Capabilities, **filters: Any) -> Statement[list[Job]]:
    """The jobs that meet every given filter (None: any), ids ascending.

    Filters: id, queue, task, status, lock, queueing_lock, worker_id.
    """
    where, parameters = _conditions(filters)
    return Statement(
        f"SELECT {_columns(capabilities)} FROM procrastinate_jobs WHERE {where} ORDER BY id",
        lambda rows: [Job.from_row(row) for row in rows],
        parameters,
    )


def list_counts(column: str, **filters: Any) -> Statement[list[dict[str, Any]]]:
    """Counts per status of the jobs that meet the filters, grouped by queue_name, task_name or lock."""
    if column not in ("queue_name", "task_name", "lock"):
        raise ValueError(f"Jobs cannot be grouped by {column}.")
    where, parameters = _conditions(filters)
    labels = ("todo", "doing", "succeeded", "failed", "cancelled", "aborted")
    counts = ", ".join(f"count(*) FILTER (WHERE status::text = '{label}') AS {label}" for label in labels)
    return Statement(
        f"SELECT {column} AS name, count(*) AS jobs_count, {counts} FROM procrastinate_jobs "
        f"WHERE {where} AND {column} IS NOT NULL GROUP BY {column} ORDER BY {column}",
        lambda rows: rows,
        parameters,
    )


_FILTERS = {
    "id": "id = %(id)s",
    "queue": "queue_name = %(queue)s",
    "task": "task_name = %(task)s",
    "status": "status = %(status)s::procrastinate_job_status",
    "lock": "lock = %(lock)s",
    "queueing_lock": "queueing_lock = %(queueing_lock)s",
    "worker_id": "worker_id = %(worker_id)s",
}


def _conditions(filters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if unknown := sorted(filters.keys() - _FILTERS.keys()):
        raise TypeError(f"Jobs are not listed by {', '.join(unknown)}, but by {', '.join(_FILTERS)}.")
    given = {name: value for name, value in filters.items() if value is not None}
    if isinstance(given.get("status"), Status):
        given["status"] = given["status"].value
    where = " AND ".join(_FILTERS[name] for name in given) or "true"
    return where, given
