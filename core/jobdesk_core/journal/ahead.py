"""What is written ahead: each transaction's outcomes before COMMIT is sent, and what is known of its end afterwards.

One row for each transaction, so that it costs the act next to nothing; its records are made of it when they are read.
These functions work within a transaction of the journal's file.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.journal.record import DONE, LEFT, NOT_REACHED, PRUNE, UNDO, UNKNOWN, End, Planned, Verdict
from jobdesk_core.operations.outcomes import Outcomes

SCHEMA = """
CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    mark TEXT NOT NULL, state TEXT NOT NULL, jobs INTEGER NOT NULL, payload TEXT
);
CREATE INDEX IF NOT EXISTS chunks_entry ON chunks (entry_id);
CREATE INDEX IF NOT EXISTS chunks_begun ON chunks (id) WHERE state = 'begun';
CREATE INDEX IF NOT EXISTS chunks_payload ON chunks (id) WHERE payload IS NOT NULL;
CREATE TABLE IF NOT EXISTS plans (
    entry_id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE, ids BLOB NOT NULL
);
"""
#: Not in the entry, whose row each transaction writes anew: of a million jobs they are eight megabytes.
PLANS = "plans"
#: Columns that the first release did not have.
COLUMNS = {
    "entries": {
        "owner": "TEXT",
        "server": "TEXT NOT NULL DEFAULT ''",
        "planned": "BLOB",
        "planned_jobs": "INTEGER NOT NULL DEFAULT 0",
        "staged": "INTEGER NOT NULL DEFAULT 0",
        "last_at": "TEXT",
        "ahead_s": "REAL NOT NULL DEFAULT 0",
    },
    "records": {"chunk": "INTEGER"},
}
#: A chunk whose end is not known, and one that holds what needs no end.
BEGUN, OVER = "begun", "over"
IN_DOUBT = (
    "Whether this was done is not known yet: the connection was lost before the server's answer came. "
    "It is looked up as soon as this database is connected to."
)
WAS_LEFT = "It was left as it was: the transaction was never committed."
BROKEN_OFF = "Broken off: Jobdesk ended while it was under way. What it had done by then was looked up afterwards."
_OLDER = "It may have been done or not: an older Jobdesk was broken off here. Look at the job."
#: Jobs whose records are made in one transaction.
_AT_ONCE = 20_000


class AlreadyClaimed(Exception):
    """Some of these jobs were undone by another window meanwhile: `job_ids`."""

    def __init__(self, job_ids: set[int]) -> None:
        super().__init__(f"{len(job_ids)} jobs have been undone meanwhile.")
        self.job_ids = job_ids


def plan(connection: sqlite3.Connection, entry_id: int, planned: Planned, owner: str) -> None:
    """Write what an act is about to do."""
    connection.execute(
        "UPDATE entries SET owner = ?, server = ?, planned_jobs = ?, ahead_s = ? WHERE id = ?",
        (owner, planned.server, planned.jobs or len(planned.job_ids), planned.ahead_s, entry_id),
    )
    if planned.job_ids:
        ids = array("q", planned.job_ids).tobytes()
        connection.execute(f"INSERT INTO {PLANS} (entry_id, ids) VALUES (?, ?)", (entry_id, ids))


def stage(
    connection: sqlite3.Connection, entry_id: int, mark: str, outcomes: Sequence[Outcomes], at: dt.datetime, most: int
) -> int:
    """Write what a transaction is about to make true; the number of its chunk. Of an entry `most` jobs are kept."""
    jobs = sum(len(same.ids) for same in outcomes)
    sql = "UPDATE entries SET staged = staged + ?, last_at = ? WHERE id = ? RETURNING staged"
    (staged,) = connection.execute(sql, (jobs, at.isoformat(), entry_id)).fetchone()
    payload = _dumped(outcomes) if staged - jobs < most else None
    return _insert(connection, entry_id, mark, BEGUN, jobs, payload)


def add(connection: sqlite3.Connection, entry_id: int, outcomes: Iterable[Outcomes], most: int) -> None:
    """Write what needs no end, such as jobs that were skipped."""
    (kept,) = connection.execute("SELECT staged FROM entries WHERE id = ?", (entry_id,)).fetchone()
    for chunk in _gathered(outcomes):
        jobs = sum(len(each.ids) for each in chunk)
        done = sum(len(each.ids) for each in chunk if each.result == DONE)
        if kept < most:
            _insert(connection, entry_id, "", OVER, jobs, _dumped(chunk))
        kept += jobs
        _count(connection, entry_id, done, jobs - done)


def settle(connection: sqlite3.Connection, chunk_id: int, verdict: Verdict | End, reason: str = "") -> bool:
    """Write what has become of a transaction; whether that was new. `reason`: why it cannot be known."""
    if verdict == "void":
        return _forget(connection, chunk_id)
    sql = "SELECT entry_id, jobs, payload IS NULL AS is_made FROM chunks WHERE id = ? AND state = ?"
    row = connection.execute(sql, (chunk_id, BEGUN)).fetchone()
    if row is None:
        return False
    is_done = verdict == "done"
    if not is_done and not row["is_made"]:
        make(connection, chunk_id)
    connection.execute("UPDATE chunks SET state = ? WHERE id = ?", (OVER, chunk_id))
    _count(connection, row["entry_id"], row["jobs"] if is_done else 0, 0 if is_done else row["jobs"])
    where, values = "WHERE entry_id = ? AND chunk = ?", (row["entry_id"], chunk_id)
    if verdict == "left":
        _release(connection, row["entry_id"], chunk_id)
    if is_done:
        connection.execute(f"UPDATE records SET outcome = ?, chunk = NULL {where}", (DONE, *values))
    else:
        outcome, sentence = (LEFT, WAS_LEFT) if verdict == "left" else (UNKNOWN, reason)
        sql = f"UPDATE records SET outcome = ?, sentence = ?, chunk = NULL, new_id = NULL {where}"
        connection.execute(sql, (outcome, sentence, *values))
    connection.execute("DELETE FROM chunks WHERE id = ? AND payload IS NULL", (chunk_id,))
    return True


def claim(connection: sqlite3.Connection, entry_id: int, job_ids: Sequence[int], by: int) -> None:
    """Mark jobs' records as undone by an entry. Raises AlreadyClaimed where another window was faster."""
    sql = "UPDATE records SET undone_by = ? WHERE entry_id = ? AND job_id = ? AND undone_by IS NULL AND outcome = ?"
    taken = {each for each in job_ids if connection.execute(sql, (by, entry_id, each, DONE)).rowcount == 0}
    if taken:
        raise AlreadyClaimed(taken)


def end(connection: sqlite3.Connection, entry_id: int, at: dt.datetime | None, error: str, *, is_whole: bool) -> None:
    """Write that an act is over; unless all of it `is_whole`, with those that were not reached. `at` None: long ago."""
    if not is_whole:
        add(connection, entry_id, _rest(connection, entry_id), 2**62)
    moment = at.isoformat() if at is not None else None
    connection.execute(
        "UPDATE entries SET ended_at = coalesce(?, last_at, at), error = ?, planned = NULL WHERE id = ?",
        (moment, error, entry_id),
    )
    connection.execute(f"DELETE FROM {PLANS} WHERE entry_id = ?", (entry_id,))


def close_old(connection: sqlite3.Connection, entry_id: int) -> None:
    """End an entry of the first release, which kept no transactions: unknown where nothing was written."""
    header = connection.execute("SELECT action, undoes FROM entries WHERE id = ?", (entry_id,)).fetchone()
    if header["action"] == UNDO:
        sql = (
            "INSERT INTO records (entry_id, job_id, outcome, sentence, before) "
            "SELECT ?, job_id, ?, ?, '{}' FROM records AS undone WHERE entry_id = ? AND undone_by = ? "
            "AND NOT EXISTS (SELECT 1 FROM records AS own WHERE own.entry_id = ? AND own.job_id = undone.job_id)"
        )
        values = (entry_id, UNKNOWN, _OLDER, header["undoes"], entry_id, entry_id)
        _count(connection, entry_id, 0, connection.execute(sql, values).rowcount)
    error = "Broken off: an older Jobdesk ended while it was under way, and kept nothing by which it can be looked up."
    end(connection, entry_id, None, error, is_whole=True)


def make_some(connection: sqlite3.Connection) -> bool:
    """Make records of what was written ahead; whether there is more."""
    jobs = 0
    for row in connection.execute("SELECT id, jobs FROM chunks WHERE payload IS NOT NULL ORDER BY id").fetchall():
        make(connection, row["id"])
        jobs += row["jobs"]
        if jobs >= _AT_ONCE:
            return True
    return False


def make(connection: sqlite3.Connection, chunk_id: int) -> None:
    """Make the records of one chunk."""
    sql = "SELECT entry_id, state, payload FROM chunks WHERE id = ?"
    entry_id, state, payload = connection.execute(sql, (chunk_id,)).fetchone()
    chunk = chunk_id if state == BEGUN else None
    connection.executemany(
        "INSERT INTO records (entry_id, job_id, outcome, sentence, before, new_id, chunk) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (entry_id, job_id, UNKNOWN if chunk else same.result, sentence, json_of(before), new_id, chunk)
            for same in _loaded(payload)
            for job_id, sentence, before, new_id in same.each()
        ),
    )
    if state == BEGUN:
        connection.execute("UPDATE chunks SET payload = NULL WHERE id = ?", (chunk_id,))
    else:
        connection.execute("DELETE FROM chunks WHERE id = ?", (chunk_id,))


def json_of(value: Any) -> str:
    """Columns of a job as JSON, times as ISO texts."""
    return exact_json.dumps(dict(value), ensure_ascii=False, default=_plain)


def _rest(connection: sqlite3.Connection, entry_id: int) -> Iterator[Outcomes]:
    """The jobs that an act was about to reach, and of which nothing is written."""
    # An earlier Jobdesk kept it in the entry.
    sql = (
        f"SELECT coalesce((SELECT ids FROM {PLANS} WHERE entry_id = entries.id), planned), planned_jobs, action, "
        "staged FROM entries WHERE id = ?"
    )
    planned, planned_jobs, action, staged = connection.execute(sql, (entry_id,)).fetchone()
    ids = array("q")
    ids.frombytes(planned or b"")
    if planned_jobs > len(ids) and action not in (PRUNE, UNDO):
        sql = "SELECT coalesce(sum(jobs), 0) FROM chunks WHERE entry_id = ? AND mark = ''"
        (others,) = connection.execute(sql, (entry_id,)).fetchone()
        missing = planned_jobs - len(ids) - staged - others
        if missing > 0:
            told = "A new job was not reached." if missing == 1 else f"{missing:,} new jobs were not reached."
            yield Outcomes([0], NOT_REACHED, [told])
    sql = "SELECT id FROM chunks WHERE entry_id = ? AND payload IS NOT NULL"
    for row in connection.execute(sql, (entry_id,)).fetchall():
        make(connection, row["id"])
    known = {row[0] for row in connection.execute("SELECT job_id FROM records WHERE entry_id = ?", (entry_id,))}
    rest = [job_id for job_id in ids if job_id not in known]
    for start in range(0, len(rest), _AT_ONCE):
        yield Outcomes(rest[start : start + _AT_ONCE], NOT_REACHED, "Job {job} was not reached.")


def _forget(connection: sqlite3.Connection, chunk_id: int) -> bool:
    """Take back what was staged, an undo's claims included, unless others have settled it; whether it was there."""
    sql = (
        "SELECT entry_id, jobs, payload IS NULL AS is_made, undoes FROM chunks JOIN entries ON entries.id = entry_id "
        "WHERE chunks.id = ? AND state = ?"
    )
    row = connection.execute(sql, (chunk_id, BEGUN)).fetchone()
    if row is None:
        return False
    if row["undoes"] is not None:
        if not row["is_made"]:
            make(connection, chunk_id)
        _release(connection, row["entry_id"], chunk_id)
    connection.execute("DELETE FROM records WHERE entry_id = ? AND chunk = ?", (row["entry_id"], chunk_id))
    connection.execute("DELETE FROM chunks WHERE id = ?", (chunk_id,))
    connection.execute("UPDATE entries SET staged = staged - ? WHERE id = ?", (row["jobs"], row["entry_id"]))
    return True


def _release(connection: sqlite3.Connection, entry_id: int, chunk_id: int) -> None:
    """Take the claims of an undo back that was never committed."""
    connection.execute(
        "UPDATE records SET undone_by = NULL WHERE entry_id = (SELECT undoes FROM entries WHERE id = ?) "
        "AND undone_by = ? AND job_id IN (SELECT job_id FROM records AS own WHERE own.entry_id = ? AND own.chunk = ?)",
        (entry_id, entry_id, entry_id, chunk_id),
    )


def _insert(
    connection: sqlite3.Connection, entry_id: int, mark: str, state: str, jobs: int, payload: str | None
) -> int:
    cursor = connection.execute(
        "INSERT INTO chunks (entry_id, mark, state, jobs, payload) VALUES (?, ?, ?, ?, ?)",
        (entry_id, mark, state, jobs, payload),
    )
    return int(cursor.lastrowid or 0)


def _count(connection: sqlite3.Connection, entry_id: int, done: int, left: int) -> None:
    connection.execute("UPDATE entries SET done = done + ?, left = left + ? WHERE id = ?", (done, left, entry_id))


def _gathered(outcomes: Iterable[Outcomes]) -> Iterator[list[Outcomes]]:
    """So many at once that a row holds some thousand jobs."""
    chunk: list[Outcomes] = []
    for each in outcomes:
        chunk.append(each)
        if sum(len(one.ids) for one in chunk) >= 1_000:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _dumped(outcomes: Iterable[Outcomes]) -> str:
    rows = [
        [
            list(same.ids),
            same.result,
            same.sentence if isinstance(same.sentence, str) else list(same.sentence),
            dict(same.before),
            list(same.names),
            same.values,
            same.new_ids,
        ]
        for same in outcomes
    ]
    return json.dumps(rows, ensure_ascii=False, default=_plain)


def _loaded(payload: str) -> list[Outcomes]:
    return [Outcomes(*row) for row in json.loads(payload)]


def _plain(each: Any) -> Any:
    return each.isoformat() if isinstance(each, dt.datetime) else str(each)
