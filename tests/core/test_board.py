"""The rows of queues and tasks, the oldest waiting jobs, the usual arguments and what workers run."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from typing import Any

import pytest
from database import connected, defer, finish, run_sql, start
from histories import change, happened, monitor_of
from jobdesk_core import EventType, Status
from jobdesk_core.job.typical_arguments import MOST_JOBS, learn
from jobdesk_core.monitor import Monitor
from jobdesk_core.operations.change.prune import pruning, pruning_refusal
from jobdesk_core.reading.job_counts import QueueCounts
from jobdesk_core.reading.name_rows import Board, NameRow, name_row
from jobdesk_core.reading.open_jobs import NONE_OPEN, OpenGroup
from jobdesk_core.reading.pace import KINDS, SAMPLES, Pace, first_minute, minute_of
from jobdesk_core.reading.stamps import Stamps
from waiting import until

NOW = dt.datetime(2026, 5, 4, 12, 30, tzinfo=dt.UTC)
LAST = minute_of(NOW)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def held_by(pace: Pace, names: list[str]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for name in names:
        for kind in KINDS:
            for minute, count in enumerate(pace.per_minute(kind, now(), name), first_minute(now())):
                found[minute, name, kind] += count
    return +found


# What happened, by task as well


@pytest.mark.parametrize("seed", range(3))
async def test_the_series_of_tasks_and_queues_equal_the_events_after_random_histories(dsn: str, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        change(chance, dsn, deletes=False)
    run_sql(dsn, "UPDATE procrastinate_jobs SET queue_name = 'a'")
    async with monitor_of(dsn) as monitor:

        def is_equal() -> bool:
            return held_by(monitor.series.tasks, ["x", "y"]) == happened(dsn, "task_name")

        await until(is_equal, what="the history of the tasks")
        for _ in range(20):
            change(chance, dsn, deletes=False)
        await until(is_equal, what="the tasks to follow")
        total = sum(monitor.series.tasks.total(kind, now()) for kind in KINDS)
        assert total == sum(monitor.series.total(kind, now()) for kind in KINDS) == happened(dsn).total()


def test_a_name_costs_the_same_memory_however_much_happens_to_it() -> None:
    pace = Pace()
    for minute in range(LAST - 3_000, LAST + 1):
        pace.count(minute, "q", EventType.STARTED)
        pace.add_ran("q", [(60.0 * minute, float(LAST - minute))] * 3)
    assert pace.per_minute(EventType.STARTED, NOW, "q") == [1] * 60
    assert (pace.ran_s("q", NOW, 0), pace.ran_s("q", NOW, 1)) == (0.0, 59.0), "of the last hour alone"
    for _ in range(SAMPLES):
        pace.add_ran("other", [(60.0 * LAST, 1.0)])
    assert pace.ran_s(None, NOW, 0) == 1.0, "of all only the latest"
    assert all(len(held) <= SAMPLES for pair in pace._ran._held.values() for held in pair)
    later = NOW + dt.timedelta(hours=1)
    assert pace.ran_s("q", later) is pace.ran_s(None, later) is None, "a quiet name ages out"
    assert all(len(each) == 64 for each in pace._tracks["q"].counts.values())


def test_stamps_tell_each_asker_what_is_new_to_it() -> None:
    stamps = Stamps()
    stamps.touch("a")
    stamps.touch("b")
    first, mark = stamps.since(0)
    stamps.touch("a")
    assert first == {"a", "b"}
    assert stamps.since(mark)[0] == {"a"}
    assert stamps.since(stamps.since(mark)[1])[0] == set()


# The rows


def anew(monitor: Monitor, kind: str, at: dt.datetime) -> dict[str, NameRow]:
    moment = monitor.moment
    assert moment is not None
    counts, pace, groups = (
        (moment.queues, monitor.series, moment.open.queues)
        if kind == "queue"
        else (moment.tasks, monitor.series.tasks, moment.open.tasks)
    )
    return {each.name: name_row(each, groups.get(each.name, NONE_OPEN), pace, at) for each in counts}


def all_done(board: Board, at: dt.datetime) -> None:
    board.look(at)
    while board.is_due:
        board.work(0.001)


@pytest.mark.parametrize("deletes", [True, False], ids=["with deletions", "without"])
async def test_the_rows_equal_all_rows_made_anew_after_random_histories(dsn: str, deletes: bool) -> None:
    chance = random.Random(8)
    async with monitor_of(dsn) as monitor:
        for _ in range(5):
            for _ in range(15):
                change(chance, dsn, deletes=deletes)
                await asyncio.sleep(0)
            last = run_sql(dsn, "SELECT coalesce(max(id), 0) FROM procrastinate_events")[0]
            await until(lambda last=last: monitor.state.last_event_id >= last and monitor.counts.is_exact)
            at = now()
            for board, kind in ((monitor.queues, "queue"), (monitor.tasks, "task")):
                all_done(board, at)
                assert board.rows == anew(monitor, kind, at)
                assert board.troubled == {name: row for name, row in board.rows.items() if row.trouble}


def test_only_what_has_changed_is_looked_at_and_a_little_at_a_time() -> None:
    counts = {f"q{number:05}": QueueCounts(f"q{number:05}", {Status.TODO: 1}) for number in range(10_000)}
    pace = Pace()
    board = Board(counts.values, lambda: pace, dict)
    board.look(NOW)
    board.work(0.0)
    assert 0 < len(board.rows) < 1_000 and board.is_due, "some rows, not all at once"
    all_done(board, NOW)
    assert len(board.rows) == 10_000
    _, mark = board.changes.since(0)
    counts["q00007"] = QueueCounts("q00007", {Status.TODO: 2})
    del counts["q00009"]
    pace.count(LAST - 1, "q00011", EventType.STARTED)
    board.look(NOW)
    board.work(0.0)
    assert not board.is_due
    assert board.changes.since(mark)[0] == {"q00007", "q00009", "q00011"}
    assert "q00009" not in board.rows
    board.look(NOW + dt.timedelta(minutes=1))
    assert board.is_due, "rates are those of the last minutes"


def counted(pace: Pace, name: str, kind: EventType, minutes: range, number: int) -> None:
    for minute in minutes:
        pace.count(LAST + minute, name, kind, number)


def test_a_row_tells_pace_progress_and_trouble() -> None:
    pace = Pace()
    counted(pace, "q", EventType.STARTED, range(-5, 0), 30)
    counted(pace, "q", EventType.DEFERRED, range(-5, 0), 10)
    counted(pace, "q", EventType.SUCCEEDED, range(-5, 0), 20)
    counted(pace, "q", EventType.FAILED, range(-3, 0), 4)
    pace.add_start("q", NOW)
    group = OpenGroup(due=100, scheduled=7, oldest=NOW - dt.timedelta(hours=1))
    row = name_row(QueueCounts("q", {Status.TODO: 107}), group, pace, NOW)
    assert (row.came_rate, row.started_rate, row.ended_rate) == (10, 30, 22.4)
    assert (row.failed_in_hour, row.trouble) == (12, "failing")
    assert row.ended[-6:] == (20, 20, 24, 24, 24, 0)
    stuck = name_row(QueueCounts("q", {}), OpenGroup(due=1, running=1, stalled=1), pace, NOW)
    assert (stuck.trouble, stuck.is_failing) == ("stalled", True)
    rise = row.rise("queue", NOW)
    assert (rise.failures, rise.usual, rise.since) == (12, 0, NOW - dt.timedelta(minutes=3))


# A task's usual arguments


def test_usual_arguments_are_keys_types_and_frequent_plain_values() -> None:
    jobs = [("mail", {"to": f"u{number}", "urgent": number < 2, "tags": ["a"]}) for number in range(4)]
    usual = learn([*jobs, ("other", {"to": None})])
    assert (usual.jobs, usual.queue) == (5, "mail")
    assert [(each.key, each.jobs, each.types) for each in usual.arguments] == [
        ("to", 5, ("text", "null")),
        ("urgent", 4, ("boolean",)),
        ("tags", 4, ("list",)),
    ]
    assert [each.values for each in usual.arguments] == [(), (("true", 2), ("false", 2)), ()]
    assert learn([]).queue is None


async def test_usual_arguments_are_learned_from_the_newest_jobs_with_small_ones(dsn: str) -> None:
    deep = '{"a": ' + "[" * 1_500 + "]" * 1_500 + "}"
    text = "INSERT INTO procrastinate_jobs (task_name, queue_name, args) "
    run_sql(dsn, text + "SELECT 't', 'q', '{\"old\": 1}' FROM generate_series(1, 150)")
    run_sql(dsn, text + "SELECT 'x', 'q', '{\"others\": 1}' FROM generate_series(1, 150)")
    large = "(SELECT jsonb_object_agg(n, gen_random_uuid()) FROM generate_series(1, 1000) AS n)"
    run_sql(dsn, text + f"VALUES ('t', 'q', {large}), ('t', 'q', %s::jsonb)", deep)
    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, able)
        usual = await monitor.usual_arguments("t")
        assert (usual.arguments[0].key, usual.arguments[0].types) == ("old", ("number",))
        assert usual.jobs <= MOST_JOBS and not any(each.key in ("others", "1") for each in usual.arguments)
        assert (await monitor.usual_arguments('no "such" task')).jobs == 0


# Workers


async def test_what_a_worker_runs_and_what_runs_without_one(dsn: str) -> None:
    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, able)
        assert await monitor.running_jobs(None) == []
        job_id = defer(dsn, task_name="t")
        _, worker_id = start(dsn)
        found = await monitor.running_jobs(worker_id)
        assert [(job.id, job.task_name, job.queue_name) for job in found] == [(job_id, "t", "q")]
        assert found[0].started_at is not None
        assert pruning_refusal(able, is_read_only=False) is None
        assert await connector.run_async(pruning(able)) == [], "its heart beats"
        run_sql(dsn, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 seconds'")
        assert await connector.run_async(pruning(able)) == [worker_id]
        assert await monitor.running_jobs(worker_id) == []
        assert [job.id for job in await monitor.running_jobs(None)] == [job_id]
        finish(dsn, job_id, "failed")
        assert await monitor.running_jobs(None) == []
        assert "read-only" in (pruning_refusal(able, is_read_only=True) or "")
