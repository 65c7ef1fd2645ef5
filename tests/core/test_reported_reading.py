"""What was reported, read: each table as values, and a sentence in the place of what cannot be read."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from database import connected as open_connector
from database import role, run_sql
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.operations import steps
from jobdesk_core.operations.deferring.known_task import as_app_task, known_task
from jobdesk_core.profiles import Profile, connection_parameters
from jobdesk_core.reported import reading, schema
from jobdesk_core.reported.attempts import attempt
from jobdesk_core.reported.records import Parameter, ReportedWorker
from jobdesk_core.reported.reports import Reports
from pgbouncer import needs_pgbouncer, pgbouncer
from psycopg.conninfo import make_conninfo
from reports import add_error, add_worker, ago, insert, install

UTC = dt.UTC


@pytest.fixture
def connector(dsn: str) -> Iterator[SyncPsycopgConnector]:
    yield from connected(dsn)


def connected(dsn: str, **profile: Any) -> Iterator[SyncPsycopgConnector]:
    """A connector as the desk makes it."""
    made = connection_parameters(Profile(name="x", method="dsn", dsn=dsn, **profile))
    found = SyncPsycopgConnector(**made | {"min_size": 1, "max_size": 1})
    found.open()
    try:
        yield found
    finally:
        found.close()


def fill(dsn: str) -> dict[str, Any]:
    """One of everything."""
    worker = add_worker(dsn, "worker-3", worker_id=5, queues=["mail", "é"], running=[11], memory_bytes=2**40)
    add_error(dsn, 11, "httpx.ConnectTimeout", "timed out", attempt=2, worker=worker, traceback="x" * 50_000)
    add_error(dsn, 11, "ValueError", "first", attempt=1, at=ago(60), outcome="retried")
    add_error(dsn, 12, "httpx.ConnectTimeout", attempt=1, at=ago(90))
    insert(dsn, "progress", job_id=11, attempt=2, done=3.0, total=4.0, note="halfway")
    insert(dsn, "logs", job_id=11, attempt=2, lines="a\nb")
    insert(dsn, "schedules", app="shop", task_name="nightly", cron="0 3 * * *", zone="Europe/Berlin")
    insert(dsn, "tasks", app="shop", name="mail.send", doc="Sends.", aliases=["send"], queue="mail")
    return {"worker": worker}


def test_everything_as_it_was_reported(dsn: str, connector: SyncPsycopgConnector) -> None:
    made = fill(dsn)
    reported = connector.run(schema.detect())
    first, second = connector.run(reading.errors_of(reported, [11]))
    assert (first.attempt, first.name, first.outcome, first.host) == (1, "ValueError", "retried", None)
    assert (second.attempt, second.name, second.message, second.host) == (2, "ConnectTimeout", "timed out", "worker-3")
    assert second.worker == made["worker"]
    assert second.at.tzinfo is not None and len(second.traceback or "") == reading.MOST_TRACEBACK

    (worker,) = connector.run(reading.living_workers())
    assert isinstance(worker, ReportedWorker) and worker.is_alive(dt.datetime.now(UTC))
    assert (worker.queues, worker.running, worker.memory_bytes) == (("mail", "é"), (11,), 2**40)
    assert worker.serves("mail") and not worker.serves("other")

    assert [tail.lines for tail in connector.run(reading.log_of(11))] == ["a\nb"]
    assert [each.cron for each in connector.run(reading.schedules())] == ["0 3 * * *"]
    assert [each.name for each in connector.run(reading.tasks())] == ["mail.send"]
    for asked in ("mail.send", "send"):
        found = connector.run(reading.task(asked))
        assert found is not None and found.name == "mail.send"
    assert connector.run(reading.task("sen")) is None


def test_ranges_are_read_page_by_page(dsn: str, connector: SyncPsycopgConnector) -> None:
    at = dt.datetime(2026, 5, 1, tzinfo=UTC)
    for number in range(5):
        # Two at the same time, for the id to tell apart.
        add_error(dsn, number, at=at + dt.timedelta(seconds=number // 2), task_name="a" if number else "b")
    reported = connector.run(schema.detect())
    found: list[int] = []
    before = None
    while page := connector.run(
        reading.errors_of_runs(reported, at, at + dt.timedelta(seconds=2), task="a", before=before, limit=1)
    ):
        found += [error.job_id for error in page]
        before = page[-1].at, page[-1].id
    assert found == [3, 2, 1]


def test_a_worker_is_dead_after_its_last_heartbeat_or_its_end(dsn: str, connector: SyncPsycopgConnector) -> None:
    add_worker(dsn, "alive", beat_s=20)
    add_worker(dsn, "silent", beat_s=40)
    add_worker(dsn, "ended", ended_at=ago(0))
    assert [worker.host for worker in connector.run(reading.living_workers())] == ["alive"]
    known = connector.run(reading.known_workers())
    now = dt.datetime.now(UTC)
    assert {worker.host: worker.is_alive(now) for worker in known} == {"alive": True, "silent": False, "ended": False}


def test_odd_values_of_a_table_cost_nothing(dsn: str, connector: SyncPsycopgConnector) -> None:
    for number, signature in enumerate(("null", '"text"', "[1, null, {}]", '[{"name": "to", "default": 3}]')):
        insert(dsn, "tasks", name=f"t{number}", signature=signature, retry="3")
    insert(dsn, "workers", id="00000000-0000-0000-0000-000000000001", versions="[1]", beat_at=ago(0))
    insert(dsn, "schedules", task_name="t", cron="x", arguments="[1]")
    signatures = [each.signature for each in connector.run(reading.tasks())]
    assert signatures == [None, None, (), (Parameter("to", "keyword", "3"),)]
    assert connector.run(reading.known_workers())[0].versions == {}
    assert connector.run(reading.schedules())[0].arguments is None


def answered(connector: SyncPsycopgConnector, table: str) -> str | None:
    """Why a table cannot be read."""
    made = {
        "errors": lambda reported: reading.errors_of(reported, [1]),
        "workers": lambda reported: reading.known_workers(),
        "logs": lambda reported: reading.log_of(1),
    }
    reported = connector.run(schema.detect())
    return steps.run(attempt(reported, table, made[table]), connector).refusal


def test_what_cannot_be_read_is_a_sentence(dsn: str, connector: SyncPsycopgConnector) -> None:
    assert "the schema jobdesk is not installed" in (answered(connector, "errors") or "")
    install(dsn)
    assert answered(connector, "errors") is None
    grants = ("USAGE ON SCHEMA jobdesk", "SELECT ON jobdesk.version, jobdesk.errors")
    with role(dsn, *grants) as few:
        for other in connected(few):
            assert answered(other, "errors") is None  # without the workers' table: no host, but the error
            assert "may not read the table jobdesk.workers" in (answered(other, "workers") or "")

    found = connector.run(schema.detect())
    run_sql(dsn, "DROP TABLE jobdesk.logs")
    assert "has no table logs" in (answered(connector, "logs") or "")
    late = steps.run(attempt(found, "logs", lambda _: reading.log_of(1)), connector)
    assert "jobdesk.logs" in (late.refusal or "") and late.value is None
    run_sql(dsn, "ALTER TABLE jobdesk.errors RENAME COLUMN message TO text")
    assert "could not be read" in (answered(connector, "errors") or "")
    run_sql(dsn, "UPDATE jobdesk.version SET version = 9")
    assert answered(connector, "workers") is None  # a newer version is read as far as it is known


def test_a_lost_link_is_no_refusal(dsn: str, connector: SyncPsycopgConnector) -> None:
    install(dsn)
    reported = connector.run(schema.detect())
    with contextlib.suppress(ConnectorException), connector.transaction() as connection:
        run_sql(dsn, "SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
        with pytest.raises(ConnectorException):
            steps.run(
                attempt(reported, "errors", lambda found: reading.errors_of(found, [1])),
                connector,
                connection=connection,
            )


@needs_pgbouncer
def test_behind_a_pooler_read_only_and_with_procrastinate_elsewhere(dsn: str) -> None:
    fill(dsn)
    run_sql(dsn, "CREATE SCHEMA elsewhere")
    run_sql(dsn, "ALTER TABLE procrastinate_jobs SET SCHEMA elsewhere")
    with pgbouncer(dsn) as pooled:
        for place in (dsn, pooled, make_conninfo(dsn, options="-c default_transaction_read_only=on")):
            for connector in connected(place, schema="elsewhere", is_read_only=True):
                reported = connector.run(schema.detect())
                assert reported.state == "current"
                assert len(connector.run(reading.errors_of(reported, [11]))) == 2
                assert len(connector.run(reading.living_workers())) == 1


async def test_the_window_gets_answers_and_never_loses_a_page(dsn: str) -> None:
    async with open_connector(dsn) as (connector, able):
        nothing = Reports(connector, able)
        for asked in (nothing.shown([1]), nothing.task("t"), nothing.workers()):
            answer = await asked
            assert answer.value is None and "is not installed" in (answer.refusal or "")
        fill(dsn)
        add_error(dsn, 13, "ValueError", "")
        reports = Reports(connector, able)
        reports.adopt(replace(able, reported=await connector.run_async(schema.detect())))
        found = (await reports.shown([11, 12, 13, 14])).value or {}
        assert {number: each.error for number, each in found.items()} == {
            11: "ConnectTimeout: timed out",
            12: "ConnectTimeout",
            13: "ValueError",
        }
        progress = found[11].progress
        assert progress is not None and (progress.share, progress.note, found[12].progress) == (0.75, "halfway", None)
        assert [each.name for each in (await reports.tasks()).value or []] == ["mail.send"]
        assert (await reports.task("other")) == reading.Answer(None)
        assert len((await reports.schedules()).value or []) == 1
        run_sql(dsn, "DROP TABLE jobdesk.errors")
        assert "could not be read" in ((await reports.shown([11])).refusal or "")
        reports.adopt(replace(able, reported=await connector.run_async(schema.detect())))
        found = (await reports.shown([11, 12])).value or {}
        assert {number: (each.error, each.progress.share) for number, each in found.items() if each.progress} == {
            11: (None, 0.75)
        }


def test_what_workers_say_of_a_task_is_what_its_code_says(dsn: str, connector: SyncPsycopgConnector) -> None:
    signature = (
        '[{"name": "to", "kind": "POSITIONAL_OR_KEYWORD", "annotation": "str"},'
        ' {"name": "copies", "kind": "KEYWORD_ONLY", "annotation": "int", "default": "1"}]'
    )
    insert(dsn, "tasks", app="shop", name="mail.send", doc="Sends.", queue="letters", signature=signature)
    found = connector.run(reading.task("mail.send"))
    assert found is not None
    known = known_task("mail.send", None, as_app_task(found), is_reported=True)
    assert (known.queue, known.doc, known.is_in_code, known.is_closed) == ("letters", "Sends.", True, True)
    assert known.template() == {"to": ""}
    assert known.remarks({"bcc": 1}) == ["The task needs to.", "The task takes no bcc."]
    assert [(each.types, each.is_required, each.default) for each in known.arguments] == [
        (("text",), True, ""),
        (("number",), False, "1"),
    ]
