"""External connections: the job commits or rolls back with the caller's own rows, on every driver that can."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from connecting import KINDS, Kind, call, opened
from database import run_sql
from jobdesk_core import AlreadyEnqueued, App, ConnectorException, Job, PsycopgConnector, Status
from managing import ids_of
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from waiting import until

CHANNEL = "procrastinate_any_queue_v1"


class Outside:
    """A transaction of the caller's own, with the same words for every driver."""

    def __init__(self, connection: Any, execute: Callable[[str], Any], nested: Callable[[], Any]) -> None:
        self.connection, self._execute, self._nested = connection, execute, nested

    async def execute(self, text: str) -> None:
        await _done(self._execute(text))

    async def commit(self) -> None:
        await _done(self.connection.commit())

    async def rollback(self) -> None:
        await _done(self.connection.rollback())

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        nested = self._nested()
        if hasattr(nested, "__aenter__"):
            async with nested:
                yield
        else:
            with nested:
                yield


async def _done(value: Any) -> None:
    if asyncio.iscoroutine(value):
        await value


@contextlib.asynccontextmanager
async def outside(name: str, dsn: str) -> AsyncIterator[Outside]:
    if name == "sqlalchemy":
        engine = create_engine("postgresql+psycopg2://", connect_args=conninfo_to_dict(dsn))
        with engine.connect() as shared:
            yield Outside(shared, lambda text: shared.exec_driver_sql(text) and None, shared.begin_nested)
        engine.dispose()
    elif name == "psycopg":
        async with await psycopg.AsyncConnection.connect(dsn) as own:
            yield Outside(own, lambda text: own.execute(text.encode()), own.transaction)
    else:
        with psycopg.connect(dsn) as synchronous:
            yield Outside(synchronous, lambda text: synchronous.execute(text.encode()), synchronous.transaction)


@pytest.fixture(params=["psycopg", "sync psycopg", "sqlalchemy", "psycopg, synchronously"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.asynccontextmanager
async def both(name: str, dsn: str) -> AsyncIterator[tuple[Kind, App, Outside]]:
    """The kind, an open app with a task `t`, and a transaction of the caller's with a table `orders`."""
    run_sql(dsn, "CREATE TABLE orders (id integer)")
    kind = KINDS[name]
    app = kind.app(dsn)
    app.task(name="t")(print)
    async with opened(kind, app), outside(name, dsn) as own:
        yield kind, app, own


async def deferred(kind: Kind, app: App, own: Outside, *kwargs: dict[str, Any], **options: Any) -> list[int]:
    deferrer = app.configure_task("t", connection=own.connection, **options)
    if kind.is_async:
        return (
            [await deferrer.defer_async(**kwargs[0])] if len(kwargs) == 1 else await deferrer.batch_defer_async(*kwargs)
        )
    return [deferrer.defer(**kwargs[0])] if len(kwargs) == 1 else deferrer.batch_defer(*kwargs)


def counts(dsn: str) -> tuple[int, int]:
    return tuple(run_sql(dsn, "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM procrastinate_jobs)")[0])


@pytest.mark.parametrize("number", [1, 3])
async def test_jobs_commit_and_roll_back_with_the_callers_rows(name: str, number: int, dsn: str) -> None:
    async with both(name, dsn) as (kind, app, own):
        for end, expected in ((own.rollback, (0, 0)), (own.commit, (1, number))):
            await own.execute("INSERT INTO orders VALUES (42)")
            ids = await deferred(kind, app, own, *({"n": n} for n in range(number)))
            assert len(ids) == number
            assert counts(dsn) == (0, 0)
            await end()
            assert counts(dsn) == expected
        assert sorted(run_sql(dsn, "SELECT id FROM procrastinate_jobs")) == ids


async def test_cancelling_retrying_and_reading_are_part_of_the_callers_transaction(name: str, dsn: str) -> None:
    async with both(name, dsn) as (kind, app, own):
        jobs = [Job(task_name="t"), Job(task_name="t")]
        cancelled, failed = ids_of(await call(kind, app, "batch_defer_jobs", jobs))
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", failed)
        for end, expected in (
            (own.rollback, [Status.TODO, Status.FAILED]),
            (own.commit, [Status.CANCELLED, Status.TODO]),
        ):
            await own.execute("INSERT INTO orders VALUES (42)")
            here = {"connection": own.connection}
            assert await call(kind, app, "cancel_job_by_id", cancelled, **here)
            await call(kind, app, "retry_job_by_id", failed, dt.datetime.now(dt.UTC), **here)
            assert await call(kind, app, "get_job_status", cancelled, **here) is Status.CANCELLED
            assert await call(kind, app, "get_job_status", failed, **here) is Status.TODO
            assert await call(kind, app, "get_job_status", cancelled) is Status.TODO
            await end()
            assert [await call(kind, app, "get_job_status", each) for each in (cancelled, failed)] == expected


async def test_notifications_and_aborts_are_seen_at_commit(name: str, dsn: str) -> None:
    async with both(name, dsn) as (kind, app, own), await psycopg.AsyncConnection.connect(dsn, autocommit=True) as ear:
        running = (await call(kind, app, "defer_job", Job(task_name="t"))).id
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", running)
        await ear.execute(f"LISTEN {CHANNEL}".encode())
        await deferred(kind, app, own, {})
        assert await call(kind, app, "cancel_job_by_id", running, abort=True, connection=own.connection)
        assert [notice async for notice in ear.notifies(timeout=0.2)] == []
        assert run_sql(dsn, "SELECT abort_requested FROM procrastinate_jobs") == [False]
        await own.commit()
        heard = [notice.payload async for notice in ear.notifies(timeout=5, stop_after=2)]
        assert ["job_inserted" in heard[0], "abort_job_requested" in heard[1]] == [True, True]
        assert run_sql(dsn, "SELECT abort_requested FROM procrastinate_jobs ORDER BY id") == [True, False]


async def test_a_savepoint_saves_the_transaction_from_a_taken_queueing_lock(name: str, dsn: str) -> None:
    async with both(name, dsn) as (kind, app, own):
        await call(kind, app, "defer_job", Job(task_name="t", queueing_lock="once"))
        await own.execute("INSERT INTO orders VALUES (42)")
        with pytest.raises(AlreadyEnqueued, match="once"):
            async with own.savepoint():
                await deferred(kind, app, own, {}, queueing_lock="once")
        await deferred(kind, app, own, {})
        await own.commit()
        assert counts(dsn) == (1, 2)


async def test_without_a_savepoint_the_transaction_is_lost_as_the_driver_says(name: str, dsn: str) -> None:
    async with both(name, dsn) as (kind, app, own):
        await call(kind, app, "defer_job", Job(task_name="t", queueing_lock="once"))
        with pytest.raises(AlreadyEnqueued):
            await deferred(kind, app, own, {}, queueing_lock="once")
        with pytest.raises(ConnectorException, match="current transaction is aborted"):
            await deferred(kind, app, own, {})
        await own.rollback()
        await deferred(kind, app, own, {})


async def test_what_is_refused_before_it_is_sent_leaves_the_transaction_whole(name: str, dsn: str) -> None:
    async with both(name, dsn) as (kind, app, own):
        await own.execute("INSERT INTO orders VALUES (42)")
        with pytest.raises(ConnectorException, match="bytes"):
            await deferred(kind, app, own, {}, queue="q" * 41)
        with pytest.raises(TypeError):
            await deferred(kind, app, own, {"x": object()})
        await deferred(kind, app, own, {})
        await own.commit()
        assert counts(dsn) == (1, 1)


@pytest.mark.parametrize("other", ["psycopg2", "aiopg", "aiopg, synchronously"])
async def test_other_connectors_take_no_connection(other: str, dsn: str) -> None:
    kind = KINDS[other]
    app = kind.app(dsn)
    async with opened(kind, app):
        with psycopg.connect(dsn) as connection:
            for name, arguments in (("defer_job", [Job(task_name="t")]), ("cancel_job_by_id", [1])):
                with pytest.raises(ConnectorException, match="external connections"):
                    await call(kind, app, name, *arguments, connection=connection)


async def test_a_connection_of_a_wrong_kind_gives_the_drivers_error(name: str, dsn: str) -> None:
    kind = KINDS[name]
    app = kind.app(dsn)
    async with opened(kind, app), outside("sync psycopg" if kind.is_async else "psycopg", dsn) as wrong:
        for connection in (wrong.connection, object()):
            with pytest.raises((AttributeError, TypeError)):
                await call(kind, app, "defer_job", Job(task_name="t"), connection=connection)
        assert await call(kind, app, "list_jobs") == []


async def test_a_synchronous_connection_serves_synchronous_calls_also_while_open_asynchronously(dsn: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=dsn))
    async with app.open_async():
        with psycopg.connect(dsn) as connection:
            job_id = app.configure_task("t", connection=connection).defer()
            assert await app.job_manager.list_jobs_async() == []
        await until(app.job_manager.list_jobs_async)
        assert await app.job_manager.get_job_status_async(job_id) is Status.TODO


async def test_a_pool_of_one_connection_is_enough_for_its_borrower(dsn: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=dsn, max_size=1))
    async with app.open_async():
        assert isinstance(app.connector, PsycopgConnector)
        async with app.connector.transaction() as connection:
            await app.configure_task("t", connection=connection).defer_async()
        assert len(await app.job_manager.list_jobs_async()) == 1
