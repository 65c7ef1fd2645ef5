"""A real PgBouncer in front of a database, where one is installed; its tests are skipped elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="needs PgBouncer (apt install pgbouncer)")


@contextlib.contextmanager
def pgbouncer(dsn: str, *, mode: str = "transaction", servers: int = 3) -> Iterator[str]:
    """The connection string of the same database through a pooler in this mode, with so many server connections."""
    assert PROGRAM is not None
    target = conninfo_to_dict(dsn)
    with tempfile.TemporaryDirectory(prefix="jobdesk-pgbouncer-") as made:
        folder, port = Path(made), free_port()
        folder.chmod(0o777)
        server = {name: target[name] for name in ("host", "port", "user", "password") if target.get(name)}
        (folder / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = {make_conninfo('', **server)}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = {mode}\ndefault_pool_size = {servers}\nserver_check_delay = 0\n"
        )
        command = [PROGRAM, "-q", str(folder / "pgbouncer.ini")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, **_identity(server))
        try:
            _wait_for(port, process, folder)
            yield make_conninfo(dsn, host="127.0.0.1", port=port, hostaddr=None, password=None)
        finally:
            process.terminate()
            try:
                process.wait(10)
            finally:
                process.kill()


def _identity(server: dict[str, Any]) -> dict[str, Any]:
    """It refuses to be root: it runs as who may enter the folder of the server's socket."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        return {}
    folder = Path(str(server.get("host", "")))
    owner = folder.stat() if folder.is_absolute() and folder.stat().st_uid else None
    return {"user": owner.st_uid if owner else "nobody", "group": owner.st_gid if owner else "nogroup"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError((folder / "log").read_text())
