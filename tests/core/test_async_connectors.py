"""What only asynchronous connectors do: listening, running workers, and ending a statement that is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiopg
import psycopg_pool
import pytest
from connecting import KINDS, Kind, pool_for
from database import run_sql
from jobdesk_core import App, ConnectorException, Job, PsycopgConnector, Status
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.contrib.aiopg import AiopgConnector
from pooler import Pooler
from waiting import until

LISTENERS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
    "AND (query LIKE 'LISTEN%%' OR query LIKE 'UNLISTEN%%') AND pid <> pg_backend_pid()"
)


@pytest.fixture(params=["psycopg", "aiopg"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@contextlib.asynccontextmanager
async def listening(app: App, channels: list[str]) -> AsyncIterator[tuple[asyncio.Task[Any], list[Any]]]:
    """The listening task, and what it heard so far."""
    heard: list[tuple[str, str]] = []
    is_listening = asyncio.Event()
    connector: Any = app.connector
    listener = connector.listen_notify(lambda *news: heard.append(news), channels, on_listening=is_listening.set)
    task = asyncio.create_task(listener)
    await asyncio.wait_for(is_listening.wait(), 60)
    try:
        yield task, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_listening_hears_its_channels_and_no_other(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with app.open_async():
        async with listening(app, ["plain", 'odd#"name']) as (_, heard):
            for channel, payload in (("other", "0"), ("plain", "1"), ('odd#"name', "2")):
                run_sql(dsn, "SELECT pg_notify(%s, %s)", channel, payload)
            await until(lambda: len(heard) == 2)
        assert heard == [("plain", "1"), ('odd#"name', "2")]
        await until(lambda: run_sql(dsn, LISTENERS) == [], what="the end of the listening connection")


async def test_listening_ends_with_an_error_when_its_link_breaks(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with app.open_async(), listening(app, ["plain"]) as (task, _):
        run_sql(dsn, f"SELECT pg_terminate_backend(pid) FROM ({LISTENERS}) AS listener")
        with pytest.raises(ConnectorException):
            await asyncio.wait_for(asyncio.shield(task), 60)
        assert await app.job_manager.list_jobs_async() == []


async def test_in_a_pool_of_the_applications_own_a_listener_leaves_nothing_behind(kind: Kind, dsn: str) -> None:
    app = App(connector=kind.connector())
    async with pool_for(kind, dsn) as (pool, _), app.open_async(pool):
        async with listening(app, ["plain"]) as (_, heard):
            run_sql(dsn, "SELECT pg_notify('plain', '1')")
            await until(lambda: heard)
        channels = "SELECT count(*) AS number FROM pg_listening_channels()"
        assert await app.connector.run_async(Statement(channels, lambda rows: rows[0]["number"])) == 0
        await until(lambda: run_sql(dsn, LISTENERS) == [])


async def test_a_worker_hears_of_jobs_runs_them_and_stops(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    ran: list[int] = []

    @app.task(name="add")
    async def add(n: int) -> None:
        ran.append(n)

    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(concurrency=3, fetch_job_polling_interval=60, install_signal_handlers=False)
        )
        await until(lambda: len(run_sql(dsn, LISTENERS)) == 1)
        await add.batch_defer_async(*({"n": n} for n in range(10)))
        await until(lambda: len(ran) == 10)
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker
        jobs = await app.job_manager.list_jobs_async()
    assert sorted(ran) == list(range(10))
    assert {Status(job.status) for job in jobs} == {Status.SUCCEEDED}


async def test_a_cancelled_call_leaves_the_connector_whole(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with app.open_async():
        call = asyncio.create_task(app.connector.run_async(Statement("SELECT pg_sleep(100)", nothing)))
        sleeping = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(100)' AND state = 'active'"
        await until(lambda: run_sql(dsn, sleeping))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await app.job_manager.defer_job_async(Job(task_name="t"))
        run_sql(dsn, f"SELECT pg_cancel_backend(pid) FROM ({sleeping}) AS left_over")


async def test_a_statement_that_the_server_cancels_is_an_error_and_no_cancellation(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with app.open_async():
        with pytest.raises(ConnectorException, match="cancel"):
            await app.connector.run_async(Statement("SELECT pg_cancel_backend(pg_backend_pid())", nothing))
        assert await app.job_manager.list_jobs_async() == []


async def test_a_pool_of_aiopg_that_is_busy_is_an_error_in_time(dsn: str) -> None:
    app = App(connector=AiopgConnector(dsn=dsn, maxsize=1, connect_timeout=1))
    async with app.open_async():
        slow = asyncio.create_task(app.connector.run_async(Statement("SELECT pg_sleep(3)", nothing)))
        await until(lambda: run_sql(dsn, "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3)'"))
        with pytest.raises(ConnectorException, match="in time"):
            await app.job_manager.list_jobs_async()
        await slow
        assert await app.job_manager.list_jobs_async() == []


async def test_behind_a_pooler_without_a_pool_jobs_are_deferred_and_run(dsn: str, tmp_path: Path) -> None:
    ran: list[int] = []
    async with Pooler(dsn, tmp_path) as pooler:
        connector = PsycopgConnector(
            conninfo=pooler.dsn, pool_factory=psycopg_pool.AsyncNullConnectionPool, kwargs={"prepare_threshold": None}
        )
        app = App(connector=connector)

        @app.task(name="note")
        def note(n: int) -> None:
            ran.append(n)

        async with app.open_async():
            await note.batch_defer_async({"n": 1}, {"n": 2})
            assert await app.job_manager.cancel_job_by_id_async(1)
            await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
            statuses = [Status(job.status) for job in await app.job_manager.list_jobs_async()]
    assert (ran, statuses) == ([2], [Status.CANCELLED, Status.SUCCEEDED])


async def test_a_given_pool_of_one_connection_runs_jobs_and_listens_to_nothing(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(connector=AiopgConnector())
    ran = asyncio.Event()

    @app.task(name="t")
    async def task() -> None:
        ran.set()

    async with aiopg.create_pool(dsn, minsize=1, maxsize=1) as pool, app.open_async(pool):
        options = {"install_signal_handlers": False, "fetch_job_polling_interval": 0.1}
        worker = asyncio.create_task(app.run_worker_async(**options))
        await task.defer_async()
        await asyncio.wait_for(ran.wait(), 60)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    assert "changes are polled for" in caplog.text
    assert "The server is away" not in caplog.text
