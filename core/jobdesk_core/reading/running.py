"""What workers are running: the jobs of one worker, and those that run without one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities

#: Jobs listed at most; a worker that runs more says so.
MOST_JOBS = 200


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A running job and when its last start was (UTC; None when its events are gone)."""

    id: int
    task_name: str
    queue_name: str
    started_at: dt.datetime | None


def jobs_of(capabilities: Capabilities, worker_id: int | None) -> Statement[list[RunningJob]]:
    """The jobs that a worker is running, or those running without a worker (None), the oldest first."""

    def decode(rows: Rows) -> list[RunningJob]:
        return [RunningJob(row["id"], row["task_name"], row["queue_name"], row["started_at"]) for row in rows]

    if not capabilities.has_worker_id:
        return Statement("SELECT NULL WHERE false", lambda rows: [])
    owner = "job.worker_id IS NULL" if worker_id is None else "job.worker_id = %(worker_id)s"
    return Statement(
        "SELECT job.id, job.task_name, job.queue_name, (SELECT max(event.at) FROM procrastinate_events AS event "
        "WHERE event.job_id = job.id AND event.type = 'started') AS started_at FROM procrastinate_jobs AS job "
        f"WHERE job.status = 'doing' AND {owner} ORDER BY job.id LIMIT {MOST_JOBS}",
        decode,
        {"worker_id": worker_id},
    )
