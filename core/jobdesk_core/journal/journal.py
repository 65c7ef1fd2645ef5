"""The journal as the window uses it: its file is read and written in threads beside the loop, never in it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import getpass
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import platformdirs

from jobdesk_core.exceptions import OwnFileTrouble
from jobdesk_core.files import CsvLines, has_no_room, whole_file
from jobdesk_core.journal import alive
from jobdesk_core.journal.file import JournalFile
from jobdesk_core.journal.record import Chunk, End, Entry, Header, Planned, Record, Search, Verdict
from jobdesk_core.journal.store import Limits, Store
from jobdesk_core.operations.outcomes import Outcomes

P = ParamSpec("P")
T = TypeVar("T")

#: Records read at once for an export or an undo.
BATCH_RECORDS = 1_000
_COLUMNS = (
    *("entry", "at", "ended_at", "user", "role", "profile", "place", "action", "entry_sentence", "error", "undoes"),
    *("job_id", "outcome", "sentence", "before", "new_id", "undone_by"),
)


class JournalTrouble(OwnFileTrouble):
    """The journal cannot be read or written."""


class Journal:
    """Kept in the user's state folder unless a path is given. Its methods raise JournalTrouble with the reason."""

    #: Seconds that an act waits for a lost link before it ends with what nobody knows; None: as long as is usual.
    patience_s: float | None = None

    def __init__(self, path: Path | None = None, limits: Limits | None = None) -> None:
        self.path = path or platformdirs.user_state_path("jobdesk", appauthor=False) / "journal.sqlite"
        self._store = Store(self.path, limits)
        #: Acts of ours whose end could not be written, and what broke them off.
        self._unended: dict[int, str] = {}

    @property
    def put_aside(self) -> Path | None:
        """Where a file that could not be read was put, when that has happened."""
        return self._store.file.put_aside

    async def entries(self, search: Search, *, before_id: int | None = None, limit: int = 200) -> list[Entry]:
        """The entries that match, newest first, older than `before_id`."""
        return await self._run(self._store.entries, search, before_id, limit)

    async def entry(self, entry_id: int) -> Entry | None:
        """One entry, or None when it has been dropped."""
        return await self._run(self._store.entry, entry_id)

    async def records(
        self, entry_id: int, *, after_job: int | None = None, limit: int = BATCH_RECORDS, only_open: bool = False
    ) -> list[Record]:
        """An entry's records in the order of job ids; `only_open`: of jobs that were acted upon and not undone."""
        return await self._run(lambda: self._store.records(entry_id, after_job, limit, only_open=only_open))

    async def every_record(
        self, entry_id: int, after: tuple[int, int] = (-(2**63), 0), limit: int = BATCH_RECORDS
    ) -> list[tuple[tuple[int, int], Record]]:
        """An entry's records, those after a place, each with its place. Several may be of the same job, or of none."""
        return await self._run(self._store.every_record, entry_id, after, limit)

    async def names(self, column: Literal["action", "profile"]) -> list[str]:
        """The actions, or the profiles, that the journal holds."""
        return await self._run(self._store.values_of, column)

    async def in_doubt(self, entry_id: int | None = None) -> list[Chunk]:
        """The transactions of all entries, or of one, whose end nobody knows yet."""
        return await self._run(self._store.in_doubt, entry_id)

    async def reason_unknown(self, entry_id: int) -> str | None:
        """Why it can never be known whether some of an entry's jobs were acted upon; None when that is known."""
        return await self._run(self._store.reason_unknown, entry_id)

    async def settle(self, chunk: Chunk, verdict: Verdict, reason: str = "") -> bool:
        """Write down what has become of a transaction, and whether that was new; `reason`: why it cannot be known."""
        return await self._run(self._store.settle, chunk.id, verdict, reason)

    async def close_dead(self) -> int:
        """End the entries that nobody ends any more, with what they had not reached; how many.

        They are of programs that were killed, or of our own when their end could not be written.
        """

        def close() -> int:
            unended = dict(self._unended)
            closed = self._store.close_dead(lambda name: alive.is_alive(self.path.parent, name), unended)
            for entry_id in unended:
                self._unended.pop(entry_id, None)
            alive.sweep(self.path.parent)
            return closed

        return await self._run(close)

    def is_unsettled(self) -> bool:
        """Whether an act has no end yet, or one that nobody knows. Takes a moment, makes no file, and never raises."""
        return self._store.is_unsettled()

    # For whoever carries an act out, in any thread: they wait for the disk.

    def begin_now(self, header: Header, planned: Planned) -> int:
        """Have an act on disk before it begins; the number of its entry."""
        with self._explained():
            owner = alive.own_name(self.path.parent)
            return self._store.begin(header, _now(), _os_user(), planned, owner)

    def stage_now(
        self,
        entry_id: int,
        mark: str,
        outcomes: Sequence[Outcomes],
        *,
        ends: Sequence[tuple[int, End]] = (),
        undoes: int | None = None,
    ) -> int:
        """Have on disk what a transaction will have done, before it is committed; see Store.stage."""
        with self._explained():
            return self._store.stage(entry_id, mark, outcomes, _now(), ends=ends, undoes=undoes)

    def finish_now(
        self,
        entry_id: int,
        error: str,
        outcomes: Iterable[Outcomes],
        *,
        ends: Sequence[tuple[int, End]] = (),
        is_whole: bool = True,
    ) -> None:
        """Have the end of an act on disk; see Store.finish."""
        with self._explained():
            self._unended[entry_id] = error
            self._store.finish(entry_id, _now(), error, outcomes, ends=ends, is_whole=is_whole)
            del self._unended[entry_id]

    async def export(self, search: Search, path: Path) -> int:
        """Write every matching entry, a line for each of its jobs, as CSV or (`.ndjson`) NDJSON; how many lines.

        Cancelled, it stops within a line, and what was at `path` stays as it was.
        """
        ending = threading.Event()
        try:
            return await self._run(self._export, search, path, ending)
        finally:
            ending.set()

    async def _run(self, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        with self._explained():
            return await asyncio.to_thread(work, *arguments, **options)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalTrouble(self._sentence(error)) from error

    def _sentence(self, error: Exception) -> str:
        name = getattr(error, "sqlite_errorname", "")
        if has_no_room(error):
            return (
                f"The journal cannot be written: there is no room left for {self.path}. What is done now is not in it. "
                "Make room on its disk, or move the file away once it is larger than a gigabyte."
            )
        if name.startswith("SQLITE_BUSY"):
            return (
                f"Another program has been using the journal for more than {JournalFile.busy_s:.0f} s. "
                "What is done now is not in it. Wait until the other Jobdesk is done, or close it."
            )
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) or isinstance(error, PermissionError):
            return f"The journal cannot be opened for writing: check the permissions of {self.path}."
        return f"The journal {self.path} cannot be used: {error}."

    # Exporting

    def _export(self, search: Search, path: Path, ending: threading.Event) -> int:
        lines = 0
        with whole_file(path) as file:
            write = _ndjson(file) if path.suffix == ".ndjson" else _csv(file)
            for line in self._lines(search):
                if ending.is_set():
                    raise OSError(errno.ECANCELED, "The export was stopped")
                write(line)
                lines += 1
        return lines

    def _lines(self, search: Search) -> Iterator[dict[str, Any]]:
        before: int | None = None
        while entries := self._store.entries(search, before, 200):
            before = entries[-1].id
            for entry in entries:
                head = _head(entry)
                after, written = (-(2**63), 0), 0
                while page := self._store.every_record(entry.id, after, BATCH_RECORDS):
                    after, written = page[-1][0], written + len(page)
                    yield from (head | _tail(record) for _, record in page)
                if written < entry.kept:
                    raise JournalTrouble("Old entries were removed from the journal meanwhile: export it again.")
                if not written:
                    yield head


def _head(entry: Entry) -> dict[str, Any]:
    header = entry.header
    return {
        "entry": entry.id,
        "at": entry.at.isoformat(),
        "ended_at": entry.ended_at.isoformat() if entry.ended_at else None,
        "user": entry.os_user,
        "role": header.role,
        "profile": header.profile,
        "place": header.place,
        "action": header.action,
        "entry_sentence": header.sentence,
        "error": entry.error,
        "undoes": header.undoes,
    }


def _tail(record: Record) -> dict[str, Any]:
    return {
        "job_id": record.job_id,
        "outcome": record.outcome,
        "sentence": record.sentence,
        "before": dict(record.before),
        "new_id": record.new_id,
        "undone_by": record.undone_by,
    }


def _csv(file: Any) -> Callable[[dict[str, Any]], object]:
    lines = CsvLines(file, _COLUMNS)
    return lambda line: lines.write(
        (line.get(name) or None) if name == "before" else line.get(name) for name in _COLUMNS
    )


def _ndjson(file: Any) -> Callable[[dict[str, Any]], object]:
    return lambda line: file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _os_user() -> str:
    with contextlib.suppress(KeyError, OSError, ImportError):  # no such user, as in some containers
        return getpass.getuser()
    return "unknown"
