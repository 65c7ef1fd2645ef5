"""The rule about locks: a line behind a head that cannot run, or that keeps more and more others waiting."""

from __future__ import annotations

from collections.abc import Iterator

from jobdesk_core.durations import in_words, so_far
from jobdesk_core.filters.language import term
from jobdesk_core.watching.lines import Attention, Severity, Thresholds
from jobdesk_core.watching.rules.runs import FEWEST_RUNS, usual_run
from jobdesk_core.watching.situation import LockLine, Situation
from jobdesk_core.watching.words import jobs

#: A head that runs may keep a growing line waiting for so many seconds, and for as long as its task usually takes; one
#: far beyond that for so many at least.
RUNS_S, BEYOND_S = 180.0, 30.0


def lock(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """A line behind a head that cannot run, or one that grows behind a head that has run for long without an end."""
    found = [line for line in situation.lock_lines or () if _is_stuck(line, situation, limits)]
    for line in sorted(found, key=lambda each: (not each.reason, -each.waiting, each.lock)):
        yield _stuck(line, situation)


def _is_stuck(line: LockLine, situation: Situation, limits: Thresholds) -> bool:
    if line.waiting < limits.lock_waiting:
        return False
    is_growing = line.waiting_before is not None and line.waiting > line.waiting_before
    if line.reason:
        # One that is scheduled keeps others waiting by will, as long as no more come.
        return is_growing or not line.is_scheduled
    if not is_growing or line.head_since is None:
        return False
    usual_s, runs = _usual(line, situation)
    patience_s = RUNS_S
    if runs >= FEWEST_RUNS:
        patience_s = max(BEYOND_S, usual_s, min(RUNS_S, limits.long_run_times_usual * usual_s))
    return (situation.now - line.head_since).total_seconds() >= patience_s


def _usual(line: LockLine, situation: Situation) -> tuple[float, int]:
    return usual_run(situation, line.task, line.usual_s, line.runs)


def _stuck(line: LockLine, situation: Situation) -> Attention:
    name = f"lock {line.lock}"
    head = f"#{line.head:,}"
    if line.reason:
        why = f"wait behind {head}, which cannot run: {line.reason}."
    else:
        ran = so_far(situation.now - line.head_since) if line.head_since is not None else "long"
        usual_s, runs = _usual(line, situation)
        usually = f", usually {in_words(usual_s)} at most" if runs >= FEWEST_RUNS else ""
        why = f"wait behind {head}, which has run for {ran}{usually}."
    more = ""
    if line.waiting_before is not None and line.waiting > line.waiting_before:
        more = f", {line.waiting - line.waiting_before:,} more than before,"
    sentence = f"{jobs(line.waiting)}{more} {why if line.waiting > 1 else why.replace('wait', 'waits', 1)}"
    tone: Severity = "bad" if line.reason else "warning"
    shown = f"{term('lock', line.lock)} status:todo,doing"
    title = f"{name} is held up"
    return Attention("lock", name, title, sentence, line.since, tone, line.waiting, shown, "locks")
