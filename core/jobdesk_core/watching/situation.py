"""What the rules may know of one database at one moment. What is not known is None, and no rule guesses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from jobdesk_core.reading.open_jobs import OpenJobs
from jobdesk_core.reading.progress import Progress
from jobdesk_core.reading.rise import Rise
from jobdesk_core.schedules.schedule import Schedule

#: What fails: a queue or a task, by its name.
Failing = tuple[Literal["queue", "task"], str]


@dataclass(frozen=True, slots=True)
class LockLine:
    """Jobs that wait for one lock behind a head that cannot run, or that has run for long.

    `waiting` due jobs of `queue` want it; `waiting_before` wanted it some minutes ago, None when that is not known.
    `head` is the job in whose way it is, of `task`; `reason` says in words why that cannot run ("its worker is
    unresponsive"), empty when it runs. `since` is when the oldest of them came, `head_since` when the head was started,
    or came. `usual_s`: the 99th percentile of `runs` runs of its task in the last hour, where that is known.
    """

    lock: str
    queue: str
    head: int
    reason: str
    waiting: int
    waiting_before: int | None
    since: dt.datetime | None
    head_since: dt.datetime | None = None
    #: Whether the head is scheduled for later; whether it has stalled.
    is_scheduled: bool = False
    is_stalled: bool = False
    task: str = ""
    usual_s: float = 0.0
    runs: int = 0


@dataclass(frozen=True, slots=True)
class LongRun:
    """A job that runs. `usual_s`: the 99th percentile of `runs` runs of the task."""

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


@dataclass(frozen=True, slots=True)
class Cause:
    """What the failures of a queue or task have in common, as far as it is reported, and how many are failed still.

    `error` is the most frequent error by its type's name, of `count` of the `reported` failures; empty where no worker
    reports. `still_failed` is None where nobody has counted.
    """

    error: str = ""
    count: int = 0
    reported: int = 0
    still_failed: int | None = None


@dataclass(frozen=True, slots=True)
class Growth:
    """A queue whose due jobs grow: per minute so many `came` and `left`, `since` when (UTC) and from how many.

    `ready` are those that could run now. `usual_wait_s` is the 95th percentile of waits, in seconds, before it grew.
    """

    queue: str
    ready: int
    came: float
    left: float
    since: dt.datetime
    before: int
    usual_wait_s: float | None = None

    @property
    def wait_s(self) -> float:
        """How long a job that comes now will wait, at this pace; infinite while none is started."""
        return 60 * self.ready / self.left if self.left > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Latency:
    """How many seconds the database takes for one small question: of late and usually; `since` when it is slow."""

    now_s: float
    usual_s: float
    since: dt.datetime | None


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


@dataclass(frozen=True)
class Situation:
    """All of one moment; `now` is by the server's clock (UTC).

    `courses` are the queues' progress by name, of those with due jobs. `schedules`, `lock_lines`, `served`,
    `long_runs`, `growths` and `latency` are None where nobody has asked, or nothing tells; `causes` are those of rises,
    by their kind and name. `started_at` is when any job was started last, `worker_seen_at` when a live worker was
    seen last (UTC; None: not by us).
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
    causes: Mapping[Failing, Cause] = field(default_factory=dict)
    growths: Sequence[Growth] | None = None
    latency: Latency | None = None
    started_at: dt.datetime | None = None
    #: Whether there are more open jobs than were counted.
    is_at_least: bool = False
    worker_seen_at: dt.datetime | None = None
    #: A sentence about the session for which others wait, in the server itself; empty when nothing tells.
    blocker: str = ""
    #: Why what happens is not written on this machine, in words, empty while it is; and since when that is seen (UTC).
    unrecorded: str | None = None
    unrecorded_since: dt.datetime | None = None

    @cached_property
    def is_none_alive(self) -> bool:
        """Whether no worker is alive, where the release keeps a record of them."""
        workers = self.open.workers
        return workers is not None and not any(worker.is_alive(self.now) for worker in workers)

    @cached_property
    def heartbeats(self) -> dict[int, dt.datetime]:
        """The last heartbeat of each worker that is not alive."""
        return {each.id: each.last_heartbeat for each in self.open.workers or () if not each.is_alive(self.now)}
