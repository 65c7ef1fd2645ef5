"""What has been reported round one job, in one bounded statement: how it failed, who runs it, who serves its queue."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.reported import Reported
from jobdesk_core.reported.reading import ALIKE_S, MOST_ALIKE, MOST_MESSAGE, MOST_NAME, MOST_WORKERS, Alike
from jobdesk_core.reported.records import ALIVE_S, Outcome, Progress

#: Of so many live workers the queues are told by name.
MOST_QUEUES = 8


@dataclass(frozen=True, slots=True)
class Failure:
    """How the last run that failed did so. `most_attempts` is what the task's retry strategy allows, where known."""

    attempt: int
    at: dt.datetime
    type: str
    message: str
    outcome: Outcome
    host: str | None
    pid: int | None
    alike: Alike
    most_attempts: int | None

    @property
    def name(self) -> str:
        """The type without its module."""
        return self.type.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Runner:
    """The reported worker that said last that it runs the job."""

    host: str
    pid: int | None
    beat_at: dt.datetime
    has_ended: bool


@dataclass(frozen=True, slots=True)
class Serving:
    """The live workers that report, as of one moment: how many, and what those of the job's queue do.

    `unreported` is how many live workers do not report; None where the release keeps no record of its workers.
    """

    live: int
    serving: int
    slots: int
    taken: int
    queues: tuple[str, ...]
    unreported: int | None


@dataclass(frozen=True, slots=True)
class Around:
    """What is None was not reported, or cannot be read. `refusal` says why no error can be; empty: nobody has asked."""

    failure: Failure | None = None
    runner: Runner | None = None
    serving: Serving | None = None
    progress: Progress | None = None
    #: When the job's task is deferred, of a job that was: its cron expression and the time zone.
    schedule: tuple[str, str | None] | None = None
    refusal: str | None = ""
    #: Whether the schema of the reports is there.
    is_installed: bool = False


def around(
    reported: Reported,
    job_id: int,
    queue: str,
    task: str,
    *,
    has_workers_table: bool,
    periodic_id: str | None = None,
) -> Statement[Around]:
    """What has been reported round a job, as far as this role may read it. A schedule's job has a `periodic_id`."""
    pieces = [
        (_FAILURE if "workers" in reported.readable else _FAILURE_ALONE, "errors"),
        (_ATTEMPTS, "tasks"),
        (_RUNNER, "workers"),
        (_SERVING, "workers"),
        (_UNREPORTED if has_workers_table else "", "workers"),
        (_PROGRESS, "progress"),
        (_SCHEDULE if periodic_id is not None else "", "schedules"),
    ]
    joined = " ".join(sql for sql, table in pieces if sql and table in reported.readable)
    refusal = reported.refusal("errors")

    def decode(rows: Rows) -> Around:
        return replace(_around(rows[0]), refusal=refusal, is_installed=reported.is_there)

    return Statement(
        f"SELECT * FROM (SELECT 1 AS one) AS one {joined}",
        decode,
        {"job": job_id, "queue": queue, "task": task, "span": ALIKE_S, "periodic": periodic_id} if joined else {},
    )


_FAILURE = f"""
LEFT JOIN LATERAL (
    SELECT error.attempt AS failed_attempt, error.at AS failed_at, left(error.type, {MOST_NAME}) AS failed_type,
           left(error.message, {MOST_MESSAGE}) AS failed_message, error.outcome, error.fingerprint,
           error.type AS whole_type,
           left(reporter.host, {MOST_NAME}) AS failed_host, reporter.pid AS failed_pid
      FROM jobdesk.errors AS error LEFT JOIN jobdesk.workers AS reporter ON reporter.id = error.worker
     WHERE error.job_id = %(job)s::bigint ORDER BY error.attempt DESC, error.at DESC LIMIT 1
) AS failure ON true
LEFT JOIN LATERAL (
    SELECT count(DISTINCT found.job_id) FILTER (WHERE found.job_id <> %(job)s::bigint) AS alike_jobs,
           count(*) AS alike_errors
      FROM (SELECT job_id FROM jobdesk.errors AS other WHERE other.fingerprint = failure.fingerprint
               AND (failure.fingerprint <> '' OR other.type = failure.whole_type)
               AND other.at BETWEEN failure.failed_at - %(span)s * interval '1 second'
                                AND failure.failed_at + %(span)s * interval '1 second' LIMIT {MOST_ALIKE}) AS found
) AS alike ON true"""
_FAILURE_ALONE = (
    _FAILURE.replace(" LEFT JOIN jobdesk.workers AS reporter ON reporter.id = error.worker", "")
    .replace(f"left(reporter.host, {MOST_NAME})", "NULL::text")
    .replace("reporter.pid", "NULL::integer")
)
_ATTEMPTS = """
LEFT JOIN LATERAL (
    SELECT CASE WHEN jsonb_typeof(retry) = 'object' THEN retry -> 'max_attempts' ELSE retry END AS most_attempts
      FROM jobdesk.tasks WHERE name = %(task)s::text ORDER BY reported_at DESC LIMIT 1
) AS strategy ON true"""
_RUNNER = f"""
LEFT JOIN LATERAL (
    SELECT left(worker.host, {MOST_NAME}) AS runner_host, worker.pid AS runner_pid, worker.beat_at AS runner_beat_at,
           worker.ended_at IS NOT NULL AS runner_has_ended
      FROM jobdesk.workers AS worker WHERE %(job)s::bigint = ANY (worker.running)
     ORDER BY worker.beat_at DESC LIMIT 1
) AS runner ON true"""
_LIVE = (
    f"SELECT * FROM jobdesk.workers WHERE ended_at IS NULL AND beat_at >= now() - interval '{ALIVE_S:.0f} seconds' "
    f"ORDER BY beat_at DESC LIMIT {MOST_WORKERS}"
)
_SERVING = f"""
LEFT JOIN LATERAL (
    SELECT count(*) AS live, count(*) FILTER (WHERE serves) AS serving,
           coalesce(sum(concurrency) FILTER (WHERE serves), 0) AS slots,
           coalesce(sum(coalesce(cardinality(running), 0)) FILTER (WHERE serves), 0) AS taken,
           (SELECT array_agg(DISTINCT left(served.name, {MOST_NAME})) FROM ({_LIVE}) AS each,
                   unnest(each.queues[:100]) AS served (name)) AS queues
      FROM (SELECT *, queues IS NULL OR %(queue)s::text = ANY (queues) AS serves FROM ({_LIVE}) AS live) AS worker
) AS workers ON true"""
_UNREPORTED = f"""
LEFT JOIN LATERAL (
    SELECT count(*) AS unreported FROM procrastinate_workers AS registered
     WHERE registered.last_heartbeat >= now() - interval '{ALIVE_S:.0f} seconds'
       AND NOT EXISTS (SELECT FROM ({_LIVE}) AS live WHERE live.worker_id = registered.id)
) AS others ON true"""
_PROGRESS = f"""
LEFT JOIN LATERAL (
    SELECT attempt AS told_attempt, done, total, left(note, {MOST_NAME}) AS note, at AS told_at, job_id AS told_job
      FROM jobdesk.progress WHERE job_id = %(job)s::bigint
) AS progress ON true"""

_SCHEDULE = f"""
LEFT JOIN LATERAL (
    SELECT left(cron, {MOST_NAME}) AS cron, left(zone, {MOST_NAME}) AS zone FROM jobdesk.schedules
     WHERE task_name = %(task)s::text AND periodic_id = %(periodic)s::text ORDER BY reported_at DESC LIMIT 1
) AS schedule ON true"""


def _around(row: dict[str, Any]) -> Around:
    return Around(
        failure=_failure(row) if row.get("failed_at") is not None else None,
        runner=(
            Runner(row["runner_host"], row["runner_pid"], row["runner_beat_at"], row["runner_has_ended"])
            if row.get("runner_beat_at") is not None
            else None
        ),
        serving=_serving(row) if row.get("live") is not None else None,
        schedule=(row["cron"], row["zone"]) if row.get("cron") is not None else None,
        progress=(
            Progress(row["told_job"], row["told_attempt"], row["done"], row["total"], row["note"], row["told_at"])
            if row.get("told_at") is not None
            else None
        ),
    )


def _failure(row: dict[str, Any]) -> Failure:
    most = row.get("most_attempts")
    return Failure(
        attempt=row["failed_attempt"],
        at=row["failed_at"],
        type=row["failed_type"],
        message=row["failed_message"],
        outcome=row["outcome"],
        host=row["failed_host"],
        pid=row["failed_pid"],
        alike=Alike(row["alike_jobs"], row["alike_errors"] >= MOST_ALIKE),
        most_attempts=most if isinstance(most, int) and not isinstance(most, bool) else None,
    )


def _serving(row: dict[str, Any]) -> Serving:
    return Serving(
        row["live"],
        row["serving"],
        int(row["slots"]),
        int(row["taken"]),
        tuple(row["queues"] or ()),
        row.get("unreported"),
    )
