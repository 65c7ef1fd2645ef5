"""Schedules beside Procrastinate's own periodic code: the times it takes, and its workers running, stopped, started."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator
from itertools import islice

import procrastinate
import procrastinate.testing
from database import run_sql
from failing import able_of, connected_now
from jobdesk_core.database.limited import ask_limited
from jobdesk_core.schedules.cadence import told
from jobdesk_core.schedules.reader import ScheduleReader, Schedules
from jobdesk_core.schedules.schedule import Schedule
from procrastinate.periodic import PeriodicDeferrer, PeriodicRegistry
from waiting import until

CRONS = (
    *("* * * * *", "*/5 * * * *", "*/7 * * * *", "0 2 * * *", "30 2 29 2 *", "0 4 31 * *", "0 0 l * *", "0 7 * * 1-5"),
    *("@daily", "@weekly", "@monthly", "@hourly", "0 0 1,15 * 3", "0 0 * * 5#3", "*/10 * * * * *", "5 4 * jan,jul sun"),
)


def test_expected_times_are_those_that_the_library_takes() -> None:
    starts = [dt.datetime(2026, 3, 28, 23, 59, 58), dt.datetime(2028, 2, 28, 12), dt.datetime(2026, 12, 31, 23, 30)]
    for cron in CRONS:
        app = procrastinate.App(connector=procrastinate.testing.InMemoryConnector())
        registry = PeriodicRegistry()
        task = app.task(name="t")(lambda timestamp: None)
        theirs = registry.register_task(task, cron, "", {})
        deferrer = PeriodicDeferrer(registry, max_delay=10**9)
        ours = told(cron, None)
        assert ours is not None
        for start in starts:
            since = int(start.replace(tzinfo=dt.UTC).timestamp())
            spans = (40, 3_600, 3 * 86_400) if cron.startswith("*") else (86_400, 400 * 86_400)
            for span in spans:
                until_s = since + span
                taken = list(islice(deferrer.get_timestamps(theirs, since, until_s), 40))
                assert list(islice(ours.between(since, until_s), 40)) == taken, cron
                # What a worker makes up for when it starts is the last one.
                assert [ours.until(until_s - 1)] == list(deferrer.get_timestamps(theirs, None, until_s - 0.5)), cron


@contextlib.asynccontextmanager
async def running(app: procrastinate.App) -> AsyncIterator[None]:
    """A worker of theirs, stopped at once afterwards."""
    worker = asyncio.create_task(
        app.run_worker_async(fetch_job_polling_interval=0.1, install_signal_handlers=False, wait=True)
    )
    try:
        yield
    finally:
        worker.cancel()
        await asyncio.wait({worker}, timeout=60)


def read(reader: ScheduleReader, dsn: str) -> Schedules:
    with connected_now(dsn) as connector:
        return ask_limited(reader.more(2.0), connector, 30)


async def test_their_worker_runs_stops_and_starts(dsn: str) -> None:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))

    @app.periodic(cron="* * * * * *", periodic_id="each")
    @app.task(name="tick")
    async def tick(timestamp: int) -> None:
        """Every second."""

    reader = ScheduleReader(able_of(dsn))

    async def seen() -> Schedule | None:
        found = await asyncio.to_thread(read, reader, dsn)
        return found.schedules[0] if found.schedules else None

    async with app.open_async():
        async with running(app):

            async def has_three() -> bool:
                schedule = await seen()
                return schedule is not None and sum(run.ran_s is not None for run in schedule.runs) >= 3

            await until(has_three, what="three runs")
            alive = await seen()
        taken = [row for row in run_sql(dsn, "SELECT (args->>'timestamp')::bigint FROM procrastinate_jobs ORDER BY 1")]
        assert alive is not None and alive.key == ("tick", "each") and alive.every_s == 1 and alive.is_inferred
        assert alive.state in ("on time", "late"), "late only where this machine is"
        real = [run.expected_at.timestamp() for run in alive.runs if run.job_id is not None]
        assert real == taken[: len(real)] and len(real) >= 3
        stopped = time.time()

        async def is_late() -> bool:
            schedule = await seen()
            return schedule is not None and schedule.state == "late"

        await until(is_late, what="the schedule to be late")
        late = await seen()
        assert late is not None and late.expected_at is not None
        assert (
            late.expected_at.timestamp()
            == run_sql(dsn, "SELECT max(defer_timestamp) + 1 FROM procrastinate_periodic_defers")[0]
        )
        assert abs(late.expected_at.timestamp() - stopped) < 60 and late.reason == "No worker is alive."
        async with running(app):

            async def is_back() -> bool:
                schedule = await seen()
                return schedule is not None and schedule.state == "on time"

            await until(is_back, what="the schedule to be on time again")
