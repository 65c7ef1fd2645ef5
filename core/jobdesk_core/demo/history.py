"""An hour of the past for a new demo, so that its first look shows what a busy queue looks like."""

from __future__ import annotations

import datetime as dt
import math
import random
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.demo.tasks import create_app
from jobdesk_core.demo.trickle import sample_job

JOBS = 3_600


async def fill_history(connector: PsycopgConnector) -> None:
    """Insert ended jobs of the last hour with their events. The rows are written as they would have ended."""
    chance = random.Random(7)
    now = dt.datetime.now(dt.UTC)
    app = create_app(connector)
    jobs: list[dict[str, Any]] = []
    events: list[tuple[int, str, dt.datetime]] = []
    for number in range(JOBS):
        at = now - dt.timedelta(hours=1) * (1 - (number + chance.random()) / JOBS) - dt.timedelta(seconds=20)
        name, options, arguments = sample_job(chance)
        end = _end_of(name, number, chance)
        jobs.append(
            {
                "queue": app.tasks[name].queue,
                "task": name,
                "priority": options.get("priority", 0),
                "lock": options.get("lock"),
                "args": arguments,
                "status": end,
                "attempts": 0 if end == "cancelled" else 1,
            }
        )
        started = at + dt.timedelta(seconds=chance.expovariate(0.8))
        events.append((number, "deferred", at))
        if end != "cancelled":
            events.append((number, "started", started))
        events.append((number, end, started + dt.timedelta(seconds=chance.expovariate(0.7))))
    events.sort(key=lambda event: event[2])
    await connector.run_async(
        Statement(
            _INSERT,
            nothing,
            {
                "queues": [job["queue"] for job in jobs],
                "tasks": [job["task"] for job in jobs],
                "priorities": [job["priority"] for job in jobs],
                "locks": [job["lock"] for job in jobs],
                "args": [job["args"] for job in jobs],
                "statuses": [job["status"] for job in jobs],
                "attempts": [job["attempts"] for job in jobs],
                "event_jobs": [event[0] for event in events],
                "event_types": [event[1] for event in events],
                "event_times": [event[2] for event in events],
            },
        )
    )


def _end_of(name: str, number: int, chance: random.Random) -> str:
    # More fails in the middle of the hour: there is something to see.
    is_bad = math.sin(math.pi * number / JOBS) > 0.97 and name.startswith(("mail", "etl"))
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
)
INSERT INTO procrastinate_events (job_id, type, at)
SELECT numbered.id, event.type::procrastinate_job_event_type, event.at
  FROM unnest(%(event_jobs)s::integer[], %(event_types)s::text[], %(event_times)s::timestamptz[])
       WITH ORDINALITY AS event (job, type, at, number)
  JOIN numbered ON numbered.number = event.job
 ORDER BY event.number
"""
