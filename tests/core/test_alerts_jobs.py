"""The jobs behind an alert: sent by the rules that say so, and their arguments nowhere else."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import commands
import pytest
from database import defer, run_sql
from jobdesk_core import masking
from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.behind import LONGEST_ARGS, MOST_ALERTS, TOO_MANY, with_jobs
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.alerts.sending import sent_payload
from jobdesk_core.alerts.telling import Telling
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.limited import ask_limited

MARKER = "marker-of-a-customer"
NOW = dt.datetime(2026, 5, 4, 12, 30, 20, tzinfo=dt.UTC)
SENDING = AlertRule("oldest_due", ways=("page",), sends_jobs=True)
ALERT = Alert("eu", "oldest_due", "mail", "oldest_due", "mail fell behind", "1 h.", "warning", NOW)
TOLD = Telling("began", replace(ALERT, filter_text="queue:mail status:todo"), SENDING)

Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def read(dsn: str) -> Iterator[Read]:
    """What a command would get of these."""
    with closing(SyncPsycopgConnector(conninfo=dsn)) as connector:
        connector.open()

        def read(*told: Telling, pattern: str = "", limit_s: float = 30.0) -> list[dict[str, Any]]:
            able = replace(connector.run(DETECT), clock=connector.clock)
            return [sent_payload(each) for each in ask_limited(with_jobs(told, able, pattern), connector, limit_s)]

        yield read


def test_a_rule_sends_the_latest_jobs_only_where_it_says_so(read: Read, dsn: str) -> None:
    ids = [defer(dsn, queue_name="mail", args=json.dumps({"customer": f"{MARKER} {n}"})) for n in range(7)]
    (sent,) = read(TOLD)
    assert sent["jobs"] == [
        {
            "id": ids[n],
            "task": "t",
            "queue": "mail",
            "status": "todo",
            "attempts": 0,
            "args": {"customer": f"{MARKER} {n}"},
        }
        for n in (6, 5, 4, 3, 2)
    ]
    assert MARKER not in repr(with_jobs) + repr(TOLD)
    for other in (
        replace(TOLD, rule=replace(SENDING, sends_jobs=False)),
        replace(TOLD, rule=replace(SENDING, ways=("desktop",))),
        replace(TOLD, event="over"),
        replace(TOLD, alert=ALERT),  # about no jobs
    ):
        (sent,) = read(other)
        assert "jobs" not in sent and MARKER not in json.dumps(sent)
    (sent,) = read(replace(TOLD, alert=replace(ALERT, filter_text="queue:etl")))
    assert sent["jobs"] == []


def test_what_the_window_hides_and_every_known_password_are_not_sent(read: Read, dsn: str) -> None:
    masking.hide(["hunter2-of-the-server"])
    held = {"url": "postgresql://u:hunter2-of-the-server@h/d", "api_key": MARKER, "pin": 1234, "n": 1}
    defer(dsn, queue_name="mail", args=json.dumps(held))
    assert read(TOLD)[0]["jobs"][0]["args"] == {
        "url": "postgresql://u:•••@h/d",
        "api_key": "••••••",
        "pin": 1234,
        "n": 1,
    }
    assert read(TOLD, pattern="pin")[0]["jobs"][0]["args"]["pin"] == "••••••"
    # A connection that hides all arguments sends none.
    assert set(read(TOLD, pattern="^")[0]["jobs"][0]["args"].values()) == {"••••••"}


def test_an_alert_goes_out_also_when_its_jobs_cannot(read: Read, dsn: str) -> None:
    defer(dsn, queue_name="mail", args=json.dumps({"text": MARKER * LONGEST_ARGS}))
    defer(dsn, queue_name="mail", args='{"n": 123456789012345678901234567890.10}')
    exact, long = read(TOLD)[0]["jobs"]
    assert repr(exact["args"]) == "{'n': 123456789012345678901234567890.10}"
    assert long["args"] is None and long["args_left_out"].endswith(" characters long.")
    many = read(*[TOLD] * (MOST_ALERTS + 2))
    assert [bool(each["jobs"]) for each in many] == [True] * MOST_ALERTS + [False] * 2
    assert many[-1]["jobs_trouble"] == TOO_MANY
    (refused,) = read(replace(TOLD, alert=replace(ALERT, filter_text="qeue:mail")))
    assert refused["jobs"] is None
    assert refused["jobs_trouble"].startswith("The jobs could not be read: ")
    run_sql(dsn, "ALTER TABLE procrastinate_jobs RENAME TO kept")
    run_sql(dsn, "CREATE VIEW procrastinate_jobs AS SELECT kept.* FROM kept, (SELECT pg_sleep(30)) AS nap")
    found = read(TOLD, TOLD, limit_s=0.3)
    assert [each["jobs"] for each in found] == [None, None]
    assert {each["jobs_trouble"] for each in found} == {"The jobs were not read: it would have taken too long."}
    assert found[0]["sentence"] == "1 h."


@pytest.mark.parametrize("is_sent", [False, True])
def test_the_command_line_sends_them_by_its_ways_and_prints_none(is_sent: bool, dsn: str, tmp_path: Path) -> None:
    script, got = tmp_path / "page", tmp_path / "got"
    script.write_text(f'#!/bin/sh\ncat > "{got}"\n')
    script.chmod(0o755)
    rules = tmp_path / "rules.toml"
    chosen = "jobs = true\n" if is_sent else ""
    rules.write_text(
        f'[[databases]]\nname = "eu"\ndsn = "{dsn}"\n[commands.page]\nargv = ["{script}"]\n'
        f'[[rules]]\nrule = "oldest_due"\noldest_due_s = 5\nways = ["page"]\n{chosen}'
    )
    defer(dsn, queue_name="mail", args=json.dumps({"customer": MARKER}))
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '1 hour'")
    folders = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    words = ("watch", "--rules", str(rules), "--once", "--json", "--allow-commands")
    ended = commands.run(words, env=kept | folders | {"HOME": str(tmp_path)})
    assert (ended.returncode, ended.stderr) == (1, "")
    assert MARKER not in ended.stdout
    sent = json.loads(got.read_text())
    assert sent["subject"] == "mail"
    assert (MARKER in got.read_text()) is is_sent
    assert [job["args"] for job in sent.get("jobs", [])] == [{"customer": MARKER}] * is_sent
    assert not any(MARKER.encode() in path.read_bytes() for path in tmp_path.rglob("*.sqlite*"))
