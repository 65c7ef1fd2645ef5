"""Who is still at work: each program holds a lock on a small file beside the journal, which nothing outlives."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import uuid
from pathlib import Path
from typing import IO, Any

from jobdesk_core.processes import lock

_held: dict[Path, tuple[str, int, IO[Any]]] = {}
_naming = threading.Lock()


def own_name(folder: Path) -> str:
    """The name by which all who use the journal in a folder know that this program is alive. Raises OSError."""
    # Two threads at once would have two names, and the one that is let go of would count as ended.
    with _naming:
        name, process, _ = _held.get(folder, ("", 0, None))
        if process == os.getpid() and _file(folder, name).exists():
            return name
        name = uuid.uuid4().hex
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        unlocked = folder / f".{name}.new"
        # Open for as long as the program runs, and in none of its children. Named only once it is locked.
        stream = os.fdopen(os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b")
        lock(stream)
        unlocked.rename(_file(folder, name))
        _held[folder] = (name, os.getpid(), stream)
        return name


def is_alive(folder: Path, name: str) -> bool:
    """Whether the program of this name still runs; what a dead one has left is removed."""
    try:
        with _file(folder, name).open("r+b") as stream:
            lock(stream)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    with contextlib.suppress(OSError):
        _file(folder, name).unlink()
    return False


def sweep(folder: Path) -> None:
    """Remove what dead programs have left."""
    for path in folder.glob(".*.alive"):
        is_alive(folder, path.name[1 : -len(".alive")])


@atexit.register
def _leave() -> None:
    for folder, (name, process, stream) in _held.items():
        if process == os.getpid():
            stream.close()
            with contextlib.suppress(OSError):
                _file(folder, name).unlink()


def _file(folder: Path, name: str) -> Path:
    return folder / f".{name}.alive"
