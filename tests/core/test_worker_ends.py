"""The worker: how jobs end. Retried, aborted, deleted, or left to finish when the worker stops."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest
from jobdesk_core import (
    AbortReason,
    App,
    BaseRetryStrategy,
    Job,
    JobAborted,
    JobContext,
    RetryDecision,
    RetryStrategy,
    Status,
    Task,
    Worker,
)
from jobdesk_core.exceptions import CapabilityMissing
from managing import execute, job_of
from waiting import until
from working import comes_to, ends_of, opened_app, run_out, working


class Gate:
    """A task that runs until it is let go, and says why it was stopped."""

    def __init__(self, app: App, **options: Any) -> None:
        self.running: list[JobContext] = []
        self.reasons: list[AbortReason | None] = []
        self._opened = asyncio.Event()

        async def gate(context: JobContext) -> None:
            self.running.append(context)
            try:
                await self._opened.wait()
            except asyncio.CancelledError:
                self.reasons.append(context.abort_reason())
                raise

        self.task: Task = app.task(name="gate", pass_context=True, **options)(gate)

    async def is_reached(self) -> None:
        await until(lambda: self.running)

    def open(self) -> None:
        self._opened.set()


# Retries


class Elsewhere(BaseRetryStrategy):
    """Once more, in another place."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if job.attempts or not isinstance(exception, ValueError):
            return None
        return RetryDecision.in_seconds(0, priority=7, queue="slow", lock="one")


class Broken(BaseRetryStrategy):
    """Cannot decide."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        raise RuntimeError("on purpose")


@pytest.mark.parametrize(
    ("retry", "failures", "end"),
    [
        (False, 1, ("failed", 1)),
        (True, 4, ("succeeded", 5)),
        (2, 2, ("succeeded", 3)),
        (2, 3, ("failed", 3)),
        (RetryStrategy(max_attempts=1, retry_exceptions=[ValueError]), 2, ("failed", 2)),
        (RetryStrategy(retry_exceptions=[OSError]), 1, ("failed", 1)),
        (RetryStrategy(wait=1000), 1, ("todo", 1)),
        (Elsewhere(), 1, ("succeeded", 2)),
        (Broken(), 1, ("failed", 1)),
    ],
)
async def test_a_job_that_fails_is_retried_as_its_strategy_says(
    dsn: str, retry: Any, failures: int, end: tuple[str, int]
) -> None:
    runs: list[JobContext] = []
    async with opened_app(dsn) as app:

        @app.task(retry=retry, pass_context=True)
        def fails_at_first(context: JobContext) -> None:
            runs.append(context)
            if len(runs) <= failures:
                raise ValueError("on purpose")

        await fails_at_first.defer_async()
        await run_out(app)
        assert await ends_of(app) == [end]
        assert [run.job.attempts for run in runs] == list(range(len(runs)))
    if isinstance(retry, Elsewhere):
        assert [(run.job.queue, run.job.priority, run.job.lock) for run in runs] == [
            ("default", 0, None),
            ("slow", 7, "one"),
        ]


@pytest.mark.parametrize("queue", [None, "q" * 41], ids=["queueing lock", "queue name"])
async def test_a_retry_that_the_database_refuses_lets_the_job_fail(dsn: str, queue: str | None) -> None:
    class Refused(BaseRetryStrategy):
        def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
            return RetryDecision.in_seconds(0, queue=queue)

    async with opened_app(dsn) as app:

        @app.task(retry=Refused(), queueing_lock=None if queue else "once")
        async def defers_its_twin_and_fails() -> None:
            if queue is None:
                await defers_its_twin_and_fails.configure(queue="later").defer_async()
            raise ValueError("on purpose")

        job_id = await defers_its_twin_and_fails.defer_async()
        await run_out(app, queues=["default"])
        assert await app.job_manager.get_job_status_async(job_id) is Status.FAILED


# Aborts


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.parametrize("retry", [False, True])
async def test_an_asynchronous_task_is_aborted_and_never_retried_for_it(dsn: str, listens: bool, retry: bool) -> None:
    async with opened_app(dsn) as app:
        gate = Gate(app, retry=retry)
        job_id = await gate.task.defer_async()
        polling = {} if listens else {"abort_job_polling_interval": 0.05}
        async with working(app, listen_notify=listens, **polling):
            await gate.is_reached()
            await asyncio.sleep(0)
            assert await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
            await comes_to(app, job_id, Status.ABORTED)
        assert gate.reasons == [AbortReason.USER_REQUEST]
        job = await job_of(app.job_manager, job_id)
        assert (job.attempts, job.abort_requested) == (1, False)


@pytest.mark.parametrize(("end", "status"), [(JobAborted, Status.ABORTED), (None, Status.SUCCEEDED)])
async def test_a_synchronous_task_asks_whether_to_abort(dsn: str, end: type[Exception] | None, status: Status) -> None:
    reached: list[int] = []
    async with opened_app(dsn) as app:

        @app.task(pass_context=True, retry=True)
        def polls(context: JobContext) -> None:
            reached.append(1)
            asyncio.run(until(context.should_abort, timeout_s=60))
            if end is not None:
                raise end()

        job_id = await polls.defer_async()
        async with working(app):
            await until(lambda: reached)
            await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
            await comes_to(app, job_id, status)


async def test_an_abort_stops_its_own_job_only(dsn: str) -> None:
    async with opened_app(dsn) as app:
        gate = Gate(app)
        first, second = await gate.task.batch_defer_async({}, {})
        async with working(app, concurrency=2):
            await until(lambda: len(gate.running) == 2)
            await app.job_manager.cancel_job_by_id_async(second, abort=True)
            await comes_to(app, second, Status.ABORTED)
            assert await app.job_manager.get_job_status_async(first) is Status.DOING
            gate.open()
            await comes_to(app, first, Status.SUCCEEDED)


async def test_a_task_that_swallows_its_cancellation_succeeds(dsn: str) -> None:
    reached: list[int] = []
    async with opened_app(dsn) as app:

        @app.task
        async def stubborn() -> None:
            reached.append(1)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                reached.append(2)

        job_id = await stubborn.defer_async()
        async with working(app):
            await until(lambda: reached)
            await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
            await comes_to(app, job_id, Status.SUCCEEDED)
        assert reached == [1, 2]


async def test_a_task_aborts_itself_whatever_its_strategy(dsn: str) -> None:
    async with opened_app(dsn) as app:

        @app.task(retry=True)
        async def gives_up() -> None:
            raise JobAborted()

        await gives_up.defer_async()
        await run_out(app)
        assert await ends_of(app) == [("aborted", 1)]


# Deletion


@pytest.mark.parametrize(
    ("mode", "left"),
    [
        ("never", ["succeeded", "failed", "aborted"]),
        ("successful", ["failed", "aborted"]),
        ("always", []),
    ],
)
async def test_ended_jobs_are_deleted_as_told(dsn: str, mode: str, left: list[str]) -> None:
    async with opened_app(dsn) as app:

        @app.task
        def ends(how: str) -> None:
            if how != "well":
                raise JobAborted() if how == "aborted" else ValueError(how)

        await ends.batch_defer_async({"how": "well"}, {"how": "badly"}, {"how": "aborted"})
        await run_out(app, delete_jobs=mode)
        assert [status for status, _ in await ends_of(app)] == left


# Stopping


async def stop_by_itself(worker: Worker, running: asyncio.Task[None]) -> None:
    worker.stop()


async def stop_by_signal(worker: Worker, running: asyncio.Task[None]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def stop_by_cancelling(worker: Worker, running: asyncio.Task[None]) -> None:
    running.cancel()


@pytest.mark.parametrize("stop", [stop_by_itself, stop_by_signal, stop_by_cancelling])
async def test_a_worker_that_stops_lets_its_jobs_end_and_starts_no_more(dsn: str, stop: Any) -> None:
    async with opened_app(dsn) as app:
        gate = Gate(app)
        await gate.task.batch_defer_async({}, {})
        worker = Worker(app)
        running = asyncio.create_task(worker.run())
        await gate.is_reached()
        await stop(worker, running)
        done, _ = await asyncio.wait({running}, timeout=0.2)
        assert not done
        assert [status for status, _ in await ends_of(app)] == ["doing", "todo"]
        gate.open()
        await asyncio.wait({running}, timeout=60)
        assert running.cancelled() is (stop is stop_by_cancelling)
        assert await ends_of(app) == [("succeeded", 1), ("todo", 0)]
        assert await app.job_manager.prune_stalled_workers(-60) == []


@pytest.mark.parametrize(("retry", "end"), [(False, ("aborted", 1)), (True, ("todo", 1))])
async def test_jobs_that_outlast_the_grace_are_aborted_or_put_back(dsn: str, retry: bool, end: tuple[str, int]) -> None:
    async with opened_app(dsn) as app:
        gate = Gate(app, retry=retry)
        await gate.task.defer_async()
        async with working(app, shutdown_graceful_timeout=0.05) as worker:
            await gate.is_reached()
            worker.stop()
        assert gate.reasons == [AbortReason.SHUTDOWN]
        assert await ends_of(app) == [end]


async def test_a_worker_that_cannot_fetch_for_a_while_lets_its_jobs_end_and_goes_on(dsn: str) -> None:
    fetch = "procrastinate_fetch_job_v2(character varying[], bigint)"
    async with opened_app(dsn) as app:
        gate = Gate(app)
        job_id = await gate.task.defer_async()
        async with working(app, concurrency=2):
            await gate.is_reached()
            await execute(app.job_manager, f"ALTER FUNCTION {fetch} RENAME TO somewhere_else")
            after = await app.configure_task("unknown").defer_async()
            gate.open()
            await comes_to(app, job_id, Status.SUCCEEDED)
            assert await app.job_manager.get_job_status_async(after) is Status.TODO
            function = "somewhere_else(character varying[], bigint)"
            await execute(app.job_manager, f"ALTER FUNCTION {function} RENAME TO procrastinate_fetch_job_v2")
            await comes_to(app, after, Status.FAILED)


async def test_a_worker_that_cannot_fetch_from_the_start_says_so(dsn: str) -> None:
    async with opened_app(dsn) as app:
        await execute(app.job_manager, "DROP FUNCTION procrastinate_fetch_job_v2")
        with pytest.raises(CapabilityMissing, match="fetch"):
            await asyncio.wait_for(Worker(app, install_signal_handlers=False).run(), 60)
        assert await app.job_manager.prune_stalled_workers(-60) == []
