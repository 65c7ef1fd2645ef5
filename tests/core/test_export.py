"""Jobs written whole: to a file as of one moment, and by the command line; read back and compared with the tables."""

from __future__ import annotations

import csv
import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest
from database import defer, finish, run_sql, start
from jobdesk_core import PsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.monitor.export import ExportIncomplete, Wanted, export_jobs
from jobdesk_core.monitor.filters import JobFilter
from jobdesk_core.monitor.pages import Order

ARGS = '{"n": 1.10, "a": {"b": "=1+1"}, "big": 1e400, "k\\u0301": "😀\\u202e"}'
#: Computed from the events otherwise than the program does.
TIMES = (
    "SELECT job.id, min(e.at) FILTER (WHERE e.type = 'deferred') AS deferred, "
    "max(e.at) FILTER (WHERE e.type = 'started') AS started, "
    "max(e.at) FILTER (WHERE e.type IN ('succeeded', 'failed')) AS ended "
    "FROM procrastinate_jobs AS job JOIN procrastinate_events AS e ON e.job_id = job.id GROUP BY job.id ORDER BY job.id"
)


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
