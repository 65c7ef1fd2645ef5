"""The monitor shows what anyone does with plain SQL, through broken links, deaf ones and frozen ones."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from database import connected, defer, finish, role, run_sql, start
from jobdesk_core import EventType, PsycopgConnector, Status
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow
from jobdesk_core.feed.state import Changes, FeedState
from jobdesk_core.monitor import Monitor
from pooler import Pooler
from waiting import until

EVERY_OTHER_BACKEND = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Screen:
    """What a window would show of a running monitor: it watches every job that it has seen."""

    def __init__(self, connector: PsycopgConnector, able: Capabilities) -> None:
        self.monitor = Monitor(connector, able)
        self.rows: dict[int, JobRow] = {}
        self.events: list[EventType] = []
        self.states: list[FeedState] = []
        self.refreshes = 0

    def take(self, changes: Changes) -> None:
        self.refreshes += changes.is_refresh
        self.rows.update(changes.rows)
        for job_id in changes.removed:
            self.rows.pop(job_id, None)
        self.events += [event.type for event in changes.events]
        self.monitor.watch(self.rows)

    async def shows(self, job_id: int, **columns: object) -> None:
        await until(
            lambda: job_id in self.rows and all(getattr(self.rows[job_id], k) == v for k, v in columns.items()),
            what=f"{columns} of job {job_id}",
        )

    async def is_at_rest(self) -> None:
        """Wait for three looks, after which nothing is left to read."""
        for _ in range(3):
            looked = self.monitor.state.read_at
            await until(lambda looked=looked: self.monitor.state.read_at != looked)  # type: ignore[misc]

    async def is_in(self, mode: str, *, timeout_s: float = 60) -> None:
        await until(lambda: self.monitor.state.mode == mode, timeout_s=timeout_s, what=mode)


@contextlib.asynccontextmanager
async def screen_of(dsn: str, mode: str = "live") -> AsyncIterator[Screen]:
    async with connected(dsn) as (connector, able):
        screen = Screen(connector, able)
        running = asyncio.create_task(screen.monitor.run(screen.take, screen.states.append))
        try:
            await screen.is_in(mode)
            yield screen
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def live_a_life(dsn: str, screen: Screen) -> None:
    """One job's life, each step seen on the screen."""
    job_id = defer(dsn, lock="l")
    await screen.shows(job_id, status=Status.TODO, lock="l", priority=0)
    run_sql(dsn, "UPDATE procrastinate_jobs SET priority = 7 WHERE id = %s", job_id)
    await screen.shows(job_id, priority=7)
    _, worker_id = start(dsn)
    await screen.shows(job_id, status=Status.DOING, worker_id=worker_id)
    run_sql(dsn, "SELECT procrastinate_cancel_job_v1(%s, true, false)", job_id)
    await screen.shows(job_id, abort_requested=True)
    finish(dsn, job_id, "aborted")
    await screen.shows(job_id, status=Status.ABORTED, attempts=1)
    run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id = %s", job_id)
    await until(lambda: job_id not in screen.rows, what="the job to vanish")


async def test_a_jobs_life_is_seen_step_by_step(dsn: str) -> None:
    async with screen_of(dsn) as screen:
        await live_a_life(dsn, screen)
        assert screen.events == [
            EventType.DEFERRED,
            EventType.STARTED,
            EventType.ABORT_REQUESTED,
            EventType.ABORTED,
        ]
        assert screen.refreshes == 1
        assert [state.mode for state in screen.states[:1]] == ["live"]
        assert {state.mode for state in screen.states} == {"live"}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("queue_name", "other"),
        ("task_name", "other"),
        ("lock", "other"),
        ("queueing_lock", "other"),
        ("priority", 3),
        ("attempts", 4),
    ],
)
async def test_another_value_of_a_watched_job_is_seen(dsn: str, column: str, value: object) -> None:
    async with screen_of(dsn) as screen:
        job_id = defer(dsn)
        await screen.shows(job_id)
        await screen.is_at_rest()
        run_sql(dsn, f"UPDATE procrastinate_jobs SET {column} = %s WHERE id = %s", value, job_id)
        await screen.shows(job_id, **{column: value})


async def test_a_role_that_may_only_read_sees_it_too(dsn: str) -> None:
    with role(dsn, "SELECT ON ALL TABLES IN SCHEMA public") as role_dsn:
        async with screen_of(role_dsn) as screen:
            await live_a_life(dsn, screen)


async def test_when_every_backend_is_ended_the_monitor_goes_stale_and_comes_back(dsn: str) -> None:
    async with screen_of(dsn) as screen:
        job_id = defer(dsn)
        await screen.shows(job_id)
        run_sql(dsn, EVERY_OTHER_BACKEND)
        defer(dsn)
        await until(lambda: any(state.mode == "stale" for state in screen.states), what="stale")
        stale = next(state for state in screen.states if state.mode == "stale")
        assert "terminat" in stale.reason or "closed" in stale.reason
        await screen.is_in("live")
        await until(lambda: screen.refreshes == 2, what="to be told to read anew")
        await live_a_life(dsn, screen)
        await until(lambda: screen.monitor.counts.is_exact and screen.monitor.counts.total(Status.TODO) == 2)


async def test_while_the_database_lets_nobody_in_the_monitor_stays_stale(dsn: str, server_dsn: str) -> None:
    (name,) = run_sql(dsn, "SELECT current_database()")
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    async with screen_of(dsn) as screen:
        run_sql(server_dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        run_sql(server_dsn, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        await screen.is_in("stale")
        await until(lambda: "not currently accepting" in screen.monitor.state.reason, timeout_s=45, what="the reason")
        run_sql(server_dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await screen.is_in("live")
        await live_a_life(dsn, screen)
        gc.collect()
        assert complaints == []


async def test_where_notifications_do_not_arrive_changes_are_polled_for(dsn: str, folder: Path) -> None:
    async with Pooler(dsn, folder) as pooler, screen_of(pooler.dsn, "polling") as screen:
        assert "Notifications do not arrive" in screen.monitor.state.reason
        assert pooler.swallowed
        await live_a_life(dsn, screen)
        assert screen.monitor.state.mode == "polling"


async def test_a_server_that_does_not_answer_is_told_and_taken_up_again(dsn: str, folder: Path) -> None:
    async with Pooler(dsn, folder, passes_notifications=True) as link, screen_of(link.dsn) as screen:
        link.flowing.clear()
        await screen.is_in("stale")
        assert "has not answered" in screen.monitor.state.reason or "stopped answering" in screen.monitor.state.reason
        job_id = defer(dsn)
        link.flowing.set()
        await screen.is_in("live", timeout_s=30)
        await until(lambda: screen.monitor.counts.total(Status.TODO) == 1, timeout_s=45)
        finish(dsn, start(dsn)[0], "succeeded")
        await screen.shows(job_id, status=Status.SUCCEEDED)


async def test_a_server_that_falls_silent_as_the_view_becomes_live_is_told_as_soon(dsn: str, folder: Path) -> None:
    async with Pooler(dsn, folder, passes_notifications=True) as link, connected(link.dsn) as (connector, able):
        screen = Screen(connector, able)

        def told(state: FeedState) -> None:
            if state.mode == "live" and not any(each.mode == "live" for each in screen.states):
                link.flowing.clear()
            screen.states.append(state)

        running = asyncio.create_task(screen.monitor.run(screen.take, told))
        try:
            await screen.is_in("live")
            # The limit of an answer, 15 s, would be too late.
            await screen.is_in("stale", timeout_s=13)
            link.flowing.set()
            await screen.is_in("live")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_state_tells_how_fresh_the_rows_are(dsn: str) -> None:
    async with screen_of(dsn) as screen:
        defer(dsn)
        await until(lambda: screen.monitor.state.last_event_id == 1)
        state = screen.monitor.state
        assert state.latency_ms is not None
        assert state.read_at is not None
        assert state.read_at >= state.since


async def test_workers_and_the_oldest_waiting_job_are_read(dsn: str) -> None:
    async with screen_of(dsn) as screen:
        assert await screen.monitor.workers() == []
        first = defer(dsn)
        defer(dsn, queue_name="other", scheduled_at="2090-01-01")
        (at,) = run_sql(dsn, "SELECT at FROM procrastinate_events WHERE job_id = %s", first)
        monitor = screen.monitor

        def oldest() -> dict[str, dt.datetime]:
            groups = monitor.moment.open.queues if monitor.moment is not None else {}
            return {name: group.oldest for name, group in groups.items() if group.oldest is not None}

        await until(lambda: oldest() == {"q": at}, what="the oldest due job")
        _, worker_id = start(dsn)
        assert [(worker.id, worker.running) for worker in await screen.monitor.workers()] == [(worker_id, 1)]


async def test_a_monitor_that_is_woken_and_cancelled_at_once_ends(dsn: str) -> None:
    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, able)
        waiting = asyncio.create_task(monitor._wait(60))
        await until(lambda: monitor._wake._waiters, what="the monitor to wait")  # type: ignore[attr-defined]
        monitor.wake()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
