"""What needs attention now, as sentences, the worst first: pure rules over what was read at one moment.

The window's overview, the fleet, alerts and `jobdesk status` say the same. A rule says only what the database can
know: releases that keep no record of their workers are never told that none is alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from jobdesk_core.watching.lines import THRESHOLDS, Attention, Remedy, RuleKey, Severity, Thresholds
from jobdesk_core.watching.rules import database, locks, queues, runs, schedules, workers
from jobdesk_core.watching.situation import LockLine, Situation

__all__ = ["RULES", "THRESHOLDS", "Attention", "Remedy", "RuleKey", "Severity", "Thresholds", "attention", "every_line"]

#: Lines of each rule at most: 10,000 queues may be in trouble, and an operator reads a few sentences.
MOST_OF_A_KIND = 20

Rule = Callable[[Situation, Thresholds], Iterator[Attention]]
#: All rules but `unreachable`, of which there is no Situation; the worst first.
RULES: dict[RuleKey, Rule] = {
    "no_worker": workers.no_worker,
    "slow_database": database.slow_database,
    "idle_queue": queues.idle_queue,
    "unserved": workers.unserved,
    "stalled_jobs": queues.stalled_jobs,
    "failures": runs.failures,
    "lock": locks.lock,
    "backlog": queues.backlog,
    "schedule": schedules.schedule,
    "long_run": runs.long_run,
    "unresponsive_worker": workers.unresponsive_worker,
    "paused": queues.paused,
    "oldest_due": queues.oldest_due,
}

#: Rules that say what an operator sees anyway.
FOR_ALERTS: tuple[RuleKey, ...] = ("oldest_due",)


def every_line(situation: Situation, thresholds: Thresholds = THRESHOLDS) -> Iterator[Attention]:
    """What the rules are sure of, rule by rule, also what follows from something else that is said: for alerts."""
    for rule in RULES.values():
        yield from (line for line in rule(situation, thresholds) if not line.is_inferred)


def keys(situation: Situation, thresholds: Thresholds = THRESHOLDS) -> set[tuple[RuleKey, str]]:
    """What is still so, whether a line tells it or it follows from another one's."""
    found = {line.key for rule in RULES.values() for line in rule(situation, thresholds)}
    # As long as any job is stalled, what is told of all of them together is not over.
    return found | {(rule, "") for rule, _ in found if rule == "stalled_jobs"}


def attention(situation: Situation, thresholds: Thresholds = THRESHOLDS) -> list[Attention]:
    """What needs attention, the worst first, each trouble once; empty when nothing does."""
    kinds: dict[RuleKey, list[Attention]] = {}
    for key, rule in RULES.items():
        if key in FOR_ALERTS:
            continue
        told: Iterator[Attention] = (
            line for line in rule(situation, thresholds) if not _is_told(line, kinds, situation)
        )
        if key == "stalled_jobs" and kinds["no_worker"]:
            told = queues.together(situation, list(told))
        kinds[key] = list(islice(told, MOST_OF_A_KIND))
    # The worst of each kind first, so that many of one do not hide another.
    placed = [(line.tone, place, line) for kind in kinds.values() for place, line in enumerate(kind)]
    return [line for _, _, line in sorted(placed, key=lambda each: each[:2])]


def _is_told(line: Attention, kinds: dict[RuleKey, list[Attention]], situation: Situation) -> bool:
    """Whether what a line says follows from those before it."""
    standing = {each.subject: each for each in kinds.get("idle_queue", ())}
    if line.rule in ("idle_queue", "unserved", "unresponsive_worker") and kinds["no_worker"]:
        return True
    if line.rule in ("unserved", "backlog"):
        return line.subject in standing
    if line.rule == "stalled_jobs":
        return line.subject in standing and standing[line.subject].remedy == "rescue"
    if line.rule == "lock":
        head = next((each for each in situation.lock_lines or () if line.subject == f"lock {each.lock}"), None)
        return head is not None and _is_head_told(head, kinds, situation)
    return line.rule == "unresponsive_worker" and line.count > 0 and _any_rescue(kinds.values())


def _is_head_told(line: LockLine, kinds: dict[RuleKey, list[Attention]], situation: Situation) -> bool:
    """Whether it is told already why the head of a line cannot run: for want of a worker, or with the stalled jobs."""
    if not line.reason or line.is_scheduled:
        return False
    if kinds["no_worker"]:
        return True
    if line.is_stalled:
        group = situation.open.queues.get(line.queue)
        # The queue tells how many jobs want the locks of its stalled ones.
        return group is not None and group.held_by_stalled > 0
    return any(each.subject == line.queue for key in ("idle_queue", "unserved") for each in kinds[key])


def _any_rescue(kinds: Iterable[list[Attention]]) -> bool:
    return any(line.remedy == "rescue" for kind in kinds for line in kind)
