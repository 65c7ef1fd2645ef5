"""A link to a database that breaks at a COMMIT: before the server has it, or with the answer that is then lost."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from relays import message, until_one_ends

#: What is lost: COMMIT itself, or the server's answer to it; or the answer to the statement before it.
Fault = Literal["question", "answer", "statement"]
COMMIT = b"COMMIT\0"


class Dropper:
    """Listens on a port of 127.0.0.1 and connects each client to the database of a connection string.

    `lose(fault, after)` breaks the link of whoever sends the next COMMIT but `after`; while `is_down`, new links are
    closed at once. `commits` counts those that were seen.
    """

    def __init__(self, dsn: str) -> None:
        self._target = conninfo_to_dict(dsn)
        self._dsn = dsn
        self._fault: Fault | None = None
        self._after = 0
        self._statement = self._marked = b""
        self._stays_down = False
        self.is_down = False
        self.commits = 0
        self.lost = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._clients: set[asyncio.Task[None]] = set()
        self.dsn = ""

    def lose(
        self,
        fault: Fault,
        after: int = 0,
        *,
        statement: bytes = b"",
        stays_down: bool = False,
        marked: bytes = b"",
    ) -> None:
        """Break the link of whoever sends the next COMMIT but so many, or the statement with such a text.

        With `marked`, of those only whose transaction has sent this text before. If it `stays_down`, all links break.
        """
        self._after, self._statement, self._stays_down, self._marked = after, statement, stays_down, marked
        self.lost.clear()
        self._fault = fault

    @contextlib.contextmanager
    def running(self) -> Iterator[Dropper]:
        """Listen, in a thread of its own."""
        started = threading.Event()

        async def serve() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            self.dsn = make_conninfo(self._dsn, host="127.0.0.1", port=port, hostaddr=None, sslmode="disable")
            self._ended = asyncio.Event()
            started.set()
            await self._ended.wait()
            server.close()
            for client in self._clients:
                client.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)

        thread = threading.Thread(target=self._loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        started.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join(10)
            self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if not self.is_down:
                await self._pass(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._clients.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = f"{self._target['host']}/.s.PGSQL.{self._target.get('port', 5432)}"
        from_server, to_server = await asyncio.open_unix_connection(path)
        swallows = asyncio.Event()
        try:
            await until_one_ends(
                self._to_server(reader, to_server, swallows), self._to_client(from_server, writer, swallows)
            )
        finally:
            to_server.close()

    async def _to_server(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallows: asyncio.Event
    ) -> None:
        """Each message but the first: a letter, and a length that counts itself."""
        head = await reader.readexactly(4)
        writer.write(head + await reader.readexactly(int.from_bytes(head, "big") - 4))
        is_marked = False
        while True:
            head, body = await message(reader)
            if head[:1] == b"Q" and body.startswith(b"BEGIN"):
                is_marked = False
            elif self._marked and self._marked in body:
                is_marked = True
            if self._is_it(head[:1], body, is_marked=is_marked or not self._marked):
                if self._fault == "question":
                    self._lost()
                    return
                swallows.set()
            writer.write(head + body)
            await writer.drain()

    async def _to_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallows: asyncio.Event
    ) -> None:
        while data := await reader.read(65_536):
            if swallows.is_set():
                # It has answered, and so it has done it.
                self._lost()
                return
            writer.write(data)
            await writer.drain()

    def _is_it(self, kind: bytes, body: bytes, *, is_marked: bool) -> bool:
        if kind not in (b"Q", b"P"):
            return False
        is_commit = COMMIT in body
        self.commits += is_commit
        if self._fault is None or not (is_commit if self._fault != "statement" else self._statement in body):
            return False
        if not is_marked:
            return False
        self._after -= 1
        return self._after < 0

    def _lost(self) -> None:
        self._fault = None
        self.is_down = self._stays_down
        if self._stays_down:
            for client in self._clients:
                client.cancel()
        self.lost.set()
