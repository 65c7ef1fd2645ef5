"""What is known of one periodic task: its cadence, its last run, the next one, and whether it is on time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.jobs import Status
from jobdesk_core.schedules.cadence import Cadence

#: `late` may still come; `missed` will not; `overlapping`: a run began before the one before it had ended; `abandoned`:
#: nothing has deferred it for many periods, or its application has told of others since and not of it.
State = Literal["on time", "late", "missed", "overlapping", "abandoned", "unknown"]
#: Who tells the cadence: the workers' reports, the application as asked from here, the past runs, or nobody.
Source = Literal["reported", "application", "runs", "nobody"]
#: So many missed ones in a row are counted; there may be more.
MOST_MISSED = 100


@dataclass(frozen=True, slots=True)
class Run:
    """One time at which it was deferred, or was to be. Times are UTC.

    `expected_at` is the cron time that `deferred_at` belongs to. `job_id` None: nobody deferred it, or `is_job_gone`:
    it was deferred, or may have been, and the job is there no more. `status` None when there is no job.
    `is_overlapping`: it began before the one before it had ended.
    """

    expected_at: dt.datetime
    deferred_at: dt.datetime | None = None
    job_id: int | None = None
    status: Status | None = None
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    is_job_gone: bool = False
    is_overlapping: bool = False

    @property
    def ran_s(self) -> float | None:
        """How long its last attempt took, in seconds; None while it goes on, or when nothing tells."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, (self.ended_at - self.started_at).total_seconds())

    @property
    def is_missed(self) -> bool:
        """Whether nobody deferred it."""
        return self.job_id is None and not self.is_job_gone


@dataclass(frozen=True, slots=True)
class Schedule:
    """A periodic task. `cron` and `zone` as its application told; without them `every_s` is inferred from its runs.

    `expected_at` (UTC) is the first time that was missed or is late, None on time; `missed` how many in a row, up to
    MOST_MISSED. `reason` says why, in a sentence, as far as anything tells ("No worker was alive from 01:52 to
    02:11."); empty otherwise. `runs` are the latest, the oldest first, the missed ones among them.
    """

    task: str
    periodic_id: str
    queue: str
    cron: str | None
    zone: str | None
    every_s: float | None
    is_inferred: bool
    state: State
    last: Run | None
    next_at: dt.datetime | None
    expected_at: dt.datetime | None = None
    missed: int = 0
    reason: str = ""
    runs: tuple[Run, ...] = ()
    app: str = ""
    cadence: Cadence | None = None
    source: Source = "nobody"

    @property
    def name(self) -> str:
        """The task, and its periodic id where it has one."""
        return f"{self.task} · {self.periodic_id}" if self.periodic_id else self.task

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by: the task and the periodic id."""
        return self.task, self.periodic_id

    @property
    def is_on_time(self) -> bool:
        """Whether nothing is to be seen to: also of one of which too little is known."""
        return self.state in ("on time", "unknown")

    def words(self, now: dt.datetime, shown_in: dt.tzinfo) -> str:
        """The cadence in words; empty when nobody knows it."""
        if self.cadence is None:
            return self.cron or ""
        return self.cadence.words(now, shown_in)
