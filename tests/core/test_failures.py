"""Failures of a range: counted in stretches as SQL counts them whole, and told as new, back, rising, usual."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

import psycopg
import pytest
from database import role, run_sql
from failing import Ran, able_of, answers, contrasts, read, write
from histories import change
from jobdesk_core import JobManager, Status
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.failures import stretches
from jobdesk_core.failures.records import By, FailureGroup, Range
from jobdesk_core.failures.shape import bursts, is_rising
from jobdesk_core.filters.language import JobFilter
from managing import bring_to, job_of, managing, now
from odd_tables import ODD, make_odd
from pgbouncer import needs_pgbouncer, pgbouncer
from releases import STATES, level

HOUR, DAY = 3_600, 86_400
START = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
#: Ended runs by task (or what else of the job) and kind of end, in one statement.
WHOLE = (
    "SELECT job.{name}, event.type::text, count(*) FROM procrastinate_events AS event "
    "JOIN procrastinate_jobs AS job ON job.id = event.job_id WHERE event.type::text IN "
    "('failed', 'deferred_for_retry', 'succeeded', 'aborted') GROUP BY 1, 2"
)
STILL = (
    "SELECT job.{name}, count(DISTINCT job.id) FROM procrastinate_events AS event JOIN procrastinate_jobs AS job "
    "ON job.id = event.job_id WHERE event.type = 'failed' AND job.status = 'failed' GROUP BY 1"
)


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen events at a time, so that a small table takes many stretches."""
    for name, ids in (("FIRST_STRETCH", 13), ("SHORTEST_STRETCH", 7), ("LONGEST_STRETCH", 17)):
        monkeypatch.setattr(stretches, name, ids)


def of_task(found: tuple[FailureGroup, ...], task: str) -> FailureGroup:
    return next(group for group in found if group.task == task)


def whole(dsn: str, name: str) -> dict[Any, tuple[int, int, int]]:
    """Failed runs, ended runs and jobs still failed by what a job has, of those that have failures."""
    runs, failed = Counter[Any](), Counter[Any]()
    for key, kind, number in run_sql(dsn, WHOLE.format(name=name)):
        runs[key] += number
        failed[key] += number if kind in ("failed", "deferred_for_retry") else 0
    still = dict(run_sql(dsn, STILL.format(name=name)))
    return {key: (failed[key], runs[key], still.get(key, 0)) for key in runs if failed[key]}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.usefixtures("short_stretches")
def test_every_range_is_counted_as_sql_counts_it(dsn: str, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        change(chance, dsn, deletes=False)
    run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id %% 5 = %s", seed)
    # A stalled job that somebody puts back ends in the same event as a run whose error is tried again.
    run_sql(
        dsn,
        "WITH ids AS (SELECT id FROM procrastinate_jobs WHERE status = 'todo' LIMIT 3) UPDATE procrastinate_jobs "
        "SET status = 'doing' WHERE id IN (SELECT id FROM ids)",
    )
    run_sql(
        dsn,
        "SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM procrastinate_jobs WHERE status = 'doing'",
    )
    for wanted in (Range.QUARTER_HOUR, Range.WEEK, Range.ALL):
        found = answers(dsn, wanted)
        assert len(found) > 3, "one stretch after the other"
        last = found[-1]
        told = {group.task: (group.failed, group.runs, group.still_failed) for group in last.groups}
        assert told == whole(dsn, "task_name")
        assert sum(last.trend) == last.failed == sum(sum(group.trend) for group in last.groups) > 0
        assert dict(last.queues) == {queue: failed for queue, (failed, _, _) in whole(dsn, "queue_name").items()}
        # Counted so far: never more than there is, and every answer says whether it is all.
        assert [each.failed for each in found] == sorted(each.failed for each in found)
        assert [each.is_whole for each in found] == [False] * (len(found) - 1) + [True]
    by_worker = read(dsn, Range.ALL, by=By.WORKER)
    told = {group.worker: (group.failed, group.runs, group.still_failed) for group in by_worker.groups}
    assert told == whole(dsn, "worker_id")


@pytest.mark.usefixtures("short_stretches")
def test_what_is_new_back_usual_and_rising(dsn: str) -> None:
    jobs = [Ran("steady", [("failed" if n % 10 == 0 else "succeeded", n * 60 + 5)]) for n in range(300)]
    jobs += [Ran("new", [("succeeded", 30 * DAY + n)]) for n in range(3)]
    jobs += [Ran("new", [("failed", 600 - n * 20)]) for n in range(8)]
    jobs += [Ran("back", [("failed", 6 * DAY)]), Ran("back", [("failed", 1_500)])]
    jobs += [Ran("retried", [("deferred_for_retry", 900), ("deferred_for_retry", 800), ("failed", 700)])]
    jobs += [Ran("retried", [("failed", 650)], status="todo")]
    write(dsn, jobs)
    *before, found = answers(dsn)
    assert found.is_whole and found.is_counted and found.since is not None
    so_far = [each for each in before if not each.is_counted]
    assert len(so_far) > 3 and not any(group.is_rising for each in so_far for group in each.groups)
    assert not any(each.bursts for each in so_far)
    assert [group.task for group in found.groups] == ["new", "steady", "retried", "back"]
    new, steady, retried, back = found.groups
    assert new.is_rising and not steady.is_rising and not retried.is_rising
    assert new.new_since == new.first and steady.new_since is None and retried.new_since is not None
    assert back.back_after is not None and back.back_after.days == 5 and new.back_after is None
    assert steady.usual == pytest.approx(0.1, abs=0.01) and steady.share == pytest.approx(0.1, abs=0.02)
    assert new.usual is None, "it did not run in the hours before"
    assert (retried.failed, retried.runs, retried.still_failed) == (4, 4, 1)
    assert [mark.names for mark in found.marks] == [("retried",)], "the others have run before"
    assert sum(burst.failed for burst in found.bursts) == 0
    assert read(dsn, Range.ALL).groups[0].new_since is None


def test_nothing_is_called_new_where_the_database_does_not_reach_back(dsn: str) -> None:
    write(dsn, [Ran("t", [("succeeded", HOUR + 300)]), Ran("t", [("failed", 60)])])
    (group,) = read(dsn).groups
    assert group.new_since is None


def test_new_workers_and_tasks_are_marked_where_they_first_ran(dsn: str) -> None:
    old, new = (run_sql(dsn, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0] for _ in range(2))
    jobs = [Ran("a", [("succeeded", n * 300)], worker=old) for n in range(1, 30)]
    jobs += [Ran("a", [("failed", 1_000 - n)], worker=new) for n in range(5)] + [Ran("b", [("failed", 500)])]
    write(dsn, jobs)
    marks = read(dsn).marks
    assert [(mark.kind, mark.names) for mark in marks] == [("worker", (str(new),)), ("task", ("b",))]
    assert abs((dt.datetime.now(dt.UTC) - marks[0].at).total_seconds() - 1_001) < 60


def test_a_filter_narrows_and_each_group_names_the_jobs_that_are_still_failed(dsn: str) -> None:
    jobs = [Ran(f"task {n % 3}", [("failed", 60 * n)], queue="ab"[n % 2], args={"n": n % 2}) for n in range(1, 20)]
    write(dsn, [*jobs, Ran("task 0", [("failed", 5 * DAY)]), Ran("task 0", [("failed", 50)], status="todo")])
    for text, expected in {
        "": 20,
        "queue:a": 9,
        'task:"task 1"': 7,
        "args.n:1 or queue:b": 10,
        "status:todo": 1,
        "-queue:q -args.n:0": 10,
    }.items():
        found = read(dsn, text=text)
        assert found.failed == expected, text
        for group in found.groups:
            assert group.filter is not None
            condition, parameters = JobFilter.parse(group.filter).condition(able_of(dsn))
            assert _number_of_jobs(dsn, condition, parameters) == group.still_failed, group.filter


def _number_of_jobs(dsn: str, condition: str, parameters: dict[str, Any]) -> int:
    with psycopg.connect(dsn) as connection:
        text = f"SELECT count(*) FROM {jobs_table(able_of(dsn))} WHERE {condition}"
        row = connection.execute(text.encode(), parameters).fetchone()
    assert row is not None
    return int(row[0])


def test_an_empty_database_has_no_failures_and_one_without_has_runs(dsn: str) -> None:
    for wanted in Range:
        found = read(dsn, wanted)
        assert found.is_whole and not found.groups and not found.runs
    write(dsn, [Ran("t", [("succeeded", 30)])])
    for wanted in Range:
        found = read(dsn, wanted)
        assert (found.groups, found.runs, found.failed) == ((), 1, 0)


def test_odd_times_are_neither_in_nor_in_the_way(dsn: str) -> None:
    write(dsn, [Ran("t", [("failed", 30)])])
    run_sql(
        dsn,
        "INSERT INTO procrastinate_events (at, job_id, type) SELECT at::timestamptz, id, type::"
        "procrastinate_job_event_type FROM procrastinate_jobs, (VALUES ('infinity', 'failed'), "
        "('-infinity', 'failed'), ('12000-01-01', 'succeeded'), ('2099-01-01', 'scheduled')) AS odd (at, type)",
    )
    for wanted in (Range.HOUR, Range.ALL):
        found = read(dsn, wanted)
        assert (found.failed, found.runs) == (1, 1)


@pytest.mark.parametrize("odd", ODD)
def test_odd_tables_are_read_and_compared(dsn: str, odd: str) -> None:
    make_odd(dsn, odd)
    for kind in ("started", "failed", "succeeded"):
        run_sql(
            dsn,
            f"INSERT INTO procrastinate_events (job_id, type, at) SELECT id, '{kind}', now() FROM procrastinate_jobs",
        )
    for by in By:
        found = read(dsn, by=by)
        assert (found.failed, found.runs, found.still_failed) == (6, 12, 0), by
    for group in read(dsn, Range.ALL).groups:
        assert group.filter is not None and JobFilter.parse(group.filter).condition(able_of(dsn))
        last = contrasts(dsn, Range.ALL, group=group)[-1]
        assert last.is_whole and last.failed <= 6


@needs_pgbouncer
def test_failures_are_read_behind_a_pooler(dsn: str) -> None:
    write(dsn, [Ran("t", [("failed" if n % 2 else "succeeded", 30.0 + n)], args={"n": n % 2}) for n in range(40)])
    with pgbouncer(dsn) as pooled:
        assert read(pooled).failed == 20
        assert contrasts(pooled)[-1].values[0].what == "args.n"


@pytest.mark.parametrize("state", STATES)
async def test_each_release_is_read(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        await _fail_and_retry(manager)
    for by in By:
        found = read(released_dsn, Range.DAY, by=by)
        assert (found.failed, found.runs, found.still_failed) == (2, 3, 1), by
    told = {(group.worker, group.failed) for group in read(released_dsn, by=By.WORKER).groups}
    assert (told == {(None, 2)}) == (level(state) < (3, 1))


async def _fail_and_retry(manager: JobManager) -> None:
    for status in (Status.FAILED, Status.SUCCEEDED):
        await bring_to(manager, status)
    again = await bring_to(manager, Status.DOING)
    await manager.retry_job(await job_of(manager, again), now())


def test_who_may_only_read_reads(dsn: str) -> None:
    write(dsn, [Ran("t", [("failed", 30)])])
    tables = ("procrastinate_jobs", "procrastinate_events", "procrastinate_workers", "procrastinate_periodic_defers")
    with role(dsn, *(f"SELECT ON {table}" for table in tables)) as other:
        assert read(other).failed == 1


@pytest.mark.parametrize(
    ("trend", "expected"),
    [
        ([0] * 45 + [0] * 10 + [1, 2, 1, 1, 0], True),
        ([1] * 60, False),
        ([1] * 45 + [2] * 15, True),  # 30 of 75: twice the rate, hardly by chance
        ([0, 1] * 22 + [1] * 16, False),  # 16 of 38: chance does that
        ([5] * 45 + [11] * 15, True),
        ([3] * 45 + [5] * 15, False),
        ([0] * 56 + [4, 0, 0, 0], False),
        ([2, 1, 3], False),
        ([], False),
    ],
)
def test_rising(trend: list[int], expected: bool) -> None:
    assert is_rising(trend) is expected


def test_bursts_are_what_chance_hardly_makes() -> None:
    trend = [1, 0, 2, 1] * 14 + [9, 12, 0, 1]
    (burst,) = bursts(trend, START, 60)
    assert (burst.start, burst.failed) == (START + dt.timedelta(minutes=56), 21)
    assert burst.end - burst.start == dt.timedelta(minutes=2)
    chance = random.Random(3)
    found = 0
    for mean in (0.2, 1.0, 5.0, 40.0) * 50:
        even = [sum(chance.random() < mean / 400 for _ in range(400)) for _ in range(60)]
        found += bool(bursts(even, START, 60))
    assert found <= 6, "of 200 even ranges"
