"""What a lock's state is and why each job of its chain is where it is, in words, from the rule of fetching."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from jobdesk_core.database.rows import JobRow
from jobdesk_core.job.why import due, named
from jobdesk_core.jobs import Status

#: A job that has been due for less than this is not called waiting in vain.
PATIENCE_S = 180


class LockState(enum.Enum):
    """What keeps a lock's jobs from running, the worst first."""

    STALLED = "held by a stalled job"
    UNSERVED = "first in line: no worker takes it"
    SCHEDULED = "first in line: scheduled for later"
    TAKEN_AGAIN = "a retry would be refused"
    HELD = "held by a running job"
    READY = "waits for a worker"


@dataclass(frozen=True, slots=True)
class Serving:
    """Who takes jobs. `queues`: those that a job was started of among the events since `since`, or runs of.

    `since` is None when every event was looked at; `live_workers` is None on releases that keep no record.
    """

    queues: frozenset[str]
    since: dt.datetime | None
    live_workers: int | None

    def leaves_alone(self, head: JobRow, now: dt.datetime) -> bool:
        """Whether this waiting job has been due for some time, and no worker seems to take its queue's jobs."""
        since = due_since(head, now)
        if since is None or (now - since).total_seconds() < PATIENCE_S:
            return False
        if self.live_workers == 0:
            return True
        looked_s = PATIENCE_S if self.since is None else (now - self.since).total_seconds()
        return head.queue_name not in self.queues and looked_s >= PATIENCE_S


def due_since(row: JobRow, now: dt.datetime) -> dt.datetime | None:
    """Since when a waiting job may be started (UTC-aware); None when it is scheduled for later, or nothing tells."""
    if row.scheduled_at is not None and row.scheduled_at > now:
        return None
    return max((at for at in (row.scheduled_at, row.deferred_at) if at is not None), default=None)


def state_of(head: JobRow, is_worker_alive: bool, serving: Serving, now: dt.datetime) -> LockState:
    """The state of a lock by the job that holds it, or else is the first in line for it."""
    if head.status is not Status.TODO:
        # Without a record of workers a running job is taken at its word.
        return LockState.HELD if is_worker_alive or serving.live_workers is None else LockState.STALLED
    if head.scheduled_at is not None and head.scheduled_at > now:
        return LockState.SCHEDULED
    return LockState.UNSERVED if serving.leaves_alone(head, now) else LockState.READY


def reason(row: JobRow, before: JobRow | None, state: LockState, serving: Serving, now: dt.datetime) -> str:
    """Why a job of a lock's chain is where it is. `before` comes before it; None for the chain's first job."""
    if before is None:
        return _first(row, state, serving, now)
    if row.status is not Status.TODO:
        return "It is running too: its lock was changed meanwhile."
    after = f"#{before.id:,}, which is {'running' if before.status is not Status.TODO else 'before it'}."
    if row.scheduled_at is not None and row.scheduled_at > now:
        return f"It is due {due(row.scheduled_at, now)}, and comes after {after}"
    return f"Waiting for {after}"


def _first(row: JobRow, state: LockState, serving: Serving, now: dt.datetime) -> str:
    if state is LockState.STALLED:
        return "It holds the lock, and its worker is gone or unresponsive. A retry would free the lock."
    if row.abort_requested or row.status is Status.ABORTING:
        return "It holds the lock. Abort requested; still running."
    if state is LockState.HELD:
        return "It holds the lock for as long as it runs."
    if state is LockState.SCHEDULED and row.scheduled_at is not None:
        return f"It is due {due(row.scheduled_at, now)} and blocks those behind it."
    if state is LockState.UNSERVED and serving.live_workers == 0:
        return "It is first in line, and no worker is alive."
    if state is LockState.UNSERVED:
        return f"No job in queue {named(row.queue_name)} has started lately. Does a worker serve it?"
    return "It is next to start."


def queueing_reason(row: JobRow, holder: JobRow) -> str:
    """Why a job of a queueing lock matters: the one that holds it, or one that could not be retried."""
    if row.id == holder.id:
        return "It holds the queueing lock until a worker starts it. Until then no other job can be deferred with it."
    if row.status is Status.FAILED:
        return f"It failed, and a retry would be refused: the queueing lock was taken by #{holder.id:,}."
    return f"It is running. If it asks for a retry, that is refused for as long as #{holder.id:,} waits."
