"""The SQL that defers jobs and acts on one, chosen by what the database offers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement, nothing
from jobdesk_core.database import named
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import (
    AlreadyEnqueued,
    CapabilityMissing,
    NoResult,
    QueueNameTooLong,
    SchemaMissing,
    UniqueViolation,
)
from jobdesk_core.jobs import Job, Status

QUEUEING_LOCK_INDEXES = ("procrastinate_jobs_queueing_lock_idx", "procrastinate_jobs_queueing_lock_idx_v1")


def signature_of(capabilities: Capabilities, operation: str, name: str) -> str:
    """The schema's function for an operation, with its types. Raises CapabilityMissing: it cannot do what is named."""
    signature = capabilities.function(operation)
    if signature is None:
        kind = CapabilityMissing if capabilities.has_schema else SchemaMissing
        raise kind(name, f"This database's schema (Procrastinate {capabilities.release}) cannot {name}.")
    return signature


def name_of(signature: str) -> str:
    """The name of a function alone."""
    return signature.partition("(")[0]


def _check_queue(capabilities: Capabilities, queue: str) -> None:
    """Refuse a queue that the server would refuse, while the caller's transaction is still whole."""
    limit_bytes = capabilities.queue_name_limit_bytes
    if capabilities.channels and len(queue.encode()) > limit_bytes:
        raise QueueNameTooLong(queue, limit_bytes)


def _ids(rows: Rows) -> list[int]:
    ids: list[int] = rows[0]["ids"]
    return ids


#: What a new job is made of, in the order of every release's functions, with the types.
_JOB_COLUMNS = {
    "queue": "varchar",
    "task": "varchar",
    "priority": "integer",
    "lock": "text",
    "queueing_lock": "text",
    "args": "jsonb",
    "scheduled_at": "timestamptz",
}


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
    """Insert the jobs, all or none, and return their ids in order. Before 2.5 a priority raises CapabilityMissing."""
    for queue in {job.queue for job in jobs}:
        _check_queue(capabilities, queue)
    batch = capabilities.function("batch")
    if batch is not None:
        return _defer_as_batch(batch, jobs)
    signature = signature_of(capabilities, "defer", "defer jobs")
    has_priority = "integer" in signature
    if not has_priority and any(job.priority for job in jobs):
        raise CapabilityMissing("priority")
    values = ", ".join(f"job.{name}" for name in _JOB_COLUMNS if name != "priority" or has_priority)
    source, parameters = _new_jobs(jobs)
    return Statement(
        f"SELECT array_agg({name_of(signature)}({values}) ORDER BY job.place) AS ids "
        f"FROM {source} AS job ({', '.join(_JOB_COLUMNS)}, place)",
        _ids,
        parameters,
    )


def _defer_as_batch(signature: str, jobs: Sequence[Job]) -> Statement[list[int]]:
    """By the one function that takes many jobs, each a row of its own type."""
    kind = signature.partition("(")[2].removesuffix("[])")
    # A lock's mode, where there is one, stays what it was before: its jobs start in order.
    modes = (None,) if kind.endswith("_v2") else ()
    if len(jobs) == 1:
        # Not as an array: large arguments would be escaped three times over.
        names = ("queue", "task", "priority", "lock", "queueing_lock", "args", "at")
        row = ", ".join([*(f"%({name})s" for name in names), *("NULL" for _ in modes)])
        return Statement(
            f"SELECT {name_of(signature)}(ARRAY[ROW({row})::{kind}]) AS ids",
            _ids,
            dict(zip(names, _job_row(jobs[0]), strict=True)),
            named=named.defer(jobs),
        )
    return Statement(
        f"SELECT {name_of(signature)}(%(jobs)s::{kind}[]) AS ids",
        _ids,
        {"jobs": [(*_job_row(job), *modes) for job in jobs]},
        named=named.defer(jobs),
    )


def _new_jobs(jobs: Sequence[Job]) -> tuple[str, dict[str, Any]]:
    """The jobs as the SQL of a table with the columns of _JOB_COLUMNS and their place, and its parameters."""
    rows = [_job_row(job) for job in jobs]
    if len(rows) == 1:
        # Not as an array, in which large arguments would be escaped once more.
        values = ", ".join(f"%({name})s::{kind}" for name, kind in _JOB_COLUMNS.items())
        return f"(VALUES ({values}, 1))", dict(zip(_JOB_COLUMNS, rows[0], strict=True))
    arrays = ", ".join(f"%({name})s::{kind}[]" for name, kind in _JOB_COLUMNS.items())
    columns = zip(*rows, strict=True)
    return f"unnest({arrays}) WITH ORDINALITY", {
        name: list(held) for name, held in zip(_JOB_COLUMNS, columns, strict=True)
    }


def already_enqueued(error: UniqueViolation, jobs: Iterable[Job]) -> AlreadyEnqueued | None:
    """The exception for a taken queueing lock, or None when another index refused the row.

    Where the server does not say which lock it is, it is named when only one of the jobs has any.
    """
    if error.constraint_name not in QUEUEING_LOCK_INDEXES:
        return None
    if error.queueing_lock is not None:
        return AlreadyEnqueued(queueing_lock=error.queueing_lock)
    locks = {job.queueing_lock for job in jobs if job.queueing_lock is not None}
    return AlreadyEnqueued(queueing_lock=locks.pop() if len(locks) == 1 else None)


#: The times of a task that are known: the function forgets older ones, and would take such a one for new. Holding
#: them keeps it from that; one that is gone meanwhile was forgotten for a newer one, and the answer is "ask again".
_IF_NOT_PASSED = """\
WITH seen AS (
    SELECT count(*) AS count FROM procrastinate_periodic_defers
     WHERE task_name = %(task)s AND periodic_id = %(periodic_id)s
), held AS MATERIALIZED (
    SELECT defer_timestamp FROM procrastinate_periodic_defers
     WHERE task_name = %(task)s AND periodic_id = %(periodic_id)s FOR UPDATE
), known AS MATERIALIZED (
    SELECT count(*) AS count, coalesce(bool_or(defer_timestamp > %(timestamp)s), false) AS is_passed FROM held
)
SELECT seen.count <> known.count AS is_changing,
       CASE WHEN seen.count = known.count AND NOT is_passed THEN {call} END AS id
  FROM seen, known"""


def defer_due(
    capabilities: Capabilities, job: Job, *, periodic_id: str, defer_timestamp: int
) -> Statement[tuple[bool, int | None]]:
    """As `defer_periodic`, but also None when a later time was deferred already. True: it has to be asked again."""
    plain = defer_periodic(capabilities, job, periodic_id=periodic_id, defer_timestamp=defer_timestamp)
    call = plain.sql.removeprefix("SELECT ").removesuffix(" AS id")
    return Statement(
        _IF_NOT_PASSED.format(call=call),
        lambda rows: (rows[0]["is_changing"], rows[0]["id"]),
        plain.parameters,
        named=named.defer_periodic(job, periodic_id, defer_timestamp, lambda job_id: (False, job_id)),
    )


def defer_periodic(
    capabilities: Capabilities, job: Job, *, periodic_id: str, defer_timestamp: int
) -> Statement[int | None]:
    """Insert the job of one due time (seconds since 1970, UTC); None when it was deferred already.

    Before 2.6 a priority raises CapabilityMissing.
    """
    signature = signature_of(capabilities, "periodic", "defer periodic jobs")
    _check_queue(capabilities, job.queue)
    has_priority = "integer" in signature
    if job.priority and not has_priority:
        raise CapabilityMissing("priority of periodic jobs")
    priority = "%(priority)s::integer, " if has_priority else ""
    mode = "NULL::procrastinate_lock_mode, " if "lock_mode" in signature else ""
    return Statement(
        f"SELECT {name_of(signature)}(%(queue)s::varchar, %(lock)s::varchar, {mode}%(queueing_lock)s::varchar, "
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
        named=named.defer_periodic(job, periodic_id, defer_timestamp, lambda job_id: job_id),
    )


# Acting on a job


def cancel(
    capabilities: Capabilities, job_id: int, *, abort: bool = False, delete_job: bool = False
) -> Statement[bool]:
    """Cancel a waiting job; with `abort` also ask a running one to stop. False: neither applied."""
    call = cancel_call(capabilities, "%(id)s::bigint", "%(abort)s::boolean", "%(delete)s::boolean")
    return Statement(
        f"SELECT {call} AS id",
        lambda rows: rows[0]["id"] is not None,
        {"id": job_id, "abort": abort, "delete": delete_job},
        named=named.cancel(job_id, abort, delete_job),
    )


def cancel_call(capabilities: Capabilities, job_id: str, abort: str, is_deleted: str) -> str:
    """The SQL that cancels a job and returns its id, or NULL when it did not apply, from the SQL of its arguments."""
    return f"{name_of(signature_of(capabilities, 'cancel', 'cancel jobs'))}({job_id}, {abort}, {is_deleted})"


def retry_call(capabilities: Capabilities, job_id: str) -> str:
    """The SQL that retries a job with %(at)s and, where the release can, %(priority)s, %(queue)s and %(lock)s."""
    signature = signature_of(capabilities, "retry", "retry jobs")
    changes = ", %(priority)s::integer, %(queue)s::varchar, %(lock)s::varchar" if "integer" in signature else ""
    return f"{name_of(signature)}({job_id}, %(at)s::timestamptz{changes})"


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
    What the schema cannot do (a failed job before 3.4, changes before 2.9) raises CapabilityMissing.
    """
    call = retry_call(capabilities, "%(id)s::bigint")
    if not capabilities.can_change_on_retry and not (priority is None and queue is None and lock is None):
        raise CapabilityMissing("another priority, queue or lock on retry")
    # Where failed jobs can be retried, the function is called once the flag is cleared (the count makes sure
    # of the order) and sees that, for a volatile function sees what its own statement has done so far.
    # Elsewhere it is not called for a failed job, and no row tells of that.
    if capabilities.can_retry_failed:
        prepared, ready = "UPDATE procrastinate_jobs SET abort_requested = false", "number >= 0"
        condition = "abort_requested RETURNING id"
    else:
        prepared, ready, condition = "SELECT id FROM procrastinate_jobs", "number = 0", "true"
    notified, notified_parameters = notifications(capabilities)

    def decode(rows: Rows) -> None:
        if not rows:
            raise CapabilityMissing(
                "retry of failed jobs",
                f"This database's schema (Procrastinate {capabilities.release}) cannot retry failed jobs.",
            )

    return Statement(
        f"WITH prepared AS ({prepared} WHERE id = %(id)s AND status = 'failed' AND {condition}), "
        "retried AS MATERIALIZED ("
        f"SELECT {call}::text FROM (SELECT count(*) AS number FROM prepared) AS first WHERE {ready}) "
        f"SELECT {notified} FROM retried LEFT JOIN procrastinate_jobs AS job ON job.id = %(id)s",
        decode,
        {"id": job_id, "at": retry_at, "priority": priority, "queue": queue, "lock": lock} | notified_parameters,
        named=named.retry(job_id, retry_at, priority, queue, lock),
    )


def notifications(capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
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


def status(job_id: int) -> Statement[Status]:
    """A job's status. Raises NoResult for an id that is not there."""

    def decode(rows: Rows) -> Status:
        if not rows:
            raise NoResult(f"There is no job with id {job_id}.")
        return Status(rows[0]["status"])

    return Statement(
        "SELECT status::text AS status FROM procrastinate_jobs WHERE id = %(id)s",
        decode,
        {"id": job_id},
        named=named.status(job_id),
    )


def finish_call(capabilities: Capabilities, job_id: str, end: str, is_deleted: str) -> str:
    """The SQL that ends a job, from the SQL of its id (bigint), its end (a status) and whether to delete it."""
    name = name_of(signature_of(capabilities, "finish", "finish jobs"))
    arguments = f"({job_id}, {end}, {is_deleted})"
    if not (capabilities.has_abort_requested and capabilities.has_aborting_status):
        return f"{name}{arguments}::text"
    # Halfway to 3.0 an older program's abort sets a status that only the older function can end.
    return (
        f"CASE (SELECT status::text FROM procrastinate_jobs WHERE id = {job_id}) "
        f"WHEN 'aborting' THEN procrastinate_finish_job{arguments}::text ELSE {name}{arguments}::text END"
    )


def finish(capabilities: Capabilities, job_id: int, end: Status, *, delete_job: bool) -> Statement[None]:
    """End a job as succeeded, failed or (from 2.7) aborted, or delete it."""
    if end.value not in capabilities.statuses:
        raise CapabilityMissing(f"status {end.value}")
    call = finish_call(capabilities, "%(id)s::bigint", "%(end)s::procrastinate_job_status", "%(delete)s::boolean")
    return Statement(
        f"SELECT {call}",
        nothing,
        {"id": job_id, "end": end.value, "delete": delete_job},
        named=named.finish(job_id, end, delete_job),
    )
