"""The alerts on disk: SQLite, which two desks share. What is over is kept for 30 days, and never without end.

Methods raise sqlite3.Error and OSError as they come; they wait for the disk.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import platformdirs

from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.telling import Mute
from jobdesk_core.sqlite_file import SqliteFile, write_ahead

KEPT_DAYS = 30
#: Alerts kept at most, the newest.
MOST_KEPT = 20_000
#: Seconds for which whoever looked last is the one that looks at a database.
LEASE_S = 20.0
_TIMES = ("since", "active_at", "gone_at", "over_at", "told_at", "over_told_at", "again_at")
_COLUMNS = tuple(each.name for each in fields(Alert) if each.name != "id")
_TYPES = {**dict.fromkeys(_TIMES, "REAL"), "number": "REAL", "peak": "REAL", "count": "INTEGER", "flaps": "INTEGER"}
_TYPED = ", ".join(f'"{name}" {_TYPES.get(name, "TEXT NOT NULL")}' for name in _COLUMNS)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS alerts (id INTEGER PRIMARY KEY AUTOINCREMENT, {_TYPED});
CREATE INDEX IF NOT EXISTS alerts_open ON alerts (database) WHERE over_at IS NULL;
CREATE INDEX IF NOT EXISTS alerts_over ON alerts (over_at);
CREATE TABLE IF NOT EXISTS mutes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, database TEXT NOT NULL, rule TEXT NOT NULL, subject TEXT, until REAL,
    until_over INTEGER NOT NULL, by TEXT NOT NULL, at REAL
);
CREATE TABLE IF NOT EXISTS leases (database TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS watched (
    database TEXT NOT NULL, rule TEXT NOT NULL, value TEXT NOT NULL, since REAL NOT NULL, PRIMARY KEY (database, rule)
);
"""


def usual_path() -> Path:
    """Where the window keeps it."""
    return platformdirs.user_state_path("jobdesk", appauthor=False) / "alerts.sqlite"


class AlertHistory(SqliteFile):
    """Each method is one transaction of its own, in the caller's thread."""

    busy_s = 2.0

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path or usual_path())

    def open_alerts(self, database: str | None = None) -> list[Alert]:
        """The alerts that are not over, of one database or of all, the oldest first."""
        return self.run(lambda connection: open_alerts(connection, database))

    def earlier(self, since: dt.datetime, database: str | None = None, limit: int = MOST_KEPT) -> list[Alert]:
        """The alerts that were over at `since` or later, the latest first."""
        where, values = _over_since(since, database)
        return self.run(
            lambda connection: _alerts(connection, f"{where} ORDER BY over_at DESC, id DESC LIMIT ?", [*values, limit])
        )

    def count_earlier(self, since: dt.datetime, database: str | None = None) -> int:
        """How many these are."""
        where, values = _over_since(since, database)

        def count(connection: sqlite3.Connection) -> int:
            found: int = connection.execute(f"SELECT count(*) FROM alerts WHERE {where}", values).fetchone()[0]
            return found

        return self.run(count)

    def last_over(self, database: str | None = None) -> Alert | None:
        """The alert that was over last."""
        found = self.earlier(dt.datetime.fromtimestamp(0, dt.UTC), database, 1)
        return found[0] if found else None

    def mute(self, mute: Mute) -> None:
        """Have nobody told of what it covers; one of the same things before it ends."""

        def write(connection: sqlite3.Connection) -> None:
            place = (mute.database, mute.rule, mute.subject)
            connection.execute("DELETE FROM mutes WHERE database = ? AND rule = ? AND subject IS ?", place)
            values = (*place, _number(mute.until), mute.until_over, mute.by, _number(mute.at))
            connection.execute(
                "INSERT INTO mutes (database, rule, subject, until, until_over, by, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )

        self.run(write)

    def unmute(self, mute_id: int) -> None:
        """End a mute now."""
        self.run(lambda connection: connection.execute("DELETE FROM mutes WHERE id = ?", (mute_id,)))

    def mutes(self) -> list[Mute]:
        """All that there are, those that have ended within the last day, too."""
        return self.run(read_mutes)

    def rename(self, old: str, new: str) -> None:
        """A database has another name: its alerts and mutes go on under that."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM leases WHERE database = ?", (old,))
            for table in ("alerts", "mutes", "watched"):
                connection.execute(f"UPDATE OR REPLACE {table} SET database = ? WHERE database = ?", (new, old))

        self.run(write)

    def release(self, owner: str) -> None:
        """Let others look at once at what `owner` has looked at."""
        self.run(lambda connection: connection.execute("DELETE FROM leases WHERE owner = ?", (owner,)))

    def sweep(self, now: dt.datetime) -> None:
        """Forget what is too old or too much."""

        def work(connection: sqlite3.Connection) -> None:
            oldest = (now - dt.timedelta(days=KEPT_DAYS)).timestamp()
            connection.execute("DELETE FROM alerts WHERE over_at < ?", (oldest,))
            kept = "SELECT id FROM alerts ORDER BY over_at IS NULL DESC, over_at DESC LIMIT -1 OFFSET ?"
            connection.execute(f"DELETE FROM alerts WHERE id IN ({kept})", (MOST_KEPT,))
            day_ago = (now - dt.timedelta(days=1)).timestamp()
            connection.execute("DELETE FROM mutes WHERE until < ?", (day_ago,))

        self.run(work)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        write_ahead(connection, "NORMAL")
        connection.executescript(_SCHEMA)


# Within a transaction of somebody's


def leased(connection: sqlite3.Connection, database: str, owner: str, now: dt.datetime) -> bool:
    """Whether `owner` is the one that looks at this database for now; if nobody is, it is from now on."""
    row = connection.execute("SELECT owner, until FROM leases WHERE database = ?", (database,)).fetchone()
    moment = now.timestamp()
    # One that lies far ahead is of a clock that was set back since.
    if row is not None and row[0] != owner and moment <= row[1] <= moment + 2 * LEASE_S:
        return False
    if row is None or row[0] != owner or not moment + LEASE_S / 2 <= row[1] <= moment + 2 * LEASE_S:
        values = (database, owner, moment + LEASE_S)
        connection.execute("INSERT OR REPLACE INTO leases (database, owner, until) VALUES (?, ?, ?)", values)
    return True


def open_alerts(connection: sqlite3.Connection, database: str | None = None) -> list[Alert]:
    """The alerts that are not over, and those whose end is still to be told."""
    where = "(over_at IS NULL OR (told_at IS NOT NULL AND over_told_at IS NULL AND muted = ''))"
    if database is None:
        return _alerts(connection, f"{where} ORDER BY since, id", [])
    return _alerts(connection, f"{where} AND database = ? ORDER BY since, id", [database])


def write(connection: sqlite3.Connection, alerts: Iterable[Alert], dropped: Iterable[Alert] = ()) -> list[Alert]:
    """Keep these as they are now, and forget the dropped ones; the kept ones with their numbers."""
    written = []
    for alert in alerts:
        values = [_value(alert, name) for name in _COLUMNS]
        if alert.id:
            told = ", ".join(f'"{name}" = ?' for name in _COLUMNS)
            connection.execute(f"UPDATE alerts SET {told} WHERE id = ?", [*values, alert.id])
            written.append(alert)
        else:
            names, marks = ", ".join(f'"{name}"' for name in _COLUMNS), ", ".join("?" * len(_COLUMNS))
            number = connection.execute(f"INSERT INTO alerts ({names}) VALUES ({marks})", values).lastrowid
            written.append(_with_id(alert, number or 0))
    connection.executemany("DELETE FROM alerts WHERE id = ?", [(alert.id,) for alert in dropped if alert.id])
    return written


def read_mutes(connection: sqlite3.Connection) -> list[Mute]:
    """All mutes."""
    rows = connection.execute("SELECT database, rule, subject, until, until_over, by, at, id FROM mutes ORDER BY id")
    return [
        Mute(database, rule, subject, _time(until), bool(until_over), by, _time(at), number)
        for database, rule, subject, until, until_over, by, at, number in rows
    ]


def forget_mutes(connection: sqlite3.Connection, mutes: Iterable[Mute]) -> None:
    """End these."""
    connection.executemany("DELETE FROM mutes WHERE id = ?", [(each.id,) for each in mutes])


def _over_since(since: dt.datetime, database: str | None) -> tuple[str, list[Any]]:
    where = "over_at >= ? AND active_at IS NOT NULL" + (" AND database = ?" if database is not None else "")
    return where, [since.timestamp(), *([database] if database is not None else [])]


def _alerts(connection: sqlite3.Connection, where: str, values: list[Any]) -> list[Alert]:
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    rows = connection.execute(f"SELECT {names}, id FROM alerts WHERE {where}", values)
    found = []
    for row in rows:
        given = dict(zip((*_COLUMNS, "id"), row, strict=True))
        found.append(Alert(**{**given, **{name: _time(given[name]) for name in _TIMES}}))
    return found


def _with_id(alert: Alert, number: int) -> Alert:
    return Alert(**{**{name: getattr(alert, name) for name in _COLUMNS}, "id": number})


def _value(alert: Alert, name: str) -> Any:
    value = getattr(alert, name)
    return _number(value) if name in _TIMES else value


def _number(value: dt.datetime | None) -> float | None:
    return value.timestamp() if value is not None else None


def _time(value: float | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(value, dt.UTC) if value is not None else None
