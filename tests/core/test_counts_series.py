"""Counts and series equal what SQL says, whatever anyone has done: deletions by others included."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from typing import Any

import psycopg
import pytest
from database import connected, defer, finish, run_sql, start
from histories import change, happened, monitor_of
from jobdesk_core import EventType, Status
from jobdesk_core.database.rows import EventRow, JobRow
from jobdesk_core.feed.counts import STRETCH_IDS, Counts
from jobdesk_core.feed.feed import Feed
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.monitor import Monitor
from jobdesk_core.number import exact, known_at, so_far
from jobdesk_core.reading.pace import KINDS, Pace, first_minute
from jobdesk_core.reading.series import Series
from waiting import until

TABLE = "SELECT queue_name, task_name, status::text, count(*) FROM procrastinate_jobs GROUP BY 1, 2, 3"
NOW = dt.datetime(2026, 5, 4, 12, 30, tzinfo=dt.UTC)


def counted(dsn: str) -> Counter[Any]:
    return Counter({(queue, task, Status(status)): n for queue, task, status, n in run_sql(dsn, TABLE)})


def exactly(monitor: Monitor, dsn: str) -> bool:
    return monitor.counts.is_exact and monitor.counts.groups() == counted(dsn)


@pytest.mark.parametrize(
    ("deletes", "vacuums", "seed"),
    [(False, False, 0), (False, False, 1), (True, False, 0), (True, False, 1), (True, True, 4), (True, True, 7)],
)
async def test_counts_equal_the_tables_after_random_changes(dsn: str, deletes: bool, vacuums: bool, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(20):
        change(chance, dsn, deletes=deletes)
    async with monitor_of(dsn) as monitor:
        assert exactly(monitor, dsn)
        for _ in range(4):
            for _ in range(25):
                change(chance, dsn, deletes=deletes)
                if vacuums and chance.random() < 0.06:
                    run_sql(dsn, chance.choice(["ANALYZE procrastinate_jobs", "VACUUM procrastinate_jobs"]))
                await asyncio.sleep(0)
            await until(lambda: exactly(monitor, dsn), timeout_s=45, what="the counts to equal the tables")
        for status in Status:
            assert monitor.counts.total(status) == sum(n for group, n in counted(dsn).items() if group[2] is status)


async def test_jobs_that_others_delete_leave_the_counts(dsn: str) -> None:
    for _ in range(6):
        defer(dsn)
        finish(dsn, start(dsn)[0], "succeeded")
    async with monitor_of(dsn) as monitor:
        assert monitor.counts.total(Status.SUCCEEDED) == 6
        run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id < 5")
        await until(lambda: monitor.counts.total(Status.SUCCEEDED) == 2, timeout_s=45)


@pytest.mark.parametrize("restart", ["", "RESTART IDENTITY"])
async def test_after_the_tables_were_emptied_the_counts_begin_anew(dsn: str, restart: str) -> None:
    for _ in range(6):
        defer(dsn)
        finish(dsn, start(dsn)[0], "succeeded")
    async with monitor_of(dsn) as monitor:
        assert monitor.counts.total() == 6
        await asyncio.to_thread(run_sql, dsn, f"TRUNCATE procrastinate_jobs {restart} CASCADE")
        await until(lambda: exactly(monitor, dsn) and not monitor.counts.total(), timeout_s=45, what="no jobs")
        defer(dsn)
        finish(dsn, start(dsn)[0], "failed")
        await until(lambda: exactly(monitor, dsn) and monitor.counts.total() == 1, timeout_s=45, what="one job")


async def test_jobs_of_many_stretches_are_counted(dsn: str) -> None:
    for stretch in (0, 1, 3):
        for number in range(2):
            job_id = defer(dsn, id=stretch * STRETCH_IDS + number + (stretch == 0))
            finish(dsn, start(dsn)[0], "failed")
    defer(dsn, id=9 * STRETCH_IDS)
    async with monitor_of(dsn) as monitor:
        assert (monitor.counts.total(Status.FAILED), monitor.counts.total(Status.TODO)) == (6, 1)
        run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id = %s", job_id)
        await until(lambda: exactly(monitor, dsn), timeout_s=45)


async def test_counts_are_given_by_queue_task_and_filter(dsn: str) -> None:
    for queue, task in [("a", "x"), ("a", "y"), ("b", "x"), ("b", "x")]:
        defer(dsn, queue_name=queue, task_name=task)
    finish(dsn, start(dsn)[0], "failed")
    async with monitor_of(dsn) as monitor:
        counts = monitor.counts
        assert [(each.name, each.total, each.count(Status.FAILED)) for each in counts.queues()] == [
            ("a", 2, 1),
            ("b", 2, 0),
        ]
        assert [(each.name, each.total) for each in counts.tasks()] == [("x", 3), ("y", 1)]
        for text, count in [("", 4), ("queue:a,b task:x", 3), ("status:failed", 1), ("queue:a queue:b", 0)]:
            found = counts.match(JobFilter.parse(text))
            assert found is not None
            assert (found.value, found.is_exact) == (count, True)
        for text, count in [("queue:a*", 2), ("-queue:a", 2), ("queue:a or task:x status:todo", 4), ("not task:x", 1)]:
            found = counts.match(JobFilter.parse(text))
            assert found is not None and (found.value, found.is_exact) == (count, True)
        for text in ("priority:0", "queue:a or priority:0", "is:aborting"):
            assert counts.match(JobFilter.parse(text)) is None


# The series


def believed(series: Pace, now: dt.datetime, queues: list[str]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for queue in queues:
        for kind in KINDS:
            for minute, count in enumerate(series.per_minute(kind, now, queue), first_minute(now)):
                found[minute, queue, kind] += count
    return +found


async def test_the_series_equals_the_events_before_and_after_the_start(dsn: str) -> None:
    chance = random.Random(5)
    for _ in range(60):
        change(chance, dsn, deletes=False)
    # The last half second of a minute belongs to that minute.
    minute = "date_trunc('minute', now()) - id % 50 * interval '1 minute'"
    run_sql(dsn, f"UPDATE procrastinate_events SET at = {minute} - interval '0.3 seconds'")
    run_sql(dsn, "UPDATE procrastinate_jobs SET queue_name = 'a'")
    async with monitor_of(dsn) as monitor:
        await until(lambda: believed(monitor.series, dt.datetime.now(dt.UTC), ["a"]) == happened(dsn))
        for _ in range(6):
            defer(dsn, queue_name="a")
            finish(dsn, start(dsn)[0], "succeeded")
        await until(lambda: believed(monitor.series, dt.datetime.now(dt.UTC), ["a"]) == happened(dsn))


def row(**changes: Any) -> JobRow:
    values: dict[str, Any] = {"queue_name": "q", "attempts": 0, "scheduled_at": None, "deferred_at": NOW} | changes
    return JobRow(
        1,
        "t",
        values["queue_name"],
        Status.DOING,
        0,
        values["attempts"],
        values["scheduled_at"],
        None,
        None,
        None,
        False,
        values["deferred_at"],
    )


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def at(seconds: float, kind: EventType) -> EventRow:
    return EventRow(int(seconds * 10) + 1, 1, kind, NOW + dt.timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("job", "waited"),
    [
        (row(), 10.0),
        (row(scheduled_at=NOW + dt.timedelta(seconds=4)), 6.0),
        (row(scheduled_at=NOW + dt.timedelta(seconds=40)), 0.0),
        (row(attempts=1), None),
    ],
    ids=["deferred", "scheduled", "early", "not its first run"],
)
def test_waiting_is_measured_from_when_a_job_was_due(job: JobRow, waited: float | None) -> None:
    series = Series()
    series.add_events([at(10, EventType.STARTED)], {1: job}, NOW)
    assert series.waited_s("q", NOW) == waited


@pytest.mark.parametrize(
    "end", [EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED, EventType.DEFERRED_FOR_RETRY]
)
def test_running_is_measured_from_start_to_end(end: EventType) -> None:
    series = Series()
    series.add_events([at(1, EventType.STARTED)], {1: row()}, NOW)
    assert series.ran_s("q", NOW) is None
    series.add_events([at(3.5, end)], {1: row()}, NOW)
    assert [series.ran_s(name, NOW) for name in ("q", None, "other")] == [2.5, 2.5, None]


async def test_history_tells_how_long_jobs_waited_and_ran_before_the_start(dsn: str) -> None:
    for number in range(4):
        defer(dsn, id=number + 1, scheduled_at="2020-01-01")
        finish(dsn, start(dsn)[0], "failed" if number else "succeeded")
    defer(dsn, id=9)
    start(dsn)
    # Each waited for twice its number of minutes and ran for as many; the one that ran again is not a first run.
    for kind, minutes in {"scheduled": 0, "deferred": 0, "started": 2, "succeeded": 3, "failed": 3}.items():
        text = "UPDATE procrastinate_events SET at = now() - interval '50 minutes' + job_id * %s * interval '1 minute' "
        run_sql(dsn, text + "WHERE type::text = %s", minutes, kind)
    run_sql(dsn, "UPDATE procrastinate_jobs SET attempts = 2, scheduled_at = now() WHERE id = 4")
    async with monitor_of(dsn) as monitor:
        series = monitor.series
        await until(lambda: series.is_whole)
        assert [series.waited_s("q", now(), part) for part in (0, 0.5, 1)] == pytest.approx(
            [120, 300, 18 * 60], abs=0.1
        )
        assert [series.ran_s("q", now(), part) for part in (0, 0.5, 1)] == pytest.approx([60, 150, 240], abs=0.1)
        assert series.waited_s(None, now()) == series.waited_s("q", now())


async def test_history_reads_on_past_one_late_event_and_stops_where_the_ids_begin(dsn: str) -> None:
    begin = 10**15
    run_sql(dsn, "SELECT setval('procrastinate_events_id_seq', %s, false)", begin + 1)
    defer(dsn)
    run_sql(dsn, "SELECT setval('procrastinate_events_id_seq', %s, false)", begin + 60_000)
    for _ in range(2):
        defer(dsn)
    run_sql(dsn, "UPDATE procrastinate_events SET at = now() - interval '2 hours' WHERE id = %s", begin + 60_001)
    async with monitor_of(dsn) as monitor:
        await until(lambda: monitor.series.total(EventType.DEFERRED, dt.datetime.now(dt.UTC)) == 2)
    async with connected(dsn) as (connector, able):
        feed = Feed(connector, able, Counts(), Series())
        await feed.start()
        await asyncio.wait_for(feed.fill_history(), 60)


async def test_history_that_could_not_be_read_at_first_is_read_later_and_counted_once(dsn: str) -> None:
    defer(dsn)
    series = Series()
    async with connected(dsn) as (connector, able):
        feed = Feed(connector, able, Counts(), series, limit_s=0.2)
        await feed.start()
        with psycopg.connect(dsn) as other:
            await asyncio.to_thread(other.execute, "LOCK TABLE procrastinate_jobs")
            filling = asyncio.create_task(feed.fill_history())
            await asyncio.sleep(1)
            assert not filling.done()
        await asyncio.wait_for(filling, 60)
    assert series.is_whole
    assert series.total(EventType.DEFERRED, dt.datetime.now(dt.UTC)) == 1


def test_the_backlog_is_reckoned_back() -> None:
    series, last = Series(), int(NOW.timestamp()) // 60
    series.add_history([(last - 5 + n, "q", "t", EventType.STARTED, 30) for n in range(5)])
    series.add_history([(last - 1, "q", "t", EventType.DEFERRED, 40), (last - 1, "q", "t", EventType.RETRIED, 10)])
    series.add_history([(last - 2, "other", "t", EventType.CANCELLED, 50), (last, "q", "t", EventType.DEFERRED, 7)])
    assert series.backlog(27, NOW, "q")[-7:] == [120, 90, 60, 30, 0, 20, 27]
    assert series.backlog(0, NOW, "none") == [0] * 60


def test_what_is_two_hours_old_is_forgotten_and_what_is_of_no_known_job_is_not_counted() -> None:
    series = Series()
    series.add_events([at(0, EventType.STARTED)], {}, NOW)
    assert series.total(EventType.STARTED, NOW) == 0
    series.add_events([at(0, EventType.STARTED), at(64 * 60, EventType.STARTED)], {1: row()}, NOW)
    assert series.total(EventType.STARTED, NOW) == 0
    series.add_events([at(-64 * 60, EventType.STARTED), at(3 * 3600, EventType.STARTED)], {1: row()}, NOW)
    assert series.total(EventType.STARTED, NOW) == 0
    assert series.total(EventType.STARTED, NOW + dt.timedelta(hours=3)) == 1
    series.clear()
    assert series.total(EventType.STARTED, NOW + dt.timedelta(hours=3)) == 0


def test_counts_believe_nothing_before_they_have_counted() -> None:
    counts = Counts()
    assert (counts.is_exact, counts.total(), counts.queues()) == (False, 0, [])
    counts.set_open(Counter({("q", "t", Status.TODO): 2}))
    counts.as_of = NOW
    assert (counts.is_exact, counts.total()) == (True, 2)
    counts.expect(range(3))
    assert (counts.is_exact, counts.next_stretch()) == (False, 2)
    assert counts.number(2) == so_far(2)
    for stretch in range(3):
        counts.set_stretch(stretch, Counter({("q", "t", Status.FAILED): 1}))
    assert counts.number(5) == exact(5)
    counts.doubt([1])
    assert counts.number(5) == known_at(5, NOW)
    counts.expect(range(3))
    assert counts.number(5) == known_at(5, NOW), "what was counted once stands until it has been counted again"
    counts.expect(range(4))
    assert counts.number(5) == so_far(5)


async def test_an_event_in_flight_at_the_start_is_counted_once(dsn: str) -> None:
    series = Series()
    async with connected(dsn) as (connector, able):
        feed = Feed(connector, able, Counts(), series)
        with psycopg.connect(dsn) as slow:
            slow.execute("INSERT INTO procrastinate_jobs (task_name, queue_name) VALUES ('x', 'a')")
            defer(dsn, queue_name="a", task_name="x")
            await feed.start()
        await feed.fill_history()
        assert series.total(EventType.DEFERRED, dt.datetime.now(dt.UTC)) == 1
        await feed.read()
        assert series.total(EventType.DEFERRED, dt.datetime.now(dt.UTC)) == 2
