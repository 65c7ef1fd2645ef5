"""A real PostgreSQL that encrypts, where one is installed that can: its certificate is another one when told so.

The embedded one is built without TLS.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pgbouncer import free_port


def _binaries() -> Path | None:
    """The folder of a PostgreSQL that was built with TLS."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *(Path(each) for each in os.get_exec_path())]
    for folder in found:
        if (folder / "initdb").exists() and (folder / "pg_config").exists():
            words = subprocess.run([folder / "pg_config", "--configure"], capture_output=True, text=True, check=False)
            if "openssl" in words.stdout or "with-ssl" in words.stdout:
                return folder
    return None


BINARIES = _binaries()
needs_tls = pytest.mark.skipif(
    BINARIES is None or shutil.which("openssl") is None, reason="needs a PostgreSQL with TLS, and openssl"
)


def make_certificates(folder: Path) -> None:
    """An authority `ca`, and of it `good` (localhost), `other` (another host), `soon`, `expired`, and a client's `me`.

    `own` is signed by itself.
    """
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\n"
        "policy = any\nemail_in_dn = no\ncopy_extensions = copy\n[any]\ncommonName = supplied\n"
    )
    (folder / "index").touch()
    (folder / "index.attr").write_text("unique_subject = no\n")
    (folder / "serial").write_text("01\n")

    def openssl(words: str) -> None:
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)

    openssl(f"req -x509 {key} -keyout ca.key -out ca.crt -days 400 -subj /CN=authority")
    named = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    openssl(f"req -x509 {key} -keyout own.key -out own.crt -days 400 {named}")
    for name, host, ends in (
        ("good", "DNS:localhost,IP:127.0.0.1", "-days 400"),
        ("other", "DNS:elsewhere.example", "-days 400"),
        ("soon", "DNS:localhost", "-days 3"),
        ("expired", "DNS:localhost", "-startdate 20200101000000Z -enddate 20210101000000Z"),
        ("me", "DNS:me", "-days 400"),
    ):
        subject = "me" if name == "me" else "localhost"
        openssl(f"req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={subject} -addext subjectAltName={host}")
        openssl(f"ca -batch -config ca.cnf -cert ca.crt -keyfile ca.key {ends} -in {name}.csr -out {name}.crt")


class TlsServer:
    """The server: its port, the folder of certificates, and a role `me` with a password or with a certificate."""

    def __init__(self, port: int, folder: Path, owner: dict[str, Any]) -> None:
        self.port = port
        self.folder = folder
        self._owner = owner

    def dsn(self, **parameters: str) -> str:
        """A connection string by TCP."""
        given = {"host": "localhost", "port": str(self.port), "user": "me", "dbname": "postgres", **parameters}
        return psycopg.conninfo.make_conninfo("", **given)

    def show(self, certificate: str) -> None:
        """Show this certificate from now on."""
        for end in ("crt", "key"):
            shown = self.folder / "data" / f"server.{end}"
            shutil.copy(self.folder / f"{certificate}.{end}", shown)
            shown.chmod(0o600)
            if self._owner:
                shutil.chown(shown, **self._owner)
        with psycopg.connect(self.dsn(user="owner", sslmode="require", password="owner's"), autocommit=True) as keeper:
            keeper.execute("SELECT pg_reload_conf()")
        # The next session but one is a new one for certain.
        time.sleep(0.3)


@contextlib.contextmanager
def tls_server(folder: Path) -> Iterator[TlsServer]:
    """The server with its data in a folder that the server's user may enter."""
    assert BINARIES is not None
    make_certificates(folder)
    owner: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}
    data, port = folder / "data", free_port()
    data.mkdir(mode=0o700)
    (folder / "password").write_text("owner's")
    for each in folder.iterdir():
        each.chmod(0o700 if each.is_dir() else 0o644)
        if owner and each.is_dir():
            shutil.chown(each, **owner)
    made: dict[str, Any] = {
        "cwd": "/",
        "env": {**os.environ, "LC_ALL": "C"},
        **owner,
        **({"extra_groups": []} if owner else {}),
    }
    subprocess.run(
        [str(BINARIES / "initdb"), "-D", str(data), "-U", "owner", "--no-sync", "--auth=scram-sha-256",
         f"--pwfile={folder / 'password'}", "--encoding=UTF8", "--locale=C"],
        check=True, capture_output=True, timeout=120, **made,
    )  # fmt: skip
    shutil.copy(folder / "ca.crt", data / "ca.crt")
    (data / "pg_hba.conf").write_text(
        "hostssl all certified all cert map=m\nhostssl all all all scram-sha-256\nhostnossl all plain all trust\n"
    )
    (data / "pg_ident.conf").write_text("m me certified\n")
    for end in ("crt", "key"):
        shutil.copy(folder / f"good.{end}", data / f"server.{end}")
        (data / f"server.{end}").chmod(0o600)
    for each in data.iterdir():
        if owner and each.is_file():
            shutil.chown(each, **owner)
    settings = {
        "ssl": "on", "ssl_ca_file": "ca.crt", "port": str(port), "listen_addresses": "127.0.0.1", "fsync": "off",
        "unix_socket_directories": "",
    }  # fmt: skip
    words = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(BINARIES / "postgres"), "-D", str(data), *words], stdout=log, stderr=log, **made
        )
    server = TlsServer(port, folder, owner)
    try:
        _prepare(server, process)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _prepare(server: TlsServer, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(server.dsn(user="owner", sslmode="require", password="owner's")) as connection:
                connection.execute("CREATE ROLE me LOGIN PASSWORD 'mine'")
                connection.execute("CREATE ROLE certified LOGIN")
                connection.execute("CREATE ROLE plain LOGIN")
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError((server.folder / "log").read_text()) from None
            time.sleep(0.05)
