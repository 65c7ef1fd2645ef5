"""What the proof needs on this machine: a PostgreSQL that speaks TLS alone, with busy workers, and a display."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from packager import environment
from packager.environment import VENV
from packager.project import ROOT, NotReady

PASSWORD = "only-for-the-proof"
BUSY = """
import asyncio, sys
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.database.schema import install
from jobdesk_core.demo.history import fill_history
from jobdesk_core.demo.tasks import create_app
from jobdesk_core.demo.trickle import trickle

async def main(dsn):
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    await install(connector)
    await fill_history(connector)
    print("ready", flush=True)
    await trickle(create_app(connector))

asyncio.run(main(sys.argv[1]))
"""


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, Path]]:
    """A server on the loopback that takes TLS with passwords alone: the connection string and its certificate."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        raise NotReady("There is no PostgreSQL server to prove the packages with: sudo apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="jobdesk-proof-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        _certificate(folder)
        (folder / "password").write_text(PASSWORD)
        owner = _give_to_someone(folder)
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            folder / "data",
            "-U",
            "operator",
            "--auth=scram-sha-256",
        ]
        environment.run(*owner, *initdb, "--pwfile", folder / "password", "--locale=C", "--encoding=UTF8", cwd=folder)
        rules = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
        (folder / "data" / "pg_hba.conf").write_text(rules)
        port = _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "ssl": "on",
            "ssl_cert_file": folder / "server.crt",
            "ssl_key_file": folder / "server.key",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with (folder / "log").open("w") as log:
            command = [*owner, programs / "postgres", "-D", folder / "data", *options]
            server = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, cwd=folder)
        try:
            base = f"host=127.0.0.1 port={port} user=operator password={PASSWORD} dbname=postgres sslmode=verify-full"
            yield base, folder / "server.crt"
        finally:
            server.terminate()
            server.wait(20)


@contextlib.contextmanager
def database(base: str, certificate: Path, name: str) -> Iterator[str]:
    """A database of this name: its connection string, by which the server must prove who it is."""
    dsn = f"{base} sslrootcert={certificate}"
    code = (
        "import psycopg, sys; psycopg.connect(sys.argv[1], autocommit=True).execute('CREATE DATABASE ' + sys.argv[2])"
    )
    environment.run(VENV / "bin" / "python", "-c", code, dsn, name)
    yield dsn.replace("dbname=postgres", f"dbname={name}")


@contextlib.contextmanager
def busy(dsn: str) -> Iterator[None]:
    """The schema, an hour of history, workers and a trickle of jobs in that database, for as long as it lasts."""
    python = VENV / "bin" / "python"
    with contextlib.ExitStack() as stack:
        trickle = _started(stack, python, "-c", BUSY, dsn)
        assert trickle.stdout is not None
        if trickle.stdout.readline() != b"ready\n":
            raise NotReady("The proof's database did not get its jobs.")
        for name in ("desk-1", "desk-2"):
            _started(stack, python, "-m", "jobdesk_core.demo.worker", dsn, name, "")
        yield


@contextlib.contextmanager
def display() -> Iterator[str]:
    """An X server of 1280x800: what DISPLAY is to be."""
    name = f":{next(number for number in range(90, 200) if not Path(f'/tmp/.X11-unix/X{number}').exists())}"
    with contextlib.ExitStack() as stack:
        # Without -noreset it begins anew whenever its last client leaves, and refuses the next one meanwhile.
        _started(stack, "Xvfb", name, "-screen", "0", "1280x800x24", "-ac", "-nolisten", "tcp", "-noreset")
        deadline = time.monotonic() + 20
        while not Path(f"/tmp/.X11-unix/X{name[1:]}").exists():
            if time.monotonic() > deadline:
                raise NotReady("Xvfb did not start.")
            time.sleep(0.05)
        yield name


def seconds_to_window(display_name: str, begun: float, timeout_s: float = 60) -> float:
    """How long after `begun` the window can be seen. Raises NotReady when it cannot."""
    while time.monotonic() < begun + timeout_s:
        # By its class: Qt has a hidden window of the same name.
        windows = _looked(display_name, "-root", "-tree")
        found = re.search(r'(0x\w+) "Jobdesk": \("jobdesk"', windows)
        if found is not None and "IsViewable" in _looked(display_name, "-id", found[1], "-stats"):
            return time.monotonic() - begun
        time.sleep(0.01)
    raise NotReady("No window was seen.")


def _looked(display_name: str, *arguments: str) -> str:
    command = ["xwininfo", "-display", display_name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout


def screenshot(display_name: str, path: Path) -> None:
    """A picture of the whole screen."""
    code = (
        "import sys; from PySide6.QtGui import QGuiApplication; app = QGuiApplication([]);"
        "sys.exit(not app.primaryScreen().grabWindow(0).save(sys.argv[1]))"
    )
    variables = {**os.environ, "DISPLAY": display_name, "QT_QPA_PLATFORM": "xcb"}
    environment.run(VENV / "bin" / "python", "-c", code, path, env=variables)


def _started(stack: contextlib.ExitStack, *command: str | Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [str(part) for part in command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


def _certificate(folder: Path) -> None:
    environment.run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
        *("-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", folder / "server.key", "-out", folder / "server.crt"),
    )
    (folder / "server.key").chmod(0o600)


def _give_to_someone(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: who it runs as, as the beginning of a command."""
    if os.geteuid() != 0:
        return []
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, "nobody", "nogroup")
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
