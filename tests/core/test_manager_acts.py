"""JobManager: ending, cancelling, aborting, deleting and retrying jobs, by the state table."""

from __future__ import annotations

import datetime as dt

import pytest
from asgiref.sync import sync_to_async
from jobdesk_core import ConnectorException, EventType, Status
from jobdesk_core.exceptions import NoResult, UniqueViolation, cause_text
from managing import SOON, bring_to, defer, events_of, fetched, job_of, managing, now

MISSING = 999_999

# Ending


@pytest.mark.parametrize("end", [Status.SUCCEEDED, Status.FAILED, Status.ABORTED])
async def test_a_running_job_ends_as_told(dsn: str, end: Status) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, end)
        job = await job_of(manager, job_id)
        assert (Status(job.status), job.attempts) == (end, 1)
        assert await events_of(manager, job_id) == [EventType.DEFERRED, EventType.STARTED, EventType(end.value)]
        assert end.is_final


async def test_a_job_is_deleted_at_its_end(dsn: str) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, Status.DOING)
        await manager.finish_job_by_id_async(job_id, Status.SUCCEEDED, True)
        assert await manager.list_jobs_async() == []
        assert await events_of(manager, job_id) == []


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.ABORTED])
async def test_a_job_that_is_over_cannot_end_again(dsn: str, status: Status) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, status)
        with pytest.raises(ConnectorException) as caught:
            await manager.finish_job_by_id_async(job_id, Status.SUCCEEDED, False)
        assert str(job_id) in cause_text(caught.value)


@pytest.mark.parametrize("end", [Status.TODO, Status.DOING, Status.CANCELLED])
async def test_a_job_ends_only_in_an_end(dsn: str, end: Status) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, Status.DOING)
        with pytest.raises(ConnectorException):
            await manager.finish_job_by_id_async(job_id, end, False)
        assert await manager.get_job_status_async(job_id) is Status.DOING


# Cancelling, aborting, deleting

CANCELS = [
    (Status.TODO, {}, True, Status.CANCELLED, False),
    (Status.TODO, {"abort": True}, True, Status.CANCELLED, True),
    (Status.TODO, {"delete_job": True}, True, None, False),
    (Status.DOING, {}, False, Status.DOING, False),
    (Status.DOING, {"delete_job": True}, False, Status.DOING, False),
    (Status.DOING, {"abort": True}, True, Status.DOING, True),
    (Status.DOING, {"abort": True, "delete_job": True}, True, Status.DOING, True),
    (Status.SUCCEEDED, {"abort": True}, False, Status.SUCCEEDED, False),
    (Status.FAILED, {}, False, Status.FAILED, False),
    (Status.CANCELLED, {"delete_job": True}, False, Status.CANCELLED, False),
]


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize(("status", "options", "applied", "after", "is_flagged"), CANCELS)
async def test_cancelling(
    dsn: str,
    status: Status,
    options: dict[str, bool],
    applied: bool,
    after: Status | None,
    is_flagged: bool,
    is_async: bool,
) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, status)
        if is_async:
            assert await manager.cancel_job_by_id_async(job_id, **options) is applied
        else:
            assert await sync_to_async(manager.cancel_job_by_id)(job_id, **options) is applied
        jobs = await manager.list_jobs_async(id=job_id)
    assert [Status(job.status) for job in jobs] == ([] if after is None else [after])
    assert [job.abort_requested for job in jobs] == ([] if after is None else [is_flagged])


async def test_a_worker_is_told_which_of_its_jobs_to_abort(dsn: str) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, Status.DOING)
        await bring_to(manager, Status.DOING)
        worker_id = (await job_of(manager, job_id)).worker_id
        assert worker_id is not None
        assert await manager.list_jobs_to_abort_async(worker_id=worker_id) == []
        assert await manager.cancel_job_by_id_async(job_id, abort=True)
        assert await manager.list_jobs_to_abort_async(worker_id=worker_id) == [job_id]
        assert await manager.list_jobs_to_abort_async(worker_id=worker_id + 1) == []
        assert await manager.list_jobs_to_abort_async("brought") == [job_id]
        assert await manager.list_jobs_to_abort_async("other", worker_id=worker_id) == []


async def test_a_job_that_is_not_there_has_no_status_and_is_not_cancelled(dsn: str) -> None:
    async with managing(dsn) as manager:
        with pytest.raises(NoResult, match=str(MISSING)):
            await manager.get_job_status_async(MISSING)
        with pytest.raises(NoResult):
            await sync_to_async(manager.get_job_status)(MISSING)
        assert not await manager.cancel_job_by_id_async(MISSING, abort=True)
        with pytest.raises(ConnectorException):
            await manager.finish_job_by_id_async(MISSING, Status.FAILED, False)
        with pytest.raises(ConnectorException):
            await manager.retry_job_by_id_async(MISSING, now())


@pytest.mark.parametrize("status", [Status.TODO, Status.DOING, Status.SUCCEEDED, Status.CANCELLED, Status.ABORTED])
async def test_a_jobs_status_is_told(dsn: str, status: Status) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, status)
        assert await manager.get_job_status_async(job_id) is status


# Retrying


@pytest.mark.parametrize(
    ("status", "attempts", "event"),
    [(Status.DOING, 1, EventType.DEFERRED_FOR_RETRY), (Status.FAILED, 2, EventType.RETRIED)],
)
async def test_a_running_or_failed_job_is_retried(dsn: str, status: Status, attempts: int, event: EventType) -> None:
    at = now().replace(microsecond=0) + SOON
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, status, priority=1, lock="l")
        await manager.retry_job(await job_of(manager, job_id), at)
        job = await job_of(manager, job_id)
        assert (Status(job.status), job.attempts, job.scheduled_at) == (Status.TODO, attempts, at)
        assert (job.priority, job.queue, job.lock) == (1, "brought", "l")
        assert (await events_of(manager, job_id))[-2:] == [EventType.SCHEDULED, event]


async def test_a_retry_changes_priority_queue_and_lock(dsn: str) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, Status.FAILED)
        await sync_to_async(manager.retry_job_by_id)(job_id, now(), priority=0, queue="other", lock="m")
        job = await job_of(manager, job_id)
        assert (job.priority, job.queue, job.lock) == (0, "other", "m")
        assert await fetched(manager, queues=["other"]) == [job_id]


@pytest.mark.parametrize("status", [Status.TODO, Status.SUCCEEDED, Status.CANCELLED, Status.ABORTED])
async def test_other_jobs_are_not_retried(dsn: str, status: Status) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, status)
        with pytest.raises(ConnectorException):
            await manager.retry_job_by_id_async(job_id, now())
        assert await manager.get_job_status_async(job_id) is status


async def test_a_retry_needs_a_time_with_a_zone(dsn: str) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, Status.FAILED)
        with pytest.raises(ValueError, match="aware"):
            await manager.retry_job_by_id_async(job_id, dt.datetime(2030, 1, 1))


async def test_a_job_that_failed_while_it_was_to_abort_is_retried_all_the_same(dsn: str) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, Status.DOING)
        await manager.cancel_job_by_id_async(job_id, abort=True)
        await manager.retry_job_by_id_async(job_id, now())
        assert await manager.get_job_status_async(job_id) is Status.FAILED
        await manager.retry_job_by_id_async(job_id, now())
        job = await job_of(manager, job_id)
        assert (Status(job.status), job.abort_requested) == (Status.TODO, False)


async def test_a_retry_whose_queueing_lock_is_taken_is_refused(dsn: str) -> None:
    async with managing(dsn) as manager:
        job_id = await bring_to(manager, Status.FAILED, queueing_lock="once")
        await defer(manager, queueing_lock="once")
        with pytest.raises(UniqueViolation) as caught:
            await manager.retry_job_by_id_async(job_id, now())
        assert caught.value.constraint_name == "procrastinate_jobs_queueing_lock_idx_v1"
        assert await manager.get_job_status_async(job_id) is Status.FAILED
