"""Jobs written whole: to a file as of one moment, and by the command line; read back and compared with the tables."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from database import defer, finish, run_sql, start
from jobdesk_core import PsycopgConnector
from jobdesk_core.cli import main
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.reading import export
from jobdesk_core.reading.export import ExportIncomplete, Wanted, export_jobs
from jobdesk_core.reading.pages import Order
from jobdesk_core.reading.records import RecordLines

ARGS = '{"n": 1.10, "a": {"b": "=1+1"}, "big": 1e400, "k\\u0301": "😀\\u202e"}'
#: Computed from the events otherwise than the program does.
TIMES = (
    "SELECT job.id, min(e.at) FILTER (WHERE e.type = 'deferred') AS deferred, "
    "max(e.at) FILTER (WHERE e.type = 'started') AS started, "
    "max(e.at) FILTER (WHERE e.type IN ('succeeded', 'failed')) AS ended "
    "FROM procrastinate_jobs AS job JOIN procrastinate_events AS e ON e.job_id = job.id GROUP BY job.id ORDER BY job.id"
)


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def jobs_of_every_kind(dsn: str) -> None:
    for _ in range(3):
        defer(dsn, args=ARGS, lock=None, queue_name="-q")
    for status in ("succeeded", "failed"):
        job_id, _ = start(dsn)
        finish(dsn, job_id, status)
    defer(dsn, args="{}", task_name="@SUM(1)")


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson"])
async def test_a_file_holds_what_the_tables_hold(dsn: str, tmp_path: Path, kind: str) -> None:
    jobs_of_every_kind(dsn)
    path = tmp_path / f"jobs.{kind}"
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    try:
        able = await connector.run_async(DETECT)
        wanted = Wanted(JobFilter.parse(""), Order.OLDEST, kind, paths=[("a", "b")])
        assert (await export_jobs(connector, able, wanted, path)).jobs == 4
        some = Wanted(JobFilter.parse(""), Order.OLDEST, "ndjson", ids=[4, 1, 99])
        with pytest.raises(ExportIncomplete):
            await export_jobs(connector, able, Wanted(JobFilter.parse(""), Order.OLDEST, kind, ids=[1, 1]), path)
        assert (await export_jobs(connector, able, some, tmp_path / "some")).jobs == 2
    finally:
        await connector.close_async()
    text = path.read_text("utf-8")
    if kind == "csv":
        lines = list(csv.DictReader(text.splitlines()))
        assert [line["args.a.b"] for line in lines] == ["'=1+1"] * 3 + [""]
        assert lines[0]["queue_name"] == "'-q" and lines[3]["task_name"] == "'@SUM(1)"
        args = [line["args"] for line in lines]
    else:
        lines = json.loads(text) if kind == "json" else [json.loads(line) for line in text.splitlines()]
        args = run_sql(dsn, "SELECT args::text FROM procrastinate_jobs ORDER BY id")
        assert all(f'"args": {held}}}' in text for held in args)
        assert lines[2]["duration_s"] is None and lines[0]["waited_s"] >= 0 and lines[0]["abort_requested"] is False
    assert args == run_sql(dsn, "SELECT args::text FROM procrastinate_jobs ORDER BY id")
    names = ("deferred_at", "started_at", "ended_at")
    told = [tuple(line[name] or None for name in names) for line in lines]
    assert told == [tuple(at and at.astimezone(dt.UTC).isoformat() for at in row[1:]) for row in run_sql(dsn, TIMES)]


SECRETS = [
    '{"user": {"password": "p1", "name": "n"}, "list": [{"api_key": {"deep": "p2"}}, 1], "n": 1.10}',
    '{"token": ["p3"], "user": "{\\"password\\": 1}"}',
    '{"user": {"name": "n"}, "big": 1e400}',
]


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson"])
async def test_a_secret_is_written_only_when_asked_for(dsn: str, tmp_path: Path, kind: str) -> None:
    for args in SECRETS:
        defer(dsn, args=args, lock=None)
    paths = [("user", "password"), ("user",), ("list", "0", "api_key", "deep"), ("list", "-2"), ("list", "x"), ("n",)]
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    try:
        able = await connector.run_async(DETECT)
        for pattern, name in (("", "hidden"), (None, "open"), ("^name$", "own")):
            wanted = Wanted(JobFilter.parse(""), Order.OLDEST, kind, paths=paths, secret_keys=pattern)
            await export_jobs(connector, able, wanted, tmp_path / name)
    finally:
        await connector.close_async()
    hidden, whole, own = [(tmp_path / name).read_text("utf-8") for name in ("hidden", "open", "own")]
    assert not any(secret in hidden for secret in ("p1", "p2", "p3")) and hidden.count("••••••") >= 3
    assert all(secret in whole for secret in ("p1", "p2", "p3")) and "•" not in whole
    assert "p1" in own and '"n"' not in own.replace('""', '"').replace('"n": 1.10', "")
    if kind == "csv":
        lines = list(csv.DictReader(hidden.splitlines()))
        assert [line["args"] for line in lines][2] == run_sql(dsn, "SELECT args::text FROM procrastinate_jobs")[2]
        assert [lines[0][f"args.{'.'.join(path)}"] for path in paths] == [
            *("••••••", '{"name": "n", "password": "••••••"}', "••••••", '{"api_key": "••••••"}', "", "1.10")
        ]
        assert [line["args.user"] for line in lines[1:]] == ['{"password": 1}', '{"name": "n"}']


async def test_only_the_columns_on_show_in_their_order(dsn: str, tmp_path: Path) -> None:
    defer(dsn, args='{"a": {"b": 1.10}, "token": "p1"}', lock=None)
    defer(dsn, args="null", lock=None, queue_name="=q")
    defer(dsn, args='{"a": ' + "[" * 3_000 + "]" * 3_000 + "}", lock=None)
    columns, paths = ["status", "args.a.b", "id", "queue_name", "scheduled_at", "args.token"], [("a", "b"), ("token",)]
    run_sql(dsn, "UPDATE procrastinate_jobs SET scheduled_at = 'infinity' WHERE id = 1")
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    try:
        able = await connector.run_async(DETECT)
        for kind in ("csv", "json", "ndjson"):
            wanted = Wanted(
                *(JobFilter.parse(""), Order.OLDEST, kind),
                paths=paths,
                columns=columns,
                secret_keys=None if kind == "ndjson" else "",
            )
            assert (await export_jobs(connector, able, wanted, tmp_path / kind)).jobs == 3
    finally:
        await connector.close_async()
    lines = list(csv.reader((tmp_path / "csv").read_text("utf-8").splitlines()))
    assert lines[:3] == [
        columns,
        ["todo", "1.10", "1", "q", "infinity", "••••••"],
        ["todo", "", "2", "'=q", "", ""],
    ]
    text = (tmp_path / "json").read_text("utf-8")
    assert [list(each) for each in json.loads(text)] == [columns] * 3 and '"args.a.b": 1.10, "id": 1' in text
    whole = [json.loads(line) for line in (tmp_path / "ndjson").read_text("utf-8").splitlines()]
    assert [line["args.token"] for line in whole] == ["p1", None, None], (
        "what is nested too deeply is no reason to stop"
    )


@pytest.mark.parametrize("moment", ["the first page", "a write", "the end"])
async def test_a_stop_leaves_what_was_there(
    dsn: str, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 1200)")
    path = tmp_path / "jobs.csv"
    path.write_text("before")
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    try:
        able = await connector.run_async(DETECT)

        async def go() -> None:
            await export_jobs(connector, able, Wanted(JobFilter.parse(""), Order.OLDEST, "csv"), path, on_progress)

        def on_progress(_jobs: int) -> None:
            if moment == "the first page":
                task.cancel()

        loop = asyncio.get_running_loop()
        name = {"a write": "add", "the end": "end"}.get(moment)
        if name is not None:
            done = getattr(RecordLines, name)

            def cancelling(*values: object) -> None:
                # Within the thread: the file must not be closed before it has come back.
                loop.call_soon_threadsafe(task.cancel)
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result(5)
                done(*values)

            monkeypatch.setattr(RecordLines, name, cancelling)
        task = asyncio.ensure_future(go())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert path.read_text() == "before" and files(tmp_path) == ["jobs.csv"]
        assert run_sql(dsn, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%%'") == [0]
    finally:
        await connector.close_async()


async def test_a_full_disk_leaves_no_half_file(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 700)")

    def full(_lines: RecordLines) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RecordLines, "end", full)
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    try:
        able = await connector.run_async(DETECT)
        with pytest.raises(OSError, match="No space"):
            await export_jobs(connector, able, Wanted(JobFilter.parse(""), Order.OLDEST, "csv"), tmp_path / "x.csv")
        with pytest.raises(FileNotFoundError):
            away = tmp_path / "away" / "x.csv"
            await export_jobs(connector, able, Wanted(JobFilter.parse(""), Order.OLDEST, "csv"), away)
    finally:
        await connector.close_async()
    assert not files(tmp_path)


def test_the_command_line_writes_all_that_is_known(dsn: str) -> None:
    jobs_of_every_kind(dsn)
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 700)")

    def told(*options: str) -> str:
        command = [sys.executable, "-m", "jobdesk_core", "--dsn", dsn, "jobs", *options]
        ended = subprocess.run(command, capture_output=True, check=True, timeout=60)
        return ended.stdout.decode()

    rows = list(csv.DictReader(told("--csv", "--column", "args.a.b").splitlines()))
    assert [int(row["id"]) for row in rows] == list(range(704, 0, -1)) and rows[-1]["args.a.b"] == "'=1+1"
    lines = [json.loads(line) for line in told("--ndjson", "--order", "oldest").splitlines()]
    assert len(lines) == 704 and lines[0]["args"]["a"] == {"b": "=1+1"} and lines[0]["ended_at"] is not None
    assert len(told("--json").splitlines()) == 100 and "1.10" in told("--json", "id:1")


def test_what_the_command_line_writes_is_of_one_moment_and_counted(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 1200)")
    changed = []
    add = RecordLines.add

    def meanwhile(lines: RecordLines, records: Any) -> None:
        if not changed:
            changed.append(run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id BETWEEN 1 AND 600 RETURNING id"))
            run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 't')")
            run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'failed' WHERE id = 700")
        add(lines, records)

    monkeypatch.setattr(RecordLines, "add", meanwhile)
    for order in ("newest", "oldest", "next"):
        changed.clear()
        before = run_sql(dsn, "SELECT id FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        code = main(["jobs", "--dsn", dsn, "--ndjson", "--order", order, "status:todo"])
        told = capsys.readouterr()
        rows = [json.loads(line) for line in told.out.splitlines()]
        assert (code, sorted(row["id"] for row in rows)) == (0, before) and {row["status"] for row in rows} == {"todo"}
        assert f"{len(before):,} jobs, as of " in told.err
    monkeypatch.setattr(export, "_count", lambda able, wanted: Statement("SELECT 7 AS jobs", lambda rows: 7))
    assert main(["jobs", "--dsn", dsn, "--csv"]) == 5
    assert "the database counts 7" in capsys.readouterr().err
