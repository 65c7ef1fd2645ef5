"""What the monitor knew at one moment: every number in it is of the same snapshot of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobdesk_core.jobs import Status
from jobdesk_core.number import Number
from jobdesk_core.reading.job_counts import QueueCounts
from jobdesk_core.reading.open_jobs import OpenJobs


@dataclass(frozen=True, slots=True)
class Moment:
    """The open jobs with their workers, and all jobs by queue, task and status.

    `worth` is what every number of ended jobs is worth: exact, counted so far, or as of when. Events up to
    `last_event_id` are in. `taken_at` is by our monotonic clock.
    """

    open: OpenJobs
    queues: tuple[QueueCounts, ...]
    tasks: tuple[QueueCounts, ...]
    statuses: Mapping[Status, int]
    worth: Number
    last_event_id: int
    taken_at: float

    def total(self, status: Status) -> int:
        """All jobs of one status."""
        return self.statuses.get(status, 0)

    def ended(self, status: Status) -> Number:
        """All jobs of a status that is an end."""
        return Number(self.total(status), self.worth.kind, self.worth.as_of)

    @property
    def is_exact(self) -> bool:
        """Whether none of the numbers is in doubt."""
        return self.worth.is_exact
