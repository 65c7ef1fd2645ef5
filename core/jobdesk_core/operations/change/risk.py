"""Of running jobs whose worker is unresponsive: since when, and whether they have run longer than such jobs usually do.

A worker that is shutting down sends no heartbeat until its jobs have ended: nobody knows from here whether one lives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.durations import so_far
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.job.related_jobs import usual_times
from jobdesk_core.job.why import named
from jobdesk_core.operations.change.plan import Plan
from jobdesk_core.operations.steps import Steps

#: So many of the jobs are looked at, and of so many tasks it is told how long they usually run.
MOST_JOBS, MOST_TASKS = 1_000, 3


@dataclass(frozen=True, slots=True)
class RunningTask:
    """The jobs of one task that may still run: how many, and since when the one that started first runs (seconds).

    `usual_s` are the median and the 95th percentile of its latest runs, in seconds; None where that is not known.
    """

    name: str
    jobs: int
    started_s: float | None
    usual_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Risk:
    """Jobs that unresponsive workers may still run; `workers` has by id the seconds since each one's last heartbeat."""

    jobs: int
    workers: dict[int, float]
    tasks: tuple[RunningTask, ...]

    def sentences(self) -> list[str]:
        """What is known, one fact in each."""
        return [_of_workers(self), *(_of_task(task) for task in self.tasks)]


def look_at_risk(plan: Plan) -> Steps[Risk | None]:
    """What is known of a plan's jobs that unresponsive workers may still run; None without any.

    Changes nothing. Raises ConnectorException.
    """
    batches = [batch for facts, batch in plan.batches.items() if facts is not None and facts.is_worker_unresponsive]
    ids = [job_id for batch in batches for job_id in batch.ids[:MOST_JOBS]][:MOST_JOBS]
    rows = (yield _running(ids)) if ids else []
    if not rows:
        return None
    by_task: dict[str, list[dict[str, float]]] = defaultdict(list)
    for row in rows:
        by_task[row["task_name"]].append(row)
    tasks = []
    for name, held in sorted(by_task.items(), key=lambda item: -sum(row["jobs"] for row in item[1]))[:MOST_TASKS]:
        started = [row["started_s"] for row in held if row["started_s"] is not None]
        tasks.append(
            RunningTask(
                name, int(sum(row["jobs"] for row in held)), max(started, default=None), (yield from _usual_s(name))
            )
        )
    silent = {row["worker_id"]: row["silent_s"] for row in rows}
    return Risk(sum(len(batch.ids) for batch in batches), silent, tuple(tasks))


def _usual_s(task_name: str) -> Steps[tuple[float, float] | None]:
    try:
        usual = yield usual_times(task_name)
    except StatementTooLong:
        return None
    except ConnectorException as error:
        if error.sqlstate is None:
            raise
        return None
    return (usual.ran[0], usual.ran[1]) if usual is not None and usual.ran else None


def _running(ids: Sequence[int]) -> Statement[Rows]:
    return Statement(
        "SELECT worker.id AS worker_id, job.task_name, count(*) AS jobs, "
        # Before PostgreSQL 17, nothing can be subtracted from infinity.
        "extract(epoch FROM now() - least(greatest(worker.last_heartbeat, timestamptz 'epoch'), "
        "now()))::float8 AS silent_s, "
        "max(extract(epoch FROM now() - (SELECT max(event.at) FROM procrastinate_events AS event "
        "WHERE event.job_id = job.id AND event.type = 'started' AND isfinite(event.at))))::float8 AS started_s "
        "FROM procrastinate_jobs AS job JOIN procrastinate_workers AS worker ON worker.id = job.worker_id "
        "WHERE job.id = ANY (%(ids)s::bigint[]) GROUP BY worker.id, job.task_name ORDER BY worker.id, job.task_name",
        lambda rows: rows,
        {"ids": list(ids)},
    )


def _of_workers(risk: Risk) -> str:
    what = "this job" if risk.jobs == 1 else f"these {risk.jobs:,} jobs"
    least, most = _span(min(risk.workers.values())), _span(max(risk.workers.values()))
    if len(risk.workers) == 1:
        (worker_id,) = risk.workers
        who, may = f"Worker #{worker_id:,} has", "It may"
    else:
        who, may = f"{len(risk.workers):,} workers have", "They may"
    since = least if least == most else f"{least} to {most}"
    return (
        f"{who} sent no heartbeat for {since}. {may} still run {what}: "
        "a worker that is shutting down sends none until its jobs have ended."
    )


def _of_task(task: RunningTask) -> str:
    name = named(task.name)
    which = "this job" if task.jobs == 1 else f"the first of these {task.jobs:,} jobs"
    started = f"{which} started {_span(task.started_s)} ago" if task.started_s is not None else ""
    if task.usual_s is None:
        return f"How long {name} usually runs is not known{f'; {started}' if started else ''}."
    usual, most = _span(task.usual_s[0]), _span(task.usual_s[1])
    return f"{name} usually runs for {usual} (95 % of its runs end within {most}){f'; {started}' if started else ''}."


def _span(seconds: float) -> str:
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    return so_far(seconds)
