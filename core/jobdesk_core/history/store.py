"""What the history's file holds: minutes as they are written by whoever followed them, and how they are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
#: The sum of several rows: packed histograms are added by standing one after the other.
_SUMMED = ", ".join(
    (*(f"sum({name})" for name in NUMBERS), *(f"CAST(group_concat({name}, '') AS BLOB)" for name in ("waited", "ran")))
)
#: A minute's, or an hour's: the numbers in the order of COUNTED, and both histograms packed.
Row = tuple[int | bytes, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """From which minute on a level is kept at all, and from which on by minutes; before that by hours."""

    since: int = 0
    minutes_since: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is of a span: its first minute, the one after its last, and the minutes of a column.

    `known`: of each column, by its place, how many minutes of the file are known, and how many of these were filled in.
    `rows` begin with the place of their column and go on as a Row, which may be the sum of many; a place may come more
    than once. `held`: the minutes that are in memory and known no worse there; nothing of them is in the others.
    """

    span: tuple[int, int, int]
    held: Mapping[int, Minute]
    known: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    rows: Sequence[tuple[Any, ...]] = ()


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
    connection: sqlite3.Connection,
    span: tuple[int, int, int],
    of: tuple[str | None, str | None],
    held: Mapping[int, Minute],
) -> Stored:
    """What the file has of a span, `of` a queue and a task; where it goes beyond the minutes, of its whole hours.

    The file adds up: of what it does, no other thread has to wait for the end.
    """
    (first, end, step), (queue, task) = span, of
    level = BY_TASK if task is not None else BY_QUEUE if queue is not None else ALL
    kept = kept_of(connection, level)
    if first < kept.minutes_since:
        first, end, step = first // 60 * 60, -(-end // 60) * 60, -(-step // 60) * 60
    held = _better(connection, held, kept)
    is_stored = f"minute >= ? AND minute < ? AND minute NOT IN ({', '.join(map(str, held))})"
    sql = f"SELECT (minute - ?) / ?, count(*), sum(quality = {FILLED}) FROM known WHERE {is_stored} GROUP BY 1"
    counted = connection.execute(sql, (first, step, max(first, kept.since), end))
    known = {place: (number, filled) for place, number, filled in counted}
    wanted, names = _wanted(level, queue, task)
    # As they lie in the file, if possible: nothing has to be sorted then.
    by = "series, minute" if step == 1 else "series" if step >= end - first else "1"
    sql = f"SELECT (minute - ?) / ?, {_SUMMED} FROM minutes WHERE series IN ({wanted}) AND {is_stored} GROUP BY {by}"
    rows = connection.execute(sql, (first, step, *names, first, end)).fetchall()
    if first < kept.minutes_since:
        sql = f"SELECT (hour * 60 - ?) / ?, {_SUMMED} FROM hours WHERE series IN ({wanted}) AND hour >= ? AND hour < ?"
        rows += connection.execute(f"{sql} GROUP BY 1", (first, step, *names, first // 60, end // 60)).fetchall()
    return Stored((first, end, step), held, known, rows)


def _better(connection: sqlite3.Connection, held: Mapping[int, Minute], kept: Kept) -> dict[int, Minute]:
    """The minutes held in memory that are known no worse there, but for those that an hour holds already."""
    found: dict[int, Minute] = {}
    for minute, each in held.items():
        stored = connection.execute("SELECT quality, total FROM known WHERE minute = ?", (minute,)).fetchone()
        if stored is None or (minute >= kept.minutes_since and stored <= (each.quality, each.total)):
            found[minute] = each
    return found


def _wanted(level: int, queue: str | None, task: str | None) -> tuple[str, list[str]]:
    # The partial index is found by the literal.
    sql, names = f"SELECT id FROM series WHERE level = {level}", list[str]()
    for column, name in (("queue", queue), ("task", task)):
        if name is not None:
            sql += f" AND {column} = ?"
            names.append(name)
    return sql, names


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
