"""Why a job is where it is: the explanation agrees with what a worker would really fetch next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from database import connected, defer, finish, role, run_sql, start
from jobdesk_core import EventType, Status
from jobdesk_core.monitor.details import ARGS_LIMIT_BYTES, JobDetail, arguments, read_detail
from jobdesk_core.monitor.explain import Surroundings, duration, explain
from jobdesk_core.monitor.rows import JobRow

SILENT = "now() - interval '2 minutes'"


async def detail_of(dsn: str, job_id: int) -> JobDetail:
    async with connected(dsn) as (connector, able):
        detail = await read_detail(connector, able, job_id)
    assert detail is not None
    return detail


def fetched(dsn: str) -> int | None:
    """The job that a new worker gets: the database's own opinion of what is free."""
    worker_id = run_sql(dsn, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0]
    job_id: int | None = run_sql(dsn, "SELECT id FROM procrastinate_fetch_job_v2(NULL, %s)", worker_id)[0]
    return job_id


async def test_a_job_that_is_not_there_has_no_detail(dsn: str) -> None:
    async with connected(dsn) as (connector, able):
        assert await read_detail(connector, able, 1) is None
        assert await connector.run_async(arguments(1)) is None


async def test_a_detail_holds_everything_about_a_job(dsn: str) -> None:
    job_id = defer(dsn, args='{"a": [1, "ü"]}', lock="l", queueing_lock="q")
    run_sql(dsn, "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, job_id) VALUES ('t', 5, 1)")
    _, worker_id = start(dsn)
    detail = await detail_of(dsn, job_id)
    assert (detail.row.id, detail.row.status, detail.args) == (job_id, Status.DOING, {"a": [1, "ü"]})
    assert [event.type for event in detail.events] == [EventType.DEFERRED, EventType.STARTED]
    assert detail.worker is not None
    assert (detail.worker.id, detail.worker.running) == (worker_id, 1)
    assert detail.lock_holder is not None
    assert detail.lock_holder.id == job_id
    assert detail.queueing_lock_holder is None
    assert detail.periodic == ("", 5)


async def test_large_arguments_are_read_on_demand(dsn: str) -> None:
    job_id = defer(dsn, args='{"a": "' + "x" * ARGS_LIMIT_BYTES + '"}')
    detail = await detail_of(dsn, job_id)
    assert (detail.args, detail.args_bytes > ARGS_LIMIT_BYTES) == (None, True)
    async with connected(dsn) as (connector, _):
        assert await connector.run_async(arguments(job_id)) == {"a": "x" * ARGS_LIMIT_BYTES}


async def test_a_role_that_may_read_reads_details(dsn: str) -> None:
    defer(dsn)
    tables = "procrastinate_jobs, procrastinate_events, procrastinate_workers, procrastinate_periodic_defers"
    with role(dsn, f"SELECT ON {tables}") as role_dsn:
        async with connected(role_dsn) as (connector, able):
            assert able.rights.read is None
            assert await read_detail(connector, able, 1) is not None


# Why it waits


async def test_a_scheduled_job_waits_for_its_time(dsn: str) -> None:
    job_id = defer(dsn, scheduled_at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=90, seconds=30))
    reason = (await detail_of(dsn, job_id)).reason
    assert (reason.headline, reason.job_ids) == ("It is scheduled to start in 90 min.", [])
    assert fetched(dsn) is None


async def test_a_job_waits_for_the_running_job_that_holds_its_lock(dsn: str) -> None:
    holder = defer(dsn, lock="l")
    start(dsn)
    defer(dsn, lock="other", priority=-9)
    waiting = defer(dsn, lock="l", priority=9)
    detail = await detail_of(dsn, waiting)
    assert (detail.reason.headline, detail.reason.job_ids) == ("It waits for its lock.", [holder])
    assert f"held by job #{holder}, which is running" in detail.reason.sentences[0]
    assert detail.lock_holder is not None
    assert detail.lock_holder.id == holder
    assert fetched(dsn) != waiting


@pytest.mark.parametrize("priority", [0, 5], ids=["an earlier job", "a later job of higher priority"])
async def test_a_job_waits_for_the_first_waiting_job_of_its_lock(dsn: str, priority: int) -> None:
    ids = [defer(dsn, lock="l"), defer(dsn, lock="l", priority=priority)]
    first, second = ids if not priority else reversed(ids)
    detail = await detail_of(dsn, second)
    assert (detail.reason.headline, detail.reason.job_ids) == ("It waits for its lock.", [first])
    assert "waits ahead of it" in detail.reason.sentences[0]
    assert (await detail_of(dsn, first)).reason.headline != "It waits for its lock."
    assert fetched(dsn) == first
    assert fetched(dsn) is None


async def test_a_job_is_blocked_by_an_earlier_one_of_its_lock_that_is_scheduled_for_later(dsn: str) -> None:
    head = defer(dsn, lock="l", scheduled_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1, seconds=30))
    waiting = defer(dsn, lock="l")
    reason = (await detail_of(dsn, waiting)).reason
    assert reason.job_ids == [head]
    assert "is scheduled for in 60 min and blocks it until then" in reason.sentences[0]
    assert fetched(dsn) is None


async def test_a_job_waits_while_no_worker_is_alive(dsn: str) -> None:
    defer(dsn, priority=1)
    waiting = defer(dsn)
    assert (await detail_of(dsn, waiting)).reason.headline == "No worker is alive."
    start(dsn, heartbeat=SILENT)
    assert (await detail_of(dsn, waiting)).reason.headline == "No worker is alive."


async def test_a_job_waits_for_those_ahead_of_it(dsn: str) -> None:
    start_one(dsn)
    defer(dsn, scheduled_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    defer(dsn, queue_name="another")
    earlier = defer(dsn)
    waiting = defer(dsn)
    later = defer(dsn, priority=1)
    defer(dsn)
    reasons = {job_id: (await detail_of(dsn, job_id)).reason for job_id in (later, earlier, waiting)}
    assert reasons[waiting].headline == "It waits for its turn."
    assert reasons[waiting].sentences == ["2 jobs are ahead of it in queue q."]
    assert reasons[earlier].sentences == ["1 job is ahead of it in queue q."]
    assert reasons[later].headline == "It waits for a free worker."


async def test_a_job_at_the_head_of_a_queue_that_nobody_serves_says_so(dsn: str) -> None:
    start_one(dsn)
    served, unserved = defer(dsn), defer(dsn, queue_name="unserved")
    assert (await detail_of(dsn, served)).reason.headline == "It waits for a free worker."
    reason = (await detail_of(dsn, unserved)).reason
    assert (reason.headline, reason.tone) == ("It waits for a worker.", "warning")
    assert "does a worker serve it?" in reason.sentences[1]


def start_one(dsn: str) -> int:
    """Have a living worker that runs a job of queue q."""
    defer(dsn)
    return start(dsn)[0]


# Why it runs, and how it ended


async def test_a_running_job_that_was_asked_to_abort_says_so(dsn: str) -> None:
    job_id = start_one(dsn)
    assert (await detail_of(dsn, job_id)).reason.headline.startswith("It has been running for")
    run_sql(dsn, "SELECT procrastinate_cancel_job_v1(%s, true, false)", job_id)
    reason = (await detail_of(dsn, job_id)).reason
    assert (reason.headline, reason.tone) == ("It was asked to abort.", "warning")
    assert "not been honoured for" in reason.sentences[0]


@pytest.mark.parametrize(
    ("lose", "headline"),
    [
        ("DELETE FROM procrastinate_workers", "Its worker is gone."),
        (f"UPDATE procrastinate_workers SET last_heartbeat = {SILENT}", "It has stalled."),
    ],
)
async def test_a_running_job_whose_worker_is_lost_says_so(dsn: str, lose: str, headline: str) -> None:
    job_id = start_one(dsn)
    run_sql(dsn, lose)
    reason = (await detail_of(dsn, job_id)).reason
    assert (reason.headline, reason.tone) == (headline, "bad")
    assert "Retry puts it back in its queue." in reason.sentences[1]


async def test_a_failed_job_whose_queueing_lock_was_taken_names_the_other(dsn: str) -> None:
    failed = defer(dsn, queueing_lock="one")
    finish(dsn, start(dsn)[0], "failed")
    assert (await detail_of(dsn, failed)).reason.headline == "It failed."
    holder = defer(dsn, queueing_lock="one")
    reason = (await detail_of(dsn, failed)).reason
    assert (reason.headline, reason.job_ids) == ("A retry would be refused.", [holder])
    assert f"job #{holder}, which is waiting" in reason.sentences[0]


ENDS: dict[str, Callable[[str, int], object]] = {
    "It ran and succeeded.": lambda dsn, job_id: finish(dsn, start(dsn)[0], "succeeded"),
    "It was stopped while it ran.": lambda dsn, job_id: finish(dsn, start(dsn)[0], "aborted"),
    "It failed.": lambda dsn, job_id: finish(dsn, start(dsn)[0], "failed"),
    "It was cancelled before a worker started it.": lambda dsn, job_id: run_sql(
        dsn, "SELECT procrastinate_cancel_job_v1(%s, false, false)", job_id
    ),
}


@pytest.mark.parametrize("headline", ENDS)
async def test_an_ended_job_says_how(dsn: str, headline: str) -> None:
    job_id = defer(dsn)
    ENDS[headline](dsn, job_id)
    assert (await detail_of(dsn, job_id)).reason.headline == headline


async def test_runs_are_counted_and_retries_are_not(dsn: str) -> None:
    job_id = defer(dsn)
    for times in ("once", "2 times"):
        finish(dsn, start(dsn)[0], "failed")
        assert (await detail_of(dsn, job_id)).reason.sentences[0] == f"It has run {times}."
        run_sql(dsn, "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", job_id)
    start(dsn)
    assert (await detail_of(dsn, job_id)).reason.sentences == ["It has run 2 times before."]


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("has_workers_table", [True, False])
def test_every_status_has_an_explanation(status: Status, has_workers_table: bool) -> None:
    row = JobRow(7, "t", "q", status, 0, 1, None, None, None, None, False, None)
    reason = explain(row, [], Surroundings(has_workers_table=has_workers_table), dt.datetime.now(dt.UTC))
    assert reason.headline.endswith(".")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (7260, "2 h 1 min"),
        (172800, "2 days"),
    ],
)
def test_a_duration_is_told_in_its_leading_units(seconds: int, words: str) -> None:
    assert duration(dt.timedelta(seconds=seconds)) == words
