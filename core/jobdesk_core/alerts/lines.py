"""What each rule finds in one moment of a database; None where that moment does not tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobdesk_core.alerts.alert import Found
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.durations import so_far
from jobdesk_core.filters.language import term
from jobdesk_core.watching.attention import Attention, Thresholds, attention
from jobdesk_core.watching.situation import Situation


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The database does not answer: since when (UTC by this machine's clock), and why, in a sentence."""

    since: dt.datetime
    reason: str = ""


def lines(rules: Sequence[tuple[str, AlertRule]], seen: Situation | Unreachable, at: dt.datetime) -> dict[str, Found]:
    """By the rules' names, what they find, by subject."""
    if isinstance(seen, Unreachable):
        gone = {"": _unreachable(seen, at)}
        return {name: gone if rule.key == "unreachable" else None for name, rule in rules}
    asked: dict[Thresholds, list[Attention]] = {}
    found: dict[str, Found] = {}
    for name, rule in rules:
        if rule.key == "unreachable":
            found[name] = {}
        elif not _is_known(rule, seen):
            found[name] = None
        else:
            thresholds = rule.thresholds
            if thresholds not in asked:
                asked[thresholds] = attention(seen, thresholds)
            found[name] = _of(rule, asked[thresholds], seen)
    return found


def _of(rule: AlertRule, told: Sequence[Attention], seen: Situation) -> Mapping[str, Attention]:
    fitting = {line.subject: line for line in told if line.rule == rule.key and rule.matches(line.subject)}
    if rule.key == "oldest_due" and not fitting:
        fitting = {line.subject: line for line in _oldest_due(rule, seen) if rule.matches(line.subject)}
    return fitting


def _is_known(rule: AlertRule, seen: Situation) -> bool:
    """Whether anybody has asked for what the rule is about."""
    asked = {"schedule": seen.schedules, "lock": seen.lock_lines, "unserved": seen.served, "long_run": seen.long_runs}
    if rule.key in ("no_worker", "unresponsive_worker"):
        return seen.open.workers is not None
    return rule.key not in asked or asked[rule.key] is not None


def _oldest_due(rule: AlertRule, seen: Situation) -> list[Attention]:
    limit, found = rule.value("oldest_due_s"), []
    for name, group in seen.open.queues.items():
        if group.oldest is None or not group.due or name in seen.open.paused:
            continue
        waited = (seen.now - group.oldest).total_seconds()
        if waited > limit:
            since = group.oldest + dt.timedelta(seconds=limit)
            sentence = f"The oldest due job waits for {so_far(waited)}, {group.due:,} due."
            filter_text = f"status:todo {term('queue', name)}"
            line = Attention("oldest_due", name, f"{name} fell behind", sentence, since, "warning", waited, filter_text)
            found.append(line)
    return sorted(found, key=lambda line: -line.number)


def _unreachable(seen: Unreachable, at: dt.datetime) -> Attention:
    lasted = max(0.0, (at - seen.since).total_seconds())
    sentence = " ".join(filter(None, (f"No answer for {so_far(lasted)}.", seen.reason)))
    return Attention("unreachable", "", "The database is unreachable", sentence, seen.since, "bad", lasted)
