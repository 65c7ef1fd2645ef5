"""Ours and the real Procrastinate on one database: each runs, and acts on, what the other deferred."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
import pytest
from acting import Actor
from interop.theirs import create_app, note
from jobdesk_core import AlreadyEnqueued, App, JobContext, Status
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.operations import Cancel, Change, JobOutcome, Result, Retry, defer, run_async
from managing import execute, job_of, now
from waiting import until
from working import comes_to, opened_app, working

SOON = dt.timedelta(hours=1)


@pytest.fixture
def notes_dsn(dsn: str) -> str:
    """A database with the schema and a table for the tasks' notes."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id serial PRIMARY KEY, text text)")
    return dsn


async def notes_of(app: App) -> list[str]:
    """What the tasks wrote down, in order."""
    notes: list[str] = await app.connector.run_async(
        Statement("SELECT text FROM notes ORDER BY id", lambda rows: [row["text"] for row in rows])
    )
    return notes


async def are_noted(app: App, *texts: str) -> None:
    """Wait until exactly these are written down."""

    async def is_noted() -> bool:
        return len(await notes_of(app)) >= len(texts)

    await until(is_noted, timeout_s=60)
    assert await notes_of(app) == list(texts)


async def act(app: App, change: Change, job_id: int) -> JobOutcome:
    """What our window does for a click."""
    (entry,) = await Actor(app.connector, await app.job_manager.capabilities_async()).act(change, job_id)
    return entry


async def is_done(app: App, change: Change, job_id: int) -> bool:
    """Act, and tell whether it was done."""
    return (await act(app, change, job_id)).result is Result.DONE


@contextlib.asynccontextmanager
async def our_app(dsn: str) -> AsyncIterator[App]:
    """Our app with tasks of the same names as theirs."""
    async with opened_app(dsn) as app:

        @app.task(name="write")
        def write(text: str) -> None:
            note(dsn, text)

        @app.task(name="wait")
        async def wait(text: str) -> None:
            await asyncio.to_thread(note, dsn, text)
            await asyncio.Event().wait()

        @app.task(name="fail_first", pass_context=True)
        def fail_first(context: JobContext, text: str) -> None:
            note(dsn, f"{text} {context.job.attempts}")
            if not context.job.attempts:
                raise ValueError("on purpose")

        yield app


@contextlib.asynccontextmanager
async def their_app(dsn: str) -> AsyncIterator[procrastinate.App]:
    app = create_app(dsn)
    async with app.open_async():
        yield app


@contextlib.asynccontextmanager
async def their_worker(app: App, dsn: str, *, fetch_s: float = 2) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with a worker of the real library that listens; at the end it is told to stop, and does so well.

    It forgets what it is notified of while it asks for a job (it clears its event after the answer). Where `fetch_s` is
    long, so that only a notification wakes it, it has asked and got none by the time the block begins.
    """
    listening: Statement[int] = Statement(
        "SELECT count(*) AS n FROM pg_stat_activity "
        "WHERE datname = current_database() AND state = 'idle' AND query LIKE 'LISTEN%'",
        lambda rows: rows[0]["n"],
    )
    before = await app.connector.run_async(listening)
    module = Path(__file__).with_name("theirs.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(module), dsn, str(fetch_s), stdout=asyncio.subprocess.PIPE
    )

    async def is_listening() -> bool:
        assert process.returncode is None, "their worker ended by itself"
        return bool(await app.connector.run_async(listening) > before)

    try:
        await until(is_listening, timeout_s=60)
        if fetch_s > 2:
            assert process.stdout is not None
            assert await asyncio.wait_for(process.stdout.readline(), 60) == b"no job\n"
        yield process
        if process.returncode is None:
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


# The options of a job, as both sides spell them, in the order of deferring; and the order of running.
JOBS: list[dict[str, Any]] = [
    {"priority": 0},
    {"priority": 9},
    {"lock": "l"},
    {"lock": "l", "priority": 5},
    {"schedule_in": {"hours": 1}},
    {"schedule_in": {"seconds": -5}, "priority": -1},
    {"queueing_lock": "once", "queue": "other", "priority": -2},
    {"lock": "held"},
]
ORDER = ["1", "3", "0", "2", "7", "5", "6"]


async def defer_all(app: Any) -> list[int]:
    """Defer JOBS; the spelling is the same for both apps."""
    return [
        await app.configure_task("write", **options).defer_async(text=str(number))
        for number, options in enumerate(JOBS)
    ]


# What they deferred


async def test_our_worker_runs_what_they_deferred_in_the_same_order(notes_dsn: str) -> None:
    async with our_app(notes_dsn) as ours, their_app(notes_dsn) as theirs:
        ids = await defer_all(theirs)
        with pytest.raises(procrastinate.exceptions.AlreadyEnqueued):
            await theirs.configure_task("write", queueing_lock="once").defer_async(text="never")
        with pytest.raises(AlreadyEnqueued):
            await ours.configure_task("write", queueing_lock="once").defer_async(text="never")
        async with working(ours):
            await are_noted(ours, *ORDER)
            await comes_to(ours, ids[6], Status.SUCCEEDED)
        jobs = list(await theirs.job_manager.list_jobs_async())
    assert [job.status for job in jobs if job.status != "succeeded"] == ["todo"]
    assert [job.attempts for job in jobs] == [1, 1, 1, 1, 0, 1, 1, 1]


async def test_they_wake_abort_and_retry_what_our_worker_runs(notes_dsn: str) -> None:
    async with our_app(notes_dsn) as ours, their_app(notes_dsn) as theirs, working(ours) as worker:
        await until(lambda: worker.worker_id)
        waiting = await theirs.configure_task("wait").defer_async(text="waits")
        await are_noted(ours, "waits")
        assert await theirs.job_manager.cancel_job_by_id_async(waiting, abort=True)
        await comes_to(ours, waiting, Status.ABORTED)
        failing = await theirs.configure_task("fail_first").defer_async(text="run")
        await comes_to(ours, failing, Status.FAILED)
        await theirs.job_manager.retry_job_by_id_async(failing, now())
        # Their retry wakes nobody; a deferred job does.
        await theirs.configure_task("write").defer_async(text="wakes")
        await comes_to(ours, failing, Status.SUCCEEDED)


# What we deferred


async def test_their_worker_runs_what_we_deferred_in_the_same_order(notes_dsn: str) -> None:
    async with our_app(notes_dsn) as ours, their_app(notes_dsn) as theirs:
        ids = await defer_all(ours)
        with pytest.raises(AlreadyEnqueued):
            await ours.configure_task("write", queueing_lock="once").defer_async(text="never")
        with pytest.raises(procrastinate.exceptions.AlreadyEnqueued):
            await theirs.configure_task("write", queueing_lock="once").defer_async(text="never")
        async with their_worker(ours, notes_dsn):
            await are_noted(ours, *ORDER)
            await comes_to(ours, ids[6], Status.SUCCEEDED)
        jobs = await ours.job_manager.list_jobs_async()
        assert [job.attempts for job in jobs] == [1, 1, 1, 1, 0, 1, 1, 1]
        scheduled_at = jobs[4].scheduled_at
    assert scheduled_at is not None
    assert now() < scheduled_at < now() + SOON


@pytest.mark.parametrize("task", ["wait", "poll"])
async def test_we_wake_and_abort_what_their_worker_runs(notes_dsn: str, task: str) -> None:
    async with our_app(notes_dsn) as ours, their_worker(ours, notes_dsn, fetch_s=60):
        job_id = await ours.configure_task(task).defer_async(text="runs")
        await are_noted(ours, "runs")
        refused = await act(ours, Cancel(), job_id)
        assert (refused.result, refused.status) == (Result.SKIPPED, Status.DOING)
        assert await is_done(ours, Cancel(abort=True), job_id)
        await comes_to(ours, job_id, Status.ABORTED)
        job = await job_of(ours.job_manager, job_id)
        assert (job.attempts, job.abort_requested) == (1, False)


async def test_what_we_cancel_or_delete_their_worker_never_runs(notes_dsn: str) -> None:
    async with our_app(notes_dsn) as ours:
        task = ours.configure_task("write")
        cancelled, deleted, last = await task.batch_defer_async({"text": "no"}, {"text": "no"}, {"text": "yes"})
        assert await is_done(ours, Cancel(), cancelled)
        assert await is_done(ours, Cancel(delete=True), deleted)
        async with their_worker(ours, notes_dsn):
            await comes_to(ours, last, Status.SUCCEEDED)
        assert await notes_of(ours) == ["yes"]
        jobs = await ours.job_manager.list_jobs_async()
        assert [(job.id, Status(job.status)) for job in jobs] == [
            (cancelled, Status.CANCELLED),
            (last, Status.SUCCEEDED),
        ]


async def test_our_retry_of_what_failed_there_wakes_their_worker(notes_dsn: str) -> None:
    async with our_app(notes_dsn) as ours, their_worker(ours, notes_dsn, fetch_s=60):
        job_id = await ours.configure_task("fail_first").defer_async(text="run")
        await comes_to(ours, job_id, Status.FAILED, timeout_s=60)
        assert await is_done(ours, Retry(queue="another"), job_id)
        await comes_to(ours, job_id, Status.SUCCEEDED)
        assert await notes_of(ours) == ["run 0", "run 2"]


async def test_we_rescue_what_their_killed_worker_was_running(notes_dsn: str) -> None:
    async with our_app(notes_dsn) as ours:
        async with their_worker(ours, notes_dsn) as process:
            job_id = await ours.configure_task("poll").defer_async(text="runs")
            await are_noted(ours, "runs")
            process.kill()
            await process.wait()
        assert not await is_done(ours, Retry(), job_id)
        assert await ours.job_manager.get_stalled_jobs() == []
        await execute(ours.job_manager, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
        assert [job.id for job in await ours.job_manager.get_stalled_jobs()] == [job_id]
        assert not await is_done(ours, Retry(), job_id), "a worker that is shutting down sends no heartbeat either"
        assert await is_done(ours, Retry(is_forced=True), job_id)
        job = await job_of(ours.job_manager, job_id)
        assert (Status(job.status), job.attempts) == (Status.TODO, 1)
        ours.task(name="poll")(lambda text: note(notes_dsn, "rescued"))
        async with working(ours):
            await comes_to(ours, job_id, Status.SUCCEEDED)
        assert await notes_of(ours) == ["runs", "rescued"]


# Both at once


async def test_both_workers_share_the_jobs_of_both_and_run_each_once(notes_dsn: str) -> None:
    texts = [str(number) for number in range(40)]
    async with our_app(notes_dsn) as ours, their_app(notes_dsn) as theirs, their_worker(ours, notes_dsn):
        async with working(ours):
            held = [await app.configure_task("wait").defer_async(text="-1") for app in (ours, theirs)]
            await are_noted(ours, "-1", "-1")
            first_job, second_job = await ours.job_manager.list_jobs_async()
            assert first_job.worker_id != second_job.worker_id
            for job_id in held:
                assert await is_done(ours, Cancel(abort=True), job_id)
                await comes_to(ours, job_id, Status.ABORTED)
            first = ours.configure_task("write").batch_defer_async(*({"text": text} for text in texts[:20]))
            second = theirs.configure_task("write").batch_defer_async(*({"text": text} for text in texts[20:]))
            ids = [*await first, *await second]
            for job_id in ids:
                await comes_to(ours, job_id, Status.SUCCEEDED, timeout_s=60)
        assert sorted(await notes_of(ours), key=int) == ["-1", "-1", *texts]
    assert len(set(ids)) == 40


async def test_what_we_defer_with_all_options_they_read_back(notes_dsn: str) -> None:
    async with our_app(notes_dsn) as ours, their_app(notes_dsn) as theirs:
        at = now().replace(microsecond=0) + SOON
        deferrer = ours.configure_task("write", queue="q", priority=3, lock="l", queueing_lock="m", schedule_at=at)
        outcome = await run_async(defer(deferrer.job, await ours.job_manager.capabilities_async()), ours.connector)
        (job,) = await theirs.job_manager.list_jobs_async()
    assert outcome.is_done and outcome.job_id == job.id
    assert (job.task_name, job.queue, job.priority, job.lock, job.queueing_lock) == ("write", "q", 3, "l", "m")
    assert (job.scheduled_at, job.task_kwargs, job.status, job.attempts) == (at, {}, "todo", 0)
