"""What the history's file holds: minutes as they are written by whoever followed them, and how they are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jobdesk_core.history.file import NUMBERS
from jobdesk_core.history.histogram import Histogram
from jobdesk_core.history.minutes import FILLED, Cell, Minute
from jobdesk_core.history.ranges import COUNTED

ALL, BY_QUEUE, BY_TASK = 0, 1, 2
LEVELS = (ALL, BY_QUEUE, BY_TASK)
_COLUMNS = (*NUMBERS, "waited", "ran")
_PUT = "INSERT OR REPLACE INTO {table} (series, {span}, " + ", ".join(_COLUMNS) + ") VALUES (?, ?" + ", ?" * 11 + ")"
PUT_MINUTE, PUT_HOUR = _PUT.format(table="minutes", span="minute"), _PUT.format(table="hours", span="hour")
_SELECTED = ", ".join(_COLUMNS)
#: A minute's, or an hour's: the numbers in the order of COUNTED, and both histograms packed.
Row = tuple[int | bytes, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """From which minute on a level is kept at all, and from which on by minutes; before that by hours."""

    since: int = 0
    minutes_since: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What the file has of a range: how well each minute is known, and of those that are `held` in memory, how much
    happened in them; rows by minute and hour.

    Several rows of a minute or an hour belong to several series.
    """

    known: dict[int, int]
    held: Mapping[int, tuple[int, int]]
    kept: Kept
    minutes: Sequence[tuple[Any, ...]] = ()
    hours: Sequence[tuple[Any, ...]] = ()


NONE = Stored({}, {}, Kept())


def kept_of(connection: sqlite3.Connection, level: int) -> Kept:
    """How a level is kept."""
    values = dict(connection.execute("SELECT key, value FROM meta WHERE key LIKE ? || '%'", (f"level {level} ",)))
    return Kept(values.get(f"level {level} since", 0), values.get(f"level {level} minutes since", 0))


def set_kept(connection: sqlite3.Connection, level: int, kept: Kept) -> None:
    """Note how a level is kept from now on."""
    for key, value in (("since", kept.since), ("minutes since", kept.minutes_since)):
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"level {level} {key}", value))


def put(connection: sqlite3.Connection, minutes: Mapping[int, Minute]) -> None:
    """Write minutes, each as a whole or not at all: what is known better, or says more, stays.

    So two windows that followed the same minute have it once.
    """
    kept = [kept_of(connection, level) for level in LEVELS]
    series = _Series(connection)
    for minute, held in sorted(minutes.items()):
        found = connection.execute("SELECT quality, total FROM known WHERE minute = ?", (minute,)).fetchone()
        ours = (held.quality, held.total)
        if found is not None and found >= ours:
            continue
        connection.execute("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", (minute, *ours))
        if found is not None and found[1]:
            connection.execute("DELETE FROM minutes WHERE minute = ? AND series IN (SELECT id FROM series)", (minute,))
        for level, of_level in enumerate(kept):
            if minute < of_level.since:
                continue
            for (queue, task), cell in by_level(held, level).items():
                number = series.of(level, queue, task)
                if minute >= of_level.minutes_since:
                    connection.execute(PUT_MINUTE, (number, minute, *row_of(cell)))
                elif found is None:  # what an hour already holds of a minute cannot be told apart any more
                    add_to_hour(connection, number, minute // 60, cell)


def forget(connection: sqlite3.Connection) -> None:
    """Delete all there is."""
    for table in ("minutes", "hours", "known", "series", "meta"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("PRAGMA incremental_vacuum").fetchall()


def by_level(minute: Minute, level: int) -> Mapping[tuple[str, str], Cell]:
    """A minute's cells as a level has them."""
    if level == BY_TASK:
        return minute.cells
    cells: dict[tuple[str, str], Cell] = {}
    for (queue, _), cell in minute.cells.items():
        name = (queue if level == BY_QUEUE else "", "")
        cells.setdefault(name, Cell()).merge_cell(cell)
    return cells


def row_of(cell: Cell) -> Row:
    """A cell as the file has it."""
    waited, ran = cell.histograms
    return (*cell.numbers, waited.to_bytes(), ran.to_bytes())


def merge_row(cell: Cell, row: Sequence[int | bytes]) -> None:
    """Add what the file has to a cell."""
    *numbers, waited, ran = row
    assert isinstance(waited, bytes)
    assert isinstance(ran, bytes)
    histograms = Histogram.from_bytes(waited).counts, Histogram.from_bytes(ran).counts
    cell.merge([int(number) for number in numbers], *histograms)


def add_to_hour(connection: sqlite3.Connection, series: int, hour: int, cell: Cell) -> None:
    """Add to what an hour has of a series."""
    sql = f"SELECT {_SELECTED} FROM hours WHERE series = ? AND hour = ?"
    found = connection.execute(sql, (series, hour)).fetchone()
    whole = Cell().merge_cell(cell)
    if found is not None:
        merge_row(whole, found)
    connection.execute(PUT_HOUR, (series, hour, *row_of(whole)))


def get(
    connection: sqlite3.Connection, first: int, end: int, of: tuple[str | None, str | None], held: Iterable[int]
) -> Stored:
    """What the file has of a range, `of` a queue and a task; where it goes beyond the minutes, of its whole hours."""
    queue, task = of
    level = BY_TASK if task is not None else BY_QUEUE if queue is not None else ALL
    kept = kept_of(connection, level)
    if first < kept.minutes_since:
        first, end = first // 60 * 60, -(-end // 60) * 60
    sql = "SELECT minute, quality FROM known WHERE minute >= ? AND minute < ?"
    known: dict[int, int] = dict(connection.execute(sql, (max(first, kept.since), end)))
    sql = "SELECT quality, total FROM known WHERE minute = ?"
    in_both = {minute: connection.execute(sql, (minute,)).fetchone() for minute in held if minute in known}
    minutes: list[tuple[Any, ...]] = []
    hours: list[tuple[Any, ...]] = []
    for (number,) in connection.execute(*_wanted(level, queue, task)).fetchall():
        sql = f"SELECT minute, {_SELECTED} FROM minutes WHERE series = ? AND minute >= ? AND minute < ?"
        minutes += connection.execute(sql, (number, first, end)).fetchall()
        if first < kept.minutes_since:
            sql = f"SELECT hour, {_SELECTED} FROM hours WHERE series = ? AND hour >= ? AND hour < ?"
            hours += connection.execute(sql, (number, first // 60, end // 60)).fetchall()
    return Stored(known, in_both, kept, minutes, hours)


def _wanted(level: int, queue: str | None, task: str | None) -> tuple[str, Sequence[str | int]]:
    sql, values = "SELECT id FROM series WHERE level = ?", [level]
    wanted: list[str | int] = [*values]
    for column, name in (("queue", queue), ("task", task)):
        if name is not None:
            sql += f" AND {column} = ?"
            wanted.append(name)
    # The partial index is found by the literal.
    return sql.replace("level = ?", f"level = {level}"), wanted[1:]


def totals(
    connection: sqlite3.Connection, first: int, end: int, of: Literal["queue", "task"], queue: str | None
) -> dict[str, list[int]]:
    """What happened to each queue, or to each task (of one queue), in a range, in the order of COUNTED."""
    level = BY_QUEUE if of == "queue" else BY_TASK
    kept = kept_of(connection, level)
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in NUMBERS)
    found: dict[str, list[int]] = {}
    where = "" if queue is None else " AND queue = ?"
    wanted = connection.execute(
        f"SELECT id, {of} FROM series WHERE level = {level}{where}", () if queue is None else (queue,)
    ).fetchall()
    for number, name in wanted:
        for table, span, low, high in (
            ("minutes", "minute", first, end),
            ("hours", "hour", first // 60, -(-min(end, kept.minutes_since) // 60)),
        ):
            sql = f"SELECT {sums}, count(*) FROM {table} WHERE series = ? AND {span} >= ? AND {span} < ?"
            *numbers, rows = connection.execute(sql, (number, low, high)).fetchone()
            if rows:
                held = found.setdefault(name, [0] * len(COUNTED))
                found[name] = [one + more for one, more in zip(held, numbers, strict=True)]
    return found


def better_in(stored: Stored, held: Mapping[int, Minute]) -> dict[int, Minute]:
    """The minutes held in memory that are known no worse there than in the file."""
    none = (FILLED, -1)
    return {
        minute: each for minute, each in held.items() if stored.held.get(minute, none) <= (each.quality, each.total)
    }


class _Series:
    """The numbers of the series, made where there is none yet."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[int, str, str], int] = {}

    def of(self, level: int, queue: str, task: str) -> int:
        name = (level, queue, task)
        number = self._known.get(name)
        if number is None:
            self._connection.execute("INSERT OR IGNORE INTO series (level, queue, task) VALUES (?, ?, ?)", name)
            sql = "SELECT id FROM series WHERE level = ? AND queue = ? AND task = ?"
            number = self._known[name] = int(self._connection.execute(sql, name).fetchone()[0])
        return number
