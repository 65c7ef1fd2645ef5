"""What the workers of an application report, and that nothing of it ever costs a job."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import role, run_sql
from jobdesk_core import App, PsycopgConnector, RetryStrategy
from jobdesk_core.reported.ddl import grants_for_workers
from jobdesk_core.reporting import faults, progress, report, statements, targets, writer
from jobdesk_core.reporting.batches import FORGET_STEP, Settings, Store
from pgbouncer import needs_pgbouncer, pgbouncer
from programs import started
from reporting import errors, everything, install, locked, reporting, rows, run_all
from reports import add_worker
from waiting import until_true

PLANTED = "pl4nted-S3cret"


@pytest.fixture
def reported(dsn: str) -> str:
    """A database with the schema of the reports."""
    return install(dsn)


def opened(dsn: str) -> App:
    """An app without tasks, through which jobs can be deferred at once."""
    app = App(connector=PsycopgConnector(conninfo=dsn, max_size=4))
    return app.open() if dsn else app


def app_of(dsn: str) -> App:
    """An app with a task of each kind."""
    app = opened(dsn)

    @app.task(name="works")
    def works(x: int = 0) -> None:
        """Nothing goes wrong."""

    @app.task(name="fails", aliases=["fails.old"])
    async def fails(x: int, api_token: str = PLANTED, mode: str = "fast") -> None:
        raise ValueError(f"no {x}")

    @app.task(name="again", queue="mail", retry=RetryStrategy(max_attempts=1, wait=0))
    def again(x: int) -> None:
        progress(x, 10, "so far")
        raise KeyError("vat_id")

    @app.task(name="aborts")
    async def aborts() -> None:
        raise asyncio.CancelledError

    @app.periodic(cron="0 4 * * *", periodic_id="night", task_kwargs={"day": 1, "password": PLANTED})
    @app.task(name="nightly")
    def nightly(timestamp: int, day: int = 0, password: str = "") -> None:
        """Every night."""

    return app


def test_everything_is_told(reported: str) -> None:
    app = app_of(reported)
    for name, arguments in [("works", {}), ("fails", {"x": 1}), ("again", {"x": 2}), ("aborts", {}), ("nope", {})]:
        app.configure_task(name).defer(**arguments)
    app.close()
    report(app, version="1.2")

    run_all(app, name="one", queues=["default", "mail"], concurrency=3)

    assert errors(reported) == [
        ("fails", 1, "ValueError", "failed"),
        ("again", 1, "KeyError", "retried"),
        ("again", 2, "KeyError", "failed"),
        ("aborts", 1, "CancelledError", "aborted"),
        ("nope", 1, "TaskNotFound", "failed"),
    ]
    [first, second, *_] = rows(reported, "errors", "job_id, attempt")
    assert (first["message"], first["app"], first["queue_name"]) == ("no 1", "tests", "default")
    told = first["traceback"].splitlines()
    assert told[0] == "Traceback (most recent call last):" and told[1].endswith(", in app_of.<locals>.fails")
    assert told[2:] == ['    raise ValueError(f"no {x}")', "ValueError: no 1"]
    assert len(first["fingerprint"]) == 16 and first["fingerprint"] != second["fingerprint"]
    # By the server's clock, whatever this machine's says.
    [now] = run_sql(reported, "SELECT now()")
    assert 0 < (now - first["at"]).total_seconds() < 60 and first["at"] < second["at"]
    [worker] = rows(reported, "workers")
    assert first["worker"] == worker["id"]
    assert (worker["name"], worker["queues"], worker["concurrency"]) == ("one", ["default", "mail"], 3)
    assert worker["worker_id"] and worker["pid"] == os.getpid() and worker["memory_bytes"] > 5_000_000
    assert worker["versions"]["app"] == "1.2" and set(worker["versions"]) == {"python", "jobdesk-core", "app"}
    assert worker["ended_at"] and worker["running"] == [] and worker["dropped"] == 0
    tasks = {row["name"]: row for row in rows(reported, "tasks", "name")}
    assert list(tasks) == ["aborts", "again", "fails", "nightly", "works"]
    assert tasks["fails"]["signature"] == [
        {"name": "x", "kind": "POSITIONAL_OR_KEYWORD", "annotation": "int"},
        {"name": "api_token", "kind": "POSITIONAL_OR_KEYWORD", "annotation": "str", "default": "••••••"},
        {"name": "mode", "kind": "POSITIONAL_OR_KEYWORD", "annotation": "str", "default": "'fast'"},
    ]
    assert tasks["fails"]["aliases"] == ["fails.old"] and tasks["works"]["doc"] == "Nothing goes wrong."
    assert tasks["again"]["retry"] == {"strategy": "RetryStrategy", "max_attempts": 1}
    [schedule] = rows(reported, "schedules")
    assert (schedule["task_name"], schedule["cron"], schedule["zone"]) == ("nightly", "0 4 * * *", "UTC")
    assert (schedule["periodic_id"], schedule["arguments"]) == ("night", {"day": 1, "password": "••••••"})
    [gone] = rows(reported, "progress")
    assert (gone["attempt"], gone["done"], gone["total"], gone["note"]) == (2, 2, 10, "so far")


def test_no_secret_is_in_any_table(reported: str) -> None:
    app = opened(reported)

    def leaks(password: str) -> None:
        own = logging.getLogger("own")
        own.warning("signing in with token=%s as %s", password, {"api_key": password})
        progress(1, 2, f"with access_token={password}")
        try:
            raise ConnectionError(f"postgresql://me:{password}@db/x")
        except ConnectionError as error:
            error.add_note(f"Authorization: Bearer {password}")
            raise ExceptionGroup("several", [ValueError(f"api_key: '{password}'"), error]) from error

    leaks.__doc__ = f"Called with password={PLANTED}."
    app.task(leaks, name="leaks").defer(password=PLANTED)
    app.close()
    report(app, log_lines=20, version=f"password={PLANTED}")
    run_all(app, name=f"token={PLANTED}")

    told = everything(reported)
    assert "ExceptionGroup" in told and "signing in with" in told and "several" in told
    assert PLANTED not in told


# Nothing costs a job


def run_jobs(database: str, count: int = 30, **options: Any) -> tuple[App, float]:
    """Run some jobs that fail, with a log that is listened to; and how long that took, in seconds."""
    app = reporting(app_of(database), **options)
    app.tasks["fails"].batch_defer(*[{"x": number} for number in range(count)])
    app.close()
    started = time.monotonic()
    run_all(app, concurrency=5)
    return app, time.monotonic() - started


def all_failed(dsn: str, count: int = 30) -> bool:
    found = run_sql(dsn, "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1")
    return found == [("failed", count)]


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """What the reports' own logger has warned of."""
    caplog.set_level(logging.WARNING, "jobdesk_core.reporting")
    yield lambda: [each.getMessage() for each in caplog.records if each.name == "jobdesk_core.reporting"]


def dropped(app: App) -> int:
    found: int = app._jobdesk_reporter._writer.dropped  # type: ignore[attr-defined]
    return found


def test_without_the_schema_reports_are_dropped_and_that_is_said_once(dsn: str, warnings: Any) -> None:
    app, _ = run_jobs(dsn)

    assert all_failed(dsn)
    assert warnings() == [
        "The schema jobdesk is not installed here (jobdesk-core reporting install). "
        "Reports are dropped; the jobs run on as ever."
    ]
    assert dropped(app) == 30


@pytest.mark.parametrize("version", [0, 2])
def test_another_version_is_not_written(reported: str, warnings: Any, version: int) -> None:
    run_sql(reported, f"UPDATE jobdesk.version SET version = {version}")
    app, _ = run_jobs(reported)

    assert all_failed(reported)
    assert rows(reported, "errors") == [] and rows(reported, "workers") == []
    assert [f"version {version}, and this jobdesk-core writes version 1" in each for each in warnings()] == [True]
    assert dropped(app) == 30


def test_without_the_right_reports_are_dropped_and_with_the_grants_they_are_not(reported: str, warnings: Any) -> None:
    everything_of_theirs = ("ALL ON ALL TABLES IN SCHEMA public", "ALL ON ALL SEQUENCES IN SCHEMA public")
    with role(reported, *everything_of_theirs) as own:
        run_jobs(own)
        assert all_failed(reported)
        assert len(warnings()) == 1 and "may not write" in warnings()[0]
        assert rows(reported, "errors") == []
        run_sql(reported, grants_for_workers(psycopg.conninfo.conninfo_to_dict(own)["user"] or ""))
        run_jobs(own)
    assert len(rows(reported, "errors")) == 30 and len(warnings()) == 1


def test_a_slow_database_holds_nobody_up(reported: str, warnings: Any) -> None:
    with locked(reported, "errors"):
        _, seconds = run_jobs(reported)
        assert all_failed(reported)
    assert seconds < 15
    assert rows(reported, "errors") == []
    assert len(warnings()) == 1 and "cannot be written now" in warnings()[0]


def test_another_database_that_is_away_holds_nobody_up(dsn: str, warnings: Any) -> None:
    _, seconds = run_jobs(dsn, dsn="postgresql://nobody@127.0.0.1:1/nowhere")

    assert all_failed(dsn) and seconds < 15
    assert len(warnings()) == 1 and "OperationalError" in warnings()[0]


def test_what_was_away_for_a_moment_gets_all_of_it(reported: str) -> None:
    app = reporting(app_of(reported))
    app.tasks["fails"].batch_defer(*[{"x": number} for number in range(20)])

    @app.task(name="waits")
    async def waits() -> None:
        await asyncio.to_thread(until_true, lambda: len(rows(reported, "errors")) == 20, 60)

    async def run() -> None:
        async with app.open_async():
            ending = asyncio.create_task(app.run_worker_async(concurrency=2, install_signal_handlers=False, wait=False))
            with locked(reported, "errors"):
                await waits.defer_async()
                await asyncio.sleep(3)
            await asyncio.wait_for(ending, 90)

    app.close()
    asyncio.run(run())
    found = rows(reported, "errors")
    assert sorted({row["job_id"] for row in found}) == sorted(row["job_id"] for row in found)
    assert len(found) == 20


def test_a_full_queue_drops_and_counts(reported: str, monkeypatch: pytest.MonkeyPatch, warnings: Any) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 5)
    app = reporting(app_of(reported), beat_s=0.5)
    app.tasks["fails"].batch_defer(*[{"x": number} for number in range(200)])
    app.close()
    run_all(app, concurrency=20)

    assert all_failed(reported, 200)
    [worker] = rows(reported, "workers")
    assert worker["dropped"] == 200 - len(rows(reported, "errors")) > 0
    assert len(warnings()) == 1 and "faster than they can be written" in warnings()[0]


class Odd(Exception):
    def __init__(self, act: Any) -> None:
        super().__init__()
        self.act = act

    def __str__(self) -> str:
        return str(self.act())


def _raises() -> str:
    raise SystemExit(9)


def test_odd_exceptions_are_told_as_well_as_can_be(reported: str) -> None:
    app = opened(reported)
    release = threading.Event()
    crowd = ExceptionGroup("crowd", [ValueError(str(number)) for number in range(1000)])
    circle = ValueError("circle")
    circle.__cause__ = RuntimeError("other")
    circle.__cause__.__cause__ = circle
    kinds: dict[str, Any] = {
        "raises": lambda: Odd(_raises),
        "huge": lambda: ValueError("x" * 100_000_000),
        "made huge": lambda: Odd(lambda: "x" * 100_000_000),
        "nul": lambda: ValueError("a\0b \ud83d €"),
        "crowd": lambda: crowd,
        "circle": lambda: circle,
        "exit": lambda: SystemExit(3),
        "interrupt": KeyboardInterrupt,
        "recursion": lambda: _deep(0),
        "hangs": lambda: Odd(lambda: release.wait(60) or "late"),
        "after": lambda: Odd(lambda: "after"),
        "plain": lambda: ValueError("plain"),
    }

    def _deep(level: int) -> Any:
        return _deep(level + 1)

    @app.task(name="raises")
    async def raises(kind: str) -> None:
        raise kinds[kind]()

    app.tasks["raises"].batch_defer(*[{"kind": kind} for kind in kinds])
    app.close()
    # The worker's own log would ask each of them for its text, and wait for it.
    logging.getLogger("jobdesk_core.worker").disabled = True
    try:
        run_all(reporting(app))
    finally:
        logging.getLogger("jobdesk_core.worker").disabled = False
        release.set()

    assert all_failed(reported, len(kinds))
    found = {row["message"][:30]: row for row in rows(reported, "errors", "job_id")}
    told = [row["type"].rpartition(".")[2] for row in found.values()]
    assert len(rows(reported, "errors")) == len(kinds)
    assert {"ValueError", "ExceptionGroup", "SystemExit", "KeyboardInterrupt", "RecursionError", "Odd"} == set(told)
    assert "ab \\ud83d €" in found and "plain" in found and "3" in found and faults.NO_TEXT in found
    assert max(len(row["message"].encode()) for row in found.values()) == faults.MOST_MESSAGE
    assert max(len(row["traceback"].encode()) for row in found.values()) <= faults.MOST_TRACEBACK


# Workers that die, and those that only seem to

_KILLED = """
import asyncio, sys
from jobdesk_core import App, PsycopgConnector
from jobdesk_core.reporting import hooks
app = App(connector=PsycopgConnector(conninfo=sys.argv[1]))
@app.task(name="runs", queue="q", pass_context=True)
async def runs(context):
    print(context.job.id, flush=True)
    await asyncio.Event().wait()
hooks.attach(app, hooks.Options(name="dies", beat_s=0.2))
app.run_worker(name="mortal", concurrency=3)
"""


def test_jobs_of_a_killed_worker_are_lost_with_it(reported: str) -> None:
    app = app_of(reported)
    first, second, third = (app.configure_task("runs", queue="q").defer() for _ in range(3))
    with started([sys.executable, "-c", _KILLED, reported], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert {int(process.stdout.readline()) for _ in range(3)} == {first, second, third}
        until_true(lambda: sorted(rows(reported, "workers")[0]["running"]) == [first, second, third], 30)
    # Two of them have been put back by hand in the meantime: one runs at a later time, and one at another worker's.
    run_sql(reported, "SELECT procrastinate_retry_job_v1(%s, now() + interval '1 day', NULL, NULL, NULL)", second)
    run_sql(reported, "SELECT procrastinate_retry_job_v1(%s, now(), NULL, NULL, NULL)", third)
    other = run_sql(reported, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0]
    assert run_sql(reported, "SELECT id FROM procrastinate_fetch_job_v2(NULL, %s)", other) == [third]
    time.sleep(1.5)
    app.close()
    run_all(reporting(app), queues=["none"])

    found = rows(reported, "errors", "job_id")
    assert [(row["job_id"], row["attempt"], row["outcome"], row["app"]) for row in found] == [
        (first, 1, "lost", "dies"),
        (second, 1, "lost", "dies"),
        (third, 1, "lost", "dies"),
    ]
    assert f"Lost with its worker mortal (process {process.pid} on " in found[0]["message"]
    [gone, _] = rows(reported, "workers", "started_at")
    assert gone["ended_at"] == gone["beat_at"] == found[0]["at"]


def test_a_job_is_lost_with_its_worker_also_when_procrastinate_has_forgotten_whose_it_was(reported: str) -> None:
    app = app_of(reported)
    names = ("lost", "long ago", "another queue", "another worker")
    ids = dict(zip(names, (app.configure_task("runs", queue=queue).defer() for queue in "qqrq"), strict=True))
    other = run_sql(reported, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0]
    for _ in ids:
        run_sql(reported, "SELECT id FROM procrastinate_fetch_job_v2(NULL, %s)", other)
    run_sql(
        reported, "UPDATE procrastinate_events SET at = now() - interval '59 s' WHERE job_id <> %s", ids["long ago"]
    )
    run_sql(reported, "UPDATE procrastinate_events SET at = now() - interval '1 h' WHERE job_id = %s", ids["long ago"])
    run_sql(reported, "DELETE FROM procrastinate_workers")
    add_worker(reported, beat_s=60, queues=["q"], worker_id=other, name="mortal")
    add_worker(reported, beat_s=0, running=[ids["another worker"]])
    app.close()
    run_all(reporting(app, lost_s=30), queues=["none"])

    assert [(row["job_id"], row["attempt"], row["outcome"]) for row in rows(reported, "errors")] == [
        (ids["lost"], 1, "lost")
    ]


def test_a_worker_that_comes_back_was_not_lost(reported: str) -> None:
    app = reporting(app_of(reported))

    @app.task(name="waits")
    async def waits() -> None:
        await asyncio.to_thread(until_true, lambda: rows(reported, "workers")[0]["running"] != [], 30)
        run_sql(reported, "UPDATE jobdesk.workers SET ended_at = now(), running = '{}'")
        run_sql(
            reported,
            "INSERT INTO jobdesk.errors (job_id, attempt, at, task_name, queue_name, type, worker, outcome) "
            "SELECT 1, 1, now(), 'waits', 'default', 'LostWithItsWorker', id, 'lost' FROM jobdesk.workers",
        )
        await asyncio.to_thread(until_true, lambda: rows(reported, "errors") == [], 30)

    waits.defer()
    app.close()
    run_all(app)

    assert rows(reported, "errors") == []
    assert run_sql(reported, "SELECT status::text FROM procrastinate_jobs") == ["succeeded"]


def test_two_applications_and_two_workers_of_one_tell_apart(reported: str) -> None:
    one, other = app_of(reported), app_of(reported)
    report(one, name="one")
    report(other, name="other")
    report(other, name="another")
    for number in range(8):
        one.configure_task("fails", queue="ab"[number % 2]).defer(x=number)
    other.configure_task("fails", queue="c").defer(x=1)
    for app in (one, other):
        app.close()

    async def run() -> None:
        options = {"wait": False, "install_signal_handlers": False}
        async with one.open_async(), other.open_async():
            await asyncio.gather(
                one.run_worker_async(queues=(queue for queue in "a"), name="a", **options),
                one.run_worker_async(queues=["b"], name="b", **options),
                other.run_worker_async(queues=["c"], name="c", **options),
            )

    asyncio.run(run())
    workers = {row["id"]: row for row in rows(reported, "workers")}
    assert sorted((row["app"], row["name"]) for row in workers.values()) == [
        ("another", "c"),
        ("one", "a"),
        ("one", "b"),
    ]
    told = [(row["app"], row["queue_name"], workers[row["worker"]]["name"]) for row in rows(reported, "errors")]
    assert sorted(told) == [("another", "c", "c"), *[("one", "a", "a")] * 4, *[("one", "b", "b")] * 4]
    assert len({row["worker_id"] for row in workers.values()}) == 3
    assert len(rows(reported, "tasks")) == 10


def _worker_of(dsn: str, app: App) -> None:
    app.run_worker(wait=False, name=f"child {os.getpid()}")


def test_workers_that_are_forked_report_each_for_itself(reported: str) -> None:
    app = reporting(app_of(reported))
    app.tasks["fails"].batch_defer(*[{"x": number} for number in range(6)])
    app.close()
    run_all(app, queues=["none"])
    forking = multiprocessing.get_context("fork")
    children = [forking.Process(target=_worker_of, args=(reported, app)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)

    assert len(errors(reported)) == 6
    workers = rows(reported, "workers")
    assert {row["pid"] for row in workers} == {os.getpid(), *(child.pid for child in children)}
    assert all(row["ended_at"] for row in workers)


def test_the_thread_ends_with_the_last_worker(reported: str) -> None:
    app = reporting(app_of(reported))
    app.close()
    for _ in range(3):
        run_all(app)

    def is_quiet() -> bool:
        return not any(thread.name == "jobdesk-reporting" for thread in threading.enumerate())

    until_true(is_quiet, 30)
    assert len(rows(reported, "workers")) == 3


def test_connections_that_are_cut_lose_and_double_no_report(reported: str) -> None:
    app = reporting(app_of(reported))
    cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'jobdesk reporting'"

    @app.task(name="waits")
    async def waits() -> None:
        for number in range(60):
            await app.tasks["fails"].defer_async(x=number)
            if number % 6 == 0:
                await asyncio.to_thread(run_sql, reported, cut)
            await asyncio.sleep(0.05)
        await asyncio.to_thread(until_true, lambda: len(rows(reported, "errors")) >= 60, 60)

    waits.defer()
    app.close()
    run_all(app, concurrency=3)
    found = [row["job_id"] for row in rows(reported, "errors")]
    assert len(found) == len(set(found)) == 60
    assert dropped(app) == 0


def test_a_schema_that_comes_later_is_written_to(dsn: str, monkeypatch: pytest.MonkeyPatch, warnings: Any) -> None:
    monkeypatch.setattr(writer, "REFUSED_PAUSE_S", 0.3)
    app = reporting(app_of(dsn))

    @app.task(name="waits")
    async def waits() -> None:
        await app.tasks["fails"].defer_async(x=1)
        await asyncio.to_thread(until_true, lambda: len(warnings()) == 1 and dropped(app) == 1, 60)
        await asyncio.to_thread(install, dsn)
        await asyncio.to_thread(until_true, lambda: rows(dsn, "workers")[0]["dropped"] == 1, 60)
        # What is written is to be seen a moment before the writer itself knows that it was not refused.
        await asyncio.to_thread(until_true, lambda: not app._jobdesk_reporter._writer._is_refused, 60)  # type: ignore[attr-defined]
        await app.tasks["fails"].defer_async(x=2)

    waits.defer()
    app.close()
    run_all(app, concurrency=2)
    assert [row["message"] for row in rows(dsn, "errors")] == ["no 2"]
    assert len(rows(dsn, "tasks")) == 6


@needs_pgbouncer
def test_reports_pass_through_pgbouncer(reported: str) -> None:
    with pgbouncer(reported) as pooled:
        app = reporting(app_of(reported), dsn=pooled)
        app.tasks["again"].batch_defer(*[{"x": number} for number in range(20)])
        app.close()
        run_all(app, concurrency=5)

    assert len(errors(reported)) == 40 and len(rows(reported, "progress")) == 20
    assert rows(reported, "workers")[0]["dropped"] == 0


# Bounds


def test_old_and_surplus_rows_are_forgotten_in_small_steps(reported: str) -> None:
    run_sql(
        reported,
        "INSERT INTO jobdesk.errors (job_id, attempt, at, task_name, queue_name, type, outcome) "
        "SELECT n, 1, now() - make_interval(days => CASE WHEN n <= 700 THEN 40 ELSE 1 END), 't', 'q', 'E', 'failed' "
        "FROM generate_series(1, 2000) AS n",
    )
    run_sql(
        reported,
        "INSERT INTO jobdesk.logs (job_id, attempt, at, lines) "
        "SELECT n, 1, now() - interval '8 days', '' FROM generate_series(1, 20) AS n",
    )
    store = Store(Settings("app", keep_errors=1000))
    store.connect(targets.Target(reported))
    store._forget()
    assert len(rows(reported, "errors")) == 2000 - FORGET_STEP - FORGET_STEP + 500
    assert rows(reported, "logs") == []
    for _ in range(3):
        store._forget()
    store.close()

    assert [row["job_id"] for row in rows(reported, "errors", "id")] == list(range(1001, 2001))
    for table in statements.FORGET:
        run_sql(reported, f"DELETE FROM jobdesk.{table}")


def test_what_a_database_of_another_encoding_does_not_hold_is_escaped(server_dsn: str) -> None:
    name = f"jobdesk_latin_{os.getpid()}"
    options = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    run_sql(server_dsn, f"CREATE DATABASE {name} {options}")
    try:
        own = psycopg.conninfo.make_conninfo(server_dsn, dbname=name)
        from jobdesk_core.database.schema import schema_sql

        run_sql(own, schema_sql())
        install(own)
        app = reporting(opened(own))

        @app.task(name="fails")
        def fails(letter: int, name: str = "\N{CJK UNIFIED IDEOGRAPH-65E5}") -> None:
            raise ValueError(f"für {chr(letter)}")

        app.tasks["fails"].batch_defer({"letter": 0x65E5}, {"letter": 0xFC})
        app.close()
        run_all(app)
        assert sorted(row["message"] for row in rows(own, "errors")) == ["f\\xfcr \\u65e5", "für ü"]
        assert [row["name"] for row in rows(own, "workers")] == ["worker"]
    finally:
        run_sql(server_dsn, f"DROP DATABASE {name} WITH (FORCE)")


def test_progress_takes_no_nonsense_and_costs_nothing_outside(reported: str) -> None:
    progress(1, 2, "nobody hears this")
    app = reporting(opened(reported))

    @app.task(name="counts")
    async def counts() -> None:
        for number in range(10_000):
            progress(number, 10_000, f"row {number}")
        for done, total in [("x", 1), (float("nan"), 1), (1, float("inf")), (None, None), (10**400, 1)]:
            progress(done, total)  # type: ignore[arg-type]
        await asyncio.to_thread(progress, 10_000, None, "x" * 5000 + "\n")

    counts.defer()
    app.close()
    run_all(app)
    [told] = rows(reported, "progress")
    assert (told["done"], told["total"], len(told["note"])) == (10_000, None, 200)


def test_the_last_lines_of_a_run_that_failed_are_kept_where_asked_for(reported: str) -> None:
    app = reporting(opened(reported), log_lines=3)
    own = logging.getLogger("own")
    handlers = logging.getLogger().handlers[:]

    @app.task(name="logs")
    def logs(number: int, fails: bool) -> None:
        for line in range(5):
            own.warning("line %d of %d", line, number)
        own.warning("wrong %d")
        if fails:
            raise ValueError(number)

    logs.batch_defer({"number": 1, "fails": True}, {"number": 2, "fails": False}, {"number": 3, "fails": True})
    app.close()
    run_all(app, concurrency=3)

    found = {row["job_id"]: row["lines"] for row in rows(reported, "logs")}
    assert list(found) == [1, 3]
    assert [line.split(" WARNING own: ")[1] for line in found[3].splitlines()] == [
        "line 3 of 3",
        "line 4 of 3",
        "wrong %d",
    ]
    assert logging.getLogger().handlers == handlers


# Who can report


def test_only_an_app_can_report_and_one_without_a_database_need_not() -> None:
    from jobdesk_core import testing

    with pytest.raises(TypeError, match=r"report\(\) takes an App"):
        report(object())
    app = reporting(app_of("").with_connector(testing.InMemoryConnector()))
    app.open()
    app.configure_task("fails").defer(x=1)
    run_all(app)


def test_a_copy_of_the_app_reports_too(reported: str) -> None:
    copy = reporting(app_of("")).with_connector(PsycopgConnector(conninfo=reported))
    copy.open()
    copy.tasks["fails"].defer(x=1)
    copy.close()
    run_all(copy)

    assert errors(reported) == [("fails", 1, "ValueError", "failed")]


def test_the_database_of_every_kind_of_connector_is_found(reported: str) -> None:
    import psycopg_pool
    from jobdesk_core import SyncPsycopgConnector
    from jobdesk_core.contrib.aiopg import AiopgConnector
    from jobdesk_core.contrib.psycopg2 import Psycopg2Connector
    from jobdesk_core.contrib.sqlalchemy import SQLAlchemyPsycopg2Connector

    parts = psycopg.conninfo.conninfo_to_dict(reported)
    url = "postgresql+psycopg2://?" + "&".join(f"{name}={value}" for name, value in parts.items())

    async def asked() -> str:
        return reported

    connectors: list[Any] = [
        PsycopgConnector(conninfo=reported),
        PsycopgConnector(**{name: value for name, value in parts.items()}),
        PsycopgConnector(kwargs=parts),
        SyncPsycopgConnector(conninfo=reported),
        AiopgConnector(dsn=reported),
        AiopgConnector(**parts),
        Psycopg2Connector(dsn=reported),
        SQLAlchemyPsycopg2Connector(dsn=url),
    ]
    for connector in connectors:
        target = targets.target_of(connector)
        assert target is not None, connector
        with psycopg.connect(**target.parameters()) as connection:
            assert connection.info.dbname == parts["dbname"], connector

    async def in_a_loop() -> None:
        pools = [
            psycopg_pool.AsyncConnectionPool(conninfo=given, open=False, min_size=0, max_size=1)
            for given in (reported, lambda: reported, asked)
        ]
        for pool in pools:
            connector = PsycopgConnector()
            await pool.open()
            await connector.open_async(pool)
            target = targets.target_of(connector)
            assert target is not None
            found = await asyncio.to_thread(target.parameters)
            assert found["dbname"] == parts["dbname"]
            await connector.close_async()
            await pool.close()

    asyncio.run(in_a_loop())


def test_the_bound_of_the_end_is_kept_when_the_server_is_frozen(reported: str, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        app = reporting(app_of(reported), dsn=f"host=127.0.0.1 port={port} dbname=x user=x")
        app.tasks["fails"].defer(x=1)
        app.close()
        started = time.monotonic()
        run_all(app)
        assert time.monotonic() - started < 15
    assert all_failed(reported, 1)
