"""Rules about queues: one that stands still, stalled jobs, a backlog that outgrows its workers, one that is paused."""

from __future__ import annotations

import datetime as dt
import heapq
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from jobdesk_core.durations import roughly, so_far
from jobdesk_core.filters.language import DUE, term
from jobdesk_core.reading.open_jobs import OpenGroup
from jobdesk_core.reading.progress import BUSY_S, Progress
from jobdesk_core.watching.lines import Attention, Severity, Thresholds
from jobdesk_core.watching.rules.order import most_due
from jobdesk_core.watching.situation import Growth, Situation, Usual
from jobdesk_core.watching.words import are, how_long, jobs, number

#: So many times the longest time that a queue usually starts nothing is more than usual.
TIMES_IDLE = 1.5
#: Where no worker is alive, the stalled jobs of more queues than this are one line.
MOST_APART = 3
#: A worker may have fallen silent so many seconds before the first job was due that nobody starts.
SILENT_BEFORE_S = 120.0
#: Queues that are served, the oldest jobs first, with which one that is not is compared.
MOST_GOING = 20


# A queue that stands still


@dataclass(frozen=True, slots=True)
class _Around:
    """What is the same for all queues: how many workers are alive, whether all of them run something, and the queues
    that are served, those with the oldest jobs first (since when what is started now has waited, the last start, the
    name). `silent` are the workers that are not alive, the first to fall silent first (when, its number)."""

    live: int
    is_all_running: bool
    going: list[tuple[dt.datetime, dt.datetime, str]]
    silent: list[tuple[dt.datetime, int]]


def _around(situation: Situation, limits: Thresholds) -> _Around:
    live = [worker for worker in situation.open.workers or () if worker.is_alive(situation.now)]
    lately, long_ago = (situation.now - dt.timedelta(seconds=seconds) for seconds in (limits.idle_s, BUSY_S))
    going = (
        (course.going_since, course.idle_since, name)
        for name, course in situation.courses.items()
        if course.going_since is not None
        and course.idle_since is not None
        # Long runs take all places of a worker, and for a while nothing at all is started there.
        and course.idle_since > (long_ago if course.is_busy else lately)
    )
    silent = sorted((at, number) for number, at in situation.heartbeats.items())
    is_all_running = bool(live) and all(worker.running for worker in live)
    return _Around(len(live), is_all_running, heapq.nsmallest(MOST_GOING, going), silent)


def idle_queue(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """A queue whose due jobs get nowhere: nothing starts, or the lock that they want is a stalled job's."""
    around = _around(situation, limits)
    for name, group in most_due(_standing_still(situation, around, limits)):
        course = situation.courses[name]
        is_held = course.course == "held"
        why = "Their lock is held by a stalled job." if is_held else _why_idle(situation, around, name, course)
        yield _standing(situation, name, group, course, why)


def _standing_still(situation: Situation, around: _Around, limits: Thresholds) -> Iterator[tuple[str, OpenGroup]]:
    """Those queues, out of thousands: so the quick questions come first."""
    queues, paused = situation.open.queues, situation.open.paused
    lately, long_ago = (situation.now - dt.timedelta(seconds=seconds) for seconds in (limits.idle_s, BUSY_S))
    # What runs may be held up itself by the session in the way.
    may_be_slow = not situation.blocker
    for name, course in situation.courses.items():
        since, group = course.idle_since, queues.get(name)
        if group is None or not group.due or name in paused:
            continue
        if course.course == "held":
            if group.held_by_stalled:
                yield name, group
        elif since is not None and since <= lately and group.due > group.held:
            is_slow = may_be_slow and since > long_ago and _is_slow(situation, around, name, course)
            if not is_slow and (situation.usual is None or _is_unusual(situation.usual, name, course, situation.now)):
                yield name, group


def _is_slow(situation: Situation, around: _Around, name: str, course: Progress) -> bool:
    """Whether it may just take its time: for a while that is nothing remarkable."""
    if course.is_busy or (around.is_all_running and _is_all_busy(situation, around, course)):
        return True
    return bool(around.going) and _is_behind(situation, around, name) != ""


def _is_unusual(usual: Usual, name: str, course: Progress, now: dt.datetime) -> bool:
    usual_s = usual.idle_s(name, now)
    return usual_s is None or course.idle_s(now) >= TIMES_IDLE * usual_s


def _is_behind(situation: Situation, around: _Around, name: str) -> str:
    """The queue whose older jobs are being started meanwhile, for workers take the oldest first; empty without one."""
    oldest = situation.open.queues[name].oldest
    if oldest is not None:
        for since, started, other in around.going:
            if since < oldest < started and other != name:
                return other
    return ""


def _is_all_busy(situation: Situation, around: _Around, course: Progress) -> bool:
    """Whether every live worker runs something, and nothing at all has been started since: none may be free."""
    if not around.is_all_running:
        return False
    started, since = situation.started_at, course.idle_since
    return started is None or since is None or started <= since


def _why_idle(situation: Situation, around: _Around, name: str, course: Progress) -> str:
    """What keeps it, as far as anything tells."""
    if situation.blocker:
        return situation.blocker
    if situation.open.queues[name].stalled or course.is_busy:
        return ""
    if situation.served is not None and situation.served.queues is not None and name not in situation.served.queues:
        return "No live worker serves this queue."
    behind = _is_behind(situation, around, name)
    if behind:
        return f"Older jobs of {behind} are started first."
    if not around.live:
        return ""
    if _is_all_busy(situation, around, course):
        return "The one live worker is busy." if around.live == 1 else f"All {around.live:,} live workers are busy."
    if fallen_silent := _fallen_silent(around, course):
        return fallen_silent
    if situation.started_at is not None and situation.started_at > (course.idle_since or situation.now):
        return "Jobs of other queues are started: does a worker serve this queue?"
    one = "it" if around.live == 1 else "one"
    return f"{jobs(around.live, 'worker')} {are(around.live)} alive: does {one} serve this queue?"


def _fallen_silent(around: _Around, course: Progress) -> str:
    """A question about the workers that fell silent about when the queue did; empty without any."""
    if course.idle_since is None or course.is_at_least:
        return ""
    since = course.idle_since - dt.timedelta(seconds=SILENT_BEFORE_S)
    until = course.idle_since + dt.timedelta(seconds=BUSY_S)
    first = bisect_left(around.silent, (since, 0))
    count = bisect_right(around.silent, (until, sys.maxsize)) - first
    if not count:
        return ""
    if count == 1:
        return f"Worker #{around.silent[first][1]:,} is unresponsive: did it serve this queue?"
    return f"{jobs(count, 'worker')} are unresponsive: did one serve this queue?"


def _standing(situation: Situation, name: str, group: OpenGroup, course: Progress, why: str) -> Attention:
    now = situation.now
    tone: Severity = "bad"
    more = "more than " if course.is_at_least else ""
    sentence = f"{jobs(group.due, is_at_least=situation.is_at_least)} due"
    if course.idle_since is not None:
        sentence += f", none started for {more}{how_long(course.idle_since, now)}"
    if not group.stalled and course.is_busy:
        sentence = f"{sentence}; {jobs(group.running)} {are(group.running)} running"
        tone = "bad" if situation.blocker else "warning"
    elif why.startswith("Older jobs"):
        tone = "warning"
    sentence = f"{sentence}. {why}".strip()
    shown = f"{term('queue', name)} {DUE}"
    seconds, title = course.idle_s(now), f"{name} stands still"
    line = Attention("idle_queue", name, title, sentence, course.idle_since, tone, seconds, shown)
    if not group.stalled:
        return replace(line, remedy="workers" if "serve" in why else "")
    sentence += f" {_dead_worker(group, situation.heartbeats, now)}"
    shown = f"is:stalled {term('queue', name)}"
    return replace(line, sentence=sentence, filter_text=shown, remedy="rescue", count=group.stalled)


# Stalled jobs


def stalled_jobs(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """Running jobs of a queue that no live worker has."""
    heartbeats, now = situation.heartbeats, situation.now
    for name, group in most_due(_stalled(situation)):
        count, shown = group.stalled, f"is:stalled {term('queue', name)}"
        has = "has" if count == 1 else "have"
        since = heartbeats.get(group.dead_worker) if group.dead_worker is not None else None
        sentence = f"{jobs(count, 'running job')} {has} stalled"
        if held := group.held_by_stalled:
            sentence += f", and {jobs(held)} {'waits' if held == 1 else 'wait'} for {_locks(count)}"
        sentence += f". {_dead_worker(group, heartbeats, now)}"
        title = f"{name} has stalled jobs"
        yield Attention("stalled_jobs", name, title, sentence, since, "bad", count, shown, "rescue", count)


def stalled_together(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """The stalled jobs of all queues, where no worker is alive: one line in place of many."""
    groups = [group for _, group in _stalled(situation)]
    if len(groups) <= MOST_APART:
        yield from stalled_jobs(situation, limits)
        return
    of_all, heartbeats = situation.open.all, situation.heartbeats
    heard = (heartbeats.get(group.dead_worker) for group in groups if group.dead_worker is not None)
    since = min((at for at in heard if at is not None), default=None)
    sentence = f"{jobs(of_all.stalled, 'running job')} of {len(groups):,} queues have stalled"
    if held := of_all.held_by_stalled:
        sentence += f", and {jobs(held)} {'waits' if held == 1 else 'wait'} for their locks"
    sentence += ". Their workers are unresponsive or no longer registered."
    count = of_all.stalled
    yield Attention(
        "stalled_jobs", "", "Jobs have stalled", sentence, since, "bad", count, "is:stalled", "rescue", count
    )


def _stalled(situation: Situation) -> Iterator[tuple[str, OpenGroup]]:
    return (item for item in situation.open.queues.items() if item[1].stalled)


def _locks(stalled: int) -> str:
    return "its lock" if stalled == 1 else "their locks"


def _dead_worker(group: OpenGroup, heartbeats: Mapping[int, dt.datetime], now: dt.datetime) -> str:
    if group.dead_worker is None:
        return "The worker is no longer registered."
    at = heartbeats.get(group.dead_worker)
    heard = f": last heartbeat {how_long(at, now)} ago" if at is not None else ""
    return f"Worker #{group.dead_worker:,} is unresponsive{heard}."


# A backlog


def backlog(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """A backlog that grows faster than it is served, is large enough to matter, and is not usual at this hour."""
    found = [each for each in situation.growths or () if _is_beyond(each, situation, limits)]
    for growth in sorted(found, key=lambda each: -each.wait_s):
        name, more = growth.queue, number(growth.came - growth.left)
        came, left = number(growth.came), number(growth.left)
        sentence = f"{jobs(growth.ready)} due; {came} come each minute and none is started."
        if growth.left > 0:
            sentence = (
                f"{jobs(growth.ready)} due, {more} more each minute: {came} come and {left} are started; "
                f"one that comes now waits {roughly(growth.wait_s)}."
            )
        title, shown = f"{name} grows", f"{term('queue', name)} {DUE}"
        yield Attention("backlog", name, title, sentence, growth.since, "warning", growth.ready, shown, "queues")


def _is_beyond(growth: Growth, situation: Situation, limits: Thresholds) -> bool:
    if growth.queue in situation.open.paused or growth.ready < limits.backlog_at_least or growth.came <= growth.left:
        return False
    usual_s = limits.backlog_times_usual * (growth.usual_wait_s or 0)
    if growth.wait_s < max(limits.backlog_wait_s, usual_s):
        return False
    # As many as usual come at this hour, and a part of them is started: so it is every week.
    usual = situation.usual.arrivals(growth.queue, 5, situation.now) if situation.usual is not None else None
    return usual is None or 5 * growth.came > 1.5 * usual or growth.left < growth.came / limits.backlog_times_usual


# What is due, and what is paused


def oldest_due(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """A queue whose oldest due job has waited too long, whatever the reason, unless it is paused: for alerts."""
    found = [
        (group.oldest, name, group)
        for name, group in situation.open.queues.items()
        if group.due and group.oldest is not None
    ]
    for oldest, name, group in sorted(found, key=lambda each: each[:2]):
        waited_s = (situation.now - oldest).total_seconds()
        if waited_s > limits.oldest_due_s and name not in situation.open.paused:
            since = oldest + dt.timedelta(seconds=limits.oldest_due_s)
            more = situation.is_at_least
            is_one = group.due == 1 and not more
            oldest_of = "its one due job" if is_one else f"the oldest of {jobs(group.due, is_at_least=more)} due"
            sentence = f"{oldest_of} has waited {so_far(waited_s)}."
            shown, title = f"{term('queue', name)} {DUE}", f"{name} has fallen behind"
            yield Attention("oldest_due", name, title, sentence, since, "warning", waited_s, shown, "queues")


def paused(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """A queue that someone has paused, with jobs due: they wait by will, and are no trouble of a worker's."""
    marked = situation.open.paused
    for name, group in most_due(item for item in situation.open.queues.items() if item[0] in marked and item[1].due):
        since = marked[name]
        more = situation.is_at_least
        due = f"{jobs(group.due, is_at_least=more)} {are(group.due, is_at_least=more)} due"
        sentence = f"Paused for {how_long(since, situation.now)}. {due}."
        shown = f"is:paused {term('queue', name)}"
        yield Attention("paused", name, f"{name} is paused", sentence, since, "warning", group.due, shown, "")
