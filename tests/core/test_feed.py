"""The feed misses nothing and doubles nothing: after any storm the monitor believes what the tables say."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import connected
from jobdesk_core import Job, JobManager, PsycopgConnector, Status
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.rows import JobRow
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.feed.counts import Counts
from jobdesk_core.feed.feed import Feed
from jobdesk_core.feed.state import Changes, FeedState
from jobdesk_core.monitor import Monitor
from jobdesk_core.reading.series import Series
from managing import ids_of
from pooler import Pooler
from waiting import until

TABLE_COUNTS: Statement[Counter[tuple[str, str, str]]] = Statement(
    "SELECT queue_name, task_name, status::text AS status, count(*) AS n FROM procrastinate_jobs GROUP BY 1, 2, 3",
    lambda rows: Counter({(r["queue_name"], r["task_name"], r["status"]): r["n"] for r in rows}),
)


class Watcher:
    """A monitor at work, and the rows it has told of."""

    def __init__(self, connector: PsycopgConnector, monitor: Monitor) -> None:
        self.connector = connector
        self.monitor = monitor
        self.manager = JobManager(connector)
        self.rows: dict[int, JobRow] = {}
        self.events: list[int] = []
        self.modes: list[str] = []
        self.refreshes = 0

    def take(self, changes: Changes) -> None:
        if changes.is_refresh:
            self.refreshes += 1
            return
        self.rows.update(changes.rows)
        for job_id in changes.removed:
            self.rows.pop(job_id, None)
        self.events += [event.id for event in changes.events]

    def take_state(self, state: FeedState) -> None:
        self.modes.append(state.mode)

    async def shows_the_tables(self) -> bool:
        self.monitor.watch(self.rows)
        return self.rows == await self.monitor.pages.rows(range(1, 5000))

    async def believes_the_tables(self) -> bool:
        """Whether all counts are those of the tables, and so are the sums of them that are kept."""
        tables = await self.connector.run_async(TABLE_COUNTS)
        counts = self.monitor.counts
        believed = Counter({(q, t, s.value): n for (q, t, s), n in counts.groups().items()})
        for place, names in enumerate([counts.queues(), counts.tasks()]):
            sums: Counter[tuple[str, str]] = Counter()
            for group, number in tables.items():
                sums[group[place], group[2]] += number
            assert believed != tables or sums == Counter(
                {(each.name, status.value): n for each in names for status, n in each.by_status.items()}
            )
        return counts.is_exact and believed == tables


@contextlib.asynccontextmanager
async def watching(dsn: str, mode: str = "live") -> AsyncIterator[Watcher]:
    connector = PsycopgConnector(conninfo=dsn, max_size=12)
    await connector.open_async()
    able = await connector.run_async(DETECT)
    watcher = Watcher(connector, Monitor(connector, able))
    task = asyncio.create_task(watcher.monitor.run(watcher.take, watcher.take_state))
    try:
        await until(lambda: watcher.monitor.state.mode == mode, what=mode)
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await connector.close_async()


async def test_what_anyone_does_shows_within_a_second(dsn: str) -> None:
    async with watching(dsn) as watcher:
        manager = watcher.manager
        (job_id,) = ids_of([await manager.defer_job_async(Job(task_name="t", queue="q"))])

        async def shows(status: Status) -> None:
            await until(
                lambda: job_id in watcher.rows and watcher.rows[job_id].status is status,
                timeout_s=60,
                what=f"{status.value} to show",
            )

        await shows(Status.TODO)
        await manager.fetch_job(None, await manager.register_worker())
        await shows(Status.DOING)
        await manager.finish_job_by_id_async(job_id, Status.FAILED, False)
        await shows(Status.FAILED)
        await manager.retry_job_by_id_async(job_id, dt.datetime.now(dt.UTC))
        await shows(Status.TODO)
        await manager.cancel_job_by_id_async(job_id)
        await shows(Status.CANCELLED)


async def test_a_deletion_and_another_priority_of_a_watched_job_show_within_a_second(dsn: str) -> None:
    async with watching(dsn) as watcher:
        jobs = [Job(task_name="a"), Job(task_name="b")]
        first, second = ids_of(await watcher.manager.batch_defer_jobs_async(jobs))
        await until(lambda: len(watcher.rows) == 2)
        watcher.monitor.watch([first, second])
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
            await other.execute("UPDATE procrastinate_jobs SET priority = 7 WHERE id = %s", [first])
            await other.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [second])
        await until(lambda: watcher.rows[first].priority == 7, timeout_s=60)
        await until(lambda: second not in watcher.rows, timeout_s=60)


async def test_jobs_that_come_into_sight_during_a_read_are_not_told_as_deleted(dsn: str) -> None:
    async with _managing(dsn) as manager:
        ids = ids_of(await manager.batch_defer_jobs_async([Job(task_name="t", queue="q") for _ in range(40)]))
        able = await manager.connector.run_async(DETECT)
        feed = Feed(manager.connector, able, Counts(), Series())
        await feed.start()
        turn = 0
        for _ in range(20):
            reading = asyncio.create_task(feed.read())
            while not reading.done():
                turn += 1
                feed.watch(ids if turn % 2 else ids[:20])
                await asyncio.sleep(0)
            changes, _ = await reading
            assert not changes.removed


async def test_an_event_committed_late_is_not_missed(dsn: str) -> None:
    async with watching(dsn) as watcher:
        async with await psycopg.AsyncConnection.connect(dsn) as slow:
            # The slow transaction takes its event ids first and commits after many later ones.
            await slow.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 'late')")
            ids = ids_of(await watcher.manager.batch_defer_jobs_async([Job(task_name="early")] * 20))
            await until(lambda: set(ids) <= watcher.rows.keys())
            assert not any(row.task_name == "late" for row in watcher.rows.values())
        await until(lambda: any(row.task_name == "late" for row in watcher.rows.values()), timeout_s=60)
        assert len(watcher.events) == len(set(watcher.events)) == 21


async def test_a_gap_left_by_a_rollback_is_forgotten(dsn: str) -> None:
    async with watching(dsn) as watcher:
        async with await psycopg.AsyncConnection.connect(dsn) as other:
            await other.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 'never')")
            await watcher.manager.defer_job_async(Job(task_name="t"))
            await until(lambda: watcher.monitor._feed._gaps)
            await other.rollback()
        await until(lambda: not watcher.monitor._feed._gaps)


@pytest.mark.parametrize("trouble", ["none", "listener killed at random", "polling"])
async def test_after_a_storm_the_monitor_believes_what_the_tables_say(dsn: str, folder: Path, trouble: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        link = dsn
        if trouble == "polling":
            link = (await stack.enter_async_context(Pooler(dsn, folder))).dsn
        watcher = await stack.enter_async_context(watching(link, "polling" if link != dsn else "live"))
        manager = await stack.enter_async_context(_managing(dsn))
        storm = asyncio.gather(*(_client(dsn, manager, seed) for seed in range(8)))
        if trouble == "listener killed at random":
            chance = random.Random(1)
            for _ in range(2):
                # After so many more rows have shown, the link breaks again.
                refreshes, rows = watcher.refreshes, len(watcher.rows) + chance.randint(5, 60)
                await until(lambda rows=rows: len(watcher.rows) > rows or storm.done(), timeout_s=45)  # type: ignore[misc]
                await _kill_listener(dsn)
                await until(lambda seen=refreshes: watcher.refreshes > seen, timeout_s=45)  # type: ignore[misc]
                watcher.rows |= await watcher.monitor.pages.rows(range(1, 5000))
            assert "stale" in watcher.modes
        await storm
        if trouble == "listener killed at random":
            watcher.rows = await watcher.monitor.pages.rows(range(1, 5000))
        # What a server process that has gone idle deleted last, it tells up to ten seconds late.
        await until(watcher.believes_the_tables, timeout_s=60, what="the counts to equal the tables")
        assert len(watcher.events) == len(set(watcher.events))
        await until(watcher.shows_the_tables, what="every row to equal its table's")


@contextlib.asynccontextmanager
async def _managing(dsn: str) -> AsyncIterator[JobManager]:
    async with connected(dsn, max_size=8) as (connector, _):
        yield JobManager(connector)


async def _kill_listener(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'"
        )


async def _client(dsn: str, manager: JobManager, seed: int) -> None:
    """Do what workers, operators and programs do, at random, and sometimes hold or roll back a transaction."""
    chance = random.Random(seed)
    worker_id = await manager.register_worker()
    queues, tasks = ["a", "b", "c"], ["x", "y"]
    async with await psycopg.AsyncConnection.connect(dsn) as own:
        for _ in range(60):
            await asyncio.sleep(chance.random() * 0.03)
            job_id = chance.randint(1, 200)
            with contextlib.suppress(JobdeskException, psycopg.Error):
                await _act(chance, manager, own, worker_id, job_id, chance.choice(queues), chance.choice(tasks))


async def _act(
    chance: random.Random, manager: JobManager, own: Any, worker_id: int, job_id: int, queue: str, task: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    ends = [Status.SUCCEEDED, Status.FAILED, Status.ABORTED]
    match chance.randint(0, 8):
        case 0 | 1 | 2:
            await manager.batch_defer_jobs_async([Job(task_name=task, queue=queue, priority=chance.randint(0, 3))] * 3)
        case 3 | 4:
            job = await manager.fetch_job(None, worker_id)
            if job is not None and job.id is not None and chance.random() < 0.8:
                await manager.finish_job_by_id_async(job.id, chance.choice(ends), chance.random() < 0.1)
        case 5:
            await manager.cancel_job_by_id_async(job_id, abort=chance.random() < 0.5)
        case 6:
            await manager.retry_job_by_id_async(job_id, now, queue=chance.choice([None, "a"]))
        case 7:
            await manager.cancel_job_by_id_async(job_id, delete_job=True)
        case 8:
            try:
                await manager.defer_job_async(Job(task_name=task, queue=queue), connection=own)
                await asyncio.sleep(chance.choice([0.0, 0.0, 0.1, 0.1, 0.5, 2.0]))
            finally:
                await (own.commit() if chance.random() < 0.5 else own.rollback())
