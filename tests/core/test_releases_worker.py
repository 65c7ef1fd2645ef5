"""Our worker on every release, and where it does better than the library: aborts, retries, locks, missing jobs."""

from __future__ import annotations

import asyncio
import time

import pytest
from jobdesk_core import App, JobAborted, JobContext, RetryStrategy, Status
from jobdesk_core.retry import BaseRetryStrategy, RetryDecision
from managing import bring_to, execute, job_of, now
from releases import NEWEST, STATES, level
from waiting import until
from working import comes_to, ends_of, opened_app, run_out, working

TO_3_0 = "2.15.1 with 3.0 pre"
#: A worker that is woken starts a job far sooner than the library's poll, every 5 s; ours polls every 100 s.
WOKEN_WITHIN_S = 4.0

each_state = pytest.mark.parametrize("state", STATES)


class Urgently(BaseRetryStrategy):
    """Once more, with another priority, which older releases cannot do."""

    def get_retry_decision(self, *, exception: BaseException, job: object) -> RetryDecision:
        return RetryDecision.in_seconds(0, priority=1)


class Endless:
    """A task that runs until it is cancelled."""

    def __init__(self, app: App, retry: BaseRetryStrategy | None = None) -> None:
        self.runs = 0

        async def endless() -> None:
            self.runs += 1
            await asyncio.Event().wait()

        self.task = app.task(name="endless", retry=retry or False)(endless)


@each_state
async def test_a_worker_runs_retries_and_ends_jobs(released_dsn: str, state: str) -> None:
    ran: list[str] = []
    async with opened_app(released_dsn) as app:

        @app.task(retry=RetryStrategy(max_attempts=1))
        async def fails_once() -> None:
            ran.append("async")
            if len(ran) == 1:
                raise ValueError("on purpose")

        @app.task(pass_context=True)
        def in_a_thread(context: JobContext, n: int) -> None:
            ran.append(f"{n} {context.job.attempts}")

        @app.task
        async def gives_up() -> None:
            raise JobAborted()

        @app.task(retry=Urgently() if level(state) < (2, 9) else False)
        async def fails() -> None:
            raise ValueError("on purpose")

        for deferred in (fails_once.defer_async(), in_a_thread.defer_async(n=7)):
            await deferred
            await run_out(app)
        await gives_up.defer_async()
        await fails.defer_async()
        await run_out(app)
        given_up = "aborted" if level(state) >= (2, 7) else "failed"
        assert await ends_of(app) == [("succeeded", 2), ("succeeded", 1), (given_up, 1), ("failed", 1)]
        assert ran == ["async", "async", "7 0"]
        await in_a_thread.defer_async(n=8)
        await run_out(app, delete_jobs="always")
        assert len(await ends_of(app)) == 4


@pytest.mark.parametrize(
    ("state", "by"), [*((state, "us") for state in STATES if level(state) >= (2, 7)), (TO_3_0, "an older program")]
)
async def test_a_users_abort_of_a_task_with_a_retry_strategy_ends_it_aborted(
    released_dsn: str, state: str, by: str
) -> None:
    async with opened_app(released_dsn) as app:
        endless = Endless(app, RetryStrategy(max_attempts=5))
        job_id = await endless.task.defer_async()
        # Before 3.0 nothing tells of an abort: the worker asks.
        asks = {"abort_job_polling_interval": 0.1 if level(state) < (3, 0) or by != "us" else 100}
        async with working(app, **asks):
            await until(lambda: endless.runs, what="the job to run")
            if by == "us":
                assert await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
            else:
                await execute(app.job_manager, f"SELECT procrastinate_cancel_job({job_id}, true, false)")
            await comes_to(app, job_id, Status.ABORTED)
        job = await job_of(app.job_manager, job_id)
        # The older functions count no attempt, and that of halfway to 3.0 leaves the flag.
        counted = int(level(state) >= (3, 0) and by == "us")
        assert (Status(job.status), job.abort_requested) == (Status.ABORTED, by != "us")
        assert (job.attempts, endless.runs) == (counted, 1)


@pytest.mark.parametrize("state", ["2.8.0", TO_3_0, NEWEST])
async def test_a_synchronous_task_sees_that_it_is_to_abort(released_dsn: str, state: str) -> None:
    running: list[int] = []
    async with opened_app(released_dsn) as app:

        @app.task(pass_context=True)
        def looks_for_it(context: JobContext) -> None:
            running.append(1)
            end = time.monotonic() + 10
            while time.monotonic() < end:
                if context.should_abort():
                    raise JobAborted()
                time.sleep(0.01)

        job_id = await looks_for_it.defer_async()
        async with working(app, abort_job_polling_interval=0.1):
            await until(lambda: running, what="the job to run")
            assert await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
            await comes_to(app, job_id, Status.ABORTED)


@each_state
async def test_new_jobs_retries_and_free_locks_wake_idle_workers(released_dsn: str, state: str) -> None:
    """Two workers of two queues share a lock; neither polls within the test."""
    gate = asyncio.Event()
    ran: list[str] = []
    async with opened_app(released_dsn) as app:

        @app.task
        async def holds() -> None:
            await gate.wait()

        @app.task
        async def follows(name: str) -> None:
            ran.append(name)

        async with working(app, queues=["a"]), working(app, queues=["b"]):
            await follows.configure(queue="b").defer_async(name="listening")
            await until(lambda: ran == ["listening"], timeout_s=WOKEN_WITHIN_S, what="a new job to start")
            holder = await holds.configure(queue="a", lock="one").defer_async()
            await comes_to(app, holder, Status.DOING)
            await follows.configure(queue="b", lock="one").defer_async(name="successor")
            gate.set()
            await until(lambda: "successor" in ran, timeout_s=WOKEN_WITHIN_S, what="the lock's next job to start")
            # A job that another worker left running is put back, as a rescue does.
            stalled = await follows.configure(queue="c").defer_async(name="retried")
            assert await app.job_manager.fetch_job(["c"], None) is not None
            await execute(app.job_manager, f"UPDATE procrastinate_jobs SET queue_name = 'b' WHERE id = {stalled}")
            await app.job_manager.retry_job_by_id_async(stalled, now())
            await until(lambda: "retried" in ran, timeout_s=WOKEN_WITHIN_S, what="the retried job to start")


@pytest.mark.parametrize("state", [state for state in STATES if level(state) >= (3, 4)])
async def test_a_retry_clears_a_stuck_abort_flag_and_the_job_runs(released_dsn: str, state: str) -> None:
    async with opened_app(released_dsn) as app:
        app.task(name="t")(lambda: None)
        manager = app.job_manager
        job_id = await bring_to(manager, Status.DOING)
        await manager.cancel_job_by_id_async(job_id, abort=True)
        await manager.retry_job_by_id_async(job_id, now())
        job = await job_of(manager, job_id)
        assert (Status(job.status), job.abort_requested) == (Status.FAILED, True)  # the library's trap
        await manager.retry_job_by_id_async(job_id, now())
        await run_out(app)
        assert await manager.get_job_status_async(job_id) is Status.SUCCEEDED
