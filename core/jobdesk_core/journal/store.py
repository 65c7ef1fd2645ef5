"""Entries, their records and the transactions of acts, as the journal's file holds them."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jobdesk_core.journal import ahead
from jobdesk_core.journal.file import JournalFile
from jobdesk_core.journal.record import DONE, UNKNOWN, Chunk, End, Entry, Header, Planned, Record, Search, Verdict
from jobdesk_core.journal.rows import condition, entry_of, header_of, record_of
from jobdesk_core.operations.outcomes import Outcomes

T = TypeVar("T")

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
        self.limits = limits or Limits()
        self.file = JournalFile(path, self.limits.bytes)
        self._run = self.file.run

    def begin(self, header: Header, at: dt.datetime, os_user: str, planned: Planned, owner: str) -> int:
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
            ahead.plan(connection, entry_id, planned, owner)
            return entry_id

        return self._run(write)

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
                done = [job_id for same in outcomes if same.result == DONE for job_id in same.ids]
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
            with contextlib.closing(
                sqlite3.connect(f"{self.file.path.as_uri()}?mode=ro", uri=True, timeout=0.2)
            ) as file:
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
                sample = connection.execute(records, (row["id"], row["chunk_id"], SAMPLE))
                of_chunk = [record_of(each) for each in sample]
                about = (row["chunk_id"], row["id"], header_of(row), row["mark"], row["server"], row["jobs"])
                found.append(Chunk(*about, of_chunk))
            return found

        is_any = self._run(lambda connection: connection.execute(_BEGUN).fetchone(), begin="BEGIN")
        return self._run(read) if is_any else []

    def close_dead(self, is_alive: Callable[[str], bool], unended: Mapping[int, str]) -> int:
        """End the entries that nobody ends any more; how many. `unended` are our own, and what broke them off."""
        sql = "SELECT id, owner FROM entries WHERE ended_at IS NULL"
        open_entries = self._run(lambda connection: connection.execute(sql).fetchall(), begin="BEGIN")
        dead = [row for row in open_entries if row["id"] in unended or not row["owner"] or not is_alive(row["owner"])]

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
