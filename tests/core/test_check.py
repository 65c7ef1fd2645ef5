"""`jobdesk check`: the steps of the test of a connection on the command line, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from database import role, run_sql
from jobdesk_core.cli import main


def test_the_steps_are_told_with_their_times(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--dsn", dsn]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["Socket", "Sign-in", "Server", "Pooler", "Schema", "Rights", "LISTEN", "Clock"]
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in names]
    assert all(" ms  " in line for line in lines)


def test_as_json_and_with_each_missing_right(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    with role(dsn, "SELECT ON ALL TABLES IN SCHEMA public") as role_dsn:
        assert main(["check", "--json", "--dsn", role_dsn]) == 0
    steps = {step["step"]: step for step in map(json.loads, capsys.readouterr().out.splitlines())}
    assert steps["Rights"]["result"] == "warning" and len(steps["Rights"]["lines"]) == 3
    assert steps["Rights"]["lines"][2].startswith("To delete: Role")


def test_how_it_ends(
    dsn: str, empty_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    run_sql(empty_dsn, "CREATE SCHEMA queue; CREATE TABLE queue.procrastinate_jobs ()")
    for table in ("events", "periodic_defers"):
        run_sql(empty_dsn, f"CREATE TABLE queue.procrastinate_{table} ()")
    for given, code, told in (
        (["--dsn", f"host={tmp_path}"], 3, "FAILED  Socket"),
        (["--dsn", "host=127.0.0.1 port=1"], 3, "Not tried: TLS, Sign-in, Server"),
        (["--dsn", "host=h colour=red"], 2, "FAILED  Settings"),
        (["--dsn", empty_dsn], 4, "Others: --schema queue"),
        (["--dsn", dsn, "--schema", "nowhere"], 4, "FAILED  Schema"),
    ):
        assert main(["check", *given]) == code, given
        assert told in capsys.readouterr().out, given
