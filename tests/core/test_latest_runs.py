"""The latest runs of a task: which they are, how each went, and how far they are looked for."""

from __future__ import annotations

import datetime as dt

import pytest
from database import connected, defer, finish, run_sql, start
from jobdesk_core import EventType
from jobdesk_core.job.related_jobs import LATEST_RUNS, RUN_ENDS, UsualTimes
from jobdesk_core.monitor import Monitor
from managing import bring_all, managing
from releases import STATES, level

HOSTILE = "'; DROP TABLE procrastinate_jobs; -- %s %(task)s <b>\u202e 名\n" + "x" * 60


async def usual_of(dsn: str, task: str) -> UsualTimes | None:
    async with connected(dsn) as (connector, able):
        return await Monitor(connector, able).usual_times(task)


def run_one(dsn: str, end: str = "succeeded", *, task: str = "t", seconds: int = 2) -> int:
    """A job of a task, run to its end within so many seconds."""
    defer(dsn, task_name=task)
    job_id = start(dsn)[0]
    finish(dsn, job_id, end)
    back = "UPDATE procrastinate_events SET at = at - make_interval(secs => %s) WHERE job_id = %s AND type = 'started'"
    run_sql(dsn, back, seconds, job_id)
    return job_id


@pytest.mark.parametrize("task", ["t", HOSTILE])
async def test_the_last_runs_of_the_task_alone_are_told_oldest_first(dsn: str, task: str) -> None:
    ids = [run_one(dsn, task=task) for _ in range(LATEST_RUNS + 3)]
    run_one(dsn, task="other")
    usual = await usual_of(dsn, task)
    assert usual is not None and usual.runs == LATEST_RUNS + 3
    assert [run.job_id for run in usual.latest] == ids[3:]
    assert all(run.seconds == pytest.approx(2, abs=1) and run.started_at.tzinfo for run in usual.latest)


async def test_each_run_of_a_job_is_told_by_its_own_end_and_one_that_goes_on_is_not(dsn: str) -> None:
    failed, aborted = run_one(dsn, "failed"), run_one(dsn, "aborted")
    defer(dsn, task_name="t")
    retried = start(dsn)[0]
    run_sql(dsn, "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", retried)
    assert start(dsn)[0] == retried
    run_sql(dsn, "SELECT procrastinate_cancel_job_v1(%s, true, false)", retried)
    finish(dsn, retried, "succeeded")
    defer(dsn, task_name="t")
    start(dsn)
    usual = await usual_of(dsn, "t")
    assert usual is not None and [(run.job_id, run.end) for run in usual.latest] == [
        (failed, EventType.FAILED),
        (aborted, EventType.ABORTED),
        (retried, EventType.DEFERRED_FOR_RETRY),
        (retried, EventType.SUCCEEDED),
    ]


async def test_few_runs_are_told_but_nothing_is_usual_and_without_any_there_is_nothing(dsn: str) -> None:
    defer(dsn, task_name="t")
    assert await usual_of(dsn, "t") is None
    run_one(dsn)
    usual = await usual_of(dsn, "t")
    assert usual is not None and len(usual.latest) == 1
    assert (usual.waited, usual.ran) == (None, None)


async def test_a_burst_of_new_jobs_does_not_hide_the_runs(dsn: str) -> None:
    job_id = run_one(dsn)
    defer(dsn, task_name="t")
    many = "INSERT INTO procrastinate_events (job_id, type) SELECT max(job_id), 'deferred' FROM procrastinate_events, "
    run_sql(dsn, many + "generate_series(1, 60000) AS n GROUP BY n")
    usual = await usual_of(dsn, "t")
    assert usual is not None and [run.job_id for run in usual.latest] == [job_id]


@pytest.mark.parametrize("at", ["infinity", "-infinity", "0044-03-15 BC", "20000-01-01"])
async def test_a_moment_that_is_none_spoils_one_run_and_a_clock_set_back_makes_it_short(dsn: str, at: str) -> None:
    spoilt, turned, fine = run_one(dsn), run_one(dsn, seconds=-60), run_one(dsn)
    run_sql(dsn, f"UPDATE procrastinate_events SET at = '{at}' WHERE job_id = %s AND type = 'succeeded'", spoilt)
    usual = await usual_of(dsn, "t")
    assert usual is not None and [run.job_id for run in usual.latest] == [turned, fine]
    assert usual.latest[0].seconds == 0
    assert usual.latest[0].started_at - usual.latest[0].ended_at > dt.timedelta(seconds=50)


@pytest.mark.parametrize("state", STATES)
async def test_every_release_tells_its_runs(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        brought = await bring_all(manager)
        usual = await Monitor(manager.connector, await manager.capabilities_async()).usual_times("t")
    assert usual is not None and len(usual.latest) >= 2
    ids = {job_id: status for status, job_id in brought.items()}
    assert all(run.end in RUN_ENDS and run.end.value == ids[run.job_id].value for run in usual.latest)
    assert level(state) < (3, 0) or EventType.ABORTED in [run.end for run in usual.latest]
