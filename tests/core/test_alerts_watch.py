"""`watch --rules`: real databases, a dead one, a real command, once for Nagios and until it is told to end."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import commands
import psycopg
import pytest
from database import defer, run_sql
from jobdesk_core.alerts.lines import Unreachable
from jobdesk_core.cli.followed import Followed
from jobdesk_core.profiles import profile_of_dsn
from jobdesk_core.watching.situation import Situation
from programs import started
from psycopg.conninfo import conninfo_to_dict
from waiting import until_true

NOW = dt.datetime(2026, 5, 4, 12, 30, 20, tzinfo=dt.UTC)
DEAD = "host=127.0.0.1 port=1 dbname=x connect_timeout=2"


class Watcher:
    """The command in a home of its own, on a file of rules."""

    def __init__(self, home: Path) -> None:
        self.home, self.file = home, home / "rules.toml"
        folders = {f"XDG_{name}_HOME": str(home) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self.environment = {**kept, **folders, "HOME": str(home)}
        self.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

    def __call__(self, rules: str, *arguments: str, **more: str) -> tuple[int, list[str], str]:
        self.file.write_text(rules)
        words = ("watch", "--rules", str(self.file), *arguments)
        ended = commands.run(words, env=self.environment | more)
        return ended.returncode, ended.stdout.splitlines(), ended.stderr

    @contextlib.contextmanager
    def started(self, rules: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        self.file.write_text(rules)
        words = [sys.executable, "-m", "jobdesk_core", "watch", "--rules", str(self.file), *arguments]
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with started(words, env=self.environment, **streams) as program:
            yield program


@pytest.fixture
def watcher(tmp_path: Path) -> Watcher:
    return Watcher(tmp_path)


def database(dsn: str, name: str = "eu") -> str:
    return f'[[databases]]\nname = "{name}"\ndsn = "{dsn}"\n'


OLD = '[[rules]]\nrule = "oldest_due"\nsubject = "mail"\noldest_due_s = 5\n'


def test_once_has_the_codes_of_nagios_and_the_summary_first(watcher: Watcher, dsn: str) -> None:
    rules = database(dsn) + OLD
    fine = "OK: nothing active in 1 database | critical=0 warning=0 unanswered=0 unwatched=0"
    assert watcher(rules, "--once") == (0, [fine], "")
    # Rules for a name that is not there are not passed over without a word.
    mistyped = OLD.replace("[[rules]]", "[[profile.eeu.rules]]")
    told = "The rules of eeu are of none of the databases that are watched: eu.\n"
    assert watcher(rules + mistyped, "--once") == (0, [fine], told)
    assert watcher(rules + mistyped.replace("eeu", "eu"), "--once") == (0, [fine], "")
    defer(dsn, queue_name="mail")
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '1 hour'")
    code, lines, _ = watcher(rules, "--once")
    assert code == 1
    assert lines[0] == "WARNING: mail has fallen behind (eu) | critical=0 warning=1 unanswered=0 unwatched=0"
    assert lines[1].startswith("warning: eu: mail has fallen behind. Its one due job has waited 1 h")
    assert lines[2:] == ["began: eu: mail has fallen behind"]
    # Told once, and still active.
    code, lines, _ = watcher(rules, "--once")
    assert (code, len(lines)) == (1, 2)
    # A dead one beside it is not known, and known to be unreachable by the rule.
    both = rules + database(DEAD, "dead")
    code, lines, _ = watcher(both, "--once")
    assert (code, lines[0]) == (
        3,
        "UNKNOWN: mail has fallen behind (eu), no answer from dead | critical=0 warning=1 unanswered=1 unwatched=0",
    )
    code, lines, _ = watcher(both + '[[rules]]\nrule = "unreachable"\nfor_s = 0\n', "--once")
    assert code == 2
    assert lines[0].startswith("CRITICAL: The database is unreachable (dead), mail has fallen behind (eu) | critical=1")
    code, lines, _ = watcher(rules, "--once", "--json")
    (told,) = map(json.loads, lines)
    assert (code, told["status"], [each["subject"] for each in told["alerts"]]) == (1, "warning", ["mail"])
    # The default rules: nobody works here, and that is no secret.
    code, lines, _ = watcher(database(dsn), "--once", "--state", str(watcher.home / "other.sqlite"))
    assert code == 2 and "No worker is alive (eu)" in lines[0]
    assert lines[1] == "critical: eu: No worker is alive. 1 job is due."


def test_no_line_has_a_bar_but_before_the_numbers(watcher: Watcher, dsn: str) -> None:
    defer(dsn, queue_name="ma|il")
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '1 hour'")
    code, lines, _ = watcher(database(dsn, "e|u") + OLD.replace("mail", "*"), "--once")
    assert code == 1 and len(lines) == 3
    assert [line.count("|") for line in lines] == [1, 0, 0]


def test_a_database_that_refuses_is_not_unreachable(watcher: Watcher, dsn: str, empty_dsn: str) -> None:
    """No rights and no schema: it answers, and nobody knows how its jobs are."""
    run_sql(dsn, "CREATE ROLE stranger LOGIN")
    try:
        for refusing, why in (
            (psycopg.conninfo.make_conninfo(dsn, user="stranger"), "permission"),
            (empty_dsn, "schema"),
        ):
            now = database(refusing) + '[[rules]]\nrule = "unreachable"\nfor_s = 0\n'
            later = now.replace("for_s = 0", "for_s = 60")
            code, lines, _ = watcher(now, "--once", "--state", str(watcher.home / why))
            assert code == 3, lines
            assert lines[0] == (
                "UNKNOWN: The database cannot be watched (eu) | critical=0 warning=1 unanswered=0 unwatched=1"
            )
            assert lines[1].startswith("warning: eu: The database cannot be watched. Not watched for 0 s.")
            assert lines[2].startswith("unwatched: eu: ") and "No answer" not in " ".join(lines)
            code, lines, _ = watcher(later, "--once", "--state", str(watcher.home / f"{why} later"))
            assert code == 3
            assert lines[0].startswith("UNKNOWN: eu cannot be watched | critical=0 warning=0 unanswered=0 unwatched=1")
            code, lines, _ = watcher(later, "--once", "--json", "--state", str(watcher.home / f"{why} later"))
            (told,) = map(json.loads, lines)
            assert (code, told["unanswered"], list(told["unwatched"])) == (3, {}, ["eu"])
    finally:
        run_sql(dsn, "DROP ROLE stranger")


def test_a_server_that_refuses_a_password_is_asked_more_and_more_rarely() -> None:
    """It may lock the account."""
    each = Followed("eu", ())
    each.gone_since = NOW
    waits = []
    for each.passwords_refused in (0, 1, 2, 5, 50, 10_000):
        waits.append(each.wait_s(5.0))
    assert waits == [5.0, 10.0, 20.0, 160.0, 300.0, 300.0]


def test_a_server_that_is_gone_is_told_of_however_seldom_it_is_looked_at(dsn: str) -> None:
    each, name = Followed("eu", (), profile=profile_of_dsn(dsn)[0]), conninfo_to_dict(dsn)["dbname"]
    assert not isinstance(each.see(), Unreachable)
    each.pulse._costs_ms.extend([10_000.0] * 99)
    assert each.wait_s(0.1) > 600
    resting = threading.Thread(target=each.rest, args=(0.1, threading.Event()), daemon=True)
    resting.start()
    try:
        resting.join(1)
        assert resting.is_alive()
        for forbidden, expected in [("false", Unreachable), ("true", Situation)]:
            with psycopg.connect(dsn, dbname="postgres", autocommit=True) as connection:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {forbidden}")
                ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                connection.execute(ending, (name,))
            resting.join(60)
            assert not resting.is_alive() and isinstance(each.see(), expected)
    finally:
        each.close()


def test_once_is_unknown_when_it_cannot_look(watcher: Watcher) -> None:
    cases = {
        "[[rules]]\nrule = 'x'": "line 2: There is no rule x.",
        "[[databases]]\nprofile = 'gone'": "gone cannot be watched",
        "[[databases]]\ndsn_env = 'NOT_SET'": "NOT_SET cannot be watched",
        "": "Which database?",
    }
    for rules, told in cases.items():
        code, lines, errors = watcher(rules, "--once")
        assert (code, lines[0][:9], told in lines[0]) == (3, "UNKNOWN: ", True), (lines, errors)
    ended = commands.run(("watch", "--rules", "no|where", "--once"), env=watcher.environment)
    assert ended.stdout == "UNKNOWN: There is no file no/where. | critical=0 warning=0 unanswered=0 unwatched=0\n"
    ended = commands.run(("watch", "--rules", str(watcher.home), "--once"), env=watcher.environment)
    assert f"UNKNOWN: {watcher.home} is not a file." in ended.stdout
    # Neither a folder nor somebody's text is taken for what was told, made private or put aside.
    for state, mode in ((watcher.home, watcher.home.stat().st_mode), (watcher.file, watcher.file.stat().st_mode)):
        code, lines, _ = watcher(database(DEAD), "--once", "--state", str(state))
        assert (code, "is not a file of alerts" in lines[0], state.stat().st_mode) == (3, True, mode)
    assert watcher.file.read_text() == database(DEAD)
    code, _, errors = watcher("[[rules]]\nrule = 'x'")
    assert code == 2 and "line 2: There is no rule x." in errors
    for words in (("--interval", "0"), ("queue:x",)):
        assert watcher(database(DEAD), *words)[0] == 2
    ended = commands.run(("--dsn", DEAD, "watch", "--once"), env=watcher.environment)
    assert ended.returncode == 2 and "belong to watch --rules" in ended.stderr


def test_begun_and_over_reach_the_command_and_a_signal_ends_it(watcher: Watcher, dsn: str) -> None:
    script, got = watcher.home / "page", watcher.home / "got"
    script.write_text(f'#!/bin/sh\ncat >> "{got}"\necho >> "{got}"\necho "no route to host" >&2\nexit 1\n')
    script.chmod(0o755)
    paged = OLD + f'ways = ["page"]\n[commands.page]\nargv = ["{script}"]\n'
    rules = paged + database(dsn) + database(DEAD, "dead")
    code, _, errors = watcher(rules)
    assert code == 2 and "has not been allowed on this machine: page." in errors
    assert not got.exists()
    with watcher.started(rules, "--interval", "0.1", "--json", "--allow-commands") as program:
        assert program.stdout is not None and program.stderr is not None
        assert "Watching 2 databases" in program.stderr.readline()
        defer(dsn, queue_name="mail")
        run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '1 hour'")
        began = json.loads(program.stdout.readline())
        assert (began["event"], began["database"], began["subject"]) == ("began", "eu", "mail")
        until_true(lambda: got.exists() and got.read_text().endswith("\n"))
        assert json.loads(got.read_text())["event"] == "began"
        program.send_signal(signal.SIGTERM)
        out, errors = program.communicate(timeout=60)
    assert (program.returncode, out) == (0, "")
    assert "page ended with 1: no route to host." in errors
    assert "dead: " in errors
