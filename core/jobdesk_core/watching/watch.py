"""Gathers the Situation of one open database: what the feed knows at once, and what has to be asked every so often."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import ask_limited_async, limited
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.jobs import EventType
from jobdesk_core.locks.reasons import LockState
from jobdesk_core.reading.moment import Moment
from jobdesk_core.reading.open_jobs import OpenJobs
from jobdesk_core.reading.pace import ENDS, PACE_MINUTES, Pace
from jobdesk_core.reading.progress import Progress, progress
from jobdesk_core.reading.rise import FEWEST_FAILURES, Rise, has_risen, is_storm, rise_of
from jobdesk_core.reading.series import Series
from jobdesk_core.schedules.following import ScheduleFollower
from jobdesk_core.watching.facts import BLOCKER, MOST_RISES, Facts, Running, read_facts
from jobdesk_core.watching.growth import growths
from jobdesk_core.watching.latencies import Latencies
from jobdesk_core.watching.lines import Attention
from jobdesk_core.watching.situation import Growth, LockLine, LongRun, Situation, Usual

#: Seconds between two questions, while nobody looks, and at least.
EVERY_S, OUT_OF_SIGHT_S, SOONEST_S = 10.0, 30.0, 2.0
#: They are so many times as long apart as they took, but no longer than this, in seconds.
TIMES_COST, LONGEST_S = 40.0, 60.0
#: Schedules may have been read so many seconds ago.
SCHEDULES_S = 30.0
#: A line at a lock is compared with that of so many seconds ago, or of the time since then.
LINE_S = 180.0
#: Seconds without a start after which it is asked whether sessions wait for each other, and how often.
IDLE_S, BLOCKER_S = 15.0, 5.0
#: Names whose failures are looked at before others have their turn.
AT_ONCE = 100
#: A rise that began so many seconds ago goes on rising: its cause is asked for again soon.
NEW_S = 300.0
#: Of what was read nobody knows more than this many seconds later: workers send a heartbeat every ten, and those that
#: were not looked for since are not silent.
KNOWN_S = 10.0
#: What was over sooner than this is not remembered.
WORTH_S = 5.0

_REASONS = {
    LockState.STALLED: "its worker is unresponsive or gone",
    LockState.UNSERVED: "no worker takes it",
    LockState.SCHEDULED: "it is scheduled for later",
    LockState.HELD: "",
}


@dataclass(frozen=True, slots=True)
class Past:
    """What needed attention and does no more: what was so ("mail stood still"), from when to when (UTC)."""

    was: str
    since: dt.datetime
    until: dt.datetime


class Watch:
    """Call `situation` for each moment; `follow` asks beside it, and never delays it."""

    def __init__(
        self,
        connector: PsycopgConnector,
        capabilities: Capabilities,
        series: Series,
        schedules: ScheduleFollower,
        *,
        limit_s: float = 5.0,
    ) -> None:
        self._connector, self._capabilities, self._series = connector, capabilities, series
        self._schedules, self._limit_s = schedules, limit_s
        self.latencies = Latencies()
        #: What history knows of the usual; None: nothing.
        self.usual: Usual | None = None
        #: What was over last; None while nothing has been.
        self.last: Past | None = None
        self._told: dict[tuple[str, str], tuple[Attention, dt.datetime]] = {}
        self.forget()

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on the database can do this."""
        self._capabilities = capabilities
        self.forget()

    def forget(self) -> None:
        """Nothing is known of what has to be asked."""
        self._facts: Facts | None = None
        self._lock_lines: list[LockLine] | None = None
        self._long_runs: list[LongRun] | None = None
        self._growths: list[Growth] | None = None
        self._rises: list[Rise] = []
        self._blocker, self._blocker_asked_at = "", 0.0
        self._lines: dict[str, deque[tuple[float, int]]] = {}
        self._worker_seen_at: dt.datetime | None = None

    # What is known

    def situation(self, moment: Moment, now: dt.datetime) -> Situation:
        """All that the rules may know; the open jobs are of the moment, which does not age for long."""
        latency = self.latencies.seen(now)
        now = min(now, moment.open.read_at + dt.timedelta(seconds=KNOWN_S))
        if any(worker.is_alive(now) for worker in moment.open.workers or ()):
            self._worker_seen_at = now
        facts, schedules = self._facts or Facts(), self._schedules.last
        return Situation(
            now,
            moment.open,
            courses(self._series, moment.open, now),
            self._rises,
            schedules=schedules.schedules if schedules is not None else None,
            lock_lines=self._lock_lines,
            served=facts.served,
            long_runs=self._long_runs,
            usual=self.usual,
            causes=facts.causes,
            growths=self._growths,
            latency=latency,
            started_at=self._series.last_start(),
            worker_seen_at=self._worker_seen_at,
            blocker=self._blocker,
        )

    def note(self, lines: Sequence[Attention], now: dt.datetime) -> None:
        """These need attention now; what did before, and does no more, is remembered if it was worth it."""
        told = {line.key: line for line in lines}
        for key in [key for key in self._told if key not in told]:
            line, since = self._told.pop(key)
            if (now - since).total_seconds() >= WORTH_S:
                self.last = Past(line.was, since, now)
        for key, line in told.items():
            since = self._told[key][1] if key in self._told else line.since or now
            self._told[key] = line, min(since, now)

    # What has to be asked

    async def follow(self, moment: Callable[[], Moment | None], is_in_sight: Callable[[], bool]) -> None:
        """Ask every so often, until cancelled. What is asked in vain is asked again later."""
        self.latencies.asked_at = None
        pause_s, asked_at = 0.0, 0.0
        while True:
            await asyncio.sleep(1.0)
            await self._look_for_rises()
            known = moment()
            if known is None:
                continue
            with contextlib.suppress(ConnectorException):  # the feed tells of a lost link
                await self._ask_for_blocker(known)
            every_s = max(EVERY_S if is_in_sight() else OUT_OF_SIGHT_S, pause_s)
            waited_s = time.monotonic() - asked_at
            is_pressing = waited_s >= max(SOONEST_S, pause_s) and self._has_unexplained()
            if not (is_pressing or waited_s >= every_s):
                continue
            asked_at = time.monotonic()
            with contextlib.suppress(ConnectorException):
                await self._ask(known)
            pause_s = min(TIMES_COST * (time.monotonic() - asked_at), LONGEST_S)
            with contextlib.suppress(ConnectorException):
                await self._schedules.read(SCHEDULES_S)

    async def _look_for_rises(self) -> None:
        """Thousands of names may fail: others have their turn meanwhile."""
        found = []
        for place, rise in enumerate(rises(self._series, self._connector.clock.now())):
            if rise is not None:
                found.append(rise)
            if place % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        self._rises = found

    def _has_unexplained(self) -> bool:
        """Whether something fails whose cause nobody has asked for, or when only a few of its errors were there."""
        causes, now = (self._facts or Facts()).causes, self._connector.clock.now()
        for rise in sorted(self._rises, key=lambda each: -each.failures)[:MOST_RISES]:
            cause = causes.get((rise.kind, rise.name))
            is_new = (now - rise.since).total_seconds() < NEW_S
            if cause is None or (is_new and cause.error and 2 * cause.reported < rise.failures):
                return True
        return False

    async def _ask(self, moment: Moment) -> None:
        steps = read_facts(self._capabilities, moment.open, self._rises)
        facts = await ask_limited_async(steps, self._connector, self._limit_s)
        self._facts, now = facts, self._connector.clock.now()
        self._lock_lines = self._compared(facts, now) if facts.locks is not None else None
        runs = facts.running
        self._long_runs = long_runs(self._series.tasks, runs, now, self.usual) if runs is not None else None
        self._growths = list(growths(self._series, moment.open, now)) if self._series.is_whole else None

    async def _ask_for_blocker(self, moment: Moment) -> None:
        """Where something stands still, or all is slow: whether sessions wait for another one, in the server itself."""
        now = self._connector.clock.now()
        latency, going = self.latencies.seen(now), courses(self._series, moment.open, now)
        is_slow = latency is not None and latency.since is not None
        # The heartbeats of a worker may be among what waits.
        is_silent = any(not worker.is_alive(now) for worker in moment.open.workers or ())
        if not (is_slow or is_silent) and not any(
            each.course != "held" and each.idle_s(now) > IDLE_S for each in going.values()
        ):
            self._blocker = ""
        elif time.monotonic() - self._blocker_asked_at >= BLOCKER_S:
            self._blocker_asked_at = time.monotonic()
            self._blocker = await limited(self._connector, BLOCKER, self._limit_s)

    def _compared(self, facts: Facts, now: dt.datetime) -> list[LockLine]:
        """The lines at locks that cannot go on, or that wait for a run, with how many waited some minutes ago."""
        at = time.monotonic()
        before, self._lines = self._lines, {}
        earlier: dict[str, int] = {}
        for row in facts.locks or ():
            seen = self._lines[row.name] = before.get(row.name, deque())
            while len(seen) > 1 and at - seen[1][0] >= LINE_S:
                seen.popleft()
            if seen:
                earlier[row.name] = seen[0][1]
            seen.append((at, row.waiting))
        return lock_lines(facts, now, self._series.tasks, earlier)


def rises(series: Series, now: dt.datetime) -> Iterator[Rise | None]:
    """The tasks and queues whose failures have risen, then the tasks whose attempts are retried more than before, and
    None for each other; none until the hour before is known.
    """
    if not series.is_whole:
        return
    of_tasks: tuple[Literal["queue", "task"], Pace, EventType] = "task", series.tasks, EventType.FAILED
    of_queues: tuple[Literal["queue", "task"], Pace, EventType] = "queue", series, EventType.FAILED
    retried: tuple[Literal["queue", "task"], Pace, EventType] = "task", series.tasks, EventType.DEFERRED_FOR_RETRY
    risen: set[str] = set()
    for of, pace, kind in (of_tasks, of_queues, retried):
        if sum(series.last((kind,), now, None, PACE_MINUTES + 1)) < FEWEST_FAILURES:
            continue
        for name in pace.names_with(kind):
            counts, ended = pace.per_minute(kind, now, name), pace.last(ENDS, now, name)
            has = has_risen(counts, ended)
            if kind is EventType.DEFERRED_FOR_RETRY:
                recent = slice(-PACE_MINUTES - 1, None)
                has = has and name not in risen and is_storm(counts[recent], ended[recent])
            elif has and of == "task":
                risen.add(name)
            found = rise_of(of, name, counts, ended, now) if has else None
            yield replace(found, is_retried=kind is not EventType.FAILED) if found is not None else None


def courses(series: Series, jobs: OpenJobs, now: dt.datetime) -> dict[str, Progress]:
    """How the queues with due jobs get on, as far as that can be known yet."""
    return {
        name: progress(group, series, now, name)
        for name, group in jobs.queues.items()
        if group.due and (series.is_whole or series.last_start(name) is not None)
    }


def lock_lines(
    facts: Facts, now: dt.datetime, pace: Pace | None = None, earlier: Mapping[str, int] | None = None
) -> list[LockLine]:
    """The lines behind a head that cannot run, or that runs; with how many waited earlier, as far as that is known.

    `pace` is that of the tasks in the last hour.
    """
    reasons = {row.name: facts.holders.get(row.head.id, _REASONS.get(row.state)) for row in facts.locks or ()}
    return [
        LockLine(
            row.name,
            row.head.queue_name,
            row.head.id,
            reason,
            row.waiting,
            (earlier or {}).get(row.name),
            row.waiting_since,
            row.head_since,
            row.state is LockState.SCHEDULED,
            row.state is LockState.STALLED,
            row.head.task_name,
            *(_usual_run(pace, row.head.task_name, now) if pace is not None and not reason else ()),
        )
        for row in facts.locks or ()
        if (reason := reasons[row.name]) is not None and row.waiting
    ]


def _usual_run(pace: Pace, task: str, now: dt.datetime) -> tuple[float, int]:
    return pace.ran_s(task, now, 0.99) or 0.0, pace.runs(task, now)


def long_runs(pace: Pace, running: Sequence[Running], now: dt.datetime, usual: Usual | None) -> list[LongRun]:
    """The running jobs, with the usual time of their task in the last hour, where that or history tells one."""
    of_task: dict[str, tuple[float, int]] = {}
    found = []
    for run in running:
        if run.task not in of_task:
            of_task[run.task] = _usual_run(pace, run.task, now)
        usual_s, runs = of_task[run.task]
        if runs or usual is not None:
            found.append(LongRun(run.job_id, run.task, run.queue, run.since, usual_s, runs))
    return found
