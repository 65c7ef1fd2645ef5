"""The journal's file: SQLite, a connection for each question, so that two windows and two programs share it.

What has been committed outlives a program that is killed. A file that cannot be read is put aside, never deleted.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jobdesk_core import exact_json
from jobdesk_core.journal.record import DONE, Entry, Header, Record, Search

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
_ENTRY = (
    "SELECT entries.*, (SELECT count(*) FROM records WHERE entry_id = entries.id) AS kept, "
    "(SELECT count(*) FROM records WHERE entry_id = entries.id AND undone_by IS NOT NULL) AS undone FROM entries"
)


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

    def begin(self, header: Header, at: dt.datetime, os_user: str) -> int:
        """Write an entry before its act, and return its number. Old entries make room."""

        def write(connection: sqlite3.Connection) -> int:
            _prune(connection, at, self.limits)
            values = (
                at.isoformat(), os_user, header.action, header.sentence, header.profile, header.place, header.role,
                header.sql, _json(header.set_to), header.undoes,
            )  # fmt: skip
            cursor = connection.execute(
                "INSERT INTO entries (at, os_user, action, sentence, profile, place, role, sql, set_to, undoes) "
                f"VALUES ({', '.join('?' * len(values))})",
                values,
            )
            return int(cursor.lastrowid or 0)

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
                        (entry_id, record.job_id, record.outcome, record.sentence, _json(record.before), record.new_id),
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

    def claim(self, entry_id: int, job_ids: Sequence[int], by: int) -> set[int]:
        """Mark jobs' records as undone by an entry, before they are; those where no other window was faster."""
        sql = "UPDATE records SET undone_by = ? WHERE entry_id = ? AND job_id = ? AND undone_by IS NULL"

        def write(connection: sqlite3.Connection) -> set[int]:
            return {job_id for job_id in job_ids if connection.execute(sql, (by, entry_id, job_id)).rowcount > 0}

        return self._run(write)

    def release(self, entry_id: int, job_ids: Sequence[int], by: int) -> None:
        """Take claims back: the undo was not possible."""
        sql = "UPDATE records SET undone_by = NULL WHERE entry_id = ? AND job_id = ? AND undone_by = ?"
        self._run(lambda connection: connection.executemany(sql, [(entry_id, job_id, by) for job_id in job_ids]))

    def entries(self, search: Search, before_id: int | None, limit: int) -> list[Entry]:
        """The entries that match, newest first, older than `before_id`."""
        condition, values = _condition(search)
        if before_id is not None:
            condition, values = f"{condition} AND entries.id < ?", [*values, before_id]
        sql = f"{_ENTRY} WHERE {condition} ORDER BY entries.id DESC LIMIT ?"
        return self._ask(lambda connection: [_entry(row) for row in connection.execute(sql, [*values, limit])])

    def entry(self, entry_id: int) -> Entry | None:
        """One entry, or None when it is gone."""
        sql = f"{_ENTRY} WHERE entries.id = ?"
        row = self._ask(lambda connection: connection.execute(sql, (entry_id,)).fetchone())
        return _entry(row) if row is not None else None

    def records(self, entry_id: int, after_job: int | None, limit: int, *, only_open: bool = False) -> list[Record]:
        """An entry's records by job id, those after a job; `only_open`: done and not undone since."""
        sql = "SELECT * FROM records WHERE entry_id = ? AND job_id > ?"
        sql += f" AND outcome = '{DONE}' AND undone_by IS NULL" if only_open else ""
        values = (entry_id, after_job if after_job is not None else -1, limit)
        return self._ask(
            lambda connection: [_record(row) for row in connection.execute(f"{sql} ORDER BY job_id LIMIT ?", values)]
        )

    def every_record(self, entry_id: int, after: tuple[int, int], limit: int) -> list[tuple[tuple[int, int], Record]]:
        """An entry's records, those after a place, each with its place. Several may be of the same job, or of none."""
        sql = (
            "SELECT *, rowid AS place FROM records WHERE entry_id = ? AND (job_id, rowid) > (?, ?) "
            "ORDER BY job_id, rowid LIMIT ?"
        )
        return self._ask(
            lambda connection: [
                ((row["job_id"], row["place"]), _record(row))
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
        return self._run(work, begin="BEGIN")

    def _run(self, work: Callable[[sqlite3.Connection], T], *, begin: str = "BEGIN IMMEDIATE") -> T:
        """One transaction. An unreadable file is put aside, and the work done on a new one."""
        try:
            with self._connected(begin) as connection:
                return work(connection)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorname", "") not in _UNREADABLE:
                raise
        self._put_aside()
        with self._connected(begin) as connection:
            return work(connection)

    @contextlib.contextmanager
    def _connected(self, begin: str) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made beforehand for the owner alone; SQLite gives its own files beside it the same mode.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA max_page_count = {self.limits.bytes // PAGE_BYTES}")
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'records_new'").fetchone():
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()  # and with it whatever was not committed

    def _put_aside(self) -> None:
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
        aside = self.path.with_name(f"{self.path.stem}-unreadable-{stamp}-{os.getpid()}{self.path.suffix}")
        with contextlib.suppress(FileNotFoundError):  # another window has just done it
            self.path.rename(aside)
            self.put_aside = aside


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


def _condition(search: Search) -> tuple[str, list[Any]]:
    parts: list[str] = ["1"]
    values: list[Any] = []
    if search.text:
        pattern = "%" + search.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = ("sentence", "sql", "place", "role", "os_user", "error", "action", "profile")
        found = [f"entries.{column} LIKE ? ESCAPE '\\'" for column in columns]
        values += [pattern] * len(columns)
        digits = search.text.replace(",", "").removeprefix("#")
        if digits.isdecimal() and len(digits) < 19:
            found.append(_OF_JOB)
            values += [int(digits)] * 2
        parts.append(f"({' OR '.join(found)})")
    for column, value in (("action", search.action), ("profile", search.profile)):
        if value:
            parts.append(f"entries.{column} = ?")
            values.append(value)
    if search.outcome:
        parts.append("entries.id IN (SELECT entry_id FROM records WHERE outcome = ?)")
        values.append(search.outcome)
    if search.job_id is not None:
        parts.append(_OF_JOB)
        values += [search.job_id] * 2
    for sign, moment in ((">=", search.since), ("<", search.until)):
        if moment is not None:
            parts.append(f"entries.at {sign} ?")
            values.append(moment.astimezone(dt.UTC).isoformat())
    return " AND ".join(parts), values


_OF_JOB = (
    "entries.id IN (SELECT entry_id FROM records WHERE job_id = ? UNION SELECT entry_id FROM records WHERE new_id = ?)"
)


def _entry(row: sqlite3.Row) -> Entry:
    header = Header(
        action=row["action"],
        sentence=row["sentence"],
        profile=row["profile"],
        place=row["place"],
        role=row["role"],
        sql=row["sql"],
        set_to=exact_json.loads(row["set_to"]),
        undoes=row["undoes"],
    )
    return Entry(
        id=row["id"],
        at=dt.datetime.fromisoformat(row["at"]),
        ended_at=dt.datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None,
        os_user=row["os_user"],
        header=header,
        error=row["error"],
        done=row["done"],
        left=row["left"],
        kept=row["kept"],
        undone=row["undone"],
    )


def _record(row: sqlite3.Row) -> Record:
    before = exact_json.loads(row["before"])
    return Record(row["job_id"], row["outcome"], row["sentence"], before, row["new_id"], row["undone_by"])


def _json(value: Any) -> str:
    def plain(each: Any) -> Any:
        return each.isoformat() if isinstance(each, dt.datetime) else str(each)

    return exact_json.dumps(dict(value), ensure_ascii=False, default=plain)
