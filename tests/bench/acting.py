"""Cancelling many jobs: ours beside a call of the library for each, and beside one bare statement."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import procrastinate
import psycopg
from jobdesk_core import PsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.monitor.filters import JobFilter
from jobdesk_core.operations import Cancel, Matching, Result, apply, plan, run_async
from table import Line, take_rounds, within

#: Jobs cancelled; of the library's calls so many are measured, and their time is multiplied.
JOBS, CALLS = 10_000, 1_000
QUEUE = "bench-cancel"

_FILL = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
SELECT %s, 'app.tasks.unwanted', '{"user_id": 7}' FROM generate_series(1, %s)
"""
_BARE = "UPDATE procrastinate_jobs SET status = 'cancelled' WHERE queue_name = %s AND status = 'todo'"


async def cancel_lines(dsn: str, rounds: int) -> AsyncIterator[Line]:
    """Ours is the preflight and the act together, in chunks, with a ledger."""

    async def calls() -> float:
        return await _measured(dsn, _call_each, CALLS) * JOBS / CALLS

    contenders = {
        "a call per job": calls,
        "one bare statement": lambda: _measured(dsn, _bare, JOBS),
        "ours": lambda: _measured(dsn, _ours, JOBS),
    }
    taken = await take_rounds(contenders, rounds)
    title = f"cancel {JOBS:,} jobs"
    yield Line(title, "s", taken["ours"], "a call per job", taken["a call per job"], within(1 / 20))
    yield Line(title, "s", taken["ours"], "one bare statement", taken["one bare statement"], within(1.3))


async def _measured(dsn: str, cancel: Callable[[str], Awaitable[float]], jobs: int) -> float:
    """Seconds to cancel so many new jobs, which are gone afterwards."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_FILL, [QUEUE, jobs])
        connection.execute("ANALYZE procrastinate_jobs")
        connection.execute("CHECKPOINT")
        seconds = await cancel(dsn)
        left = connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = %s AND status <> 'cancelled'", [QUEUE]
        ).fetchone()
        assert left == (0,), "every one of them must be cancelled"
        connection.execute("DELETE FROM procrastinate_jobs WHERE queue_name = %s", [QUEUE])
        connection.execute("VACUUM procrastinate_jobs")
    return seconds


async def _call_each(dsn: str) -> float:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))
    async with app.open_async():
        ids = [job.id for job in await app.job_manager.list_jobs_async(queue=QUEUE)]
        started = time.perf_counter()
        for job_id in ids:
            await app.job_manager.cancel_job_by_id_async(job_id)  # type: ignore[arg-type]
        return time.perf_counter() - started


async def _bare(dsn: str) -> float:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        started = time.perf_counter()
        await connection.execute(_BARE.encode(), [QUEUE])
        return time.perf_counter() - started


async def _ours(dsn: str) -> float:
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    try:
        able = await connector.run_async(DETECT)
        started = time.perf_counter()
        made = await run_async(plan(Matching(JobFilter.parse(f"queue:{QUEUE}")), Cancel(), able), connector)
        ledger = await run_async(apply(made), connector)
        seconds = time.perf_counter() - started
    finally:
        await connector.close_async()
    assert ledger.counts == {Result.DONE: JOBS}
    return seconds
