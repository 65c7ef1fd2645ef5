"""Jobs of one database as new jobs for another: read from the first, which is not changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.jobs import Job
from jobdesk_core.operations.deferring.new_jobs import NewJob
from jobdesk_core.operations.steps import Progress, Steps

#: Jobs that are replayed at once, at most, and read in one statement.
MOST_JOBS, AT_ONCE = 10_000, 200
#: The largest arguments that are carried over, in bytes as stored and as text, and of all the jobs together in
#: characters. What is stored is compressed: a few megabytes may hold hundreds.
MOST_BYTES, MOST_CHARACTERS = 8_000_000, 200_000_000


#: The largest arguments that are edited, in bytes.
MOST_EDITED_BYTES = 1_000_000


def read_jobs(
    job_ids: Sequence[int], capabilities: Capabilities, *, now: dt.datetime, most_bytes: int = MOST_BYTES
) -> Steps[list[NewJob]]:
    """The jobs of these ids as new ones, in their order. A time is kept only when it lies after `now` (aware).

    Those that cannot be carried over as they are have a problem: gone, too large, or nested too
    deeply. Its progress counts jobs. Stopped, it returns those read so far.
    """
    found: list[NewJob] = []
    characters = 0
    wanted = list(dict.fromkeys(job_ids))[:MOST_JOBS]
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        rows = yield _jobs(some, capabilities, most_bytes)
        held = {row["id"]: row for row in rows}
        for job_id in some:
            row = held.get(job_id)
            characters += len(row["args"] or "") if row is not None else 0
            found.append(_new(job_id, row, now, most_bytes, is_full=characters > MOST_CHARACTERS))
        if not (yield Progress(start + len(some), len(wanted))):
            break
    return found


def where_it_leads() -> Statement[tuple[Any, ...]]:
    """What is the same for two connections only when they have the same jobs."""
    return Statement(
        "SELECT pg_postmaster_start_time() AS started, "
        "(SELECT oid FROM pg_database WHERE datname = current_database()) AS database, "
        "to_regclass('procrastinate_jobs')::oid AS jobs",
        lambda rows: tuple(rows[0].values()),
    )


def _jobs(job_ids: list[int], capabilities: Capabilities, most_bytes: int) -> Statement[Rows]:
    return Statement(
        "SELECT job.id, job.queue_name, job.task_name, job.priority, job.lock, job.queueing_lock, job.scheduled_at, "
        "CASE WHEN pg_column_size(job.args) <= %(bytes)s THEN "
        "CASE WHEN octet_length(job.args::text) <= %(bytes)s THEN job.args::text END END AS args "
        f"FROM {jobs_table(capabilities)} WHERE job.id = ANY (%(ids)s::bigint[])",
        lambda rows: rows,
        {"ids": job_ids, "bytes": most_bytes},
    )


def _new(job_id: int, row: dict[str, Any] | None, now: dt.datetime, most_bytes: int, *, is_full: bool) -> NewJob:
    if row is None:
        return NewJob(job_id, Job(task_name=""), "It is no longer there.")
    args, problem = ({}, "Together their arguments are too large.") if is_full else _args(row["args"], most_bytes)
    at = row["scheduled_at"]
    job = Job(
        queue=row["queue_name"],
        task_name=row["task_name"],
        priority=row["priority"],
        lock=row["lock"],
        queueing_lock=row["queueing_lock"],
        task_kwargs=args,
        scheduled_at=at if at is not None and at > now else None,
    )
    return NewJob(job_id, job, problem)


def _args(text: str | None, most_bytes: int) -> tuple[dict[str, Any], str | None]:
    if text is None:
        return {}, f"Its arguments are larger than {most_bytes // 1_000_000} MB."
    try:
        value = exact_json.loads(text)
    except RecursionError:
        return {}, "Its arguments are nested too deeply."
    if not isinstance(value, dict):
        return {}, "Its arguments are not a JSON object."
    return value, None
