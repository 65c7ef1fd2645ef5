"""What needs attention now, as sentences, the worst first: pure rules over what was read at one moment.

The window's overview and `jobdesk status` say the same. A rule says only what the database can know: releases that
keep no record of their workers are never told that none is alive.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.durations import so_far
from jobdesk_core.filters.language import term
from jobdesk_core.reading.open_jobs import OpenGroup, OpenJobs
from jobdesk_core.reading.progress import Progress
from jobdesk_core.reading.rise import Rise
from jobdesk_core.watching.situation import Situation

#: Lines of each rule at most: 10,000 queues may be in trouble, and an operator reads a few sentences.
MOST_OF_A_KIND = 20

#: Which rule said it: the key of a rule in rule files, metrics and JSON.
RuleKey = Literal[
    "no_worker",  # no living worker at all
    "idle_queue",  # due jobs, and none started for longer than usual
    "stalled_jobs",  # running jobs without a living worker
    "unresponsive_worker",
    "failures",  # a queue or task fails more than usual
    "schedule",  # late, missed, overlapping or abandoned
    "lock",  # a line grows behind a head that cannot run
    "backlog",  # it grows faster than it is served
    "long_run",  # a run far beyond its task's usual time
    "unserved",  # jobs of queues or tasks that no live worker serves
    "paused",
    "oldest_due",  # for alerts: the oldest due job is older than so much
    "unreachable",  # for the fleet and alerts: the database does not answer
]
#: What helps, beside showing the jobs: rescue `count` stalled jobs, retry `count` failed ones, defer a schedule's job
#: now, or look at the workers, the failures, the schedule, the lock, the queue.
Remedy = Literal["", "rescue", "retry", "defer", "workers", "failures", "schedules", "locks", "queues"]


@dataclass(frozen=True, slots=True)
class Attention:
    """One line: `subject` and then `sentence`, since when it is so (UTC; None when nothing tells), and what helps.

    `rule` and `subject` are the same for as long as it is the same trouble. `title` is it in three or four words
    ("mail stands still"). `number` is what the rule measures and what thresholds are compared with, in seconds or jobs.
    `filter_text` shows the jobs it is about; empty when it is about none. `remedy` with `count`: see there.
    """

    rule: RuleKey
    subject: str
    title: str
    sentence: str
    since: dt.datetime | None
    tone: Literal["bad", "warning"]
    number: float = 0.0
    filter_text: str = ""
    remedy: Remedy = ""
    count: int = 0

    @property
    def key(self) -> tuple[RuleKey, str]:
        """The same from moment to moment."""
        return self.rule, self.subject

    @property
    def text(self) -> str:
        """The whole line."""
        return f"{self.subject}: {self.sentence}" if self.subject else self.sentence


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on something is told. Seconds, jobs, times the usual."""

    idle_s: float = 30.0
    failures_at_least: int = 5
    failures_times_usual: float = 3.0
    failures_minutes: int = 5
    oldest_due_s: float = 300.0
    schedule_late_s: float = 60.0
    lock_waiting: int = 5
    backlog_times_usual: float = 3.0
    long_run_times_usual: float = 5.0


THRESHOLDS = Thresholds()


def attention(situation: Situation, thresholds: Thresholds = THRESHOLDS) -> list[Attention]:
    """What needs attention, the worst first; empty when nothing does."""
    jobs, courses, rises, now = situation.open, situation.courses, situation.rises, situation.now
    dead = [worker for worker in jobs.workers or () if not worker.is_alive(now)]
    is_none_alive = jobs.workers is not None and len(dead) == len(jobs.workers)
    heartbeats = {worker.id: worker.last_heartbeat for worker in dead}
    queues = sorted(jobs.queues.items(), key=lambda item: (-item[1].due, item[0]))
    paused = [_paused(name, jobs.paused[name], group, now) for name, group in queues if name in jobs.paused]
    going = [] if is_none_alive else [each for each in queues if each[0] in courses and each[0] not in jobs.paused]
    stuck = _limited(_stalled_queue(name, group, courses[name], heartbeats, now) for name, group in going)
    told = {line.filter_text for line in stuck if line.remedy == "rescue"}
    stalled = _limited(
        line
        for name, group in queues
        if (line := _stalled_jobs(name, group, heartbeats, now)) is not None and line.filter_text not in told
    )
    kinds = [
        _no_worker(jobs, dead, now) if is_none_alive else [],
        stuck,
        stalled,
        _limited(_failing(each) for each in sorted(rises, key=lambda each: -each.failures)),
        [] if is_none_alive else _limited(_unresponsive(worker, now) for worker in dead),
        _limited(paused),
    ]
    # The worst of each kind first, so that many of one do not hide another.
    placed = [(line.tone, place, line) for kind in kinds for place, line in enumerate(kind)]
    return [line for _, _, line in sorted(placed, key=lambda each: each[:2])]


def _paused(name: str, since: dt.datetime, group: OpenGroup, now: dt.datetime) -> Attention | None:
    """A queue that someone has paused: its jobs wait by will, and are no trouble of a worker's."""
    if not group.due:
        return None
    sentence = f"Paused for {_for(since, now)}. {_jobs(group.due)} {_are(group.due)} due."
    return Attention(
        "paused", name, f"{name} is paused", sentence, since, "warning", group.due, f"is:paused {term('queue', name)}"
    )


def _limited(lines: Iterable[Attention | None]) -> list[Attention]:
    found: list[Attention] = []
    for line in lines:
        if line is not None:
            found.append(line)
        if len(found) == MOST_OF_A_KIND:
            break
    return found


def _no_worker(jobs: OpenJobs, dead: list[WorkerRow], now: dt.datetime) -> list[Attention]:
    of_all = jobs.all
    since = max((worker.last_heartbeat for worker in dead), default=of_all.oldest)
    if of_all.due or of_all.running:
        due = f"{_jobs(of_all.due)} {_are(of_all.due)} due." if of_all.due else "No job is due."
        filter_text = "status:todo" if of_all.due else "status:doing"
        return [_none_alive(f"No worker is alive. {due}", since, "bad", of_all.due, filter_text)]
    if of_all.scheduled and of_all.next_due is not None:
        sentence = f"No worker is alive. The next job is due in {so_far(of_all.next_due - now)}."
        return [_none_alive(sentence, since, "warning", of_all.scheduled, "status:todo")]
    if dead:
        return [_none_alive("No worker is alive. No job is waiting.", since, "warning", 0, "")]
    return []


def _none_alive(
    sentence: str, since: dt.datetime | None, tone: Literal["bad", "warning"], number: int, filter_text: str
) -> Attention:
    return Attention("no_worker", "", "No worker is alive", sentence, since, tone, number, filter_text, "workers")


def _stalled_queue(
    name: str, group: OpenGroup, course: Progress, heartbeats: Mapping[int, dt.datetime], now: dt.datetime
) -> Attention | None:
    """A queue whose due jobs get nowhere: nothing starts, or the lock that they want is a stalled job's."""
    is_held = course.course == "held" and group.held_by_stalled > 0
    if course.course != "stalled" and not is_held:
        return None
    more = "more than " if course.is_at_least else ""
    none = f"none started for {more}{_for(course.idle_since, now)}"
    sentence = f"{_jobs(group.due)} due, {none}." if course.idle_since is not None else f"{_jobs(group.due)} due."
    if is_held:
        sentence += " Their lock is held by a stalled job."
    tone: Literal["bad", "warning"] = "bad"
    line = Attention(
        "idle_queue",
        name,
        f"{name} stands still",
        sentence,
        course.idle_since,
        "bad",
        course.idle_s(now),
        f"{term('queue', name)} status:todo",
    )
    if group.stalled:
        sentence += f" {_dead_worker(group, heartbeats, now)}"
        filter_text = f"is:stalled {term('queue', name)}"
        return replace(line, sentence=sentence, filter_text=filter_text, remedy="rescue", count=group.stalled)
    if course.is_busy:
        sentence, tone = f"{sentence[:-1]}; {_jobs(group.running)} {_are(group.running)} running.", "warning"
    return replace(line, sentence=sentence, tone=tone)


def _stalled_jobs(
    name: str, group: OpenGroup, heartbeats: Mapping[int, dt.datetime], now: dt.datetime
) -> Attention | None:
    if not group.stalled:
        return None
    has, filter_text = "has" if group.stalled == 1 else "have", f"is:stalled {term('queue', name)}"
    since = heartbeats.get(group.dead_worker) if group.dead_worker is not None else None
    sentence = f"{_jobs(group.stalled, 'running job')} {has} stalled. {_dead_worker(group, heartbeats, now)}"
    title, count = f"{name}: {_jobs(group.stalled)} stalled", group.stalled
    return Attention("stalled_jobs", name, title, sentence, since, "bad", count, filter_text, "rescue", count)


def _dead_worker(group: OpenGroup, heartbeats: Mapping[int, dt.datetime], now: dt.datetime) -> str:
    if group.dead_worker is None:
        return "The worker is no longer registered."
    at = heartbeats.get(group.dead_worker)
    heard = f": last heartbeat {_for(at, now)} ago" if at is not None else ""
    return f"Worker #{group.dead_worker:,} is unresponsive{heard}."


def _failing(rise: Rise) -> Attention:
    usual = f"{rise.usual:.1f}".removesuffix(".0")
    sentence = f"{rise.failures:,} failures in {so_far(60 * rise.minutes)}, usually {usual}."
    filter_text = f"{term(rise.kind, rise.name)} status:failed"
    title = f"{rise.name} fails"
    return Attention("failures", rise.name, title, sentence, rise.since, "bad", rise.failures, filter_text, "failures")


def _unresponsive(worker: WorkerRow, now: dt.datetime) -> Attention | None:
    if worker.running:  # its queues say so
        return None
    name, silent_s = f"Worker #{worker.id:,}", (now - worker.last_heartbeat).total_seconds()
    return Attention(
        "unresponsive_worker",
        name,
        f"{name} is unresponsive",
        f"unresponsive, last heartbeat {_for(worker.last_heartbeat, now)} ago. It runs no job.",
        worker.last_heartbeat,
        "warning",
        silent_s,
        "",
        "workers",
    )


def _for(since: dt.datetime | None, now: dt.datetime) -> str:
    return so_far(now - since) if since is not None else ""


def _jobs(count: int, noun: str = "job") -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
