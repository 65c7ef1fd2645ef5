"""The commands `reporting` and `errors`, as they are typed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from database import defer, finish, role, run_sql, start
from jobdesk_core.cli import main
from jobdesk_core.profiles import Profile, ProfileStore
from reports import add_error, add_worker, ago, insert, install

Run = Callable[..., tuple[int, str, str]]


pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def run(dsn: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the test's database; its code, what it printed, and what it noted."""

    def made(*words: str, at: str = dsn) -> tuple[int, str, str]:
        source = [] if "--profile" in words else ["--dsn", at]
        code = main([*source, *words], "jobdesk-core")
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return made


def has_schema(dsn: str) -> bool:
    return run_sql(dsn, "SELECT to_regnamespace('jobdesk') IS NOT NULL") == [True]


def test_install_status_upgrade_and_remove(dsn: str, run: Run) -> None:
    code, out, _ = run("reporting", "status")
    assert (code, "is not installed" in out) == (1, True)
    code, out, _ = run("reporting", "install", "--workers", 'a "b"')
    assert code == 0 and "Installed version 1" in out
    assert 'GRANT USAGE ON SCHEMA jobdesk TO "a ""b""";' in out and "a role that reads" not in out
    code, out, _ = run("reporting", "upgrade")
    assert code == 0 and "nothing to do" in out
    add_worker(dsn, dropped=3)
    (told,) = [json.loads(line) for line in run("reporting", "status", "--json")[1].splitlines()]
    assert (told["state"], told["version"], told["workers_alive"], told["reports_dropped"]) == ("current", 1, 1, 3)
    code, out, err = run("reporting", "remove")
    assert (code, "needs --yes" in err, has_schema(dsn)) == (2, True, True)
    code, out, _ = run("reporting", "remove", "--yes")
    assert code == 0 and "Dropped the schema jobdesk" in out and not has_schema(dsn)
    assert [run("reporting", act, "--yes")[0] for act in ("remove", "upgrade")] == [4, 4]


def test_the_printed_grants_and_sql_are_what_they_say(dsn: str, empty_dsn: str, run: Run) -> None:
    with role(dsn) as worker, role(dsn) as reader:
        names = [psycopg.conninfo.conninfo_to_dict(each)["user"] for each in (worker, reader)]
        code, out, _ = run("reporting", "install", "--sql", "--workers", names[0], "--readers", names[1])
        assert code == 0 and not has_schema(dsn)
        run_sql(dsn, out)
        run_sql(worker, "INSERT INTO jobdesk.tasks (name) VALUES ('t')")
        assert run_sql(reader, "SELECT name FROM jobdesk.tasks") == ["t"]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run_sql(reader, "DELETE FROM jobdesk.tasks")
        assert run("reporting", "status", at=reader)[0] == 0
        assert "must be owner" in run("reporting", "remove", "--yes", at=reader)[2]
    # Before Procrastinate's own schema is there, too.
    assert run("reporting", "install", at=empty_dsn)[0] == 0


def test_a_read_only_profile_and_a_strange_schema_are_refused(dsn: str, run: Run) -> None:
    ProfileStore().save(Profile(name="watch", method="dsn", dsn=dsn, is_read_only=True))
    for act in ("install", "upgrade", "remove"):
        code, _, err = run("--profile", "watch", "reporting", act, "--yes")
        assert (code, "read-only" in err) == (4, True)
    assert run("--profile", "watch", "reporting", "status")[0] == 1
    run_sql(dsn, "CREATE SCHEMA jobdesk CREATE TABLE mine (id int)")
    for act in ("install", "remove", "upgrade"):
        code, _, err = run("reporting", act, "--yes")
        assert (code, "was not made by Jobdesk" in err) == (4, True)
    assert run("reporting", "status")[0] == 4
    with role(dsn, "SELECT ON procrastinate_jobs") as other:
        assert run("reporting", "status", at=other)[0] == 4


def test_errors_shows_each_attempt(dsn: str, run: Run) -> None:
    job = defer(dsn)
    start(dsn)
    finish(dsn, job, "failed")
    code, _, err = run("errors", str(job))
    assert code == 1 and "the schema jobdesk is not installed" in err
    install(dsn)
    code, _, err = run("errors", str(job))
    assert (code, err) == (1, f"No error of job #{job} has been reported.\n")

    worker = add_worker(dsn, "worker-3")
    hostile = "Traceback\n  File \x1b[2J\n\u202ehttpx"
    add_error(dsn, job, "KeyError", "'to'", at=ago(60), outcome="retried")
    add_error(dsn, job, "httpx.ConnectTimeout", "timed\nout", attempt=2, worker=worker, app="shop", traceback=hostile)
    insert(dsn, "logs", job_id=job, attempt=2, lines="dialling\n\x9bgave up")
    insert(dsn, "logs", job_id=job, attempt=3, lines="on its way")
    code, out, _ = run("errors", str(job))
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("Attempt 1") and lines[0].endswith("failed, to be retried")
    assert lines[1] == "  KeyError: 'to'"
    for told in (
        "  httpx.ConnectTimeout: timed\\u000aout",
        "  on worker-3, process 7 (shop)",
        "      File \\u001b[2J",
        "    \\u202ehttpx",
        "    dialling",
        "    \\u009bgave up",
        "Attempt 3  no error reported",
    ):
        assert told in lines, out

    again = defer(dsn)
    for attempt in (1, 2, 3):
        add_error(dsn, again, attempt=attempt, traceback="in f" if attempt < 3 else "in g")
    assert [line.strip() for line in run("errors", str(again))[1].splitlines() if " in " in line or "as" in line] == [
        "in f",
        "Traceback as before",
        "in g",
    ]

    code, out, _ = run("errors", str(job), "--json")
    first, second, third = [json.loads(line) for line in out.splitlines()]
    assert (first["attempt"], first["error"]["outcome"], first["log"]) == (1, "retried", None)
    held: dict[str, Any] = second["error"]
    assert (held["type"], held["host"], held["pid"], held["worker"]) == (
        "httpx.ConnectTimeout",
        "worker-3",
        7,
        str(worker),
    )
    assert (held["traceback"], second["log"]["lines"]) == (hostile, ["dialling", "\x9bgave up"])
    assert (third["error"], third["log"]["lines"]) == (None, ["on its way"])


def test_a_role_that_may_read_jobs_but_not_errors(dsn: str, run: Run) -> None:
    job = defer(dsn)
    install(dsn)
    add_error(dsn, job)
    tables = ("jobs", "events", "workers", "periodic_defers")
    jobs = [f"SELECT ON procrastinate_{name}" for name in tables]
    with role(dsn, *jobs) as few:
        code, _, err = run("errors", str(job), at=few)
        assert code == 4 and "may not read the schema jobdesk" in err
        assert run("why", str(job), at=few)[0] == 0
    with role(dsn, *jobs, "USAGE ON SCHEMA jobdesk", "SELECT ON jobdesk.version, jobdesk.errors") as some:
        code, out, err = run("errors", str(job), at=some)
        assert code == 0 and "ValueError" in out and "may not read the table jobdesk.logs" in err


def test_status_names_the_queues_that_no_live_worker_serves(dsn: str, run: Run) -> None:
    for queue in ("mail", "mail", "push", "later"):
        defer(dsn, queue_name=queue)
    run_sql(dsn, "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 h' WHERE queue_name = 'later'")
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '1 min'")
    first, second = run_sql(
        dsn, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now()) RETURNING id"
    )

    def told() -> list[str]:
        found: list[str] = json.loads(run("status", "--json")[1])["unserved_queues"]
        lines = [line for line in run("status")[1].splitlines() if "No live worker serves" in line]
        assert len(lines) == len(found)
        return lines

    assert told() == []  # nobody reports
    add_worker(dsn, worker_id=first, queues=["push"])
    assert told() == []  # one does not
    add_worker(dsn, worker_id=second, queues=["other"])
    (line,) = told()
    assert line.startswith("! mail: 2 jobs due, none started for ")
    assert line.endswith(". No live worker serves this queue.")
    run_sql(dsn, "UPDATE jobdesk.workers SET queues = NULL WHERE worker_id = %s", second)
    assert told() == []
    run_sql(dsn, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 h'")
    assert told() == []  # that no worker is alive says it all


def test_jobs_with_their_errors_and_progress(dsn: str, run: Run) -> None:
    ids = [defer(dsn, task_name=f"t{number}") for number in range(4)]
    code, _, err = run("jobs", "--reports")
    assert code == 4 and "No errors are reported in this database" in err
    add_error(dsn, ids[0], "KeyError", "old", at=ago(60))
    add_error(dsn, ids[0], "httpx.ConnectTimeout", "timed\nout, \x1b", attempt=2)
    add_error(dsn, ids[1], "=cmd()", "")
    insert(dsn, "progress", job_id=ids[0], attempt=2, done=1.0, total=4.0, note="rows")
    insert(dsn, "progress", job_id=ids[2], attempt=1, done=1500.0)

    code, out, _ = run("jobs", "--reports", "--order", "oldest")
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines()] == ["error", "\\u001b", "=cmd()", "-", "-"]
    assert "25% rows" in out and "ConnectTimeout: timed out, \\u001b" in out and "1,500" in out

    code, out, _ = run("jobs", "--reports", "--json", "--order", "oldest")
    first, second, third, fourth = [json.loads(line) for line in out.splitlines()]
    assert (first["error"], first["progress_done"], first["progress_total"]) == (
        "ConnectTimeout: timed out, \x1b",
        1.0,
        4.0,
    )
    assert first["error_at"].endswith("+00:00") and first["args"] == {}
    assert (second["error"], second["progress_done"]) == ("=cmd()", None)
    assert (third["error"], third["progress_done"], third["progress_note"]) == (None, 1500.0, "")
    assert {fourth[name] for name in ("error", "error_at", "progress_done", "progress_note")} == {None}

    code, out, _ = run("jobs", "--reports", "--csv", "--order", "oldest", "--column", "args.x")
    head, *rows = csv.DictReader(io.StringIO(out))
    assert head["error"].startswith("ConnectTimeout") and head["progress_note"] == "rows"
    assert [row["error"] for row in rows] == ["'=cmd()", "", ""]
    code, out, _ = run("jobs", "--csv")
    assert "error" not in out.splitlines()[0]

    grants = [f"SELECT ON procrastinate_{name}" for name in ("jobs", "events", "workers", "periodic_defers")]
    with role(dsn, *grants, "USAGE ON SCHEMA jobdesk", "SELECT ON jobdesk.version, jobdesk.progress") as some:
        code, out, _ = run("jobs", "--reports", "--json", "--order", "oldest", at=some)
        assert (code, json.loads(out.splitlines()[0])["progress_note"], json.loads(out.splitlines()[0])["error"]) == (
            0,
            "rows",
            None,
        )
