"""A job manager on a test's database, and the jobs that a test starts out with."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Iterable
from typing import Any

from jobdesk_core import EventType, Job, JobManager, PsycopgConnector, Status
from jobdesk_core.connectors.statement import Statement, nothing

SOON = dt.timedelta(hours=1)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@contextlib.asynccontextmanager
async def managing(dsn: str) -> AsyncIterator[JobManager]:
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    try:
        yield JobManager(connector)
    finally:
        await connector.close_async()


async def execute(manager: JobManager, text: str) -> None:
    await manager.connector.run_async(Statement(text, nothing))


async def defer(manager: JobManager, *jobs: Any, **options: Any) -> list[int]:
    """Defer one job with these options, or one for each dict of them."""
    wanted = [Job(**{"task_name": "t", **each}) for each in jobs or [options]]
    return ids_of(await manager.batch_defer_jobs_async(wanted))


def ids_of(jobs: Iterable[Job]) -> list[int]:
    """The ids of jobs, each of which has one."""
    return [job.id for job in jobs if job.id is not None]


async def job_of(manager: JobManager, job_id: int) -> Job:
    return (await manager.list_jobs_async(id=job_id))[0]


async def events_of(manager: JobManager, job_id: int) -> list[EventType]:
    text = "SELECT type::text FROM procrastinate_events WHERE job_id = %(id)s ORDER BY id"
    rows: Statement[list[Any]] = Statement(text, lambda rows: [EventType(row["type"]) for row in rows], {"id": job_id})
    events: list[EventType] = await manager.connector.run_async(rows)
    return events


async def worker_of(manager: JobManager) -> int | None:
    """A new worker's id; None on releases that keep no record of workers."""
    able = await manager.capabilities_async()
    return await manager.register_worker() if able.has_workers else None


async def bring_to(manager: JobManager, status: Status, **options: Any) -> int:
    """A job that has got so far; in its queue no job may be waiting."""
    queue = options.setdefault("queue", "brought")
    (job_id,) = await defer(manager, **options)
    if status is Status.CANCELLED:
        await manager.cancel_job_by_id_async(job_id)
    elif status is not Status.TODO:
        job = await manager.fetch_job([queue], await worker_of(manager))
        assert job is not None and job.id == job_id
        if status is not Status.DOING:
            await manager.finish_job(job, status, False)
    return job_id


async def fetched(manager: JobManager, *, until_empty: int = 20, queues: list[str] | None = None) -> list[int | None]:
    """The ids that one worker is given, each job ended before the next is asked for."""
    worker_id = await worker_of(manager)
    ids = []
    for _ in range(until_empty):
        job = await manager.fetch_job(queues, worker_id)
        if job is None:
            break
        ids.append(job.id)
        await manager.finish_job(job, Status.SUCCEEDED, False)
    return ids


async def bring_all(manager: JobManager) -> dict[Status, int]:
    """A job in each status that the release has; the lock `one` is the running job's."""
    able = await manager.capabilities_async()
    ids = {status: await bring_to(manager, status) for status in (Status.SUCCEEDED, Status.FAILED)}
    ids[Status.DOING] = await bring_to(manager, Status.DOING, lock="one", queueing_lock="only")
    if able.can_cancel:
        ids[Status.ABORTED] = await bring_to(manager, Status.ABORTED)
        asked = await bring_to(manager, Status.DOING, lock="two")
        assert await manager.cancel_job_by_id_async(asked, abort=True)
        ids[Status.ABORTING] = asked
        ids[Status.CANCELLED] = await bring_to(manager, Status.CANCELLED)
    ids[Status.TODO] = await bring_to(manager, Status.TODO, lock="one", queueing_lock="only")
    return ids
