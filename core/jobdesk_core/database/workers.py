"""The SQL of workers: what they fetch, which of their jobs are to be aborted, who lives and what has stalled."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database import named
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.listing import columns
from jobdesk_core.database.statements import name_of, signature_of
from jobdesk_core.exceptions import (
    CapabilityMissing,
    SchemaMissing,
)
from jobdesk_core.jobs import Job


def fetch(capabilities: Capabilities, queues: Sequence[str] | None, worker_id: int | None) -> Statement[Job | None]:
    """Start the next due job of the queues (None: of any) for a worker, or return None."""
    return Statement(
        f"SELECT {columns(capabilities)} FROM {fetch_call(capabilities)} WHERE id IS NOT NULL",
        lambda rows: Job.from_row(rows[0]) if rows else None,
        {"queues": list(queues) if queues is not None else None, "worker": worker_id},
        named=named.fetch(queues, worker_id),
    )


def fetch_call(capabilities: Capabilities) -> str:
    """The call that starts the next due job of %(queues)s for %(worker)s and returns its row or NULLs."""
    signature = signature_of(capabilities, "fetch", "fetch jobs")
    worker = ", %(worker)s::bigint" if "bigint" in signature else ""
    return f"{name_of(signature)}(%(queues)s::varchar[]{worker})"


def jobs_to_abort(
    capabilities: Capabilities, worker_id: int | None, *, queue: str | None = None
) -> Statement[list[int]]:
    """The running jobs of a worker and a queue (None: of any) whose abort was requested."""
    conditions = ["false"]
    if capabilities.has_abort_requested:
        conditions.append("status = 'doing' AND abort_requested")
    if capabilities.has_aborting_status:
        conditions.append("status = 'aborting'")
    condition = " OR ".join(conditions)
    own = " AND (%(queue)s::text IS NULL OR queue_name = %(queue)s)"
    if capabilities.has_worker_id:
        own += " AND (%(worker)s::bigint IS NULL OR worker_id = %(worker)s)"
    return Statement(
        f"SELECT id FROM procrastinate_jobs WHERE ({condition}){own}",
        lambda rows: [row["id"] for row in rows],
        {"worker": worker_id, "queue": queue},
        named=named.jobs_to_abort(queue),
    )


def _require_workers(capabilities: Capabilities) -> None:
    if not capabilities.has_workers:
        raise CapabilityMissing("workers table") if capabilities.has_schema else SchemaMissing("workers table")


def register_worker(capabilities: Capabilities) -> Statement[int]:
    """Add a worker and return its id. Before 3.1 this and all else about workers raises CapabilityMissing."""
    _require_workers(capabilities)
    return Statement(
        "SELECT worker_id FROM procrastinate_register_worker_v1()",
        lambda rows: rows[0]["worker_id"],
        named=named.register_worker(),
    )


def unregister_worker(capabilities: Capabilities, worker_id: int) -> Statement[None]:
    """Remove a worker; its running jobs count as stalled from then on."""
    _require_workers(capabilities)
    return Statement(
        "SELECT procrastinate_unregister_worker_v1(%(id)s)",
        nothing,
        {"id": worker_id},
        named=named.unregister_worker(worker_id),
    )


def update_heartbeat(capabilities: Capabilities, worker_id: int) -> Statement[None]:
    """Tell that a worker lives."""
    _require_workers(capabilities)
    return Statement(
        "SELECT procrastinate_update_heartbeat_v1(%(id)s)",
        nothing,
        {"id": worker_id},
        named=named.update_heartbeat(worker_id),
    )


def prune_stalled_workers(capabilities: Capabilities, seconds_since_heartbeat: float) -> Statement[list[int]]:
    """Remove the workers that have been silent for so many seconds and return their ids."""
    _require_workers(capabilities)
    return Statement(
        "SELECT worker_id FROM procrastinate_prune_stalled_workers_v1(%(seconds)s)",
        lambda rows: [row["worker_id"] for row in rows],
        {"seconds": seconds_since_heartbeat},
        named=named.prune_stalled_workers(seconds_since_heartbeat),
    )


def stalled_jobs(
    capabilities: Capabilities, *, seconds_since_heartbeat: float, queue: str | None, task_name: str | None
) -> Statement[list[Job]]:
    """The running jobs without a worker, or whose worker has been silent for so many seconds."""
    _require_workers(capabilities)
    return Statement(
        f"SELECT {columns(capabilities, 'job.')} FROM procrastinate_jobs AS job "
        "LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id "
        "WHERE job.status = 'doing' "
        "AND (worker.id IS NULL OR worker.last_heartbeat < now() - %(seconds)s * interval '1 second') "
        "AND (%(queue)s::text IS NULL OR job.queue_name = %(queue)s) "
        "AND (%(task)s::text IS NULL OR job.task_name = %(task)s) ORDER BY job.id",
        lambda rows: [Job.from_row(row) for row in rows],
        {"seconds": seconds_since_heartbeat, "queue": queue, "task": task_name},
        named=named.stalled_jobs(seconds_since_heartbeat, queue, task_name),
    )


def jobs_started_before(
    capabilities: Capabilities, *, nb_seconds: float, queue: str | None, task_name: str | None
) -> Statement[list[Job]]:
    """The running jobs whose latest start was more than so many seconds ago."""
    return Statement(
        f"SELECT {columns(capabilities, 'job.')} FROM procrastinate_jobs AS job WHERE job.status = 'doing' "
        "AND (SELECT max(event.at) FROM procrastinate_events AS event WHERE event.job_id = job.id "
        "AND event.type = 'started') < now() - %(seconds)s * interval '1 second' "
        "AND (%(queue)s::text IS NULL OR job.queue_name = %(queue)s) "
        "AND (%(task)s::text IS NULL OR job.task_name = %(task)s) ORDER BY job.id",
        lambda rows: [Job.from_row(row) for row in rows],
        {"seconds": nb_seconds, "queue": queue, "task": task_name},
        named=named.jobs_started_before(nb_seconds, queue, task_name),
    )
