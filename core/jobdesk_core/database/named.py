"""The operations by name, for a connector that speaks no SQL: what each asks for, and what it makes of the answer.

The names and the arguments are the library's, so that a test-suite may look at them (`InMemoryConnector.queries`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Literal, TypeVar

from jobdesk_core.connectors.statement import Ask, Named
from jobdesk_core.exceptions import NoResult
from jobdesk_core.jobs import Job, Status
from jobdesk_core.types import JobToDefer

T = TypeVar("T")


def _simple(name: str, kind: Literal["run", "one", "all"], decode: Callable[[Any], T], **arguments: Any) -> Named[T]:
    async def steps(ask: Ask) -> T:
        return decode(await ask(name, kind, **arguments))

    return steps


def _nothing(_: Any) -> None:
    return None


def _jobs(rows: Iterable[dict[str, Any]]) -> list[Job]:
    return [Job.from_row(row) for row in rows]


def _job(row: dict[str, Any]) -> Job | None:
    return Job.from_row(row) if row["id"] is not None else None


def defer(jobs: Sequence[Job]) -> Named[list[int]]:
    """As `statements.defer`."""

    async def steps(ask: Ask) -> list[int]:
        return [row["id"] for row in await ask("defer_jobs", "all", jobs=[_to_defer(job) for job in jobs])]

    return steps


def _to_defer(job: Job) -> JobToDefer:
    return JobToDefer(
        queue_name=job.queue,
        task_name=job.task_name,
        priority=job.priority,
        lock=job.lock,
        queueing_lock=job.queueing_lock,
        args=dict(job.task_kwargs),
        scheduled_at=job.scheduled_at,
    )


def defer_periodic(job: Job, periodic_id: str, defer_timestamp: int, decode: Callable[[int | None], T]) -> Named[T]:
    """As `statements.defer_periodic` and `defer_due`."""
    return _simple(
        "defer_periodic_job",
        "one",
        lambda row: decode(row["id"]),
        queue=job.queue,
        lock=job.lock,
        queueing_lock=job.queueing_lock,
        task_name=job.task_name,
        priority=job.priority,
        periodic_id=periodic_id,
        defer_timestamp=defer_timestamp,
        args=dict(job.task_kwargs),
    )


def cancel(job_id: int, abort: bool, delete_job: bool) -> Named[bool]:
    """As `statements.cancel`."""
    return _simple(
        "cancel_job", "one", lambda row: row["id"] is not None, job_id=job_id, abort=abort, delete_job=delete_job
    )


def status(job_id: int) -> Named[Status]:
    """As `statements.status`."""

    def decode(row: dict[str, Any] | None) -> Status:
        if row is None:
            raise NoResult(f"There is no job with id {job_id}.")
        return Status(row["status"])

    return _simple("get_job_status", "one", decode, job_id=job_id)


def retry(job_id: int, retry_at: dt.datetime, priority: int | None, queue: str | None, lock: str | None) -> Named[None]:
    """As `statements.retry`."""
    changes = {"new_priority": priority, "new_queue_name": queue, "new_lock": lock}
    return _simple("retry_job", "run", _nothing, job_id=job_id, retry_at=retry_at, **changes)


def fetch(queues: Sequence[str] | None, worker_id: int | None) -> Named[Job | None]:
    """As `workers.fetch`."""
    return _simple("fetch_job", "one", _job, queues=queues, worker_id=worker_id)


def finish(job_id: int, end: Status, delete_job: bool) -> Named[None]:
    """As `statements.finish`."""
    return _simple("finish_job", "run", _nothing, job_id=job_id, status=end.value, delete_job=delete_job)


def exchange(
    endings: Collection[Any],
    wanted: int,
    queues: Sequence[str] | None,
    worker_id: int | None,
    decode: Callable[[frozenset[int], list[Job]], T],
) -> Named[T]:
    """As `exchange.exchange`."""

    async def steps(ask: Ask) -> T:
        for ending in endings:
            await finish(ending.job.id, ending.status, ending.delete_job)(ask)
        jobs: list[Job] = []
        while len(jobs) < wanted and (job := await fetch(queues, worker_id)(ask)) is not None:
            jobs.append(job)
        return decode(frozenset(ending.job.id for ending in endings), jobs)

    return steps


def running(worker_id: int) -> Named[dict[int, int]]:
    """As `exchange.running`."""
    filters = dict.fromkeys(("id", "queue_name", "task_name", "lock", "queueing_lock"))
    return _simple(
        "list_jobs",
        "all",
        lambda rows: {row["id"]: row["attempts"] for row in rows},
        **filters,
        status="doing",
        worker_id=worker_id,
    )


async def nothing_to_tell(ask: Ask) -> None:
    """As `exchange.notify_freed`: whoever waits for a lock looks again by itself."""


def jobs_to_abort(queue: str | None) -> Named[list[int]]:
    """As `workers.jobs_to_abort`, of any worker."""
    return _simple("list_jobs_to_abort", "all", lambda rows: [row["id"] for row in rows], queue_name=queue)


def register_worker() -> Named[int]:
    """As `workers.register_worker`."""
    return _simple("register_worker", "one", lambda row: int(row["worker_id"]))


def unregister_worker(worker_id: int) -> Named[None]:
    """As `workers.unregister_worker`."""
    return _simple("unregister_worker", "run", _nothing, worker_id=worker_id)


def update_heartbeat(worker_id: int) -> Named[None]:
    """As `workers.update_heartbeat`."""
    return _simple("update_heartbeat", "run", _nothing, worker_id=worker_id)


def prune_stalled_workers(seconds_since_heartbeat: float) -> Named[list[int]]:
    """As `workers.prune_stalled_workers`."""
    return _simple(
        "prune_stalled_workers",
        "all",
        lambda rows: [row["worker_id"] for row in rows],
        seconds_since_heartbeat=seconds_since_heartbeat,
    )


def stalled_jobs(seconds_since_heartbeat: float, queue: str | None, task_name: str | None) -> Named[list[Job]]:
    """As `workers.stalled_jobs`."""
    return _simple(
        "select_stalled_jobs_by_heartbeat",
        "all",
        _jobs,
        queue=queue,
        task_name=task_name,
        seconds_since_heartbeat=seconds_since_heartbeat,
    )


def jobs_started_before(nb_seconds: float, queue: str | None, task_name: str | None) -> Named[list[Job]]:
    """As `workers.jobs_started_before`."""
    return _simple(
        "select_stalled_jobs_by_started", "all", _jobs, nb_seconds=nb_seconds, queue=queue, task_name=task_name
    )


def delete_old_jobs(nb_hours: float, queue: str | None, statuses: Sequence[str]) -> Named[int]:
    """As `listing.delete_old_jobs`, without a limit."""
    return _simple(
        "delete_old_jobs", "run", lambda count: count or 0, nb_hours=nb_hours, queue=queue, statuses=tuple(statuses)
    )


def list_jobs(filters: dict[str, Any]) -> Named[list[Job]]:
    """As `listing.list_jobs`, of the filters that are given."""
    names = ("id", "queue_name", "task_name", "status", "lock", "queueing_lock", "worker_id")
    return _simple("list_jobs", "all", _jobs, **_arguments(names, filters))


def list_counts(column: str, labels: Sequence[str], filters: dict[str, Any]) -> Named[list[dict[str, Any]]]:
    """As `listing.list_counts`, of the filters that are given."""

    def decode(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {"name": row["name"], "jobs_count": row["jobs_count"]}
            | {label: row["stats"].get(label, 0) for label in labels}
            for row in rows
        ]

    name = {"queue_name": "list_queues", "task_name": "list_tasks", "lock": "list_locks"}[column]
    return _simple(name, "all", decode, **_arguments(("queue_name", "task_name", "status", "lock"), filters))


def _arguments(names: Sequence[str], filters: dict[str, Any]) -> dict[str, Any]:
    return {name: filters.get({"queue_name": "queue", "task_name": "task"}.get(name, name)) for name in names}


def apply_schema() -> Named[None]:
    """As the SQL of the schema."""
    return _simple("apply_schema", "run", _nothing)
