"""Commands and webhooks: what they get, how long they may take, what is said of them, and what is never told."""

from __future__ import annotations

import datetime as dt
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.alerts.sending import allow, is_allowed, send
from jobdesk_core.alerts.telling import Telling
from jobdesk_core.alerts.ways import Command, Webhook, address_problem

NOW = dt.datetime(2026, 5, 4, 12, 30, 20, tzinfo=dt.UTC)
ALERT = Alert("billing", "idle_queue", "mail", "idle_queue", "mail stands still", "44 due.", "bad", NOW, 41.0)
TOLD = Telling("began", ALERT, AlertRule("idle_queue"))

pytestmark = pytest.mark.usefixtures("alone")


def script(folder: Path, text: str) -> Path:
    path = folder / "page-oncall"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def run(folder: Path, text: str, timeout_s: float = 30, *more: str) -> str:
    command = Command("page-oncall", (str(script(folder, text)), *more), timeout_s)
    allow(command)
    return send(command, TOLD).trouble


def test_a_command_gets_the_alert_and_its_own_arguments(tmp_path: Path) -> None:
    os.environ["PGPASSWORD"] = "a secret of ours"
    try:
        trouble = run(
            tmp_path, f'cat > "{tmp_path}/got"; echo "$1" > "{tmp_path}/one"; env > "{tmp_path}/env"', 30, "$(x); y"
        )
    finally:
        del os.environ["PGPASSWORD"]
    assert trouble == ""
    got = json.loads((tmp_path / "got").read_text())
    assert got["text"] == "mail stands still (billing): 44 due."
    assert (got["event"], got["severity"], got["since"]) == ("began", "critical", NOW.isoformat())
    assert (tmp_path / "one").read_text() == "$(x); y\n"
    assert "secret of ours" not in (tmp_path / "env").read_text()


@pytest.mark.skipif(os.name == "nt", reason="there are no limits of a file's size")
def test_what_was_allowed_stays_so_when_the_disk_is_full() -> None:
    import resource

    before, now = Command("before", ("page", "before")), Command("now", ("page", "now"))
    allow(before)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        allow(before)
        allow(now)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    # It could not be kept, and holds for this program.
    assert is_allowed(before) and is_allowed(now)
    asked = "from jobdesk_core.alerts.sending import is_allowed; from jobdesk_core.alerts.ways import Command; "
    asked += "print(*(is_allowed(Command(each, ('page', each))) for each in ('before', 'now')))"
    ran = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo begin >&2; echo 'no route to host' >&2; exit 1", "page-oncall ended with 1: no route to host."),
        ("exit 3", "page-oncall ended with 3."),
        ("kill -9 $$", "page-oncall was ended by signal 9."),
        # However much it says, the last line counts, and no more than there is room for.
        ("seq 100000 >&2; echo 'no route to host' >&2; exit 1", "page-oncall ended with 1: no route to host."),
        ("exec yes >&2", "page-oncall complains without end, and was ended."),
        # It need not read what it is given.
        ("exec 0<&-; exit 0", ""),
        # What it leaves behind is not waited for.
        ("sleep 40 & exit 0", ""),
    ],
)
def test_how_a_command_ended(tmp_path: Path, text: str, told: str) -> None:
    began = time.monotonic()
    assert run(tmp_path, text) == told
    assert time.monotonic() - began < 30


def test_a_command_that_hangs_is_ended_with_all_it_has_started(tmp_path: Path) -> None:
    assert run(tmp_path, f'sleep 300 & echo $! > "{tmp_path}/pid"; wait', 1) == (
        "page-oncall has not ended within 1 s, and was ended."
    )
    pid = int((tmp_path / "pid").read_text())
    for _ in range(200):
        try:
            os.kill(pid, 0)
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                break
        except OSError:
            break
        time.sleep(0.02)
    else:
        raise AssertionError("what it has started lives on")


def test_a_command_runs_only_once_its_owner_has_allowed_it(tmp_path: Path) -> None:
    command = Command("page-oncall", (str(script(tmp_path, f'touch "{tmp_path}/ran"')),))
    assert send(command, TOLD).trouble == "page-oncall has not been allowed to run on this machine."
    allow(command)
    # Another argument is another command.
    other = Command("page-oncall", (*command.argv, "-x"))
    assert (is_allowed(command), is_allowed(other)) == (True, False)
    assert not (tmp_path / "ran").exists()
    assert send(command, TOLD).trouble == ""
    assert (tmp_path / "ran").exists()
    gone = Command("gone", (str(tmp_path / "gone"),))
    allow(gone)
    assert send(gone, TOLD).trouble == f"gone: the program {tmp_path}/gone is not there, or may not be run."


class Hook(ThreadingHTTPServer):
    """Answers with one code after the other, the last one again and again; 0: with nothing."""

    daemon_threads = True

    def __init__(self, codes: list[int]) -> None:
        self.codes, self.got, self.done = codes, [], threading.Event()  # type: ignore[var-annotated]
        super().__init__(("127.0.0.1", 0), Answering)


class Answering(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.got.append((self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
        codes = self.server.codes
        code = codes.pop(0) if len(codes) > 1 else codes[0]
        if not code:
            self.server.done.wait(20)
            return
        self.send_response(code)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def hook(*codes: int) -> Iterator[tuple[Hook, Webhook]]:
    with Hook(list(codes)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server, Webhook("chat", f"http://127.0.0.1:{server.server_port}/hooks/T0K3N?x=1", timeout_s=1)
        finally:
            server.done.set()
            server.shutdown()
            thread.join(10)


@pytest.mark.parametrize(
    ("codes", "asked", "told"),
    [
        ((200,), 1, ""),
        ((204,), 1, ""),
        ((503, 200), 2, ""),
        ((503,), 2, "chat: 127.0.0.1 answered 503."),
        ((429, 200), 2, ""),
        ((404,), 1, "chat: 127.0.0.1 answered 404."),
        ((302,), 1, "chat: 127.0.0.1 answered 302 and leads elsewhere, which is not followed."),
        ((307,), 1, "chat: 127.0.0.1 answered 307 and leads elsewhere, which is not followed."),
        ((0,), 2, "chat: 127.0.0.1 has not answered within 1 s."),
    ],
)
def test_what_a_webhook_answers(codes: tuple[int, ...], asked: int, told: str) -> None:
    with hook(*codes) as (server, way):
        pauses: list[float] = []
        assert send(way, TOLD, pause=pauses.append).trouble == told
        assert len(server.got) == asked
        path, headers, body = server.got[0]
    assert path == "/hooks/T0K3N?x=1"
    assert headers["Content-Type"].startswith("application/json")
    assert json.loads(body)["title"] == "mail stands still"
    assert len(pauses) == asked - 1


def test_a_name_and_a_password_in_an_address_sign_in_and_stand_nowhere(tmp_path: Path) -> None:
    with hook(200, 500) as (server, way):
        named = Webhook("chat", way.url.replace("127.0.0.1", "me:s3%40cret@localhost"), timeout_s=1)
        assert send(named, TOLD, pause=lambda seconds: None).trouble == ""
        path, headers, _ = server.got[0]
        assert (path, headers["Authorization"]) == ("/hooks/T0K3N?x=1", "Basic bWU6czNAY3JldA==")
        told = send(named, TOLD, pause=lambda seconds: None).trouble
    assert told == "chat: localhost answered 500." and "s3" not in named.place + repr(named)


def test_a_certificate_that_nobody_trusts_and_an_address_that_is_none(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    words = f"req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout {key} -out {certificate}"
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with hook(200) as (server, way):
        server.socket = context.wrap_socket(server.socket, server_side=True)
        guarded = Webhook("chat", f"https://localhost:{server.server_port}/T0K3N", timeout_s=20)
        told = send(guarded, TOLD, pause=lambda seconds: None).trouble
        assert told.startswith("chat: the certificate of localhost is not trusted: self") and server.got == []
        odd = Webhook("chat", way.url + " \u00e4")
        assert send(odd, TOLD).trouble == "chat: The address of the webhook cannot be read."


def test_an_address_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Webhook("chat", "http://127.0.0.1:1/hooks/T0K3N", timeout_s=1)
    trouble = send(closed, TOLD, pause=lambda seconds: None).trouble
    assert trouble == "chat: 127.0.0.1 cannot be reached (Connection refused)."
    assert send(Webhook("chat", url_env="NOT_SET"), TOLD).trouble == "chat: the variable NOT_SET is not set."
    monkeypatch.setenv("HOOK", "ftp://chat.example/T0K3N")
    assert send(Webhook("chat", url_env="HOOK"), TOLD).trouble == "chat: A webhook goes by https."
    assert "T0K3N" not in repr(closed)
    problems = {
        "https://chat.example/T": "",
        "http://localhost:9/x": "",
        "http://chat.example/x": "A webhook goes by https.",
        "https://": "The webhook has no address.",
        "https://x:y/": "The address of the webhook cannot be read.",
    }
    assert {url: address_problem(url) for url in problems} == problems
