"""Values that PostgreSQL holds and Python does not: shown, kept and carried exactly; no such row costs the page."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from acting import acting
from database import run_sql
from hypothesis import given, settings
from hypothesis import strategies as st
from jobdesk_core import PsycopgConnector, exact_json, moments
from jobdesk_core.cli import main
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.monitor import Monitor
from jobdesk_core.operations import Reschedule
from jobdesk_core.profiles import Profile, connection_parameters

TIMES = (
    "infinity",
    "-infinity",
    "12000-01-01 00:00:00+00",
    "294276-12-31 23:59:59.5+00",
    "0044-03-15 12:00:00+00 BC",
    "4713-01-01 00:00:00+00 BC",
    "9999-12-31 23:59:59+00",
    "0001-01-01 00:00:00+00",
)
NUMBERS = ("12345678901234567.89", "0.1234567890123456789012345", "1.10", "1e999", "-1e-400", "9" * 5000, "1.0", "0.1")


pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def odd(dsn: str) -> str:
    """A database in which nearly every row is odd, job 1 apart."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 'plain')")
        for at in TIMES:
            connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) VALUES ('q', 't', %s)", [at]
            )
        connection.execute("ALTER TYPE procrastinate_job_status ADD VALUE 'paused'")
        connection.execute("ALTER TYPE procrastinate_job_event_type ADD VALUE 'paused'")
        connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('q', 't', 'paused')")
        for column in ("queue_name", "task_name", "priority", "attempts", "args"):
            connection.execute(f"ALTER TABLE procrastinate_jobs ALTER {column} DROP NOT NULL".encode())
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, attempts, args, status) "
            "VALUES ('q', 't', NULL, NULL, NULL, 'failed')"
        )
        connection.execute("INSERT INTO procrastinate_events (job_id, type, at) VALUES (1, 'paused', 'infinity')")
        connection.execute("INSERT INTO procrastinate_events (job_id, type, at) VALUES (2, 'started', '-infinity')")
        connection.execute("INSERT INTO procrastinate_events (job_id, type, at) VALUES (3, 'failed', NULL)")
        connection.execute("INSERT INTO procrastinate_events (job_id, type, at) VALUES (4, 'started', NULL)")
        connection.execute("INSERT INTO procrastinate_events (job_id, type, at) VALUES (5, 'started', now())")
        connection.execute("ALTER TABLE procrastinate_workers ALTER last_heartbeat DROP NOT NULL")
        connection.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES ('infinity'), ('-infinity'), (NULL), (now())"
        )
    return dsn


def ran(capsys: pytest.CaptureFixture[str], dsn: str, *words: str) -> tuple[int, str, str]:
    code = main([*words, "--dsn", dsn])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_every_command_tells_of_such_rows(odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, odd, "jobs", "--json", "--limit", "100")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, err, len(rows)) == (0, "", 11)
    times = {row["id"]: row["scheduled_at"] for row in rows}
    assert [times[n] for n in range(2, 8)] == list(TIMES[:6])
    assert {row["status"] for row in rows} == {"todo", "paused", "failed"}
    for words in (
        ["jobs"],
        ["jobs", "--limit", "0"],
        ["status"],
        ["status", "--json"],
        ["jobs", "scheduled:>2050-01-01"],
    ):
        code, out, err = ran(capsys, odd, *words)
        assert (code, err) == (0, ""), words
    for job_id in range(1, 12):
        for words in (["show"], ["show", "--json"], ["why"], ["why", "--json"]):
            code, out, err = ran(capsys, odd, words[0], str(job_id), *words[1:])
            assert (code, err) == (0, ""), (words, job_id)
    assert "scheduled for infinity" in ran(capsys, odd, "why", "2")[1]
    assert "12000-01-01" in ran(capsys, odd, "why", "4")[1]


def test_a_status_that_nobody_knows_is_neither_success_nor_an_end(odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_sql(odd, "ALTER TABLE procrastinate_jobs ALTER status DROP NOT NULL")
    run_sql(odd, "UPDATE procrastinate_jobs SET status = NULL WHERE id = 11")
    for job_id, status in (("10", "paused"), ("11", "unknown")):
        for words in (["why", job_id], ["show", job_id]):
            code, out, _ = ran(capsys, odd, *words)
            assert code == 0 and "Its status is none of Procrastinate's." in out and "succeeded" not in out, out
        for words in (["cancel"], ["cancel", "--abort"], ["cancel", "--delete"], ["retry"], ["fail"], ["purge"]):
            code, out, err = ran(capsys, odd, words[0], job_id, *words[1:], "--yes")
            assert code == 1 and f"a status that Jobdesk does not know: {status}" in out + err, (words, out, err)
    assert run_sql(odd, "SELECT status::text FROM procrastinate_jobs WHERE id > 9 ORDER BY id") == ["paused", None]


def test_such_a_row_is_acted_on_like_any(odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["cancel", "2"], ["retry", "11"], ["cancel", "7"]):
        code, out, err = ran(capsys, odd, *words, "--yes")
        assert code == 0, (words, out, err)
    assert run_sql(odd, "SELECT status::text FROM procrastinate_jobs WHERE id IN (2, 7) ORDER BY id") == [
        "cancelled",
        "cancelled",
    ]


def test_infinite_times_of_runs_hinder_no_act_and_no_file(odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    # PostgreSQL 15 and 16 refuse to subtract them: this is seen red there only (JOBDESK_TEST_DSN).
    run_sql(odd, "UPDATE procrastinate_jobs SET status = 'doing', worker_id = 2 WHERE id = 2")
    run_sql(odd, "UPDATE procrastinate_jobs SET status = 'failed' WHERE id IN (6, 7)")
    run_sql(
        odd,
        "INSERT INTO procrastinate_events (job_id, type, at) VALUES (1, 'deferred', '-infinity'), "
        "(1, 'started', '-infinity'), (3, 'started', 'infinity'), (6, 'started', '-infinity'), "
        "(6, 'failed', 'infinity'), (7, 'started', '-infinity'), (7, 'failed', '-infinity')",
    )
    for words in (["scheduled:>2050-01-01"], ["duration:>1s"], ["waited:>1s"], ["--csv"], ["--ndjson"]):
        code, _, err = ran(capsys, odd, "jobs", *words)
        assert code in (0, 1) and "refused" not in err, words
    for words in (["2", "--stalled"], ["6", "7"]):
        code, out, err = ran(capsys, odd, "retry", *words, "--yes", "--force")
        assert code == 0 and "refused" not in err, (words, out, err)


async def test_a_job_parked_at_infinity_is_rescheduled(odd: str) -> None:
    at = dt.datetime(2050, 1, 2, tzinfo=dt.UTC)
    async with acting(odd) as actor:
        await actor.act(Reschedule(at), 2, 3)
    assert run_sql(odd, "SELECT scheduled_at FROM procrastinate_jobs WHERE id IN (2, 3)") == [at, at]


async def test_the_monitor_reads_them_and_goes_on(odd: str) -> None:
    connector = PsycopgConnector(**connection_parameters(Profile(name="x", method="dsn", dsn=odd)))
    await connector.open_async()
    monitor = Monitor(connector, await connector.run_async(DETECT))
    modes: list[str] = []
    events: list[Any] = []
    workers: list[Any] = []
    refreshed = asyncio.Event()

    def changed(changes: Any) -> None:
        refreshed.set()
        events.extend(changes.events)

    following = asyncio.create_task(monitor.run(changed, lambda state: modes.append(state.mode), workers.extend))
    await asyncio.wait_for(refreshed.wait(), 60)
    monitor.watch(range(1, 12))
    for sql in (
        "INSERT INTO procrastinate_events (job_id, type, at) VALUES (1, 'paused', 'infinity'), (2, 'failed', NULL)",
        "UPDATE procrastinate_jobs SET scheduled_at = '20000-01-01' WHERE id = 1",
        "INSERT INTO procrastinate_events (job_id, type, at) VALUES (1, 'succeeded', '-infinity')",
    ):
        await asyncio.to_thread(run_sql, odd, sql)
        await asyncio.sleep(0.7)
    for job_id in range(1, 12):
        assert await monitor.detail(job_id) is not None
    assert len(await monitor.workers()) == 4
    for _ in range(100):
        if len(events) >= 4:
            break
        await asyncio.sleep(0.1)
    following.cancel()
    results = await asyncio.gather(following, return_exceptions=True)
    await connector.close_async()
    assert isinstance(results[0], asyncio.CancelledError)
    assert {"paused", "failed", "succeeded"} <= {event.type.value for event in events}
    assert "stale" not in modes


@pytest.mark.parametrize("number", NUMBERS, ids=lambda text: text[:20])
def test_a_number_keeps_its_digits(dsn: str, capsys: pytest.CaptureFixture[str], number: str) -> None:
    assert ran(capsys, dsn, "defer", "t", "--queue", "q", f"n={number}", f'o={{"a": [{number}]}}')[0] == 0
    stored = run_sql(dsn, "SELECT args->>'n', args #>> '{o,a,0}' FROM procrastinate_jobs")
    plain = run_sql(dsn, f"SELECT '{number}'::jsonb #>> '{{}}'")[0]
    assert stored == [(plain, plain)]
    _, out, _ = ran(capsys, dsn, "show", "1", "--json")
    assert f'"n": {plain}' in out
    _, out, _ = ran(capsys, dsn, "show", "1")
    assert plain in out


@pytest.mark.parametrize("text", ['{"x": 1, "x": 2}', '[{"x": {"y": 1, "y": 1}}]'])
def test_a_key_twice_is_refused(dsn: str, capsys: pytest.CaptureFixture[str], text: str) -> None:
    code, _, err = ran(capsys, dsn, "defer", "t", "--queue", "q", f"n={text}")
    assert (code, "appears twice" in err) == (2, True)
    code, _, err = ran(capsys, dsn, "defer", "t", "--queue", "q", "--args", f'{{"a": {text}}}')
    assert (code, "appears twice" in err) == (2, True)
    assert run_sql(dsn, "SELECT 1 FROM procrastinate_jobs") == []


async def test_a_far_time_goes_there_and_back(dsn: str) -> None:
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    for at in TIMES:
        there = Statement("SELECT %(at)s::timestamptz AS at", lambda rows: rows[0]["at"], {"at": at})
        value = await connector.run_async(there)
        back = Statement("SELECT %(at)s::timestamptz = %(text)s::timestamptz AS same", lambda rows: rows[0]["same"])
        assert await connector.run_async(Statement(back.sql, back.decode, {"at": value, "text": at}))
    await connector.close_async()


@settings(max_examples=150, deadline=None)
@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**57), 2**58))
def test_every_number_is_the_time_that_postgresql_means(number: int) -> None:
    at = moments.of_microseconds(number)
    if isinstance(at, moments.FarTime):
        assert moments.far_time(at.text) == at
    else:
        assert at == dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=number)


_numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
_values = st.recursive(_numbers, lambda inner: st.lists(inner).map(lambda held: f"[{','.join(held)}]"), max_leaves=8)


@given(_values)
def test_json_is_written_as_it_was_read(text: str) -> None:
    written = exact_json.dumps(exact_json.loads(text)).replace(" ", "")
    assert written == text.replace("-0]", "0]") or json.loads(written, parse_float=str, parse_int=int) == json.loads(
        text, parse_float=str, parse_int=int
    )


def test_arguments_that_are_no_object_are_shown_as_they_are(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for args in ("[1, 2]", '"text"', "null", "7", "{}"):
            connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 't', %s)", [args]
            )
    for job_id, shown in enumerate(("[1, 2]", '"text"', "null", "7"), 1):
        code, out, _ = ran(capsys, dsn, "show", str(job_id))
        assert code == 0 and f"Arguments\n  {shown}\n" in out


def test_half_of_a_pair_is_refused_before_anything_is_sent(
    dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = tmp_path / "rows.ndjson"
    rows.write_text('{"to": "\\ud800"}\n{"to": "\\ud83d\\ude00"}\n{"to": "\\\\u0000"}\n')
    for words in (["--dry-run"], ["--yes"]):
        code, out, err = ran(capsys, dsn, "defer", "t", "--queue", "q", "--from", str(rows), *words)
        assert code in (1, 2) and "half of a surrogate pair" in out + err and "invalid input syntax" not in out + err
    code, _, err = ran(capsys, dsn, "defer", "t", "--queue", "q", "--args", '{"a": "\\udc00"}')
    assert code == 2 and "half of a surrogate pair" in err
    code, _, err = ran(capsys, dsn, "defer", "t", "--queue", "q", "--args", '{"a": "\\ud83d\\ude00 \\\\u0000"}')
    assert code == 0, err


def test_a_file_without_rows_says_so(dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    code, _, err = ran(capsys, dsn, "defer", "t", "--queue", "q", "--from", str(tmp_path / "empty"))
    assert code == 1 and "There are no rows" in err


def test_starts_at_no_time_tell_of_no_duration(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('mail', 't'), ('q', 't')")
        connection.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 2")
        connection.execute("INSERT INTO procrastinate_events (job_id, type, at) VALUES (2, 'started', '-infinity')")
    for job_id in ("1", "2"):
        assert " d " not in ran(capsys, dsn, "why", job_id)[1]
