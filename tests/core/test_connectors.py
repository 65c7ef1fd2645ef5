"""The connectors on psycopg: their ways in and out, transactions, and what an unreachable server looks like."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import psycopg_pool
import pytest
from jobdesk_core import ConnectorException, Job, JobManager, PsycopgConnector, SyncPsycopgConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.exceptions import (
    AppNotOpen,
    NoResult,
    UniqueViolation,
    cause_text,
)
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from waiting import until

DATABASE: Statement[str] = Statement("SELECT current_database()::text AS name", lambda rows: rows[0]["name"])
ENVIRONMENT = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
WAYS = ["environment", "conninfo", "arguments"]


def arguments_for(way: str, dsn: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The connector's keywords for one way of naming the database."""
    if way == "conninfo":
        return {"conninfo": dsn}
    parts = conninfo_to_dict(dsn)
    if way == "arguments":
        return {"kwargs": parts}
    for name, value in parts.items():
        monkeypatch.setenv(ENVIRONMENT[name], str(value))
    return {}


@contextlib.asynccontextmanager
async def opened(connector: PsycopgConnector) -> AsyncIterator[PsycopgConnector]:
    await connector.open_async()
    try:
        yield connector
    finally:
        await connector.close_async()


@contextlib.contextmanager
def opened_sync(connector: SyncPsycopgConnector) -> Iterator[SyncPsycopgConnector]:
    connector.open()
    try:
        yield connector
    finally:
        connector.close()


@pytest.fixture
def refusing_dsn(server_dsn: str) -> str:
    """The connection string of a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return make_conninfo(host="127.0.0.1", port=port, user="nobody", dbname="nothing")


@pytest.fixture
def silent_dsn() -> Iterator[str]:
    """The connection string of something that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        yield make_conninfo(host="127.0.0.1", port=port, user="nobody", dbname="nothing", connect_timeout=2)


@pytest.fixture(params=["refusing", "silent", "without that database"])
def unreachable_dsn(request: pytest.FixtureRequest, server_dsn: str) -> str:
    if request.param == "without that database":
        return make_conninfo(server_dsn, dbname="jobdesk_no_such_database")
    return str(request.getfixturevalue(f"{request.param}_dsn"))


# In and out


@pytest.mark.parametrize("way", WAYS)
async def test_it_connects_by(way: str, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(PsycopgConnector(**arguments_for(way, dsn, monkeypatch))) as connector:
        assert await connector.run_async(DATABASE) == conninfo_to_dict(dsn)["dbname"]


@pytest.mark.parametrize("way", WAYS)
def test_it_connects_synchronously_by(way: str, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_sync(SyncPsycopgConnector(**arguments_for(way, dsn, monkeypatch))) as connector:
        assert connector.run(DATABASE) == conninfo_to_dict(dsn)["dbname"]


async def test_an_unreachable_server_is_an_error_with_its_reason_and_soon(unreachable_dsn: str) -> None:
    connector = PsycopgConnector(conninfo=unreachable_dsn)
    with pytest.raises(ConnectorException) as caught:
        async with asyncio.timeout(60):
            await connector.open_async()
    assert isinstance(caught.value.__cause__, psycopg.OperationalError)
    assert any(words in cause_text(caught.value) for words in ("refused", "timeout", "does not exist"))
    with pytest.raises(AppNotOpen):
        await connector.run_async(DATABASE)


def test_an_unreachable_server_is_an_error_synchronously_too(unreachable_dsn: str) -> None:
    connector = SyncPsycopgConnector(conninfo=unreachable_dsn)
    with pytest.raises(ConnectorException) as caught:
        connector.open()
    assert isinstance(caught.value.__cause__, psycopg.OperationalError)
    with pytest.raises(AppNotOpen):
        connector.run(DATABASE)


@pytest.mark.parametrize("kind", [PsycopgConnector, SyncPsycopgConnector])
async def test_a_connection_string_that_cannot_be_read_is_an_error(kind: Any) -> None:
    connector = kind(conninfo="host=a no equals sign")
    with pytest.raises(ConnectorException):
        connector.open() if kind is SyncPsycopgConnector else await connector.open_async()


async def test_the_pool_comes_from_the_factory_with_every_further_keyword(dsn: str) -> None:
    made: list[dict[str, Any]] = []

    class Pool(psycopg_pool.AsyncConnectionPool[Any]):
        def __init__(self, **arguments: Any) -> None:
            made.append(arguments)
            super().__init__(**arguments)

    async with opened(PsycopgConnector(pool_factory=Pool, conninfo=dsn, max_size=3)) as connector:
        assert isinstance(connector.pool, Pool)
        assert connector.pool.max_size == 3
    assert [arguments["conninfo"] for arguments in made] == [dsn]


async def test_closing_ends_it_and_twice_is_fine_and_it_opens_again(dsn: str) -> None:
    connector = PsycopgConnector(conninfo=dsn)
    with pytest.raises(AppNotOpen):
        await connector.run_async(DATABASE)
    for _ in range(2):
        await connector.open_async()
        pool = connector.pool
        await connector.open_async()
        assert connector.pool is pool
        await connector.close_async()
        await connector.close_async()
        assert pool.closed
        with pytest.raises(AppNotOpen):
            await connector.run_async(DATABASE)


def test_closing_synchronously_ends_it_and_twice_is_fine(dsn: str) -> None:
    connector = SyncPsycopgConnector(conninfo=dsn)
    for _ in range(2):
        connector.open()
        connector.open()
        assert connector.run(DATABASE)
        connector.close()
        connector.close()
        with pytest.raises(AppNotOpen):
            connector.run(DATABASE)


async def test_a_pool_that_was_given_stays_open(dsn: str) -> None:
    async with psycopg_pool.AsyncConnectionPool(dsn, min_size=1, open=False) as pool:
        connector = PsycopgConnector()
        await connector.open_async(pool)
        assert await connector.run_async(DATABASE) == conninfo_to_dict(dsn)["dbname"]
        await connector.close_async()
        assert not pool.closed


def test_a_pool_that_was_given_synchronously_stays_open(dsn: str) -> None:
    with psycopg_pool.ConnectionPool(dsn, min_size=1, open=False) as pool:
        connector = SyncPsycopgConnector()
        connector.open(pool)
        assert connector.run(DATABASE) == conninfo_to_dict(dsn)["dbname"]
        connector.close()
        assert not pool.closed


# Transactions and errors


async def test_a_transaction_commits_at_its_end_or_rolls_back(dsn: str) -> None:
    async with opened(PsycopgConnector(conninfo=dsn)) as connector:
        manager = JobManager(connector)
        with contextlib.suppress(NoResult):
            async with connector.transaction() as connection:
                await manager.defer_job_async(Job(task_name="lost"), connection=connection)
                raise NoResult()
        async with connector.transaction() as connection:
            await manager.defer_job_async(Job(task_name="kept"), connection=connection)
        assert [job.task_name for job in await manager.list_jobs_async()] == ["kept"]


async def test_a_snapshot_sees_one_moment_and_writes_nothing(dsn: str) -> None:
    async with opened(PsycopgConnector(conninfo=dsn, max_size=2)) as connector:
        manager = JobManager(connector)
        count: Statement[int] = Statement("SELECT count(*) AS n FROM procrastinate_jobs", lambda rows: rows[0]["n"])
        async with connector.transaction(snapshot=True) as connection:
            assert await connector.run_async(count, connection=connection) == 0
            await manager.defer_job_async(Job(task_name="t"))
            assert await connector.run_async(count, connection=connection) == 0
        with pytest.raises(ConnectorException):
            async with connector.transaction(snapshot=True) as connection:
                await manager.defer_job_async(Job(task_name="t"), connection=connection)


@pytest.mark.parametrize(
    ("text", "error"),
    [("SELECT 1 / 0", ConnectorException), ("INSERT INTO one VALUES (1), (1)", UniqueViolation)],
)
async def test_an_error_of_the_database_keeps_the_drivers_as_its_cause(
    dsn: str, text: str, error: type[ConnectorException]
) -> None:
    async with opened(PsycopgConnector(conninfo=dsn)) as connector:
        await connector.run_async(Statement("CREATE TABLE one (n integer PRIMARY KEY)", nothing))
        with pytest.raises(error) as caught:
            await connector.run_async(Statement(text, nothing))
    assert type(caught.value) is error
    assert isinstance(caught.value.__cause__, psycopg.Error)
    assert getattr(caught.value, "constraint_name", "one_pkey") == "one_pkey"


async def test_cancelling_a_call_cancels_its_statement_on_the_server(dsn: str) -> None:
    running: Statement[int] = Statement(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
        "AND query = 'SELECT pg_sleep(100)'",
        lambda rows: rows[0]["n"],
    )
    async with opened(PsycopgConnector(conninfo=dsn, max_size=2)) as connector:

        async def is_running() -> bool:
            return await connector.run_async(running) == 1

        async def is_over() -> bool:
            return not await is_running()

        call = asyncio.create_task(connector.run_async(Statement("SELECT pg_sleep(100)", nothing)))
        await until(is_running)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(is_over)
