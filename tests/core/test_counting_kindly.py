"""Counting costs what changed: sums are kept, deletions are found by evidence, and a desk at rest asks little."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from database import connected, defer, finish, run_sql, start
from hypothesis import given, settings
from hypothesis import strategies as st
from jobdesk_core import EventType, Status
from jobdesk_core.database.rows import EventRow
from jobdesk_core.feed.counts import STRETCH_IDS, Counts
from jobdesk_core.feed.feed import Feed
from jobdesk_core.feed.gaps import Gaps
from jobdesk_core.feed.row_count_check import DELETED_QUIET_S, QUIET_S, Balance, TableStatistics
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.monitor import Monitor
from jobdesk_core.reading.job_counts import CountedGroup, Tally
from jobdesk_core.reading.series import Series
from waiting import until

NOW = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
NAMES = st.sampled_from(["a", "b", "c"])
GROUPS = st.tuples(NAMES, NAMES, st.sampled_from(list(Status)))


@given(st.lists(st.tuples(GROUPS, st.integers(-2, 3), st.booleans())))
def test_sums_are_those_of_the_groups(changes: list[tuple[CountedGroup, int, bool]]) -> None:
    tally, model = Tally(), Counter[CountedGroup]()
    for group, change, is_asked in changes:
        number = max(change, -model[group])
        tally.shift(group, number)
        model[group] += number
        if is_asked:
            tally.queues.all(), tally.tasks.all()
    for place, names in enumerate([tally.queues.all(), tally.tasks.all()]):
        assert [each.name for each in names] == sorted({group[place] for group, number in model.items() if number})
        for each in names:
            for status in Status:
                held = sum(n for group, n in model.items() if group[place] == each.name and group[2] is status)
                assert each.count(status) == held
    for queues in (None, {"a"}, {"a", "b", "none"}):
        for tasks in (None, {"b"}, {"a", "c"}):
            assert tally.sum(queues, tasks, [Status.TODO, Status.FAILED]) == sum(
                n
                for (queue, task, status), n in model.items()
                if (queues is None or queue in queues)
                and (tasks is None or task in tasks)
                and status in (Status.TODO, Status.FAILED)
            )


def test_ten_thousand_queues_and_tasks_are_asked_for_in_little_time() -> None:
    counts = Counts()
    counts.set_stretch(0, Counter({(f"q{n}", f"t{n}", Status.FAILED): n + 1 for n in range(10_000)}))
    filters = [JobFilter.parse(text) for text in ("", "status:failed", "queue:q7", "queue:q7 task:t7")]
    open_jobs: Counter[CountedGroup] = Counter()
    started = time.process_time()
    for number in range(100):
        open_jobs = open_jobs + Counter({(f"q{number}", f"t{number}", Status.TODO): 1})
        counts.set_open(open_jobs)
        assert (len(counts.queues()), len(counts.tasks())) == (10_000, 10_000)
        for job_filter in filters:
            assert counts.match(job_filter) is not None
        assert counts.match(JobFilter.parse("queue:q7 or task:t7")) is None  # ten thousand questions are too many
    assert time.process_time() - started < 2  # 20 ms each, most of it for machines that are busy


@given(st.lists(st.sampled_from(["insert", "delete open", "delete ended", "flush", "look"]), max_size=60))
def test_the_balance_finds_every_deleted_job_that_was_ended_and_blames_no_other(acts: list[str]) -> None:
    balance, now = Balance(), 0.0
    believed = rows = 100  # what the monitor counts, what the statistics say
    lag_rows = deleted = lag_deleted = gone = 0
    statistics = TableStatistics(rows, deleted, 0)
    balance.see(statistics, believed, now)
    balance.check(statistics, believed, now, QUIET_S)
    for act in [*acts, "flush", "look", "look"]:
        now += 0.1
        match act:
            case "insert":
                believed, lag_rows = believed + 1, lag_rows + 1
            case "delete open":
                believed, lag_rows, lag_deleted = believed - 1, lag_rows - 1, lag_deleted + 1
            case "delete ended":
                lag_rows, lag_deleted, gone = lag_rows - 1, lag_deleted + 1, gone + 1
            case "flush":
                rows, deleted, lag_rows, lag_deleted = rows + lag_rows, deleted + lag_deleted, 0, 0
            case "look":
                balance.see(TableStatistics(rows, deleted, 0), believed, now)
    assert balance.is_doubtful(now, QUIET_S) == bool(gone)
    assert balance.has_found_all == (not gone)
    balance.check(TableStatistics(rows, deleted, 0), believed - gone, now, QUIET_S)
    assert balance.has_found_all
    assert not balance.is_doubtful(now, QUIET_S)


def test_a_vacuums_estimate_is_taken_over_and_with_deletions_it_is_doubted() -> None:
    balance = Balance()
    first = TableStatistics(100, 0, 0)
    balance.see(first, 100, 0.0)
    balance.check(first, 100, 0.0, QUIET_S)
    balance.see(TableStatistics(90, 0, 1), 100, 1.0)
    assert balance.is_even and not balance.is_doubtful(1.0, DELETED_QUIET_S)
    assert balance.is_doubtful(1.0, QUIET_S)  # something may have come or gone that the statistics lacked then
    balance.check(TableStatistics(90, 0, 1), 100, 1.5, QUIET_S)
    assert balance.has_found_all and not balance.is_doubtful(1.5, QUIET_S)
    balance.see(TableStatistics(120, 5, 2), 100, 2.0)
    assert balance.is_doubtful(2.0, DELETED_QUIET_S)


@settings(max_examples=200)
@given(st.data())
def test_every_committed_event_is_read_once_whatever_is_in_flight(data: st.DataObject) -> None:
    gaps, cursor, now = Gaps(), 0, 0.0
    gaps.start(set(), 1, now)
    running: dict[int, list[int]] = {}  # transaction -> the event ids it has taken
    visible: set[int] = set()
    read: list[int] = []
    next_id = next_transaction = 1

    def look() -> None:
        nonlocal cursor, now
        xmin, xmax = min(running, default=next_transaction), next_transaction
        asked = gaps.due(now, xmin)
        events = [EventRow(i, i, EventType.STARTED, NOW) for i in sorted(visible) if i > cursor]
        late = [EventRow(i, i, EventType.STARTED, NOW) for i in asked if i in visible]
        assert gaps.close(asked, late, xmin, now)
        cursor = gaps.follow(events, cursor, xmax, now)
        read.extend(event.id for event in [*late, *events])
        now += data.draw(st.sampled_from([0.2, 3.0, 20.0]))

    places: dict[int, int] = {}  # of three clients the transaction that each is in
    for _ in range(data.draw(st.integers(5, 40))):
        client, act = data.draw(st.tuples(st.integers(0, 2), st.sampled_from(["take", "commit", "roll back", "look"])))
        if act == "look":
            look()
        elif act == "take":
            if client not in places:
                places[client], next_transaction = next_transaction, next_transaction + 1
                running[places[client]] = []
            running[places[client]].append(next_id)
            next_id += 1
        elif client in places:
            taken = running.pop(places.pop(client))
            visible.update(taken if act == "commit" else [])
    visible.update(*running.values())
    running.clear()
    look()
    look()
    assert sorted(read) == sorted(visible)
    assert len(gaps) == 0


class Recounted(Counts):
    """Counts that know which stretches were counted."""

    def __init__(self) -> None:
        super().__init__()
        self.stretches: list[int] = []

    def set_stretch(self, stretch: int, counted: Counter[CountedGroup]) -> None:
        super().set_stretch(stretch, counted)
        self.stretches.append(stretch)


@contextlib.asynccontextmanager
async def following(dsn: str) -> AsyncIterator[Recounted]:
    """A feed that is read every tenth of a second, and its counts once they are exact."""
    async with connected(dsn) as (connector, able):
        counts = Recounted()
        feed = Feed(connector, able, counts, Series())
        await feed.start()

        async def follow() -> None:
            while True:
                if await feed.has_news():
                    await feed.read()
                await asyncio.sleep(0.1)

        task = asyncio.create_task(follow())
        try:
            await until(lambda: counts.is_exact)
            counts.stretches.clear()
            yield counts
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def ended_jobs(dsn: str, stretches: int) -> None:
    """Two ended jobs in each stretch."""
    run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (id, queue_name, task_name, status) SELECT stretch * %s + number, 'q', 't', "
        "'succeeded' FROM generate_series(0, %s) AS stretch, generate_series(1, 2) AS number",
        STRETCH_IDS,
        stretches - 1,
    )


async def test_workers_that_delete_their_jobs_have_nothing_counted_again(dsn: str) -> None:
    ended_jobs(dsn, 6)
    async with following(dsn) as counts:
        for number in range(12):
            job_id = defer(dsn, id=10 * STRETCH_IDS + number)
            start(dsn)
            run_sql(dsn, "SELECT procrastinate_finish_job_v1(%s, 'succeeded', true)", job_id)
        last = dt.datetime.now(dt.UTC)
        await until(lambda: counts.is_exact and counts.as_of is not None and counts.as_of > last, timeout_s=45)
        assert (counts.total(), counts.stretches) == (12, [])


async def test_of_many_stretches_only_those_whose_jobs_have_gone_are_counted_again(dsn: str) -> None:
    ended_jobs(dsn, 40)
    async with following(dsn) as counts:
        run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id IN (%s, %s)", 7 * STRETCH_IDS + 1, 31 * STRETCH_IDS + 2)
        await until(lambda: counts.total() == 78 and counts.is_exact, timeout_s=45)
        assert sorted(counts.stretches) == [7, 31]
        run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id < %s", 5 * STRETCH_IDS)
        await until(lambda: counts.total() == 68 and counts.is_exact, timeout_s=45)
        # The oldest are gone altogether: nothing needs to be counted for that.
        assert set(counts.stretches) == {0, 1, 2, 3, 4, 7, 31}


async def test_at_rest_a_desk_asks_one_small_question_a_second(dsn: str) -> None:
    for _ in range(3):
        defer(dsn)
        finish(dsn, start(dsn)[0], "succeeded")
    seen = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s"
    (name,) = run_sql(dsn, "SELECT current_database()")
    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, able)
        running = asyncio.create_task(monitor.run(lambda changes: None, lambda state: None))
        try:
            await until(lambda: monitor.counts.is_exact)
            other = dsn.replace(name, "postgres")
            # Settled: three looks in a row.
            for _ in range(3):
                looked = monitor.state.read_at
                await until(lambda looked=looked: monitor.state.read_at != looked)  # type: ignore[misc]
            (before,), started = run_sql(other, seen, name), time.monotonic()
            await until(lambda: time.monotonic() - started > 6)
            (after,), took = run_sql(other, seen, name), time.monotonic() - started
            # The pool makes sure by an empty command that the connection lives.
            assert 3 <= after - before <= 2 * took + 2
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_feeds_snapshot_limits_every_statement_and_only_its_own(dsn: str) -> None:
    async with connected(dsn) as (connector, able):
        feed = Feed(connector, able, Counts(), Series(), limit_s=0.25)
        async with feed._snapshot() as connection:
            await connector.run_async(feed._begin(), connection=connection)
            (shown,) = await (await connection.execute("SHOW statement_timeout")).fetchone()
        assert shown == "250ms"
        async with connector.pool.connection() as connection:
            (shown,) = await (await connection.execute("SHOW statement_timeout")).fetchone()
        assert shown == "0"


@pytest.mark.parametrize("has_estimate", [False, True])
def test_a_deletion_while_all_is_counted_is_not_taken_for_the_tables_own_difference(has_estimate: bool) -> None:
    balance = Balance()
    first = TableStatistics(100, 0, 0)
    balance.see(first, 100, 0.0)
    if has_estimate:
        balance.check(first, 100, 0.0, QUIET_S)
        balance.see(TableStatistics(100, 1, 1), 100, 1.0)  # 99 are there: the estimate hides it
    else:
        balance.see(TableStatistics(99, 1, 0), 100, 1.0)  # deleted after its stretch was counted
        balance.check(first, 100, 1.0, QUIET_S)
    assert not balance.has_found_all
    assert balance.is_doubtful(2.0, QUIET_S)
    balance.see(TableStatistics(99, 1, 1), 99, 2.0)
    balance.check(TableStatistics(99, 1, 1), 99, 2.0, QUIET_S)
    assert balance.has_found_all and not balance.is_doubtful(100.0, QUIET_S)
