"""Connectors: every way in, every way out, values both ways, and what a broken link looks like."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import psycopg_pool
import pytest
from asgiref.sync import sync_to_async
from jobdesk_core import ConnectorException, Job, JobManager, PsycopgConnector, SyncPsycopgConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.exceptions import (
    AppNotOpen,
    NoResult,
    SyncConnectorConfigurationError,
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
        async with asyncio.timeout(15):
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


# Synchronous beside asynchronous


async def test_an_open_connector_works_from_other_threads_only(dsn: str) -> None:
    async with opened(PsycopgConnector(conninfo=dsn)) as connector:
        assert connector.get_sync_connector() is connector
        assert await sync_to_async(connector.run)(DATABASE) == conninfo_to_dict(dsn)["dbname"]
        with pytest.raises(RuntimeError, match="call the asynchronous method"):
            connector.run(DATABASE)


async def test_opening_asynchronously_closes_the_synchronous_side(dsn: str) -> None:
    connector = PsycopgConnector(conninfo=dsn)
    synchronous = connector.get_sync_connector()
    assert isinstance(synchronous, SyncPsycopgConnector)
    assert connector.get_sync_connector() is synchronous
    synchronous.open()
    assert synchronous.run(DATABASE) == conninfo_to_dict(dsn)["dbname"]
    async with opened(connector):
        with pytest.raises(AppNotOpen):
            synchronous.run(DATABASE)


async def test_a_synchronous_connector_refuses_what_needs_a_loop(dsn: str) -> None:
    connector = SyncPsycopgConnector(conninfo=dsn)
    assert connector.get_sync_connector() is connector
    for call in (connector.open_async, connector.close_async, lambda: connector.run_async(DATABASE)):
        with pytest.raises(SyncConnectorConfigurationError):
            await call()
    with opened_sync(connector), pytest.raises(SyncConnectorConfigurationError):
        await JobManager(connector).defer_job_async(Job(task_name="t"))


# Values and transactions


def dumps(value: Any) -> str:
    return json.dumps({"wrapped": value})


def loads(text: str | bytes) -> Any:
    return {"loaded": json.loads(text)}


async def test_json_travels_through_the_given_functions(dsn: str) -> None:
    async with opened(PsycopgConnector(conninfo=dsn, json_dumps=dumps, json_loads=loads)) as connector:
        manager = JobManager(connector)
        await manager.batch_defer_jobs_async([Job(task_name="t", task_kwargs={"n": n}) for n in range(2)])
        jobs = await manager.list_jobs_async()
    assert [job.task_kwargs for job in jobs] == [{"loaded": {"wrapped": {"n": n}}} for n in range(2)]


def test_json_travels_through_the_given_functions_synchronously_too(dsn: str) -> None:
    connector = SyncPsycopgConnector(conninfo=dsn, json_dumps=dumps, json_loads=loads)
    with opened_sync(connector):
        manager = JobManager(connector)
        manager.defer_job(Job(task_name="t", task_kwargs={"n": 1}))
        assert manager.list_jobs()[0].task_kwargs == {"loaded": {"wrapped": {"n": 1}}}


@pytest.mark.parametrize(("value", "error"), [(object(), TypeError), (float("nan"), ValueError), ("\0", None)])
async def test_arguments_that_are_no_json_are_an_error(dsn: str, value: Any, error: type[Exception] | None) -> None:
    async with opened(PsycopgConnector(conninfo=dsn)) as connector:
        manager = JobManager(connector)
        with pytest.raises(error or ConnectorException):
            await manager.defer_job_async(Job(task_name="t", task_kwargs={"x": value}))
        assert await manager.list_jobs_async() == []


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


# Listening


@contextlib.asynccontextmanager
async def listening(connector: PsycopgConnector, channels: list[str]) -> AsyncIterator[tuple[Any, list[Any]]]:
    """The listening task, and what it heard so far."""
    heard: list[tuple[str, str]] = []
    is_listening = asyncio.Event()
    task = asyncio.create_task(
        connector.listen_notify(lambda *news: heard.append(news), channels, on_listening=is_listening.set)
    )
    await asyncio.wait_for(is_listening.wait(), 5)
    try:
        yield task, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_listening_hears_its_channels_and_no_other(dsn: str) -> None:
    async with opened(PsycopgConnector(conninfo=dsn)) as connector:
        async with listening(connector, ["plain", 'odd#"name']) as (_, heard):
            for channel, payload in (("other", "0"), ("plain", "1"), ('odd#"name', "2")):
                text = "SELECT pg_notify(%(channel)s, %(payload)s)"
                await connector.run_async(Statement(text, nothing, {"channel": channel, "payload": payload}))
            await until(lambda: len(heard) == 2)
        assert heard == [("plain", "1"), ('odd#"name', "2")]


async def test_listening_ends_with_an_error_when_its_link_breaks(dsn: str) -> None:
    async with (
        opened(PsycopgConnector(conninfo=dsn)) as connector,
        listening(connector, ["plain"]) as (task, _),
    ):
        end: Statement[None] = Statement(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE 'LISTEN%'",
            nothing,
        )
        await connector.run_async(end)
        with pytest.raises(ConnectorException):
            await asyncio.wait_for(asyncio.shield(task), 10)
