"""What needs attention now, as sentences, the worst first: pure rules over what was read at one moment.

The window's overview, the fleet, alerts and `jobdesk status` say the same. A rule says only what the database can
know: releases that keep no record of their workers are never told that none is alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from jobdesk_core.watching.lines import THRESHOLDS, Attention, Remedy, RuleKey, Severity, Thresholds
from jobdesk_core.watching.rules import database, locks, queues, runs, schedules, workers
from jobdesk_core.watching.situation import LockLine, Situation

__all__ = ["RULES", "THRESHOLDS", "Attention", "Remedy", "RuleKey", "Severity", "Thresholds", "attention", "keys"]

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
    "unrecorded": database.unrecorded,
    "oldest_due": queues.oldest_due,
}

#: Rules whose lines follow from there being no worker.
FOLLOWING: tuple[RuleKey, ...] = ("idle_queue", "unserved", "unresponsive_worker")
#: Rules that say what an operator sees anyway.
FOR_ALERTS: tuple[RuleKey, ...] = ("oldest_due",)


def keys(situation: Situation, thresholds: Thresholds = THRESHOLDS) -> set[tuple[RuleKey, str]]:
    """What is still so, whether a line tells it or it follows from another one's."""
    found = {line.key for rule in RULES.values() for line in rule(situation, thresholds)}
    # As long as any job is stalled, what is told of all of them together is not over.
    return found | {(rule, "") for rule, _ in found if rule == "stalled_jobs"}


def attention(situation: Situation, thresholds: Thresholds = THRESHOLDS) -> list[Attention]:
    """What needs attention, the worst first, each trouble once; empty when nothing does."""
    kinds: dict[RuleKey, list[Attention]] = {}
    for key, rule in RULES.items():
        is_superfluous = key in FOLLOWING and kinds["no_worker"]
        if key == "stalled_jobs" and kinds["no_worker"]:
            rule = queues.stalled_together
        if key not in FOR_ALERTS:
            lines = () if is_superfluous else rule(_left_to_tell(key, situation, kinds), thresholds)
            kinds[key] = list(islice(lines, MOST_OF_A_KIND))
    # The worst of each kind first, so that many of one do not hide another.
    placed = [(line.tone, place, line) for kind in kinds.values() for place, line in enumerate(kind)]
    return [line for _, _, line in sorted(placed, key=lambda each: each[:2])]


def _left_to_tell(key: RuleKey, situation: Situation, kinds: dict[RuleKey, list[Attention]]) -> Situation:
    """The situation for a rule, without that of which lines before tell already: none is worked out in vain."""
    standing = {line.subject for line in kinds.get("idle_queue", ())}
    if key == "stalled_jobs":
        standing = {line.subject for line in kinds["idle_queue"] if line.remedy == "rescue"}
    if key in ("unserved", "stalled_jobs") and standing:
        others = {name: group for name, group in situation.open.queues.items() if name not in standing}
        return replace(situation, open=replace(situation.open, queues=others))
    if key == "backlog" and standing:
        return replace(situation, growths=[each for each in situation.growths or () if each.queue not in standing])
    if key == "lock" and situation.lock_lines:
        lines = [each for each in situation.lock_lines if not _is_head_told(each, kinds, situation)]
        return replace(situation, lock_lines=lines)
    if key == "unresponsive_worker" and any(line.remedy == "rescue" for kind in kinds.values() for line in kind):
        idle = tuple(worker for worker in situation.open.workers or () if not worker.running)
        return replace(situation, open=replace(situation.open, workers=idle))
    return situation


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
