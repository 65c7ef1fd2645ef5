"""The app: opening it, its tasks and their names, and every option of a deferred job."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from connecting import KINDS, Kind, call, opened
from jobdesk_core import AlreadyEnqueued, App, Blueprint, Job, PsycopgConnector, Status, SyncPsycopgConnector, Task
from jobdesk_core.exceptions import AppNotOpen, TaskAlreadyRegistered, TaskNotFound, UnboundTaskError
from psycopg_pool import AsyncConnectionPool, ConnectionPool

CONNECTORS = [PsycopgConnector, SyncPsycopgConnector]


@pytest.fixture
def app(dsn: str) -> App:
    """An app that is not open."""
    return App(connector=PsycopgConnector(conninfo=dsn))


@pytest.fixture
def open_app(app: App) -> Iterator[App]:
    """An app that is open for synchronous use."""
    with app.open():
        yield app


def add(a: int, b: int = 0) -> int:
    return a + b


def only_job(app: App) -> Job:
    (job,) = app.job_manager.list_jobs()
    return job


def own_tasks(app: App) -> dict[str, Task]:
    """The app's tasks without those that every app has."""
    return {name: task for name, task in app.tasks.items() if not name.endswith("remove_old_jobs")}


# Opening


@pytest.mark.parametrize("connector", CONNECTORS)
def test_an_app_defers_while_it_is_open(dsn: str, connector: Any) -> None:
    app = App(connector=connector(conninfo=dsn))
    task = app.task(add)
    for _ in range(2):
        with pytest.raises(AppNotOpen):
            task.defer(a=1)
        with app.open() as opened:
            assert opened is app
            task.defer(a=1)
            ended = len(app.job_manager.list_jobs())
    assert ended == 2


async def test_an_app_opens_asynchronously_in_both_ways(app: App) -> None:
    task = app.task(add)
    assert await app.open_async() is app
    first = await task.defer_async(a=1)
    await app.close_async()
    async with app.open_async() as opened:
        assert opened is app
        assert await task.defer_async(a=1) == first + 1
    with pytest.raises(AppNotOpen):
        await task.defer_async(a=1)


async def test_an_app_uses_the_pool_it_is_given_and_leaves_it_open(dsn: str) -> None:
    app = App(connector=PsycopgConnector())
    async with AsyncConnectionPool(dsn, min_size=1, open=False) as pool:
        async with app.open_async(pool):
            assert await app.job_manager.check_connection_async()
        assert not pool.closed


def test_an_app_uses_the_pool_it_is_given_synchronously_too(dsn: str) -> None:
    app = App(connector=PsycopgConnector())
    with ConnectionPool(dsn, min_size=1, open=False) as pool:
        with app.open(pool):
            assert app.job_manager.check_connection()
        assert not pool.closed


# Tasks


def test_a_task_has_its_functions_name_and_is_still_a_function(app: App) -> None:
    @app.task
    def double(n: int) -> int:
        return 2 * n

    assert isinstance(double, Task)
    assert double.name == f"{__name__}.double"
    assert own_tasks(app) == {double.name: double}
    assert double(4) == double(n=4) == 8


def test_a_task_is_known_by_its_name_and_aliases_and_deferred_by_its_name(open_app: App) -> None:
    task = open_app.task(name="sums:add", aliases=["add", "sums.add"])(add)
    assert own_tasks(open_app) == {"sums:add": task, "add": task, "sums.add": task}
    open_app.configure_task("add").defer(a=1)
    assert only_job(open_app).task_name == "sums:add"


@pytest.mark.parametrize(
    "options", [{"name": "taken"}, {"name": "alias"}, {"name": "new", "aliases": ["taken"]}, {"aliases": ["alias"]}]
)
def test_a_name_that_is_taken_is_refused_and_nothing_is_registered(app: App, options: dict[str, Any]) -> None:
    task = app.task(name="taken", aliases=["alias"])(add)
    with pytest.raises(TaskAlreadyRegistered, match=r"taken|alias"):
        app.task(**options)(only_job)
    assert own_tasks(app) == {"taken": task, "alias": task}


def test_jobs_start_out_with_their_tasks_options(open_app: App) -> None:
    task = open_app.task(name="t", queue="q", priority=3, lock="l", queueing_lock="ql")(add)
    task.defer(a=1)
    job = only_job(open_app)
    assert (job.task_name, job.queue, job.priority, job.lock, job.queueing_lock) == ("t", "q", 3, "l", "ql")
    assert (Status(job.status), job.scheduled_at, job.task_kwargs) == (Status.TODO, None, {"a": 1})


def test_a_task_without_an_app_cannot_defer() -> None:
    task = Blueprint().task(add)
    with pytest.raises(UnboundTaskError):
        task.defer(a=1)
    assert (task.app, task(1, b=2)) == (None, 3)


# Options of one job


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("queue", "other"),
        ("priority", -1),
        ("priority", 0),
        ("lock", "m"),
        ("queueing_lock", "mm"),
        ("task_kwargs", {"a": 5}),
    ],
)
def test_configure_overrides_one_option_of_the_task(open_app: App, option: str, value: Any) -> None:
    task = open_app.task(name="t", queue="q", priority=3, lock="l", queueing_lock="ql")(add)
    task.configure(**{option: value}).defer()
    task_own = {"queue": "q", "priority": 3, "lock": "l", "queueing_lock": "ql", "task_kwargs": {}}
    job = only_job(open_app)
    assert {name: getattr(job, name) for name in task_own} == task_own | {option: value}


def test_none_keeps_what_the_task_has(open_app: App) -> None:
    task = open_app.task(name="t", queue="q", priority=3, lock="l", queueing_lock="ql")(add)
    task.configure(queue=None, priority=None, lock=None, queueing_lock=None, task_kwargs=None).defer()
    job = only_job(open_app)
    assert (job.queue, job.priority, job.lock, job.queueing_lock, job.task_kwargs) == ("q", 3, "l", "ql", {})


def test_arguments_are_merged_and_the_last_word_counts(open_app: App) -> None:
    deferrer = open_app.task(name="t")(add).configure(task_kwargs={"a": 1, "b": 2})
    deferrer.defer(b=3)
    deferrer.defer()
    assert [job.task_kwargs for job in open_app.job_manager.list_jobs()] == [{"a": 1, "b": 3}, {"a": 1, "b": 2}]


@pytest.mark.parametrize("name", ["known", "unknown"])
def test_an_unknown_option_is_an_error(app: App, name: str) -> None:
    app.task(name="known")(add)
    with pytest.raises(TypeError, match="prioritty"):
        app.configure_task(name, prioritty=1)


def test_schedule_at_is_when_the_job_is_due(open_app: App) -> None:
    at = dt.datetime(2040, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=5)))
    open_app.task(add).configure(schedule_at=at).defer(a=1)
    assert only_job(open_app).scheduled_at == at


def test_schedule_in_counts_from_now(open_app: App) -> None:
    before = dt.datetime.now(dt.UTC)
    open_app.task(add).configure(schedule_in={"hours": 1, "minutes": 30}).defer(a=1)
    after = dt.datetime.now(dt.UTC)
    scheduled_at = only_job(open_app).scheduled_at
    assert scheduled_at is not None
    assert before <= scheduled_at - dt.timedelta(hours=1.5) <= after


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schedule_at": dt.datetime(2040, 1, 1)}, "aware"),
        ({"schedule_at": dt.datetime(2040, 1, 1, tzinfo=dt.UTC), "schedule_in": {"hours": 1}}, "both"),
    ],
)
def test_a_schedule_that_says_too_little_or_too_much_is_refused(app: App, options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        app.task(add).configure(**options)


def test_a_job_is_deferred_in_the_callers_transaction(open_app: App, dsn: str) -> None:
    task = open_app.task(add)
    with psycopg.connect(dsn) as connection:
        task.configure(connection=connection).defer(a=1)
        task.configure(connection=connection).batch_defer({"a": 2}, {"a": 3})
        assert open_app.job_manager.list_jobs() == []
        connection.rollback()
        task.configure(connection=connection).defer(a=4)
    assert only_job(open_app).task_kwargs == {"a": 4}


def test_a_task_of_other_programs_is_deferred_by_its_name(open_app: App) -> None:
    open_app.configure_task("theirs", queue="q").defer(x=1)
    job = only_job(open_app)
    assert (job.task_name, job.queue, job.task_kwargs) == ("theirs", "q", {"x": 1})
    with pytest.raises(TaskNotFound, match="theirs"):
        open_app.configure_task("theirs", allow_unknown=False)


# Deferring in four ways


def test_batches_have_their_ids_in_order(open_app: App) -> None:
    task = open_app.task(add)
    ids = task.batch_defer(*({"a": n} for n in range(5)))
    assert [(job.id, job.task_kwargs["a"]) for job in open_app.job_manager.list_jobs()] == list(
        zip(ids, range(5), strict=True)
    )
    assert task.batch_defer() == []
    assert task.defer(a=9) > ids[-1]


async def test_jobs_are_deferred_asynchronously(app: App) -> None:
    task = app.task(queueing_lock="once")(add)
    async with app.open_async():
        first = await task.defer_async(a=0)
        with pytest.raises(AlreadyEnqueued):
            await task.batch_defer_async({"a": 1})
        ids = await app.configure_task("theirs").batch_defer_async({"a": 1}, {"a": 2})
        assert [job.id for job in await app.job_manager.list_jobs_async()] == [first, *ids]
        with pytest.raises(RuntimeError, match="asynchronous method"):
            task.defer(a=1)
        assert await asyncio.to_thread(app.configure_task("theirs").defer, a=3) > ids[-1]


# Other connectors


def test_another_app_with_the_same_tasks_defers_through_its_own_connector(open_app: App, empty_dsn: str) -> None:
    task = open_app.task(name="t", aliases=["alias"])(add)
    open_app.periodic(cron="0 0 * * *")(task)
    other = open_app.with_connector(SyncPsycopgConnector(conninfo=empty_dsn))
    assert set(own_tasks(other)) == {"t", "alias"}
    assert other.tasks["t"] is other.tasks["alias"] is other.periodic_tasks[0].task
    assert other.tasks["t"].app is other
    with pytest.raises(AppNotOpen):
        other.tasks["t"].defer(a=1)
    task.defer(a=1)


def test_apps_that_share_their_tasks_stay_together(open_app: App, empty_dsn: str, dsn: str) -> None:
    other = open_app.with_connector(SyncPsycopgConnector(conninfo=dsn))
    third = other.with_connector(SyncPsycopgConnector(conninfo=empty_dsn))
    task = open_app.task(name="t", queue="q", aliases=["alias"])(add)
    theirs = other.periodic(cron="0 0 * * *")(other.task(name="u")(add))
    for app in (open_app, other, third):
        assert set(own_tasks(app)) == {"t", "alias", "u"}
        assert {known.app for known in app.tasks.values()} == {app}
        assert [each.task for each in app.periodic_tasks] == [app.tasks["u"]]
        with pytest.raises(TaskAlreadyRegistered):
            app.task(name="alias")(only_job)
    assert (open_app.tasks["t"], other.tasks["u"]) == (task, theirs)
    with other.open():
        job_id = other.configure_task("t").defer(a=1)
        assert only_job(other).queue == "q"
        assert other.job_manager.get_job_status(job_id) is Status.TODO
    with pytest.raises(AppNotOpen):
        third.configure_task("t").defer(a=1)


def test_an_app_that_is_gone_leaves_the_others(app: App) -> None:
    for _ in range(3):
        app.with_connector(SyncPsycopgConnector())
    gc.collect()
    assert list(app._family) == [app]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_tasks_and_configured_deferrers_use_the_connector_of_the_moment(kind: Kind, dsn: str) -> None:
    app = App(connector=PsycopgConnector(conninfo="host=/nowhere"))
    task = app.task(name="t")(add)
    deferrer, manager = task.configure(queue="before"), app.job_manager
    connector = kind.app(dsn).connector
    with app.replace_connector(connector):
        async with opened(kind, app):
            assert manager.connector is connector
            for each in (deferrer, task, app.configure_task("u", queue="u")):
                _ = await each.defer_async(a=1) if kind.is_async else each.defer(a=1)
            names = [(job.task_name, job.queue) for job in await call(kind, app, "list_jobs")]
    assert names == [("t", "before"), ("t", "default"), ("u", "u")]
    with pytest.raises(AppNotOpen):
        task.defer(a=1)


def test_a_connector_is_replaced_for_a_while(dsn: str) -> None:
    app = App(connector=PsycopgConnector(conninfo="host=/nowhere"))
    task = app.task(add)
    before = app.connector
    connector = SyncPsycopgConnector(conninfo=dsn)
    with app.replace_connector(connector) as replaced, replaced.open():
        assert replaced is app
        task.defer(a=1)
    assert app.connector is app.job_manager.connector is before


# Periodic tasks


@pytest.mark.parametrize("cron", ["every day", "61 * * * *", "0 0 30 2 *", "* * * * * 0 1990", None])
def test_a_cron_expression_that_never_comes_is_refused_at_once(app: App, cron: Any) -> None:
    task = app.task(add)
    with pytest.raises(ValueError, match="cron expression"):
        app.periodic(cron=cron)(task)
    assert list(app.periodic_tasks) == []


def test_a_periodic_task_with_an_unknown_option_is_refused_at_once(app: App) -> None:
    with pytest.raises(TypeError, match="prioritty"):
        app.periodic(cron="* * * * *", prioritty=1)(app.task(add))
    assert list(app.periodic_tasks) == []


async def test_a_periodic_task_defers_each_of_its_times_once(app: App) -> None:
    task = app.task(name="nightly")(add)
    app.periodic(cron="30 3 * * *", periodic_id="p", queue="q", task_kwargs={"a": 1})(task)
    (periodic,) = app.periodic_tasks
    due = int(periodic.schedule.after(dt.datetime(2026, 5, 1, 3, 30, tzinfo=dt.UTC).timestamp()))
    assert due == dt.datetime(2026, 5, 2, 3, 30, tzinfo=dt.UTC).timestamp()
    async with app.open_async():
        assert await periodic.defer(due) is not None
        assert await periodic.defer(due) is None
        (job,) = await app.job_manager.list_jobs_async()
    assert (job.task_name, job.queue, job.task_kwargs) == ("nightly", "q", {"a": 1, "timestamp": due})
