"""What each rule finds in one moment of a database; None where that moment does not tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.alerts.alert import CALM_S, Alert, Found
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.durations import so_far
from jobdesk_core.troubles import LINK_LOST, Trouble
from jobdesk_core.watching.attention import RULES, Attention, Severity
from jobdesk_core.watching.situation import Situation

#: What nobody needs to be told beside that no worker is alive.
_FOLLOWING = ("idle_queue", "unserved", "unresponsive_worker", "backlog", "oldest_due")
#: What the length of an outage alone would tell, before workers and schedules have had time to come back.
_BY_OUTAGE = (*_FOLLOWING, "no_worker", "stalled_jobs", "schedule")


Silence = Literal["unreachable", "silent", "slow", "refused"]
#: By how it keeps silent: the title, and the sentence before the reason.
_SILENT: dict[Silence, tuple[str, str]] = {
    "unreachable": ("The database is unreachable", "No answer for {time}."),
    "silent": ("The database does not answer", "No answer for {time}."),
    "slow": ("The database does not answer in time", "No answer in time for {time}."),
    "refused": ("The database cannot be watched", "Not watched for {time}."),
}


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nothing is known of the database: since when (UTC by this machine's clock), and why, in a sentence.

    It is not there, it does not answer (a pooler may be paused), not in time, or it answers and refuses what is asked:
    a password, the rights, the schema, one more connection.
    """

    since: dt.datetime
    reason: str = ""
    silence: Silence = "unreachable"


def silence_of(trouble: Trouble | None) -> Silence:
    """What a failure says of how a database keeps silent; it does not answer where nobody knows."""
    kind = trouble.kind if trouble is not None else "unanswered"
    if kind in LINK_LOST:
        return "silent" if kind == "unanswered" else "unreachable"
    # What is busy or full says so at once: that is an answer.
    return "slow" if kind in ("timeout", "locked") else "refused"


def lines(rules: Sequence[tuple[str, AlertRule]], seen: Situation | Unreachable, at: dt.datetime) -> dict[str, Found]:
    """By the rules' names, what they find, by subject."""
    if isinstance(seen, Unreachable):
        gone = {"": _unreachable(seen, at)}
        return {name: gone if rule.key == "unreachable" else None for name, rule in rules}
    found: dict[str, Found] = {}
    for name, rule in rules:
        if rule.key == "unreachable":
            found[name] = {}
        elif not _is_known(rule, seen):
            found[name] = None
        else:
            found[name] = _of(rule, seen)
    if any(rule.is_on and rule.key == "no_worker" and found[name] for name, rule in rules):
        # What follows from that begins no alert of its own, and one that had begun before is not over by it.
        found |= {name: None for name, rule in rules if rule.key in _FOLLOWING}
    standing = {
        subject for name, rule in rules if rule.is_on and rule.key == "idle_queue" for subject in found[name] or ()
    }
    for name, rule in rules:
        if rule.key == "oldest_due" and standing:
            found[name] = _without(found[name], standing)
    return found


def held_back(
    found: dict[str, Found],
    rules: Sequence[tuple[str, AlertRule]],
    before: Sequence[Alert],
    at: dt.datetime,
    *,
    is_settling: bool,
) -> dict[str, Found]:
    """What is found, where a trouble that has just gone explains it not known: that begins nothing; what had begun
    goes on. `is_settling`: the database has been out of reach and answers since a moment ago.
    """
    begun = {each.place for each in before if each.is_active}
    recent = [each for each in before if each.is_active and (at - (each.gone_at or at)).total_seconds() < CALM_S]
    is_settling = is_settling or any(each.key == "unreachable" for each in recent)
    had_no_worker = any(each.key == "no_worker" for each in recent)
    stood = {each.subject for each in recent if each.key == "idle_queue"}
    left = dict(found)
    for name, rule in rules:
        lines_of_it = found[name]
        if not lines_of_it:
            continue
        hidden = stood & set(lines_of_it) if rule.key == "oldest_due" else set()
        if (is_settling and rule.key in _BY_OUTAGE) or (had_no_worker and rule.key in _FOLLOWING):
            hidden = set(lines_of_it)
        left[name] = _without(lines_of_it, (each for each in hidden if (name, each) not in begun))
    return left


def _without(found: Found, subjects: Iterable[str]) -> Found:
    """Not known of these: one that is told to stand still is not told to have fallen behind, too."""
    return None if found is None else {**found, **dict.fromkeys(subjects)}


def _of(rule: AlertRule, seen: Situation) -> dict[str, Attention | None]:
    told = RULES[rule.key](seen, rule.thresholds)
    return {line.subject: line for line in told if not line.is_inferred and rule.matches(line.subject)}


def _is_known(rule: AlertRule, seen: Situation) -> bool:
    """Whether anybody has asked for what the rule is about."""
    asked = {
        "schedule": seen.schedules,
        "lock": seen.lock_lines,
        "unserved": seen.served,
        "long_run": seen.long_runs,
        "backlog": seen.growths,
        "slow_database": seen.latency,
    }
    if rule.key in ("no_worker", "unresponsive_worker"):
        return seen.open.workers is not None
    return rule.key not in asked or asked[rule.key] is not None


def _unreachable(seen: Unreachable, at: dt.datetime) -> Attention:
    lasted = max(0.0, (at - seen.since).total_seconds())
    title, words = _SILENT[seen.silence]
    sentence = " ".join(filter(None, (words.format(time=so_far(lasted)), seen.reason)))
    # It answers, and somebody has to look at it.
    tone: Severity = "warning" if seen.silence == "refused" else "bad"
    return Attention("unreachable", "", title, sentence, seen.since, tone, lasted)
