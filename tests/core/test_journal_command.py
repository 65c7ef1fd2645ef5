"""The command `journal`: what was done, what nobody knows of it, and that any command that connects looks it up."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import commands
import pytest
from database import run_sql
from dropping import Dropper, Fault
from jobdesk_core.journal import Header, Journal
from jobdesk_core.journal.record import Planned
from jobdesk_core.operations.outcomes import Outcomes

MARK = b"pg_current_xact_id"


class Shell:
    """Runs the program with a home of its own, on a database or without any."""

    def __init__(self, home: Path, dsn: str) -> None:
        self.home, self.dsn = home, dsn
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        folders = {f"XDG_{name}_HOME": str(home) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        self._environment = kept | {"HOME": str(home)} | folders | keyring

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("--dsn", self.dsn, *arguments)

    def journal(self, *arguments: str, code: int = 0) -> str:
        """What `journal` says without a connection."""
        ended = self._run("journal", *arguments)
        assert ended.returncode == code, ended.stderr
        return ended.stdout + ended.stderr

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return commands.run(arguments, env=self._environment)


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 5)")
    return Shell(tmp_path, dsn)


def test_it_lists_what_was_done_without_a_server(shell: Shell) -> None:
    assert "Nothing has been done from here." in shell.journal(code=1)
    shell("cancel", "1", "2", "--yes")
    shell("defer", "mail.new")
    told = shell.journal()
    assert "Cancel 2 jobs" in told and "2 done" in told and "Defer mail.new" in told
    assert told.index("Defer mail.new") < told.index("Cancel 2 jobs"), "the newest first"
    lines = [json.loads(line) for line in shell.journal("--json").splitlines()]
    assert [(line["entry"], line["done"], line["not_known"]) for line in lines] == [(2, 1, 0), (1, 2, 0)]
    assert lines[0]["at"].endswith("+00:00")
    one = shell.journal("1")
    assert "done: Cancelled job #1." in one and "done: Cancelled job #2." in one
    records = [json.loads(line) for line in shell.journal("1", "--json").splitlines()]
    assert [line.get("job_id") for line in records] == [None, 1, 2]
    assert shell.journal("--limit", "1").count("done") == 1
    assert "no entry 9" in shell.journal("9", code=1)
    assert "--limit" in shell.journal("--limit", "0", code=2)


def test_what_is_under_way_is_not_told_as_to_be_looked_up(shell: Shell) -> None:
    journal = Journal(shell.home / "jobdesk" / "journal.sqlite")
    entry_id = journal.begin_now(
        Header(action="cancel", sentence="Cancel 2 jobs", profile="p", place="d", role="r"), Planned([1, 2])
    )
    journal.stage_now(entry_id, "777", [Outcomes([1], "done", "Cancelled job {job}.")])
    told = shell.journal()
    assert "in progress" in told and "not known" not in told, told


@pytest.mark.parametrize("fault", ["question", "answer"])
def test_what_nobody_knows_is_told_and_looked_up_by_any_command_that_connects(shell: Shell, fault: Fault) -> None:
    direct = shell.dsn
    with Dropper(direct).running() as link:
        shell.dsn = link.dsn
        link.lose(fault, marked=MARK, stays_down=True)
        ended = shell("cancel", "--all", "--yes")
        assert ended.returncode == 3 and "is not known" in ended.stderr, ended.stderr
        assert "jobdesk journal --settle" in ended.stderr
        assert "5 not known yet" in shell.journal()
        assert json.loads(shell.journal("--json"))["not_known"] == 5
        assert "unknown: Whether this was done is not known yet" in shell.journal("1")
        link.is_down = False
        if fault == "answer":
            settled = shell("journal", "--settle")
            assert settled.returncode == 0 and "5 done" in settled.stdout, settled.stdout + settled.stderr
        else:
            assert shell("status").returncode == 0, "any command that connects looks it up"
            told = shell.journal()
            assert "5 not" in told and "not known" not in told, told
    statuses = set(run_sql(direct, "SELECT status::text FROM procrastinate_jobs"))
    assert statuses == {"cancelled" if fault == "answer" else "todo"}
