"""How many other jobs share something with a job, and how its task's latest runs went: bounded reads, all of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow, jobs_table
from jobdesk_core.jobs import EventType

#: Waiting and running jobs are counted up to this number; ended ones among so many of the latest jobs.
LIVE_LIMIT = 1_000
LATEST_JOBS = 50_000
#: The latest events among which runs of any task are looked for, and how many of their starts and ends are taken.
LATEST_EVENTS, LATEST_STEPS = 200_000, 50_000
#: With so many of the task's own, some 200 runs, no more are looked for.
OWN_STEPS = 400
#: As few runs of a task as tell nothing of what is usual, and how many of the latest are told one by one.
FEWEST_RUNS, LATEST_RUNS = 5, 60
#: What ends a run.
RUN_ENDS = (EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED, EventType.DEFERRED_FOR_RETRY)


@dataclass(frozen=True, slots=True)
class Others:
    """Other jobs that share a value: waiting or running ones (up to LIVE_LIMIT), and ended ones of the latest jobs."""

    key: str
    value: str
    live: int
    ended: int


@dataclass(frozen=True, slots=True)
class LatestRun:
    """One run of a job, from its start to its end, both UTC-aware. `end` is one of RUN_ENDS."""

    job_id: int
    end: EventType
    started_at: dt.datetime
    ended_at: dt.datetime

    @property
    def seconds(self) -> float:
        """How long it took; 0 when the server's clock was set back in the meantime."""
        return max(0.0, (self.ended_at - self.started_at).total_seconds())


@dataclass(frozen=True, slots=True)
class UsualTimes:
    """How long jobs of a task lately waited and ran, in seconds: the median and the 95th percentile of each.

    `runs` counts what was found, also runs that go on; these times are None when it is too few to tell.
    `latest` holds the last LATEST_RUNS that have ended, oldest first.
    """

    runs: int
    waited: tuple[float, float] | None
    ran: tuple[float, float] | None
    latest: tuple[LatestRun, ...] = ()


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
    """How the task's latest runs went and how long it usually waits and runs; None when no run is known.

    Runs are looked for among the latest events: what was deferred in the meantime hides few of them.
    Only first runs count for the waiting: from the deferring, or the time it was scheduled for, to the start.
    """
    return Statement(_USUAL, _usual, {"task": task_name, **_BOUNDS})


_BOUNDS = {
    "events": LATEST_EVENTS,
    "steps": LATEST_STEPS,
    "own": OWN_STEPS,
    "shown": LATEST_RUNS,
    "kinds": ["started", *(end.value for end in RUN_ENDS)],
}
# Types are compared as text: early releases do not have all of them. A run is a start and what follows it in its job.
# The events of a job are looked up by its key only when its attempts say that they are few.
_USUAL = """
WITH mine AS MATERIALIZED (
    SELECT step.*, job.attempts
    FROM (SELECT * FROM (
            SELECT id, job_id, type::text AS type, at FROM procrastinate_events ORDER BY id DESC LIMIT %(events)s
        ) AS scanned WHERE type = ANY (%(kinds)s) AND at BETWEEN '1000-01-01' AND '9000-01-01'
        ORDER BY id DESC LIMIT %(steps)s) AS step
    JOIN procrastinate_jobs AS job ON job.id = step.job_id
    WHERE job.task_name = %(task)s ORDER BY step.id DESC LIMIT %(own)s),
pairs AS (
    SELECT id, job_id, attempts, type, at, lead(type) OVER following AS ended, lead(at) OVER following AS ended_at,
    lead(id) OVER following AS ended_id FROM mine WINDOW following AS (PARTITION BY job_id ORDER BY id)),
starts AS MATERIALIZED (SELECT * FROM pairs WHERE type = 'started'),
runs AS (SELECT * FROM starts WHERE ended <> 'started'),
latest AS (SELECT * FROM runs ORDER BY ended_id DESC LIMIT %(shown)s),
waits AS (
    SELECT extract(epoch FROM first.at - due.at) AS seconds
    FROM (SELECT job_id, at FROM starts WHERE attempts <= 1) AS first
    CROSS JOIN LATERAL (
        SELECT max(at) FILTER (
            WHERE type::text IN ('deferred', 'scheduled') AND at BETWEEN '1000-01-01' AND '9000-01-01') AS at,
        count(*) FILTER (WHERE type::text = 'started') AS starts
        FROM procrastinate_events WHERE job_id = first.job_id) AS due
    WHERE due.starts = 1)
SELECT (SELECT count(*) FROM starts) AS runs,
(SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) FROM waits WHERE seconds >= 0) AS waited,
(SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - at))
    FROM runs WHERE ended IN ('succeeded', 'failed') AND ended_at >= at) AS ran,
array_agg(job_id ORDER BY ended_id) AS job_ids, array_agg(ended ORDER BY ended_id) AS ends,
array_agg(at ORDER BY ended_id) AS starts, array_agg(ended_at ORDER BY ended_id) AS stops FROM latest
"""


def _usual(rows: Rows) -> UsualTimes | None:
    row = rows[0]
    if not row["runs"]:
        return None
    columns = (row[name] or () for name in ("job_ids", "ends", "starts", "stops"))
    latest = tuple(LatestRun(job_id, EventType(end), *times) for job_id, end, *times in zip(*columns, strict=True))
    if row["runs"] < FEWEST_RUNS:
        return UsualTimes(row["runs"], None, None, latest)
    waited, ran = (tuple(row[name]) if row[name] else None for name in ("waited", "ran"))
    return UsualTimes(row["runs"], waited, ran, latest)
