"""The statements that read single runs of a task, failed or succeeded, with what is to be compared of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.failures.counting import IS_WRITTEN, is_failed_end
from jobdesk_core.failures.traits import ComparedRun
from jobdesk_core.filters.language import JobFilter

#: Runs that one statement reads, so that whoever compares them is not kept long.
MOST_RUNS = 400
#: Larger arguments, in bytes on disk, are not looked into.
LARGEST_ARGUMENTS = 16 * 1024


@dataclass(frozen=True, slots=True)
class Sought:
    """Runs of a task, of the jobs that meet a filter: those that failed or those that succeeded, from `since` on (UTC).

    Of `every` so many jobs one is read, chosen by its id.
    """

    task: str
    job_filter: JobFilter
    is_failed: bool
    since: dt.datetime | None
    until: dt.datetime
    every: int = 1


@dataclass(frozen=True, slots=True)
class RunStretch:
    """Runs of a stretch of event ids, the newest first.

    `newest_at` is when its latest event of any kind was written (UTC), None without any. `below` is where to go on,
    None when nothing is left.
    """

    runs: tuple[ComparedRun, ...]
    newest_at: dt.datetime | None
    below: int | None


def runs_of(capabilities: Capabilities, sought: Sought, low: int, high: int) -> Statement[RunStretch]:
    """The runs that ended in the events with low < id <= high, as far as MOST_RUNS reach."""
    condition, parameters = sought.job_filter.condition(capabilities)
    is_wanted = is_failed_end(capabilities) if sought.is_failed else "event.type = 'succeeded'"
    worker = "job.worker_id" if capabilities.has_worker_id else "NULL::bigint"
    priority = "job.priority" if capabilities.has_priority else "0"
    jobs = jobs_table(capabilities) if sought.job_filter.tokens else "procrastinate_jobs AS job"
    sample = "(hashint8(job.id) & 2147483647) % %(every)s = 0 AND " if sought.every > 1 else ""
    sample = sample.replace(" % %(", " %% %(")
    text = (
        f"WITH stretch AS MATERIALIZED (SELECT event.id, event.job_id, event.at, {is_wanted} AS is_wanted "
        f"FROM procrastinate_events AS event WHERE event.id > %(low)s AND event.id <= %(high)s AND {IS_WRITTEN}), "
        "chosen AS MATERIALIZED (SELECT event.id AS event_id, event.at AS ended_at, job.id AS job_id, job.args, "
        f"job.queue_name, job.lock, {priority}::bigint AS priority, {worker} AS worker "
        f"FROM stretch AS event JOIN {jobs} ON job.id = event.job_id WHERE event.is_wanted "
        "AND event.at >= coalesce(%(since)s::timestamptz, event.at) AND event.at <= %(until)s::timestamptz "
        f"AND job.task_name = %(task)s AND {sample}({condition}) ORDER BY event.id DESC LIMIT {MOST_RUNS}) "
        "SELECT about.*, chosen.event_id, chosen.job_id, chosen.queue_name, chosen.lock, chosen.priority, "
        "chosen.worker, extract(epoch FROM chosen.ended_at)::float8 AS ended_at, "
        f"CASE WHEN pg_column_size(chosen.args) <= {LARGEST_ARGUMENTS} THEN chosen.args::text END AS args, "
        "pg_column_size(chosen.args) AS stored_bytes, extract(epoch FROM start.at)::float8 AS started_at, "
        "coalesce(course.attempt, 1) AS attempt, extract(epoch FROM course.due_at)::float8 AS due_at, "
        "extract(epoch FROM course.deferred_at)::float8 AS deferred_at "
        "FROM (SELECT max(at) AS newest_at, "
        "(SELECT max(id) FROM procrastinate_events WHERE id <= %(low)s) AS below FROM stretch) AS about "
        "LEFT JOIN chosen ON true "
        "LEFT JOIN LATERAL (SELECT event.id, event.at FROM procrastinate_events AS event "
        "WHERE event.job_id = chosen.job_id AND event.type = 'started' AND event.id < chosen.event_id "
        f"AND {IS_WRITTEN} ORDER BY event.id DESC LIMIT 1) AS start ON true "
        # What puts a job off for its next run is written just before the event that ends this one.
        "LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE event.type = 'started') AS attempt, "
        "max(event.at) FILTER (WHERE event.type::text IN ('deferred', 'scheduled', 'deferred_for_retry', 'retried') "
        "AND event.id < start.id) AS due_at, min(event.at) FILTER (WHERE event.type = 'deferred') AS deferred_at "
        "FROM procrastinate_events AS event WHERE event.job_id = chosen.job_id AND event.id < chosen.event_id "
        "AND event.at BETWEEN '1000-01-01' AND '9000-01-01') AS course ON true ORDER BY chosen.event_id DESC"
    )
    bounds = {"low": low, "high": high, "since": sought.since, "until": sought.until, "task": sought.task}
    more = {"every": sought.every} if sought.every > 1 else {}
    return Statement(text, _run_stretch, parameters | bounds | more)


def _run_stretch(rows: Rows) -> RunStretch:
    found = [row for row in rows if row["event_id"] is not None]
    runs = tuple(
        ComparedRun(
            row["job_id"],
            row["ended_at"],
            row["args"],
            len(row["args"].encode("utf-8", "replace")) if row["args"] is not None else row["stored_bytes"] or 0,
            row["queue_name"] or "",
            row["worker"],
            row["lock"],
            row["priority"] or 0,
            max(1, row["attempt"]),
            row["started_at"],
            row["due_at"],
            row["deferred_at"],
        )
        for row in found
    )
    is_full = len(found) >= MOST_RUNS
    return RunStretch(runs, rows[0]["newest_at"], found[-1]["event_id"] - 1 if is_full else rows[0]["below"])
