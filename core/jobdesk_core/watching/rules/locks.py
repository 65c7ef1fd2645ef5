"""The rule about locks: a line that grows behind a head that cannot run, or that keeps all others waiting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from jobdesk_core.durations import so_far
from jobdesk_core.filters.language import term
from jobdesk_core.watching.lines import Attention, Severity, Thresholds
from jobdesk_core.watching.situation import LockLine, Situation
from jobdesk_core.watching.words import jobs

#: A head that runs may keep a growing line waiting for so many seconds.
RUNS_S = 180.0


def lock(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """A line that grows behind a head that cannot run, or that has run for long without an end."""
    found = [line for line in situation.lock_lines or () if _is_stuck(line, situation.now, limits)]
    for line in sorted(found, key=lambda each: (not each.reason, -each.waiting, each.lock)):
        yield _stuck(line, situation.now)


def _is_stuck(line: LockLine, now: dt.datetime, limits: Thresholds) -> bool:
    if line.waiting < limits.lock_waiting:
        return False
    is_growing = line.waiting_before is not None and line.waiting > line.waiting_before
    if line.reason:
        waited_s = (now - line.since).total_seconds() if line.since is not None else 0.0
        # One that is scheduled keeps others waiting by will, as long as no more come.
        return is_growing or (not line.is_scheduled and waited_s >= RUNS_S)
    return is_growing and line.head_since is not None and (now - line.head_since).total_seconds() >= RUNS_S


def _stuck(line: LockLine, now: dt.datetime) -> Attention:
    name = f"lock {line.lock}"
    head = f"#{line.head:,}"
    if line.reason:
        why = f"wait behind {head}, which cannot run: {line.reason}."
    else:
        ran = so_far(now - line.head_since) if line.head_since is not None else "long"
        why = f"wait behind {head}, which has run for {ran}."
    more = ""
    if line.waiting_before is not None and line.waiting > line.waiting_before:
        more = f", {line.waiting - line.waiting_before:,} more than before,"
    sentence = f"{jobs(line.waiting)}{more} {why if line.waiting > 1 else why.replace('wait', 'waits', 1)}"
    tone: Severity = "bad" if line.reason else "warning"
    shown = f"{term('lock', line.lock)} status:todo,doing"
    title = f"{name} is held up"
    return Attention("lock", name, title, sentence, line.since, tone, line.waiting, shown, "locks")
