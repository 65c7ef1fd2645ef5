"""Connections through SSH: real servers of SSH, one behind the other, and a real PostgreSQL that wants a password."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jobdesk_core import masking
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.settings import Route
from jobdesk_core.connectors.ssh.askpass import Question, question_of
from jobdesk_core.connectors.ssh.command import command, destination_of, problem
from jobdesk_core.connectors.ssh.refusals import TUNNELS, refusal
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import ConnectorException, TunnelFailed
from jobdesk_core.profiles import Profile, ProfileStore, UnsavableProfile, connection_parameters, place_of
from jobdesk_core.profiles.allowed_commands import allow
from jobdesk_core.profiles.probe import probe
from jobdesk_core.profiles.secrets import typed
from jobdesk_core.profiles.shared import export
from jobdesk_core.troubles import explain
from planted import of_error, tells, written
from psycopg.conninfo import conninfo_to_dict
from sshd import PASSPHRASE, Hosts, needs_sshd, two_hosts
from tls_server import TlsServer, needs_tls, tls_server
from waiting import until
from walled import walled_server

pytestmark = pytest.mark.usefixtures("alone")
WHO = Statement("SELECT current_user::text AS role", lambda rows: rows[0]["role"])
SLEEPS = Statement("SELECT pg_sleep(600)::text AS slept", lambda rows: None)


@pytest.fixture(scope="module")
def walled() -> Iterator[dict[str, str]]:
    with walled_server() as words:
        yield words


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    with two_hosts(monkeypatch) as found:
        yield found


class Answers:
    """Answers what ssh asks, in their order, and notes the questions."""

    def __init__(self, *answers: str | None) -> None:
        self._answers = list(answers)
        self.questions: list[Question] = []

    def __call__(self, question: Question, is_over: threading.Event) -> str | None:
        self.questions.append(question)
        return self._answers.pop(0)


def through(words: dict[str, str], ssh: str = "gate") -> Profile:
    arguments = {name: value for name, value in words.items() if name != "password"}
    return Profile(name="walled", method="arguments", arguments=arguments, ssh=ssh)


@contextlib.asynccontextmanager
async def connected(
    words: dict[str, str], ssh: str = "gate", ask: Callable[[Question, threading.Event], str | None] | None = None
) -> AsyncIterator[PsycopgConnector]:
    profile = through(words, ssh)
    connector = PsycopgConnector(**connection_parameters(profile, typed(profile, words["password"]), ask))
    await connector.open_async()
    try:
        yield connector
    finally:
        await connector.close_async()


def ours(word: str) -> list[int]:
    """The processes that have this in their command line or their environment, such as a folder of the test."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            is_dead = (place / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
            said = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
            if word.encode() in said and not is_dead and int(place.name) != os.getpid():
                found.append(int(place.name))
    return found


def left_behind() -> Iterator[tuple[str, bytes]]:
    """The files in the folders of those who ask for ssh."""
    for folder in Path(tempfile.gettempdir()).glob("jobdesk-ssh-*"):
        yield from written(folder, [])


def clients(hosts: Hosts) -> list[int]:
    """Every `ssh` of the test's, with what stands around it; not the servers."""
    servers = {process.pid for process in hosts.processes.values()}
    return [pid for pid in ours(str(hosts.folder)) if pid not in servers and b"sshd" not in _name(pid)]


def _name(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "comm").read_bytes()
    return b"sshd"


# What is written


@pytest.mark.parametrize(
    ("text", "hops"),
    [
        ("bastion", ("bastion",)),
        ("me@edge.example.net:2222", ("me@edge.example.net:2222",)),
        ("edge, me@db-gate:22", ("edge", "me@db-gate:22")),
        ("me@[fe80::1%eth0]:22", ("me@[fe80::1%eth0]:22",)),
        ("dom\\me@h", ("dom\\me@h",)),
        ("ssh://me@h:22", ("me@h:22",)),
    ],
)
def test_a_host_of_ssh(text: str, hops: tuple[str, ...]) -> None:
    found = destination_of(text)
    assert found is not None and found.hops == hops and problem(text) is None


@pytest.mark.parametrize(
    "text",
    *[
        [
            "-oProxyCommand=x",
            "a,-oProxyCommand=x",
            "a b",
            "$(x)",
            "`x`",
            "a;b",
            "a:0",
            "a:99999",
            "a:b",
            "u@",
            "%h",
            "a,",
            "''",
        ]
    ],
)
def test_nothing_of_it_is_an_option_or_a_command(text: str) -> None:
    assert problem(text) is not None
    with pytest.raises(TunnelFailed) as caught:
        connection_parameters(Profile(name="x", method="dsn", dsn="host=h", ssh=text))
    assert "cannot be read" in explain(caught.value).sentence


def test_a_password_in_the_field_of_the_host_is_told_nowhere(tmp_path: Path) -> None:
    profile = Profile(name="x", method="dsn", dsn="host=h user=u", ssh="me:Zq9xVwQ7k@bastion")
    with pytest.raises(TunnelFailed) as caught:
        connection_parameters(profile)
    store = ProfileStore(tmp_path / "profiles.toml")
    with pytest.raises(UnsavableProfile) as unsaved:
        store.save(profile)
    export([profile], tmp_path / "others.toml")
    said = [profile.display_dsn, problem(profile.ssh), repr(explain(caught.value)), unsaved.value]
    assert not tells(*said, *of_error(caught.value), (tmp_path / "others.toml").read_text())


def test_several_hosts_before_it() -> None:
    destination = destination_of("a,b,me@[fe80::1%eth0]:23,d")
    assert destination is not None
    words = command("ssh", destination, [(40001, "db", "5432")], is_asking=True)
    for name, doubled in (("fe80::1%eth0", "%"), ("b", ""), ("a", "")):
        (proxy,) = [word.partition("=")[2] for word in words if word.startswith("ProxyCommand=")]
        words = shlex.split(re.sub("%[hp]", "x", proxy.replace("%%", "\0")).replace("\0", "%"))
        assert words[-1] == name and words[words.index("-W") + 1] == "[x]:x", (doubled, words)


def test_what_is_run() -> None:
    destination = destination_of("edge,me@gate:23")
    assert destination is not None
    words = command(
        "ssh", destination, [(40001, "db", "5432"), (40002, "::1", "5433"), (40003, "/run", "5434")], is_asking=False
    )
    assert words[-6:] == ["-p", "23", "-l", "me", "--", "gate"]
    (proxy,) = [word.partition("=")[2] for word in words if word.startswith("ProxyCommand=")]
    assert shlex.split(proxy)[:5] == ["ssh", "-v", "-W", "[%h]:%p", "-o"] and shlex.split(proxy)[-2:] == ["--", "edge"]
    assert "StrictHostKeyChecking=ask" in shlex.split(proxy)
    assert [words[at + 1] for at, word in enumerate(words) if word == "-L"] == [
        "127.0.0.1:40001:db:5432",
        "127.0.0.1:40002:[::1]:5433",
        "127.0.0.1:40003:/run/.s.PGSQL.5434",
    ]
    assert "BatchMode=yes" in words and "StrictHostKeyChecking=ask" in words and "ControlMaster=no" in words


def test_a_place_behind_ssh_is_another_one() -> None:
    near, far = (
        place_of(Profile(name="x", method="dsn", dsn="host=localhost user=u dbname=d", ssh=ssh)) for ssh in ("", "h")
    )
    assert near is not None and far is not None and near != far and near.label != far.label
    alone = place_of(Profile(name="x", method="dsn", dsn="dbname=d user=u", ssh="h"))
    assert alone is not None and alone.servers[0][0] == "localhost"


def test_passwords_of_this_machine_stay_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the password file for a name that means the same everywhere is sent, none for this machine's own."""
    filed = tmp_path / ".pgpass"
    filed.write_text("localhost:5432:*:u:near\ndb.example:5432:*:u:far\n127.0.0.1:5432:*:u:near\n")
    filed.chmod(0o600)

    def sent(dsn: str, ssh: str = "h") -> object:
        kwargs = connection_parameters(Profile(name="x", method="dsn", dsn=dsn, ssh=ssh))["kwargs"]
        assert not ssh or kwargs["passfile"].startswith(os.devnull)
        return kwargs.get("password")

    assert sent("host=db.example user=u") == "far"
    for host in ("localhost", "127.0.0.1", "LOCALHOST.", "::1", "/tmp"):
        assert not sent(f"host={host} user=u"), host
    monkeypatch.setenv("PGPASSWORD", "of the environment")
    assert sent("host=db.example user=u") == "far"
    assert not sent("host=other.example user=u")
    assert sent("host=other.example user=u password=own") in (None, "own")


# Through it


@needs_sshd
async def test_through_one_host_and_another(
    hosts: Hosts, walled: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for ssh in ("gate", "bastion,bare-gate", "bastion"):
        async with connected(walled, ssh) as connector:
            assert await connector.run_async(WHO) == walled["user"]
            assert connector.route is Route.RELAYED
            async with connector.own_connection() as connection:
                assert connection.info.host == walled["host"] and connection.info.hostaddr == "127.0.0.1"
                assert str(connection.info.port) != walled["port"]
                # A cancellation goes through the same tunnel.
                slow = asyncio.create_task(connector.run_async(SLEEPS, connection=connection))
                await asyncio.sleep(0.3)
                slow.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.wait_for(slow, 10)
                assert (await connection.execute("SELECT 1")).fetchone is not None
            shown = [
                (Path("/proc") / str(pid) / name).read_bytes()
                for pid in clients(hosts)
                for name in ("cmdline", "environ")
            ]
            assert shown and not any(walled["password"].encode() in each for each in shown)
        assert not clients(hosts)
    assert walled["password"] not in caplog.text and walled["password"] not in hosts.log


@needs_sshd
async def test_to_several_servers_and_to_a_socket(hosts: Hosts, walled: dict[str, str], module_dsn: str) -> None:
    several = walled | {"host": "127.0.0.1,localhost", "port": f"1,{walled['port']}"}
    async with connected(several, "bastion") as connector:
        assert await connector.run_async(WHO) == walled["user"]
        async with connector.own_connection() as connection:
            assert connection.info.host == "localhost"
    words = {name: str(value) for name, value in conninfo_to_dict(module_dsn).items()}
    if not words.get("host", "").startswith("/"):
        pytest.skip("the tests' server has no socket")
    async with connected(words | {"password": "none is asked"}, "bastion") as connector:
        assert await connector.run_async(WHO) == words["user"]
        assert connector.route is not Route.POOLED


@needs_sshd
async def test_what_ssh_config_would_share_or_leave_running_is_ours_alone(hosts: Hosts, walled: dict[str, str]) -> None:
    """A master for the first host that outlives its use, and a forwarding whose port is taken."""
    shared = f"ControlMaster auto\nControlPath {hosts.folder}/master-%C\nControlPersist 600\n"
    hosts.configure(more=f"Host bastion\n{shared}Host *\nLocalForward {walled['port']} 127.0.0.1:1\n")
    async with connected(walled) as connector:
        assert await connector.run_async(WHO) == walled["user"]
        assert not list(hosts.folder.glob("master-*"))
    assert not clients(hosts)


@needs_sshd
@pytest.mark.skipif(shutil.which("script") is None, reason="needs script, which makes a terminal")
def test_the_command_line_asks_on_the_terminal(hosts: Hosts, walled: dict[str, str], tmp_path: Path) -> None:
    hosts.know("bastion")
    hosts.configure(key="locked")
    (tmp_path / ".pgpass").write_text("")
    token = tmp_path / "token"
    token.write_text(walled["password"])
    profile = replace(through(walled), password_command=("cat", str(token)))
    ProfileStore().save(profile)
    place = place_of(profile)
    assert place is not None
    allow(profile.password_command, place)
    words = [sys.executable, "-m", "jobdesk_core", "check", "--profile", "walled"]
    alone = subprocess.run(words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    assert "FAILED  SSH" in alone.stdout and "did not accept any key" in alone.stdout, alone
    said = _on_a_terminal(words, {"Enter passphrase for key": PASSPHRASE, "known from now on?": "y"})
    assert hosts.fingerprint("gate") in said and "ok      Sign-in" in said, said
    assert said.count("Enter passphrase") == 1 and not tells(said) and not clients(hosts)


def _on_a_terminal(words: list[str], answers: dict[str, str]) -> str:
    """What a program says on a terminal, where each question is answered once it is asked."""
    line = ["script", "-qec", shlex.join(words), os.devnull]
    said, waiting, ends_at = "", dict(answers), time.monotonic() + 60
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as program:
        assert program.stdin is not None and program.stdout is not None
        try:
            while time.monotonic() < ends_at:
                if not select.select([program.stdout], [], [], 0.1)[0]:
                    continue
                piece = program.stdout.read(4096)
                if not piece:
                    break
                said += piece.decode("utf-8", "replace")
                for question in [each for each in waiting if each in said]:
                    program.stdin.write(f"{waiting.pop(question)}\n".encode())
        finally:
            program.kill()
    return said


@pytest.fixture
def encrypting() -> Iterator[TlsServer]:
    with tempfile.TemporaryDirectory(prefix="jobdesk-tls-") as made:
        Path(made).chmod(0o755)
        with tls_server(Path(made)) as server:
            yield server


@needs_sshd
@needs_tls
async def test_a_certificate_is_checked_against_the_servers_own_name(hosts: Hosts, encrypting: TlsServer) -> None:
    """Not against the tunnel's end: the certificate `soon` names no address of the loopback."""
    words = {"host": "localhost", "port": str(encrypting.port), "user": "me", "dbname": "postgres"}
    words |= {"sslmode": "verify-full", "sslrootcert": f"{encrypting.folder}/ca.crt", "password": "mine"}
    await asyncio.to_thread(encrypting.show, "soon")
    async with connected(words) as connector, connector.own_connection() as connection:
        assert connection.pgconn.ssl_in_use and connection.info.host == "localhost"
    await asyncio.to_thread(encrypting.show, "other")
    with pytest.raises(ConnectorException) as caught:
        async with connected(words):
            pass
    assert '"elsewhere.example", not for localhost' in explain(caught.value).sentence


@needs_sshd
async def test_a_new_host_is_shown_and_never_accepted_silently(hosts: Hosts, walled: dict[str, str]) -> None:
    # ssh_config would accept it: not for us.
    hosts.configure(more="StrictHostKeyChecking accept-new\n")
    hosts.know()
    for ask, words in (
        (None, "is not known on this machine"),
        (Answers(None), "was not answered"),
        (Answers("no"), "not accepted"),
    ):
        with pytest.raises(TunnelFailed) as caught:
            async with connected(walled, ask=ask):
                pass
        assert words in explain(caught.value).sentence
        assert not hosts.known
    answers = Answers("yes", "yes")
    async with connected(walled, ask=answers) as connector:
        assert await connector.run_async(WHO) == walled["user"]
    for question, name in zip(answers.questions, ("bastion", "gate"), strict=True):
        assert (question.kind, question.fingerprint) == ("host key", hosts.fingerprint(name))
        assert question.key_type == "ED25519" and str(hosts.ports[name]) in question.host
        assert str(hosts.ports[name]) in hosts.known
    async with connected(walled, ask=Answers()):
        pass


@needs_sshd
async def test_a_host_whose_key_has_changed_is_refused(hosts: Hosts, walled: dict[str, str]) -> None:
    for name in ("gate", "bastion"):
        hosts.know("gate", "bastion", instead=True)
        hosts.configure(more="" if name == "bastion" else f"Host bastion\nUserKnownHostsFile {hosts.folder}/more\n")
        (hosts.folder / "more").write_text(
            f"[127.0.0.1]:{hosts.ports['bastion']} "
            + " ".join((hosts.folder / "bastion" / "key.pub").read_text().split()[:2])
            + "\n"
        )
        answers = Answers()
        with pytest.raises(TunnelFailed) as caught:
            async with connected(walled, ask=answers):
                pass
        trouble = explain(caught.value)
        assert "is not the one that it had" in trouble.sentence and "known_hosts:" in trouble.detail, (name, trouble)
        assert not answers.questions


@needs_sshd
async def test_a_passphrase_is_asked_and_kept_for_the_next_time(
    hosts: Hosts, walled: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hosts.configure(key="locked")
    # Each host wants it, and it is asked once; the first answer is wrong.
    answers = Answers("Zq9xV wrong", PASSPHRASE)
    async with connected(walled, ask=answers) as connector:
        assert await connector.run_async(WHO) == walled["user"]
        assert {each.kind for each in answers.questions} == {"passphrase"}
        assert [each.is_again for each in answers.questions] == [False, True]
        count = len(answers.questions)
        assert masking.masked(f"it is {PASSPHRASE}!") == "it is •••!"
        for pid in clients(hosts):
            for name in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    assert not tells((Path("/proc") / str(pid) / name).read_bytes())
        assert not [name for name, content in left_behind() if tells(content)]
        # After a break it is opened anew, without asking again.
        _kill(clients(hosts))
        await until(lambda: not clients(hosts), what="the break")
        await _comes_back(connector, walled["user"])
        assert len(answers.questions) == count
    assert not tells(caplog.text, hosts.log)
    answers = Answers(None)
    with pytest.raises(TunnelFailed) as caught:
        async with connected(walled, ask=answers):
            pass
    assert "was not answered" in explain(caught.value).sentence and len(answers.questions) == 1
    with pytest.raises(TunnelFailed) as caught:
        async with connected(walled):
            pass
    assert "did not accept any key" in explain(caught.value).sentence


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)


async def _comes_back(connector: PsycopgConnector, role: str) -> None:
    ends_at = time.monotonic() + 60
    while True:
        try:
            assert await connector.run_async(WHO) == role
            return
        except ConnectorException:
            assert time.monotonic() < ends_at
            await asyncio.sleep(0.2)


@needs_sshd
async def test_after_a_break_it_is_opened_anew(hosts: Hosts, walled: dict[str, str]) -> None:
    async with connected(walled) as connector:
        first = clients(hosts)
        _kill(first)
        await _comes_back(connector, walled["user"])
        assert not set(first) & set(clients(hosts))
        await asyncio.to_thread(hosts.stop, "gate")
        _kill([pid for pid in ours(str(hosts.folder / "gate")) if b"sshd" in _name(pid)])
        await asyncio.to_thread(_kill, clients(hosts))
        with pytest.raises(ConnectorException):
            async with connector.own_connection():
                pass
        await asyncio.to_thread(hosts.start, "gate")
        await _comes_back(connector, walled["user"])
    assert not clients(hosts)


@needs_sshd
async def test_it_ends_with_us_when_we_are_killed(hosts: Hosts, walled: dict[str, str]) -> None:
    script = (
        "import asyncio, sys\n"
        "from jobdesk_core.connectors.psycopg import PsycopgConnector\n"
        "from jobdesk_core.profiles import Profile, connection_parameters\n"
        "from jobdesk_core.profiles.secrets import typed\n"
        "password = sys.stdin.readline().strip()\n"
        f"profile = Profile(name='x', method='arguments', arguments={through(walled).arguments!r}, ssh='gate')\n"
        "async def main():\n"
        "    connector = PsycopgConnector(**connection_parameters(profile, typed(profile, password)))\n"
        "    await connector.open_async()\n"
        "    print('stands', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    desk = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert desk.stdin is not None and desk.stdout is not None
    try:
        desk.stdin.write(f"{walled['password']}\n".encode())
        assert await asyncio.wait_for(desk.stdout.readline(), 60) == b"stands\n"
        assert len(clients(hosts)) > 1
    finally:
        desk.kill()
        await desk.wait()
    await until(lambda: not clients(hosts), what="the end of ssh")


@needs_sshd
async def test_what_goes_wrong_is_a_sentence(
    hosts: Hosts, walled: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def said(words: dict[str, str] = walled, ssh: str = "bastion") -> str:
        with pytest.raises(ConnectorException) as caught:
            async with connected(words, ssh):
                pass
        trouble = explain(caught.value)
        assert trouble.remedy and trouble.kind == "unreachable", trouble
        return trouble.sentence

    assert "does not reach the database server" in await said(walled | {"port": "1"})
    assert "does not know the database server's name" in await said(walled | {"host": "nowhere.invalid"})
    assert await said(ssh="nowhere.invalid") == "The SSH host nowhere.invalid is not known."
    assert await said(ssh="127.0.0.1:1") == "Nothing listens for SSH at 127.0.0.1."
    assert "does not accept its configuration" in await _with(hosts, "Nonsense yes\n", said)
    hosts.configure(key="stranger")
    assert "did not accept any key" in await said()
    hosts.configure()
    hosts.stop("bastion")
    rules = hosts.folder / "bastion" / "config"
    rules.write_text(rules.read_text() + "AllowTcpForwarding no\n")
    hosts.start("bastion")
    assert await said() == "The SSH host bastion does not allow forwarding to this server."
    # What is no server of SSH: PostgreSQL itself.
    assert "ended the connection before" in await said(ssh=f"127.0.0.1:{walled['port']}")
    monkeypatch.setenv("PATH", str(hosts.folder))
    assert await said() == "There is no program ssh on this machine."
    assert not clients(hosts)


async def _with(hosts: Hosts, more: str, said: Callable[[], object]) -> str:
    hosts.configure(more=more)
    try:
        return str(await said())  # type: ignore[misc]
    finally:
        hosts.configure()


@needs_sshd
async def test_the_probe_goes_through_it(hosts: Hosts, walled: dict[str, str]) -> None:
    profile = through(walled)
    steps = [step async for step in probe(profile, typed(profile, walled["password"]))]
    names = [step.name for step in steps]
    assert "SSH" in names and names.index("SSH") < names.index("TCP") and "Sign-in" in names
    assert not [step for step in steps if step.result == "bad" and step.name != "Schema"], steps
    assert not clients(hosts)
    steps = [step async for step in probe(through(walled, "127.0.0.1:1"), typed(profile, "x"))]
    assert (steps[-1].name, steps[-1].result) == ("SSH", "bad")


# What ssh says


def test_the_help_has_every_sentence() -> None:
    text = (Path(__file__).parents[2] / "resources" / "help" / "troubleshooting.md").read_text("utf-8")
    headings = {line.removeprefix("### ") for line in text.splitlines()}
    for sentence, remedy in TUNNELS.values():
        shown = sentence.format(what="ssh" if "no program" in sentence else "…")
        assert shown in headings and remedy


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Enter passphrase for key '/home/me/.ssh/id_ed25519': ", "passphrase"),
        ("(me@bastion) Verification code: ", "secret"),
        ("me@bastion's password: ", "secret"),
        ("Accept updated hostkeys? (yes/no): ", "confirm"),
    ],
)
def test_what_ssh_asks(text: str, kind: str) -> None:
    assert question_of(text).kind == kind


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ssh: connect to host 10.0.0.1 port 22: Connection timed out", "unreachable"),
        ("ssh: connect to host 10.0.0.1 port 22: No route to host", "unreachable"),
        ("ssh: connect to host edge port 22: Connection refused", "refused"),
        ("me@edge: Permission denied (publickey,keyboard-interactive).", "authentication"),
        ("Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures", "authentication"),
        ("kex_exchange_identification: Connection closed by remote host", "no ssh"),
        ("Host key verification failed.", "key unknown"),
        ("Timeout, server edge not responding.", "unreachable"),
        ("something else", "ended"),
    ],
)
def test_why_ssh_ended(line: str, reason: str) -> None:
    assert refusal(["debug1: Permission denied (x)", line], "gate").reason == reason
