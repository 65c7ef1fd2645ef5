"""What a purge would free: which jobs, how many bytes, how long it takes. Estimates; the preflight counts exactly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core.health.ages import AGE_DAYS, Cell
from jobdesk_core.health.health import FINISHED, Health
from jobdesk_core.jobs import Status

#: For how many days finished jobs may be kept.
KEEP_DAYS = (7, 30, 90)
#: Jobs with their events that a purge deletes in a second, roughly, where nothing else slows the server.
PURGED_PER_S = 4_000
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Freed:
    """What a purge would delete: `jobs` with their events, and the bytes that are then free for new rows.

    `share` is of the bytes of jobs and events, 0 to 1. `seconds` is what it takes, roughly. `undated` are the jobs of
    these statuses that it leaves, for without events nothing tells how old they are.
    """

    days: int
    statuses: tuple[Status, ...]
    cell: Cell
    share: float
    undated: Cell

    @property
    def jobs(self) -> float:
        """How many jobs, estimated unless the cell is exact."""
        return self.cell.rows

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.cell.rows / PURGED_PER_S

    @property
    def older_than(self) -> dt.timedelta:
        """The age as a purge takes it."""
        return dt.timedelta(days=self.days)

    @property
    def filter_text(self) -> str:
        """The filter of the jobs."""
        return f"status:{','.join(status.value for status in self.statuses)} ended:<-{self.days}d"


def freed(health: Health, days: int, statuses: Sequence[Status] = FINISHED) -> Freed | None:
    """What a purge of these statuses that keeps so many days (of KEEP_DAYS) would free; None while it is not known."""
    if health.ages is None:
        return None
    cell = health.ages.of(statuses, AGE_DAYS.index(days) + 1)
    total = health.ages.total_bytes
    share = min(1.0, cell.bytes / total) if total else 0.0
    return Freed(days, tuple(statuses), cell, share, health.ages.undated(statuses))


def weekly_bytes(health: Health) -> float | None:
    """By how many bytes a week the tables grow at the pace of the last day; None while it is not known."""
    if health.ages is None:
        return None
    return _WEEK * health.ages.between(None, 0, 1).bytes
