"""What the rules may know of one database at one moment. What is not known is None, and no rule guesses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from jobdesk_core.reading.open_jobs import OpenJobs
from jobdesk_core.reading.progress import Progress
from jobdesk_core.reading.rise import Rise
from jobdesk_core.schedules.schedule import Schedule


@dataclass(frozen=True, slots=True)
class LockLine:
    """Jobs that wait for one lock behind a head that cannot run.

    `waiting` due jobs of `queue` want it; `waiting_before` wanted it some minutes ago, None when that is not known.
    `head` is the job in whose way it is; `reason` says in words why that cannot run ("its worker is unresponsive").
    """

    lock: str
    queue: str
    head: int
    reason: str
    waiting: int
    waiting_before: int | None
    since: dt.datetime | None


@dataclass(frozen=True, slots=True)
class LongRun:
    """A run far beyond its task's usual time. `usual_s`: the 99th percentile of `runs` runs of the task."""

    job_id: int
    task: str
    queue: str
    since: dt.datetime
    usual_s: float
    runs: int


@dataclass(frozen=True, slots=True)
class Served:
    """What the live workers serve, where all of them report it. None: everything (or every task) is served."""

    queues: frozenset[str] | None
    tasks: frozenset[str] | None


class Usual(Protocol):
    """What was normal, as far as the recorded history knows it for this hour of the weekday; None where it does not."""

    def idle_s(self, queue: str, now: dt.datetime) -> float | None:
        """The longest time in seconds for which a queue usually starts nothing although jobs are due."""

    def failures(self, task: str, minutes: int, now: dt.datetime) -> float | None:
        """How many runs of a task usually fail within so many minutes."""

    def run_s(self, task: str, now: dt.datetime) -> tuple[float, int] | None:
        """The 99th percentile of a task's running times in seconds, and of how many runs."""

    def arrivals(self, queue: str, minutes: int, now: dt.datetime) -> float | None:
        """How many jobs usually come into a queue within so many minutes."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All of one moment; `now` is by the server's clock (UTC).

    `courses` are the queues' progress by name, of those with due jobs. `schedules`, `lock_lines`, `served` and
    `long_runs` are None where nobody has asked, or nothing tells.
    """

    now: dt.datetime
    open: OpenJobs
    courses: Mapping[str, Progress] = field(default_factory=dict)
    rises: Sequence[Rise] = ()
    schedules: Sequence[Schedule] | None = None
    lock_lines: Sequence[LockLine] | None = None
    served: Served | None = None
    long_runs: Sequence[LongRun] | None = None
    usual: Usual | None = None
