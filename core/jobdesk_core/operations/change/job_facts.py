"""The facts that the rules ask for, as SQL over `jobs_table`: read by the preflight, and again in the act."""

from __future__ import annotations

from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import IS_ABORTING, is_heard_from
from jobdesk_core.jobs import Status
from jobdesk_core.operations.change.changes import Change, Fail, Purge, Reprioritise, Reschedule, Retry
from jobdesk_core.operations.change.rules import Facts

#: The columns of `facts_columns`, by which the preflight groups.
FACTS = ("status", "is_aborting", "is_worker_alive", "is_lock_taken", "is_moot", "is_worker_unresponsive")


def facts_columns(change: Change, capabilities: Capabilities) -> str:
    """The columns that `facts_of` reads, and only as much work as the change needs."""
    retries = isinstance(change, Retry)
    has_worker = isinstance(change, Retry | Fail) and capabilities.has_workers and capabilities.has_worker_id
    values = (
        "job.status::text",
        f"job.{IS_ABORTING}",
        _worker("") if has_worker else "false",
        LOCK_TAKEN if retries else "false",
        _moot(change),
        _worker("NOT ") if has_worker else "false",
    )
    return ", ".join(f"{value} AS {name}" for value, name in zip(values, FACTS, strict=True))


def facts_parameters(change: Change) -> dict[str, Any]:
    """The parameters of `facts_columns`."""
    if isinstance(change, Reschedule) and change.at is not None:
        return {"at": change.at}
    if isinstance(change, Reprioritise):
        return {"priority": change.priority}
    if isinstance(change, Purge):
        ends = sorted(status.value for status in change.statuses)
        return {"ends": ends, "older_s": change.older_than.total_seconds()}
    return {}


def facts_of(row: dict[str, Any]) -> Facts:
    """The facts in a row with those columns."""
    return Facts(
        Status(row["status"]),
        row["is_aborting"],
        row["is_worker_alive"],
        row["is_lock_taken"],
        row["is_moot"],
        is_worker_unresponsive=row["is_worker_unresponsive"],
    )


def _worker(negation: str) -> str:
    """Whether a running job's worker is registered and is heard from, or is not."""
    return (
        "(job.status::text IN ('doing', 'aborting') AND EXISTS (SELECT FROM procrastinate_workers AS worker WHERE "
        f"worker.id = job.worker_id AND {negation}{is_heard_from('worker')}))"
    )


#: The id of the waiting job that has this one's queueing lock.
HOLDER = (
    "(SELECT min(other.id) FROM procrastinate_jobs AS other WHERE other.queueing_lock = job.queueing_lock "
    "AND other.status = 'todo' AND other.id <> job.id)"
)
LOCK_TAKEN = f"(job.status::text IN ('doing', 'failed') AND job.queueing_lock IS NOT NULL AND {HOLDER} IS NOT NULL)"


def _moot(change: Change) -> str:
    if isinstance(change, Reschedule):
        if change.at is None:
            return "(job.scheduled_at IS NULL OR job.scheduled_at <= now())"
        return "(job.scheduled_at IS NOT DISTINCT FROM %(at)s::timestamptz)"
    if isinstance(change, Reprioritise):
        return "(job.priority = %(priority)s::integer)"
    if isinstance(change, Purge):
        # As the library purges: by the latest event, whichever. A job without events is never old enough.
        return (
            "(job.status::text = ANY (%(ends)s::text[]) AND ((SELECT max(event.at) FROM procrastinate_events AS event "
            "WHERE event.job_id = job.id) < now() - %(older_s)s * interval '1 second') IS NOT TRUE)"
        )
    return "false"
