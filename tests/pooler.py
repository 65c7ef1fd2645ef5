"""A link to a database that passes everything but notifications, as poolers in transaction mode do; it can freeze."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from relays import message, until_one_ends

NOTIFICATION = b"A"


class Pooler:
    """Listens on a socket in a folder, and connects each client to the database of a connection string."""

    def __init__(self, dsn: str, folder: Path, *, passes_notifications: bool = False) -> None:
        self.dsn = make_conninfo(dsn, host=str(folder), port=5432, hostaddr=None)
        self.swallowed = 0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._target = conninfo_to_dict(dsn)
        self._passes_notifications = passes_notifications
        self._path = folder / ".s.PGSQL.5432"
        self._clients: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            async with self._connected() as (from_server, to_server):
                await until_one_ends(self._to_server(reader, to_server), self._to_client(from_server, writer))
        writer.close()
        self._clients.discard(task)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        host, port = str(self._target["host"]), str(self._target.get("port", 5432))
        if host.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            reader, writer = await asyncio.open_connection(host, int(port))
        try:
            yield reader, writer
        finally:
            writer.close()

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.flowing.wait()
            writer.write(data)
            await writer.drain()

    async def _to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await message(reader)
            await self.flowing.wait()
            if head[:1] == NOTIFICATION and not self._passes_notifications:
                self.swallowed += 1
                continue
            writer.write(head + body)
            await writer.drain()
