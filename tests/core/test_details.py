"""Why a job is where it is: the explanation agrees with what a worker would really fetch next."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from database import connected, defer, finish, role, run_sql, start
from jobdesk_core import EventType, Status
from jobdesk_core.database.rows import JobRow
from jobdesk_core.job.arguments import ARGS_LIMIT_BYTES, parsed, whole
from jobdesk_core.job.details import JobDetail, read_detail
from jobdesk_core.job.why import Surroundings, explain

SILENT = "now() - interval '2 minutes'"


async def detail_of(dsn: str, job_id: int) -> JobDetail:
    async with connected(dsn) as (connector, able):
        detail = await read_detail(connector, able, job_id)
    assert detail is not None
    return detail


async def test_a_job_that_is_not_there_has_no_detail(dsn: str) -> None:
    async with connected(dsn) as (connector, able):
        assert await read_detail(connector, able, 1) is None
        assert await connector.run_async(whole([1], ARGS_LIMIT_BYTES)) == {}


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
        held = await connector.run_async(whole([job_id], 2 * ARGS_LIMIT_BYTES))
        assert parsed(held[job_id] or "") == {"a": "x" * ARGS_LIMIT_BYTES}
        assert await connector.run_async(whole([job_id], ARGS_LIMIT_BYTES)) == {job_id: None}


async def test_a_role_that_may_read_reads_details(dsn: str) -> None:
    defer(dsn)
    tables = "procrastinate_jobs, procrastinate_events, procrastinate_workers, procrastinate_periodic_defers"
    with role(dsn, f"SELECT ON {tables}") as role_dsn:
        async with connected(role_dsn) as (connector, able):
            assert able.rights.read is None
            assert await read_detail(connector, able, 1) is not None


def start_one(dsn: str) -> int:
    """Have a living worker that runs a job of queue q."""
    defer(dsn)
    return start(dsn)[0]


# Why it runs, and how it ended


async def test_a_running_job_that_was_asked_to_abort_says_so(dsn: str) -> None:
    job_id = start_one(dsn)
    assert (await detail_of(dsn, job_id)).reason.headline.startswith("Running for")
    run_sql(dsn, "SELECT procrastinate_cancel_job_v1(%s, true, false)", job_id)
    reason = (await detail_of(dsn, job_id)).reason
    assert reason.tone == "warning"
    assert re.fullmatch(r"Abort requested \d s ago; still running\.", reason.headline)


@pytest.mark.parametrize(
    ("lose", "headline"),
    [
        ("DELETE FROM procrastinate_workers", r"Orphaned: started \d s ago, .* no longer exists\."),
        (
            f"UPDATE procrastinate_workers SET last_heartbeat = {SILENT}",
            r"Stalled: started \d s ago, its worker is unresponsive\.",
        ),
    ],
)
async def test_a_running_job_whose_worker_is_lost_says_so(dsn: str, lose: str, headline: str) -> None:
    job_id = start_one(dsn)
    run_sql(dsn, lose)
    reason = (await detail_of(dsn, job_id)).reason
    assert re.fullmatch(headline, reason.headline) and reason.tone == "bad"
    assert not any("unning for" in sentence for sentence in reason.sentences), "nobody knows"
    assert reason.sentences[-1] == "A retry puts it back in its queue."
    assert reason.mend == "retry"


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
    "Stopped while it was running.": lambda dsn, job_id: finish(dsn, start(dsn)[0], "aborted"),
    "It failed.": lambda dsn, job_id: finish(dsn, start(dsn)[0], "failed"),
    "Cancelled before a worker started it.": lambda dsn, job_id: run_sql(
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
