"""Several hosts: one that accepts and never answers is waited for once, not by every connection."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from jobdesk_core.connectors.hosts import several
from jobdesk_core.connectors.limits import LimitedAsyncConnection, LimitedConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Silent:
    """A host that accepts, and never says a word."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.accepted: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.accepted.append(self._socket.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._socket.close()
        for each in self.accepted:
            each.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    made = Silent()
    yield made
    made.close()


def both(silent: Silent, dsn: str) -> str:
    real = conninfo_to_dict(dsn)
    hosts, ports = f"127.0.0.1,{real['host']}", f"{silent.port},{real.get('port') or 5432}"
    return make_conninfo(dsn, host=hosts, port=ports, connect_timeout=2)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_silent_host_is_waited_for_once(is_async: bool, silent: Silent, dsn: str) -> None:
    async def later() -> int:
        connection: Any = await LimitedAsyncConnection.connect(both(silent, dsn))
        await connection.close()
        return len(silent.accepted)

    def now() -> int:
        LimitedConnection.connect(both(silent, dsn)).close()
        return len(silent.accepted)

    connect = (lambda: asyncio.run(later())) if is_async else now
    first = connect()
    assert first >= 1, "the first host was not even asked"
    assert [connect(), connect()] == [first, first]


def test_what_names_several_hosts_and_what_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert several("host=a port=1", {}) is None and several("service=x host=a,b", {}) is None
    assert several("not a dsn", {}) is None and several("host=a,b port=1,2,3", {}) is None
    found = several("host=a,b port=5433", {})
    assert found is not None and found.in_order == {"host": "a,b", "port": "5433,5433"}
    found = several("host=a", {"host": "c,d"})
    assert found is not None and found.in_order == {"host": "c,d"}
    monkeypatch.setenv("PGHOST", "e,f")
    found = several("", {})
    assert found is not None and found.in_order == {"host": "e,f"}
