"""What is watched may become another database under the same name: that is noticed within the tick, and read anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from database import connected, run_sql
from faulty import FaultyLink
from jobdesk_core import monitor as monitors
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.feed.state import Changes
from jobdesk_core.monitor import Monitor
from waiting import until

REWIND = "SELECT setval('procrastinate_events_id_seq', 1, false)"
DEFER = "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, {})"


class Watched:
    """A monitor at work, and what it has told."""

    def __init__(self, monitor: Monitor, able: Capabilities) -> None:
        self.monitor, self.able = monitor, able
        self.refreshes, self.rows = 0, set[int]()
        monitor.on_capabilities = self._adopt

    def _adopt(self, able: Capabilities) -> None:
        self.able = able

    def take(self, changes: Changes) -> None:
        self.refreshes += changes.is_refresh
        self.rows |= changes.rows.keys()

    @property
    def is_live(self) -> bool:
        return self.monitor.state.mode == "live" and self.refreshes > 0

    def total(self) -> int:
        return self.monitor.counts.total() if self.monitor.counts.is_exact else -1


@contextlib.asynccontextmanager
async def watched(dsn: str) -> AsyncIterator[Watched]:
    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, able)
        found = Watched(monitor, able)
        task = asyncio.create_task(monitor.run(found.take, lambda state: None))
        try:
            await until(lambda: found.is_live, what="the feed to be live")
            yield found
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "fault",
    [
        ["DELETE FROM procrastinate_events", REWIND],
        ["TRUNCATE procrastinate_jobs RESTART IDENTITY CASCADE", DEFER.format(60)],
        ["TRUNCATE procrastinate_jobs CASCADE"],
        ["DELETE FROM procrastinate_events", REWIND, DEFER.format(50)],
        ["SELECT setval('procrastinate_events_id_seq', 5, false)", "DELETE FROM procrastinate_events WHERE id > 4"],
        ["CREATE TABLE kept AS TABLE procrastinate_events", "TRUNCATE procrastinate_events",
         "INSERT INTO procrastinate_events SELECT * FROM kept WHERE id < 20",
         "SELECT setval('procrastinate_events_id_seq', 19)"],
    ],
    ids=["rewound", "restarted", "truncated", "rewound and overtaken", "set back", "restored"],
)  # fmt: skip
async def test_what_comes_after_the_events_began_anew_is_seen(dsn: str, fault: list[str]) -> None:
    run_sql(dsn, DEFER.format(50))
    async with watched(dsn) as found:
        await until(lambda: found.total() == 50, what="the first count")
        before = found.refreshes
        # Beside the loop, which may have to let go of the table first.
        await asyncio.to_thread(run_sql, dsn, "; ".join(fault))
        new = run_sql(dsn, f"{DEFER.format(1)} RETURNING id")[0]
        await until(lambda: found.refreshes > before or new in found.rows, timeout_s=60, what="the new job")
        count = run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs")[0]
        await until(lambda: found.total() == count, timeout_s=60, what="an exact count")
        later = run_sql(dsn, f"{DEFER.format(1)} RETURNING id")[0]
        await until(lambda: later in found.rows, timeout_s=60, what="a later job")


async def test_deleting_the_newest_jobs_is_no_new_beginning(dsn: str) -> None:
    run_sql(dsn, DEFER.format(50))
    async with watched(dsn) as found:
        await until(lambda: found.total() == 50, what="the first count")
        before = found.refreshes
        run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id > 30")
        await until(lambda: found.total() == 30, timeout_s=60, what="the count without them")
        new = run_sql(dsn, f"{DEFER.format(1)} RETURNING id")[0]
        await until(lambda: new in found.rows, timeout_s=60, what="a new job")
        assert found.refreshes == before


async def test_a_migration_while_watching_is_noticed(dsn: str) -> None:
    async with watched(dsn) as found:
        assert found.able.can_retry_failed
        run_sql(dsn, "ALTER FUNCTION procrastinate_retry_job_v2 RENAME TO retry_of_old")
        await until(lambda: not found.able.can_retry_failed, timeout_s=60, what="what is no longer possible")
        run_sql(dsn, "ALTER FUNCTION retry_of_old RENAME TO procrastinate_retry_job_v2")
        await until(lambda: found.able.can_retry_failed, timeout_s=60, what="what is possible again")
        run_sql(dsn, "ALTER TYPE procrastinate_job_status ADD VALUE 'parked'")
        await until(lambda: "parked" in found.able.statuses, timeout_s=60, what="the new status")
        await until(lambda: found.is_live, what="the feed to be live")


async def test_what_changed_while_the_link_was_away_is_read_and_detected_anew(dsn: str) -> None:
    run_sql(dsn, DEFER.format(50))
    with FaultyLink(dsn) as link:
        async with watched(link.dsn) as found:
            await until(lambda: found.total() == 50, what="the first count")
            before = found.refreshes
            link.freeze()
            run_sql(dsn, "ALTER FUNCTION procrastinate_retry_job_v2 RENAME TO retry_of_old")
            await asyncio.to_thread(run_sql, dsn, "TRUNCATE procrastinate_jobs RESTART IDENTITY CASCADE")
            link.break_off()
            link.thaw()
            await until(lambda: found.refreshes > before and found.is_live, timeout_s=30, what="the link to be back")
            await until(lambda: found.total() == 0 and not found.able.can_retry_failed, what="what is there now")


async def test_a_question_that_fails_in_the_end_is_no_answer(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "WAIT_TOLD_S", 0.02)
    monkeypatch.setattr(monitors, "ANSWER_S", 0.2)

    async def failing() -> None:
        await asyncio.sleep(0.4)
        raise ConnectorException("The server has stopped answering.")

    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, able)
        with pytest.raises(ConnectorException):
            await monitor._answered(failing())
        assert monitor.state.mode == "stale"  # not live in between: closing what has failed takes seconds
