"""Reading what has been reported: bounded statements, and a sentence in the place of what cannot be read.

Each is by an index or of a small table, and none gives more rows, or longer texts, than it says. What each is for
decides its table: ask `Reported.refusal` first, or have `attempts.attempt` do it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.limited import StatementTooLong, is_link_lost
from jobdesk_core.database.reported import Reported
from jobdesk_core.exceptions import ConnectorException, cause_text
from jobdesk_core.reported.records import (
    ALIVE_S,
    Error,
    LogTail,
    Parameter,
    ReportedSchedule,
    ReportedTask,
    ReportedWorker,
)

T = TypeVar("T")

#: The latest errors of the jobs that are asked for together.
MOST_ERRORS = 200
#: Workers, tasks and schedules.
MOST_WORKERS, MOST_TASKS, MOST_SCHEDULES = 1_000, 5_000, 5_000
#: Errors of a range that are read at once.
PAGE = 2_000
#: Characters of a text: whoever writes cuts them shorter, but the tables take any.
MOST_TRACEBACK, MOST_MESSAGE, MOST_NAME, MOST_LINES = 40_000, 4_000, 500, 100_000
#: The log tails of one job.
MOST_TAILS = 20


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What was read, or why it could not be: a sentence. Exactly one of them is None."""

    value: T | None
    refusal: str | None = None


def unreadable(table: str, error: ConnectorException) -> str:
    """Why a table could not be read, as a sentence. Raises the error when the link was lost."""
    if isinstance(error, StatementTooLong):
        return f"Reading the table jobdesk.{table} took too long."
    if is_link_lost(error):
        raise error
    return f"The table jobdesk.{table} could not be read: {cause_text(error)}"


# Errors

_ERROR = (
    "error.id, error.job_id, error.attempt, error.at, "
    f"left(error.app, {MOST_NAME}) AS app, left(error.task_name, {MOST_NAME}) AS task_name, "
    f"left(error.queue_name, {MOST_NAME}) AS queue_name, left(error.type, {MOST_NAME}) AS type, "
    f"left(error.message, {MOST_MESSAGE}) AS message, left(error.fingerprint, {MOST_NAME}) AS fingerprint, "
    "error.worker, error.outcome"
)


def _from_errors(reported: Reported) -> tuple[str, str]:
    """The columns of the worker that an error names, and the join that they need."""
    if "workers" not in reported.readable:
        return "NULL::text AS host, NULL::integer AS pid", ""
    return (
        f"left(worker.host, {MOST_NAME}) AS host, worker.pid",
        "LEFT JOIN jobdesk.workers AS worker ON worker.id = error.worker",
    )


def errors_of(reported: Reported, job_ids: Iterable[int]) -> Statement[list[Error]]:
    """The errors of these jobs with their tracebacks, the oldest first; the latest MOST_ERRORS of them."""
    worker, join = _from_errors(reported)
    return Statement(
        f"SELECT {_ERROR}, left(error.traceback, {MOST_TRACEBACK}) AS traceback, {worker} FROM ("
        "SELECT * FROM jobdesk.errors WHERE job_id = ANY (%(ids)s::bigint[]) "
        f"ORDER BY attempt DESC, at DESC LIMIT {MOST_ERRORS}) AS error {join} "
        "ORDER BY error.job_id, error.attempt, error.at, error.id",
        lambda rows: [_error(row) for row in rows],
        {"ids": list(job_ids)},
    )


def errors_of_runs(
    reported: Reported,
    since: dt.datetime,
    until: dt.datetime,
    *,
    task: str | None = None,
    before: tuple[dt.datetime, int] | None = None,
    limit: int = PAGE,
) -> Statement[list[Error]]:
    """The errors from `since` (included) to `until` (excluded), the newest first, without tracebacks.

    Where `limit` of them come there may be more: go on `before` the last one's (at, id).
    """
    worker, join = _from_errors(reported)
    conditions = ["at >= %(since)s::timestamptz", "at < %(until)s::timestamptz"]
    parameters: dict[str, Any] = {"since": since, "until": until, "limit": limit}
    if task is not None:
        conditions.append("task_name = %(task)s::text")
        parameters["task"] = task
    if before is not None:
        conditions.append("(at, id) < (%(at)s::timestamptz, %(id)s::bigint)")
        parameters |= {"at": before[0], "id": before[1]}
    return Statement(
        f"SELECT {_ERROR}, NULL::text AS traceback, {worker} FROM (SELECT * FROM jobdesk.errors "
        f"WHERE {' AND '.join(conditions)} ORDER BY at DESC, id DESC LIMIT %(limit)s::integer) AS error {join} "
        "ORDER BY error.at DESC, error.id DESC",
        lambda rows: [_error(row) for row in rows],
        parameters,
    )


@dataclass(frozen=True, slots=True)
class Alike:
    """How many other jobs have failed the same way around a time, as far as counted: at most MOST_ALIKE."""

    jobs: int
    is_more: bool


#: So many errors alike are counted, within so many seconds before and after.
MOST_ALIKE, ALIKE_S = 1_000, 600


def _error(row: dict[str, Any]) -> Error:
    return Error(
        id=row["id"],
        job_id=row["job_id"],
        attempt=row["attempt"],
        at=row["at"],
        app=row["app"],
        task=row["task_name"],
        queue=row["queue_name"],
        type=row["type"],
        message=row["message"],
        fingerprint=row["fingerprint"],
        worker=row["worker"],
        outcome=row["outcome"],
        traceback=row["traceback"],
        host=row["host"],
        pid=row["pid"],
    )


# Workers

_WORKER = (
    f"worker.id, worker.worker_id, left(worker.app, {MOST_NAME}) AS app, left(worker.host, {MOST_NAME}) AS host, "
    f"worker.pid, left(worker.name, {MOST_NAME}) AS name, worker.queues[:1000] AS queues, worker.concurrency, "
    "worker.versions, worker.started_at, worker.beat_at, worker.ended_at, worker.memory_bytes, worker.cpu_share, "
    "worker.running[:1000] AS running, worker.dropped"
)


def living_workers() -> Statement[list[ReportedWorker]]:
    """The workers that have sent a heartbeat within ALIVE_S seconds and not ended; the latest MOST_WORKERS."""
    return _workers(f"ended_at IS NULL AND beat_at >= now() - interval '{ALIVE_S:.0f} seconds'", {})


def known_workers(within_s: float = 3600.0) -> Statement[list[ReportedWorker]]:
    """The workers that have been heard of in the last so many seconds, living or not."""
    return _workers("beat_at >= now() - %(within)s * interval '1 second'", {"within": within_s})


def _workers(condition: str, parameters: dict[str, Any]) -> Statement[list[ReportedWorker]]:
    return Statement(
        f"SELECT {_WORKER} FROM (SELECT * FROM jobdesk.workers WHERE {condition} "
        f"ORDER BY beat_at DESC LIMIT {MOST_WORKERS}) AS worker ORDER BY worker.host, worker.pid, worker.started_at",
        lambda rows: [_worker(row) for row in rows],
        parameters,
    )


def _worker(row: dict[str, Any]) -> ReportedWorker:
    queues = row["queues"]
    versions = row["versions"] if isinstance(row["versions"], dict) else {}
    return ReportedWorker(
        id=row["id"],
        worker_id=row["worker_id"],
        app=row["app"],
        host=row["host"],
        pid=row["pid"],
        name=row["name"],
        queues=None if queues is None else tuple(each for each in queues if each is not None),
        concurrency=row["concurrency"],
        versions={str(key): str(value) for key, value in versions.items()},
        started_at=row["started_at"],
        beat_at=row["beat_at"],
        ended_at=row["ended_at"],
        memory_bytes=row["memory_bytes"],
        cpu_share=row["cpu_share"],
        running=tuple(each for each in row["running"] or () if each is not None),
        dropped=row["dropped"],
    )


# What the applications know


def tasks() -> Statement[list[ReportedTask]]:
    """What the applications say of their tasks, by name; the latest of each application."""
    return Statement(
        f"SELECT left(app, {MOST_NAME}) AS app, name, left(doc, {MOST_MESSAGE}) AS doc, signature, queue, retry, "
        f"aliases[:100] AS aliases, reported_at FROM jobdesk.tasks ORDER BY name, app LIMIT {MOST_TASKS}",
        lambda rows: [_task(row) for row in rows],
    )


def task(name: str) -> Statement[ReportedTask | None]:
    """What was said of one task last, under its name or an alias."""
    return Statement(
        f"SELECT left(app, {MOST_NAME}) AS app, name, left(doc, {MOST_MESSAGE}) AS doc, signature, queue, retry, "
        "aliases[:100] AS aliases, reported_at FROM jobdesk.tasks "
        "WHERE name = %(name)s::text OR %(name)s::text = ANY (aliases) "
        "ORDER BY (name = %(name)s::text) DESC, reported_at DESC LIMIT 1",
        lambda rows: _task(rows[0]) if rows else None,
        {"name": name},
    )


def _task(row: dict[str, Any]) -> ReportedTask:
    return ReportedTask(
        app=row["app"],
        name=row["name"],
        doc=row["doc"],
        signature=_signature(row["signature"]),
        queue=row["queue"],
        retry=row["retry"],
        aliases=tuple(each for each in row["aliases"] or () if each is not None),
        reported_at=row["reported_at"],
    )


def _signature(held: Any) -> tuple[Parameter, ...] | None:
    if not isinstance(held, list):
        return None
    found = []
    for each in held:
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            default, annotation = each.get("default"), each.get("annotation")
            found.append(
                Parameter(
                    each["name"],
                    str(each.get("kind", "keyword")),
                    None if default is None else str(default),
                    None if annotation is None else str(annotation),
                )
            )
    return tuple(found)


def schedules() -> Statement[list[ReportedSchedule]]:
    """When the applications defer their periodic tasks, by the task's name."""
    return Statement(
        f"SELECT left(app, {MOST_NAME}) AS app, task_name, periodic_id, cron, zone, arguments, queue, reported_at "
        f"FROM jobdesk.schedules ORDER BY task_name, periodic_id, app LIMIT {MOST_SCHEDULES}",
        lambda rows: [_schedule(row) for row in rows],
    )


def _schedule(row: dict[str, Any]) -> ReportedSchedule:
    return ReportedSchedule(
        app=row["app"],
        task=row["task_name"],
        periodic_id=row["periodic_id"],
        cron=row["cron"],
        zone=row["zone"],
        arguments=row["arguments"] if isinstance(row["arguments"], dict) else None,
        queue=row["queue"],
        reported_at=row["reported_at"],
    )


# Of single jobs


def log_of(job_id: int) -> Statement[list[LogTail]]:
    """The last lines that the latest MOST_TAILS runs of a job have logged, the oldest run first."""
    return Statement(
        f"SELECT job_id, attempt, at, right(lines, {MOST_LINES}) AS lines FROM (SELECT * FROM jobdesk.logs "
        f"WHERE job_id = %(id)s::bigint ORDER BY attempt DESC LIMIT {MOST_TAILS}) AS tail ORDER BY attempt",
        lambda rows: [LogTail(**row) for row in rows],
        {"id": job_id},
    )
