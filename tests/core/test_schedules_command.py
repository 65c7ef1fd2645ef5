"""`jobdesk schedules`: the periodic tasks as a table for people and as JSON Lines for programs."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import reports
from database import run_sql
from jobdesk_core import Job
from jobdesk_core.cli import main
from managing import managing

#: Far from now, whenever this runs.
HALF_A_DAY_AGO = (dt.datetime.now(dt.UTC).hour + 12) % 24


def called(capsys: pytest.CaptureFixture[str], dsn: str, *words: str) -> tuple[int, str, str]:
    code = main(["schedules", *words, "--dsn", dsn])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


async def some(dsn: str) -> None:
    """One that was missed for days, as it is told, and one of each minute that only its runs tell of."""
    now = int(dt.datetime.now(dt.UTC).timestamp())
    runs = [("nightly\x1b[2J", now - 3 * 86_400), *(("tick", now // 60 * 60 - 60 * n) for n in (3, 2, 1, 0))]
    async with managing(dsn) as manager:
        for task, at in runs:
            job = Job(task_name=task, task_kwargs={"timestamp": at}, queue="q")
            await manager.defer_periodic_job(job, "", at)
    run_sql(dsn, "UPDATE procrastinate_events SET at = to_timestamp(%s) WHERE job_id = 1", now - 3 * 86_400 + 1)
    told = {"app": "shop", "periodic_id": "", "cron": f"30 {HALF_A_DAY_AGO} * * *", "zone": "UTC"}
    reports.insert(dsn, "schedules", task_name="nightly\x1b[2J", **told)


async def test_a_table_for_people(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(capsys, dsn)[:2] == (0, "No periodic tasks: none has been deferred in this database.\n")
    await some(dsn)
    code, out, err = called(capsys, dsn)
    assert code == 0, "what is missed is no failure of the command"
    head, nightly, tick, why = out.splitlines()
    assert head.split() == ["task", "cadence", "last", "run", "how", "it", "ended", "next", "state"]
    assert nightly.startswith(f"nightly\\u001b[2J  every day at {HALF_A_DAY_AGO:02}:30") and "  missed 3" in nightly
    assert "about every 1 min (inferred)" in tick and tick.endswith("on time") and "  todo " in tick
    assert why == "nightly\\u001b[2J: No worker is alive." and "\x1b" not in out
    assert err == ""


async def test_json_for_programs(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    await some(dsn)
    code, out, _ = called(capsys, dsn, "--json")
    nightly, tick = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    wanted: dict[str, Any] = {"kind": "schedule", "state": "missed", "missed": 3, "app": "shop", "source": "reported"}
    assert {name: nightly[name] for name in wanted} == wanted
    assert tick["every_s"] == 60 and tick["is_inferred"] and tick["cadence"] == "about every 1 min"
    assert [run["job_id"] for run in tick["runs"]] == [2, 3, 4, 5] and tick["last"]["status"] == "todo"
    assert dt.datetime.fromisoformat(tick["next_at"]).utcoffset() == dt.timedelta()
