"""A SQLite file of ours, which two windows and two programs share: opened once, for its owner alone, and never deleted.

What has been committed outlives a program that is killed. A file that cannot be read is put aside, and a new one begun.
Everything here runs in the caller's thread and waits for the disk; sqlite3.Error and OSError come as they are.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import sqlite3
import stat
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")

PAGE_BYTES = 4_096
_UNREADABLE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_BESIDE = ("-wal", "-shm")


class SqliteFile:
    """Runs transactions, one at a time; whoever inherits from it says what is in the file."""

    #: How long a write waits for another window's, in seconds.
    busy_s = 5.0

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Where an unreadable file was put.
        self.put_aside: Path | None = None
        self._lock = threading.RLock()
        self._opened = _Opened()
        weakref.finalize(self, self._opened.close)

    def run(self, work: Callable[[sqlite3.Connection], T], *, begin: str = "BEGIN IMMEDIATE") -> T:
        """One transaction. An unreadable file is put aside, and the work done on a new one."""
        with self._lock:
            try:
                with self._transaction(begin) as connection:
                    return work(connection)
            except sqlite3.DatabaseError as error:
                if not getattr(error, "sqlite_errorname", "").startswith(_UNREADABLE):
                    raise
            self._put_aside()
            with self._transaction(begin) as connection:
                return work(connection)

    def close(self) -> None:
        """Close the file. It is opened again by the next transaction."""
        with self._lock:
            self._opened.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Have a file that was just opened as it is wanted, with its tables: called outside of a transaction."""
        raise NotImplementedError

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self._connected()
        connection.execute(begin)
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise

    def _connected(self) -> sqlite3.Connection:
        """One connection for as long as the file lies there: opening it anew costs more than most writes."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = _kept_private(self.path)
        file = (status.st_dev, status.st_ino)
        if self._opened.connection is not None and self._opened.file == file:
            return self._opened.connection
        self._opened.close()
        connection = sqlite3.connect(self.path, timeout=self.busy_s, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._opened.connection, self._opened.file = connection, file
        return connection

    def _put_aside(self) -> None:
        self._opened.close()
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
        aside = self.path.with_name(f"{self.path.stem}-unreadable-{stamp}-{os.getpid()}{self.path.suffix}")
        with contextlib.suppress(FileNotFoundError):  # another window has just done it
            self.path.rename(aside)
            self.put_aside = aside
        for ending in _BESIDE:
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + ending).rename(aside.with_name(aside.name + ending))


def is_ours(path: Path) -> bool:
    """Whether a file of ours may lie there: one of SQLite's, an empty one, none, or one that nobody may look at.

    To be asked before this program opens it; see `_kept_private`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return file.read(16) in (b"", b"SQLite format 3\0")
    except OSError:
        return True


def write_ahead(connection: sqlite3.Connection, synchronous: Literal["NORMAL", "FULL"]) -> None:
    """Have transactions in a log first, so that one who reads waits for nobody, and each costs at most one fsync.

    With NORMAL a machine that loses its power may lose the last ones, with FULL none. A new file gives its room back.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")  # a file system that cannot have it keeps the other way
    connection.execute(f"PRAGMA synchronous = {synchronous}")


class _Opened:
    """The connection to the file, and which file it is."""

    def __init__(self) -> None:
        self.connection: sqlite3.Connection | None = None
        self.file: tuple[int, int] | None = None

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()  # and with it whatever was not committed


def _kept_private(path: Path) -> os.stat_result:
    """What the file is, for its owner alone: made so beforehand; SQLite gives its own beside it the same mode.

    One that is there is never opened: whoever closes a file lets go of all locks that the program has on it, those of
    SQLite's connections as well, and the next program that closes the database deletes the log that they write into.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, "Something else than a file has this name", str(path))
    if stat.S_IMODE(status.st_mode) & 0o077:  # it came here by a copy, say, which others may read
        for ending in ("", *_BESIDE):
            with contextlib.suppress(OSError):
                path.with_name(f"{path.name}{ending}").chmod(0o600)
    return status
