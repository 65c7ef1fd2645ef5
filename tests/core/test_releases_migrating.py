"""A service that stays up while its database is migrated: its manager goes on, migration by migration."""

from __future__ import annotations

import psycopg
import pytest
from asgiref.sync import sync_to_async
from database import run_sql
from jobdesk_core import Job, JobManager, Status
from managing import bring_to, defer, fetched, ids_of, job_of, managing, now, worker_of
from releases import apply, migrations


async def acts(manager: JobManager, *, is_async: bool) -> None:
    """Defer, cancel and retry, as every release from 2.15 on can; the worker is started anew each time."""
    worker = JobManager(manager.connector)
    retry = manager.retry_job_by_id_async if is_async else sync_to_async(manager.retry_job_by_id)
    batch = manager.batch_defer_jobs_async if is_async else sync_to_async(manager.batch_defer_jobs)
    cancel = manager.cancel_job_by_id_async if is_async else sync_to_async(manager.cancel_job_by_id)
    waiting = ids_of(await batch([Job(task_name="t", queue="q")] * 2))
    assert await cancel(waiting[0])
    (retried,) = ids_of(await batch([Job(task_name="t", queue="r")]))
    assert await manager.defer_periodic_job(Job(task_name="p"), periodic_id=str(retried), defer_timestamp=60)
    job = await worker.fetch_job(["r"], await worker_of(worker))
    assert job is not None and job.id == retried
    await retry(retried, now(), queue="s")
    assert await fetched(worker, queues=["q", "s"]) == [waiting[1], retried]


@pytest.mark.parametrize("state", ["2.15.1"])
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_a_manager_goes_on_through_every_migration(own_released_dsn: str, state: str, is_async: bool) -> None:
    async with managing(own_released_dsn) as manager:
        await acts(manager, is_async=is_async)
        for script in migrations("03.*.sql").values():
            apply(own_released_dsn, [script])
            await acts(manager, is_async=is_async)
        assert (await manager.capabilities_async()).can_batch


@pytest.mark.parametrize("state", ["3.1.0"])
async def test_a_callers_transaction_outlives_migrations_and_other_releases(
    own_released_dsn: str, state: str, dsn: str
) -> None:
    async with (
        managing(own_released_dsn) as manager,
        await psycopg.AsyncConnection.connect(own_released_dsn) as connection,
        await psycopg.AsyncConnection.connect(dsn) as newer,
    ):
        job = Job(task_name="t")
        await defer(manager)
        for _ in range(2):
            for each in (connection, newer):
                await manager.defer_job_async(job, connection=each)
        await connection.commit()
        apply(own_released_dsn, list(migrations("03.02.*").values()))
        (job_id,) = ids_of([await manager.defer_job_async(job, connection=connection)])
        await connection.commit()
        await newer.commit()
        assert (await job_of(manager, job_id)).status == "todo"
        assert await bring_to(manager, Status.SUCCEEDED) > job_id
        assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs") == [2]
