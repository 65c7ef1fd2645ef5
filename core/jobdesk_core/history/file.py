"""The history's file: SQLite, which two windows and two programs share. Everything here runs in the caller's thread.

What has been committed outlives a program that is killed. A file that cannot be read is put aside, never deleted; one
of a later release is left alone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from jobdesk_core.exceptions import OwnFileTrouble
from jobdesk_core.files import has_no_room, kept_private
from jobdesk_core.history.ranges import COUNTED

T = TypeVar("T")

#: The form of the file that this release writes.
FORM = 1
PAGE_BYTES = 4_096
#: How long a write waits for another window's, in seconds, and how large the file of what is being written may stay.
BUSY_S, WAL_BYTES = 5.0, 4_000_000
NUMBERS = tuple(kind.value for kind in COUNTED)
_UNREADABLE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_ROW = (
    "series INTEGER NOT NULL, {span} INTEGER NOT NULL, "
    + "".join(f"{name} INTEGER NOT NULL, " for name in NUMBERS)
    + "waited BLOB NOT NULL, ran BLOB NOT NULL, PRIMARY KEY (series, {span})"
)
_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    # Level 0 is all that happened, 1 is by queue, 2 by queue and task.
    "CREATE TABLE series (id INTEGER PRIMARY KEY, level INTEGER NOT NULL, queue TEXT NOT NULL, task TEXT NOT NULL, "
    "UNIQUE (level, queue, task))",
    "CREATE INDEX series_task ON series (task) WHERE level = 2",
    "CREATE TABLE known (minute INTEGER PRIMARY KEY, quality INTEGER NOT NULL, total INTEGER NOT NULL)",
    f"CREATE TABLE minutes ({_ROW.format(span='minute')}) WITHOUT ROWID",
    f"CREATE TABLE hours ({_ROW.format(span='hour')}) WITHOUT ROWID",
)


class HistoryTrouble(OwnFileTrouble):
    """The history cannot be read or written; the sentence says why, and what becomes of it meanwhile."""


class HistoryFile:
    """Runs transactions. Raises HistoryTrouble; sqlite3.OperationalError where another program writes for too long."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        #: Where an unreadable file was put.
        self.put_aside: Path | None = None
        # What is being written belongs to the limit as well, and what is needed for a moment to make room.
        self._spare_pages = max(80, (most_bytes - 2 * WAL_BYTES) // PAGE_BYTES)
        self._most_pages = int(self._spare_pages / 1.2)
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def make_room(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As `write`, of what may need some room for a moment to make more of it."""
        with self._lock:
            try:
                self.write(lambda connection: connection.execute(f"PRAGMA max_page_count = {self._spare_pages}"))
                return self.write(work)
            finally:
                if self._connection is not None:
                    self._connection.execute(f"PRAGMA max_page_count = {self._most_pages}")

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction that writes. An unreadable file is put aside, and the work done on a new one."""
        with self._lock:
            try:
                with self._transaction("BEGIN IMMEDIATE") as connection:
                    return work(connection)
            except (sqlite3.Error, OSError) as error:
                if getattr(error, "sqlite_errorname", "").startswith(_UNREADABLE):
                    self._put_aside()
                    with (
                        contextlib.suppress(sqlite3.Error, OSError),
                        self._transaction("BEGIN IMMEDIATE") as connection,
                    ):
                        return work(connection)
                raise self._trouble(error) from error

    def read(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """One transaction that reads; `otherwise` where there is no file, or none that can be read."""
        with self._lock:
            if not self.path.exists():
                return otherwise
            try:
                with self._transaction("BEGIN") as connection:
                    return work(connection)
            except (sqlite3.Error, OSError, HistoryTrouble):
                pass
            # In a folder that cannot be written to it can be read all the same.
            try:
                uri = f"{self.path.as_uri()}?mode=ro&immutable=1"
                with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
                    return work(connection) if _form(connection) == FORM else otherwise
            except (sqlite3.Error, OSError, ValueError):
                return otherwise

    def close(self) -> None:
        """Close the file. It is opened again by the next transaction."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @property
    def share(self) -> float:
        """Which share of its limit is in use."""
        with self._lock, self._transaction("BEGIN") as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            return float((pages - free) / self._most_pages)

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
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made beforehand for the owner alone; SQLite gives its own files beside it the same mode.
        status = kept_private(self.path)
        file = (status.st_dev, status.st_ino)
        if self._connection is not None and self._opened == file:
            return self._connection
        self.close()
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._opened = connection, file
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        form = _form(connection)
        if form > FORM:
            raise HistoryTrouble(
                f"The history {self.path} was written by a newer Jobdesk, and is left as it is. What happens now is "
                "kept in memory only."
            )
        if form == 0:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        # A program that is killed loses nothing; a machine that loses its power may lose the last minutes.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        connection.execute(f"PRAGMA max_page_count = {self._most_pages}")
        if form == 0:
            connection.execute("BEGIN IMMEDIATE")
            if _form(connection) == 0:
                for text in _SCHEMA:
                    connection.execute(text)
                connection.execute(f"PRAGMA user_version = {FORM}")
            connection.execute("COMMIT")

    def _put_aside(self) -> None:
        self.close()
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
        aside = self.path.with_name(f"{self.path.stem}-unreadable-{stamp}-{os.getpid()}{self.path.suffix}")
        with contextlib.suppress(OSError):  # another window has just done it
            self.path.rename(aside)
            self.put_aside = aside
        for ending in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                self.path.with_name(self.path.name + ending).rename(aside.with_name(aside.name + ending))

    def _trouble(self, error: sqlite3.Error | OSError) -> Exception:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return error
        if has_no_room(error):
            return HistoryTrouble(
                f"The history cannot be written: there is no room left for {self.path}. It goes on in memory, and is "
                "written as soon as there is room."
            )
        if isinstance(error, PermissionError) or name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return HistoryTrouble(
                f"The history cannot be opened for writing: check the permissions of {self.path}. It is kept in memory "
                "until then."
            )
        reason = getattr(error, "strerror", None) or str(error)
        return HistoryTrouble(f"The history {self.path} cannot be used: {reason}. It is kept in memory until then.")


def _form(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
