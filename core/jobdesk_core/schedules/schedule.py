"""What is known of one periodic task: its cadence, its last run, the next one, and whether it is on time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.jobs import Status

#: `late` may still come; `missed` will not; `overlapping`: a run began before the one before it had ended; `abandoned`:
#: nothing has deferred it for many periods, or its application has told of others since and not of it.
State = Literal["on time", "late", "missed", "overlapping", "abandoned", "unknown"]


@dataclass(frozen=True, slots=True)
class Run:
    """One time at which it was deferred, or was to be. Times are UTC.

    `expected_at` is the cron time that `deferred_at` belongs to. `job_id` None: nobody deferred it, or `is_job_gone`:
    the row that says that it was deferred has no job any more. `status` None when there is no job.
    """

    expected_at: dt.datetime
    deferred_at: dt.datetime | None = None
    job_id: int | None = None
    status: Status | None = None
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    is_job_gone: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """A periodic task. `cron` and `zone` as its application told; without them `every_s` is inferred from its runs.

    `expected_at` (UTC) is the time that was missed or is late, None on time; `missed` how many in a row. `reason` says
    why, in a sentence, as far as anything tells ("No worker was alive from 01:52 to 02:11."); empty otherwise. `runs`
    are the latest, the oldest first, the missed ones among them.
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

    @property
    def name(self) -> str:
        """The task, and its periodic id where it has one."""
        return f"{self.task} · {self.periodic_id}" if self.periodic_id else self.task
