"""What can be done to jobs: the actions by name, and each with its options as a value."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Any

from jobdesk_core.jobs import Status

#: The statuses of jobs that are over.
ENDED = frozenset(status for status in Status if status.is_final)


class Action(enum.Enum):
    """What can be done to jobs."""

    DEFER = "defer"
    CANCEL = "cancel"
    ABORT = "abort"
    DELETE = "delete"
    RETRY = "retry"
    RESCUE = "rescue"
    FAIL = "fail"
    RUN_NOW = "run now"
    RESCHEDULE = "reschedule"
    REPRIORITISE = "reprioritise"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel waiting jobs; with `abort` ask running ones to stop; with `delete` delete waiting ones."""

    abort: bool = False
    delete: bool = False

    @property
    def action(self) -> Action:
        """Which of the three it is."""
        return Action.DELETE if self.delete else Action.ABORT if self.abort else Action.CANCEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Put jobs back in their queue, due at `at` (aware; None: now). None leaves the rest unchanged.

    `only_stalled` rescues: just the running jobs that no living worker has. `is_forced` also retries a running job
    whose worker is alive (not with `only_stalled`) or unresponsive, so that it may run twice.
    """

    at: dt.datetime | None = None
    priority: int | None = None
    queue: str | None = None
    lock: str | None = None
    only_stalled: bool = False
    is_forced: bool = False

    @property
    def action(self) -> Action:
        """Retry or rescue."""
        return Action.RESCUE if self.only_stalled else Action.RETRY

    @property
    def has_changes(self) -> bool:
        """Whether anything but the time is set."""
        return not (self.priority is None and self.queue is None and self.lock is None)


@dataclass(frozen=True, slots=True)
class Fail:
    """Mark running jobs that no living worker has as failed, so that they do not run again.

    `is_forced` also those whose worker is unresponsive: it may still run them, and cannot end them then.
    """

    is_forced: bool = False

    @property
    def action(self) -> Action:
        """Mark as failed."""
        return Action.FAIL


@dataclass(frozen=True, slots=True)
class Reschedule:
    """Let waiting jobs run at `at` (aware; None: now)."""

    at: dt.datetime | None = None

    @property
    def action(self) -> Action:
        """Run now, or reschedule."""
        return Action.RUN_NOW if self.at is None else Action.RESCHEDULE


@dataclass(frozen=True, slots=True)
class Reprioritise:
    """Give waiting jobs this priority; higher runs first."""

    priority: int

    @property
    def action(self) -> Action:
        """Reprioritise."""
        return Action.REPRIORITISE


@dataclass(frozen=True, slots=True)
class Purge:
    """Delete the jobs that ended in one of these statuses and whose latest event is older than `older_than`."""

    statuses: frozenset[Status] = ENDED
    older_than: dt.timedelta = dt.timedelta(0)

    @property
    def action(self) -> Action:
        """Purge."""
        return Action.PURGE


Change = Cancel | Retry | Fail | Reschedule | Reprioritise | Purge


def set_to(change: Change) -> dict[str, Any]:
    """What a change gives its jobs, by column."""
    if isinstance(change, Reprioritise):
        return {"priority": change.priority}
    if isinstance(change, Reschedule):
        return {"scheduled_at": change.at} if change.at is not None else {}
    if isinstance(change, Retry):
        given = {
            "scheduled_at": change.at,
            "priority": change.priority,
            "queue_name": change.queue,
            "lock": change.lock,
        }
        return {name: value for name, value in given.items() if value is not None}
    return {}
