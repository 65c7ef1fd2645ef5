"""JobManager: what is deferred, what is refused, and who gets which job next."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from jobdesk_core import AlreadyEnqueued, EventType, Job, Status
from jobdesk_core.exceptions import InvalidTimestamp, UniqueViolation
from managing import SOON, defer, events_of, execute, fetched, ids_of, job_of, managing, now
from waiting import until

# Deferring


async def test_a_deferred_job_waits_with_everything_it_was_given(dsn: str) -> None:
    at = (now() + SOON).replace(microsecond=0)
    wanted = Job(
        task_name="mail.send",
        queue="mail",
        priority=-3,
        lock="acct",
        queueing_lock="once",
        task_kwargs={"a": [1, {"b": None}], "é": "ü"},
        scheduled_at=at,
    )
    async with managing(dsn) as manager:
        inserted = await manager.defer_job_async(wanted)
        (job_id,) = ids_of([inserted])
        job = await job_of(manager, job_id)
        assert await events_of(manager, job_id) == [EventType.SCHEDULED, EventType.DEFERRED]
    assert inserted == job
    assert (job.queue, job.task_name, job.priority, job.lock) == ("mail", "mail.send", -3, "acct")
    assert (job.queueing_lock, job.task_kwargs, job.scheduled_at) == ("once", wanted.task_kwargs, at)
    assert (Status(job.status), job.attempts, job.worker_id, job.abort_requested) == (Status.TODO, 0, None, False)


async def test_a_batch_has_its_ids_in_order(dsn: str) -> None:
    async with managing(dsn) as manager:
        assert await manager.batch_defer_jobs_async([]) == []
        ids = await defer(manager, *({"task_kwargs": {"n": n}, "priority": -n} for n in range(50)))
        assert ids == sorted(ids)
        assert [job.task_kwargs["n"] for job in await manager.list_jobs_async()] == list(range(50))
        assert [job.id for job in await manager.list_jobs_async()] == ids


async def test_a_batch_with_a_taken_queueing_lock_defers_nothing(dsn: str) -> None:
    async with managing(dsn) as manager:
        with pytest.raises(AlreadyEnqueued, match=r"queueing lock once$"):
            await defer(manager, {}, {"queueing_lock": "once"}, {"queueing_lock": "once"})
        assert await manager.list_jobs_async() == []


async def test_a_queueing_lock_lets_one_job_wait(dsn: str) -> None:
    async with managing(dsn) as manager:
        (first,) = await defer(manager, queueing_lock="once")
        with pytest.raises(AlreadyEnqueued) as caught:
            await defer(manager, queueing_lock="once")
        assert caught.value.queueing_lock == "once"
        assert isinstance(caught.value.__cause__, UniqueViolation)
        assert isinstance(caught.value.__cause__.__cause__, psycopg.errors.UniqueViolation)
        assert await fetched(manager) == [first]
        assert await defer(manager, queueing_lock="once")


async def test_another_unique_index_is_a_violation_with_its_name(dsn: str) -> None:
    async with managing(dsn) as manager:
        await execute(manager, "CREATE UNIQUE INDEX only_one ON procrastinate_jobs (task_name)")
        await defer(manager)
        with pytest.raises(UniqueViolation) as caught:
            await defer(manager)
        assert caught.value.constraint_name == "only_one"
        assert isinstance(caught.value.__cause__, psycopg.errors.UniqueViolation)


async def test_a_periodic_job_is_deferred_once_for_each_time(dsn: str) -> None:
    async with managing(dsn) as manager:

        async def defer_for(timestamp: int, periodic_id: str = "", **options: Any) -> int | None:
            job = Job(task_name="t", **options)
            return await manager.defer_periodic_job(job, periodic_id=periodic_id, defer_timestamp=timestamp)

        first = await defer_for(1_000_000_000, priority=4, task_kwargs={"timestamp": 1_000_000_000})
        assert first is not None
        assert await defer_for(1_000_000_000) is None
        with pytest.raises(InvalidTimestamp):
            await defer_for(1_000_000_060, task_kwargs={"timestamp": 1_000_000_000})
        assert await defer_for(1_000_000_000, "other") is not None
        assert await defer_for(1_000_000_060) is not None
        job = await job_of(manager, first)
        assert (job.priority, job.task_kwargs) == (4, {"timestamp": 1_000_000_000})
        assert len(await manager.list_jobs_async()) == 3


async def test_a_periodic_job_whose_queueing_lock_is_taken_is_not_counted_as_deferred(dsn: str) -> None:
    async with managing(dsn) as manager:
        job = Job(task_name="t", queueing_lock="once")
        await defer(manager, queueing_lock="once")
        with pytest.raises(AlreadyEnqueued):
            await manager.defer_periodic_job(job, periodic_id="", defer_timestamp=1)
        await fetched(manager)
        assert await manager.defer_periodic_job(job, periodic_id="", defer_timestamp=1) is not None


# Fetching


async def test_jobs_come_by_priority_then_id(dsn: str) -> None:
    async with managing(dsn) as manager:
        ids = await defer(manager, *({"priority": priority} for priority in (0, 5, -1, 5, 0)))
        assert await fetched(manager) == [ids[n] for n in (1, 3, 0, 4, 2)]


async def test_jobs_come_only_from_the_queues_asked_for_and_when_due(dsn: str) -> None:
    async with managing(dsn) as manager:
        options = [{"queue": "a"}, {"queue": "b"}, {"queue": "a", "scheduled_at": now() + SOON}, {"queue": "c"}]
        options += [{"queue": "a", "scheduled_at": now() - SOON}]
        ids = await defer(manager, *options)
        assert await fetched(manager, queues=[]) == []
        assert await fetched(manager, queues=["a", "b"]) == [ids[0], ids[1], ids[4]]
        assert await fetched(manager) == [ids[3]]


async def test_a_fetched_job_is_doing_for_its_worker(dsn: str) -> None:
    async with managing(dsn) as manager:
        (job_id,) = await defer(manager)
        worker_id = await manager.register_worker()
        job = await manager.fetch_job(None, worker_id)
        assert job is not None
        assert (job.id, Status(job.status), job.worker_id, job.attempts) == (job_id, Status.DOING, worker_id, 0)
        assert await manager.fetch_job(None, worker_id) is None


async def test_a_lock_lets_one_job_run_and_the_next_only_in_order(dsn: str) -> None:
    async with managing(dsn) as manager:
        lock = {"lock": "l"}
        first, high, other, late = await defer(manager, lock, {**lock, "priority": 1}, {"lock": "m"}, lock)
        worker_id = await manager.register_worker()
        running = [await manager.fetch_job(None, worker_id) for _ in range(3)]
        assert [job.id if job else None for job in running] == [high, other, None]
        assert running[0] is not None
        await manager.finish_job(running[0], Status.FAILED, False)
        assert await fetched(manager) == [first, late]


@pytest.mark.parametrize("head", [{"scheduled_at": now() + SOON}, {"queue": "not served"}], ids=["future", "queue"])
async def test_the_first_waiting_job_of_a_lock_holds_up_the_others(dsn: str, head: dict[str, Any]) -> None:
    async with managing(dsn) as manager:
        blocking, blocked = await defer(manager, {"lock": "l", **head}, {"lock": "l"})
        assert await fetched(manager, queues=["default"]) == []
        assert await manager.cancel_job_by_id_async(blocking)
        assert await fetched(manager, queues=["default"]) == [blocked]


async def test_the_end_of_a_locks_job_wakes_the_queue_of_the_next_one(dsn: str) -> None:
    async with managing(dsn) as manager:
        jobs = [{"queue": "a", "priority": 9}, {"queue": "b"}, {"queue": "c", "priority": 5}]
        await defer(manager, *({"lock": "l", **job} for job in jobs))
        running = await manager.fetch_job(None, await manager.register_worker())
        assert running is not None and running.queue == "a"
        heard: list[str] = []
        is_listening = asyncio.Event()
        listening = asyncio.create_task(
            manager.listen_for_jobs(
                on_notification=lambda channel, _: heard.append(channel),
                queues=["a", "b", "c"],
                on_listening=is_listening.set,
            )
        )
        try:
            await asyncio.wait_for(is_listening.wait(), 60)
            await manager.finish_job(running, Status.SUCCEEDED, False)
            await until(lambda: heard)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        assert heard == ["procrastinate_queue_v1#c"]
