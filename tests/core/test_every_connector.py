"""What all five connectors have in common: the ways in and out, values both ways, and errors."""

from __future__ import annotations

import datetime as dt
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from connecting import KINDS, Kind, call, opened, pool_for
from database import run_sql
from jobdesk_core import AlreadyEnqueued, App, ConnectorException, EventType, Job, Status
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import (
    AppNotOpen,
    NoResult,
    SyncConnectorConfigurationError,
    UniqueViolation,
    cause_text,
)
from jobdesk_core.worker import Worker
from managing import ids_of
from psycopg.conninfo import make_conninfo

MISSING = 999_999
SYNCHRONOUS = ["sync psycopg", "psycopg2", "sqlalchemy"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def silent_dsn() -> Iterator[str]:
    """The connection string of something that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield make_conninfo(host="127.0.0.1", port=server.getsockname()[1], dbname="nothing", connect_timeout=2)


def job(**options: Any) -> Job:
    return Job(**{"task_name": "t", **options})


async def run(kind: Kind, app: App, statement: Statement[Any]) -> Any:
    if kind.is_async:
        return await app.connector.run_async(statement)
    return app.connector.get_sync_connector().run(statement)


# In and out


async def test_it_works_while_it_is_open_and_says_so_before_and_after(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    for number in range(2):
        with pytest.raises(AppNotOpen):
            await call(kind, app, "defer_job", job())
        async with opened(kind, app), opened(kind, app):
            await call(kind, app, "defer_job", job())
            jobs = await call(kind, app, "list_jobs")
            assert len(jobs) == number + 1
        with pytest.raises(AppNotOpen):
            await call(kind, app, "get_job_status", jobs[0].id)


async def test_a_pool_of_the_applications_own_is_shared_and_stays_open(kind: Kind, dsn: str) -> None:
    app = App(connector=kind.connector())
    async with pool_for(kind, dsn) as (pool, is_alive):
        async with opened(kind, app, pool):
            job_id = (await call(kind, app, "defer_job", job())).id
            with pytest.raises(ConnectorException):
                await run(kind, app, Statement("SELECT 1 / 0", lambda rows: rows))
            assert await call(kind, app, "get_job_status", job_id) is Status.TODO
        assert is_alive()
    assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs") == [1]


async def test_a_server_that_never_answers_is_an_error_and_soon(kind: Kind, silent_dsn: str) -> None:
    app = kind.app(silent_dsn)
    since = time.monotonic()
    with pytest.raises(ConnectorException) as caught:
        async with opened(kind, app):
            pass
    assert time.monotonic() - since < 20
    assert "time" in cause_text(caught.value) + str(caught.value)


async def test_a_database_that_is_not_there_is_an_error_with_the_servers_words(kind: Kind, server_dsn: str) -> None:
    app = kind.app(make_conninfo(server_dsn, dbname="jobdesk_no_such_database"))
    with pytest.raises(ConnectorException, match="jobdesk_no_such_database"):
        async with opened(kind, app):
            pass
    with pytest.raises(AppNotOpen):
        await call(kind, app, "list_jobs")


async def test_connections_that_died_are_replaced_before_anyone_notices(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        await call(kind, app, "defer_job", job())
        run_sql(
            dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        await call(kind, app, "defer_job", job())
    assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs") == [2]


@pytest.mark.parametrize("name", SYNCHRONOUS)
async def test_a_synchronous_connector_refuses_what_needs_a_loop(name: str, dsn: str) -> None:
    app = KINDS[name].app(dsn)
    with app.open():
        assert app.connector.get_sync_connector() is app.connector
        for attempt in (
            app.connector.open_async(),
            app.connector.close_async(),
            app.close_async(),
            app.job_manager.defer_job_async(job()),
            app.job_manager.fetch_job(None, None),
            app.job_manager.register_worker(),
            app.job_manager.listen_for_jobs(on_notification=lambda *_: None),
            app.connector.listen_notify(lambda *_: None, []),
            Worker(app).run(),
        ):
            with pytest.raises(SyncConnectorConfigurationError, match="synchronous"):
                await attempt


# Values


async def test_everything_about_a_job_travels_both_ways(kind: Kind, dsn: str) -> None:
    at = dt.datetime(2031, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    arguments = {"text": "100 % é 'quoted' \\ {}", "list": [1, 2.5, None, {"deep": []}], "%(name)s": True}
    wanted = job(
        task_name="it's", queue="q", priority=-3, lock="l%", queueing_lock="ql", task_kwargs=arguments, scheduled_at=at
    )
    app = kind.app(dsn)
    async with opened(kind, app):
        ids = ids_of(await call(kind, app, "batch_defer_jobs", [wanted, job(), job(task_kwargs={"n": 1})]))
        first, second, third = await call(kind, app, "list_jobs")
        assert await call(kind, app, "batch_defer_jobs", []) == []
    assert [first.id, second.id, third.id] == ids == sorted(ids)
    assert (first.task_name, first.queue, first.priority, first.lock) == ("it's", "q", -3, "l%")
    assert (first.queueing_lock, first.task_kwargs, first.scheduled_at) == ("ql", arguments, at)
    assert (second.task_kwargs, second.scheduled_at, second.lock, third.task_kwargs) == ({}, None, None, {"n": 1})


async def test_json_travels_through_the_given_functions(kind: Kind, dsn: str) -> None:
    app = kind.app(
        dsn,
        json_dumps=lambda value: json.dumps({"wrapped": value}),
        json_loads=lambda text: {"loaded": json.loads(text)},
    )
    async with opened(kind, app):
        await call(kind, app, "batch_defer_jobs", [job(task_kwargs={"n": n}) for n in range(2)])
        jobs = await call(kind, app, "list_jobs")
    assert [each.task_kwargs for each in jobs] == [{"loaded": {"wrapped": {"n": n}}} for n in range(2)]


async def test_a_text_without_parameters_goes_as_it_is(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        statement = Statement("SELECT '%(x)s 100%' AS text, NULL::jsonb AS nothing", lambda rows: rows)
        assert await run(kind, app, statement) == [{"text": "%(x)s 100%", "nothing": None}]


async def test_a_dict_is_a_jsonb_wherever_it_stands_and_a_list_an_array(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        text = "SELECT pg_typeof(%(dict)s)::text AS dict, %(dicts)s::jsonb[] AS dicts, '50 %%' = ANY (%(list)s) AS has"
        parameters = {"dict": {"a": 1}, "dicts": [{"b": 2}, {}], "list": ["50 %", "x"]}
        (row,) = await run(kind, app, Statement(text, lambda rows: rows, parameters))
    assert (row["dict"], row["has"], len(row["dicts"])) == ("jsonb", True, 2)


# The operations


async def test_jobs_are_deferred_cancelled_and_retried_and_their_status_read(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        assert await call(kind, app, "check_connection")
        kept, cancelled, deleted = ids_of(await call(kind, app, "batch_defer_jobs", [job(lock="l"), job(), job()]))
        assert await call(kind, app, "cancel_job_by_id", cancelled) is True
        assert await call(kind, app, "cancel_job_by_id", cancelled) is False
        assert await call(kind, app, "cancel_job_by_id", deleted, delete_job=True) is True
        assert await call(kind, app, "get_job_status", cancelled) is Status.CANCELLED
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", kept)
        assert await call(kind, app, "cancel_job_by_id", kept) is False
        assert await call(kind, app, "cancel_job_by_id", kept, abort=True) is True
        run_sql(dsn, "SELECT procrastinate_finish_job_v1(%s, 'failed', false)", kept)
        await call(kind, app, "retry_job_by_id", kept, dt.datetime.now(dt.UTC), priority=4, queue="r", lock="m")
        (found,) = await call(kind, app, "list_jobs", status="todo")
        assert (found.id, found.priority, found.queue, found.lock, found.attempts) == (kept, 4, "r", "m", 2)
        assert [row["name"] for row in await call(kind, app, "list_queues")] == ["default", "r"]
        assert [row["jobs_count"] for row in await call(kind, app, "list_tasks", task="t")] == [2]
        assert [row["name"] for row in await call(kind, app, "list_locks")] == ["m"]
        with pytest.raises(TypeError, match="jobs_id"):
            await call(kind, app, "list_jobs", jobs_id=kept)
    events = run_sql(dsn, "SELECT type::text FROM procrastinate_events WHERE job_id = %s ORDER BY id", kept)
    assert EventType(events[-1]) is EventType.RETRIED


async def test_an_id_that_is_not_there_has_one_answer_everywhere(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        with pytest.raises(NoResult, match=str(MISSING)):
            await call(kind, app, "get_job_status", MISSING)
        assert await call(kind, app, "cancel_job_by_id", MISSING, abort=True, delete_job=True) is False
        with pytest.raises(ConnectorException, match=str(MISSING)):
            await call(kind, app, "retry_job_by_id", MISSING, dt.datetime.now(dt.UTC))
        assert await call(kind, app, "list_jobs", id=MISSING) == []


async def test_a_taken_queueing_lock_is_told_with_its_name_and_its_cause(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        await call(kind, app, "defer_job", job(queueing_lock="once"))
        with pytest.raises(AlreadyEnqueued, match="once") as caught:
            await call(kind, app, "batch_defer_jobs", [job(), job(queueing_lock="once")])
        assert len(await call(kind, app, "list_jobs")) == 1
    assert isinstance(caught.value.__cause__, UniqueViolation)
    assert str(caught.value.__cause__.constraint_name).startswith("procrastinate_jobs_queueing_lock_idx")
    assert caught.value.__cause__.__cause__ is not None


async def test_a_schema_that_was_migrated_meanwhile_is_looked_at_anew(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        await call(kind, app, "check_connection")
        run_sql(dsn, "ALTER FUNCTION procrastinate_cancel_job_v1 RENAME TO procrastinate_cancel_job")
        job_id = (await call(kind, app, "defer_job", job())).id
        assert await call(kind, app, "cancel_job_by_id", job_id)


async def test_the_drivers_words_are_in_the_error_and_the_drivers_error_is_its_cause(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        with pytest.raises(ConnectorException, match="division by zero") as caught:
            await run(kind, app, Statement("SELECT 1 / 0", lambda rows: rows))
    assert "division by zero" in str(caught.value.__cause__)
    assert type(caught.value.__cause__).__module__.startswith("psycopg")
