"""The command line, as scripts and people run it: real processes, their output and exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import commands
import psycopg
import pytest
from database import defer, finish, picture, role, run_sql, start
from jobdesk_core.cli import COMMANDS, exit_codes
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer, EmbeddedServerError
from jobdesk_core.jobs import Status
from jobdesk_core.journal import Journal, Search
from managing import bring_all, managing
from programs import started
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from releases import STATES, level
from waiting import until_true

PROGRAM = [sys.executable, "-m", "jobdesk_core"]
HOSTILE = "a\x1b[2Jb\n\u202ec<b>\x9b"
STATUSES = "SELECT status::text FROM procrastinate_jobs ORDER BY id"
Ended = subprocess.CompletedProcess[str]


class Shell:
    """Runs the program on a database, with a home of its own."""

    def __init__(self, home: Path, dsn: str) -> None:
        self.home, self.dsn = home, dsn
        libpq = [name for name in os.environ if name.startswith("PG")]
        kept = {name: value for name, value in os.environ.items() if name not in libpq}
        folders = {f"XDG_{name}_HOME": str(home) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        self.environment = kept | {"HOME": str(home)} | folders
        self.environment |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "TZ": "Asia/Kolkata"}

    def __call__(self, *arguments: str, given: str = "", **more: str) -> Ended:
        words = arguments if "--profile" in arguments else ("--dsn", self.dsn, *arguments)
        return commands.run(words, env=self.environment | more, given=given)

    def json(self, *arguments: str) -> list[Any]:
        """The lines of a command that succeeds."""
        ended = self("--json", *arguments)
        assert ended.returncode == 0, ended.stderr
        return [json.loads(line) for line in ended.stdout.splitlines()]

    @contextlib.contextmanager
    def started(self, *arguments: str, **streams: Any) -> Iterator[subprocess.Popen[str]]:
        """The program, to be ended by the test."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | streams
        command = [*PROGRAM, "--dsn", self.dsn, *arguments]
        with started(command, env=self.environment, **streams) as program:
            yield program


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    return Shell(tmp_path, dsn)


def many(dsn: str, number: int, **columns: str) -> None:
    columns = {"queue_name": "q", "task_name": "t", "status": "todo"} | columns
    run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
        "SELECT %s, %s, %s::procrastinate_job_status FROM generate_series(1, %s)",
        *columns.values(),
        number,
    )


# The program


@pytest.mark.parametrize("arguments", [["jobs", "--help"], ["--dsn", "x", "jobs", "--help"]])
def test_a_command_never_loads_qt(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom jobdesk.__main__ import main\n"
        "code = main()\nprint('loaded', [name for name in sys.modules if 'PySide' in name], code)"
    )
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert ended.stdout.splitlines()[-1] == "loaded [] 0", ended.stderr


@pytest.mark.parametrize("module", ["jobdesk", "jobdesk_core"])
def test_what_is_no_command_is_told_by_both_programs(module: str) -> None:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}

    def told(*arguments: str) -> tuple[int, str]:
        if module == "jobdesk_core":
            ended = commands.run(arguments, env=environment)
        else:
            command = [sys.executable, "-m", module, *arguments]
            ended = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
            )
        return ended.returncode, ended.stdout + ended.stderr

    for arguments, words in (
        (["staus"], "there is no command staus. Did you mean status?"),
        (["--dsn", "host=127.0.0.1 port=1", "Retry", "1"], "there is no command Retry. Did you mean retry?"),
        (["--prof", "x", "xyzzy"], f"there is no command xyzzy. The commands are {', '.join(COMMANDS)}."),
        (["postgresql://u:geheim@h/d"], "command postgresql://u:•••@h/d. A connection string goes after --dsn."),
        (["host=h password=geheim"], "command host=h password=•••. A connection string goes after --dsn."),
    ):
        code, text = told(*arguments)
        assert code == 2 and words in text, text
        assert "geheim" not in text and "Traceback" not in text
    code, text = told("--help")
    lines = [found[1] for line in text.splitlines() if (found := re.match(r" {2,4}(\S+)", line))]
    listed = [word for word in lines if word in COMMANDS]
    assert code == 0 and listed == list(COMMANDS)
    assert text.index("  retry") < text.index("\noptions:")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_tells_its_exit_codes(shell: Shell, command: str) -> None:
    ended = shell(command, "--help")
    assert ended.returncode == 0 and "exit codes:" in ended.stdout and "130" in ended.stdout


def test_the_help_of_the_window_has_the_same_exit_codes() -> None:
    topic = (Path(__file__).parents[2] / "resources" / "help" / "command-line.md").read_text("utf-8")
    named = [value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", topic, re.M)] == sorted(named)
    assert [int(code) for code in re.findall(r"^  (\d+) ", exit_codes.EPILOG, re.M)] == sorted(named)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs", "age:blue"], "^^^^"),
        (["jobs", "--limit", "-1"], "--limit"),
        (["why", "twelve"], "not a job's id"),
        (["cancel"], "--all"),
        (["cancel", "--all", "status:todo"], "only one of"),
        (["cancel", "-"], "not a job's id"),
        (["purge", "--all", "--older-than", "soon"], "not a duration"),
        (["retry", "1", "--at", "noon"], "not a time"),
        (["defer", "t", "x"], "NAME=VALUE"),
        (["defer", "t", "--args", "[1]"], "not a JSON object"),
        (["jobs", "--unknown"], "--unknown"),
        (["jobs", "--profile", "nobody"], "Saved connections"),
        (["cancel", "99999999999999999999", "--yes"], "ids end at 9223372036854775807"),
        (["defer", ""], "name of its task"),
        (["defer", "t" * 129], "128 fit"),
        (["defer", "t", "--queue", "q" * 60], "60 bytes"),
        (["defer", "t", 'x="\\u0000"'], "Unicode"),
    ],
)
def test_what_is_not_understood_ends_with_2_and_says_what(shell: Shell, arguments: list[str], words: str) -> None:
    ended = shell(*arguments, given="what?")
    assert ended.returncode == 2 and words in ended.stderr and not ended.stdout
    assert "Traceback" not in ended.stderr


def test_an_unreachable_server_ends_with_3(tmp_path: Path) -> None:
    ended = Shell(tmp_path, "host=127.0.0.1 port=1 dbname=x")("jobs")
    assert (ended.returncode, ended.stdout) == (3, "") and "no server" in ended.stderr


def test_a_teams_file_that_cannot_be_read_is_named_where_its_connection_is_missing(
    shell: Shell, tmp_path: Path
) -> None:
    ended = shell("status", "--profile", "billing-eu", JOBDESK_PROFILES=str(tmp_path / "missing.toml"))
    assert ended.returncode == 2 and "no saved connection billing-eu" in ended.stderr
    assert f"The connections of your team are not there: There is no file {tmp_path}" in ended.stderr


def test_no_database_is_guessed(shell: Shell) -> None:
    ended = commands.run(["jobs"], env=shell.environment)
    assert ended.returncode == 2 and "Which database?" in ended.stderr


def test_a_database_without_the_schema_ends_with_4(tmp_path: Path, empty_dsn: str) -> None:
    ended = Shell(tmp_path, empty_dsn)("status")
    assert ended.returncode == 4 and "no Procrastinate schema" in ended.stderr


def test_a_reader_that_goes_ends_it_quietly_with_141(shell: Shell) -> None:
    many(shell.dsn, 30_000)
    command = f"{shlex.join([*PROGRAM, '--dsn', shell.dsn])} jobs --limit 0 --json | head -1; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", command], env=shell.environment, capture_output=True, text=True, timeout=60, check=False
    )
    first, code = ended.stdout.splitlines()
    assert json.loads(first)["id"] == 30_000 and code == "141" and ended.stderr == ""


def test_a_password_is_asked_for_on_a_terminal_and_never_shown(tmp_path: Path) -> None:
    folder = tmp_path / "guarded"
    folder.mkdir()
    for each in (folder, *folder.parents):
        if each.owner() == folder.owner() and str(each) != "/tmp":
            each.chmod(0o755)
    with EmbeddedServer(folder, is_durable=False) as server:
        run_sql(server.dsn, schema_sql())
        run_sql(server.dsn, "CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'open sesame'")
        rules = next(folder.glob("data-*")) / "pg_hba.conf"
        rules.write_text(f"local all keeper scram-sha-256\n{rules.read_text()}")
        run_sql(server.dsn, "SELECT pg_reload_conf()")
        shell = Shell(tmp_path, make_conninfo(server.dsn, user="keeper"))
        ended = shell("status")
        assert ended.returncode == 3 and "password" in ended.stderr
        code, seen = on_a_terminal(shell, ["status"], "wrong", "open sesame")
        assert code == 0 and seen.count("Password for") == 2 and "is wrong" in seen
        assert "sesame" not in seen
        ended = shell("status", PGPASSWORD="open sesame")
        assert ended.returncode == 0, ended.stderr


# Reading


def test_jobs_are_listed_by_the_filter_of_the_window(shell: Shell) -> None:
    many(shell.dsn, 700, queue_name="mail")
    defer(shell.dsn, queue_name="bills", priority=3)
    assert [job["id"] for job in shell.json("jobs", "queue:bills")] == [701]
    assert len(shell.json("jobs", "queue:mail", "--limit", "0", "status:todo")) == 700
    assert [job["id"] for job in shell.json("jobs", "--order", "next", "--limit", "2")] == [701, 1]
    assert [job["id"] for job in shell.json("jobs", "--order", "oldest", "--limit", "1", "--", "-queue:bills")] == [1]
    listed = shell("jobs", "--limit", "700", "queue:mail")
    assert len(listed.stdout.splitlines()) == 701 and "more" not in listed.stderr
    assert "There is more than 1 job:" in shell("jobs", "--limit", "1").stderr
    assert "There are more than 5 jobs" in shell("jobs", "--limit", "5").stderr
    assert (shell("jobs", "queue:none_such").returncode, shell("show", "999").returncode) == (1, 1)


def test_text_of_the_database_cannot_move_the_terminal(shell: Shell) -> None:
    defer(shell.dsn, queue_name=HOSTILE, task_name=HOSTILE, lock=HOSTILE, args=json.dumps({HOSTILE: HOSTILE}))
    for arguments in (["jobs"], ["show", "1"], ["why", "1"], ["status"], ["cancel", "1", "--dry-run"]):
        for form in ([], ["--json"]):
            printed = shell(*arguments, *form).stdout
            assert printed and not set(printed) & {"\x1b", "\x9b", "\u202e"}, printed
    assert shell.json("jobs")[0]["task_name"] == HOSTILE
    assert shell.json("show", "1")[0]["args"] == {HOSTILE: HOSTILE}
    assert len(shell("jobs").stdout.splitlines()) == 2


def test_times_are_local_with_their_offset_and_utc_in_json(shell: Shell) -> None:
    defer(shell.dsn, scheduled_at="2030-01-01 12:00Z")
    assert "2030-01-01 17:30:00+05:30" in shell("jobs").stdout
    assert shell.json("jobs")[0]["scheduled_at"] == "2030-01-01T12:00:00+00:00"


def test_why_says_what_holds_a_job_and_show_has_its_events(shell: Shell) -> None:
    defer(shell.dsn, lock="acct")
    start(shell.dsn)
    defer(shell.dsn, lock="acct", args='{"user_id": 42}')
    (reason,) = shell.json("why", "2")
    assert reason["job_ids"] == [1] and "lock" in reason["headline"]
    assert "job #1" in shell("why", "2").stdout
    (shown,) = shell.json("show", "2")
    assert (shown["args"], [event["type"] for event in shown["events"]]) == ({"user_id": 42}, ["deferred"])
    assert "user_id = 42" in shell("show", "2").stdout


def test_status_counts_queues_and_tells_of_workers_and_rights(shell: Shell) -> None:
    many(shell.dsn, 3, queue_name="mail", status="failed")
    defer(shell.dsn)
    start(shell.dsn, heartbeat="now() - interval '1 hour'")
    (status,) = shell.json("status")
    assert status["counts"]["failed"] == 3 and status["queues"]["q"]["doing"] == 1
    assert status["workers"][0]["is_alive"] is False and status["refused"] == {}
    told = shell("status").stdout
    assert "No worker is alive. No job is due." in told
    assert "q: 1 running job has stalled. Worker #1 is unresponsive: last heartbeat 1 h ago." in told
    assert "0 workers alive, 0 jobs running on them; 1 unresponsive." in told and "1 job has stalled." in told
    with role(
        shell.dsn, *(f"SELECT ON procrastinate_{name}" for name in ("jobs", "events", "workers", "periodic_defers"))
    ) as reader:
        assert "You may not cancel here" in Shell(shell.home, reader)("status").stdout


def test_colours_only_on_a_terminal_and_never_with_no_color(shell: Shell) -> None:
    defer(shell.dsn)
    assert "\x1b" not in shell("jobs").stdout
    assert "\x1b[34m" in on_a_terminal(shell, ["jobs"])[1]
    shell.environment["NO_COLOR"] = "1"
    assert "\x1b" not in on_a_terminal(shell, ["jobs"])[1]


def test_a_terminal_shows_the_lines_of_a_csv_as_they_are_and_nothing_that_moves_its_cursor(shell: Shell) -> None:
    many(shell.dsn, 2)
    run_sql(shell.dsn, "UPDATE procrastinate_jobs SET lock = %s WHERE id = 1", "a\nb\r\nc\u2028d\x0be\rf")
    code, seen = on_a_terminal(shell, ["jobs", "--csv", "--order", "oldest"])
    # The terminal itself writes a return before each new line.
    heading, first, second, third, last, counted = seen.replace("\r\n", "\n").removesuffix("\n").split("\n")
    assert code == 0 and heading.startswith("id,") and first.startswith("1,") and first.endswith(',"a')
    assert second == "b" and third.startswith('c\\u2028d\\u000be\\u000df",') and last.startswith("2,")
    assert counted.startswith("2 jobs, as of ")


# Acting


def on_a_terminal(shell: Shell, arguments: list[str], *answers: str) -> tuple[int, str]:
    """Run the program on a terminal of its own, with an answer to each question; its exit code and what was seen."""
    ours, theirs = pty.openpty()
    try:
        with shell.started(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as program:
            os.close(theirs)
            seen, left = b"", list(answers)
            with contextlib.suppress(OSError):  # the terminal's other side is closed
                while select.select([ours], [], [], 60)[0] and (part := os.read(ours, 4096)):
                    seen += part
                    if seen.endswith(b": ") and left:
                        os.write(ours, f"{left.pop(0)}\n".encode())
            return program.wait(30), seen.decode()
    finally:
        os.close(ours)


def test_a_word_of_a_filter_may_begin_with_a_minus(shell: Shell) -> None:
    many(shell.dsn, 2)
    many(shell.dsn, 1, status="failed", queue_name="other")
    assert [each["id"] for each in shell.json("jobs", "-queue:other", "--order", "oldest", "-id:1")] == [2]
    assert [each["id"] for each in shell.json("jobs", "--limit", "5", "-status:todo", "or", "id:2")] == [3, 2]
    assert shell("cancel", "--yes", "-queue:other", "id:2").returncode == 0
    assert run_sql(shell.dsn, STATUSES) == ["todo", "cancelled", "failed"]
    assert shell("jobs", "-x").returncode == 2


def test_when_nothing_matches_that_is_said_and_where_nothing_can_be_done_why(shell: Shell) -> None:
    ended = shell("jobs")
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "There are no jobs yet.\n")
    assert shell("jobs", "queue:q").stderr == "No job matches.\n"
    assert shell("cancel", "queue:q", "--yes").stderr == "No job matches.\n"
    many(shell.dsn, 1, status="failed")
    ended = shell("cancel", "1", "7", "--yes", "--json")
    assert ended.returncode == 1
    assert {each["id"]: each["result"] for each in map(json.loads, ended.stdout.splitlines())} == dict.fromkeys(
        (1, 7), "skipped"
    )


def test_nothing_is_done_without_a_yes(shell: Shell) -> None:
    many(shell.dsn, 3)
    before = picture(shell.dsn)
    assert shell("cancel", "status:todo").returncode == 2
    assert shell("cancel", "status:todo", given="yes\n").returncode == 2
    assert shell("cancel", "status:todo", "--dry-run", "--yes").returncode == 0
    sql = shell("cancel", "status:todo", "--sql", "--yes")
    assert sql.returncode == 0 and "UPDATE procrastinate_jobs" in sql.stdout
    code, seen = on_a_terminal(shell, ["cancel", "status:todo"], "no")
    assert code == 1 and "Type yes to cancel 3 jobs" in seen
    assert picture(shell.dsn) == before
    assert on_a_terminal(shell, ["cancel", "status:todo"], "yes")[0] == 0
    assert run_sql(shell.dsn, STATUSES) == ["cancelled"] * 3


@pytest.mark.parametrize("environment", ["production", " Production"])
def test_production_wants_its_name_typed(shell: Shell, environment: str) -> None:
    many(shell.dsn, 2)
    profile = f'[profiles.live]\nmethod = "dsn"\ndsn = "{shell.dsn}"\nenvironment = "{environment}"\n'
    (shell.home / "jobdesk").mkdir()
    (shell.home / "jobdesk" / "profiles.toml").write_text(profile)
    command = [*PROGRAM, "--profile", "live", "cancel", "--delete", "--all"]
    ours, theirs = pty.openpty()
    try:
        with started(command, env=shell.environment, stdin=theirs, stderr=theirs, stdout=theirs) as program:
            os.write(ours, b"yes\n")
            assert program.wait(60) == 1
    finally:
        os.close(ours)
        os.close(theirs)
    assert len(run_sql(shell.dsn, STATUSES)) == 2


def test_the_preflight_tells_every_fate_and_the_ledger_every_job(shell: Shell) -> None:
    many(shell.dsn, 2)
    many(shell.dsn, 1, status="failed")
    groups = shell.json("cancel", "--all", "--dry-run")
    assert [(each["status"], each["count"], each["outcome"]) for each in groups] == [
        ("todo", 2, "will be cancelled"),
        ("failed", 1, "skipped"),
    ]
    ledger = shell.json("cancel", "--all", "--yes")
    assert {each["id"]: each["result"] for each in ledger} == {1: "done", 2: "done", 3: "skipped"}
    assert run_sql(shell.dsn, STATUSES) == ["cancelled", "cancelled", "failed"]


def test_scripts_learn_whether_everything_was_done(shell: Shell) -> None:
    many(shell.dsn, 2)
    assert shell("cancel", "queue:none_such", "--yes").returncode == 1
    assert shell("cancel", "1", "999", "--yes").returncode == 1  # of ids every one is meant
    assert shell("cancel", "1", "--yes").returncode == 1  # cancelled already
    assert shell("cancel", "--all", "--yes").returncode == 0  # what cannot be cancelled was not meant
    many(shell.dsn, 2)
    assert shell("cancel", "-", "--yes", given="#3\n4,").returncode == 0


def test_retry_and_purge_take_their_options(shell: Shell) -> None:
    for _ in range(2):
        defer(shell.dsn)
        finish(shell.dsn, start(shell.dsn)[0], "failed")
    assert shell("retry", "1", "--yes", "--priority", "7", "--queue", "other", "--in", "2h").returncode == 0
    row = run_sql(
        shell.dsn,
        "SELECT status::text, priority, queue_name, scheduled_at > now() + interval '1 hour' "
        "FROM procrastinate_jobs WHERE id = 1",
    )
    assert row == [("todo", 7, "other", True)]
    assert shell("purge", "--all", "--older-than", "1h", "--yes").returncode == 1
    assert shell("purge", "--all", "--status", "cancelled", "--yes").returncode == 1
    assert shell("purge", "--all", "--status", "failed", "--yes").returncode == 0
    assert run_sql(shell.dsn, STATUSES) == ["todo"]


def test_a_stalled_job_is_rescued_and_a_running_one_only_by_force(shell: Shell) -> None:
    defer(shell.dsn)
    start(shell.dsn)
    assert shell("retry", "1", "--yes").returncode == 1
    assert shell("retry", "1", "--stalled", "--yes").returncode == 1
    run_sql(shell.dsn, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    for command in (["retry"], ["retry", "--stalled"], ["fail"]):
        ended = shell(*command, "is:stalled", "--yes")
        assert (
            ended.returncode == 1
            and "only with --force: on an unresponsive worker, possibly still running" in ended.stderr
        )
    assert run_sql(shell.dsn, STATUSES) == ["doing"], "a yes alone is not enough"
    assert shell("retry", "is:stalled", "--stalled", "--force", "--yes").returncode == 0
    assert run_sql(shell.dsn, STATUSES) == ["todo"]
    start(shell.dsn)
    run_sql(shell.dsn, "DELETE FROM procrastinate_workers")
    assert shell("fail", "is:stalled", "--yes").returncode == 0, "no worker has it"
    assert run_sql(shell.dsn, STATUSES) == ["failed"]


def test_a_missing_right_and_a_read_only_profile_end_with_4(shell: Shell) -> None:
    many(shell.dsn, 1)
    before = picture(shell.dsn)
    grants = [f"SELECT ON procrastinate_{name}" for name in ("jobs", "events", "workers", "periodic_defers")]
    with role(shell.dsn, *grants) as reader:
        for arguments in (["cancel", "1", "--yes"], ["defer", "t"]):
            ended = Shell(shell.home, reader)(*arguments)
            assert ended.returncode == 4 and "GRANT" in ended.stderr
    (shell.home / "jobdesk").mkdir(exist_ok=True)
    profile = f'[profiles.eyes]\nmethod = "dsn"\ndsn = "{shell.dsn}"\nis_read_only = true\n'
    (shell.home / "jobdesk" / "profiles.toml").write_text(profile)
    for arguments in (["cancel", "1", "--yes"], ["defer", "t"]):
        ended = shell(*arguments, "--profile", "eyes")
        assert ended.returncode == 4 and "read-only" in ended.stderr
    assert picture(shell.dsn) == before


def slow_changes(dsn: str) -> None:
    run_sql(
        dsn,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END$$; "
        "CREATE TRIGGER slow BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION slow()",
    )


@pytest.mark.parametrize("whole", [False, True], ids=["chunks", "one transaction"])
def test_ctrl_c_stops_an_act_between_two_chunks(shell: Shell, whole: bool) -> None:
    many(shell.dsn, 4_000)
    slow_changes(shell.dsn)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE %s"
    arguments = ["cancel", "--all", "--yes", "--json", *(["--one-transaction"] if whole else [])]
    with shell.started(*arguments) as program:
        until_true(lambda: run_sql(shell.dsn, waiting, "WITH wanted%")[0], what="the first chunk")
        program.send_signal(signal.SIGINT)
        printed, told = program.communicate(timeout=60)
    assert program.returncode == 130 and "Traceback" not in told
    results = [json.loads(line)["result"] for line in printed.splitlines()]
    cancelled = run_sql(shell.dsn, STATUSES).count("cancelled")
    assert len(results) == 4_000 and results.count("done") == cancelled
    if whole:
        assert cancelled == 0 and "rolled back" in told
    else:
        assert 0 < cancelled < 4_000 and "stays done" in told


TIMES = "SELECT extract(epoch FROM at)::float8 FROM procrastinate_events WHERE type = %s ORDER BY at"


@pytest.mark.parametrize("command", ["cancel", "retry", "purge", "defer"])
def test_an_act_with_a_rate_keeps_to_it(shell: Shell, command: str) -> None:
    status = {"cancel": "todo", "retry": "failed", "purge": "cancelled"}.get(command)
    if status is None:
        ended = shell("defer", "t", "--from", "-", "--rate", "20", given="{}\n" * 30)
    else:
        many(shell.dsn, 30, status=status)
        # Of purged jobs no event stays.
        run_sql(
            shell.dsn,
            "CREATE TABLE acts (id bigint, at timestamptz DEFAULT now(), UNIQUE (id, at)); "
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
            "INSERT INTO acts (id) VALUES (OLD.id) ON CONFLICT DO NOTHING; RETURN NULL; END$$; "
            "CREATE TRIGGER note AFTER UPDATE OR DELETE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION note(); "
            "INSERT INTO procrastinate_events (job_id, type, at) "
            "SELECT id, 'cancelled', now() - interval '1 day' FROM procrastinate_jobs",
        )
        ended = shell(command, "--all", "--yes", "--rate", "20")
    assert ended.returncode == 0, ended.stderr
    acts = "SELECT extract(epoch FROM at)::float8 FROM acts ORDER BY at"
    moments = run_sql(shell.dsn, TIMES, "deferred") if status is None else run_sql(shell.dsn, acts)
    assert len(moments) == 30 and moments[-1] - moments[0] > 1
    assert max(sum(first <= moment < first + 1 for moment in moments) for first in moments) <= 20


@pytest.mark.parametrize("command", ["cancel", "defer"])
def test_ctrl_c_ends_the_wait_of_a_rate(shell: Shell, command: str) -> None:
    if command == "cancel":
        many(shell.dsn, 100)
        arguments, first = ["cancel", "--all", "--yes", "--rate", "1"], "status = 'cancelled'"
    else:
        rows = shell.home / "rows.ndjson"
        rows.write_text("{}\n" * 100)
        arguments, first = ["defer", "t", "--from", str(rows), "--rate", "1"], "true"
    done = f"SELECT count(*) FROM procrastinate_jobs WHERE {first}"
    with shell.started(*arguments, "--json") as program:
        until_true(lambda: run_sql(shell.dsn, done)[0], what="the first job")
        program.send_signal(signal.SIGINT)
        printed, told = program.communicate(timeout=20)
    assert program.returncode == 130 and "Stopped." in told and "Traceback" not in told
    is_done = [line.get("is_done", line.get("result") == "done") for line in map(json.loads, printed.splitlines())]
    assert 0 < sum(is_done) == run_sql(shell.dsn, done)[0] < 20
    assert len(is_done) == (100 if command == "cancel" else sum(is_done)), (
        "of rows only those that were reached are told"
    )


@pytest.mark.parametrize("rate", ["-1", "x", "1.5", "", "100001", "9" * 5_000])
@pytest.mark.parametrize("command", [["cancel", "1"], ["retry", "1"], ["purge", "1"], ["defer", "t", "--from", "-"]])
def test_a_rate_that_is_none_is_refused_with_a_sentence(shell: Shell, command: list[str], rate: str) -> None:
    ended = shell(*command, f"--rate={rate}")
    assert ended.returncode == 2 and "not a number of jobs a second from 0 to 100,000" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["cancel", "1", "--yes", "--rate", "5", "--one-transaction"], "not allowed with"),
        (["defer", "t", "--rate", "5"], "--rate is for the rows of --from"),
    ],
)
def test_a_rate_where_there_is_none_is_refused(shell: Shell, arguments: list[str], told: str) -> None:
    many(shell.dsn, 1)
    ended = shell(*arguments)
    assert ended.returncode == 2 and told in ended.stderr
    assert run_sql(shell.dsn, STATUSES) == ["todo"]


def test_a_rate_of_0_is_none_and_sql_shows_the_small_chunk(shell: Shell) -> None:
    many(shell.dsn, 30)
    assert "'{1,2}'" in shell("cancel", "--all", "--sql", "--rate", "20").stdout
    assert shell("cancel", "--all", "--yes", "--rate", "0").returncode == 0
    assert len(set(run_sql(shell.dsn, TIMES, "cancelled"))) == 1


def test_a_lost_connection_ends_with_3_and_the_ledger_tells_how_far_it_came(shell: Shell) -> None:
    many(shell.dsn, 4_000)
    slow_changes(shell.dsn)
    backends = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE %s"
    with shell.started("cancel", "--all", "--yes", "--json") as program:
        until_true(lambda: run_sql(shell.dsn, f"SELECT count(*) {backends}", "WITH wanted%")[0], what="the first chunk")
        run_sql(shell.dsn, f"SELECT pg_terminate_backend(pid) {backends}", "WITH wanted%")
        printed, told = program.communicate(timeout=60)
    assert program.returncode == 3 and told.splitlines()[-1] == "Run it again."
    assert "Traceback" not in told and "discarding" not in told
    results = [json.loads(line)["result"] for line in printed.splitlines()]
    assert len(results) == 4_000 and results.count("done") == run_sql(shell.dsn, STATUSES).count("cancelled")


async def test_what_was_done_is_in_the_journal(shell: Shell) -> None:
    many(shell.dsn, 2)
    await asyncio.to_thread(shell, "cancel", "--all", "--yes")
    await asyncio.to_thread(shell, "defer", "t", "secret=hidden")
    journal = Journal(shell.home / "jobdesk" / "journal.sqlite")
    deferred, cancelled = await journal.entries(Search())
    assert (cancelled.header.action, cancelled.done, deferred.header.action) == ("cancel", 2, "defer")
    assert "hidden" not in str(deferred) + str(await journal.records(deferred.id))


# Deferring


def test_a_job_is_deferred_with_its_arguments(shell: Shell) -> None:
    arguments = [
        "--queue",
        "mail",
        "--priority",
        "4",
        "--lock",
        "l",
        "--queueing-lock",
        "only",
        "--at",
        "2030-01-01T00:00Z",
    ]
    ended = shell("defer", "mail.send", *arguments, "user_id=42", 'code="42"', "name=Zoë", "--args", '{"x": [1]}')
    assert ended.returncode == 0 and "#1" in ended.stdout
    columns = "task_name, queue_name, priority, lock, queueing_lock, scheduled_at = '2030-01-01 00:00Z', args"
    assert run_sql(shell.dsn, f"SELECT {columns} FROM procrastinate_jobs") == [
        ("mail.send", "mail", 4, "l", "only", True, {"x": [1], "user_id": 42, "code": "42", "name": "Zoë"})
    ]
    again = shell("defer", "mail.send", "--queueing-lock", "only")
    assert again.returncode == 1 and "job #1" in again.stderr


def test_many_are_deferred_from_rows(shell: Shell) -> None:
    rows = "".join(f'{{"n": {number}}}\n' for number in range(1_200))
    assert shell("defer", "t", "--from", "-", "kind=x", given=rows).returncode == 0
    assert run_sql(
        shell.dsn, "SELECT count(DISTINCT args ->> 'n') FROM procrastinate_jobs WHERE args ->> 'kind' = 'x'"
    ) == [1_200]
    path = shell.home / "rows.csv"
    path.write_text('zip,name\n01234,"a,b"\n', "utf-8-sig")
    assert shell("defer", "t", "--from", str(path)).returncode == 0
    assert run_sql(shell.dsn, "SELECT args FROM procrastinate_jobs ORDER BY id DESC LIMIT 1") == [
        {"zip": "01234", "name": "a,b"}
    ]
    path.write_text("n\n7\n")
    for options, value in (([], 7), (["--type", "n=text"], "7")):
        assert shell("defer", "t", "--from", str(path), *options).returncode == 0
        assert run_sql(shell.dsn, "SELECT args FROM procrastinate_jobs ORDER BY id DESC LIMIT 1") == [{"n": value}]


def test_of_many_with_one_queueing_lock_one_is_deferred_and_the_others_are_told(shell: Shell) -> None:
    ended = shell("defer", "t", "--from", "-", "--queueing-lock", "only", "--json", given="{}\n{}\n{}\n")
    assert ended.returncode == 1
    assert [json.loads(line)["is_done"] for line in ended.stdout.splitlines()] == [True, False, False]


def test_a_dry_run_of_many_names_each_that_would_be_refused(shell: Shell) -> None:
    held = defer(shell.dsn, queueing_lock="k2")
    before = picture(shell.dsn)
    rows = "".join(f'{{"n": {number}}}\n' for number in (*range(1, 31), 30))
    ended = shell("defer", "t", "--from", "-", "--queueing-lock", "k{n}", "--dry-run", given=rows)
    assert ended.returncode == 1 and len(ended.stdout.splitlines()) == 10
    assert f"Line 2: Its queueing lock k2 is taken by job #{held}" in ended.stderr and "Line 31: " in ended.stderr
    assert "Would defer 29 jobs" in ended.stderr and "2 jobs would be refused" in ended.stderr
    assert picture(shell.dsn) == before
    assert shell("defer", "t", "--from", "-", "--queueing-lock", "k{n}", given=rows).returncode == 1
    assert run_sql(shell.dsn, "SELECT count(*) FROM procrastinate_jobs") == [30]


def test_many_rows_are_not_deferred_on_production_without_a_yes(shell: Shell) -> None:
    profile = f'[profiles.live]\nmethod = "dsn"\ndsn = "{shell.dsn}"\nenvironment = "production"\n'
    (shell.home / "jobdesk").mkdir()
    (shell.home / "jobdesk" / "profiles.toml").write_text(profile)
    command = ["--profile", "live", "defer", "t", "--from", "-"]
    assert shell(*command, given="{}\n" * 101).returncode == 2
    assert run_sql(shell.dsn, STATUSES) == []
    assert shell(*command, "--yes", given="{}\n" * 101).returncode == 0
    assert shell(*command, given="{}\n" * 100).returncode == 0, "these are few, as in the window"
    assert shell("--profile", "live", "defer", "t", "--yes").returncode == 0
    assert run_sql(shell.dsn, STATUSES) == ["todo"] * 202


@pytest.mark.parametrize(
    ("options", "given", "told"),
    [
        ([], "{}\n" * 700 + "nothing\n", "Line 701"),
        ([], '{"n": 1}\nnothing\n', "Line 2"),
        ([], '{"n": 1, "n": 2}', "appears twice"),
        ([], "a,b\n1,2\n3\n", "Line 3: There is 1 cell for 2 columns."),
        (["--format", "csv"], "a,a\n1,2\n", "Two columns are called a"),
        (["--type", "n=date"], "n\n1\n", "not NAME=TYPE"),
        (["--type", "m=text"], "n\n1\n", "no column m"),
        (["--type", "n=number"], "n\n007\n", "“007” is not a number"),
    ],
)
def test_rows_with_a_mistake_are_not_deferred_in_part(shell: Shell, options: list[str], given: str, told: str) -> None:
    ended = shell("defer", "t", "--from", "-", *options, given=given)
    assert ended.returncode == 2 and told in ended.stderr and "Deferred" not in ended.stderr
    assert "Traceback" not in ended.stderr and run_sql(shell.dsn, STATUSES) == []


def test_a_job_goes_to_the_queue_of_its_task_and_unusual_arguments_are_told(shell: Shell) -> None:
    insert = "INSERT INTO procrastinate_jobs (queue_name, task_name, args) SELECT 'mail', 'mail.send', "
    run_sql(shell.dsn, insert + "jsonb_build_object('to', n::text, 'n', n) FROM generate_series(1, 6) AS n")
    ended = shell("defer", "mail.send", "subjct=x", "n=y")
    assert ended.returncode == 0 and "Queue mail" in ended.stderr
    assert (
        "None of its latest 6 jobs had subjct." in ended.stderr and "All of its latest 6 jobs had to." in ended.stderr
    )
    assert "n is usually a number; this is a text." in ended.stderr
    assert shell("defer", "mail.send", 'to="a"', "n=1", "--queue", "other").stderr == ""
    assert "No job of new is known, so the queue is default" in shell("defer", "new").stderr
    queues = "SELECT queue_name FROM procrastinate_jobs ORDER BY id DESC LIMIT 3"
    assert run_sql(shell.dsn, queues) == ["default", "other", "mail"]


@pytest.mark.parametrize(
    ("pair", "stored"),
    [
        ("n=12345678901234567.89", "12345678901234567.89"),
        ("n=0.1234567890123456789012345", "0.1234567890123456789012345"),
        ("n=1.10", "1.10"),
        ("n=1e30", "1" + "0" * 30),
        ("n=12345678901234567890123", "12345678901234567890123"),
        ("n=007", '"007"'),
        ("n=NaN", '"NaN"'),
        ("n=", '""'),
        ('n={"a": 1, "a": 2}', None),
    ],
)
def test_a_value_is_stored_as_it_was_typed_or_refused(shell: Shell, pair: str, stored: str | None) -> None:
    ended = shell("defer", "t", pair)
    assert "Traceback" not in ended.stderr
    found = run_sql(shell.dsn, "SELECT (args -> 'n')::text FROM procrastinate_jobs")
    assert (ended.returncode, found) == ((0, [stored]) if stored is not None else (2, []))


def test_defer_where_the_function_is_missing_is_refused(shell: Shell) -> None:
    run_sql(
        shell.dsn,
        "DO $$DECLARE each record; BEGIN FOR each IN SELECT oid::regprocedure AS name FROM pg_proc "
        "WHERE proname LIKE 'procrastinate_defer_job%' LOOP EXECUTE 'DROP FUNCTION ' || each.name || ' CASCADE'; "
        "END LOOP; END$$",
    )
    for arguments in (["t"], ["t", "--from", "-"]):
        ended = shell("defer", *arguments, given="{}\n")
        assert ended.returncode == 4 and "Traceback" not in ended.stderr


# Watching


def test_watch_prints_each_change_and_ends_with_ctrl_c(shell: Shell) -> None:
    defer(shell.dsn, queue_name="mail")
    with shell.started("watch", "queue:mail", "--interval", "0.1", "--json") as program:
        assert program.stderr is not None and program.stdout is not None
        assert "Watching" in program.stderr.readline()
        defer(shell.dsn, queue_name="other")
        defer(shell.dsn, queue_name="mail")
        job_id, _ = start(shell.dsn)
        finish(shell.dsn, job_id, "succeeded")
        seen = [json.loads(program.stdout.readline()) for _ in range(3)]
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=30)
    assert [(each["event"], each["job"]["id"]) for each in seen] == [("deferred", 3), ("started", 1), ("succeeded", 1)]
    assert program.returncode == 130 and "Traceback" not in told


def test_watch_shows_what_a_long_transaction_held_back(shell: Shell) -> None:
    with shell.started("watch", "--interval", "0.1", "--json") as program, psycopg.connect(shell.dsn) as connection:
        assert program.stderr is not None and program.stdout is not None
        program.stderr.readline()
        connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 't')")
        defer(shell.dsn)
        assert json.loads(program.stdout.readline())["job"]["id"] == 2
        connection.commit()
        assert json.loads(program.stdout.readline())["job"]["id"] == 1


def test_watch_is_woken_by_a_notification_long_before_its_next_look(shell: Shell) -> None:
    with shell.started("watch", "--interval", "3600", "--json") as program:
        assert program.stderr is not None and program.stdout is not None
        program.stderr.readline()
        listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE %s"
        until_true(lambda: run_sql(shell.dsn, listening, "LISTEN%")[0], what="the listening")
        for number in (1, 2):
            defer(shell.dsn)
            assert json.loads(program.stdout.readline())["job"]["id"] == number


def test_watch_tells_which_of_the_jobs_it_knows_are_deleted(shell: Shell) -> None:
    many(shell.dsn, 2, queue_name="mail")
    many(shell.dsn, 1, queue_name="other")
    with shell.started("watch", "queue:mail", "--interval", "0.1", "--json") as program:
        assert program.stderr is not None and program.stdout is not None
        program.stderr.readline()
        defer(shell.dsn, queue_name="mail")
        run_sql(shell.dsn, "DELETE FROM procrastinate_jobs WHERE id IN (1, 3)")
        assert json.loads(program.stdout.readline())["event"] in ("deferred", "deleted")
        assert json.loads(program.stdout.readline())["event"] in ("deferred", "deleted")
        run_sql(shell.dsn, "DELETE FROM procrastinate_jobs WHERE id = 4")
        last = json.loads(program.stdout.readline())
        assert (last["event"], last["job"]["id"], last["job"]["status"]) == ("deleted", 4, "todo")


def notes_of(program: subprocess.Popen[str]) -> Iterator[str]:
    """What it says on the error stream, without the times."""
    assert program.stderr is not None
    for line in program.stderr:
        yield line.strip().partition("  ")[2] or line.strip()


def started_again(server: EmbeddedServer) -> bool:
    with contextlib.suppress(EmbeddedServerError):
        server.start()
        return True
    return False


def test_watch_outlives_a_server_that_is_killed_and_tells_every_change_once(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="jobdesk-tests-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder)).start()
        try:
            dsn = server.dsn
            run_sql(dsn, schema_sql())
            with Shell(tmp_path, dsn).started("watch", "--interval", "0.1", "--json") as program:
                assert program.stdout is not None
                notes = notes_of(program)
                assert "Watching" in next(notes)
                defer(dsn)
                assert json.loads(program.stdout.readline())["job"]["id"] == 1
                assert server._process is not None
                server._process.kill()
                # By the connection itself, or by the pool, which has tried for some seconds to make another.
                assert re.fullmatch(r".*(lost|did not give a connection).* Trying to connect again\.", next(notes))
                next(note for note in notes if "no server" in note)
                server.stop()
                until_true(
                    lambda: started_again(server), what="the start, once the killed server's last process has ended"
                )
                ids = [defer(dsn) for _ in range(5)]
                found = [json.loads(program.stdout.readline())["job"]["id"] for _ in ids]
                assert found == ids
                told = next(note for note in notes if "is starting" not in note)
                assert re.match(r"Connected again after [0-9.]+ m?s", told), told
                defer(dsn)
                assert json.loads(program.stdout.readline())["job"]["id"] == ids[-1] + 1
                program.send_signal(signal.SIGINT)
                rest, _ = program.communicate(timeout=30)
                assert rest == "" and program.returncode == 130
        finally:
            server.stop()


def test_watch_says_what_it_has_missed(shell: Shell) -> None:
    name = conninfo_to_dict(shell.dsn)["dbname"]
    server = make_conninfo(shell.dsn, dbname="postgres")
    defer(shell.dsn)
    with (
        shell.started("watch", "queue:q", "--interval", "0.1", "--json") as program,
        psycopg.connect(shell.dsn, autocommit=True) as others,
    ):
        assert program.stdout is not None
        notes = notes_of(program)
        assert "Watching" in next(notes)
        until_true(
            lambda: run_sql(server, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s", "LISTEN%")[0],
            what="it",
        )
        allow = f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS '
        run_sql(server, allow + "false")
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
        run_sql(server, end, name, others.info.backend_pid)
        assert "Trying to connect again." in next(notes)
        assert "not currently accepting connections" in next(notes)
        for queue in ("q", "q", "other"):
            others.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES (%s, 't')", [queue])
        others.execute("DELETE FROM procrastinate_jobs WHERE id = 1")
        run_sql(server, allow + "true")
        assert next(notes).endswith("Meanwhile there were 3 changes:")
        found = [json.loads(program.stdout.readline()) for _ in range(3)]
        assert [(each["event"], each["job"]["id"]) for each in found] == [
            ("deferred", 2),
            ("deferred", 3),
            ("deleted", 1),
        ]
        others.execute("DELETE FROM procrastinate_jobs")
        assert {json.loads(program.stdout.readline())["job"]["id"] for _ in range(2)} == {2, 3}
        # As after a restore: the ids come again.
        others.execute("ALTER SEQUENCE procrastinate_events_id_seq RESTART")
        others.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 'again')")
        assert json.loads(program.stdout.readline())["job"]["task_name"] == "again"


# Every release


@pytest.mark.parametrize("state", STATES)
async def test_every_release_is_read_and_acted_upon(tmp_path: Path, released_dsn: str, state: str) -> None:
    shell = Shell(tmp_path, released_dsn)
    async with managing(released_dsn) as manager:
        ids = await bring_all(manager)
        able = await manager.capabilities_async()

    def look() -> None:
        assert {job["id"] for job in shell.json("jobs", "--limit", "0")} == set(ids.values())
        (status,) = shell.json("status")
        assert sum(status["counts"].values()) == len(ids)
        todo = ids[Status.TODO]
        assert shell.json("why", str(todo))[0]["job_ids"] == [ids[Status.DOING]]
        assert shell("cancel", str(todo), "--yes").returncode == (0 if able.can_cancel else 4)
        failed = shell("retry", str(ids[Status.FAILED]), "--yes")
        assert failed.returncode == (0 if level(state) >= (3, 4) else 1), failed.stderr
        assert shell("purge", str(ids[Status.SUCCEEDED]), "--yes").returncode == 0
        assert shell("defer", "t", "a=1").returncode == 0
        assert shell("defer", "t", "--priority", "3").returncode == (0 if able.has_priority else 4)

    await asyncio.to_thread(look)


def test_before_a_retry_that_may_run_a_job_twice_and_after_one_that_nobody_takes(shell: Shell) -> None:
    defer(shell.dsn, queue_name="mail")
    start(shell.dsn, heartbeat="now() - interval '2 minutes'")
    ended = shell("retry", "1", "--stalled", "--yes")
    assert ended.returncode == 1
    silent = r"Worker #1 has sent no heartbeat for 2 min( \d+ s)?\. It may still run this job: a worker that is"
    assert re.search(silent, ended.stderr)
    assert "How long t usually runs is not known; this job started" in ended.stderr
    ended = shell("retry", "1", "--stalled", "--yes", "--force")
    assert ended.returncode == 0
    assert "Job #1 is waiting to run again, but no worker is alive, and no job in mail has started for" in ended.stderr


def test_a_brake_stops_a_retry_whose_jobs_fail_again(shell: Shell) -> None:
    many(shell.dsn, 100, status="failed")
    run_sql(
        shell.dsn,
        "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.status = 'failed'; RETURN NEW; END$$; "
        "CREATE TRIGGER again BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION again()",
    )
    ended = shell("retry", "status:failed", "--yes", "--rate", "50", "--brake", "10%")
    assert ended.returncode == 1 and "Stopped by the brake: " in ended.stderr
    assert "retried jobs that ended have failed again." in ended.stderr and "not reached" in ended.stdout
    for wrong in (["--brake", "10%"], ["--rate", "5", "--brake", "0"], ["--rate", "5", "--brake", "many"]):
        ended = shell("retry", "status:failed", "--yes", *wrong)
        assert ended.returncode == 2 and "Traceback" not in ended.stderr, wrong


def test_a_time_that_the_clocks_skip_is_refused_and_a_slip_in_a_command_is_told(shell: Shell) -> None:
    ended = shell("defer", "t", "--at", "2031-03-30T02:30", TZ="Europe/Berlin")
    assert ended.returncode == 2 and "the clocks skip it" in ended.stderr and run_sql(shell.dsn, STATUSES) == []
    assert shell("defer", "t", "--at", "2031-03-30T03:30", TZ="Europe/Berlin").returncode == 0
    from jobdesk_core.cli.program import _parsed

    with pytest.raises(SystemExit):
        _parsed(["stauts"], "jobdesk")
