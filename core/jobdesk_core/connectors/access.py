"""What a new connection needs that may have changed since the last one: a command's password, a tunnel's end.

A pool connects again and again, by itself and hours later. Each connection asks here first.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Protocol

import psycopg

from jobdesk_core.connectors.ssh.tunnel import Tunnel


class RenewedPassword(Protocol):
    """Gives the password for a new connection, another one than that which was refused. Waits in its thread."""

    def password(self, *, instead_of: str | None = None, is_given_up: threading.Event | None = None) -> str: ...


class Access:
    """Asked by a connector's connections, each in a thread that may wait; between `open` and `close`."""

    def __init__(self, source: RenewedPassword | None = None, tunnel: Tunnel | None = None) -> None:
        self._source, self._tunnel = source, tunnel
        self._is_given_up = threading.Event()
        #: Held by those who ask from a loop: one waits in a thread, the others without one.
        self.turn = asyncio.Lock()

    def open(self) -> None:
        """Connections will be made."""
        self._is_given_up.clear()
        if self._tunnel is not None:
            self._tunnel.open()

    def give_up(self) -> None:
        """No more of them: who waits is told so."""
        self._is_given_up.set()
        if self._tunnel is not None:
            self._tunnel.give_up()

    def close(self) -> None:
        """None is open any more: the tunnel ends."""
        self.give_up()
        if self._tunnel is not None:
            self._tunnel.close()

    def parameters(self) -> dict[str, str]:
        """What the next connection is made with besides. Raises ConnectorException."""
        found = self._tunnel.parameters() if self._tunnel is not None else {}
        if self._source is not None:
            found["password"] = self._source.password(is_given_up=self._is_given_up)
        return found

    def after(self, error: psycopg.Error, used: dict[str, str]) -> dict[str, str]:
        """What a connection is tried with once more that has failed. Raises ConnectorException, or the same error."""
        if _asked_for_password(error):
            if self._source is None:
                raise error
            found = self._source.password(instead_of=used["password"], is_given_up=self._is_given_up)
            if found != used["password"]:
                return used | {"password": found}
        elif self._tunnel is not None and (complaint := self._tunnel.complaint()) is not None:
            raise complaint from error
        raise error


def _asked_for_password(error: psycopg.Error) -> bool:
    """Whether the server had asked for the password before it refused; in no language of its."""
    refused: Any = error.pgconn
    return refused is not None and bool(refused.used_password)
