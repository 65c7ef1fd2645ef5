"""The recorded history of one database, on disk and what is not written yet, as one.

Whatever asks the file does so in the caller's thread, which the window's never is.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from jobdesk_core.history import reading, store
from jobdesk_core.history.file import HistoryFile, HistoryTrouble
from jobdesk_core.history.minutes import Cell, Minute
from jobdesk_core.history.ranges import Name, Range
from jobdesk_core.history.tidying import Limits, tidy

#: Minutes held in memory at most while they cannot be written, and cells of them, some 700 bytes each.
MOST_HELD, MOST_CELLS = 24 * 60, 20_000
#: Minutes that stay in memory once they are written: what comes late is added to them.
HELD_WRITTEN = 30


class History:
    """What happened per minute. Without a path it is kept in memory only, the last day of it."""

    def __init__(self, path: Path | None = None, limits: Limits | None = None) -> None:
        self.path = path
        self.limits = limits or Limits()
        #: Why nothing is written now; None while all is well.
        self.trouble: HistoryTrouble | None = None
        self._file = HistoryFile(path, self.limits.bytes) if path is not None else None
        self._lock = threading.Lock()
        self._held: dict[int, Minute] = {}
        self._unwritten: set[int] = set()

    # Keeping

    def keep(self, minutes: Mapping[int, Minute]) -> None:
        """Take over minutes, each unless it is known better. They are not changed from now on."""
        with self._lock:
            for minute, new in minutes.items():
                held = self._held.get(minute)
                if held is None or (held.quality, held.total) < (new.quality, new.total):
                    self._held[minute] = new
                    self._unwritten.add(minute)
            self._bound()

    def add_late(self, minute: int, more: Minute) -> None:
        """Add what has been committed late to a minute that is held; another one stays as it is."""
        with self._lock:
            held = self._held.get(minute)
            if held is not None:
                self._held[minute] = held.merged(more)
                self._unwritten.add(minute)

    @property
    def is_written(self) -> bool:
        """Whether there is nothing to be saved."""
        return not self._unwritten

    @property
    def put_aside(self) -> Path | None:
        """Where a file that could not be read was put, when that has happened."""
        return self._file.put_aside if self._file is not None else None

    def save(self, now: int) -> bool:
        """Write what is not written yet, and make room, with `now` as the running minute; whether more is to be done.

        Never raises: what cannot be written stays in memory, `trouble` says why, and the next call tries again.
        """
        if self._file is None:
            return False
        with self._lock:
            writing = {minute: self._held[minute] for minute in self._unwritten if minute in self._held}
        try:
            if writing:
                self._put(self._file, writing, now)
                with self._lock:
                    self._unwritten -= {minute for minute, each in writing.items() if self._held.get(minute) is each}
                    self._forget_written()
            self.trouble = None
            return tidy(self._file, self.limits, now)
        except HistoryTrouble as trouble:
            self.trouble = trouble
        except (sqlite3.Error, OSError):
            pass  # another program is writing
        return False

    def try_file(self) -> None:
        """See whether anything can be written beside the file, if there is one; `trouble` says why not."""
        try:
            if self._file is not None:
                self._file.try_folder()
            self.trouble = None
        except HistoryTrouble as trouble:
            self.trouble = trouble

    def _put(self, file: HistoryFile, writing: Mapping[int, Minute], now: int) -> None:
        try:
            file.write(lambda connection: store.put(connection, writing))
        except HistoryTrouble:
            # Its own limit may have been reached: then there is room to be made.
            tidy(file, self.limits, now)
            file.write(lambda connection: store.put(connection, writing))

    def forget(self) -> None:
        """Forget all that was recorded. Raises HistoryTrouble, sqlite3.Error where another program is writing."""
        with self._lock:
            self._held.clear()
            self._unwritten.clear()
        if self._file is not None and self._file.path.exists():
            # The file itself stays: other windows may have it open.
            self._file.write(store.forget)

    def close(self) -> None:
        """Close the file; it is opened again when it is asked."""
        if self._file is not None:
            self._file.close()

    def _forget_written(self) -> None:
        newest = max(self._held, default=0)
        for minute in [each for each in self._held if each < newest - HELD_WRITTEN and each not in self._unwritten]:
            del self._held[minute]

    def _bound(self) -> None:
        """Let the oldest go that could not be written for too long."""
        if len(self._held) <= HELD_WRITTEN:
            return
        cells = sum(len(each.cells) for each in self._held.values())
        for minute in sorted(self._held):
            if len(self._held) <= MOST_HELD and (cells <= MOST_CELLS or len(self._held) <= HELD_WRITTEN):
                break
            cells -= len(self._held.pop(minute).cells)
            self._unwritten.discard(minute)

    # Reading

    def read(self, first: int, end: int, step: int, *, queue: str | None = None, task: str | None = None) -> Range:
        """The columns from minute `first` to before `end` (since 1970, UTC), of `step` minutes each.

        Of a queue, of a task, of a task in a queue, or of all. The running minute is not recorded yet.
        """
        of, span = (queue, task), (first, end, step)
        with self._lock:
            held = {minute: each for minute, each in self._held.items() if first <= minute < end}
        stored = store.Stored(span, held)
        if self._file is not None:
            stored = self._file.read(lambda file: store.get(file, span, of, held), stored)
        return reading.to_range(stored, of)

    def names(self, first: int, end: int, *, of: Literal["queue", "task"], queue: str | None = None) -> list[Name]:
        """The queues, or the tasks (of one queue), to which anything happened, the busiest first."""
        found: dict[str, list[int]] = {}
        with self._lock:
            held = {minute: each for minute, each in self._held.items() if first <= minute < end}
            unwritten = {minute: held[minute] for minute in self._unwritten if minute in held}
        if self._file is None:
            unwritten = held
        else:
            found = self._file.read(lambda file: store.totals(file, first, end, of, queue), {})
        cells: defaultdict[str, Cell] = defaultdict(Cell)
        for each in unwritten.values():
            for (of_queue, of_task), cell in each.cells.items():
                if queue is None or of_queue == queue:
                    cells[of_queue if of == "queue" else of_task].merge_cell(cell)
        for name, numbers in found.items():
            cells[name].merge(numbers, {}, {})
        names = [Name(name, cell.counts) for name, cell in cells.items()]
        return sorted(names, key=lambda each: (-sum(each.counts.values()), each.name))

    @property
    def recorded_since(self) -> int | None:
        """The first minute (since 1970, UTC) of which anything is known; None before the first. Asks the file."""
        with self._lock:
            known = [min(self._held)] if self._held else []
        if self._file is not None:
            sql = "SELECT min(minute) FROM known"
            oldest = self._file.read(lambda file: file.execute(sql).fetchone()[0], None)
            known += [oldest] if oldest is not None else []
        return min(known, default=None)

    def known(self, first: int, end: int) -> set[int]:
        """The minutes of a range of which anything is known. Asks the file."""
        with self._lock:
            known = {minute for minute in self._held if first <= minute < end}
        if self._file is not None:
            sql = "SELECT minute FROM known WHERE minute >= ? AND minute < ?"
            known |= self._file.read(lambda file: {row[0] for row in file.execute(sql, (first, end))}, set())
        return known
