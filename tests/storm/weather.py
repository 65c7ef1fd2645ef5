"""What goes wrong in the storm: links that lose answers or freeze, and processes that are killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from relays import until_one_ends


@contextlib.asynccontextmanager
async def leaky(dsn: str, folder: Path, chance: random.Random) -> AsyncIterator[str]:
    """The connection string of the same database over a link that now and then loses an answer, above all to COMMIT."""
    target = conninfo_to_dict(dsn)
    socket = f"{target['host']}/.s.PGSQL.{target.get('port') or 5432}"
    clients: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        clients.add(task)
        task.add_done_callback(clients.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            from_server, to_server = await asyncio.open_unix_connection(socket)
            link = _Link(chance)
            try:
                await until_one_ends(link.up(reader, to_server), link.down(from_server, writer))
            finally:
                to_server.close()
        writer.close()

    server = await asyncio.start_unix_server(serve, str(folder / ".s.PGSQL.5432"))
    try:
        yield make_conninfo(dsn, host=str(folder), port=5432)
    finally:
        server.close()
        for client in list(clients):
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


class _Link:
    """One connection: after some message to the server, the answer is lost or late."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._is_lost = False

    async def up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self._chance.random() < (0.02 if b"COMMIT" in data else 0.001):
                self._is_lost = True
            writer.write(data)
            await writer.drain()

    async def down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self._is_lost:
                return
            if self._chance.random() < 0.001:
                await asyncio.sleep(self._chance.random() * 3)
            writer.write(data)
            await writer.drain()


class Strikes:
    """Kills, one at a time, what there is: a process, connections, or a backend, which brings the server down."""

    def __init__(self, dsn: str, chance: random.Random) -> None:
        self._dsn = dsn
        self._chance = chance
        self.count = {"server": 0, "connections": 0, "processes": 0}

    def strike(self, processes: list[int]) -> None:
        """Once; `processes` are workers and desks."""
        draw = self._chance.random()
        if draw < 0.6 and processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._chance.choice(processes), signal.SIGKILL)
            self.count["processes"] += 1
        elif draw < 0.9:
            self._end_connections()
            self.count["connections"] += 1
        else:
            self._crash()
            self.count["server"] += 1

    def _end_connections(self) -> None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database() AND (query ILIKE 'LISTEN%' OR random() < 0.3)"
            )

    def _crash(self) -> None:
        """A backend that is killed has the server drop every connection and recover from its log."""
        with contextlib.suppress(psycopg.Error), psycopg.connect(self._dsn, autocommit=True) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            connection.execute("SELECT 1")
