"""The worker and bad luck: lost answers, restarts, jobs that cannot be read. No job is lost or run twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import run_sql
from jobdesk_core import App, ConnectorException, PsycopgConnector, Status
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer
from managing import execute, job_of
from pooler import Pooler
from programs import server_pid
from relays import message
from waiting import until
from working import comes_to, ends_of, opened_app, run_out, working


class LosingLink(Pooler):
    """Passes everything but the answers of so many exchanges, which are done and then lost with their link."""

    losses = 0

    async def _to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_lost = False
        while True:
            head, body = await message(reader)
            is_lost = is_lost or (self.losses > 0 and head[:1] == b"T" and b"finished\0" in body)
            if not is_lost:
                writer.write(head + body)
                await writer.drain()
            elif head[:1] == b"Z":  # ready for the next query: this one is committed
                self.losses -= 1
                return


@contextlib.asynccontextmanager
async def counting(dsn: str, jobs: int, **options: Any) -> AsyncIterator[tuple[App, Counter[int]]]:
    """An app, so many jobs of it, each tenth of them with a lock, and how often each of them ran."""
    ran: Counter[int] = Counter()
    async with opened_app(dsn) as app:

        @app.task(**options)
        async def count(number: int) -> None:
            await asyncio.sleep(0.01)
            ran[number] += 1

        for lock, numbers in ((None, range(0, jobs, 2)), ("l", range(1, jobs, 10))):
            await count.configure(lock=lock).batch_defer_async(*({"number": number} for number in numbers))
        yield app, ran


async def have_all_ended(app: App, *, timeout_s: float = 30) -> None:
    """Wait until every job has succeeded."""

    async def is_over() -> bool:
        with contextlib.suppress(Exception):
            return {name for name, _ in await ends_of(app)} == {"succeeded"}
        return False

    await until(is_over, timeout_s=timeout_s, what="the end of all jobs")


def each_ran_once(dsn: str, ran: Counter[int]) -> None:
    """No job was lost, run twice, or told of twice."""
    count = run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded' AND attempts = 1")[0]
    assert len(ran) == sum(ran.values()) == count
    told = "SELECT count(*), count(DISTINCT job_id) FROM procrastinate_events WHERE type::text = %s"
    for event in ("started", "succeeded"):
        assert run_sql(dsn, told, event) == [(count, count)]


# The link and the server


async def test_after_lost_answers_each_job_is_run_and_recorded_once(dsn: str, folder: Path) -> None:
    async with LosingLink(dsn, folder) as link, counting(link.dsn, 100) as (app, ran):
        link.losses = 4
        async with working(app, concurrency=7, listen_notify=False):
            await have_all_ended(app)
        assert link.losses == 0
    each_ran_once(dsn, ran)


async def test_a_retry_whose_answer_was_lost_is_not_done_twice(dsn: str, folder: Path) -> None:
    class LosingRetry(LosingLink):
        async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
                if self.losses and b"procrastinate_retry_job" in data:
                    self.losses -= 1
                    await until(lambda: run_sql(dsn, "SELECT 1 FROM procrastinate_jobs WHERE attempts = 1"))
                    return

    runs: list[int] = []
    async with LosingRetry(dsn, folder) as link, opened_app(link.dsn) as app:

        @app.task(retry=1)
        async def fails_once() -> None:
            runs.append(1)
            if len(runs) == 1:
                link.losses = 1
                raise ValueError("on purpose")
            if len(runs) == 2:  # running still when the retry is tried again
                await until(lambda: not worker._handover.held_up, timeout_s=60)

        job_id = await fails_once.defer_async()
        async with working(app, concurrency=2, listen_notify=False, fetch_job_polling_interval=0.1) as worker:
            await comes_to(app, job_id, Status.SUCCEEDED, timeout_s=60)
        assert (len(runs), await ends_of(app)) == (2, [("succeeded", 2)])


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
async def test_a_worker_outlives_its_server(
    folder: Path, end: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    server = EmbeddedServer(folder).start()
    try:
        run_sql(server.dsn, schema_sql())
        async with counting(server.dsn, 800, queue="q") as (app, ran):
            fast = {"update_heartbeat_interval": 0.2, "abort_job_polling_interval": 0.2}
            app.periodic(cron="* * * * * *")(app.task(name="tick", queue="other")(lambda timestamp: None))
            async with working(app, concurrency=10, queues=["q"], **fast) as worker:
                await until(lambda: len(ran) > 50)
                worker_id = worker.worker_id
                os.kill(server_pid(folder), end)
                await until(lambda: "Jobs cannot be exchanged" in caplog.text, timeout_s=60)
                server.stop()
                assert len(ran) < 440
                server.start()
                await until(lambda: len(ran) == 480, timeout_s=30)
                assert worker.worker_id == worker_id
                await execute(app.job_manager, "DELETE FROM procrastinate_jobs WHERE queue_name = 'other'")
                await have_all_ended(app)
                ticks = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'other'"
                await until(lambda: run_sql(server.dsn, ticks)[0], timeout_s=60, what="a periodic job")
        run_sql(server.dsn, "DELETE FROM procrastinate_jobs WHERE queue_name = 'other'")
        each_ran_once(server.dsn, ran)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("cause", "passes"),
    [
        (psycopg.OperationalError("the connection is lost"), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.errors.DeadlockDetected(), True),
        (psycopg.errors.ReadOnlySqlTransaction(), True),
        (OSError(), True),
        (psycopg.errors.UndefinedFunction(), False),
        (psycopg.errors.InsufficientPrivilege(), False),
        (psycopg.DataError("NUL"), False),
        (None, False),
    ],
)
def test_what_may_succeed_later_is_told_from_what_may_not(cause: Exception | None, passes: bool) -> None:
    error = ConnectorException()
    error.__cause__ = cause
    assert error.is_passing is passes


async def test_a_worker_that_was_taken_for_dead_registers_again(dsn: str) -> None:
    async with counting(dsn, 100) as (app, ran), working(app, concurrency=3) as worker:
        await until(lambda: len(ran) > 5)
        first = worker.worker_id
        await execute(app.job_manager, "DELETE FROM procrastinate_workers")
        await have_all_ended(app)
        assert worker.worker_id != first
        each_ran_once(dsn, ran)


# Other hands on the rows


async def test_a_row_that_someone_has_locked_holds_up_its_own_job_only(dsn: str) -> None:
    async with counting(dsn, 60) as (app, ran):
        with psycopg.connect(dsn) as other:
            async with working(app, concurrency=3):
                await until(lambda: ran)
                running = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND lock IS NULL"
                held = other.execute(f"{running} LIMIT 1 FOR UPDATE".encode()).fetchall()
                await until(lambda: len(ran) == 36)
                doing = "SELECT id FROM procrastinate_jobs WHERE status = 'doing'"
                await until(lambda: [(each,) for each in run_sql(dsn, doing)] == held)
                other.rollback()
                await have_all_ended(app)
    each_ran_once(dsn, ran)


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_end_of_a_run_does_not_end_the_run_that_came_after_it(dsn: str, workers: int) -> None:
    gates = [asyncio.Event(), asyncio.Event()]
    runs: list[int] = []
    async with opened_app(dsn) as app:

        @app.task
        async def gate() -> None:
            runs.append(1)
            await gates[len(runs) - 1].wait()

        job_id = await gate.defer_async()
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(workers):
                await stack.enter_async_context(working(app, concurrency=3 - workers))
            await until(lambda: len(runs) == 1)
            await app.job_manager.retry_job(await job_of(app.job_manager, job_id))
            await until(lambda: len(runs) == 2)
            gates[0].set()
            await comes_to(app, await app.configure_task("unknown").defer_async(), Status.FAILED)
            assert await app.job_manager.get_job_status_async(job_id) is Status.DOING
            gates[1].set()
            await comes_to(app, job_id, Status.SUCCEEDED)


# Jobs that go wrong


async def test_a_job_whose_arguments_cannot_be_read_fails_and_no_other(dsn: str) -> None:
    def loads(text: str | bytes) -> Any:
        if b"poison" in (text if isinstance(text, bytes) else text.encode()):
            raise KeyError("on purpose")
        return json.loads(text)

    ran: list[int] = []
    app = App(connector=PsycopgConnector(conninfo=dsn, json_loads=loads))
    task = app.task(name="t")(lambda n: ran.append(n))
    async with app.open_async():
        await task.batch_defer_async({"n": 1}, {"n": "poison"}, {"n": 2})
        await run_out(app, concurrency=3)
    assert sorted(ran) == [1, 2]
    ends = run_sql(dsn, "SELECT status::text, attempts FROM procrastinate_jobs ORDER BY id")
    assert ends == [("succeeded", 1), ("failed", 1), ("succeeded", 1)]


@pytest.mark.parametrize("arguments", ["[1, 2]", "3", "null", '"text"'])
async def test_arguments_that_are_no_object_fail_their_job_only(dsn: str, arguments: str) -> None:
    async with opened_app(dsn) as app:
        task = app.task(name="t")(lambda: None)
        run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 't', %s)", arguments)
        await task.defer_async()
        await run_out(app, concurrency=2)
        assert await ends_of(app) == [("failed", 1), ("succeeded", 1)]


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("error", [SystemExit(3), BaseException("on purpose")])
async def test_a_task_that_wants_to_end_the_program_ends_its_job_only(
    dsn: str, is_async: bool, error: BaseException
) -> None:
    async with opened_app(dsn) as app:

        async def on_the_loop() -> None:
            raise error

        def in_a_thread() -> None:
            raise error

        await app.task(on_the_loop if is_async else in_a_thread).defer_async()
        await app.task(name="after")(lambda: None).defer_async()
        await run_out(app)
        assert await ends_of(app) == [("failed", 1), ("succeeded", 1)]


async def test_arguments_of_a_hundred_megabytes_arrive(dsn: str) -> None:
    lengths: list[int] = []
    async with opened_app(dsn) as app:
        task = app.task(name="t")(lambda text: lengths.append(len(text)))
        await task.defer_async(text="x" * 100_000_000)
        await task.defer_async(text="short")
        await asyncio.wait_for(run_out(app, concurrency=2), 60)
        (job, _) = await app.job_manager.list_jobs_async()
        assert len(str(job)) < 300
        assert (Status(job.status), sorted(lengths)) == (Status.SUCCEEDED, [5, 100_000_000])


async def test_a_synchronous_job_has_a_thread_for_each_place(dsn: str) -> None:
    barrier = threading.Barrier(20)
    async with opened_app(dsn) as app:
        task = app.task(name="meet")(lambda: barrier.wait(10))
        await task.batch_defer_async(*({} for _ in range(20)))
        await run_out(app, concurrency=20)
        assert await ends_of(app) == [("succeeded", 1)] * 20
