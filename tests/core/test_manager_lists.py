"""JobManager: lists and counts by filters, silent workers, and the removal of old jobs."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from jobdesk_core import ConnectorException, JobManager, Status
from managing import bring_to, defer, execute, job_of, managing, now


async def fill(manager: JobManager) -> None:
    for status in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.TODO):
        await bring_to(manager, status, task_name="mail", lock="l")
    await defer(manager, {"queueing_lock": "q"}, {"task_name": "pdf", "queue": "paper", "lock": "m"})


@pytest.mark.parametrize(
    ("filters", "places"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"id": 3}, [3]),
        ({"queue": "paper"}, [6]),
        ({"task": "mail"}, [1, 2, 3, 4]),
        ({"status": Status.FAILED}, [2]),
        ({"status": "todo"}, [4, 5, 6]),
        ({"status": "todo", "task": "mail", "queue": None}, [4]),
        ({"lock": "l"}, [1, 2, 3, 4]),
        ({"lock": "m"}, [6]),
        ({"queueing_lock": "q"}, [5]),
        ({"worker_id": 2}, [2]),
        ({"queue": "nowhere"}, []),
    ],
)
async def test_jobs_are_listed_by_filters(dsn: str, filters: dict[str, Any], places: list[int]) -> None:
    async with managing(dsn) as manager:
        await fill(manager)
        assert [job.id for job in await manager.list_jobs_async(**filters)] == places
        assert [job.id for job in await sync_to_async(manager.list_jobs)(**filters)] == places


async def test_a_status_that_does_not_exist_is_an_error(dsn: str) -> None:
    async with managing(dsn) as manager:
        with pytest.raises(ConnectorException):
            await manager.list_jobs_async(status="nope")


@pytest.mark.parametrize(
    ("kind", "filters", "expected"),
    [
        ("queues", {}, {"brought": [4, 1, 1, 1, 1], "default": [1, 1, 0, 0, 0], "paper": [1, 1, 0, 0, 0]}),
        ("tasks", {}, {"mail": [4, 1, 1, 1, 1], "pdf": [1, 1, 0, 0, 0], "t": [1, 1, 0, 0, 0]}),
        ("locks", {}, {"l": [4, 1, 1, 1, 1], "m": [1, 1, 0, 0, 0]}),
        ("tasks", {"status": "failed"}, {"mail": [1, 0, 0, 1, 0]}),
        ("queues", {"task": "pdf", "lock": "m"}, {"paper": [1, 1, 0, 0, 0]}),
    ],
)
async def test_queues_tasks_and_locks_are_counted(
    dsn: str, kind: str, filters: dict[str, Any], expected: dict[str, list[int]]
) -> None:
    async with managing(dsn) as manager:
        await fill(manager)
        rows = await getattr(manager, f"list_{kind}_async")(**filters)
        assert await sync_to_async(getattr(manager, f"list_{kind}"))(**filters) == rows
    columns = ("jobs_count", "todo", "succeeded", "failed", "cancelled")
    assert {row["name"]: [row[column] for column in columns] for row in rows} == expected
    assert all(row["doing"] == row["aborted"] == 0 for row in rows)


# Workers and old jobs


async def test_a_job_is_stalled_once_its_worker_is_silent_and_a_heartbeat_ends_that(dsn: str) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, Status.DOING, task_name="slow")
        worker_id = (await job_of(manager, job_id)).worker_id
        assert worker_id is not None
        assert await manager.get_stalled_jobs() == []
        await execute(manager, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
        assert [job.id for job in await manager.get_stalled_jobs()] == [job_id]
        assert [job.id for job in await manager.get_stalled_jobs(queue="brought", task_name="slow")] == [job_id]
        assert await manager.get_stalled_jobs(queue="other") == []
        assert await manager.get_stalled_jobs(task_name="other") == []
        assert await manager.get_stalled_jobs(seconds_since_heartbeat=90) == []
        await manager.update_heartbeat(worker_id)
        assert await manager.get_stalled_jobs() == []
        await manager.unregister_worker(worker_id)
        assert [job.id for job in await manager.get_stalled_jobs()] == [job_id]


async def test_silent_workers_are_pruned_and_their_jobs_stall(dsn: str) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, Status.DOING)
        silent = (await job_of(manager, job_id)).worker_id
        await execute(manager, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
        alive = await manager.register_worker()
        assert await manager.prune_stalled_workers(30) == [silent]
        assert await manager.prune_stalled_workers(30) == []
        assert [job.worker_id for job in await manager.get_stalled_jobs()] == [None]
        await manager.retry_job_by_id_async(job_id, now())
        job = await manager.fetch_job(None, alive)
        assert job is not None
        assert (job.id, job.worker_id, job.attempts) == (job_id, alive, 1)


ENDS = [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.ABORTED]


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({}, {Status.SUCCEEDED}),
        ({"include_failed": True}, {Status.SUCCEEDED, Status.FAILED}),
        ({"include_cancelled": True}, {Status.SUCCEEDED, Status.CANCELLED}),
        ({"include_aborted": True}, {Status.SUCCEEDED, Status.ABORTED}),
        ({"queue": "other"}, set()),
        ({"include_failed": True, "include_cancelled": True, "limit": 2}, {Status.SUCCEEDED, Status.FAILED}),
    ],
)
async def test_old_jobs_are_deleted_by_their_end(dsn: str, options: dict[str, Any], gone: set[Status]) -> None:
    async with managing(dsn) as manager:
        for status in (*ENDS, Status.DOING, Status.TODO):
            await bring_to(manager, status)
        await execute(manager, "UPDATE procrastinate_events SET at = at - interval '3 hours'")
        await bring_to(manager, Status.SUCCEEDED, task_name="young", queue="young")
        assert await manager.delete_old_jobs(2, **options) == len(gone)
        left = await manager.list_jobs_async(task="t")
        assert {Status(job.status) for job in left} == {*ENDS, Status.TODO, Status.DOING} - gone
        assert len(await manager.list_jobs_async(task="young")) == 1
