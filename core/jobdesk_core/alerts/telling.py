"""Whom to tell of an alert, and when: muted and quiet ones are held back, and each is told once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.quiet import QuietHours
from jobdesk_core.alerts.rule import AlertRule

#: What is told: it began, it is over, or it still goes on after a snooze.
Event = Literal["began", "over", "still"]
#: Seconds between two notifications on the desktop at least; what comes meanwhile is counted.
GROUPED_S = 60.0


@dataclass(frozen=True, slots=True)
class Mute:
    """Nobody is told of matching alerts until `until` (UTC), or until each is over; both None and False: for ever.

    An empty `database`, `rule` or `subject` matches all. `by` is who asked for it, `at` when (UTC).
    """

    database: str = ""
    rule: str = ""
    subject: str | None = None
    until: dt.datetime | None = None
    until_over: bool = False
    by: str = ""
    at: dt.datetime | None = None
    id: int = 0

    def covers(self, alert: Alert) -> bool:
        """Whether it is about this alert, now or formerly."""
        return (
            self.database in ("", alert.database)
            and self.rule in ("", alert.rule)
            and (self.subject is None or self.subject == alert.subject)
        )

    def holds(self, at: dt.datetime) -> bool:
        """Whether it is in force."""
        return self.until is None or at < self.until

    @property
    def words(self) -> str:
        """Who has muted, and until when."""
        by = f"Muted by {self.by}" if self.by else "Muted"
        if self.until_over:
            return f"{by} until it is over."
        return f"{by}." if self.until is not None else f"{by} for ever."


@dataclass(frozen=True, slots=True)
class BehindJob:
    """A job behind an alert. `args` is its JSON value, None where it was left out: then `left_out` says why."""

    id: int
    task: str
    queue: str
    status: str
    attempts: int
    args: Any = field(repr=False)
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """What somebody is to be told, and of which rule.

    `jobs` are sent with it where the rule says so, the latest first; None: not read, then `jobs_trouble` may say why.
    """

    event: Event
    alert: Alert
    rule: AlertRule
    jobs: tuple[BehindJob, ...] | None = None
    jobs_trouble: str = ""


def tellings(
    alerts: Iterable[Alert],
    rules: Sequence[tuple[str, AlertRule]],
    mutes: Sequence[Mute],
    quiet: QuietHours,
    at: dt.datetime,
    zone: dt.tzinfo | None = None,
) -> tuple[list[Alert], list[Telling]]:
    """The alerts with whom they were told, and what is to be told now, the worst first."""
    by_name, is_quiet = dict(rules), quiet.holds(at, zone)
    marked, told = [], []
    for alert in alerts:
        rule = by_name.get(alert.rule)
        alert = _muted(alert, mutes, at)
        event = _due(alert, mutes, at) if rule is not None else None
        if rule is None or event is None or (is_quiet and not rule.is_in_quiet_hours):
            # Nobody is told of the end by a rule that is no more.
            is_left = rule is None and alert.over_at is not None and alert.over_told_at is None
            marked.append(replace(alert, over_told_at=at) if is_left else alert)
            continue
        alert = _told(alert, event, at)
        marked.append(alert)
        told.append(Telling(event, alert, rule))
    return marked, sorted(told, key=lambda each: (each.event == "over", each.alert.tone))


def _told(alert: Alert, event: Event, at: dt.datetime) -> Alert:
    if event == "began":
        return replace(alert, told_at=at)
    return replace(alert, over_told_at=at) if event == "over" else replace(alert, again_at=at)


def _muted(alert: Alert, mutes: Sequence[Mute], at: dt.datetime) -> Alert:
    words = next((each.words for each in mutes if each.covers(alert) and each.holds(at)), "")
    if alert.over_at is not None and alert.muted:
        return alert  # as it was when it ended
    return replace(alert, muted=words)


def _due(alert: Alert, mutes: Sequence[Mute], at: dt.datetime) -> Event | None:
    if alert.active_at is None or alert.muted:
        return None
    if alert.over_at is not None:
        return "over" if alert.told_at is not None and alert.over_told_at is None else None
    if alert.told_at is None:
        return "began"
    last = alert.again_at or alert.told_at
    ended = (each.until for each in mutes if each.covers(alert) and each.until is not None)
    return "still" if any(last < until <= at for until in ended) else None


@dataclass(slots=True)
class Grouping:
    """At most one notification on the desktop a minute: the rest is counted, and told with the next."""

    _waiting: list[Telling] = field(default_factory=list)
    _last: float | None = None

    def offer(self, told: Iterable[Telling], now: float) -> list[Telling]:
        """What one notification is to tell now (`now` of any steady clock, in seconds); nothing: none."""
        self._waiting += told
        if not self._waiting or (self._last is not None and now - self._last < GROUPED_S):
            return []
        # What is over before anybody was told of it needs no telling.
        over = {each.alert.id for each in self._waiting if each.event == "over"}
        began = {each.alert.id for each in self._waiting if each.event == "began"}
        shown = [each for each in self._waiting if not (each.alert.id in over & began and each.alert.id)]
        self._waiting = []
        if shown:
            self._last = now
        return shown

    @property
    def waiting(self) -> int:
        """How many tellings wait for the next minute."""
        return len(self._waiting)


def headline(told: Sequence[Telling]) -> tuple[str, str]:
    """Title and text of one notification."""
    if len(told) == 1:
        (one,) = told
        return title(one), body(one)
    began = [each for each in told if each.event != "over"]
    over = len(told) - len(began)
    counted = [f"{len(began):,} alert{'s' * (len(began) != 1)}"] if began else []
    counted += [f"{over:,} over"] if over else []
    lines = [f"{title(each)} ({each.alert.database})" for each in told[:4]]
    more = len(told) - len(lines)
    return ", ".join(counted), "\n".join([*lines, *([f"and {more:,} more"] if more else [])])


def in_a_line(title: str, sentence: str) -> str:
    """The title and the sentence; the title is left out where the sentence begins with it."""
    return sentence if sentence.startswith(f"{title}.") else f"{title}. {sentence}"


def title(told: Telling) -> str:
    """What happened, in a few words."""
    words = {"began": "", "still": "Still: ", "over": "Over: "}[told.event]
    return f"{words}{told.alert.title}"


def body(told: Telling) -> str:
    """It in a sentence or two, with the database."""
    sentence = told.alert.ending if told.event == "over" else told.alert.sentence
    return f"{told.alert.database}: {sentence}"
