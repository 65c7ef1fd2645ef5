"""What the monitor knew at one moment: every number in it is of the same snapshot of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobdesk_core.jobs import Status
from jobdesk_core.reading.job_counts import QueueCounts
from jobdesk_core.reading.open_jobs import OpenJobs


@dataclass(frozen=True, slots=True)
class Moment:
    """The open jobs with their workers, and all jobs by queue, task and status.

    While `is_counting` some ended jobs have not been counted yet; `is_exact`: none of the numbers is in doubt.
    Events up to `last_event_id` are in. `taken_at` is by our monotonic
    clock.
    """

    open: OpenJobs
    queues: tuple[QueueCounts, ...]
    tasks: tuple[QueueCounts, ...]
    statuses: Mapping[Status, int]
    is_counting: bool
    is_exact: bool
    last_event_id: int
    taken_at: float

    def total(self, status: Status) -> int:
        """All jobs of one status."""
        return self.statuses.get(status, 0)
