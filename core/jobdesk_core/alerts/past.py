"""What a rule has told and would have told: from the alerts of the last days, and only as far as these were watched."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.history import AlertHistory
from jobdesk_core.alerts.rule import AlertRule

DAYS = 7
#: The values that are compared with an alert's number: with a higher one, those below would not have been told.
_COMPARED = ("idle_s", "oldest_due_s", "schedule_late_s", "lock_waiting", "failures_at_least")


@dataclass(frozen=True, slots=True)
class Past:
    """How often in how many whole days. `days` is less than `DAYS` where the rule is younger."""

    times: int
    days: int

    @property
    def sentence(self) -> str:
        """It in words."""
        times = {0: "never", 1: "once", 2: "twice"}.get(self.times, f"{self.times:,} times")
        return f"would have told you {times} in {self.days} day{'s' * (self.days != 1)}"


def note_watched(
    connection: sqlite3.Connection, database: str, rules: Sequence[tuple[str, AlertRule]], at: dt.datetime
) -> None:
    """Keep since when each rule is watched as it is; one that became stricter or looser begins anew."""
    known = _watched(connection, database)
    for name, rule in rules:
        value = _as_kept(rule)
        if known.get(name) != value:
            row = (database, name, value, at.timestamp())
            connection.execute("INSERT OR REPLACE INTO watched (database, rule, value, since) VALUES (?, ?, ?, ?)", row)


def changed_rules(
    connection: sqlite3.Connection, database: str, rules: Sequence[tuple[str, AlertRule]]
) -> frozenset[str]:
    """The names of the rules that are watched otherwise than is noted."""
    known = _watched(connection, database)
    return frozenset(name for name, rule in rules if name in known and known[name] != _as_kept(rule))


def _watched(connection: sqlite3.Connection, database: str) -> dict[str, str]:
    return dict(connection.execute("SELECT rule, value FROM watched WHERE database = ?", (database,)))


def past(kept: AlertHistory, database: str, name: str, rule: AlertRule, now: dt.datetime) -> Past | None:
    """How often `rule`, watched under this name, would have told; None where the history cannot tell.

    It can for the values that were watched, and for a larger value that an alert's number is compared with. Raises
    sqlite3.Error and OSError.
    """

    def read(connection: sqlite3.Connection) -> tuple[str, float] | None:
        asked = "SELECT value, since FROM watched WHERE database = ? AND rule = ?"
        found: tuple[str, float] | None = connection.execute(asked, (database, name)).fetchone()
        return found

    row = kept.run(read)
    if row is None:
        return None
    watched, since = json.loads(row[0]), dt.datetime.fromtimestamp(row[1], dt.UTC)
    days = min(DAYS, (now - since).days)
    limit = _limit(watched, rule)
    if days < 1 or limit is None:
        return None
    first = now - dt.timedelta(days=days)
    happened = [*kept.earlier(first, database), *(each for each in kept.open_alerts(database) if each.is_active)]
    return Past(sum(_counts(each, name, first, limit) for each in happened), days)


def _counts(alert: Alert, name: str, first: dt.datetime, limit: float) -> bool:
    return alert.rule == name and alert.active_at is not None and alert.active_at >= first and alert.peak >= limit


def _limit(watched: dict[str, float], rule: AlertRule) -> float | None:
    """What an alert's number has to reach at least; None where what was watched does not tell."""
    wanted = json.loads(_as_kept(rule))
    differing = [name for name in wanted if wanted[name] != watched.get(name)]
    if not differing:
        return 0.0
    (only, *others) = differing
    is_told = not others and only in _COMPARED and isinstance(wanted[only], float) and wanted[only] >= watched[only]
    return wanted[only] if is_told else None


def _as_kept(rule: AlertRule) -> str:
    values = {each.name: float(rule.value(each.name)) for each in rule.kind.values}
    return json.dumps({**values, "subject": rule.subject, "is_on": rule.is_on}, sort_keys=True)
