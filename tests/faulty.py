"""A link to a real server that goes wrong when it is told to: it freezes, floods with rows, or breaks off."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

READY_FOR_QUERY = b"Z"
#: What asks for an encryption by SSL or GSS, behind its length.
ENCRYPTION = (struct.pack("!i", 80877103), struct.pack("!i", 80877104))


class FaultyLink:
    """Listens on a port of this machine and passes each client on to the server of a connection string.

    In threads of its own, so that commands and blocking drivers can use it, too.
    """

    def __init__(self, dsn: str, *, freezes_after_login: bool = False) -> None:
        self._target = conninfo_to_dict(dsn)
        self._freezes_after_login = freezes_after_login
        self._flowing = threading.Event()
        self._flowing.set()
        self._flood: Callable[[], bytes] | None = None
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.dsn = make_conninfo(dsn, host="127.0.0.1", hostaddr=None, port=str(self.port))
        #: Clients that have come so far.
        self.clients = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.break_off()
        self._flowing.set()

    def freeze(self) -> None:
        """Pass nothing on any more; connections stay open, and new ones are accepted."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass everything on again."""
        self._flowing.set()

    def flood(self, row: Callable[[], bytes] = lambda: b"x" * 100) -> None:
        """Answer whatever is asked next with rows without end."""
        self._flood = row

    def break_off(self) -> None:
        """Close every connection."""
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.clients += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _connected(self) -> socket.socket:
        host, port = str(self._target["host"]), str(self._target.get("port", 5432))
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _serve(self, client: socket.socket) -> None:
        with client, self._connected() as server:
            self._sockets |= {client, server}
            back = threading.Thread(target=self._pass_back, args=(server, client), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while data := client.recv(65536):
                    self._flowing.wait()
                    if data[4:] in ENCRYPTION:
                        client.sendall(b"N")
                        continue
                    if self._flood is not None:
                        self._send_rows(client, self._flood)
                    server.sendall(data)
            for each in (client, server):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            back.join()
            self._sockets -= {client, server}

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        is_in = False
        with contextlib.suppress(OSError, EOFError):
            while True:
                head = _exactly(server, 5)
                body = _exactly(server, int.from_bytes(head[1:], "big") - 4)
                self._flowing.wait()
                if not (is_in and self._freezes_after_login):
                    client.sendall(head + body)
                is_in = is_in or head[:1] == READY_FOR_QUERY
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _send_rows(self, client: socket.socket, row: Callable[[], bytes]) -> None:
        column = b"pid\0" + struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0)
        client.sendall(b"1\0\0\0\4" + b"2\0\0\0\4" + _message(b"T", struct.pack("!h", 1) + column))
        while True:
            value = row()
            client.sendall(_message(b"D", struct.pack("!hi", 1, len(value)) + value) * max(1, 65536 // len(value)))


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _exactly(stream: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = stream.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
