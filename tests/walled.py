"""A server that lets nobody in without a password."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jobdesk_core.embedded import EmbeddedServer
from psycopg.conninfo import conninfo_to_dict


@contextlib.contextmanager
def walled_server() -> Iterator[dict[str, str]]:
    """The parameters of its owner, password included; it listens on the loopback."""
    with tempfile.TemporaryDirectory(prefix="jobdesk-tests-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer(Path(folder), is_durable=False, transport="loopback") as server:
            words = {name: str(value) for name, value in conninfo_to_dict(server.dsn).items()}
            password = Path(words.pop("passfile")).read_text().strip().rpartition(":")[2]
            yield words | {"password": password}
