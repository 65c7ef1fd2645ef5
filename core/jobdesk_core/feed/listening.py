"""Listening to the database, which only tells that it is time to read; and noticing where nothing can be heard."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable

from jobdesk_core.connectors.psycopg import Connection, PsycopgConnector
from jobdesk_core.connectors.settings import Route
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.feed.state import Mode
from jobdesk_core.troubles import LINK_LOST, Trouble, explain

#: How long the first notification may take before we believe that none will come.
PROBE_S = 2.0


class Listener:
    """Calls `on_news` for each notification, and `on_deaf` with the reason when it turns out that none arrive."""

    def __init__(
        self, connector: PsycopgConnector, on_news: Callable[[], object], on_deaf: Callable[[str], object]
    ) -> None:
        self._connector = connector
        self._on_news, self._on_deaf = on_news, on_deaf
        self._probe = f"jobdesk_probe_{secrets.token_hex(8)}"
        self._heard = asyncio.Event()
        self._deaf_reason = ""

    @property
    def is_deaf(self) -> bool:
        """Whether nothing can be heard here, so that changes are polled for."""
        return self._deaf_reason != ""

    @property
    def mode(self) -> tuple[Mode, str]:
        """How changes are noticed, and why not live."""
        return ("polling" if self.is_deaf else "live"), self._deaf_reason

    async def listen(self, capabilities: Capabilities) -> None:
        """Listen on a connection of its own; where that is not possible, note why and leave it at that."""
        self._deaf_reason, self._heard = self._refusal(capabilities), asyncio.Event()
        if self.is_deaf:
            return
        listening = asyncio.Event()
        channels = [*capabilities.channels, self._probe]
        listen = asyncio.create_task(
            self._connector.listen_notify(self._notified, channels, on_listening=listening.set)
        )
        begun = asyncio.create_task(listening.wait())
        try:
            await asyncio.wait({listen, begun}, return_when="FIRST_COMPLETED")
            if not listen.done() and not await self._is_heard():
                self._deaf_reason = (
                    "Notifications do not arrive (a pooler in transaction mode?), so changes are polled for."
                )
                self._on_deaf(self._deaf_reason)
                return
            await listen
        finally:
            listen.cancel()
            begun.cancel()
            await asyncio.gather(listen, begun, return_exceptions=True)

    def _refusal(self, capabilities: Capabilities) -> str:
        if capabilities.is_standby:
            return "A standby cannot LISTEN, so changes are polled for."
        if self._connector.route is Route.POOLED:
            return "Behind a pooler, transaction mode: polling."
        return ""

    async def _is_heard(self) -> bool:
        await self._connector.run_async(_notify(self._probe))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROBE_S):
                await self._heard.wait()
        return self._heard.is_set()

    def _notified(self, channel: str, _payload: str) -> None:
        if channel == self._probe:
            self._heard.set()
        else:
            self._on_news()


def _notify(channel: str) -> Statement[None]:
    return Statement("SELECT pg_notify(%(channel)s, '')", lambda rows: None, {"channel": channel})


def trouble_of(error: ConnectorException, listener: asyncio.Task[None]) -> Trouble:
    """Why nothing can be read. The pool only says that it waited in vain: the listener has seen the server's words."""
    trouble = explain(error)
    if trouble.kind in LINK_LOST and listener.done() and not listener.cancelled():
        return explain(listener.exception() or error)
    return trouble


def place_of(connection: Connection) -> str:
    """The host and port that a connection has led to."""
    info = connection.info
    return f"{info.host}:{info.port}" if not info.host.startswith(("/", "@")) else info.host
