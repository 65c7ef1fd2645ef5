"""A primary and its hot standby, both real: the standby is a base backup that goes on by streaming replication."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from database import run_sql
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer
from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Replicas:
    """The primary, with the schema in its database `postgres`, and the standby."""

    def __init__(self, primary: EmbeddedServer, standby: EmbeddedServer) -> None:
        self.primary = primary
        self.standby = standby

    @property
    def dsn_of_both(self) -> str:
        """The connection string that leads to whichever of the two takes changes."""
        hosts = ",".join(str(conninfo_to_dict(server.dsn)["host"]) for server in (self.primary, self.standby))
        return make_conninfo(self.primary.dsn, host=hosts, target_session_attrs="read-write")

    def fail_over(self) -> None:
        """Have the primary gone, and the standby promoted."""
        self.primary.stop()
        run_sql(self.standby.dsn, "SELECT pg_promote()")

    def has_all(self) -> bool:
        """Whether the standby has replayed what the primary has written."""
        (written,) = run_sql(self.primary.dsn, "SELECT pg_current_wal_lsn()::text")
        (behind,) = run_sql(self.standby.dsn, f"SELECT pg_last_wal_replay_lsn() < '{written}'")
        return not behind


@contextlib.contextmanager
def replicas() -> Iterator[Replicas]:
    """Both servers, in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="jobdesk-tests-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        primary = stack.enter_context(EmbeddedServer(folder / "primary", is_durable=False))
        with psycopg.connect(primary.dsn) as connection:
            connection.execute(schema_sql().encode())
        yield Replicas(primary, stack.enter_context(_standby_of(primary, folder / "standby")))


def _standby_of(primary: EmbeddedServer, folder: Path) -> EmbeddedServer:
    standby = EmbeddedServer(folder, is_durable=False)
    (data,) = primary.folder.glob("data-*")
    folder.mkdir()
    command = [str(standby._binaries() / "pg_basebackup"), "-D", str(folder / data.name), "-R", "--checkpoint=fast"]
    subprocess.run([*command, "--no-sync", "-d", primary.dsn], check=True, capture_output=True, cwd="/")
    return standby
