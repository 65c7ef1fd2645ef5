"""A line of what needs attention, the names of the rules that say one, and from when on they do."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

#: Which rule said it: the key of a rule in rule files, metrics and JSON.
RuleKey = Literal[
    "unreachable",  # for the fleet and alerts: the database does not answer
    "slow_database",  # it answers far more slowly than usual
    "no_worker",  # no live worker at all
    "idle_queue",  # due jobs, and none started for longer than usual
    "unserved",  # jobs of queues or tasks that no live worker serves
    "stalled_jobs",  # running jobs without a live worker
    "failures",  # a queue or task fails more than usual
    "lock",  # a line grows behind a head that cannot run
    "backlog",  # it grows faster than it is served
    "schedule",  # late, missed or overlapping
    "long_run",  # a run far beyond its task's usual time
    "unresponsive_worker",
    "paused",
    "unrecorded",  # what happens is not kept on this machine: its disk is full, or may not be written
    "oldest_due",  # for alerts: the oldest due job is older than so much
]
#: What helps, beside showing the jobs: rescue `count` stalled jobs, retry `count` failed ones, defer a schedule's job
#: now, or look at the workers, the failures, the schedule, the lock, the queue.
Remedy = Literal["", "rescue", "retry", "defer", "workers", "failures", "schedules", "locks", "queues"]

Severity = Literal["bad", "warning"]

#: What was so, for a title of what is over.
_PAST = {
    " stands still": " stood still",
    " fails": " failed",
    " has fallen behind": " fell behind",
    " has stalled jobs": " had stalled jobs",
    " have stalled": " had stalled",
    " is ": " was ",
    " grows": " grew",
    " takes ": " took ",
    " answers ": " answered ",
    " does not answer": " did not answer",
    " overlaps": " overlapped",
}


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
    tone: Severity
    number: float = 0.0
    filter_text: str = ""
    remedy: Remedy = ""
    count: int = 0
    #: Whether it is no more than likely: to be shown, and no alert.
    is_inferred: bool = False

    @property
    def key(self) -> tuple[RuleKey, str]:
        """The same from moment to moment."""
        return self.rule, self.subject

    @property
    def text(self) -> str:
        """The whole line."""
        return f"{self.subject}: {self.sentence}" if self.subject else self.sentence

    @property
    def was(self) -> str:
        """The title of what is over: mail stood still."""
        for now, then in _PAST.items():
            place = self.title.rfind(now)
            if place >= 0:
                return self.title[:place] + then + self.title[place + len(now) :]
        return self.title


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on something is told. Seconds, jobs, times the usual.

    `backlog_at_least` jobs that could run make a backlog, if a new one would wait `backlog_wait_s` at least.
    """

    idle_s: float = 30.0
    failures_at_least: int = 5
    failures_times_usual: float = 3.0
    failures_minutes: int = 5
    oldest_due_s: float = 300.0
    schedule_late_s: float = 60.0
    lock_waiting: int = 5
    backlog_at_least: int = 50
    backlog_wait_s: float = 300.0
    backlog_times_usual: float = 3.0
    long_run_times_usual: float = 5.0
    long_run_s: float = 60.0
    slow_s: float = 0.5
    slow_times_usual: float = 10.0


THRESHOLDS = Thresholds()
