"""The monitor and the operator's acts on every release: feed, counts, pages, details, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from database import run_sql
from jobdesk_core import EventType, JobManager, Status
from jobdesk_core.database.rows import JobRow
from jobdesk_core.exceptions import CapabilityMissing
from jobdesk_core.feed.counts import Counts
from jobdesk_core.feed.feed import Feed
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.monitor import Monitor
from jobdesk_core.reading.pages import JobPages, Order
from jobdesk_core.reading.series import Series
from managing import bring_all, bring_to, defer, execute, job_of, managing, now
from releases import NEWEST, STATES, level
from waiting import until

TABLE = "SELECT queue_name, task_name, status::text, count(*) FROM procrastinate_jobs GROUP BY 1, 2, 3"

each_state = pytest.mark.parametrize("state", STATES)


# The feed


@contextlib.asynccontextmanager
async def followed(manager: JobManager, seen: list[EventType]) -> AsyncIterator[Monitor]:
    monitor = Monitor(manager.connector, await manager.capabilities_async())
    running = asyncio.create_task(
        monitor.run(lambda changes: seen.extend(event.type for event in changes.events), lambda state: None)
    )
    try:
        await until(lambda: monitor.state.mode == "live", what="the feed to go live")
        yield monitor
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def follows(monitor: Monitor, dsn: str) -> None:
    """Wait until the counts are those of the table."""

    def is_so() -> bool:
        table = Counter({(q, task, Status(status)): n for q, task, status, n in run_sql(dsn, TABLE)})
        return monitor.counts.is_exact and monitor.counts.groups() == table

    await until(is_so, what="the counts to be those of the table")


@each_state
async def test_the_feed_follows_whatever_happens(released_dsn: str, state: str) -> None:
    seen: list[EventType] = []
    async with managing(released_dsn) as manager:
        before = await bring_all(manager)
        async with followed(manager, seen) as monitor:
            await follows(monitor, released_dsn)
            await defer(manager, {"queue": "new", "scheduled_at": now()}, {"queue": "new"})
            await follows(monitor, released_dsn)
            for status in {Status.DOING, Status.ABORTING} & before.keys():
                await manager.finish_job(await job_of(manager, before[status]), Status.FAILED, False)
            await follows(monitor, released_dsn)
            if level(state) >= (3, 4):
                await manager.retry_job_by_id_async(before[Status.FAILED], now())
                await follows(monitor, released_dsn)
            deferred = len(before) + 2
            await until(lambda: monitor.series.total(EventType.DEFERRED, now()) == deferred, what="the series")
            delete = f"DELETE FROM procrastinate_jobs WHERE id = {before[Status.SUCCEEDED]}"
            if state == NEWEST:
                await execute(manager, delete)
            else:  # the statistics of a session that ends come at once, those of one that stays ten seconds late
                run_sql(released_dsn, delete)
            await follows(monitor, released_dsn)
            assert bool(await monitor.workers()) == (level(state) >= (3, 1))
            moment = monitor.moment
            assert moment is not None and moment.open.queues["new"].oldest is not None
            assert (moment.open.workers is not None) == (level(state) >= (3, 1))
        assert seen.count(EventType.DEFERRED) == 2


@pytest.mark.parametrize("state", ["2.8.0", "2.15.1 with 3.0 pre"])
async def test_a_job_that_stays_aborting_leaves_the_feed_at_rest(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        job_id = await bring_to(manager, Status.DOING)
        await execute(manager, f"SELECT procrastinate_cancel_job({job_id}, true, false)")
        connector, able = manager.connector, await manager.capabilities_async()
        feed = Feed(connector, able, Counts(), Series())
        await feed.start()
        reads = 0
        while await feed.has_news():
            await feed.read()
            reads += 1
            assert reads < 10
        await execute(manager, f"SELECT procrastinate_finish_job({job_id}, 'failed', false)")
        assert await feed.has_news()


# Pages

FILTERS = [
    "",
    "status:todo",
    "status:aborted,cancelled,failed",
    "-status:doing,aborting",
    "queue:brought",
    "lock:one",
    "queueing_lock:none",
    "priority:0",
    "priority:>0",
    "-priority:0",
    "worker:none",
    "-worker:none",
    "worker:1,2",
    "is:aborting",
    "-is:aborting",
    "is:scheduled",
    "is:abort_requested",
    "is:scheduled,aborting",
    "age:<1h",
    "deferred:-1h..,none",
    "scheduled:>now",
    "scheduled:none",
    "id:2..3",
    "bro",
]


async def read_all(pages: JobPages, text: str, order: Order) -> list[JobRow]:
    rows, after = [], None
    while True:
        page = await pages.read(JobFilter.parse(text), order, after=after, limit=2)
        rows += page.rows
        if page.is_last:
            return rows
        after = page.next_key


@each_state
async def test_every_filter_finds_what_it_says(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        await bring_all(manager)
        await defer(manager, {"scheduled_at": now() + dt.timedelta(hours=1)}, {"queue": "other"})
        able = await manager.capabilities_async()
        pages = JobPages(manager.connector, able)
        assert [row.status for row in await read_all(pages, "", Order.NEXT_TO_RUN)] == [Status.TODO] * 3
        every = await read_all(pages, "", Order.OLDEST)
        assert [row.id for row in every] == [job.id for job in await manager.list_jobs_async()]
        for text in FILTERS:
            found = await read_all(pages, text, Order.NEWEST)
            expected = [row for row in reversed(every) if JobFilter.parse(text).matches(row, now())]
            assert found == expected, text
        aborting = [row.status for row in await read_all(pages, "is:aborting", Order.NEWEST)]
        assert len(aborting) == (level(state) >= (2, 7))
        stalled = read_all(pages, "is:stalled", Order.NEWEST)
        if level(state) < (3, 1):
            with pytest.raises(CapabilityMissing, match="stalled") as caught:
                await stalled
            assert caught.value.capability == "workers table"
        else:
            assert await stalled == []


@pytest.mark.parametrize("state", ["1.1.2", "2.5.0", NEWEST])
async def test_what_runs_next_comes_first(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        ids = await defer(manager, *({"task_kwargs": {"n": n}} for n in range(5)))
        if level(state) >= (2, 5):
            await execute(manager, f"UPDATE procrastinate_jobs SET priority = 1 WHERE id = {ids[3]}")
            ids = [ids[3], *ids[:3], ids[4]]
        pages = JobPages(manager.connector, await manager.capabilities_async())
        assert [row.id for row in await read_all(pages, "", Order.NEXT_TO_RUN)] == ids
        assert [row.id for row in await read_all(pages, "status:todo", Order.NEXT_TO_RUN)] == ids


# Details


@each_state
async def test_a_job_of_every_status_is_shown_and_explained(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        ids = await bring_all(manager)
        monitor = Monitor(manager.connector, await manager.capabilities_async())
        details = {status: await monitor.detail(job_id) for status, job_id in ids.items()}
        headlines = {status: detail.reason.headline for status, detail in details.items() if detail is not None}
        assert headlines.keys() == ids.keys()
        waiting, running = details[Status.TODO], details[Status.DOING]
        assert waiting is not None and waiting.lock_holder is not None and running is not None
        assert waiting.lock_holder.id == ids[Status.DOING]
        assert headlines[Status.TODO] == "Waiting for its lock."
        assert headlines[Status.DOING].startswith("Running for")
        assert (running.worker is not None) == (level(state) >= (3, 1))
        if Status.ABORTING in ids:
            assert headlines[Status.ABORTING].startswith("Abort requested")
            (blocked,) = await defer(manager, lock="two")
            detail = await monitor.detail(blocked)
            assert detail is not None and detail.lock_holder is not None
            assert detail.lock_holder.id == ids[Status.ABORTING]
