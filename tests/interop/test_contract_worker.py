"""One contract for the workers of ours and the real Procrastinate: how jobs end, and what a worker leaves."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from database import run_sql
from interop.twins import MODULES, Ear, Twin, twin_of
from waiting import until


@pytest.fixture(params=list(MODULES))
def module(request: pytest.FixtureRequest) -> Any:
    """The implementation under test."""
    return MODULES[request.param]


async def run_out(twin: Twin, **options: Any) -> None:
    """Run every job that is due."""
    defaults = {"wait": False, "install_signal_handlers": False, "listen_notify": False}
    await asyncio.wait_for(twin.app.run_worker_async(**{**defaults, **options}), 60)


@contextlib.asynccontextmanager
async def working(twin: Twin) -> AsyncIterator[None]:
    """A worker within the block. It polls, for theirs overlooks what is deferred until it listens."""
    often = {"fetch_job_polling_interval": 0.3, "abort_job_polling_interval": 0.2, "install_signal_handlers": False}
    running = asyncio.create_task(twin.app.run_worker_async(**often))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=60)


async def comes_to(twin: Twin, job_id: int, status: str) -> None:
    """Wait for a job's status."""
    text = "SELECT status::text FROM procrastinate_jobs WHERE id = %s"
    await until(lambda: run_sql(twin.dsn, text, job_id) == [status], timeout_s=60, what=status)


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(
    ("how", "retry", "end", "events"),
    [
        ("well", False, ("succeeded", 1), ["started", "succeeded"]),
        ("badly", False, ("failed", 1), ["started", "failed"]),
        ("aborted", True, ("aborted", 1), ["started", "aborted"]),
        ("once badly", 1, ("succeeded", 2), ["started", "scheduled", "deferred_for_retry", "started", "succeeded"]),
        ("badly", 1, ("failed", 2), ["started", "scheduled", "deferred_for_retry", "started", "failed"]),
        ("with surprise", False, ("failed", 1), ["started", "failed"]),
    ],
)
async def test_a_job_ends_as_its_task_ended(
    dsn: str, module: Any, is_async: bool, how: str, retry: Any, end: Any, events: list[str]
) -> None:
    async with twin_of(module, dsn) as twin:

        def run(context: Any, how: str) -> None:
            if how == "aborted":
                raise twin.exceptions.JobAborted()
            if how == "badly" or (how == "once badly" and not context.job.attempts):
                raise ValueError("on purpose")

        async def run_on_the_loop(context: Any, how: str) -> None:
            run(context, how)

        twin.app.task(name="t", retry=retry, pass_context=True)(run_on_the_loop if is_async else run)
        job_id = await twin.defer(arguments={"how": how} if how != "with surprise" else {"surprise": 1})
        with Ear(dsn) as ear:
            await run_out(twin)
            if events.count("started") == 2:
                told = [("any_queue_v1", "job_inserted", job_id)]
                assert ear.heard() == (told if twin.differs("a retry wakes the workers") else [])
            else:
                assert ear.heard() == []
        assert twin.rows("status::text, attempts") == [end]
        assert twin.events(job_id) == ["deferred", *events]


async def test_an_unknown_task_fails_its_job_and_no_other(dsn: str, module: Any) -> None:
    async with twin_of(module, dsn) as twin:
        twin.app.task(name="known")(lambda: None)
        for task in ("nobody.knows", "known"):
            await twin.defer(task)
        await run_out(twin)
        assert twin.rows("status::text, attempts") == [("failed", 1), ("succeeded", 1)]


@pytest.mark.parametrize(("mode", "left"), [("never", 2), ("successful", 1), ("always", 0)])
async def test_ended_jobs_are_deleted_as_told(dsn: str, module: Any, mode: str, left: int) -> None:
    async with twin_of(module, dsn) as twin:
        twin.app.task(name="known")(lambda: None)
        for task in ("nobody.knows", "known"):
            await twin.defer(task)
        await run_out(twin, delete_jobs=mode)
        assert len(twin.rows()) == left


async def test_jobs_run_by_priority_queue_and_time_one_after_the_other_for_a_lock(dsn: str, module: Any) -> None:
    ran: list[int] = []
    async with twin_of(module, dsn) as twin:

        @twin.app.task(name="t")
        async def note(n: int) -> None:
            ran.append(n)
            await asyncio.sleep(0)
            ran.append(n)

        options: list[dict[str, Any]] = [
            {"lock": "l"},
            {"lock": "l", "priority": 2},
            {"priority": 1},
            {"queue": "other", "lock": "m", "priority": 9},
            {"lock": "m"},
            {"schedule_in": {"hours": 1}, "priority": 9},
            {"schedule_in": {"hours": -1}, "priority": 3},
        ]
        for n, each in enumerate(options):
            await twin.defer(arguments={"n": n}, **each)
        await run_out(twin, queues=["default"])
        # Job 3, in a queue of nobody, is the first of its lock and keeps job 4 waiting.
        assert ran == [6, 6, 1, 1, 2, 2, 0, 0]
        assert twin.rows() == ["succeeded", "succeeded", "succeeded", "todo", "todo", "todo", "succeeded"]


@pytest.mark.parametrize("retry", [True, False])
async def test_an_asynchronous_task_is_aborted(dsn: str, module: Any, retry: bool) -> None:
    reached = asyncio.Event()
    async with twin_of(module, dsn) as twin:

        @twin.app.task(name="t", retry=retry)
        async def wait() -> None:
            reached.set()
            await asyncio.Event().wait()

        async with working(twin):
            job_id = await twin.defer()
            await asyncio.wait_for(reached.wait(), 60)
            assert await twin.act("cancel_job_by_id", job_id, abort=True)
            if not retry or twin.differs("an abort by a user ends aborted"):
                await comes_to(twin, job_id, "aborted")
                assert twin.rows("attempts, abort_requested") == [(1, False)]
            else:
                await comes_to(twin, job_id, "failed")
                assert twin.rows("attempts, abort_requested") == [(0, True)]


async def test_who_is_told_when_a_lock_becomes_free(dsn: str, module: Any) -> None:
    async with twin_of(module, dsn) as twin:
        twin.app.task(name="t")(lambda: None)
        await twin.defer(lock="l", queue="q")
        successor = await twin.defer(lock="l", queue="r")
        with Ear(dsn, "q", "r") as ear:
            await run_out(twin, queues=["q"])
            told = [("queue_v1#r", "job_inserted", successor), ("any_queue_v1", "job_inserted", successor)]
            assert ear.heard() == (told if twin.differs("the successor of a lock is woken") else [])


async def test_how_many_synchronous_jobs_run_at_once(dsn: str, module: Any) -> None:
    async with twin_of(module, dsn) as twin:
        many = 64
        barrier = threading.Barrier(many)
        twin.app.task(name="meet")(lambda: barrier.wait(2))
        await twin.app.configure_task("meet").batch_defer_async(*({} for _ in range(many)))
        await run_out(twin, concurrency=many)
        expected = "succeeded" if twin.differs("each running synchronous job has a thread") else "failed"
        assert set(twin.rows()) == {expected}


async def test_what_becomes_of_a_rescued_job_whose_first_run_goes_on(dsn: str, module: Any) -> None:
    gate, reached = asyncio.Event(), asyncio.Event()
    async with twin_of(module, dsn) as twin:

        @twin.app.task(name="t")
        async def wait() -> None:
            reached.set()
            await gate.wait()

        async with working(twin):
            job_id = await twin.defer()
            await asyncio.wait_for(reached.wait(), 60)
            # Rescued, and taken by another worker.
            run_sql(dsn, "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", job_id)
            run_sql(dsn, "SELECT procrastinate_fetch_job_v2(NULL, worker_id) FROM procrastinate_register_worker_v1()")
            gate.set()
            marker = await twin.defer("nobody.knows")
            await comes_to(twin, marker, "failed")
            kept = twin.differs("the rescued run is not ended by the old one")
            await comes_to(twin, job_id, "doing" if kept else "succeeded")


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_task_that_wants_to_end_the_program_ends_its_job(dsn: str, module: Any, is_async: bool) -> None:
    async with twin_of(module, dsn) as twin:

        def leave() -> None:
            raise SystemExit(3)

        async def leave_the_loop() -> None:
            leave()

        twin.app.task(name="t")(leave_the_loop if is_async else leave)
        await twin.defer()
        await run_out(twin)
        assert twin.rows() == ["failed"]


async def test_a_worker_is_registered_while_it_runs(dsn: str, module: Any) -> None:
    workers = "SELECT id FROM procrastinate_workers"
    async with twin_of(module, dsn) as twin:
        silent = run_sql(dsn, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
        async with working(twin):
            await until(lambda: run_sql(dsn, f"{workers} WHERE last_heartbeat > now() - interval '1 minute'"))
            assert len(run_sql(dsn, workers)) == 1
        assert (silent, run_sql(dsn, workers)) == ([], [])


async def test_an_abort_is_heard_while_nobody_listens_yet(dsn: str) -> None:
    """Requested as soon as the job runs, before the worker listens; the polls are rare. Theirs misses some."""
    module = MODULES["ours"]
    rarely = {"abort_job_polling_interval": 60, "install_signal_handlers": False}
    async with twin_of(module, dsn) as twin:
        reached: list[int] = []

        @twin.app.task(name="t", pass_context=True)
        async def wait(context: Any) -> None:
            reached.append(context.job.id)
            assert await twin.act("cancel_job_by_id", context.job.id, abort=True)
            await asyncio.Event().wait()

        for _ in range(8):
            job_id = await twin.defer()
            running = asyncio.create_task(twin.app.run_worker_async(**rarely))
            await comes_to(twin, job_id, "aborted")
            running.cancel()
            await asyncio.wait({running}, timeout=60)


async def test_an_abort_is_heard_when_the_listener_was_lost(dsn: str, module: Any) -> None:
    listeners = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
    rarely = {"fetch_job_polling_interval": 0.3, "abort_job_polling_interval": 60, "install_signal_handlers": False}
    async with twin_of(module, dsn) as twin:
        reached = asyncio.Event()

        @twin.app.task(name="t")
        async def wait() -> None:
            reached.set()
            await asyncio.Event().wait()

        running = asyncio.create_task(twin.app.run_worker_async(**rarely))
        await until(lambda: run_sql(dsn, listeners))
        job_id = await twin.defer()
        await asyncio.wait_for(reached.wait(), 60)
        run_sql(dsn, f"SELECT pg_terminate_backend(pid) FROM ({listeners}) AS listening")
        await asyncio.sleep(0.3)
        assert await twin.act("cancel_job_by_id", job_id, abort=True)
        started = asyncio.get_running_loop().time()
        await comes_to(twin, job_id, "aborted")
        assert asyncio.get_running_loop().time() - started < 20
        running.cancel()
        await asyncio.wait({running}, timeout=60)


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("retry", ["none", "once", "on ValueError", "on aborts"])
async def test_how_a_job_ends_that_is_aborted_by_the_workers_stop(
    dsn: str, module: Any, is_async: bool, retry: str
) -> None:
    ends: list[type[BaseException] | None] = [None, module.exceptions.JobAborted, ValueError, asyncio.CancelledError]
    strategies = {
        "none": False,
        "once": 1,
        "on ValueError": module.RetryStrategy(max_attempts=1, retry_exceptions=[ValueError]),
        "on aborts": module.RetryStrategy(max_attempts=1, retry_exceptions=ends[1::2]),
    }
    async with twin_of(module, dsn) as twin:
        reached: list[int] = []

        async def wait(context: Any, n: int) -> None:
            reached.append(n)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if (error := ends[n]) is not None:
                    raise error from None

        def poll(context: Any, n: int) -> None:
            reached.append(n)
            while not context.should_abort():
                time.sleep(0.01)
            if (error := ends[n]) is not None:
                raise error

        twin.app.task(name="t", retry=strategies[retry], pass_context=True)(wait if is_async else poll)
        for n in range(4):
            await twin.defer(arguments={"n": n})
        options = {"concurrency": 4, "shutdown_graceful_timeout": 0.1, "fetch_job_polling_interval": 0.2}
        running = asyncio.create_task(twin.app.run_worker_async(install_signal_handlers=False, **options))
        await until(lambda: len(reached) == 4)
        running.cancel()
        await asyncio.wait({running}, timeout=60)
        retried = {"none": (), "once": (1, 2, 3), "on ValueError": (2,), "on aborts": (1, 3)}[retry]
        over = ["succeeded", "aborted", "failed", "aborted"]
        assert twin.rows() == ["todo" if n in retried else status for n, status in enumerate(over)]
        assert twin.rows("attempts") == [1] * 4


async def test_a_worker_can_be_run_again_and_is_nobody_between(dsn: str, module: Any) -> None:
    async with twin_of(module, dsn) as twin:
        twin.app.task(name="t")(lambda: None)
        worker = importlib.import_module(f"{module.__name__}.worker").Worker(
            twin.app, ["default"], "Rosa", 2, False, install_signal_handlers=False
        )
        for n in range(1, 3):
            await twin.defer()
            await asyncio.wait_for(worker.run(), 60)
            assert (worker.worker_id, twin.rows(), worker.worker_name) == (None, ["succeeded"] * n, "Rosa")


async def test_a_task_with_two_schedules_needs_an_id_for_each(dsn: str, module: Any) -> None:
    async with twin_of(module, dsn) as twin:
        task = twin.app.task(name="t")(lambda timestamp: None)
        twin.app.periodic(cron="* * * * *")(task)
        with pytest.raises(twin.exceptions.TaskAlreadyRegistered):
            twin.app.periodic(cron="0 * * * *")(task)
        twin.app.periodic(cron="0 * * * *", periodic_id="hourly")(task)
        assert len(twin.app.periodic_registry.periodic_tasks) == 2
