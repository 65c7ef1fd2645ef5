"""Keeps the history's file within its bounds: minutes become hours, and what is old goes, in small transactions."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from jobdesk_core.history.file import HistoryFile
from jobdesk_core.history.minutes import Cell
from jobdesk_core.history.store import (
    ALL,
    BY_QUEUE,
    BY_TASK,
    LEVELS,
    Kept,
    add_to_hour,
    kept_of,
    merge_row,
    set_kept,
)

HOUR, DAY = 60, 24 * 60
#: From which share of the limit on room is made, until less than that is used.
FULL, ROOMY = 0.9, 0.85
#: Steps of one round, so that no writer waits for long; the next round goes on.
STEPS = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """How many days are kept by minutes, how many at all, and how many bytes the file has at most.

    Where the bytes do not suffice, tasks become hours first, and are dropped first, then queues; what happened in all
    stays longest.
    """

    minute_days: int = 8
    days: int = 90
    bytes: int = 64_000_000


def tidy(file: HistoryFile, limits: Limits, now: int) -> bool:
    """Make some room if there is need, with `now` as the minute that it is; whether there is more to be done."""
    for _ in range(STEPS):
        if not file.make_room(lambda connection: _by_age(connection, limits, now)):
            break
    else:
        return True
    if file.share < FULL:
        return False
    for _ in range(STEPS):
        if file.share < ROOMY:
            return False
        if not file.make_room(lambda connection: _by_size(connection, now)):
            return False
    return True


def _by_age(connection: sqlite3.Connection, limits: Limits, now: int) -> bool:
    oldest = connection.execute("SELECT min(minute) FROM known").fetchone()[0]
    if oldest is None:
        return False
    by_minutes, at_all = now - limits.minute_days * DAY, now - limits.days * DAY
    for level in LEVELS:
        kept = kept_of(connection, level)
        start = max(kept.minutes_since, oldest)
        if start < by_minutes // HOUR * HOUR - HOUR:
            compact(connection, level, kept, (start // HOUR + 1) * HOUR)
            return True
        if max(kept.since, oldest) < at_all - DAY:
            drop(connection, level, kept, at_all)
            return True
    if oldest < at_all - DAY:
        connection.execute("DELETE FROM known WHERE minute < ?", (at_all,))
        _vacuum(connection)
        return True
    return False


def _by_size(connection: sqlite3.Connection, now: int) -> bool:
    oldest = connection.execute("SELECT min(minute) FROM known").fetchone()[0]
    if oldest is None:
        return False
    for level in (BY_TASK, BY_QUEUE, ALL):
        kept = kept_of(connection, level)
        start = max(kept.minutes_since, oldest)
        if start < now - 3 * HOUR:
            compact(connection, level, kept, (start // HOUR + 1) * HOUR)
            return True
        begin = max(kept.since, oldest)
        if begin < now - 6 * HOUR:
            drop(connection, level, kept, begin + max(HOUR, (now - begin) // 20 // HOUR * HOUR))
            return True
    return False


def compact(connection: sqlite3.Connection, level: int, kept: Kept, until: int) -> None:
    """Have a level's minutes before this whole hour be hours."""
    sql = "SELECT * FROM minutes WHERE series = ? AND minute < ? ORDER BY minute"
    for (series,) in connection.execute("SELECT id FROM series WHERE level = ?", (level,)).fetchall():
        cells: dict[int, Cell] = {}
        for _, minute, *row in connection.execute(sql, (series, until)):
            merge_row(cells.setdefault(minute // HOUR, Cell()), row)
        for hour, cell in cells.items():
            add_to_hour(connection, series, hour, cell)
        if cells:
            connection.execute("DELETE FROM minutes WHERE series = ? AND minute < ?", (series, until))
    set_kept(connection, level, replace(kept, minutes_since=until))
    _vacuum(connection)


def drop(connection: sqlite3.Connection, level: int, kept: Kept, until: int) -> None:
    """Drop what a level has from before this minute, rounded to the hour."""
    until = until // HOUR * HOUR
    of_level = "series IN (SELECT id FROM series WHERE level = ?)"
    connection.execute(f"DELETE FROM hours WHERE {of_level} AND hour < ?", (level, until // HOUR))
    connection.execute(f"DELETE FROM minutes WHERE {of_level} AND minute < ?", (level, until))
    connection.execute(
        "DELETE FROM series WHERE level = ? AND id NOT IN (SELECT series FROM hours UNION SELECT series FROM minutes)",
        (level,),
    )
    set_kept(connection, level, replace(kept, since=until, minutes_since=max(kept.minutes_since, until)))
    _vacuum(connection)


def _vacuum(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA incremental_vacuum(500)").fetchall()
