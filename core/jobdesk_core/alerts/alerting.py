"""Looks at databases by their rules, keeps what began and is over, and says what is to be told; whoever calls tells it.

Blocking, for threads. Of two desks on one machine, or a desk and a command on the same file, one looks at a database
at a time, and what has been told is on disk before it is told.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from jobdesk_core.alerts import history
from jobdesk_core.alerts.alert import CALM_S, Alert, moved_on
from jobdesk_core.alerts.history import AlertHistory
from jobdesk_core.alerts.lines import Unreachable, held_back, lines
from jobdesk_core.alerts.past import changed_rules, note_watched
from jobdesk_core.alerts.quiet import QuietHours
from jobdesk_core.alerts.rule import AlertRule, named
from jobdesk_core.alerts.telling import Mute, Telling, tellings
from jobdesk_core.watching.situation import Situation

logger = logging.getLogger("jobdesk.alerts")
#: Seconds between two writings of a sentence that goes on while its alert stays.
REFRESH_S = 15.0
#: How old, in seconds, what is looked at may be: by so much a server's clock that seems slow is taken for ours.
READ_AGO_S = 5.0
#: Seconds between two sweeps of what is too old.
SWEEP_S = 3_600.0
_NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: From the alerts before, the mutes and the rules that have changed: the alerts after, those to forget, and what is to
#: be told.
_GoOn = Callable[[list[Alert], list[Mute], frozenset[str]], tuple[list[Alert], list[Alert], list[Telling]]]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look has found: the alerts that are not over, what is to be told now, and the mutes.

    `is_ours` is False where another desk looks at this database: then nothing is to be told here.
    """

    alerts: list[Alert]
    told: list[Telling]
    mutes: list[Mute]
    is_ours: bool


class Alerting:
    """One for a program. `zone` is that of the quiet hours, None for this machine's."""

    def __init__(self, kept: AlertHistory, zone: dt.tzinfo | None = None) -> None:
        self.history = kept
        self.owner = secrets.token_hex(8)
        #: Why nothing can be kept, in a sentence; empty while it can. Alerts go on in memory then.
        self.trouble = ""
        self._zone = zone
        self._lock = threading.Lock()
        self._memory: dict[str, list[Alert]] = {}
        self._mutes: list[Mute] = []
        self._written: dict[str, dt.datetime] = {}
        self._swept = _NEVER
        #: When a database was out of reach last: since when, and when that was seen for the last time.
        self._outages: dict[str, tuple[dt.datetime, dt.datetime]] = {}

    def look(
        self,
        database: str,
        rules: Sequence[AlertRule],
        quiet: QuietHours,
        seen: Situation | Unreachable,
        at: dt.datetime | None = None,
    ) -> Looked:
        """Go on with the alerts of a database after what was seen of it now (`at`, UTC)."""
        at = at or dt.datetime.now(dt.UTC)
        ordered = named(rules)
        found = lines(ordered, seen, at)
        ahead = seen.now - at if isinstance(seen, Situation) else dt.timedelta()
        if -READ_AGO_S <= ahead.total_seconds() < 0:
            ahead = dt.timedelta()
        is_settling = self._is_settling(database, seen, at)

        def go_on(
            before: list[Alert], mutes: list[Mute], changed: frozenset[str]
        ) -> tuple[list[Alert], list[Alert], list[Telling]]:
            known = held_back(found, ordered, before, at, is_settling=is_settling)
            kept, dropped = moved_on(before, ordered, known, at, database=database, ahead=ahead, changed=changed)
            ending = [each for each in before if each.over_at is not None]
            marked, told = tellings([*kept, *ending], ordered, mutes, quiet, at, self._zone)
            return marked, dropped, told

        with self._lock:
            try:
                looked = self._on_disk(database, ordered, at, go_on)
                self.trouble = ""
            except (sqlite3.Error, OSError) as error:
                if not self.trouble:
                    logger.warning("The history of alerts cannot be written: %s", error)
                self.trouble = f"The history of alerts cannot be written ({error}). Alerts go on without it."
                looked = self._in_memory(database, go_on)
            return looked

    def _is_settling(self, database: str, seen: Situation | Unreachable, at: dt.datetime) -> bool:
        """Whether it answers again since a moment ago: for as long as it was out of reach, a minute at most."""
        began, ended = self._outages.get(database, (_NEVER, _NEVER))
        if isinstance(seen, Unreachable):
            self._outages[database] = (seen.since, at)
            return False
        lasted_s = min(CALM_S, (ended - began).total_seconds())
        return 0 <= (at - ended).total_seconds() < lasted_s

    def _on_disk(
        self, database: str, ordered: Sequence[tuple[str, AlertRule]], at: dt.datetime, go_on: _GoOn
    ) -> Looked:
        def work(connection: sqlite3.Connection) -> Looked:
            mutes = history.read_mutes(connection)
            before = history.open_alerts(connection, database)
            if not history.leased(connection, database, self.owner, at):
                return Looked([each for each in before if each.is_active], [], mutes, is_ours=False)
            if self.trouble:
                before = self._memory.get(database, before)  # what happened while nothing could be kept
            marked, dropped, told = go_on(before, mutes, changed_rules(connection, database, ordered))
            changed = self._worth_writing(database, before, marked, at)
            numbers = {each.place: each for each in history.write(connection, changed, dropped) if each.over_at is None}
            after = [numbers.get(each.place, each) if each.over_at is None else each for each in marked]
            ended = [
                each
                for each in mutes
                if each.until_over and any(alert.over_at is not None and each.covers(alert) for alert in marked)
            ]
            history.forget_mutes(connection, ended)
            note_watched(connection, database, ordered, at)
            self._memory[database], self._mutes = after, mutes
            told = [replace(each, alert=_numbered(each.alert, after)) for each in told]
            return Looked([each for each in after if each.is_active], told, mutes, is_ours=True)

        looked = self.history.run(work)
        if (at - self._swept).total_seconds() > SWEEP_S:
            self._swept = at
            self.history.sweep(at)
        return looked

    def _in_memory(self, database: str, go_on: _GoOn) -> Looked:
        marked, _, told = go_on(self._memory.get(database, []), self._mutes, frozenset())
        self._memory[database] = [each for each in marked if each.over_at is None or each.over_told_at is None]
        return Looked([each for each in marked if each.is_active], told, self._mutes, is_ours=True)

    def _worth_writing(
        self, database: str, before: Sequence[Alert], after: Sequence[Alert], at: dt.datetime
    ) -> list[Alert]:
        """Those that are otherwise than before; of those whose numbers alone go on, only from time to time."""
        known = {each.id: each for each in before if each.id}
        is_due = (at - self._written.get(database, _NEVER)).total_seconds() >= REFRESH_S
        if is_due:
            self._written[database] = at
        return [each for each in after if each.id not in known or _differs(known[each.id], each, with_words=is_due)]

    def rename(self, old: str, new: str) -> None:
        """A database has another name. Raises sqlite3.Error and OSError."""
        with self._lock:
            if old in self._memory:
                self._memory[new] = [replace(each, database=new) for each in self._memory.pop(old)]
            self.history.rename(old, new)

    def release(self) -> None:
        """Let other desks look at once."""
        try:
            self.history.release(self.owner)
        except (sqlite3.Error, OSError):
            logger.info("The history of alerts could not be written at the end.")


def _differs(before: Alert, after: Alert, *, with_words: bool) -> bool:
    if with_words:
        return before != after
    same = {name: getattr(before, name) for name in ("sentence", "number", "peak", "count", "filter_text")}
    return before != replace(after, **same)


def _numbered(alert: Alert, written: Sequence[Alert]) -> Alert:
    found = (each for each in written if each.place == alert.place and each.over_at == alert.over_at)
    return next(found, alert)
