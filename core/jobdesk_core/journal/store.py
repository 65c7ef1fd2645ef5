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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jobdesk_core.journal import ahead
from jobdesk_core.journal.record import DONE, UNKNOWN, Chunk, End, Entry, Header, Planned, Record, Search, Verdict
from jobdesk_core.journal.rows import condition, entry_of, header_of, record_of
from jobdesk_core.operations.outcomes import Outcomes

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
_BEGUN = f"SELECT 1 FROM chunks WHERE state = '{ahead.BEGUN}' LIMIT 1"
_ENTRY = (
    "SELECT entries.*, (SELECT count(*) FROM records WHERE entry_id = entries.id) AS kept, "
    "(SELECT count(*) FROM records WHERE entry_id = entries.id AND undone_by IS NOT NULL) AS undone, "
    f"(SELECT coalesce(sum(jobs), 0) FROM chunks WHERE entry_id = entries.id AND state = '{ahead.BEGUN}') AS in_doubt "
    "FROM entries"
)
#: Records of a chunk by which it is settled where its transaction's mark does not tell.
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """How long entries are kept, and how many jobs' records (some 200 MB); the oldest entries go first.

    Of one act `records_of_entry` are kept, and of the rest only the number. The file never outgrows `bytes`.
    """

    days: int = 400
    records: int = 1_000_000
    records_of_entry: int = 200_000
    bytes: int = 1_000_000_000


class Store:
    """Reads and writes the file, in the caller's thread. Raises sqlite3.Error and OSError as they come."""

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.path = path
        self.limits = limits or Limits()
        #: Where an unreadable file was put.
        self.put_aside: Path | None = None
        self._lock = threading.RLock()
        self._opened = _Opened()
        weakref.finalize(self, self._opened.close)

    def begin(
        self, header: Header, at: dt.datetime, os_user: str, planned: Planned | None = None, owner: str = ""
    ) -> int:
        """Write an entry before its act, with what that is about to do, and return its number. Old ones make room."""

        def write(connection: sqlite3.Connection) -> int:
            _prune(connection, at, self.limits)
            values = (
                at.isoformat(), os_user, header.action, header.sentence, header.profile, header.place, header.role,
                header.sql, ahead.json_of(header.set_to), header.undoes,
            )  # fmt: skip
            cursor = connection.execute(
                "INSERT INTO entries (at, os_user, action, sentence, profile, place, role, sql, set_to, undoes) "
                f"VALUES ({', '.join('?' * len(values))})",
                values,
            )
            entry_id = int(cursor.lastrowid or 0)
            if planned is not None:
                ahead.plan(connection, entry_id, planned, owner)
            return entry_id

        return self._run(write)

    def add(self, entry_id: int, records: Iterable[Record]) -> None:
        """Write what became of some jobs of an act."""

        def write(connection: sqlite3.Connection) -> None:
            (kept,) = connection.execute("SELECT count(*) FROM records WHERE entry_id = ?", (entry_id,)).fetchone()
            done = left = 0
            for record in records:
                done, left = done + record.is_done, left + (not record.is_done)
                if kept + done + left <= self.limits.records_of_entry:
                    connection.execute(
                        "INSERT INTO records (entry_id, job_id, outcome, sentence, before, new_id) "
                        "VALUES (?, ?, ?, ?, ?, ?)",
                        (
                            entry_id,
                            record.job_id,
                            record.outcome,
                            record.sentence,
                            ahead.json_of(record.before),
                            record.new_id,
                        ),
                    )
            connection.execute(
                "UPDATE entries SET done = done + ?, left = left + ? WHERE id = ?", (done, left, entry_id)
            )

        self._run(write)

    def end(self, entry_id: int, at: dt.datetime, error: str = "") -> None:
        """Write that an act is over, and what broke it off."""
        self._run(
            lambda connection: connection.execute(
                "UPDATE entries SET ended_at = ?, error = ? WHERE id = ?", (at.isoformat(), error, entry_id)
            )
        )

    def stage(
        self,
        entry_id: int,
        mark: str,
        outcomes: Sequence[Outcomes],
        at: dt.datetime,
        *,
        ends: Sequence[tuple[int, End]] = (),
        undoes: int | None = None,
    ) -> int:
        """Have on disk what a transaction is about to make true, and the `ends` of earlier ones; its chunk's number.

        With `undoes` its jobs' records there are claimed. Raises AlreadyClaimed where another window was faster.
        """

        def write(connection: sqlite3.Connection) -> int:
            for chunk_id, verdict in ends:
                ahead.settle(connection, chunk_id, verdict)
            if undoes is not None:
                done = [job_id for some in outcomes if some.result == DONE for job_id in some.ids]
                ahead.claim(connection, undoes, done, entry_id)
            return ahead.stage(connection, entry_id, mark, outcomes, at, self.limits.records_of_entry)

        return self._run(write)

    def finish(
        self,
        entry_id: int,
        at: dt.datetime,
        error: str,
        outcomes: Iterable[Outcomes],
        *,
        ends: Sequence[tuple[int, End]] = (),
        is_whole: bool = True,
    ) -> None:
        """Write the `ends` of transactions, what else became of the act's jobs, and that it is over."""

        def write(connection: sqlite3.Connection) -> None:
            for chunk_id, verdict in ends:
                ahead.settle(connection, chunk_id, verdict)
            ahead.add(connection, entry_id, outcomes, self.limits.records_of_entry)
            ahead.end(connection, entry_id, at, error, is_whole=is_whole)

        self._run(write)

    def is_unsettled(self) -> bool:
        """Whether there is anything to settle, as far as the file can be read as it is."""
        sql = f"SELECT (SELECT count(*) FROM entries WHERE ended_at IS NULL), EXISTS ({_BEGUN})"
        try:
            with contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=0.2)) as file:
                return any(file.execute(sql).fetchone())
        except (sqlite3.Error, ValueError):
            return False

    def settle(self, chunk_id: int, verdict: Verdict, reason: str = "") -> bool:
        """Write what has become of a transaction; whether that was new."""
        return self._run(lambda connection: ahead.settle(connection, chunk_id, verdict, reason))

    def in_doubt(self, entry_id: int | None = None) -> list[Chunk]:
        """The transactions whose end nobody knows, the oldest first."""
        sql = (
            "SELECT entries.*, chunks.id AS chunk_id, mark, jobs, payload IS NULL AS is_made FROM chunks "
            f"JOIN entries ON entries.id = entry_id WHERE state = '{ahead.BEGUN}' AND (? IS NULL OR entries.id = ?) "
            "ORDER BY chunks.id"
        )
        records = "SELECT * FROM records WHERE entry_id = ? AND chunk = ? ORDER BY rowid LIMIT ?"

        def read(connection: sqlite3.Connection) -> list[Chunk]:
            found: list[Chunk] = []
            for row in connection.execute(sql, (entry_id, entry_id)).fetchall():
                if not row["is_made"]:
                    ahead.make(connection, row["chunk_id"])
                some = connection.execute(records, (row["id"], row["chunk_id"], SAMPLE))
                made = [record_of(each) for each in some]
                about = (row["chunk_id"], row["id"], header_of(row), row["mark"], row["server"], row["jobs"])
                found.append(Chunk(*about, made))
            return found

        is_any = self._run(lambda connection: connection.execute(_BEGUN).fetchone(), begin="BEGIN")
        return self._run(read) if is_any else []

    def close_dead(self, is_alive: Callable[[str], bool], unended: Mapping[int, str]) -> int:
        """End the entries that nobody ends any more; how many. `unended` are our own, and what broke them off."""
        sql = "SELECT id, owner FROM entries WHERE ended_at IS NULL"
        held = self._run(lambda connection: connection.execute(sql).fetchall(), begin="BEGIN")
        dead = [row for row in held if row["id"] in unended or not row["owner"] or not is_alive(row["owner"])]

        def write(connection: sqlite3.Connection) -> None:
            for row in dead:
                if row["owner"]:
                    error = unended.get(row["id"], ahead.BROKEN_OFF)
                    ahead.end(connection, row["id"], None, error, is_whole=False)
                else:
                    ahead.close_old(connection, row["id"])

        if dead:
            self._run(write)
        return len(dead)

    def entries(self, search: Search, before_id: int | None, limit: int) -> list[Entry]:
        """The entries that match, newest first, older than `before_id`."""
        where, values = condition(search)
        if before_id is not None:
            where, values = f"{where} AND entries.id < ?", [*values, before_id]
        sql = f"{_ENTRY} WHERE {where} ORDER BY entries.id DESC LIMIT ?"
        return self._ask(lambda connection: [entry_of(row) for row in connection.execute(sql, [*values, limit])])

    def entry(self, entry_id: int) -> Entry | None:
        """One entry, or None when it is gone."""
        sql = f"{_ENTRY} WHERE entries.id = ?"
        row = self._ask(lambda connection: connection.execute(sql, (entry_id,)).fetchone())
        return entry_of(row) if row is not None else None

    def records(self, entry_id: int, after_job: int | None, limit: int, *, only_open: bool = False) -> list[Record]:
        """An entry's records by job id, those after a job; `only_open`: done and not undone since."""
        sql = "SELECT * FROM records WHERE entry_id = ? AND job_id > ?"
        sql += f" AND outcome = '{DONE}' AND undone_by IS NULL" if only_open else ""
        values = (entry_id, after_job if after_job is not None else -1, limit)
        return self._ask(
            lambda connection: [record_of(row) for row in connection.execute(f"{sql} ORDER BY job_id LIMIT ?", values)]
        )

    def reason_unknown(self, entry_id: int) -> str | None:
        """Why it can never be known whether some of an entry's jobs were acted upon; None when it is, or may be."""
        sql = f"SELECT sentence FROM records WHERE entry_id = ? AND outcome = '{UNKNOWN}' AND chunk IS NULL LIMIT 1"
        row = self._ask(lambda connection: connection.execute(sql, (entry_id,)).fetchone())
        return str(row[0]) if row is not None else None

    def every_record(self, entry_id: int, after: tuple[int, int], limit: int) -> list[tuple[tuple[int, int], Record]]:
        """An entry's records, those after a place, each with its place. Several may be of the same job, or of none."""
        sql = (
            "SELECT *, rowid AS place FROM records WHERE entry_id = ? AND (job_id, rowid) > (?, ?) "
            "ORDER BY job_id, rowid LIMIT ?"
        )
        return self._ask(
            lambda connection: [
                ((row["job_id"], row["place"]), record_of(row))
                for row in connection.execute(sql, (entry_id, *after, limit))
            ]
        )

    def values_of(self, column: str) -> list[str]:
        """The actions or the profiles that entries have."""
        assert column in ("action", "profile")
        sql = f"SELECT DISTINCT {column} FROM entries ORDER BY 1"
        return self._ask(lambda connection: [row[0] for row in connection.execute(sql)])

    # The file

    def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._make_records()
        return self._run(work, begin="BEGIN")

    def _make_records(self) -> None:
        sql = "SELECT 1 FROM chunks WHERE payload IS NOT NULL LIMIT 1"
        if self._run(lambda connection: connection.execute(sql).fetchone(), begin="BEGIN") is not None:
            while self._run(ahead.make_some):
                pass

    def _run(self, work: Callable[[sqlite3.Connection], T], *, begin: str = "BEGIN IMMEDIATE") -> T:
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
        number = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            status = os.fstat(number)
            if stat.S_IMODE(status.st_mode) & 0o077:
                self._take_back()
        finally:
            os.close(number)
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
        connection.execute(f"PRAGMA max_page_count = {self.limits.bytes // PAGE_BYTES}")
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


def _prune(connection: sqlite3.Connection, now: dt.datetime, limits: Limits) -> None:
    oldest = (now - dt.timedelta(days=limits.days)).isoformat()
    connection.execute("DELETE FROM entries WHERE at < ?", (oldest,))
    (last,) = connection.execute("SELECT coalesce(max(rowid), 0) FROM records").fetchone()
    (first,) = connection.execute("SELECT coalesce(min(rowid), 0) FROM records").fetchone()
    if last - first >= limits.records:
        # Whole entries, up to the one that the oldest record to be kept belongs to.
        sql = "SELECT min(entry_id) FROM records WHERE rowid > ?"
        (kept_from,) = connection.execute(sql, (last - limits.records,)).fetchone()
        connection.execute("DELETE FROM entries WHERE id < ?", (kept_from,))
    connection.execute("PRAGMA incremental_vacuum(2000)")
