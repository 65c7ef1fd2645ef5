"""Some days of the past for a new demo, so that its first look shows what a busy queue looks like."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobdesk_core.app import App
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.demo.tasks import create_app
from jobdesk_core.demo.trickle import sample_job
from jobdesk_core.periodic import MAX_DELAY_S, PeriodicTask

#: Ended jobs of the last hour, and of the day before it.
JOBS, EARLIER = 3_600, 4_000
HOUR_S, DAY_S = 3_600.0, 86_400.0
#: Days of runs of the periodic tasks.
DAYS = 9
#: The shortest and the longest runs of the slow tasks, in seconds, as `tasks` has them.
SLOW_S = {"media.transcode": (60, 120), "reports.nightly": (30, 60), "etl.load_partition": (6, 15)}
#: A run of the daily one that nobody deferred, for no worker was alive: from when on before it, and until when after.
MISSED, AWAY_S = "ledger.close_day", (480.0, 660.0)
Away = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Past:
    """A job that has ended. `wanted_at` (seconds since 1970) and `periodic_id` are those of a periodic task's run."""

    at: dt.datetime
    task: str
    arguments: dict[str, Any]
    end: str
    runs_s: float
    options: dict[str, Any] = field(default_factory=dict)
    wanted_at: int | None = None
    periodic_id: str = ""


async def fill_history(connector: PsycopgConnector) -> Away:
    """Insert ended jobs of the last days with their events. The rows are written as they would have ended.

    Returns from when until when no worker was alive, in seconds since 1970.
    """
    chance = random.Random(7)
    now = dt.datetime.now(dt.UTC)
    app = create_app(connector)
    # Their order is that of their ids.
    away = _away(app, now)
    past = sorted([*_deferred(now, chance), *_periodic(app, now, away, chance)], key=lambda job: job.at)
    events: list[tuple[int, str, dt.datetime]] = []
    for number, job in enumerate(past):
        started = job.at + dt.timedelta(seconds=chance.expovariate(0.8))
        events.append((number, "deferred", job.at))
        if job.end != "cancelled":
            events.append((number, "started", started))
        events.append((number, job.end, started + dt.timedelta(seconds=job.runs_s)))
    events.sort(key=lambda event: event[2])
    await connector.run_async(
        Statement(
            _INSERT,
            nothing,
            {
                "queues": [app.tasks[job.task].queue for job in past],
                "tasks": [job.task for job in past],
                "priorities": [job.options.get("priority", 0) for job in past],
                "locks": [job.options.get("lock") for job in past],
                "args": [job.arguments for job in past],
                "statuses": [job.end for job in past],
                "attempts": [0 if job.end == "cancelled" else 1 for job in past],
                "wanted": [job.wanted_at for job in past],
                "periodic_ids": [job.periodic_id for job in past],
                "event_jobs": [event[0] for event in events],
                "event_types": [event[1] for event in events],
                "event_times": [event[2] for event in events],
            },
        )
    )
    return away


def _deferred(now: dt.datetime, chance: random.Random) -> Iterator[_Past]:
    """Few jobs by night and more by day, and a busy hour at the end."""
    ago = [HOUR_S * (1 - (number + chance.random()) / JOBS) for number in range(JOBS)]
    for _ in range(EARLIER):
        day = chance.uniform(HOUR_S, DAY_S)
        if chance.random() < 0.55 + 0.45 * math.cos(2 * math.pi * day / DAY_S):
            ago.append(day)
    for seconds in ago:
        name, options, arguments = sample_job(chance)
        end = _end_of(name, seconds, chance)
        at = now - dt.timedelta(seconds=seconds + 20)
        runs_s = chance.uniform(*SLOW_S[name]) if name in SLOW_S else chance.expovariate(0.7)
        yield _Past(min(at, now - dt.timedelta(seconds=runs_s + 20)), name, arguments, end, runs_s, options)


def _away(app: App, now: dt.datetime) -> Away:
    """Round the last run of the daily one that no worker makes up for any more."""
    missed = app.periodic_registry.periodic_tasks[MISSED, ""].schedule.before(now.timestamp() - AWAY_S[1] - MAX_DELAY_S)
    return missed - AWAY_S[0], missed + AWAY_S[1]


def _periodic(app: App, now: dt.datetime, away: Away, chance: random.Random) -> Iterator[_Past]:
    """The runs of the periodic tasks, all on time but those for which no worker was alive."""
    latest = now.timestamp() - 30
    for periodic in app.periodic_registry.periodic_tasks.values():
        task, usual_s = periodic.task.name, chance.uniform(1, 6)
        at = periodic.schedule.after(latest - min(DAYS * DAY_S, 200 * _period_s(periodic, latest)))
        # As a worker does when it starts: the last one is made up for, unless that is too long ago.
        made_up = periodic.schedule.before(away[1])
        while at < latest:
            if not away[0] <= at < away[1] or (at == made_up and away[1] - at <= MAX_DELAY_S):
                arguments = {**periodic.configure_kwargs.get("task_kwargs", {}), "timestamp": int(at)}
                written = away[1] if away[0] <= at < away[1] else at
                deferred_at = dt.datetime.fromtimestamp(written + chance.uniform(0.05, 0.4), dt.UTC)
                end = "failed" if chance.random() < 0.02 else "succeeded"
                runs_s = usual_s * chance.uniform(0.7, 1.5)
                yield _Past(
                    deferred_at, task, arguments, end, runs_s, wanted_at=int(at), periodic_id=periodic.periodic_id
                )
            at = periodic.schedule.after(at)


def _period_s(periodic: PeriodicTask, moment: float) -> float:
    after = periodic.schedule.after(moment)
    return periodic.schedule.after(after) - after


def _end_of(name: str, ago_s: float, chance: random.Random) -> str:
    # More fails in the middle of the last hour: there is something to see.
    is_bad = abs(ago_s / HOUR_S - 0.5) < 0.08 and name.startswith(("mail", "etl"))
    if chance.random() < 0.02:
        return "cancelled"
    if name in ("media.transcode", "reports.nightly") and chance.random() < 0.4:
        return "aborted"
    return "failed" if is_bad or name == "ledger.reconcile" else "succeeded"


_INSERT = """
WITH jobs AS (
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, args, status, attempts)
    SELECT queue, task, priority, lock, args, status::procrastinate_job_status, attempts
      FROM unnest(%(queues)s::text[], %(tasks)s::text[], %(priorities)s::integer[], %(locks)s::text[],
                  %(args)s::jsonb[], %(statuses)s::text[], %(attempts)s::integer[])
           WITH ORDINALITY AS wanted (queue, task, priority, lock, args, status, attempts, number)
     ORDER BY number
    RETURNING id
), numbered AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM jobs
), defers AS (
    INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp, job_id)
    SELECT run.task, run.periodic_id, run.wanted, numbered.id
      FROM unnest(%(tasks)s::text[], %(periodic_ids)s::text[], %(wanted)s::bigint[])
           WITH ORDINALITY AS run (task, periodic_id, wanted, number)
      JOIN numbered ON numbered.number = run.number - 1
     WHERE run.wanted IS NOT NULL
     ORDER BY run.wanted
)
INSERT INTO procrastinate_events (job_id, type, at)
SELECT numbered.id, event.type::procrastinate_job_event_type, event.at
  FROM unnest(%(event_jobs)s::integer[], %(event_types)s::text[], %(event_times)s::timestamptz[])
       WITH ORDINALITY AS event (job, type, at, number)
  JOIN numbered ON numbered.number = event.job
 ORDER BY event.number
"""
