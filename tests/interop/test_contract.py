"""One contract for ours and the real Procrastinate: deferring, acting on jobs and listing them, on psycopg."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import run_sql
from interop.twins import DIFFERENCES, MODULES, Ear, Twin, closed_app, twin_of
from psycopg.conninfo import make_conninfo

AT = dt.datetime(2040, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SOME = "queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at, status::text, attempts"
Opening = Callable[[], AbstractAsyncContextManager[Twin]]


@pytest.fixture(params=["async", "sync"])
def is_sync(request: pytest.FixtureRequest) -> bool:
    """The kind of connector."""
    return bool(request.param == "sync")


@pytest.fixture(params=list(MODULES))
def opened(request: pytest.FixtureRequest, dsn: str, is_sync: bool) -> Opening:
    """How to open the twin under test."""
    return lambda: twin_of(MODULES[request.param], dsn, is_sync=is_sync)


def bring_to(dsn: str, status: str, *, aborts: bool = False) -> int:
    """A job in this status, by the schema's functions."""
    row = "ROW('q', 't', 0, NULL, NULL, '{}', NULL)::procrastinate_job_to_defer_v1"
    ((job_id,),) = run_sql(dsn, f"SELECT procrastinate_defer_jobs_v1(ARRAY[{row}])")
    if status == "cancelled":
        run_sql(dsn, "SELECT procrastinate_cancel_job_v1(%s, false, false)", job_id)
    elif status != "todo":
        run_sql(dsn, "SELECT procrastinate_fetch_job_v2(NULL, worker_id) FROM procrastinate_register_worker_v1()")
        if aborts:
            run_sql(dsn, "SELECT procrastinate_cancel_job_v1(%s, true, false)", job_id)
        if status != "doing":
            run_sql(dsn, "SELECT procrastinate_finish_job_v1(%s, %s::procrastinate_job_status, false)", job_id, status)
    return int(job_id)


STATUSES = ["todo", "doing", "succeeded", "failed", "cancelled", "aborted"]


def test_every_intended_difference_is_tested() -> None:
    text = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_contract*.py"))
    assert [name for name in DIFFERENCES if f'"{name}"' not in text] == []


# Deferring


@pytest.mark.parametrize(
    ("options", "row", "events"),
    [
        ({}, ("default", "t", 0, None, None, {"n": 1}, None, "todo", 0), ["deferred"]),
        (
            {"queue": "q", "priority": -3, "lock": "l", "queueing_lock": "m", "task_kwargs": {"n": 0, "é": [None]}},
            ("q", "t", -3, "l", "m", {"n": 1, "é": [None]}, None, "todo", 0),
            ["deferred"],
        ),
        ({"schedule_at": AT}, ("default", "t", 0, None, None, {"n": 1}, AT, "todo", 0), ["scheduled", "deferred"]),
        ({"queue": ""}, ("default", "t", 0, None, None, {"n": 1}, None, "todo", 0), ["deferred"]),
    ],
)
async def test_a_job_is_deferred_with_its_options(opened: Opening, options: Any, row: Any, events: Any) -> None:
    async with opened() as twin:
        with Ear(twin.dsn, row[0]) as ear:
            job_id = await twin.defer(arguments={"n": 1}, **options)
            told = [(f"queue_v1#{row[0]}", "job_inserted", job_id), ("any_queue_v1", "job_inserted", job_id)]
            assert ear.heard() == told
        assert (twin.rows(SOME), twin.events(job_id)) == ([row], events)


async def test_a_batch_is_deferred_in_order_and_an_empty_one_is_nothing(opened: Opening) -> None:
    async with opened() as twin:
        deferrer = twin.app.configure_task("t", lock="l")
        ids = await twin.do(deferrer, "batch_defer", {"n": 1}, {"n": 2}, {})
        assert await twin.do(deferrer, "batch_defer") == []
        assert ids == sorted(ids)
        assert twin.rows("id, args, lock") == list(zip(ids, [{"n": 1}, {"n": 2}, {}], ["l"] * 3, strict=True))


@pytest.mark.parametrize("is_batch", [True, False])
async def test_a_taken_queueing_lock_is_told_and_nothing_is_deferred(opened: Opening, is_batch: bool) -> None:
    async with opened() as twin:
        deferrer = twin.app.configure_task("t", queueing_lock="m")
        if not is_batch:
            await twin.do(deferrer, "defer")
        before = twin.rows("id")
        with pytest.raises(twin.exceptions.AlreadyEnqueued, match="queueing lock m") as caught:
            await twin.do(deferrer, "batch_defer", {}, {})
        assert twin.rows("id") == before
        assert not isinstance(caught.value, twin.exceptions.ConnectorException)
        assert isinstance(caught.value.__cause__, twin.exceptions.UniqueViolation)
        assert caught.value.__cause__.constraint_name == "procrastinate_jobs_queueing_lock_idx_v1"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"schedule_at": AT, "schedule_in": {"hours": 1}}, ValueError),
        ({"schedule_at": AT.replace(tzinfo=None)}, ValueError),
        ({"task_kwargs": {"n": "\0"}}, "ConnectorException"),
        ({"task_kwargs": {"n": object()}}, TypeError),
        ({"queue": "q" * 41}, "ConnectorException"),
        ({"queue": "é" * 21}, "ConnectorException"),
        ({"priority": 2**31}, "ConnectorException"),
    ],
)
async def test_bad_input_is_refused_and_nothing_is_deferred(opened: Opening, options: Any, error: Any) -> None:
    async with opened() as twin:
        with pytest.raises(getattr(twin.exceptions, error) if isinstance(error, str) else error):
            await twin.defer(**options)
        assert twin.rows() == []


async def test_an_option_that_does_not_exist(opened: Opening) -> None:
    async with opened() as twin:
        if twin.differs("an unknown option is refused"):
            with pytest.raises(TypeError):
                await twin.defer(lokc="l")
        else:
            await twin.defer(lokc="l")


async def test_an_unknown_task_is_refused_only_if_wanted(opened: Opening) -> None:
    async with opened() as twin:
        with pytest.raises(twin.exceptions.TaskNotFound):
            twin.app.configure_task("t", allow_unknown=False)


async def test_tasks_of_a_new_app(dsn: str, empty_dsn: str, is_sync: bool, opened: Opening) -> None:
    async with opened() as twin:
        twin.app.task(name="known")(lambda: None)
        other = closed_app(twin.module, is_sync, conninfo=dsn).connector
        new = twin.app.with_connector(other)
        # The new connector is not open: whoever uses it says so.
        if twin.differs("tasks of a new app use its connector"):
            with pytest.raises(twin.exceptions.AppNotOpen):
                await twin.do(new.configure_task("known"), "defer")
        else:
            assert await twin.do(new.configure_task("known"), "defer")


# Acting on jobs


@pytest.mark.parametrize("status", STATUSES)
async def test_a_job_is_cancelled_as_its_status_allows(opened: Opening, status: str) -> None:
    async with opened() as twin:
        for options in ({}, {"abort": True}, {"delete_job": True}, {"abort": True, "delete_job": True}):
            run_sql(twin.dsn, "DELETE FROM procrastinate_jobs")
            await is_cancelled(twin, status, options)


async def is_cancelled(twin: Twin, status: str, options: dict[str, bool]) -> None:
    """What a cancel with these options does to a job of this status."""
    job_id = bring_to(twin.dsn, status)
    events, is_aborted = twin.events(job_id), status == "doing" and "abort" in options
    with Ear(twin.dsn) as ear:
        assert await twin.act("cancel_job_by_id", job_id, **options) is (status == "todo" or is_aborted)
        assert ear.heard() == ([("any_queue_v1", "abort_job_requested", job_id)] if is_aborted else [])
    if status == "todo" and "delete_job" in options:
        assert twin.rows() == []
        return
    if is_aborted or (status == "todo" and "abort" in options):
        events.append("abort_requested")
    if status == "todo":
        events.append("cancelled")
    end = "cancelled" if status == "todo" else status
    assert twin.rows("status::text, abort_requested") == [(end, "abort_requested" in events)]
    assert twin.events(job_id) == events


@pytest.mark.parametrize("status", STATUSES)
async def test_a_job_is_retried_as_its_status_allows(opened: Opening, status: str) -> None:
    async with opened() as twin:
        job_id = bring_to(twin.dsn, status)
        before = twin.rows("status::text, attempts"), twin.events(job_id)
        changes = {"priority": 7, "queue": "r", "lock": "l"}
        with Ear(twin.dsn, "q", "r") as ear:
            if status in ("doing", "failed"):
                await twin.act("retry_job_by_id", job_id, AT, **changes)
                told = [("queue_v1#r", "job_inserted", job_id), ("any_queue_v1", "job_inserted", job_id)]
                assert ear.heard() == (told if twin.differs("a retry wakes the workers") else [])
            else:
                with pytest.raises(twin.exceptions.ConnectorException):
                    await twin.act("retry_job_by_id", job_id, AT, **changes)
                assert ear.heard() == []
                assert (twin.rows("status::text, attempts"), twin.events(job_id)) == before
                return
        retried = (("r", "t", 7, "l", None, {}, AT, "todo", 1 + (status == "failed")),)
        assert twin.rows(SOME) == list(retried)
        added = ["scheduled", "deferred_for_retry" if status == "doing" else "retried"]
        assert twin.events(job_id) == before[1] + added


async def test_a_retry_of_a_job_whose_abort_got_stuck(opened: Opening) -> None:
    async with opened() as twin:
        job_id = bring_to(twin.dsn, "doing", aborts=True)
        await twin.act("retry_job_by_id", job_id, AT)
        assert twin.rows("status::text, attempts, abort_requested") == [("failed", 0, True)]
        if twin.differs("a retry clears a stuck abort flag"):
            await twin.act("retry_job_by_id", job_id, AT)
            assert twin.rows("status::text, attempts, abort_requested") == [("todo", 1, False)]
        else:
            with pytest.raises(twin.exceptions.ConnectorException):
                await twin.act("retry_job_by_id", job_id, AT)


@pytest.mark.parametrize("commits", [True, False])
async def test_a_job_commits_or_rolls_back_with_the_callers_transaction(opened: Opening, commits: bool) -> None:
    async def within(connection: Any) -> Any:
        job_id = await twin.defer(connection=connection)
        assert await twin.act("get_job_status", job_id, connection=connection) is twin.module.jobs.Status.TODO
        assert (await twin.act("cancel_job_by_id", job_id, connection=connection)) is True
        assert (ear.heard(), twin.rows()) == ([], [])

    async with opened() as twin:
        with Ear(twin.dsn) as ear:
            if twin.is_sync:
                with psycopg.connect(twin.dsn) as connection:
                    await within(connection)
                    connection.commit() if commits else connection.rollback()
            else:
                async with await psycopg.AsyncConnection.connect(twin.dsn) as own:
                    await within(own)
                    await (own.commit() if commits else own.rollback())
            assert len(ear.heard()) == commits
            assert twin.rows() == ["cancelled"] * commits


# Reading


async def test_the_status_of_a_job_and_of_none(opened: Opening) -> None:
    async with opened() as twin:
        status = twin.module.jobs.Status
        for each in STATUSES:
            assert await twin.act("get_job_status", bring_to(twin.dsn, each)) is status(each)
            run_sql(twin.dsn, "DELETE FROM procrastinate_jobs")
        with pytest.raises(twin.exceptions.NoResult):
            await twin.act("get_job_status", 1)


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [0, 1, 2, 3]),
    ({"queue": "q"}, [0, 1]),
    ({"task": "u"}, [1, 3]),
    ({"status": "cancelled"}, [3]),
    ({"lock": "l"}, [0, 2]),
    ({"queueing_lock": "m"}, [1]),
    ({"queue": "r", "status": "todo"}, [2]),
    ({"worker_id": 1}, []),
]


async def test_jobs_are_listed_by_filters_and_counted(opened: Opening) -> None:
    async with opened() as twin:
        ids = [
            await twin.defer("t", queue="q", lock="l", priority=2),
            await twin.defer("u", queue="q", queueing_lock="m"),
            await twin.defer("t", queue="r", lock="l"),
            await twin.defer("u", queue="r"),
        ]
        await twin.act("cancel_job_by_id", ids[3])
        for filters, found in FILTERS:
            jobs = list(await twin.act("list_jobs", **filters))
            assert [job.id for job in jobs] == [ids[index] for index in found]
            assert {type(job.status) for job in jobs} <= {str}
        first = next(iter(await twin.act("list_jobs")))
        told = (first.queue, first.task_name, first.priority, first.lock, first.queueing_lock, first.attempts)
        assert told == ("q", "t", 2, "l", None, 0)
        zero = dict.fromkeys(["doing", "succeeded", "failed", "aborted"], 0)
        counts = [
            {"name": "q", "jobs_count": 2, "todo": 2, "cancelled": 0} | zero,
            {"name": "r", "jobs_count": 2, "todo": 1, "cancelled": 1} | zero,
        ]
        assert [dict(each) for each in await twin.act("list_queues")] == counts
        assert [each["name"] for each in await twin.act("list_tasks", queue="r")] == ["t", "u"]
        assert [each["jobs_count"] for each in await twin.act("list_locks", lock="l")] == [2]


async def test_a_status_that_does_not_exist_is_refused(opened: Opening) -> None:
    async with opened() as twin:
        with pytest.raises(twin.exceptions.ConnectorException):
            await twin.act("list_jobs", status="lost")


# Opening


@pytest.mark.parametrize("name", list(MODULES))
async def test_an_app_that_is_not_open_says_so(dsn: str, name: str, is_sync: bool) -> None:
    app = closed_app(MODULES[name], is_sync, conninfo=dsn)
    twin = Twin(MODULES[name], is_sync, app, dsn)
    with pytest.raises(twin.exceptions.AppNotOpen):
        await twin.defer()


# Their synchronous connector would keep its thread for half a minute.
@pytest.mark.parametrize(("name", "is_sync"), [("ours", True), ("ours", False), ("theirs", False)])
async def test_a_server_that_is_not_there(dsn: str, name: str, is_sync: bool) -> None:
    app = closed_app(MODULES[name], is_sync, conninfo=make_conninfo(dsn, host="/nowhere", port=1))
    twin = Twin(MODULES[name], is_sync, app, dsn)
    is_told = twin.differs("an unreachable server is told at once")
    opening = asyncio.wait_for(
        asyncio.to_thread(app.open) if is_sync else _awaited(app.open_async()), 25 if is_told else 3
    )
    if is_told:
        with pytest.raises(twin.exceptions.ConnectorException) as caught:
            await opening
        assert "/nowhere" in str(caught.value.__cause__)
    else:
        with pytest.raises(TimeoutError):
            await opening
        await app.close_async()


async def _awaited(opening: Any) -> Any:
    return await opening


@pytest.mark.parametrize("name", list(MODULES))
async def test_a_synchronous_connector_refuses_what_needs_a_loop(dsn: str, name: str) -> None:
    async with twin_of(MODULES[name], dsn, is_sync=True) as twin:
        manager, job = twin.app.job_manager, twin.app.configure_task("t").job
        refused: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            twin.app.configure_task("t").defer_async,
            manager.list_jobs_async,
            manager.register_worker,
            lambda: manager.fetch_job(None, 1),
            lambda: manager.finish_job(job, twin.module.jobs.Status.FAILED, False),
            twin.app.run_worker_async,
        ]
        for call in refused[:4]:
            with pytest.raises(twin.exceptions.SyncConnectorConfigurationError):
                await call()
        with pytest.raises(twin.exceptions.SyncConnectorConfigurationError):
            await refused[5]()
