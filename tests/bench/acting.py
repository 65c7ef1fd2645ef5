"""Cancelling many jobs: ours, written ahead in the journal, beside a call of the library for each, one bare statement,
and the same act without the journal.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import procrastinate
import psycopg
from jobdesk_core import PsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.journal import Journal, JournalTrouble, recorded
from jobdesk_core.operations import Cancel, Matching, Result, apply, plan, run_async
from jobdesk_core.profiles import Profile
from large import folder
from table import Line, take_rounds, within

#: Jobs cancelled; of the library's calls so many are measured, and their time is multiplied.
JOBS, CALLS = 10_000, 1_000
QUEUE = "bench-cancel"
PROFILE = Profile(name="bench", method="dsn", dsn="host=db dbname=app")

_FILL = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
SELECT %s, 'app.tasks.unwanted', '{"user_id": 7}' FROM generate_series(1, %s)
"""
_BARE = "UPDATE procrastinate_jobs SET status = 'cancelled' WHERE queue_name = %s AND status = 'todo'"


async def cancel_lines(dsn: str, rounds: int) -> AsyncIterator[Line]:
    """Ours is the preflight and the act together, in chunks, with a ledger and a journal on the databases' disk."""

    async def calls() -> float:
        return await _measured(dsn, _call_each, CALLS) * JOBS / CALLS

    with tempfile.TemporaryDirectory(dir=folder()) as place:
        contenders = {
            "a call per job": calls,
            "one bare statement": lambda: _measured(dsn, _bare, JOBS),
            "ours": lambda: _measured(dsn, lambda dsn: _ours(dsn, Journal(Path(place) / "journal.sqlite")), JOBS),
            "without the journal": lambda: _measured(dsn, lambda dsn: _ours(dsn, None), JOBS),
        }
        taken = await take_rounds(contenders, rounds)
    title = f"cancel {JOBS:,} jobs, with the journal"
    yield Line(title, "s", taken["ours"], "a call per job", taken["a call per job"], within(1 / 20))
    yield Line(title, "s", taken["ours"], "one bare statement", taken["one bare statement"], within(1.3))
    yield Line(title, "s", taken["ours"], "without the journal", taken["without the journal"])


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


async def _ours(dsn: str, journal: Journal | None) -> float:
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    try:
        able = await connector.run_async(DETECT)
        if journal is not None:
            await journal.names("action")  # its file is open, as in a window
        started = time.perf_counter()
        made = await run_async(plan(Matching(JobFilter.parse(f"queue:{QUEUE}")), Cancel(), able), connector)
        if journal is None:
            ledger = await run_async(apply(made), connector)
        else:
            ledger = await recorded.act(made, connector, PROFILE, journal, on_trouble=_fail)
        seconds = time.perf_counter() - started
    finally:
        await connector.close_async()
    assert ledger.counts == {Result.DONE: JOBS}
    return seconds


def _fail(trouble: JournalTrouble) -> None:
    raise trouble
