"""JobManager on every release: what works there works alike, and what does not is refused by its name."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from jobdesk_core import EventType, Job, JobManager, Status
from jobdesk_core.exceptions import AlreadyEnqueued, CapabilityMissing, ConnectorException, NoResult
from managing import SOON, bring_to, defer, events_of, execute, fetched, ids_of, job_of, managing, now
from releases import STATES, level
from waiting import until

MISSING = 999_999
TO_3_0, TO_3_4 = "2.15.1 with 3.0 pre", "3.3.0 with 3.4 pre"

each_state = pytest.mark.parametrize("state", STATES)


async def lacks(capability: str, call: Awaitable[Any]) -> None:
    """The call must be refused, and the refusal must name the capability."""
    with pytest.raises(CapabilityMissing) as caught:
        await call
    assert caught.value.capability == capability


# Deferring


@each_state
async def test_a_job_is_deferred_with_every_option(released_dsn: str, state: str) -> None:
    at = now().replace(microsecond=0) + SOON
    wanted = Job(
        task_name="t", queue="q", lock="l", queueing_lock="ql", task_kwargs={"a": [1, {"b": "%s"}]}, scheduled_at=at
    )
    async with managing(released_dsn) as manager:
        (job_id,) = ids_of([await manager.defer_job_async(wanted)])
        job = await job_of(manager, job_id)
        assert (job.queue, job.lock, job.queueing_lock, job.scheduled_at) == ("q", "l", "ql", at)
        assert (job.task_kwargs, Status(job.status), job.attempts) == (wanted.task_kwargs, Status.TODO, 0)
        assert await events_of(manager, job_id) == [EventType.SCHEDULED, EventType.DEFERRED]
        for call in (manager.defer_job_async, sync_to_async(manager.defer_job)):
            with pytest.raises(AlreadyEnqueued) as caught:
                await call(wanted)
            assert caught.value.queueing_lock == "ql"
        urgent = sync_to_async(manager.defer_job)(Job(task_name="t", priority=7))
        if level(state) < (2, 5):
            await lacks("priority", urgent)
        else:
            (job_id,) = ids_of([await urgent])
            assert (await job_of(manager, job_id)).priority == 7


@each_state
async def test_a_batch_is_deferred_in_its_order_all_or_none(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        at = now().replace(microsecond=0) + SOON
        ids = await defer(manager, *({"task_kwargs": {"n": n}, "lock": [None, "l"][n % 2]} for n in range(20)))
        more = [Job(task_name="t", scheduled_at=at, task_kwargs={"n": 20}), Job(task_name="u", task_kwargs={"n": 21})]
        ids += ids_of(await sync_to_async(manager.batch_defer_jobs)(more))
        assert ids == sorted(set(ids))
        jobs = await manager.list_jobs_async()
        assert [job.id for job in jobs] == ids
        assert [job.task_kwargs["n"] for job in jobs] == list(range(22))
        assert [(job.task_name, job.scheduled_at) for job in jobs[-2:]] == [("t", at), ("u", None)]
        with pytest.raises(AlreadyEnqueued):
            await defer(manager, {}, {"queueing_lock": "once"}, {"queueing_lock": "once"})
        assert await manager.batch_defer_jobs_async([]) == []
        assert len(await manager.list_jobs_async()) == 22


@each_state
async def test_a_periodic_job_is_deferred_once_for_each_time(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        job = Job(task_name="t", queue="q", task_kwargs={"timestamp": 60})
        options = {"periodic_id": "p", "defer_timestamp": 60}
        job_id = await manager.defer_periodic_job(job, **options)
        assert job_id is not None
        assert await manager.defer_periodic_job(job, **options) is None
        later = Job(task_name="t", queue="q", task_kwargs={"timestamp": 120})
        assert await manager.defer_periodic_job(later, periodic_id="p", defer_timestamp=120) is not None
        assert (await job_of(manager, job_id)).task_kwargs == {"timestamp": 60}
        urgent = manager.defer_periodic_job(Job(task_name="t", priority=3), periodic_id="u", defer_timestamp=60)
        if level(state) < (2, 6):
            await lacks("priority of periodic jobs", urgent)
        else:
            assert (await job_of(manager, await urgent or 0)).priority == 3


# Cancelling and aborting


@each_state
async def test_a_job_is_cancelled_aborted_or_deleted(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        cancel, cancel_sync = manager.cancel_job_by_id_async, sync_to_async(manager.cancel_job_by_id)
        waiting, unwanted = await defer(manager, {"queue": "a"}, {"queue": "b"})
        running = await bring_to(manager, Status.DOING)
        if level(state) < (2, 7):
            await lacks("cancel jobs", cancel(waiting))
            await lacks("cancel jobs", cancel_sync(running, abort=True))
            return
        assert await cancel_sync(waiting)
        assert not await cancel_sync(waiting)
        assert not await cancel(running)
        assert not await cancel(MISSING, abort=True)
        assert await cancel(unwanted, delete_job=True)
        assert await cancel(running, abort=True)
        assert [(job.id, Status(job.status)) for job in await manager.list_jobs_async(queue="a")] == [
            (waiting, Status.CANCELLED)
        ]
        assert await manager.list_jobs_async(id=unwanted) == []
        assert (await events_of(manager, waiting))[-1] is EventType.CANCELLED
        is_flag = level(state) >= (3, 0)
        job = await job_of(manager, running)
        assert (Status(job.status), job.abort_requested) == (Status.DOING if is_flag else Status.ABORTING, is_flag)
        assert await manager.list_jobs_to_abort_async(worker_id=job.worker_id or 0) == [running]
        await manager.finish_job(job, Status.ABORTED, False)
        job = await job_of(manager, running)
        assert (Status(job.status), job.abort_requested, job.attempts) == (Status.ABORTED, False, int(is_flag))


@pytest.mark.parametrize("state", [TO_3_0])
async def test_halfway_to_3_0_a_job_that_an_older_program_aborts_can_end(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        for end in (Status.SUCCEEDED, Status.FAILED, Status.ABORTED):
            job_id = await bring_to(manager, Status.DOING)
            await execute(manager, f"SELECT procrastinate_cancel_job({job_id}, true, false)")
            assert await manager.get_job_status_async(job_id) is Status.ABORTING
            assert await manager.list_jobs_to_abort_async(worker_id=0) == [job_id]
            await manager.finish_job_by_id_async(job_id, end, False)
            assert await manager.get_job_status_async(job_id) is end


# Ending and retrying


@each_state
async def test_a_job_ends_as_told_and_only_once(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        for end in (Status.SUCCEEDED, Status.FAILED, Status.ABORTED):
            if end is Status.ABORTED and level(state) < (2, 7):
                running = await bring_to(manager, Status.DOING)
                await lacks("status aborted", manager.finish_job_by_id_async(running, end, False))
                continue
            job_id = await bring_to(manager, end)
            job = await job_of(manager, job_id)
            assert (Status(job.status), job.attempts) == (end, 1)
            assert (await events_of(manager, job_id))[1:] == [EventType.STARTED, EventType(end.value)]
            with pytest.raises(ConnectorException):
                await manager.finish_job_by_id_async(job_id, end, False)
        gone = await bring_to(manager, Status.DOING, queue="gone")
        await manager.finish_job_by_id_async(gone, Status.SUCCEEDED, True)
        assert await manager.list_jobs_async(queue="gone") == []


@each_state
async def test_a_running_job_is_retried(released_dsn: str, state: str) -> None:
    at = now().replace(microsecond=0) - SOON
    changes: dict[str, Any] = {"priority": 3, "queue": "other", "lock": "m"}
    async with managing(released_dsn) as manager:
        job_id = await bring_to(manager, Status.DOING)
        if level(state) < (2, 9):
            change = manager.retry_job_by_id_async(job_id, at, **changes)
            await lacks("another priority, queue or lock on retry", change)
            changes = {}
        await manager.retry_job_by_id_async(job_id, at, **changes)
        job = await job_of(manager, job_id)
        assert (Status(job.status), job.attempts, job.scheduled_at) == (Status.TODO, 1, at)
        assert (job.queue, job.lock) == (("other", "m") if changes else ("brought", None))
        assert (await events_of(manager, job_id))[-2:] == [EventType.SCHEDULED, EventType.DEFERRED_FOR_RETRY]
        assert await fetched(manager) == [job_id]


@each_state
async def test_a_failed_job_is_retried_from_3_4_on(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        retry, retry_sync = manager.retry_job_by_id_async, sync_to_async(manager.retry_job_by_id)
        job_id = await bring_to(manager, Status.FAILED)
        if level(state) < (3, 4):
            await lacks("retry of failed jobs", retry(job_id, now()))
            await lacks("retry of failed jobs", retry_sync(job_id, now()))
            assert await manager.get_job_status_async(job_id) is Status.FAILED
            return
        await retry_sync(job_id, now())
        told = [EventType.SCHEDULED] if state == TO_3_4 else [EventType.SCHEDULED, EventType.RETRIED]
        assert (await events_of(manager, job_id))[3:] == told
        assert await fetched(manager) == [job_id]


@each_state
async def test_a_job_that_is_not_there_gives_the_same_everywhere(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        for call in (manager.get_job_status_async, sync_to_async(manager.get_job_status)):
            with pytest.raises(NoResult, match=str(MISSING)):
                await call(MISSING)
        for call in (manager.retry_job_by_id_async, sync_to_async(manager.retry_job_by_id)):
            with pytest.raises(ConnectorException):
                await call(MISSING, now())
        with pytest.raises(ConnectorException):
            await manager.finish_job_by_id_async(MISSING, Status.FAILED, False)


# Listing, workers, deleting


@each_state
async def test_jobs_are_listed_and_counted(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        failed = await bring_to(manager, Status.FAILED, lock="l")
        await bring_to(manager, Status.DOING)
        waiting = await defer(manager, {"lock": "l"}, {"task_name": "u", "queue": "other"})
        assert [job.id for job in await manager.list_jobs_async(lock="l")] == [failed, waiting[0]]
        assert [job.id for job in await manager.list_jobs_async(status=Status.TODO)] == waiting
        assert [job.id for job in await manager.list_jobs_async(task="u", queue="other")] == waiting[1:]
        for status in (Status.CANCELLED, Status.ABORTED, Status.ABORTING):
            assert await manager.list_jobs_async(status=status) == []
            assert await manager.list_queues_async(status=status.value) == []
        with pytest.raises(ConnectorException):
            await manager.list_jobs_async(status="nonsense")
        if level(state) < (3, 1):
            await lacks("worker of a job", manager.list_jobs_async(worker_id=1))
        if level(state) >= (2, 7):
            await manager.cancel_job_by_id_async(failed + 1, abort=True)
        queues = {row["name"]: row for row in await manager.list_queues_async()}
        brought = queues["brought"]
        assert (brought["jobs_count"], brought["doing"], brought["failed"], brought["todo"]) == (2, 1, 1, 0)
        assert [row["name"] for row in await manager.list_tasks_async()] == ["t", "u"]
        (lock,) = await manager.list_locks_async()
        assert (lock["name"], lock["jobs_count"], lock["todo"], lock["failed"]) == ("l", 2, 1, 1)


WORKERS: dict[str, Callable[[JobManager], Coroutine[Any, Any, Any]]] = {
    "register": lambda manager: manager.register_worker(),
    "unregister": lambda manager: manager.unregister_worker(MISSING),
    "heartbeat": lambda manager: manager.update_heartbeat(MISSING),
    "prune": lambda manager: manager.prune_stalled_workers(30),
    "stalled": lambda manager: manager.get_stalled_jobs(),
}


@each_state
async def test_workers_are_known_from_3_1_on_and_old_jobs_are_deleted_anyway(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        for call in WORKERS.values():
            if level(state) < (3, 1):
                await lacks("workers table", call(manager))
            else:
                await call(manager)
        for end in (Status.SUCCEEDED, Status.FAILED):
            await bring_to(manager, end)
        await execute(manager, "UPDATE procrastinate_events SET at = now() - interval '3 hours'")
        await bring_to(manager, Status.SUCCEEDED)
        assert await manager.delete_old_jobs(2, include_cancelled=True, include_aborted=True) == 1
        assert await manager.delete_old_jobs(2, include_failed=True) == 1
        assert [Status(job.status) for job in await manager.list_jobs_async()] == [Status.SUCCEEDED]


# Notifications


@each_state
async def test_of_a_retry_and_of_a_free_lock_listeners_hear_as_of_a_new_job(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager, listening(manager) as told:
        job_id = await bring_to(manager, Status.DOING)
        of_new = await told()
        await manager.retry_job_by_id_async(job_id, now())
        assert await told() == of_new
        assert await fetched(manager) == [job_id]
        holder = await job_of(manager, await bring_to(manager, Status.DOING, lock="one"))
        await told()
        await defer(manager, queue="brought", lock="one")
        of_next = await told()
        await manager.finish_job(holder, Status.SUCCEEDED, False)
        assert await told() == of_next


@contextlib.asynccontextmanager
async def listening(manager: JobManager) -> AsyncIterator[Callable[[], Awaitable[set[tuple[str, str]]]]]:
    """Gives a function that waits for one message on every channel of the queue, and returns them."""
    heard: list[tuple[str, str]] = []
    able = await manager.capabilities_async()
    channels = [*able.channels, *(prefix + "brought" for prefix in able.queue_channel_prefixes)]

    async def told() -> set[tuple[str, str]]:
        await until(lambda: len(heard) >= len(channels), what="a message on every channel")
        messages = {(channel, _message(payload)) for channel, payload in heard}
        assert {channel for channel, _ in messages} == set(channels)
        heard.clear()
        return messages

    begun = asyncio.Event()
    listener = asyncio.create_task(
        manager.connector.listen_notify(
            lambda channel, payload: heard.append((channel, payload)), channels, on_listening=begun.set
        )
    )
    try:
        await asyncio.wait_for(begun.wait(), 60)
        yield told
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


def _message(payload: str) -> str:
    return json.dumps(json.loads(payload)) if payload.startswith("{") else payload


@each_state
async def test_an_operation_is_part_of_the_callers_transaction(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager, await psycopg.AsyncConnection.connect(released_dsn) as connection:
        (kept,) = ids_of(await manager.batch_defer_jobs_async([Job(task_name="t")], connection=connection))
        await connection.commit()
        (undone,) = ids_of(await manager.batch_defer_jobs_async([Job(task_name="t")], connection=connection))
        assert await manager.get_job_status_async(undone, connection=connection) is Status.TODO
        await connection.rollback()
        assert [job.id for job in await manager.list_jobs_async()] == [kept]


@each_state
async def test_a_job_that_was_started_long_ago_is_found_by_its_events(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        old = await bring_to(manager, Status.DOING, task_name="slow")
        await execute(manager, "UPDATE procrastinate_events SET at = now() - interval '1 hour'")
        fresh = await bring_to(manager, Status.DOING)
        with pytest.warns(DeprecationWarning, match="nb_seconds"):
            assert [job.id for job in await manager.get_stalled_jobs(1800)] == [old]
            assert [job.id for job in await manager.get_stalled_jobs(0)] == [old, fresh]
            assert await manager.get_stalled_jobs(1800, "other") == []
            assert [job.id for job in await manager.get_stalled_jobs(1800, task_name="slow")] == [old]
