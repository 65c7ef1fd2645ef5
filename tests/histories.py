"""Random histories of a database, what its events tell of them, and a monitor that watches."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from database import connected, defer, finish, run_sql
from jobdesk_core import EventType
from jobdesk_core.monitor import Monitor
from jobdesk_core.reading.pace import KINDS
from waiting import until

MINUTES = (
    "SELECT floor(extract(epoch FROM at) / 60)::int, job.{name}, type::text, count(*) FROM procrastinate_events "
    "JOIN procrastinate_jobs AS job ON job.id = job_id WHERE at >= now() - interval '1 hour' GROUP BY 1, 2, 3"
)


@contextlib.asynccontextmanager
async def monitor_of(dsn: str) -> AsyncIterator[Monitor]:
    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, able)
        running = asyncio.create_task(monitor.run(lambda changes: None, lambda state: None))
        try:
            await until(lambda: monitor.state.mode == "live" and monitor.counts.is_exact)
            yield monitor
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def change(chance: random.Random, dsn: str, *, deletes: bool) -> None:
    """Do something at random, in plain SQL."""
    ids = run_sql(dsn, "SELECT id FROM procrastinate_jobs")
    job_id = chance.choice([*ids, 0])
    match chance.randint(0, 6 if deletes else 4):
        case 0 | 1:
            defer(dsn, queue_name=chance.choice("abc"), task_name=chance.choice("xy"))
        case 2:
            with contextlib.suppress(TypeError):  # nothing to start
                worker_id = run_sql(dsn, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0]
                started = run_sql(dsn, "SELECT id FROM procrastinate_fetch_job_v2(NULL, %s)", worker_id)[0]
                if started is not None:
                    finish(dsn, started, chance.choice(["succeeded", "failed", "aborted"]))
        case 3:
            run_sql(dsn, "SELECT procrastinate_cancel_job_v1(%s, false, false)", job_id)
        case 4:
            text = "SELECT procrastinate_retry_job_v2(id, now(), NULL, %s, NULL) FROM procrastinate_jobs "
            run_sql(dsn, text + "WHERE id = %s AND status = 'failed'", chance.choice([None, "a"]), job_id)
        case 5:
            run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id = %s", job_id)
        case 6:
            run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE status <> 'todo' AND id %% 5 = %s", chance.randint(0, 4))


def happened(dsn: str, name: str = "queue_name") -> Counter[Any]:
    """The events of the last hour by minute, name and kind."""
    kinds = {kind.value for kind in KINDS}
    return Counter(
        {
            (m, queue, EventType(kind)): n
            for m, queue, kind, n in run_sql(dsn, MINUTES.format(name=name))
            if kind in kinds
        }
    )
