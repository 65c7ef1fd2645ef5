"""`jobdesk check`: the steps of the test of a connection on the command line, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from database import role, run_sql
from jobdesk_core.cli import main


def test_the_steps_are_told_with_their_times(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--dsn", dsn]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["Settings", "Socket", "Sign-in", "Server", "Pooler", "Schema", "Rights", "LISTEN", "Clock"]
    lines = [line for line in lines if line.startswith("ok")]
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


def test_each_setting_is_told_with_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    services, passwords = tmp_path / ".pg_service.conf", tmp_path / ".pgpass"
    services.write_text("[other]\nhost=x\n[billing]\nhost=db.example\nport=6432\n")
    passwords.write_text("# db.example\n*:*:b\\:c:me:planted\ndb.example:6432:*:zoe:planted\n")
    passwords.chmod(0o600)

    def told(*words: str) -> dict[str, tuple[str, str]]:
        assert main(["check", "--settings", "--json", *words]) == 0
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        return {line["name"]: (line["value"], line["from"]) for line in lines}

    monkeypatch.setenv("PGUSER", "zoe")
    monkeypatch.setenv("PGOPTIONS", "-c x.y=planted")
    monkeypatch.setenv("PGDATABASE", "shop")
    found = told("--dsn", "service=billing sslmode=require")
    assert found["host"] == ("db.example", f"service billing, {services}")
    assert found["port"] == ("6432", f"service billing, {services}")
    assert found["dbname"] == ("shop", "PGDATABASE of the environment")
    assert found["user"] == ("zoe", "PGUSER of the environment")
    assert found["sslmode"] == ("require", "this connection")
    assert found["application_name"] == ("jobdesk", "Jobdesk")
    assert found["connect_timeout"] == ("5", "Jobdesk")
    assert found["password"][1] == f"line 3 of {passwords}"
    assert "planted" not in repr(found)

    assert told("--dsn", "postgresql://me@/b%3Ac")["password"][1] == f"line 2 of {passwords}"
    assert told("--dsn", "postgresql://h1,h2/x?user=a")["host"] == ("h1,h2", "this connection")
    assert told("--dsn", "postgresql://me:planted@h/x")["password"] == ("••••••", "typed, or this machine's keyring")
    passwords.chmod(0o644)
    assert "can be read by others (mode 0644), so it is not used. chmod 600" in told("--dsn", "")["password"][1]
    passwords.chmod(0o000)
    monkeypatch.delenv("PGUSER")
    monkeypatch.setenv("PGPASSWORD", "planted")
    found = told("--dsn", "")
    assert found["user"][1] == "your account on this machine"
    assert found["password"] == ("••••••", "PGPASSWORD of the environment, for where it belongs")
    assert main(["check", "--settings", "--dsn", "service=nowhere"]) == 2
