"""What a real worker of Procrastinate reports, through its middleware and, as older releases have to, without."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import procrastinate
import pytest
from database import run_sql
from jobdesk_core.reporting import hooks, progress, report
from programs import started
from reporting import errors, everything, install, reporting, rows, run_all
from waiting import until_true

PLANTED = "pl4nted-S3cret"


@pytest.fixture(params=["middleware", "calls"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By what a release lets us hear of its jobs."""
    monkeypatch.setattr(logging.getLogger("procrastinate.worker"), "filters", [])
    if request.param == "calls":
        monkeypatch.setattr(hooks, "has_middleware", lambda worker: False)
    return str(request.param)


def app_of(dsn: str) -> procrastinate.App:
    """An app with a task of each kind."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))

    @app.task(name="works", pass_context=True)
    def works(context: procrastinate.JobContext, x: int = 0) -> None:
        progress(1, 1, "all")

    @app.task(name="fails")
    async def fails(x: str, api_token: str = PLANTED) -> None:
        logging.getLogger("own").warning("about to fail")
        raise ValueError(f"no {x}: token={api_token}")

    @app.task(name="again", queue="mail", retry=procrastinate.RetryStrategy(max_attempts=1, wait=0))
    def again() -> None:
        progress(1, 2)
        raise KeyError("vat_id")

    @app.task(name="aborts")
    async def aborts() -> None:
        raise procrastinate.exceptions.JobAborted

    @app.task(name="exits")
    def exits() -> None:
        raise SystemExit(3)

    @app.task(name="cancelled", retry=True)
    async def cancelled() -> None:
        raise asyncio.CancelledError

    @app.periodic(cron="0 4 1 1 *", periodic_id="new", task_kwargs={"token": PLANTED})
    @app.task(name="yearly")
    def yearly(timestamp: int, token: str = "") -> None:
        """Once a year."""

    return app


def defer(app: procrastinate.App, *names: str, **arguments: Any) -> None:
    with app.open():
        for name in names:
            app.configure_task(name).defer(**arguments)


def test_everything_is_told(dsn: str, path: str) -> None:
    app = app_of(install(dsn))
    defer(app, "works", "again", "aborts", "exits", "nope")
    defer(app, "fails", x="from-the-arguments")
    called: list[str] = []

    async def theirs(call_next: Any, context: Any, worker: Any) -> Any:
        called.append(context.job.task_name)
        return await call_next()

    report(app, log_lines=5)
    run_all(app, name="one", queues=["default", "mail"], concurrency=2, worker_middleware=[theirs])

    assert errors(dsn) == [
        ("again", 1, "KeyError", "retried"),
        ("again", 2, "KeyError", "failed"),
        ("aborts", 1, "JobAborted", "aborted"),
        ("exits", 1, "SystemExit", "failed"),
        ("nope", 1, "TaskNotFound", "failed"),
        ("fails", 1, "ValueError", "failed"),
    ]
    assert sorted(called) == ["aborts", "again", "again", "exits", "fails", "works"]
    told = rows(dsn, "errors", "job_id, attempt")[0]["traceback"].splitlines()
    assert told[-3].endswith(", in app_of.<locals>.again") and told[-2:] == [
        '    raise KeyError("vat_id")',
        "KeyError: 'vat_id'",
    ]
    [worker] = rows(dsn, "workers")
    assert (worker["name"], worker["queues"], worker["concurrency"]) == ("one", ["default", "mail"], 2)
    assert worker["worker_id"] and worker["ended_at"] and worker["versions"]["procrastinate"]
    assert {row["name"] for row in rows(dsn, "tasks")} == {
        "works", "again", "fails", "aborts", "exits", "cancelled", "yearly",
    }  # fmt: skip
    signatures = {row["name"]: row["signature"] for row in rows(dsn, "tasks")}
    assert [each["name"] for each in signatures["works"]] == ["x"]
    [schedule] = rows(dsn, "schedules")
    assert (schedule["task_name"], schedule["cron"], schedule["periodic_id"]) == ("yearly", "0 4 1 1 *", "new")
    assert [(row["job_id"], row["attempt"], row["done"]) for row in rows(dsn, "progress")] == [(1, 1, 1), (2, 2, 1)]
    assert PLANTED not in everything(dsn)
    # The library logs each job with its arguments: that is no line of the task's.
    assert [row["lines"].splitlines()[-1][13:] for row in rows(dsn, "logs")] == ["WARNING own: about to fail"]


def test_the_end_is_told_as_the_job_has_ended(dsn: str, path: str) -> None:
    app = app_of(install(dsn))
    defer(app, "cancelled")
    reporting(app)

    async def run() -> None:
        async with app.open_async():
            running = asyncio.create_task(app.run_worker_async(install_signal_handlers=False))
            await asyncio.to_thread(until_true, lambda: len(errors(dsn)) > 1, 60)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    assert errors(dsn)[:2] == [
        ("cancelled", 1, "CancelledError", "retried"),
        ("cancelled", 2, "CancelledError", "retried"),
    ]
    assert rows(dsn, "workers")[0]["ended_at"]


def test_a_worker_without_the_schema_works_as_ever(dsn: str, path: str, caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(dsn)
    defer(app, "works", "again", "nope")
    run_all(reporting(app))

    assert run_sql(dsn, "SELECT status::text FROM procrastinate_jobs ORDER BY id") == ["succeeded", "failed", "failed"]
    own = [each.getMessage() for each in caplog.records if each.name == "jobdesk_core.reporting"]
    assert len(own) == 1 and "is not installed here" in own[0]


_PROGRAM = """
import procrastinate, sys
from jobdesk_core.reporting import report
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo={dsn!r}))
@app.task(name="fails")
def fails():
    raise ValueError("no")
report(app, name="billing")
"""


def test_the_librarys_command_line_reports_and_so_does_its_end_by_a_signal(dsn: str, tmp_path: Path) -> None:
    install(dsn)
    (tmp_path / "billing_app.py").write_text(_PROGRAM.format(dsn=dsn))
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 'fails')")
    command = [sys.executable, "-m", "procrastinate", "--app", "billing_app.app", "worker"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with started(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        until_true(lambda: errors(dsn) == [("fails", 1, "ValueError", "failed")], 60)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    [worker] = rows(dsn, "workers")
    assert process.returncode == 0
    assert (worker["app"], worker["pid"]) == ("billing", process.pid) and worker["ended_at"]
