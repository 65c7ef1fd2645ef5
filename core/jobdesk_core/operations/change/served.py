"""After a retry: whether anyone is there to start the jobs. A retry that nobody takes is no comfort."""

from __future__ import annotations

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import STALLED_AFTER_S, is_heard_from
from jobdesk_core.durations import so_far
from jobdesk_core.job.queue_context import LOOKED_BACK
from jobdesk_core.job.why import named
from jobdesk_core.operations.ledger import Ledger

#: So many of the retried jobs are looked at, and so many queues are named.
MOST_JOBS, MOST_QUEUES = 1_000, 3


def not_served(ledger: Ledger, capabilities: Capabilities) -> Statement[list[str]]:
    """Sentences about the queues of the retried jobs that wait and are due, but that nobody takes; empty without any.

    That is so where no worker is alive, or where nothing of the queue has started although another job of it has
    been due for more than STALLED_AFTER_S seconds. Which queues a worker serves is written nowhere.
    """
    live = (
        f"(SELECT count(*) FROM procrastinate_workers AS worker WHERE {is_heard_from('worker')})"
        if capabilities.has_workers
        else "NULL::bigint"
    )
    due = "job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())"
    return Statement(
        "WITH mine AS MATERIALIZED (SELECT job.queue_name, count(*) AS jobs, min(job.id) AS first "
        f"FROM procrastinate_jobs AS job WHERE job.id = ANY (%(ids)s::bigint[]) AND {due} GROUP BY job.queue_name), "
        "recent AS MATERIALIZED (SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC LIMIT %(back)s), "
        "starts AS (SELECT job.queue_name, max(recent.at) AS at FROM recent "
        "JOIN procrastinate_jobs AS job ON job.id = recent.job_id WHERE recent.type = 'started' "
        "AND isfinite(recent.at) GROUP BY job.queue_name) "
        f"SELECT mine.*, {live} AS live_workers, extract(epoch FROM now() - starts.at)::float8 AS started_s, "
        "(SELECT extract(epoch FROM now() - greatest(CASE WHEN isfinite(job.scheduled_at) THEN job.scheduled_at END, "
        "(SELECT max(event.at) FROM procrastinate_events AS event WHERE event.job_id = job.id "
        "AND event.type = 'deferred' AND isfinite(event.at))))::float8 "
        f"FROM procrastinate_jobs AS job WHERE job.queue_name = mine.queue_name AND {due} "
        "AND job.id <> ALL (%(ids)s::bigint[]) ORDER BY job.id LIMIT 1) AS due_s "
        "FROM mine LEFT JOIN starts ON starts.queue_name = mine.queue_name ORDER BY mine.jobs DESC, mine.queue_name",
        _sentences,
        {"ids": ledger.done_ids[:MOST_JOBS].tolist(), "back": LOOKED_BACK},
    )


def _sentences(rows: Rows) -> list[str]:
    found = []
    for row in rows:
        started, due = row["started_s"], row["due_s"]
        is_stuck = due is not None and due > STALLED_AFTER_S and (started is None or started > due)
        if row["live_workers"] == 0 or is_stuck:
            found.append(_sentence(row))
    more = len(found) - MOST_QUEUES
    return [*found[:MOST_QUEUES], f"The same goes for {more:,} more queues."] if more > 0 else found


def _sentence(row: dict[str, float]) -> str:
    jobs = f"Job #{row['first']:,} is" if row["jobs"] == 1 else f"{row['jobs']:,} jobs are"
    queue = named(str(row["queue_name"]))
    ago = f"has started for {so_far(row['started_s'])}" if row["started_s"] is not None else ""
    nothing = f"no job in {queue} {ago or 'has started lately'}"
    if row["live_workers"] == 0:
        return f"{jobs} waiting to run again, but no worker is alive, and {nothing}."
    return f"{jobs} waiting to run again, but {nothing}."
