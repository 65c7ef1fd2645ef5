"""Where a running desk hears of links that others are asked to open, and how they pass one on.

A socket that only its owner may use, in the folder of what runs now. Where there are no such sockets (Windows), every
link opens a window of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import platformdirs

from jobdesk.linking.link import MOST

_HEARD = b"heard\n"
#: Seconds that a running desk has to say that it has heard.
_ANSWER_S = 2.0
#: Seconds between two looks whether nobody listens any more.
_LOOK_S = 10.0


def usual_path() -> Path:
    """The socket of this user's desks."""
    folder = os.environ.get("XDG_RUNTIME_DIR")
    return (Path(folder) if folder else platformdirs.user_state_path("jobdesk", appauthor=False)) / "jobdesk.links"


def pass_on(link: str, path: Path) -> bool:
    """Have the desk that listens open a link. False when none does."""
    if not hasattr(socket, "AF_UNIX") or not _is_ours(path):
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_S)
        connection.connect(str(path))
        connection.sendall(link.encode() + b"\n")
        return connection.recv(len(_HEARD)) == _HEARD
    return False


class Doorway:
    """Calls `came` with each link; listens as soon as no other desk does, until `close`."""

    def __init__(self, path: Path, came: Callable[[str], object]) -> None:
        self._path, self._came = path, came
        self._server: asyncio.Server | None = None

    async def stand_open(self) -> None:
        """Listen until cancelled."""
        if not hasattr(socket, "AF_UNIX"):
            return
        try:
            while True:
                if self._server is None and not _listens(self._path):
                    # A folder that cannot be written: links then open windows of their own.
                    with contextlib.suppress(OSError):
                        await self._listen()
                await asyncio.sleep(_LOOK_S)
        finally:
            if self._server is not None:
                self._server.close()
                self._path.unlink(missing_ok=True)

    async def _listen(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and not _is_ours(self._path):
            return
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=MOST)
        self._path.chmod(0o600)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError):
            async with asyncio.timeout(_ANSWER_S):
                line = await reader.readline()
                writer.write(_HEARD)
                await writer.drain()
            self._came(line.decode().strip())
        writer.close()


def _listens(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_S)
        connection.connect(str(path))
        return True
    return False


def _is_ours(path: Path) -> bool:
    """Whether it is a socket of this user's; another's would hear which connections and jobs there are."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        return stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid()
    return False
