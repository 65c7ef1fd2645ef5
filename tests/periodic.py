"""Periodic tasks with their runs, written as they would be after some time; no trigger adds an event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import reports
from psycopg.types.json import Jsonb


@dataclass(frozen=True)
class Planned:
    """A periodic task: the seconds since 1970 of its runs, how each ended, and how long each took.

    Of one whose job is `gone` only the deferral is left. `cron` None: nobody tells it.
    """

    task: str
    times: Sequence[float]
    periodic_id: str = ""
    cron: str | None = None
    zone: str = "UTC"
    queue: str = "q"
    took_s: Sequence[float] = (38.0,)
    ends: dict[int, str] = field(default_factory=dict)
    args: dict[str, Any] = field(default_factory=dict)
    late_s: float = 0.4
    is_gone: bool = False
    queueing_lock: str | None = None


def plant(dsn: str, planned: Sequence[Planned], *, app: str = "shop") -> dict[tuple[str, str], list[int]]:
    """Write them in the order of their times; the ids of the jobs by task and periodic id. `ends` counts from the end:
    -1 is the last run, and `todo` and `doing` are no ends."""
    ids: dict[tuple[str, str], list[int]] = {(each.task, each.periodic_id): [] for each in planned}
    runs = sorted(((at, place, n) for place, each in enumerate(planned) for n, at in enumerate(each.times)))
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        for at, place, number in runs:
            each = planned[place]
            ids[each.task, each.periodic_id].append(_run(connection, each, at, number))
        for each in planned:
            if each.times:
                mine = ids[each.task, each.periodic_id]
                job_id = None if each.is_gone else mine[-1]
                connection.execute(
                    "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp, job_id) "
                    "VALUES (%s, %s, %s, %s)",
                    (each.task, each.periodic_id, int(each.times[-1]), job_id),
                )
                if each.is_gone:
                    connection.execute("DELETE FROM procrastinate_events WHERE job_id = %s", (mine[-1],))
                    connection.execute("DELETE FROM procrastinate_jobs WHERE id = %s", (mine.pop(),))
    for each in planned:
        if each.cron is not None:
            told = {"task_name": each.task, "periodic_id": each.periodic_id, "cron": each.cron, "zone": each.zone}
            reports.insert(dsn, "schedules", app=app, queue=each.queue, **told)
    return ids


def _run(connection: psycopg.Connection[Any], each: Planned, at: float, number: int) -> int:
    status = each.ends.get(number - len(each.times), "succeeded")
    row = connection.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts, queueing_lock) "
        "VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
        (each.queue, each.task, Jsonb({"timestamp": int(at), **each.args}), status, 1, each.queueing_lock),
    ).fetchone()
    assert row is not None
    deferred = dt.datetime.fromtimestamp(at + each.late_s, dt.UTC)
    events = [("deferred", deferred)]
    if status != "todo":
        begun = deferred + dt.timedelta(seconds=0.3)
        events.append(("started", begun))
        if status != "doing":
            took_s = each.took_s[number % len(each.took_s)]
            events.append((status, begun + dt.timedelta(seconds=took_s)))
    for kind, moment in events:
        connection.execute(
            "INSERT INTO procrastinate_events (job_id, type, at) VALUES (%s, %s, %s)", (row[0], kind, moment)
        )
    return int(row[0])
