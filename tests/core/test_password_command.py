"""A password that a command prints: real commands, a real server that wants a password, and one that takes down what it
is sent."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from jobdesk_core import masking
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.exceptions import ConnectorException, PasswordCommandFailed, PasswordCommandNotAllowed
from jobdesk_core.profiles import Profile, ProfileStore, connection_parameters, place_of
from jobdesk_core.profiles.allowed_commands import allow, is_allowed
from jobdesk_core.profiles.password_command import PasswordSource, line_of, problem, run, words_of
from jobdesk_core.profiles.secrets import Passwords, about_refusal
from jobdesk_core.troubles import explain
from made_up_server import MadeUpServer
from planted import tells
from psycopg import sql
from waiting import until
from walled import walled_server

pytestmark = pytest.mark.usefixtures("alone")
SECRET = "Zq9xVwQ7k"
WHO = Statement("SELECT current_user::text AS role", lambda rows: rows[0]["role"])


@pytest.fixture(scope="module")
def walled() -> Iterator[dict[str, str]]:
    with walled_server() as words:
        yield words


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def shell(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (shell("echo sesame"), "sesame"),
        (shell("printf 'no end of line'"), "no end of line"),
        (shell("printf 'as Windows ends a line\\r\\n'"), "as Windows ends a line"),
        (shell("printf ' blanks stay \\n'"), " blanks stay "),
        (shell("echo 'pä$$ \"wörd\" \\\\'"), 'pä$$ "wörd" \\'),
        (shell(f"echo {'x' * 3000}"), "x" * 3000),
        (shell(f"echo {SECRET} >&2; yes complaint | head -c 300000 >&2; echo sesame"), "sesame"),
        # Whoever waits for input gets none.
        (shell("read answer; echo no answer; exit 0"), "no answer"),
        (("echo", "not; $a | shell > x"), "not; $a | shell > x"),
    ],
)
def test_the_line_that_it_prints(command: tuple[str, ...], expected: str) -> None:
    assert run(command) == expected


FAILURES = (
    (shell(f"echo {SECRET}; echo {SECRET} >&2; exit 3"), "failed: it ended with 3"),
    (shell(f"echo {SECRET}; echo {SECRET}"), "printed more than one line"),
    (shell(f"echo; echo {SECRET}"), "printed more than one line"),
    (shell(f"echo {SECRET} >&2"), "printed nothing"),
    (shell("echo '  '"), "printed nothing"),
    (shell(f"echo {SECRET}; kill -9 $$"), "failed: it ended with 137"),
    (shell(f"printf '{SECRET}\\377\\n'"), "no password"),
    (shell(f"printf '{SECRET}\\0\\n'"), "no password"),
    (shell(f"echo {SECRET} >&2; echo {SECRET}; sleep 60"), "has not ended within 1 s"),
    (shell(f"while :; do echo {SECRET}; done"), "too much"),
    ((f"/nonexistent/{SECRET}",), "not there"),
    ((SECRET,), "not there"),
    ((os.devnull,), "not there"),
)


def test_what_goes_wrong_is_a_sentence_without_a_word_of_what_was_printed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for command, words in FAILURES:
        started = time.monotonic()
        with pytest.raises(PasswordCommandFailed, match=words) as caught:
            run(command, timeout_s=1.0 if "sleep" in command[-1] else 30.0)
        trouble = explain(caught.value)
        assert trouble.kind == "password_command" and trouble.remedy
        assert not tells(repr(trouble), repr(caught.value), caught.value.__cause__, caplog.text), command
        assert time.monotonic() - started < 25


@pytest.mark.parametrize("way", ["a child", "a session of its own", "an orphan in a session of its own"])
@pytest.mark.parametrize("end", ["time", "given up", "the command ends"])
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the group is found")
def test_all_that_it_started_ends_with_it(tmp_path: Path, way: str, end: str) -> None:
    told, marker = tmp_path / "pid", f"sleep {shlex.quote('600.' + str(os.getpid()))}"
    inner = f"echo $$ > {told}.new; mv {told}.new {told}; exec {marker}"
    start = {
        "a child": f"sh -c {shlex.quote(inner)} &",
        "a session of its own": f"setsid sh -c {shlex.quote(inner)} &",
        "an orphan in a session of its own": f"(setsid sh -c {shlex.quote(inner)} </dev/null >/dev/null 2>&1 &) &",
    }[way]
    wait = f"while ! test -e {shlex.quote(str(told))}; do sleep 0.01; done"
    command = shell(f"{start} {wait}; echo sesame; {'exit 0' if end == 'the command ends' else 'sleep 600'}")
    is_given_up = threading.Event()
    if end == "given up":
        threading.Thread(target=lambda: (_until_there(told), is_given_up.set()), daemon=True).start()
    try:
        text = run(command, timeout_s=2.0 if end == "time" else 30.0, is_given_up=is_given_up)
        assert (text, end) == ("sesame", "the command ends")
    except PasswordCommandFailed:
        assert end != "the command ends"
    pid = int(told.read_text())
    assert _is_gone(pid)


def _until_there(path: Path) -> None:
    ends_at = time.monotonic() + 20
    while not path.exists() and time.monotonic() < ends_at:
        time.sleep(0.01)


def _is_gone(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True


@pytest.mark.skipif(sys.platform == "win32", reason="nothing guards it there")
async def test_it_ends_with_us_when_we_are_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = (
        "import sys; from jobdesk_core.profiles.password_command import run; "
        f"run(('/bin/sh', '-c', 'echo $$ > {told}.new; mv {told}.new {told}; exec sleep 600'))"
    )
    desk = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    try:
        await until(told.exists, what="the command")
    finally:
        desk.kill()
        await desk.wait()
    pid = int(told.read_text())
    await until(lambda: _is_gone(pid), what="the end of the command")


def test_what_it_gets_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPASSWORD", "SOME_TOKEN", "AWS_PROFILE"):
        monkeypatch.setenv(name, f"value of {name}")
    given = run(python("import os; print(sorted(os.environ))"))
    assert "PGPASSWORD" not in given and "SOME_TOKEN" not in given
    assert "'AWS_PROFILE'" in given and "'PATH'" in given and "'HOME'" in given


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pass show db", ("pass", "show", "db")),
        ("""aws rds "a b" 'c"d' e\\ f""", ("aws", "rds", "a b", 'c"d', "e f")),
        ("", ()),
    ],
)
def test_it_is_typed_as_one_line(line: str, words: tuple[str, ...]) -> None:
    assert words_of(line) == words and problem(line) is None
    assert words_of(line_of(words)) == words


def test_a_line_that_is_no_command() -> None:
    assert problem("pass 'show") == "A quotation mark is not closed."
    assert problem("'' x") is not None and problem("a\nb") is not None


def test_a_profile_keeps_it_and_what_is_damaged_is_none(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path / "profiles.toml")
    store.save(Profile(name="a", password_command=("pass", "show x"), password_lifetime_s=900))
    found = store.get("a")
    assert found is not None
    assert (found.password_command, found.password_lifetime_s) == (("pass", "show x"), 900)
    for written in ('password_command = "pass show"', "password_command = [1]", "password_lifetime_s = -1"):
        store.path.write_text(f"[profiles.a]\n{written}\n")
        found = store.get("a")
        assert found is not None and not found.password_command and found.password_lifetime_s == 0


# When it is run


class Counting:
    """A command that counts how often it was run, and prints what stands in a file."""

    def __init__(self, folder: Path, password: str) -> None:
        self._runs, self._file = folder / "runs", folder / "token"
        self.set(password)
        files = [shlex.quote(str(each)) for each in (self._runs, self._file)]
        self.words = shell(f"echo run >> {files[0]}; cat {files[1]}")

    def set(self, password: str) -> None:
        self._file.write_text(f"{password}\n")

    @property
    def runs(self) -> int:
        return len(self._runs.read_text().split()) if self._runs.exists() else 0


def of(words: dict[str, str], command: tuple[str, ...], **more: object) -> Profile:
    arguments = {name: value for name, value in words.items() if name != "password"}
    return Profile(name="walled", method="arguments", arguments=arguments, password_command=command, **more)  # type: ignore[arg-type]


def allowed(profile: Profile) -> Profile:
    place = place_of(profile)
    assert place is not None
    allow(profile.password_command, place)
    return profile


def test_it_is_run_again_when_too_old_or_refused(tmp_path: Path) -> None:
    command = Counting(tmp_path, "first")
    source = PasswordSource(command.words)
    assert [source.password() for _ in range(3)] == ["first"] * 3 and command.runs == 1
    command.set("second")
    assert source.password(instead_of="an older one") == "first" and command.runs == 1
    assert source.password(instead_of="first") == "second" and command.runs == 2
    short = PasswordSource(command.words, lifetime_s=0.2)
    assert short.password() == "second" and short.password() == "second" and command.runs == 3
    time.sleep(0.25)
    command.set("third")
    assert short.password() == "third" and command.runs == 4
    # What failed is not kept, nor is what was before it.
    command.set("a\nb")
    with pytest.raises(PasswordCommandFailed):
        short.password(instead_of="third")
    command.set("fourth")
    assert short.password() == "fourth"
    assert masking.masked("x fourth y") == "x ••• y"


async def test_connections_made_later_get_a_fresh_one(walled: dict[str, str], tmp_path: Path) -> None:
    command = Counting(tmp_path, walled["password"])
    profile = allowed(of(walled, command.words))
    secret = await Passwords().of(profile)
    assert secret is not None and command.runs == 1
    connector = PsycopgConnector(**connection_parameters(profile, secret))
    await connector.open_async()
    try:
        async with connector.own_connection():
            assert command.runs == 1
        changed = "renewed " + SECRET
        await asyncio.to_thread(_set_password, walled, changed)
        try:
            command.set(changed)
            async with connector.own_connection() as connection:
                assert connection.info.password == changed and command.runs == 2
            # The pool's own, too.
            with psycopg.connect(**walled | {"password": changed}, autocommit=True) as beside:
                beside.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jobdesk'"
                )
            await connector.check_async()
            assert await connector.run_async(WHO) == walled["user"] and command.runs == 2
            synchronous = SyncPsycopgConnector(**connection_parameters(profile, secret))
            synchronous.open()
            try:
                assert await asyncio.to_thread(synchronous.run, WHO) == walled["user"]
            finally:
                synchronous.close()
        finally:
            await asyncio.to_thread(_set_password, walled | {"password": changed}, walled["password"])
    finally:
        await connector.close_async()


def _set_password(words: dict[str, str], password: str) -> None:
    with psycopg.connect(**words, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(words["user"]), password))


async def test_one_that_is_wrong_is_sent_once_and_told(home: MadeUpServer, tmp_path: Path) -> None:
    command = Counting(tmp_path, SECRET)
    words = {"host": "127.0.0.1", "port": str(home.port), "user": "me", "dbname": "d"}
    profile = allowed(of(words, command.words))
    secret = await Passwords().of(profile)
    with pytest.raises(ConnectorException) as caught:
        await PsycopgConnector(**connection_parameters(profile, secret)).open_async()
    trouble = about_refusal(explain(caught.value), secret, profile)
    assert trouble.kind == "password" and "password command" in trouble.remedy
    # Asked once more whether it has a better one; the same is not sent twice.
    assert home.got == [SECRET] and command.runs == 2
    # One that has a better one by now is sent that.
    turning = shell(f"echo run >> {tmp_path}/n; echo {SECRET}$(wc -l < {tmp_path}/n)")
    profile = allowed(of(words, turning))
    secret = await Passwords().of(profile)
    with pytest.raises(ConnectorException):
        await PsycopgConnector(**connection_parameters(profile, secret)).open_async()
    assert home.got[1:] == [f"{SECRET}1", f"{SECRET}2"]


async def test_a_password_file_that_others_may_read_is_told(walled: dict[str, str], tmp_path: Path) -> None:
    filed = tmp_path / ".pgpass"
    filed.write_text(f"*:*:*:*:{walled['password']}\n")
    profile = of(walled, ())
    for mode, words in ((0o644, "chmod 600"), (0o600, "")):
        filed.chmod(mode)
        try:
            connector = PsycopgConnector(**connection_parameters(profile))
            await connector.open_async()
            await connector.close_async()
            assert not words
        except ConnectorException as error:
            trouble = about_refusal(explain(error), None, profile)
            assert words and words in trouble.remedy and trouble.sentence == "The server asks for a password."


# Who may run it


async def test_it_is_asked_once_and_for_each_place(home: MadeUpServer, elsewhere: MadeUpServer, tmp_path: Path) -> None:
    command = Counting(tmp_path, SECRET)
    words = {"host": "127.0.0.1", "port": str(home.port), "user": "me", "dbname": "d"}
    profile, asked = of(words, command.words), []

    async def says(answer: bool, each: Profile) -> bool:
        asked.append(each)
        return answer

    with pytest.raises(PasswordCommandNotAllowed):
        await Passwords().of(profile)
    with pytest.raises(PasswordCommandNotAllowed) as caught:
        await Passwords(lambda each: says(False, each)).of(profile)
    assert explain(caught.value).kind == "password_command"
    assert command.runs == 0 and asked == [profile]
    assert await Passwords(lambda each: says(True, each)).of(profile) is not None
    assert await Passwords(lambda each: says(False, each)).of(profile) is not None
    assert len(asked) == 2 and command.runs == 2
    # Another server would get the password, another command would run: both are asked about.
    for other in (of(words | {"port": str(elsewhere.port)}, command.words), of(words, (*command.words, "more"))):
        with pytest.raises(PasswordCommandNotAllowed):
            await Passwords().of(other)
    assert elsewhere.asked == 0 and command.runs == 2


def test_what_cannot_be_read_allows_nothing(tmp_path: Path) -> None:
    place = place_of(Profile(name="a", method="dsn", dsn="host=h user=u dbname=d"))
    assert place is not None
    allow(("a", "b"), place)
    assert is_allowed(("a", "b"), place) and not is_allowed(("a b",), place)
    kept = next(tmp_path.rglob("allowed-commands"))
    assert kept.stat().st_mode & 0o077 == 0
    kept.unlink()
    os.mkfifo(kept)
    assert not is_allowed(("a", "b"), place)


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script, which makes a terminal")
def test_the_command_line_asks_on_a_terminal_and_never_without_one(
    walled: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = Counting(tmp_path, walled["password"])
    ProfileStore().save(of(walled, command.words))
    words = [sys.executable, "-m", "jobdesk_core", "status", "--profile", "walled"]

    def status(*, answer: str | None) -> str:
        from subprocess import run as run_program

        line = ["script", "-qec", shlex.join(words), "/dev/null"] if answer is not None else words
        ended = run_program(line, input=(answer or "").encode(), capture_output=True, timeout=60, check=False)
        return (ended.stdout + ended.stderr).decode()

    said = status(answer=None)
    assert "has not been allowed to run on this machine" in said and command.runs == 0
    said = status(answer="n\n")
    assert "cat " in said and "not been allowed" in said and command.runs == 0
    assert "no Procrastinate schema" in status(answer="y\n") and command.runs == 1
    assert "no Procrastinate schema" in status(answer=None) and command.runs == 2
