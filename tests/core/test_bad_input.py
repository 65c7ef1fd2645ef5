"""What cannot be deferred is refused with a clear exception, and nothing else is lost by it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from connecting import KINDS, Kind, call, opened
from database import run_sql
from jobdesk_core import App, ConnectorException, Job, PsycopgConnector

NAIVE = dt.datetime(2031, 1, 1)
MEGABYTE = 2**20
QUEUE_LIMIT_BYTES = 40


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def app(dsn: str) -> App:
    """An app that is not open: what it refuses needs no database."""
    return App(connector=PsycopgConnector(conninfo=dsn))


BAD = {
    "NUL in an argument": ({"task_kwargs": {"x": "a\0b"}}, ConnectorException, "0000 cannot be converted to text"),
    "NUL in an argument's name": ({"task_kwargs": {"a\0b": 1}}, ConnectorException, "Unicode escape"),
    "half a character": ({"task_kwargs": {"x": "\ud800"}}, ConnectorException, "surrogate"),
    "NUL in the queue": ({"queue": "a\0b"}, ConnectorException, "NUL"),
    "NUL in a lock": ({"lock": "a\0b"}, ConnectorException, "NUL"),
    "an object": ({"task_kwargs": {"x": object()}}, TypeError, "not JSON serializable"),
    "a set": ({"task_kwargs": {"x": {"y": {1}}}}, TypeError, "not JSON serializable"),
    "a moment": ({"task_kwargs": {"x": NAIVE}}, TypeError, "not JSON serializable"),
    "not a number": ({"task_kwargs": {"x": float("nan")}}, ValueError, "not JSON compliant"),
    "a long queue": ({"queue": "q" * (QUEUE_LIMIT_BYTES + 1)}, ConnectorException, "41 bytes.*room for 40"),
    "a long queue in bytes": ({"queue": "ü" * 21}, ConnectorException, "42 bytes.*room for 40"),
    "a long task": ({"task_name": "t" * 129}, ConnectorException, "too long for type character varying"),
    "a huge priority": ({"priority": 2**31}, ConnectorException, "out of range"),
}


async def test_a_job_is_refused_for_what_it_holds_and_leaves_nothing(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        for number, (reason, (options, error, words)) in enumerate(BAD.items()):
            with pytest.raises(error, match=words):
                await call(kind, app, "batch_defer_jobs", [Job(task_name="t"), Job(**{"task_name": "t", **options})])
            assert len(await call(kind, app, "list_jobs")) == number, reason
            assert await call(kind, app, "defer_job", Job(task_name="t")), reason


async def test_the_longest_queue_is_taken(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        await call(kind, app, "defer_job", Job(task_name="t", queue="q" * QUEUE_LIMIT_BYTES))


@pytest.mark.parametrize("name", ["psycopg", "psycopg2"])
async def test_a_hundred_megabytes_of_arguments_travel(name: str, dsn: str) -> None:
    kind = KINDS[name]
    app = kind.app(dsn)
    async with opened(kind, app):
        job_id = (await call(kind, app, "defer_job", Job(task_name="t", task_kwargs={"x": "y" * (100 * MEGABYTE)}))).id
        assert run_sql(dsn, "SELECT length(args->>'x') FROM procrastinate_jobs") == [100 * MEGABYTE]
        assert await call(kind, app, "cancel_job_by_id", job_id)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"schedule_at": NAIVE}, ValueError, "Timezone aware"),
        ({"schedule_at": NAIVE.replace(tzinfo=dt.UTC), "schedule_in": {"hours": 1}}, ValueError, "both"),
        ({"schedule_in": {"fortnights": 1}}, TypeError, "fortnights"),
        ({"shedule_in": {"hours": 1}}, TypeError, "shedule_in"),
        ({"prioritty": 1}, TypeError, "prioritty"),
    ],
)
def test_an_option_is_refused_before_anything_is_sent(
    app: App, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    task = app.task(name="known")(print)
    for configure in (task.configure, lambda **o: app.configure_task("known", **o)):
        with pytest.raises(error, match=words):
            configure(**options)
    with pytest.raises(error, match=words):
        app.configure_task("unknown", **options)


def test_a_job_never_has_a_naive_time() -> None:
    with pytest.raises(ValueError, match="Timezone aware"):
        Job(task_name="t", scheduled_at=NAIVE)


async def test_a_retry_never_has_a_naive_time(kind: Kind, dsn: str) -> None:
    app = kind.app(dsn)
    async with opened(kind, app):
        job_id = (await call(kind, app, "defer_job", Job(task_name="t"))).id
        with pytest.raises(ValueError, match="Timezone aware"):
            await call(kind, app, "retry_job_by_id", job_id, NAIVE)
