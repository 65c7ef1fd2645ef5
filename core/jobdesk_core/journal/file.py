"""The journal's file: SQLite, which two windows and two programs share.

What has been committed outlives a program that is killed, and a machine that loses its power. A file that cannot be
read is put aside, never deleted.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
import stat
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from jobdesk_core.files import kept_private
from jobdesk_core.journal import ahead

T = TypeVar("T")

PAGE_BYTES = 4_096
#: How long a write waits for another window's, in seconds.
BUSY_S = 5.0
_UNREADABLE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, ended_at TEXT, os_user TEXT NOT NULL,
    action TEXT NOT NULL, sentence TEXT NOT NULL, profile TEXT NOT NULL, place TEXT NOT NULL, role TEXT NOT NULL,
    sql TEXT NOT NULL, set_to TEXT NOT NULL, undoes INTEGER, error TEXT NOT NULL DEFAULT '',
    done INTEGER NOT NULL DEFAULT 0, left INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS records (
    entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE, job_id INTEGER NOT NULL,
    outcome TEXT NOT NULL, sentence TEXT NOT NULL, before TEXT NOT NULL, new_id INTEGER, undone_by INTEGER
);
CREATE INDEX IF NOT EXISTS records_entry ON records (entry_id, job_id);
CREATE INDEX IF NOT EXISTS records_job ON records (job_id);
CREATE INDEX IF NOT EXISTS records_new ON records (new_id) WHERE new_id IS NOT NULL;
"""


class JournalFile:
    """Runs transactions in the caller's thread. Raises sqlite3.Error and OSError as they come."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        #: Where an unreadable file was put.
        self.put_aside: Path | None = None
        self._most_bytes = most_bytes
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
                if getattr(error, "sqlite_errorname", "") not in _UNREADABLE:
                    raise
            self._put_aside()
            with self._transaction(begin) as connection:
                return work(connection)

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
        # Made beforehand for the owner alone; SQLite gives its own files beside it the same mode.
        status = kept_private(self.path)
        if stat.S_IMODE(status.st_mode) & 0o077:
            self._take_back()
        file = (status.st_dev, status.st_ino)
        if self._opened.connection is not None and self._opened.file == file:
            return self._opened.connection
        self._opened.close()
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._opened.connection, self._opened.file = connection, file
        return connection

    def _take_back(self) -> None:
        """For the owner alone, as it was made: it came here by a copy, say, which others may read."""
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                self.path.with_name(f"{self.path.name}{suffix}").chmod(0o600)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        # One fsync for each transaction, not four; a file system that cannot have it keeps the other way.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA max_page_count = {self._most_bytes // PAGE_BYTES}")
        if not connection.execute("SELECT 1 FROM pragma_table_info ('entries') WHERE name = 'ahead_s'").fetchone():
            connection.execute("BEGIN IMMEDIATE")
            for text in f"{_SCHEMA}{ahead.SCHEMA}".split(";"):
                connection.execute(text)
            for table, columns in ahead.COLUMNS.items():
                held = {row["name"] for row in connection.execute(f"PRAGMA table_info ({table})")}
                for name in columns.keys() - held:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")
            connection.execute("COMMIT")

    def _put_aside(self) -> None:
        self._opened.close()
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
        aside = self.path.with_name(f"{self.path.stem}-unreadable-{stamp}-{os.getpid()}{self.path.suffix}")
        with contextlib.suppress(FileNotFoundError):  # another window has just done it
            self.path.rename(aside)
            self.put_aside = aside
        for ending in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + ending).rename(aside.with_name(aside.name + ending))


class _Opened:
    """The connection to the file, and which file it is."""

    def __init__(self) -> None:
        self.connection: sqlite3.Connection | None = None
        self.file: tuple[int, int] | None = None

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()  # and with it whatever was not committed
