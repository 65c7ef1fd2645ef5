"""One round trip of a worker: the jobs that ended are finished, and others are fetched for their places.

By the schema's own functions only, so that rows, events and locks are those of one job at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement, nothing
from jobdesk_core.database import listing, named, statements, workers
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.jobs import Job, Status
from jobdesk_core.retry import RetryDecision


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run of a job ended: succeeded, failed or aborted, and whether the job is deleted for it.

    With `retry` it goes back to its queue, and ends like that only if it cannot.
    """

    job: Job
    status: Status
    delete_job: bool = False
    retry: RetryDecision | None = None


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The ids of the jobs that were finished, and the jobs that were fetched."""

    finished: frozenset[int]
    jobs: list[Job]


def exchange(
    capabilities: Capabilities,
    endings: Iterable[Ending],
    *,
    wanted: int,
    queues: Sequence[str] | None,
    worker_id: int | None,
    waits: bool = False,
) -> Statement[Exchanged]:
    """Finish the jobs that ended, then fetch up to `wanted`, one after the other, until none is due.

    Left out of `finished`: a job whose run was over for the database already or is another's by now, and,
    unless it `waits`, a job whose row someone else has locked, which would hold up all others.
    """
    ordered = sorted(endings, key=lambda ending: ending.job.id or 0)  # one order of locking: no deadlocks
    own = "AND coalesce(worker_id = ended.worker_id, true) " if capabilities.has_worker_id else ""
    call = statements.finish_call(capabilities, "job.id", "ended.status::procrastinate_job_status", "ended.is_deleted")
    finish = (
        f"SELECT job.id, {call} AS done "
        "FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[], %(workers)s::bigint[], %(statuses)s::text[], "
        "%(deletes)s::boolean[]) AS ended (id, attempts, worker_id, status, is_deleted) CROSS JOIN LATERAL ("
        "SELECT id FROM procrastinate_jobs WHERE id = ended.id AND status::text IN ('doing', 'aborting') "
        # Another run of the same job has another number of attempts.
        "AND attempts = ended.attempts "
        f"{own}FOR UPDATE{'' if waits else ' SKIP LOCKED'}) AS job"
    )
    return Statement(
        f"WITH RECURSIVE finished AS MATERIALIZED ({finish}), "
        "counted AS MATERIALIZED (SELECT array_agg(id) AS ids FROM finished)" + _fetches(capabilities, wanted),
        _decode,
        {
            "ids": [ending.job.id for ending in ordered],
            "attempts": [ending.job.attempts for ending in ordered],
            "workers": [ending.job.worker_id for ending in ordered],
            "statuses": [ended_as(capabilities, ending.status).value for ending in ordered],
            "deletes": [ending.delete_job for ending in ordered],
            "wanted": wanted,
            "queues": list(queues) if queues is not None else None,
            "worker": worker_id,
        },
        named=named.exchange(ordered, wanted, queues, worker_id, Exchanged),
    )


def ended_as(capabilities: Capabilities, status: Status) -> Status:
    """How a job can end here: before 2.7 none can end as aborted."""
    return status if status.value in capabilities.statuses else Status.FAILED


def _fetches(capabilities: Capabilities, wanted: int) -> str:
    """The rest of the statement: each row a job; the ids of `counted` with the first, or on a row of their own."""
    if not wanted:
        return " SELECT ids AS finished, NULL AS id FROM counted"
    fetch = workers.fetch_call(capabilities)
    return (
        # The first fetch needs the count, so that it comes after the finishing and sees whose lock is free.
        f", fetched (job, number) AS (SELECT {fetch}, 1 FROM counted "
        f"UNION ALL SELECT {fetch}, number + 1 FROM fetched WHERE (job).id IS NOT NULL AND number < %(wanted)s) "
        "SELECT CASE WHEN coalesce(number, 1) = 1 THEN ids END AS finished, "
        f"{listing.columns(capabilities, '(job).')} FROM counted LEFT JOIN fetched ON (job).id IS NOT NULL"
    )


def notify_freed(capabilities: Capabilities, locks: Iterable[str]) -> Statement[None]:
    """Tell the workers of the first waiting job of each lock.

    A statement of its own after the commit of the lock's holder: one that finishes the holder does not
    see a job that is deferred meanwhile, whose own notification comes too early.
    """
    order = "priority DESC, id" if capabilities.has_priority_locks else "id"
    columns, parameters = statements.notifications(capabilities)
    return Statement(
        f"SELECT {columns} FROM (SELECT DISTINCT ON (lock) id, queue_name, task_name FROM procrastinate_jobs "
        f"WHERE lock = ANY (%(locks)s) AND status = 'todo' ORDER BY lock, {order}) AS job",
        nothing,
        {"locks": list(locks), "queue": None} | parameters,
        named=named.nothing_to_tell,
    )


def running(worker_id: int) -> Statement[dict[int, int]]:
    """The jobs that run in the name of a worker, as id and attempts."""
    return Statement(
        "SELECT id, attempts FROM procrastinate_jobs WHERE worker_id = %(worker)s AND status = 'doing' ORDER BY id",
        lambda rows: {row["id"]: row["attempts"] for row in rows},
        {"worker": worker_id},
        named=named.running(worker_id),
    )


def _decode(rows: Rows) -> Exchanged:
    jobs = [Job.from_row(row) for row in rows if row["id"] is not None]
    return Exchanged(frozenset(rows[0]["finished"] or ()), jobs)
