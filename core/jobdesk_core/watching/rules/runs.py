"""Rules about runs: failures above the usual, and runs far beyond their usual time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from jobdesk_core.durations import in_words, so_far
from jobdesk_core.filters.language import term
from jobdesk_core.reading.rise import Rise
from jobdesk_core.watching.lines import Attention, Remedy, Severity, Thresholds
from jobdesk_core.watching.situation import Cause, LongRun, Situation
from jobdesk_core.watching.words import jobs, number

#: Of fewer runs a task's usual time is not known.
FEWEST_RUNS = 10


def failures(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """A task fails more than usual; or a queue does, where no task of it alone explains that; or attempts of a task
    fail and are retried.
    """
    found = [rise for rise in situation.rises if _is_above(rise, situation, limits)]
    of_tasks = sum(rise.failures for rise in found if rise.kind == "task" and not rise.is_retried)
    for rise in sorted(found, key=lambda each: (-each.failures, each.name)):
        if rise.kind == "task" or rise.failures > 2 * of_tasks:
            yield _failing(rise, situation)


def _usual(rise: Rise, situation: Situation) -> float:
    known = None
    if rise.kind == "task" and not rise.is_retried and situation.usual is not None:
        known = situation.usual.failures(rise.name, rise.minutes, situation.now)
    return max(rise.usual, known or 0.0)


def _is_above(rise: Rise, situation: Situation, limits: Thresholds) -> bool:
    usual = limits.failures_times_usual * _usual(rise, situation)
    return rise.failures >= max(limits.failures_at_least, usual)


def _failing(rise: Rise, situation: Situation) -> Attention:
    cause = situation.causes.get((rise.kind, rise.name), Cause())
    failed = (
        f"{jobs(rise.failures, 'attempt')} failed and were retried"
        if rise.is_retried
        else jobs(rise.failures, "failure")
    )
    sentence = f"{failed} in {so_far(60 * rise.minutes)}, usually {number(_usual(rise, situation))}."
    if cause.error:
        of = f"{cause.reported:,}" if cause.reported >= rise.failures else f"{cause.reported:,} reported"
        sentence += f" {cause.error} {cause.count:,} of {of}."
    minutes = math.ceil((situation.now - rise.since).total_seconds() / 60)
    shown = f"{term(rise.kind, rise.name)} status:failed ended:>-{max(1, minutes)}m"
    if rise.is_retried:
        shown = f"{term(rise.kind, rise.name)} status:todo,doing attempts:>0"
    count = cause.still_failed or 0
    remedy: Remedy = "retry" if count else "failures"
    title = f"{rise.name} is being retried" if rise.is_retried else f"{rise.name} fails"
    tone: Severity = "warning" if rise.is_retried else "bad"
    return Attention("failures", rise.name, title, sentence, rise.since, tone, rise.failures, shown, remedy, count)


def usual_run(situation: Situation, task: str, usual_s: float, runs: int) -> tuple[float, int]:
    """The 99th percentile of a task's running times in seconds, and of how many runs: history's, if that is longer."""
    known = situation.usual.run_s(task, situation.now) if situation.usual is not None else None
    return max((usual_s, runs), known) if known is not None else (usual_s, runs)


def long_run(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """Runs that take far longer than their task usually does, a line for each task."""
    by_task: defaultdict[str, list[LongRun]] = defaultdict(list)
    for run in situation.long_runs or ():
        usual_s, runs = usual_run(situation, run.task, run.usual_s, run.runs)
        ran_s = (situation.now - run.since).total_seconds()
        if runs >= FEWEST_RUNS and ran_s >= max(limits.long_run_s, limits.long_run_times_usual * usual_s):
            by_task[run.task].append(LongRun(run.job_id, run.task, run.queue, run.since, usual_s, runs))
    for task, found in sorted(by_task.items(), key=lambda item: min(run.since for run in item[1])):
        longest = min(found, key=lambda run: run.since)
        ran_s = (situation.now - longest.since).total_seconds()
        more = f", {len(found) - 1:,} more beyond the usual" if len(found) > 1 else ""
        sentence = (
            f"#{longest.job_id:,} has run for {so_far(ran_s)}, usually {in_words(longest.usual_s)} at most{more}."
        )
        shown = f"{term('task', task)} status:doing" if len(found) > 1 else f"id:{longest.job_id}"
        title = f"{task} takes long"
        yield Attention("long_run", task, title, sentence, longest.since, "warning", ran_s, shown, "")
