"""The SQL that lists jobs and counts them, and deletes old ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database import named
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import (
    CapabilityMissing,
)
from jobdesk_core.jobs import Job, Status


def delete_old_jobs(
    *, nb_hours: float, queue: str | None, statuses: Sequence[str], limit: int | None = None
) -> Statement[int]:
    """Delete the jobs of these statuses whose latest event is older than `nb_hours`; return how many."""
    return Statement(
        "WITH old AS (SELECT job.id FROM procrastinate_jobs AS job "
        "WHERE job.status::text = ANY (%(statuses)s) "
        "AND (%(queue)s::text IS NULL OR job.queue_name = %(queue)s) "
        "AND (SELECT max(event.at) FROM procrastinate_events AS event WHERE event.job_id = job.id) "
        "< now() - %(hours)s * interval '1 hour' ORDER BY job.id LIMIT %(limit)s), "
        "gone AS (DELETE FROM procrastinate_jobs WHERE id IN (SELECT id FROM old) RETURNING id) "
        "SELECT count(*) AS count FROM gone",
        lambda rows: rows[0]["count"],
        {"hours": nb_hours, "queue": queue, "statuses": list(statuses), "limit": limit},
        named=named.delete_old_jobs(nb_hours, queue, statuses),
    )


def columns(capabilities: Capabilities, prefix: str = "") -> str:
    """The columns of a job that the release has, to select; the prefix names whose."""
    names = ["id", "queue_name", "task_name", "lock", "queueing_lock", "args", "scheduled_at", "attempts"]
    if capabilities.has_priority:
        names.append("priority")
    if capabilities.has_abort_requested:
        names.append("abort_requested")
    if capabilities.has_worker_id:
        names.append("worker_id")
    return ", ".join(f"{prefix}{name} AS {name}" for name in names) + f", {prefix}status::text AS status"


def list_jobs(capabilities: Capabilities, **filters: Any) -> Statement[list[Job]]:
    """The jobs that meet every given filter (None: any), ids ascending.

    Filters: id, queue, task, status, lock, queueing_lock, worker_id.
    """
    where, parameters = _conditions(capabilities, filters)
    return Statement(
        f"SELECT {columns(capabilities)} FROM procrastinate_jobs WHERE {where} ORDER BY id",
        lambda rows: [Job.from_row(row) for row in rows],
        parameters,
        named=named.list_jobs(parameters),
    )


def list_counts(capabilities: Capabilities, column: str, **filters: Any) -> Statement[list[dict[str, Any]]]:
    """Counts per status of the jobs that meet the filters, grouped by queue_name, task_name or lock.

    A job in the older status `aborting` is still running, and counts as doing.
    """
    if column not in ("queue_name", "task_name", "lock"):
        raise ValueError(f"Jobs cannot be grouped by {column}.")
    where, parameters = _conditions(capabilities, filters)
    labels = ("todo", "doing", "succeeded", "failed", "cancelled", "aborted")
    status = "replace(status::text, 'aborting', 'doing')"
    counts = ", ".join(f"count(*) FILTER (WHERE {status} = '{label}') AS {label}" for label in labels)
    return Statement(
        f"SELECT {column} AS name, count(*) AS jobs_count, {counts} FROM procrastinate_jobs "
        f"WHERE {where} AND {column} IS NOT NULL GROUP BY {column} ORDER BY {column}",
        lambda rows: rows,
        parameters,
        named=named.list_counts(column, labels, parameters),
    )


_FILTERS = {
    "id": "id = %(id)s",
    "queue": "queue_name = %(queue)s",
    "task": "task_name = %(task)s",
    "status": "status = %(status)s::procrastinate_job_status",
    "lock": "lock = %(lock)s",
    "queueing_lock": "queueing_lock = %(queueing_lock)s",
    "worker_id": "worker_id = %(worker_id)s",
}


def _conditions(capabilities: Capabilities, filters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if unknown := sorted(filters.keys() - _FILTERS.keys()):
        raise TypeError(f"Jobs are not listed by {', '.join(unknown)}, but by {', '.join(_FILTERS)}.")
    given = {name: value for name, value in filters.items() if value is not None}
    if "worker_id" in given and not capabilities.has_worker_id:
        raise CapabilityMissing("worker of a job")
    if isinstance(given.get("status"), Status):
        given["status"] = given["status"].value
    if given.get("status") in {status.value for status in Status} - set(capabilities.statuses):
        return "false", {}  # an older schema has no such status, and so no such job
    where = " AND ".join(_FILTERS[name] for name in given) or "true"
    return where, given
