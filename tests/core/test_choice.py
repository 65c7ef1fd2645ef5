"""Which connector a synchronous call runs on, before and after opening, and from which threads."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import psycopg
import psycopg_pool
import pytest
from asgiref.sync import sync_to_async
from connecting import KINDS, Kind
from jobdesk_core import App, Job, PsycopgConnector, SyncPsycopgConnector, Worker
from jobdesk_core.connectors.contract import AsyncConnector, SyncConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.contrib.aiopg import AiopgConnector
from jobdesk_core.contrib.psycopg2 import Psycopg2Connector
from jobdesk_core.exceptions import AppNotOpen, SyncConnectorConfigurationError
from managing import ids_of
from psycopg.conninfo import conninfo_to_dict

ONE: Statement[int] = Statement("SELECT 1 AS one", lambda rows: rows[0]["one"])


@pytest.fixture(params=["psycopg", "aiopg"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def job(number: int = 0) -> Job:
    return Job(task_name="t", task_kwargs={"n": number})


# Before and after opening


async def test_before_opening_it_is_a_synchronous_connector_and_after_it_the_same_one(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    connector: Any = app.connector
    before = connector.get_sync_connector()
    assert isinstance(before, SyncConnector)
    assert connector.get_sync_connector() is before
    with app.open():
        app.job_manager.defer_job(job())
    async with app.open_async():
        assert connector.get_sync_connector() is connector
        assert isinstance(connector, AsyncConnector)
    assert connector.get_sync_connector() is before


async def test_opening_asynchronously_closes_the_synchronous_side(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    app.open()
    before: Any = app.connector.get_sync_connector()
    assert before.run(ONE) == 1
    async with app.open_async():
        with pytest.raises(AppNotOpen):
            before.run(ONE)


async def test_asynchronous_calls_need_the_asynchronous_side(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    with app.open():
        app.job_manager.defer_job(job())
        for attempt in (app.job_manager.list_jobs_async(), Worker(app, wait=False).run()):
            with pytest.raises(AppNotOpen):
                await attempt


async def test_opening_synchronously_while_open_asynchronously_changes_nothing(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with app.open_async():
        with app.open():
            await app.job_manager.defer_job_async(job())
        assert len(await app.job_manager.list_jobs_async()) == 1


# Threads


async def test_in_the_loops_thread_a_synchronous_call_is_refused_with_the_remedy(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with app.open_async():
        with pytest.raises(RuntimeError, match=r"asynchronous method \(such as defer_async\).*sync_to_async"):
            app.job_manager.defer_job(job())


@pytest.mark.parametrize("is_sensitive", [True, False])
async def test_beside_the_loop_synchronous_calls_work(kind: Kind, is_sensitive: bool, dsn: str) -> None:
    app = kind.app(dsn)

    def many(number: int) -> list[int]:
        return ids_of(app.job_manager.defer_job(job(number)) for _ in range(5))

    async with app.open_async():
        in_threads = (asyncio.to_thread(many, number) for number in range(20))
        ids = await asyncio.gather(sync_to_async(many, thread_sensitive=is_sensitive)(99), *in_threads)
        found = await app.job_manager.list_jobs_async()
    assert sorted(each for group in ids for each in group) == [each.id for each in found]
    assert len(found) == 105


async def test_a_thread_of_the_programs_own_may_call_too(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    done = asyncio.Event()
    async with app.open_async():
        loop = asyncio.get_running_loop()

        def work() -> None:
            app.job_manager.defer_job(job())
            loop.call_soon_threadsafe(done.set)

        threading.Thread(target=work, daemon=True).start()
        await asyncio.wait_for(done.wait(), 60)
        assert len(await app.job_manager.list_jobs_async()) == 1


async def test_a_synchronous_task_defers_more_jobs(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)

    @app.task(name="child")
    def child() -> None:
        pass

    @app.task(name="parent")
    def parent() -> None:
        child.defer()

    async with app.open_async():
        await parent.defer_async()
        await app.run_worker_async(wait=False, install_signal_handlers=False)
        jobs = await app.job_manager.list_jobs_async()
    assert [(each.task_name, each.status) for each in jobs] == [
        ("parent", "succeeded"),
        ("child", "succeeded"),
    ]


def test_while_its_loop_stands_still_a_synchronous_call_says_what_to_do(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    with asyncio.Runner() as runner:
        runner.run(asyncio.wait_for(app.open_async(), 60))
        with pytest.raises(RuntimeError, match=r"does not run.*app\.open\(\)"):
            app.job_manager.defer_job(job())
        runner.run(app.close_async())
    with app.open():
        app.job_manager.defer_job(job())


def test_once_its_loop_is_over_the_app_is_not_open_and_can_be_opened(dsn: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=dsn, pool_factory=psycopg_pool.AsyncNullConnectionPool))

    async def defer() -> None:
        await app.open_async()  # and nobody closes it
        await app.job_manager.defer_job_async(job())

    for _ in range(2):
        asyncio.run(defer())
        with pytest.raises(AppNotOpen):
            app.job_manager.defer_job(job())
    with app.open():
        assert len(app.job_manager.list_jobs()) == 2


# The same parameters


def test_the_synchronous_side_has_the_same_parameters(dsn: str) -> None:
    connector = PsycopgConnector(conninfo=dsn, kwargs={"application_name": "mine"}, max_size=3, timeout=4.0)
    app = App(connector=connector)
    with app.open():
        synchronous: Any = connector.get_sync_connector()
        assert (synchronous._pool.max_size, synchronous._pool.timeout) == (3, 4.0)
        assert synchronous._pool.kwargs["application_name"] == "mine"


def test_the_synchronous_side_of_aiopg_is_one_of_psycopg2_with_the_same_parameters(dsn: str) -> None:
    connector = AiopgConnector(dsn=dsn, minsize=2, maxsize=3, timeout=9, application_name="mine", enable_json=False)
    with App(connector=connector).open():
        synchronous: Any = connector.get_sync_connector()
        assert isinstance(synchronous, Psycopg2Connector)
        assert (synchronous._pool.minconn, synchronous._pool.maxconn) == (2, 3)
        assert synchronous._pool._kwargs["application_name"] == "mine"


@pytest.mark.parametrize("is_async", [True, False])
async def test_without_a_pool_every_call_has_a_connection_of_its_own(is_async: bool, dsn: str) -> None:
    connector = PsycopgConnector(conninfo=dsn, pool_factory=psycopg_pool.AsyncNullConnectionPool)
    app = App(connector=connector)
    if is_async:
        async with app.open_async():
            await app.job_manager.defer_job_async(job())
            assert isinstance(connector.pool, psycopg_pool.AsyncNullConnectionPool)
        return
    with app.open():
        app.job_manager.defer_job(job())
        synchronous: Any = connector.get_sync_connector()
        assert isinstance(synchronous._pool, psycopg_pool.NullConnectionPool)


async def test_what_only_a_loop_can_call_leaves_no_synchronous_side(dsn: str) -> None:
    async def prepare(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute("SET application_name = 'prepared'")

    async def where() -> str:
        return dsn

    for options in ({"conninfo": dsn, "configure": prepare}, {"conninfo": where}):
        app = App(connector=PsycopgConnector(**options))
        with pytest.raises(SyncConnectorConfigurationError, match="with_connector"):
            app.open()
        async with app.open_async():
            await app.job_manager.defer_job_async(job())
    aiopg = App(connector=AiopgConnector(dsn=dsn, on_connect=prepare))
    with pytest.raises(SyncConnectorConfigurationError, match="with_connector"):
        aiopg.open()


@pytest.mark.parametrize("kind_of", [PsycopgConnector, SyncPsycopgConnector])
async def test_connection_parameters_may_stand_by_themselves(kind_of: Any, dsn: str) -> None:
    app = App(connector=kind_of(**conninfo_to_dict(dsn), kwargs={"prepare_threshold": None}, max_size=2))
    with app.open():
        app.job_manager.defer_job(job())
    with pytest.raises(TypeError, match="host"):
        kind_of(kwargs=dict, host="here")
