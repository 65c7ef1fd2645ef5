"""Undoing what the journal tells: cancelled and deleted jobs deferred again, priorities and schedules set back, and
retried jobs that have not started again failed as before.

Each job is looked at again in the transaction that undoes it, and skipped unless it is as the act left it.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow, rows_by_id
from jobdesk_core.jobs import Status
from jobdesk_core.journal.journal import BATCH_RECORDS, Journal
from jobdesk_core.journal.record import PRUNE, STAGED, Entry, Record
from jobdesk_core.profiles import Profile, was_done_here

#: Jobs named one by one in a plan; all are counted.
NAMED = 200

AGAIN = ("cancel", "delete")
RETRY = "retry"
BACK = {"reprioritise": "priority", "reschedule": "scheduled_at", "run now": "scheduled_at"}
_NOT_UNDONE = {
    "defer": "Deferring is not undone here: cancel the new job.",
    "rescue": "No job can be set back to running: cancel the waiting job if it should not run.",
    "fail": "No job can be set back to running: retry it if it should run again.",
    "abort": "A running job that was asked to abort cannot be told to go on: retry it, or defer it again.",
    "purge": "Purged jobs were deleted for good; the journal keeps no arguments of them.",
    PRUNE: "Pruned workers cannot be put back: one that is alive registers itself again.",
    "undo": "An undo cannot be undone: act on its jobs instead.",
}


@dataclass(frozen=True, slots=True)
class Item:
    """What an undo would do with one job; `reason`: why it would be skipped."""

    job_id: int
    reason: str | None


@dataclass(slots=True)
class UndoPlan:
    """What an undo would do: how many jobs it would undo and skip by reason, and the first of them."""

    entry: Entry
    ready: int = 0
    left: Counter[str] = field(default_factory=Counter)
    items: list[Item] = field(default_factory=list)
    #: A look at it is never stopped half-way.
    is_complete: bool = True


def will(entry: Entry) -> str:
    """What an undo does with each job of this entry, in words."""
    if entry.header.action == STAGED:
        return "will be deferred again as a new job, or will get back what it had"
    if entry.header.action in AGAIN:
        return "will be deferred again as a new job"
    if entry.header.action == RETRY:
        return "will be marked as failed again, and not run"
    return f"will get back the {'priority' if entry.header.action == 'reprioritise' else 'schedule'} that it had"


def refusal(entry: Entry, profile: Profile, capabilities: Capabilities) -> str | None:
    """Why nothing of an entry can be undone on the open connection of this profile, or None."""
    action = entry.header.action
    if action not in (STAGED, RETRY, *AGAIN, *BACK):
        return _NOT_UNDONE.get(action, "This cannot be undone.")
    if not was_done_here(entry.header.place, profile):
        return f"This was done on another database: connect to {entry.header.profile} first."
    if profile.is_read_only:
        return "This connection is read-only. Its profile says so."
    if entry.in_doubt:
        return "Whether all of it was done is not known yet: it is looked up while the server answers. Try again soon."
    if not entry.kept:
        return "The journal has no jobs of this entry."
    if entry.undone >= entry.done:
        return "It has been undone already." if entry.undone else "Nothing was done that could be undone."
    rights = capabilities.rights
    if action == RETRY:
        return rights.retry
    if action == STAGED:
        return rights.defer or rights.cancel
    return rights.defer if action in AGAIN else rights.cancel


async def plan(journal: Journal, connector: PsycopgConnector, capabilities: Capabilities, entry: Entry) -> UndoPlan:
    """Look at every job of an entry that can still be undone. Nothing is changed."""
    found = UndoPlan(entry)
    after: int | None = None
    while records := await journal.records(entry.id, after_job=after, only_open=True):
        after = records[-1].job_id
        rows = await connector.run_async(rows_by_id(capabilities, [record.job_id for record in records]))
        for record in records:
            reason = reason_of(entry, record, rows.get(record.job_id))
            if reason is None:
                found.ready += 1
            else:
                found.left[reason] += 1
            if len(found.items) < NAMED:
                found.items.append(Item(record.job_id, reason))
        if len(records) < BATCH_RECORDS:
            break
    return found


def reason_of(entry: Entry, record: Record, row: JobRow | None) -> str | None:
    """Why this job is skipped, in a sentence that many jobs can share; None when it can be undone."""
    (action, set_to), before = act_of(entry, record), record.before
    if action not in (RETRY, *AGAIN, *BACK):
        return _NOT_UNDONE.get(action, "This cannot be undone.")
    if action == "delete":
        if row is not None:
            return "It exists again."
        return None if before.get("args") is not None else "Its arguments were too large for the journal."
    if row is None:
        return "It is no longer there."
    if action == "cancel":
        return None if row.status is Status.CANCELLED else f"It is no longer cancelled: {row.status.value}."
    if action == RETRY and before.get("status") != Status.FAILED.value:
        return "It was running before: no job can be set back to that."
    if action == RETRY and row.status in STARTED:
        return f"It has started again: {row.status.value}."
    if row.status is not Status.TODO:
        return f"It is no longer waiting: {row.status.value}."
    if action == RETRY:
        return _why_not_failed(entry, set_to, before, row)
    column = BACK[action]
    if column not in before:
        return "The journal does not know what it had before."
    return None if _has_what_was_set(entry, action, set_to, row) else f"Its {WORDS[column]} was changed since."


#: What has become of a job that was started again.
STARTED = (Status.DOING, Status.ABORTING, Status.SUCCEEDED, Status.FAILED, Status.ABORTED)
WORDS = {"priority": "priority", "scheduled_at": "schedule", "queue_name": "queue", "lock": "lock"}


def _why_not_failed(entry: Entry, set_to: Mapping[str, Any], before: Mapping[str, Any], row: JobRow) -> str | None:
    """Why a retried job that waits cannot be failed again as it was before; None when it can."""
    if any(column not in before for column in ("attempts", *WORDS)):
        return "The journal does not know what it had before."
    # A retry counts one attempt, a run that ended another one.
    if row.attempts != before["attempts"] + 1:
        return "It has started again, and is waiting once more."
    for column in ("priority", "queue_name", "lock"):
        if getattr(row, column) != set_to.get(column, before[column]):
            return f"Its {WORDS[column]} was changed since."
    if not _has_what_was_set(entry, RETRY, set_to, row):
        return f"Its {WORDS['scheduled_at']} was changed since."
    return None


def act_of(entry: Entry, record: Record) -> tuple[str, Mapping[str, Any]]:
    """What was done to this job, and what it was given."""
    if entry.header.action != STAGED:
        return entry.header.action, entry.header.set_to
    return record.before.get("act", ""), record.before.get("set_to", {})


def _has_what_was_set(entry: Entry, action: str, set_to: Mapping[str, Any], row: JobRow) -> bool:
    if action == "reprioritise":
        return bool(row.priority == set_to.get("priority"))
    if action == "reschedule" or (action == RETRY and "scheduled_at" in set_to):
        return row.scheduled_at == moment(set_to.get("scheduled_at"))
    # Made due by the server's clock: not before the act, nor after its end, by that clock, give or take a little.
    little, ahead = dt.timedelta(minutes=1), dt.timedelta(seconds=entry.ahead_s)
    begun, ended = entry.at - ahead, (entry.ended_at or entry.at) - ahead
    return row.scheduled_at is None or begun - little <= row.scheduled_at <= ended + little


def moment(value: Any) -> dt.datetime | None:
    return dt.datetime.fromisoformat(value) if isinstance(value, str) else value
