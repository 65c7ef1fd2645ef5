"""What workers report shows in lists that are open: errors come after their job's end, and leave no event."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from database import connected, defer, finish, run_sql, start
from jobdesk_core.feed.state import Changes, FeedState
from jobdesk_core.monitor import Monitor
from jobdesk_core.reported.detection import detect
from reports import add_error, insert, install
from waiting import until


class Watcher:
    """Which jobs the feed has named since it was asked last."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.named: set[int] = set()
        self.modes: list[str] = []
        self.refreshes = 0

    def take(self, changes: Changes) -> None:
        self.named |= changes.rows.keys()
        self.refreshes += changes.is_refresh

    def take_state(self, state: FeedState) -> None:
        self.modes.append(state.mode)

    async def quiet(self) -> None:
        """Have everything that has happened been told, and forget it."""
        await until(lambda: self.monitor.state.mode == "live", what="live")
        await asyncio.sleep(2.5)
        self.named.clear()


@contextlib.asynccontextmanager
async def watching(dsn: str) -> AsyncIterator[Watcher]:
    async with connected(dsn) as (connector, able):
        able = replace(able, reported=await connector.run_async(detect()))
        watcher = Watcher(Monitor(connector, able))
        task = asyncio.create_task(watcher.monitor.run(watcher.take, watcher.take_state))
        try:
            await watcher.quiet()
            yield watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_an_error_that_is_reported_later_and_progress_of_what_is_in_sight_are_told(dsn: str) -> None:
    ids = [defer(dsn) for _ in range(4)]
    start(dsn)
    finish(dsn, ids[0], "failed")
    install(dsn)
    add_error(dsn, ids[3])
    async with watching(dsn) as watcher:
        add_error(dsn, ids[0])
        await until(lambda: watcher.named, what="the error")
        # Those just before it are named once more, for ids may be seen out of their order.
        assert watcher.named == {ids[0], ids[3]}
        watcher.monitor.watch([ids[1], ids[2]])
        await watcher.quiet()
        insert(dsn, "progress", job_id=ids[1], attempt=1, done=1.0)
        await until(lambda: ids[1] in watcher.named, what="the progress")
        watcher.named.clear()
        run_sql(dsn, "UPDATE jobdesk.progress SET done = 2")
        await until(lambda: ids[1] in watcher.named, what="the progress again")
        assert ids[2] not in watcher.named
        await watcher.quiet()
        await asyncio.sleep(2)
        assert watcher.named == set() and watcher.monitor.state.mode == "live"


async def test_reports_that_are_installed_or_removed_meanwhile_are_noticed(dsn: str) -> None:
    job = defer(dsn)
    async with watching(dsn) as watcher:
        assert watcher.monitor.reports.found.state == "absent"
        install(dsn)
        await until(lambda: watcher.monitor.reports.found.state == "current", what="the schema")
        await watcher.quiet()
        add_error(dsn, job)
        await until(lambda: job in watcher.named, what="the error")
        await watcher.quiet()
        await asyncio.to_thread(run_sql, dsn, "DROP SCHEMA jobdesk CASCADE")
        await until(lambda: watcher.monitor.reports.found.state == "absent", what="that it is gone")
        await until(lambda: watcher.monitor.state.mode == "live", what="live again")
        watcher.named.clear()
        other = defer(dsn)
        await until(lambda: other in watcher.named, what="a new job")
