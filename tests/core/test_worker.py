"""The worker: which jobs it runs, how many at once, with what, and what wakes it."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from jobdesk_core import App, ConnectorException, Job, JobContext, PsycopgConnector, Status, Worker
from jobdesk_core.connectors.statement import Statement, nothing
from managing import execute, job_of
from waiting import until
from working import comes_to, ends_of, opened_app, run_out, working

# Running


async def test_asynchronous_and_synchronous_tasks_run_with_their_arguments(dsn: str) -> None:
    ran: list[Any] = []
    async with opened_app(dsn) as app:

        @app.task
        async def on_the_loop(x: int, *, y: str = "") -> None:
            ran.append((x, y, threading.current_thread() is threading.main_thread()))

        @app.task
        def in_a_thread(x: int) -> None:
            ran.append((x, threading.current_thread() is threading.main_thread()))

        @app.task
        def hands_back_a_coroutine(x: int) -> Any:
            return on_the_loop.function(x)

        await on_the_loop.defer_async(x=1, y="é")
        await in_a_thread.defer_async(x=2)
        await hands_back_a_coroutine.defer_async(x=3)
        await run_out(app)
        assert ran == [(1, "é", True), (2, False), (3, "", True)]
        assert await ends_of(app) == [("succeeded", 1)] * 3


async def test_a_task_is_found_by_its_alias(dsn: str) -> None:
    ran: list[int] = []
    async with opened_app(dsn) as app:
        app.task(name="after", aliases=["before"])(lambda n: ran.append(n))
        await app.job_manager.defer_job_async(Job(task_name="before", task_kwargs={"n": 1}))
        await run_out(app)
        assert (ran, await ends_of(app)) == ([1], [("succeeded", 1)])


async def test_a_task_that_is_not_found_fails_its_job_and_no_other(dsn: str) -> None:
    async with opened_app(dsn) as app:
        await app.configure_task("nobody.knows").defer_async()
        await app.task(name="known")(lambda: None).defer_async()
        await run_out(app)
        assert await ends_of(app) == [("failed", 1), ("succeeded", 1)]


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_task_that_raises_or_takes_other_arguments_fails(dsn: str, is_async: bool) -> None:
    async with opened_app(dsn) as app:

        async def on_the_loop() -> None:
            raise ValueError("on purpose")

        def in_a_thread() -> None:
            raise ValueError("on purpose")

        task = app.task(on_the_loop if is_async else in_a_thread)
        await task.defer_async()
        await task.defer_async(surprise=1)
        await run_out(app)
        assert await ends_of(app) == [("failed", 1)] * 2


async def test_a_task_that_asks_for_its_context_gets_it_first(dsn: str) -> None:
    seen: list[tuple[JobContext, int]] = []
    async with opened_app(dsn) as app:
        task = app.task(pass_context=True)(lambda context, n: seen.append((context, n)))
        before = time.time()
        job_id = await task.configure(queue="q").defer_async(n=7)
        async with working(app, name="Rosa", queues=["q", "r"], additional_context={"key": "value"}) as worker:
            await comes_to(app, job_id, Status.SUCCEEDED)
            worker_id = worker.worker_id
    ((context, n),) = seen
    assert (n, context.app, context.task, context.worker_name) == (7, app, task, "Rosa")
    assert (context.worker_queues, context.additional_context) == (["q", "r"], {"key": "value"})
    assert (context.job.id, Status(context.job.status), context.job.worker_id) == (job_id, Status.DOING, worker_id)
    assert before <= context.start_timestamp <= time.time()
    assert (context.should_abort(), context.abort_reason()) == (False, None)


@pytest.mark.parametrize("is_async", [True, False])
async def test_as_many_jobs_run_at_once_as_concurrency_says(dsn: str, is_async: bool) -> None:
    gate = threading.Event()
    running: list[int] = []
    peaks: list[int] = []
    async with opened_app(dsn) as app:

        async def on_the_loop(n: int) -> None:
            running.append(n)
            peaks.append(len(running))
            await until(gate.is_set, timeout_s=60)
            running.remove(n)

        def in_a_thread(n: int) -> None:
            running.append(n)
            peaks.append(len(running))
            assert gate.wait(20)
            running.remove(n)

        task = app.task(on_the_loop if is_async else in_a_thread)
        ids = await task.batch_defer_async(*({"n": n} for n in range(6)))
        async with working(app, concurrency=3):
            try:
                await until(lambda: len(running) == 3)
            finally:
                gate.set()
            await comes_to(app, ids[5], Status.SUCCEEDED)
    assert max(peaks) == 3


async def test_a_worker_serves_its_queues_only(dsn: str) -> None:
    async with opened_app(dsn) as app:
        task = app.task(lambda: None)
        for queue in ("a", "b", "c"):
            await task.configure(queue=queue).defer_async()
        await run_out(app, queues=["a", "c"])
        assert await ends_of(app) == [("succeeded", 1), ("todo", 0), ("succeeded", 1)]


async def test_jobs_run_by_priority_and_one_at_a_time_for_a_lock(dsn: str) -> None:
    ran: list[str] = []
    running: set[str] = set()
    async with opened_app(dsn) as app:

        @app.task
        async def locked(name: str) -> None:
            assert not running
            running.add(name)
            await asyncio.sleep(0)
            ran.append(name)
            running.remove(name)

        for name, priority in (("second", 0), ("first", 5), ("third", 0)):
            await locked.configure(lock="l", priority=priority).defer_async(name=name)
        await run_out(app, concurrency=3, fetch_job_polling_interval=0.1)
        assert ran == ["first", "second", "third"]
        assert await ends_of(app) == [("succeeded", 1)] * 3


# Waking


async def test_a_deferred_job_wakes_the_worker(dsn: str) -> None:
    async with opened_app(dsn) as app:
        task = app.task(lambda: None)
        async with working(app):
            for _ in range(3):
                await comes_to(app, await task.defer_async(), Status.SUCCEEDED)


async def test_a_worker_of_one_queue_is_woken_by_that_queue(dsn: str) -> None:
    async with opened_app(dsn) as app:
        task = app.task(lambda: None)
        async with working(app, queues=["mail"]):
            other = await task.defer_async()
            await comes_to(app, await task.configure(queue="mail").defer_async(), Status.SUCCEEDED)
            assert await app.job_manager.get_job_status_async(other) is Status.TODO


async def test_a_retry_and_a_free_lock_wake_the_worker(dsn: str) -> None:
    async with opened_app(dsn) as app:
        job_id, waiting = await app.configure_task("unknown", lock="l").batch_defer_async({}, {})
        await run_out(app, queues=[])
        async with working(app) as first, working(app) as second:
            await comes_to(app, waiting, Status.FAILED)
            await app.job_manager.retry_job(await job_of(app.job_manager, job_id))

            async def ran_again() -> bool:
                return (await job_of(app.job_manager, job_id)).attempts == 3

            await until(ran_again)
            assert first.worker_id != second.worker_id


async def test_a_worker_that_does_not_listen_polls(dsn: str) -> None:
    async with opened_app(dsn) as app:
        task = app.task(lambda: None)
        async with working(app, listen_notify=False, fetch_job_polling_interval=0.05):
            await comes_to(app, await task.defer_async(), Status.SUCCEEDED)


async def test_a_worker_listens_again_after_its_link_broke(dsn: str) -> None:
    listeners = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    count: Statement[int] = Statement(f"SELECT count(*) AS n {listeners}", lambda rows: rows[0]["n"])
    async with opened_app(dsn) as app:

        async def is_listening() -> bool:
            return await app.connector.run_async(count) == 1

        task = app.task(lambda: None)
        async with working(app):
            await until(is_listening)
            await app.connector.run_async(Statement(f"SELECT pg_terminate_backend(pid) {listeners}", nothing))
            await comes_to(app, await task.defer_async(), Status.SUCCEEDED, timeout_s=60)
            await until(is_listening)


# Beside the jobs


async def test_a_worker_is_registered_while_it_runs_and_prunes_the_silent(dsn: str) -> None:
    workers: Statement[list[Any]] = Statement("SELECT id, last_heartbeat FROM procrastinate_workers", lambda rows: rows)
    async with opened_app(dsn) as app:
        silent = await app.job_manager.register_worker()
        await execute(app.job_manager, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
        async with working(app, update_heartbeat_interval=0.05) as worker:
            await until(lambda: worker.worker_id)
            ((worker_id, first),) = [tuple(row.values()) for row in await app.connector.run_async(workers)]
            assert silent != worker_id == worker.worker_id

            async def beats() -> bool:
                return bool((await app.connector.run_async(workers))[0]["last_heartbeat"] > first)

            await until(beats)
        assert await app.connector.run_async(workers) == []


async def test_periodic_tasks_defer_themselves_once_for_each_time(dsn: str) -> None:
    timestamps: list[int] = []
    async with opened_app(dsn) as app:
        task = app.task(queue="q")(lambda timestamp: timestamps.append(timestamp))
        app.periodic(cron="* * * * * *", periodic_id="each second")(task)
        async with working(app), working(app):
            await until(lambda: len(timestamps) >= 3, timeout_s=60)
        jobs = await app.job_manager.list_jobs_async(queue="q")
    assert len(set(timestamps)) == len(timestamps)
    assert sorted(job.task_kwargs["timestamp"] for job in jobs)[: len(timestamps)] == sorted(timestamps)


async def test_a_time_that_was_just_missed_is_made_up_for_once(dsn: str) -> None:
    async with opened_app(dsn) as app:
        missed = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=3)
        app.periodic(cron=f"{missed.minute} {missed.hour} * * *")(app.task(name="daily")(lambda timestamp: None))
        for _ in range(2):
            async with working(app):
                await until(app.job_manager.list_jobs_async)
        (job,) = await app.job_manager.list_jobs_async()
    assert job.task_kwargs["timestamp"] == missed.replace(second=0, microsecond=0).timestamp()


async def test_how_late_a_time_is_made_up_for_is_the_apps_choice(dsn: str) -> None:
    missed = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=3)
    async with opened_app(dsn) as connected:
        app = App(connector=connected.connector, periodic_defaults={"max_delay": 60})
        app.periodic(cron=f"{missed.minute} {missed.hour} * * *")(app.task(name="daily")(lambda timestamp: None))
        job_id = await app.configure_task("other").defer_async()
        async with working(app):
            await until(lambda: _is_over(app, job_id))
        assert [job.task_name for job in await app.job_manager.list_jobs_async()] == ["other"]
        app.periodic_defaults = {"max_delays": 60}
        with pytest.raises(TypeError, match="max_delays"):
            await asyncio.wait_for(Worker(app, install_signal_handlers=False).run(), 60)


async def _is_over(app: App, job_id: int) -> bool:
    return (await app.job_manager.get_job_status_async(job_id)).is_final


async def test_a_side_task_that_fails_ends_the_worker_with_its_error(dsn: str) -> None:
    async with opened_app(dsn) as app:
        await execute(app.job_manager, "DROP FUNCTION procrastinate_update_heartbeat_v1")
        worker = Worker(app, update_heartbeat_interval=0.05, install_signal_handlers=False)
        with pytest.raises(ConnectorException):
            await asyncio.wait_for(worker.run(), 60)


def test_a_worker_runs_from_synchronous_code_with_its_defaults_and_imports(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tasks_to_import.py").write_text("loaded = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    defaults = {"wait": False, "queues": ["q"]}
    connector = PsycopgConnector(conninfo=dsn)
    app = App(connector=connector, import_paths=["tasks_to_import"], worker_defaults=defaults)
    ran: list[int] = []
    task = app.task(lambda n: ran.append(n))
    with app.open():
        task.configure(queue="q").defer(n=1)
        task.configure(queue="r").defer(n=2)
    app.run_worker()
    assert ran == [1]
    app.run_worker(queues=["r"])
    assert ran == [1, 2]
    assert "tasks_to_import" in sys.modules


@pytest.mark.parametrize(("options", "error"), [({"delete_jobs": "sometimes"}, ValueError), ({"que": []}, TypeError)])
async def test_an_option_that_does_not_exist_is_an_error(dsn: str, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Worker(App(connector=PsycopgConnector(conninfo=dsn)), **options)
