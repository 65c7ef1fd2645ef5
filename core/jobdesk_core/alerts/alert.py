"""One alert from its beginning to its end, and how a look at a database moves it on: pure, of nothing but its inputs.

What is not known is never over: a database that does not answer ends nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.watching.attention import Attention, Remedy, RuleKey

#: Seconds that a trouble has to be gone before it is over; doubled each time it comes back within them, so that what
#: comes and goes is told once.
CALM_S = 60.0
MOST_FLAPS = 4
#: Active alerts of one rule at most: 10,000 queues may be in trouble.
MOST_OF_A_RULE = 50


@dataclass(frozen=True, slots=True)
class Alert:
    """All times are UTC by this machine's clock. `rule` is the rule's name in its list, `subject` what it is about.

    `since`: when it began; `active_at`: since when it has lasted for the rule's duration, None before that.
    `gone_at`: since when it is known not to be so; `over_at` the same once it has stayed away. `told_at` and
    `over_told_at`: when somebody was told; `again_at`: when it was told again after a snooze. `peak` is the largest
    `number`, `ending` what ended it; `muted` who had muted it, and until when, in words.
    """

    database: str
    rule: str
    subject: str
    key: RuleKey
    title: str
    sentence: str
    tone: Literal["bad", "warning"]
    since: dt.datetime
    number: float = 0.0
    peak: float = 0.0
    filter_text: str = ""
    remedy: Remedy = ""
    count: int = 0
    active_at: dt.datetime | None = None
    gone_at: dt.datetime | None = None
    over_at: dt.datetime | None = None
    told_at: dt.datetime | None = None
    over_told_at: dt.datetime | None = None
    again_at: dt.datetime | None = None
    flaps: int = 0
    ending: str = ""
    muted: str = ""
    id: int = 0

    @property
    def place(self) -> tuple[str, str]:
        """The same while it is the same trouble of one database."""
        return self.rule, self.subject

    @property
    def line(self) -> Attention:
        """The line of what needs attention that it was made of, as it was seen last."""
        return Attention(
            self.key,
            self.subject,
            self.title,
            self.sentence,
            self.since,
            self.tone,
            self.number,
            self.filter_text,
            self.remedy,
            self.count,
        )

    @property
    def is_active(self) -> bool:
        """Whether it has lasted long enough, and is not over."""
        return self.active_at is not None and self.over_at is None

    @property
    def lasted(self) -> dt.timedelta | None:
        """From its beginning to its end; None while it goes on."""
        return self.over_at - self.since if self.over_at is not None else None


#: What one rule found: its lines by subject; None where nobody knows, of all or of one.
Found = Mapping[str, Attention | None] | None


def moved_on(
    alerts: Iterable[Alert],
    rules: Sequence[tuple[str, AlertRule]],
    found: Mapping[str, Found],
    at: dt.datetime,
    *,
    database: str,
    ahead: dt.timedelta = dt.timedelta(),
    changed: Collection[str] = (),
) -> tuple[list[Alert], list[Alert]]:
    """The open alerts as they are after a look at the time `at`, and those that need no place any more.

    `found` by the rules' names. `ahead` is by how much the clock of the server goes before ours. The second are those
    that were never active: nobody hears of them. Those that are over are among the first, once, with `over_at`.
    `changed` are the rules that were another one at the look before.
    """
    by_rule = dict(rules)
    left = _placed([each for each in alerts if each.over_at is None], rules)
    kept: list[Alert] = []
    dropped: list[Alert] = []
    for name, rule in rules:
        lines = found.get(name)
        if not rule.is_on or lines is None:
            continue
        for subject, line in list(lines.items())[:MOST_OF_A_RULE]:
            known = left.pop((name, subject), None)
            if line is None:
                kept += [known] if known is not None else []
                continue
            alert = _seen(known, line, name, at, database=database, ahead=ahead)
            kept.append(_lasting(alert, rule, at))
    for alert in left.values():
        of_it = by_rule.get(alert.rule)
        if of_it is None or not of_it.is_on:
            ending = "The rule was removed." if of_it is None else "The rule was switched off."
            alert = replace(alert, gone_at=at, over_at=at, ending=ending, over_told_at=at)
        elif found.get(alert.rule) is not None and alert.rule in changed and alert.gone_at is None:
            alert = replace(alert, gone_at=at, over_at=at, ending="The rule was changed.")
        elif found.get(alert.rule) is not None:
            alert = _missed(alert, of_it, at)
        is_worth_keeping = alert.active_at is not None or (alert.over_at is None and alert.gone_at is None)
        (kept if is_worth_keeping else dropped).append(alert)
    return kept, dropped


def _placed(alerts: Sequence[Alert], rules: Sequence[tuple[str, AlertRule]]) -> dict[tuple[str, str], Alert]:
    """The alerts by their places. One whose rule is no more goes on with another of its kind that is about it."""
    names = {name for name, _ in rules}
    placed = {each.place: each for each in alerts if each.rule in names}
    for alert in alerts:
        if alert.rule not in names:
            about = (
                name for name, rule in rules if rule.is_on and rule.key == alert.key and rule.matches(alert.subject)
            )
            found = replace(alert, rule=next(about, alert.rule))
            alert = alert if found.place in placed else found
            placed[alert.place] = alert
    return placed


def _seen(
    known: Alert | None, line: Attention, name: str, at: dt.datetime, *, database: str, ahead: dt.timedelta
) -> Alert:
    since = min(line.since - ahead, at) if line.since is not None else at
    if known is None:
        known = Alert(database, name, line.subject, line.rule, line.title, line.sentence, line.tone, since)
    came_back = known.gone_at is not None
    return replace(
        known,
        title=line.title,
        sentence=line.sentence[:1].upper() + line.sentence[1:],
        tone=line.tone,
        number=line.number,
        peak=max(known.peak, line.number),
        filter_text=line.filter_text,
        remedy=line.remedy,
        count=line.count,
        since=min(known.since, since) if known.active_at is None else known.since,
        gone_at=None,
        flaps=min(known.flaps + came_back, MOST_FLAPS),
    )


def _lasting(alert: Alert, rule: AlertRule, at: dt.datetime) -> Alert:
    """Active, once it has lasted for the rule's duration."""
    if alert.active_at is None and (at - alert.since).total_seconds() >= rule.for_s:
        return replace(alert, active_at=at)
    return alert


def _missed(alert: Alert, rule: AlertRule, at: dt.datetime) -> Alert:
    """It is known not to be so; over, once it has stayed away."""
    gone_at = alert.gone_at or at
    if (at - gone_at).total_seconds() >= CALM_S * 2**alert.flaps or at < gone_at:
        return replace(alert, gone_at=gone_at, over_at=max(gone_at, alert.since), ending=rule.kind.over)
    return replace(alert, gone_at=gone_at)
