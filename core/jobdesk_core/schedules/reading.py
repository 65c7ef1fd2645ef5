"""The statements that read periodic tasks: their latest deferrals, the jobs of their runs, and the workers' lives.

The table of deferrals keeps the latest time of each alone: earlier runs are found as jobs of the same task that have a
`timestamp` among their arguments, and which schedule of a task they belong to by what else they were deferred with.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.jobs import Status
from jobdesk_core.reported.records import ALIVE_S
from jobdesk_core.schedules.judging import Deferral

#: Periodic tasks, jobs of a stretch, jobs whose course is read at once, and workers whose lives are.
MOST_SCHEDULES, MOST_JOBS, MOST_COURSES, MOST_LIVES = 2_000, 2_000, 500, 2_000
#: Larger arguments, in bytes on disk, are not looked into, and the days whose workers' lives are read.
LARGEST_ARGUMENTS, LIVES_DAYS = 16 * 1024, 7
#: The last second that a time may be of.
_LAST_S = 253_402_300_799
_ENDS = "'succeeded', 'failed', 'aborted', 'cancelled'"
_IS_TIME = "event.at BETWEEN '1000-01-01' AND '9000-01-01'"


@dataclass(frozen=True, slots=True)
class FoundJob:
    """A job that a periodic task may have deferred. `mark` is the same for all that were deferred alike."""

    id: int
    task: str
    queue: str
    queueing_lock: str | None
    timestamp: float
    mark: str


@dataclass(frozen=True, slots=True)
class Course:
    """What became of a job, in UTC: its last start and, once it has ended, its end."""

    id: int
    status: Status
    deferred_at: dt.datetime | None
    started_at: dt.datetime | None
    ended_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class JobStretch:
    """Jobs of a stretch of ids, the newest first. `below`: where to go on, None when nothing is left."""

    jobs: tuple[FoundJob, ...]
    below: int | None


@dataclass(frozen=True, slots=True)
class Lives:
    """When the workers that report were alive, in seconds since 1970; the end None of one that is.

    `since`: from when on all are told. `begun`: when the newest of an application's live workers began.
    """

    spans: tuple[tuple[float, float | None], ...]
    since: float
    begun: Mapping[str, float]


def deferrals() -> Statement[tuple[list[Deferral], int]]:
    """The latest deferral of each periodic task, and the highest id of a job."""
    return Statement(
        "SELECT defers.*, (SELECT coalesce(max(id), 0) FROM procrastinate_jobs) AS highest FROM (SELECT 1) AS one "
        "LEFT JOIN (SELECT DISTINCT ON (task_name, periodic_id) task_name, periodic_id, defer_timestamp, job_id "
        f"FROM procrastinate_periodic_defers WHERE defer_timestamp BETWEEN 0 AND {_LAST_S} "
        f"ORDER BY task_name, periodic_id, defer_timestamp DESC LIMIT {MOST_SCHEDULES}) AS defers ON true",
        lambda rows: (
            [
                Deferral(row["task_name"], row["periodic_id"], float(row["defer_timestamp"]), row["job_id"])
                for row in rows
                if row["task_name"] is not None
            ],
            rows[0]["highest"],
        ),
    )


def _job_columns(capabilities: Capabilities) -> str:
    # Arguments that are no object have no keys to look for.
    priority = "job.priority" if capabilities.has_priority else "0"
    return (
        "job.id, job.task_name, job.queue_name, job.queueing_lock, (job.args->>'timestamp')::numeric AS due, "
        f"md5(concat_ws(chr(31), job.queue_name, {priority}, coalesce(job.lock, ''), coalesce(job.queueing_lock, ''), "
        "(job.args - 'timestamp')::text)) AS mark"
    )


_HAS_TIME = (
    f"CASE WHEN pg_column_size(job.args) <= {LARGEST_ARGUMENTS} AND jsonb_typeof(job.args) = 'object' "
    "THEN jsonb_typeof(job.args->'timestamp') = 'number' END"
)


def jobs_within(capabilities: Capabilities, tasks: Sequence[str], low: int, high: int) -> Statement[JobStretch]:
    """The jobs of these tasks that have a time among their arguments, with low < id <= high, up to MOST_JOBS."""

    def decode(rows: Rows) -> JobStretch:
        jobs = _jobs(row for row in rows if row["id"] is not None)
        is_full = len(rows) >= MOST_JOBS
        return JobStretch(jobs, rows[-1]["id"] - 1 if is_full else rows[0]["below"])

    return Statement(
        "SELECT about.below, found.* FROM (SELECT (SELECT max(id) FROM procrastinate_jobs WHERE id <= %(low)s) "
        f"AS below) AS about LEFT JOIN (SELECT {_job_columns(capabilities)} FROM (SELECT * FROM procrastinate_jobs "
        "AS job WHERE job.id > %(low)s AND job.id <= %(high)s AND job.task_name = ANY (%(tasks)s::text[]) "
        f"AND {_HAS_TIME} ORDER BY job.id DESC LIMIT {MOST_JOBS}) AS job) AS found ON true ORDER BY found.id DESC",
        decode,
        {"low": low, "high": high, "tasks": list(tasks)},
    )


def jobs_of(capabilities: Capabilities, ids: Sequence[int]) -> Statement[tuple[FoundJob, ...]]:
    """Those of these jobs that are there."""
    return Statement(
        f"SELECT {_job_columns(capabilities)} FROM procrastinate_jobs AS job "
        f"WHERE job.id = ANY (%(ids)s::bigint[]) AND {_HAS_TIME}",
        lambda rows: _jobs(rows),
        {"ids": list(ids[:MOST_SCHEDULES])},
    )


def _jobs(rows: Iterable[dict[str, object]]) -> tuple[FoundJob, ...]:
    found = []
    for row in rows:
        due: int = int(row["due"])  # type: ignore[call-overload]
        if 0 <= due <= _LAST_S:
            found.append(
                FoundJob(
                    row["id"],  # type: ignore[arg-type]
                    str(row["task_name"]),
                    str(row["queue_name"] or ""),
                    row["queueing_lock"],  # type: ignore[arg-type]
                    float(due),
                    str(row["mark"]),
                )
            )
    return tuple(found)


def courses(ids: Sequence[int]) -> Statement[dict[int, Course]]:
    """What became of up to MOST_COURSES jobs, by id, without those that are not there."""
    times = (
        "min(at) FILTER (WHERE type = 'deferred') AS deferred_at, "
        "max(at) FILTER (WHERE type = 'started') AS started_at, "
        f"max(at) FILTER (WHERE type::text IN ({_ENDS})) AS ended_at"
    )

    def decode(rows: Rows) -> dict[int, Course]:
        found = {}
        for row in rows:
            status = Status(row["status"])
            is_over = status not in (Status.TODO, Status.DOING, Status.ABORTING)
            started = row["started_at"] if status is not Status.TODO else None
            ended = row["ended_at"] if is_over else None
            found[row["id"]] = Course(row["id"], status, row["deferred_at"], started, ended)
        return found

    return Statement(
        f"SELECT job.id, job.status::text AS status, course.* FROM procrastinate_jobs AS job CROSS JOIN LATERAL "
        f"(SELECT {times} FROM (SELECT event.at, event.type FROM procrastinate_events AS event "
        f"WHERE event.job_id = job.id AND {_IS_TIME} LIMIT 1000) AS event) AS course "
        "WHERE job.id = ANY (%(ids)s::bigint[])",
        decode,
        {"ids": list(ids[:MOST_COURSES])},
    )


def lives() -> Statement[Lives]:
    """The lives of the workers that have reported in the last days; one that has fallen silent ended with its last
    heartbeat."""

    def decode(rows: Rows) -> Lives:
        spans = tuple((row["begun"], row["ended"]) for row in rows if row["begun"] is not None)
        newest: dict[str, float] = {}
        for row in rows:
            if row["begun"] is not None and row["ended"] is None:
                newest[row["app"]] = max(newest.get(row["app"], 0.0), row["begun"])
        # Before the first of them nobody has reported, or it was forgotten: that is no gap.
        since = max(rows[0]["since"], min((begun for begun, _ in spans), default=0.0))
        return Lives(spans, since, newest)

    return Statement(
        f"SELECT extract(epoch FROM now() - interval '{LIVES_DAYS} days')::float8 AS since, life.* "
        "FROM (SELECT 1) AS one LEFT JOIN (SELECT left(app, 500) AS app, "
        "extract(epoch FROM started_at)::float8 AS begun, "
        "CASE WHEN ended_at IS NOT NULL THEN extract(epoch FROM ended_at)::float8 "
        f"WHEN beat_at < now() - interval '{ALIVE_S:.0f} seconds' "
        "THEN extract(epoch FROM beat_at)::float8 END AS ended "
        f"FROM jobdesk.workers WHERE beat_at >= now() - interval '{LIVES_DAYS} days' "
        f"AND started_at > '1000-01-01' ORDER BY beat_at DESC LIMIT {MOST_LIVES}) AS life ON true",
        decode,
    )
