"""Programs as the library's how-tos have them, on a database: the same lines run on both, but for the imports."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jobdesk_core
import psycopg
import pytest
from connecting import KINDS, opened
from database import run_sql
from interop.twins import DIFFERENCES
from interop.twins import MODULES as ROOTS
from psycopg.conninfo import conninfo_to_dict
from waiting import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(params=ROOTS.values(), ids=ROOTS)
def lib(request: pytest.FixtureRequest) -> ModuleType:
    """Either of the two, with its modules imported."""
    root: ModuleType = request.param
    for name in ("testing", "exceptions", "jobs", "utils", "retry", "contrib.aiopg"):
        importlib.import_module(f"{root.__name__}.{name}")
    for name in ("psycopg2", "sqlalchemy"):
        importlib.import_module(f"{root.__name__}.contrib.{name}")
    return root


def differs(lib: ModuleType, name: str) -> bool:
    """Whether this is the implementation that is meant to behave otherwise, for a reason in DIFFERENCES."""
    assert name in DIFFERENCES
    return lib is jobdesk_core


def app_of(lib: ModuleType, dsn: str, **options: Any) -> Any:
    """A program's app, whose workers look again soon."""
    defaults = {"install_signal_handlers": False, "fetch_job_polling_interval": 0.1, "abort_job_polling_interval": 0.1}
    return lib.App(connector=lib.PsycopgConnector(conninfo=dsn), worker_defaults=defaults, **options)


# Finding the app


def test_an_app_is_found_by_its_path(lib: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"program_of_{lib.__name__}"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{name}.py").write_text(
        f"import {lib.__name__} as lib\nfrom {lib.__name__}.testing import InMemoryConnector\n"
        f"number = 1\napp = lib.App(connector=InMemoryConnector(), import_paths=['{name}_tasks'])\n"
    )
    (tmp_path / f"{name}_tasks.py").write_text(f"from {name} import app\n\n@app.task\ndef found():\n    pass\n")
    (tmp_path / f"{name}_broken.py").write_text("raise RuntimeError('boom')\n")
    app = lib.App.from_path(f"{name}.app")
    assert isinstance(app, lib.App)
    assert f"{name}_tasks.found" not in app.tasks
    app.configure_task("other")
    assert f"{name}_tasks.found" in app.tasks
    for path in (f"{name}.nobody", f"{name}.number", "nowhere.app", "app", "", f"{name}:app"):
        with pytest.raises(lib.exceptions.LoadFromPathError):
            lib.App.from_path(path)
    with pytest.raises(RuntimeError, match="boom"):
        lib.App.from_path(f"{name}_broken.app")
    app.import_paths = [f"{name}_broken"]
    for broken in (lib.App(connector=app.connector, import_paths=[f"{name}_broken"]),) * 2:
        with pytest.raises(RuntimeError, match="boom"):
            broken.perform_import_paths()
    for module in [module for module in sys.modules if module.startswith(name)]:
        del sys.modules[module]


# Running


async def test_a_context_tells_a_task_of_its_run(lib: ModuleType, dsn: str) -> None:
    app = app_of(lib, dsn)
    contexts: list[Any] = []

    @app.task(name="t", pass_context=True, queue="q")
    async def task(context: Any, **arguments: Any) -> None:
        context.additional_context["ran"] = context.additional_context.get("ran", 0) + 1
        contexts.append(context)

    async with app.open_async():
        await task.defer_async(a=1)
        await app.run_worker_async(queues=["q"], name="w", wait=False, additional_context={"key": "value"})
    (context,) = contexts
    assert (context.app, context.task, context.worker_name) == (app, task, "w")
    assert (list(context.worker_queues), context.queues_display) == (["q"], "queues q")
    assert (context.should_abort(), context.abort_reason()) == (False, None)
    assert context.additional_context == {"key": "value", "ran": 1}
    assert context.evolve(worker_name="x").worker_name == "x"
    job = context.job
    values = job.asdict()
    assert list(values) == [
        *("id", "status", "queue", "priority", "lock", "queueing_lock", "task_name", "task_kwargs", "scheduled_at"),
        *("attempts", "abort_requested", "worker_id"),
    ]
    assert (values["status"], values["task_kwargs"], values["attempts"]) == ("doing", {"a": 1}, 0)
    at = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    logged = job.evolve(scheduled_at=at, id=7).log_context()
    assert logged == {**values, "id": 7, "scheduled_at": "2030-01-01T00:00:00+00:00", "call_string": "t[7](a=1)"}


async def test_strategies_of_a_program_decide_about_retries(lib: ModuleType, dsn: str) -> None:
    app = app_of(lib, dsn)

    class Decides(lib.BaseRetryStrategy):  # type: ignore[name-defined, misc]
        def get_retry_decision(self, *, exception: BaseException, job: Any) -> Any:
            if not isinstance(exception, KeyError) or job.attempts >= 2:
                return None
            queue = "q2" if job.attempts else None
            return lib.RetryDecision(retry_in={"seconds": 0}, priority=job.priority + 1, queue=queue, lock="l")

    class Older(lib.BaseRetryStrategy):  # type: ignore[name-defined, misc]
        def get_schedule_in(self, *, exception: BaseException, attempts: int) -> int | None:
            return 0 if attempts < 1 else None

    def fails() -> None:
        raise KeyError

    app.task(name="decides", retry=Decides())(fails)
    app.task(name="older", retry=Older())(fails)
    app.task(name="now", retry=lib.RetryStrategy(max_attempts=1))(fails)
    async with app.open_async():
        for name in ("decides", "older", "now"):
            await app.configure_task(name).defer_async()
        await app.run_worker_async(wait=False)
        jobs = await app.job_manager.list_jobs_async()
    found = [(job.task_name, job.status, job.attempts, job.priority, job.queue, job.lock) for job in jobs]
    assert found == [
        ("decides", "failed", 3, 2, "q2", "l"),
        ("older", "failed", 2, 0, "default", None),
        ("now", "failed", 2, 0, "default", None),
    ]


@pytest.mark.parametrize(
    ("options", "attempts", "seconds"),
    [
        ({"max_attempts": 0}, 50, 0),
        ({"max_attempts": 3}, 3, None),
        ({"wait": 2, "linear_wait": 3, "exponential_wait": 2}, 2, 2 + 6 + 8),
        ({"exponential_wait": 5}, 20, "never"),
        ({"exponential_wait": 5}, 2000, "never"),
        ({"retry_exceptions": [KeyError]}, 0, None),
        ({"retry_exceptions": []}, 0, 0),
    ],
)
def test_a_retry_strategy_waits(lib: ModuleType, options: dict[str, Any], attempts: int, seconds: Any) -> None:
    job = lib.jobs.Job(id=1, task_name="t", queue="q", lock=None, queueing_lock=None, attempts=attempts)
    decision = lib.RetryStrategy(**options).get_retry_decision(exception=ValueError(), job=job)
    if seconds == "never":
        assert decision.retry_at == lib.utils.utcmax()
    elif seconds is None:
        assert decision is None
    else:
        assert round((decision.retry_at - lib.utils.utcnow()).total_seconds()) == seconds


def test_a_decision_is_made_of_one_time_or_of_none(lib: ModuleType) -> None:
    assert lib.RetryDecision(priority=3).retry_at is None
    at = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    assert lib.RetryDecision(retry_at=at).retry_at == at
    with pytest.raises(ValueError, match="retry_at and retry_in"):
        lib.RetryDecision(retry_at=at, retry_in={"seconds": 1})
    refuses = differs(lib, "a time without a zone is refused")
    with pytest.raises(ValueError, match="aware") if refuses else _nothing_raised():
        lib.RetryDecision(retry_at=dt.datetime(2030, 1, 1))


class _nothing_raised:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


async def test_stalled_jobs_are_retried_as_the_how_to_does(lib: ModuleType, dsn: str) -> None:
    app = app_of(lib, dsn)

    @app.task(name="rescue", queueing_lock="rescue", pass_context=True)
    async def rescue(context: Any, timestamp: int) -> None:
        for job in await app.job_manager.get_stalled_jobs():
            await app.job_manager.retry_job(job)

    app.task(name="t")(lambda: None)
    async with app.open_async():
        job_id = await app.configure_task("t").defer_async()
        worker_id = await app.job_manager.register_worker()
        assert (await app.job_manager.fetch_job(None, worker_id)).id == job_id
        await app.job_manager.unregister_worker(worker_id)
        await rescue.defer_async(timestamp=0)
        await app.run_worker_async(wait=False)
        assert await app.job_manager.get_job_status_async(job_id) is lib.jobs.Status.SUCCEEDED


async def test_a_worker_beside_a_web_application_is_cancelled(lib: ModuleType, dsn: str) -> None:
    app = app_of(lib, dsn)
    ran = asyncio.Event()

    @app.task(name="t")
    async def task() -> None:
        ran.set()

    async with app.open_async():
        worker = asyncio.create_task(app.run_worker_async(concurrency=2))
        await task.defer_async()
        await asyncio.wait_for(ran.wait(), 60)
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(worker, 60)


# Deferring and acting


async def test_the_job_manager_takes_and_returns_what_the_librarys_does(lib: ModuleType, dsn: str) -> None:
    app = app_of(lib, dsn)
    manager, Status = app.job_manager, lib.jobs.Status

    def job(**values: Any) -> Any:
        return lib.jobs.Job(**{"task_name": "t", "queue": "q", "lock": None, "queueing_lock": None, **values})

    at = dt.datetime.now(dt.UTC)
    async with app.open_async(), await psycopg.AsyncConnection.connect(dsn) as connection:
        first = await manager.defer_job_async(job(queueing_lock="once"))
        assert first == job(queueing_lock="once", id=1, status="todo")
        more = await manager.batch_defer_jobs_async([job(lock="l"), job()], connection)
        assert [(each.status, each.lock) for each in more] == [("todo", "l"), ("todo", None)]
        await connection.commit()
        with pytest.raises(lib.exceptions.AlreadyEnqueued, match="queueing lock once") as caught:
            await manager.batch_defer_jobs_async([job(queueing_lock="new"), job(queueing_lock="once")])
        violation = caught.value.__cause__
        assert isinstance(violation, lib.exceptions.UniqueViolation)
        assert violation.queueing_lock == "once"
        assert violation.constraint_name == "procrastinate_jobs_queueing_lock_idx_v1"
        assert await manager.cancel_job_by_id_async(more[0].id, False, False, connection) is True
        await connection.commit()
        assert await manager.get_job_status_async(more[0].id, connection) is Status.CANCELLED
        await connection.commit()
        fetched = await manager.fetch_job(["q"], await manager.register_worker())
        assert fetched.evolve(worker_id=None) == first.evolve(status="doing")
        await manager.retry_job_by_id_async(1, at, 4, "r", "m")
        (retried,) = await manager.list_jobs_async(1, "r", "t", "todo", "m", "once", None)
        assert (retried.priority, retried.attempts, type(retried.status)) == (4, 1, str)
        assert [each["name"] for each in await manager.list_queues_async("r")] == ["r"]
        assert list(await manager.list_jobs_to_abort_async("q")) == []
        assert list(await manager.get_stalled_jobs(None, "q", "t", 30)) == []
        await manager.delete_old_jobs(0, None, True, True, True)
        assert [each.id for each in await manager.list_jobs_async()] == [1, more[1].id]
        assert await manager.defer_periodic_job(job(task_kwargs={"timestamp": 60}), "p", 60) is not None
        assert await manager.defer_periodic_job(job(task_kwargs={"timestamp": 60}), "p", 60) is None
        with pytest.raises(lib.exceptions.InvalidTimestamp):
            await manager.defer_periodic_job(job(task_kwargs={"timestamp": 60}), "p", 120)
        assert await manager.check_connection_async() is True


async def test_a_task_is_configured(lib: ModuleType, dsn: str) -> None:
    app = app_of(lib, dsn)
    task = app.task(name="t", queue="q", priority=5, lock="l", queueing_lock="m")(lambda: None)
    job = task.configure(queue="", priority=0, lock="", task_kwargs={"a": 1}).job
    assert (job.queue, job.priority, job.lock, job.queueing_lock) == ("default", 0, "", "m")
    deferrer = task.configure(task_kwargs={"a": 1})
    assert deferrer.make_new_job(b=2) == job.evolve(queue="q", priority=5, lock="l", task_kwargs={"a": 1, "b": 2})
    assert (deferrer.job_manager, deferrer.connection) == (app.job_manager, None)
    async with app.open_async():
        await task.defer_async("no argument", a=1)
        (deferred,) = await app.job_manager.list_jobs_async()
        assert deferred.task_kwargs == {"a": 1}
        is_refused_here = differs(lib, "a queue's name that is too long is refused before it is sent")
        with pytest.raises(lib.exceptions.ConnectorException) as caught:
            await task.configure(queue="q" * 60, queueing_lock="n").defer_async()
        assert (caught.value.__cause__ is None) is is_refused_here
        is_refused_here = differs(lib, "a number that JSON lacks is refused before it is sent")
        with pytest.raises(ValueError if is_refused_here else lib.exceptions.ConnectorException):
            await task.configure(queueing_lock="n").defer_async(a=float("inf"))


def test_a_missing_job_is_told_of_alike(lib: ModuleType, dsn: str) -> None:
    is_one = differs(lib, "a job that is not there has one answer everywhere")
    in_memory = lib.App(connector=lib.testing.InMemoryConnector())
    with pytest.raises(lib.exceptions.NoResult if is_one else KeyError):
        in_memory.job_manager.get_job_status(5)
    app = lib.App(connector=lib.contrib.psycopg2.Psycopg2Connector(dsn=dsn))
    with app.open(), pytest.raises(lib.exceptions.NoResult if is_one else TypeError):
        app.job_manager.get_job_status(5)


# Connectors


CONNECTORS: dict[str, Callable[[ModuleType, str], Any]] = {
    "psycopg": lambda lib, dsn: lib.PsycopgConnector(conninfo=dsn),
    "aiopg": lambda lib, dsn: lib.contrib.aiopg.AiopgConnector(dsn=dsn),
    "sync psycopg": lambda lib, dsn: lib.SyncPsycopgConnector(conninfo=dsn),
    "psycopg2": lambda lib, dsn: lib.contrib.psycopg2.Psycopg2Connector(dsn=dsn),
    "sqlalchemy": lambda lib, dsn: lib.contrib.sqlalchemy.SQLAlchemyPsycopg2Connector(
        dsn="postgresql+psycopg2://", connect_args=conninfo_to_dict(dsn)
    ),
}


@pytest.mark.parametrize("name", CONNECTORS)
async def test_a_program_runs_queries_of_its_own(lib: ModuleType, name: str, dsn: str) -> None:
    connector = CONNECTORS[name](lib, dsn)
    kind = KINDS[name]

    async def ask(method: str, query: str, **arguments: Any) -> Any:
        if kind.is_async:
            return await getattr(connector, f"{method}_async")(query, **arguments)
        return await asyncio.to_thread(getattr(connector, method), query, **arguments)

    async with opened(kind, lib.App(connector=connector)):
        assert await ask("execute_query", "SELECT 1") is None
        row = await ask("execute_query_one", "SELECT %(a)s::jsonb AS a, %(b)s::int[] AS b", a={"x": [1]}, b=[1, 2])
        assert dict(row) == {"a": {"x": [1]}, "b": [1, 2]}
        rows = await ask("execute_query_all", "SELECT 'ab' LIKE 'a%%' AS a FROM generate_series(1, %(n)s)", n=2)
        assert [dict(each) for each in rows] == [{"a": True}] * 2
        assert await ask("execute_query_all", "SELECT 1 AS a WHERE false") == []
        insert = "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('q', 't', 'once')"
        assert await ask("execute_query", insert) is None
        row = await ask("execute_query_one", "SELECT status, args, scheduled_at FROM procrastinate_jobs")
        assert dict(row) == {"status": "todo", "args": {}, "scheduled_at": None}
        with pytest.raises(lib.exceptions.UniqueViolation) as caught:
            await ask("execute_query", insert)
        assert caught.value.queueing_lock == "once"
        with pytest.raises(lib.exceptions.ConnectorException):
            await ask("execute_query", "SELEC")
        nothing = "SELECT 1 AS a WHERE false"
        if "psycopg" in name and name != "psycopg2":
            with pytest.raises(lib.exceptions.NoResult):
                await ask("execute_query_one", nothing)
        else:
            assert await ask("execute_query_one", nothing) is None
        if not kind.is_async:
            with pytest.raises(lib.exceptions.SyncConnectorConfigurationError):
                await connector.execute_query_async("SELECT 1")
    is_told = differs(lib, "a closed connector says that it is not open")
    closed = lib.exceptions.AppNotOpen if is_told else (lib.exceptions.AppNotOpen, lib.exceptions.ConnectorException)
    with pytest.raises(closed):
        await ask("execute_query", "SELECT 1")


async def test_the_session_of_a_query_is_always_the_same(lib: ModuleType, dsn: str) -> None:
    change = "format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database())"
    run_sql(dsn, f"DO $$ BEGIN EXECUTE {change}; END $$")
    async with app_of(lib, dsn).open_async() as app:
        row = await app.connector.execute_query_one_async("SELECT current_setting('timezone') AS zone")
    is_pinned = differs(lib, "a session inherits nothing that changes what is read")
    assert row["zone"] == ("UTC" if is_pinned else "Asia/Tokyo")


async def test_queries_run_on_a_connection_of_the_callers(lib: ModuleType, dsn: str) -> None:
    async with (
        app_of(lib, dsn).open_async() as app,
        await psycopg.AsyncConnection.connect(dsn) as connection,
    ):
        one, several = (
            app.connector.execute_query_one_async_with_connection,
            app.connector.execute_query_all_async_with_connection,
        )
        assert await one(connection, "SELECT %(a)s::int AS a", a=3) == {"a": 3}
        assert await several(connection, "SELECT pg_backend_pid() AS pid") == [{"pid": connection.info.backend_pid}]
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


def test_json_goes_through_the_programs_functions(lib: ModuleType, dsn: str) -> None:
    dumps = functools.partial(json.dumps, default=str)
    connector = lib.SyncPsycopgConnector(conninfo=dsn, json_dumps=dumps, json_loads=lambda text: [json.loads(text)])
    with lib.App(connector=connector).open() as app:
        app.configure_task("t").defer(path=Path("/x"))
        assert app.connector.execute_query_one("SELECT args FROM procrastinate_jobs") == {"args": [{"path": "/x"}]}


async def test_a_connector_of_a_programs_own_defers_and_lists(lib: ModuleType, dsn: str) -> None:
    """Written on top of another driver's connection, as the library's own for Django is."""
    base = importlib.import_module(f"{lib.__name__}.connector").BaseConnector

    class Own(base):  # type: ignore[misc, valid-type]
        def get_sync_connector(self) -> Any:
            return self

        def execute_query_all(self, query: str, **arguments: Any) -> Any:
            with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
                return connection.execute(query.encode(), wrapped(arguments)).fetchall()

        def execute_query_one(self, query: str, **arguments: Any) -> Any:
            return self.execute_query_all(query, **arguments)[0]

    app = lib.App(connector=Own())
    job_id = await asyncio.to_thread(app.configure_task("t", lock="l").defer, a=1)
    (job,) = await asyncio.to_thread(app.job_manager.list_jobs, queue="default")
    assert (job.id, job.lock, job.task_kwargs) == (job_id, "l", {"a": 1})
    assert await asyncio.to_thread(app.job_manager.cancel_job_by_id, job_id) is True
    assert await asyncio.to_thread(app.job_manager.get_job_status, job_id) is lib.jobs.Status.CANCELLED
    with pytest.raises(lib.exceptions.SyncConnectorConfigurationError):
        await app.job_manager.fetch_job(None, 1)


async def test_an_asynchronous_connector_of_a_programs_own_runs_a_worker(lib: ModuleType, empty_dsn: str) -> None:
    base = importlib.import_module(f"{lib.__name__}.connector").BaseAsyncConnector

    class Own(base):  # type: ignore[misc, valid-type]
        def get_sync_connector(self) -> Any:
            return lib.SyncPsycopgConnector(conninfo=empty_dsn)

        async def open_async(self, pool: Any = None) -> None:
            self.connection = await psycopg.AsyncConnection.connect(
                empty_dsn, autocommit=True, row_factory=psycopg.rows.dict_row
            )

        async def close_async(self) -> None:
            await self.connection.close()

        async def execute_query_async(self, query: str, **arguments: Any) -> None:
            await self.connection.execute(query.encode(), wrapped(arguments))

        async def execute_query_one_async(self, query: str, **arguments: Any) -> Any:
            return (await self.execute_query_all_async(query, **arguments))[0]

        async def execute_query_all_async(self, query: str, **arguments: Any) -> Any:
            return await (await self.connection.execute(query.encode(), wrapped(arguments))).fetchall()

        async def listen_notify(self, on_notification: Any, channels: Any) -> None:
            async with await psycopg.AsyncConnection.connect(empty_dsn, autocommit=True) as connection:
                for channel in channels:
                    await connection.execute(f'LISTEN "{channel}"'.encode())
                async for each in connection.notifies():
                    await on_notification(channel=each.channel, payload=each.payload)

    ran: list[int] = []
    app = lib.App(connector=Own(), worker_defaults={"install_signal_handlers": False})

    @app.task(name="t", retry=1)
    async def task(n: int) -> None:
        ran.append(n)
        if n == 2:
            raise ValueError

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        assert await task.batch_defer_async({"n": 1}, {"n": 2}) == [1, 2]
        await app.run_worker_async(wait=False)
        jobs = await app.job_manager.list_jobs_async()
        assert [(job.status, job.attempts) for job in jobs] == [("succeeded", 1), ("failed", 2)]
        worker = asyncio.create_task(app.run_worker_async(fetch_job_polling_interval=60))
        listeners = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
        await until(lambda: run_sql(empty_dsn, listeners) == [1])
        await task.defer_async(n=3)
        await until(lambda: 3 in ran)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


def wrapped(value: Any) -> Any:
    """The value as psycopg takes it: what is JSON below the first level is marked as that."""
    if isinstance(value, dict):
        return {name: _marked(each) for name, each in value.items()}
    return value


def _marked(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_marked, value))
    if isinstance(value, list):
        return [_marked(item) for item in value]
    return psycopg.types.json.Jsonb(value) if isinstance(value, dict) else value


def migrations_of(app: Any) -> list[Path]:
    return list(Path(app.schema_manager.get_migrations_path()).glob("*.sql"))


async def test_a_schema_is_created_through_an_app(lib: ModuleType, empty_dsn: str) -> None:
    app = app_of(lib, empty_dsn)
    async with app.open_async():
        assert await app.check_connection_async() is False
        for attempt in (
            app.configure_task("t").defer_async(),
            app.job_manager.list_jobs_async(),
            app.job_manager.fetch_job(None, 1),
            app.run_worker_async(wait=False),
        ):
            with pytest.raises(lib.exceptions.ConnectorException):
                await attempt
        await app.schema_manager.apply_schema_async()
        assert await app.check_connection_async() is True
        with pytest.raises(lib.exceptions.ConnectorException):
            await app.schema_manager.apply_schema_async()
        assert await app.configure_task("t").defer_async() == 1
    assert "procrastinate_jobs" in app.schema_manager.get_schema()
    has_none = differs(lib, "there are no migrations")
    assert (migrations_of(app) == []) is has_none


# What is meant to differ


def test_mistakes_in_a_schedule_show_where_they_are_made(lib: ModuleType) -> None:
    app = lib.App(connector=lib.testing.InMemoryConnector())
    task = app.task(name="t")(lambda timestamp: None)
    is_refused = differs(lib, "a schedule that cannot be is refused where it is written")
    for options in ({"cron": "every day"}, {"cron": "* * * * *", "prioritty": 1}):
        with pytest.raises((ValueError, TypeError)) if is_refused else _nothing_raised():
            app.periodic(**options, periodic_id=str(options))(task)


def test_the_builtin_task_has_one_name(lib: ModuleType) -> None:
    for _ in range(2):
        app = lib.App(connector=lib.testing.InMemoryConnector())
    names = {task.name for task in app.tasks.values()}
    has_one = differs(lib, "the builtin task has the same name in every app")
    assert (names == {"builtin:procrastinate.builtin_tasks.remove_old_jobs"}) is has_one


def test_a_job_is_told_in_short(lib: ModuleType) -> None:
    arguments = {"text": "x" * 1_000_000}
    job = lib.jobs.Job(task_name="t", queue="q", lock=None, queueing_lock=None, task_kwargs=arguments)
    is_short = differs(lib, "a job is told in short")
    assert (len(job.call_string) < 1000) is (len(str(job)) < 1000) is is_short


def test_a_status_may_be_one_that_nobody_knew(lib: ModuleType) -> None:
    is_taken = differs(lib, "a status that a database has added is a Status")
    with _nothing_raised() if is_taken else pytest.raises(ValueError, match="paused"):
        assert lib.jobs.Status("paused").value == "paused"
