"""The history's file: what it holds, and how large it may become. One of a later release is left alone."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jobdesk_core.exceptions import OwnFileTrouble
from jobdesk_core.files import has_no_room
from jobdesk_core.history.ranges import COUNTED
from jobdesk_core.sqlite_file import PAGE_BYTES, SqliteFile, write_ahead

T = TypeVar("T")

#: The form of the file that this release writes.
FORM = 1
#: How large the file of what is being written may stay.
WAL_BYTES = 4_000_000
#: How much is written to see whether there is room.
_TRIED_BYTES = 65_536
NUMBERS = tuple(kind.value for kind in COUNTED)
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


class HistoryFile(SqliteFile):
    """Runs transactions. Raises HistoryTrouble; sqlite3.OperationalError where another program writes for too long."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        super().__init__(path)
        # What is being written belongs to the limit as well, and what is needed for a moment to make room.
        self._spare_pages = max(80, (most_bytes - 2 * WAL_BYTES) // PAGE_BYTES)
        self._most_pages = int(self._spare_pages / 1.2)

    def make_room(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As `write`, of what may need some room for a moment to make more of it."""
        with self._lock:
            try:
                self.write(lambda connection: connection.execute(f"PRAGMA max_page_count = {self._spare_pages}"))
                return self.write(work)
            finally:
                if self._opened.connection is not None:
                    self._opened.connection.execute(f"PRAGMA max_page_count = {self._most_pages}")

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction that writes. An unreadable file is put aside, and the work done on a new one."""
        try:
            return self.run(work)
        except (sqlite3.Error, OSError) as error:
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

    def try_folder(self) -> None:
        """Write something beside the file, where there is one, and take it away again. Raises HistoryTrouble."""
        if not self.path.exists():
            return
        try:
            with tempfile.TemporaryFile(dir=self.path.parent) as file:
                file.write(bytes(_TRIED_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._trouble(error) from error

    @property
    def share(self) -> float:
        """Which share of its limit is in use."""
        with self._lock, self._transaction("BEGIN") as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            return float((pages - free) / self._most_pages)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        form = _form(connection)
        if form > FORM:
            raise HistoryTrouble(
                f"The history {self.path} was written by a newer Jobdesk, and is left as it is. What happens now is "
                "kept in memory only."
            )
        write_ahead(connection, "NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        connection.execute(f"PRAGMA max_page_count = {self._most_pages}")
        if form == 0:
            connection.execute("BEGIN IMMEDIATE")
            if _form(connection) == 0:
                for text in _SCHEMA:
                    connection.execute(text)
                connection.execute(f"PRAGMA user_version = {FORM}")
            connection.execute("COMMIT")

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
