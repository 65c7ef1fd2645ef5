"""How many other jobs share something with a job, and how long its task usually takes: bounded reads, all of them."""

from __future__ import annotations

from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.monitor.rows import JobRow, jobs_table

#: Waiting and running jobs are counted up to this number; ended ones among so many of the latest jobs.
LIVE_LIMIT = 1_000
LATEST_JOBS = 50_000
#: The latest events among which runs of a task are looked for, and as few of them as tell nothing.
LATEST_EVENTS = 20_000
FEWEST_RUNS = 5


@dataclass(frozen=True, slots=True)
class Others:
    """Other jobs that share a value: waiting or running ones (up to LIVE_LIMIT), and ended ones of the latest jobs."""

    key: str
    value: str
    live: int
    ended: int


@dataclass(frozen=True, slots=True)
class UsualTimes:
    """How long jobs of a task lately waited and ran, in seconds: the median and the 95th percentile of each."""

    runs: int
    waited: tuple[float, float] | None
    ran: tuple[float, float] | None


def others(capabilities: Capabilities, row: JobRow) -> Statement[list[Others]]:
    """Count the other jobs with the job's lock, queueing lock, task and worker."""
    shared = {
        "lock": ("lock", row.lock),
        "queueing_lock": ("queueing_lock", row.queueing_lock),
        "task": ("task_name", row.task_name),
        "worker": ("worker_id", row.worker_id),
    }
    asked = {key: (column, value) for key, (column, value) in shared.items() if value is not None}
    live = "'todo', 'doing', 'aborting'" if capabilities.has_aborting_status else "'todo', 'doing'"
    counts = ", ".join(
        f"(SELECT count(*) FROM (SELECT FROM {jobs_table(capabilities)} WHERE job.status IN ({live}) "
        f"AND job.{column} = %({key})s AND job.id <> %(id)s LIMIT %(limit)s) AS live) AS {key}_live, "
        f"count(*) FILTER (WHERE {column} = %({key})s) AS {key}_ended"
        for key, (column, _) in asked.items()
    )

    def decode(rows: Rows) -> list[Others]:
        return [
            Others(key, str(value), rows[0][f"{key}_live"], rows[0][f"{key}_ended"])
            for key, (_, value) in asked.items()
        ]

    return Statement(
        f"SELECT {counts} FROM (SELECT * FROM {jobs_table(capabilities)} ORDER BY job.id DESC LIMIT %(latest)s) "
        f"AS latest WHERE status NOT IN ({live}) AND id <> %(id)s",
        decode,
        {"id": row.id, "limit": LIVE_LIMIT, "latest": LATEST_JOBS} | {key: value for key, (_, value) in asked.items()},
    )


def usual_times(task_name: str) -> Statement[UsualTimes | None]:
    """How long the task usually waits and runs, of its runs among the latest events; None when these are too few.

    Only first runs count for the waiting: from the deferring, or the time it was scheduled for, to the start.
    """
    between = "WITHIN GROUP (ORDER BY extract(epoch FROM {}))"
    return Statement(
        "WITH recent AS MATERIALIZED (SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC "
        "LIMIT %(events)s), runs AS (SELECT job.id, "
        "max(recent.at) FILTER (WHERE recent.type IN ('deferred', 'scheduled')) AS due_at, "
        "max(recent.at) FILTER (WHERE recent.type = 'started') AS started_at, "
        "max(recent.at) FILTER (WHERE recent.type IN ('succeeded', 'failed')) AS ended_at, "
        "count(*) FILTER (WHERE recent.type = 'started') AS starts "
        "FROM recent JOIN procrastinate_jobs AS job ON job.id = recent.job_id "
        "WHERE job.task_name = %(task)s GROUP BY job.id) "
        "SELECT count(*) FILTER (WHERE starts > 0) AS runs, "
        f"percentile_cont(ARRAY[0.5, 0.95]) {between.format('started_at - due_at')} "
        "FILTER (WHERE starts = 1 AND started_at >= due_at) AS waited, "
        f"percentile_cont(ARRAY[0.5, 0.95]) {between.format('ended_at - started_at')} "
        "FILTER (WHERE ended_at >= started_at) AS ran FROM runs",
        _usual,
        {"task": task_name, "events": LATEST_EVENTS},
    )


def _usual(rows: Rows) -> UsualTimes | None:
    row = rows[0]
    if row["runs"] < FEWEST_RUNS:
        return None
    waited, ran = (tuple(row[name]) if row[name] else None for name in ("waited", "ran"))
    return UsualTimes(row["runs"], waited, ran)
