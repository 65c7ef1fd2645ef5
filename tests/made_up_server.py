"""A server that is none: it asks every client for its password in clear, and keeps what it got."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_SSL, _GSS = 80877103, 80877104
_CLEARTEXT = b"R" + struct.pack("!ii", 8, 3)
_WRONG = 'password authentication failed for user "me"'


class MadeUpServer:
    """Listens on a port of the loopback, or as a socket in a folder.

    `got` are the passwords that it was sent, `asked` how often it asked.

    One that `echoes` says what it was sent when it refuses it, in the `words` that are given: those in which a password
    is refused are told in a sentence of Jobdesk's own, any others as they are.
    """

    def __init__(self, *, echoes: bool = False, words: str = _WRONG + ": got {}", folder: Path | None = None) -> None:
        self.echoes, self.words = echoes, words
        self.got: list[str] = []
        self.asked = 0
        if folder is None:
            self.host, self._socket = "127.0.0.1", socket.create_server(("127.0.0.1", 0))
            self.port: int = self._socket.getsockname()[1]
        else:
            self.host, self.port, self._socket = str(folder), 5432, socket.socket(socket.AF_UNIX)
            self._socket.bind(str(folder / f".s.PGSQL.{self.port}"))
            self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError, struct.error):
                client.settimeout(10)
                self._sign_in(client)

    def _sign_in(self, client: socket.socket) -> None:
        while True:
            (length,) = struct.unpack("!i", _read(client, 4))
            (code,) = struct.unpack("!i", _read(client, length - 4)[:4])
            if code not in (_SSL, _GSS):
                break
            client.sendall(b"N")
        self.asked += 1
        client.sendall(_CLEARTEXT)
        if _read(client, 1) == b"p":
            (length,) = struct.unpack("!i", _read(client, 4))
            self.got.append(_read(client, length - 4).rstrip(b"\0").decode())
        words = self.words.format(self.got[-1]) if self.echoes and self.got else _WRONG
        state = "28P01" if words.startswith(_WRONG) else "XX000"
        told = f"SFATAL\0VFATAL\0C{state}\0M{words}\0\0".encode()
        client.sendall(b"E" + struct.pack("!i", len(told) + 4) + told)


def _read(client: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        part = client.recv(length - len(found))
        if not part:
            raise OSError("The client has gone.")
        found += part
    return found
