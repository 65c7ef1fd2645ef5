"""Staged changes on every release: what it can is applied together, and what it cannot is told before."""

from __future__ import annotations

import datetime as dt

import pytest
from acting import acting
from database import picture, run_sql
from jobdesk_core import Job, JobManager, Status
from jobdesk_core.operations import Cancel, ChangeSet, NothingToStage, Purge, Reprioritise, Reschedule, Result, Retry
from managing import bring_to
from releases import STATES, level
from staging import applied, by_job, left, looked

AT = dt.datetime(2090, 1, 2, tzinfo=dt.UTC)
#: A change, the status of its job, the first release that can, the SQL of what it has changed, and its value.
CHANGES = (
    (Cancel(), Status.TODO, (2, 7), "status::text", "cancelled"),
    (Reschedule(AT), Status.TODO, (1, 1), "scheduled_at", AT),
    (Reprioritise(7), Status.TODO, (2, 5), "priority", 7),
    (Purge(), Status.SUCCEEDED, (1, 1), "status::text", None),
    (Retry(), Status.FAILED, (3, 4), "status::text", "todo"),
)


@pytest.mark.parametrize("state", STATES)
async def test_what_the_release_can_is_applied_together_or_not_at_all(released_dsn: str, state: str) -> None:
    dsn = released_dsn
    async with acting(dsn) as actor:
        manager = JobManager(actor.connector)
        held, wanted = ChangeSet(), {}
        for number, (change, status, since, column, value) in enumerate(CHANGES):
            job_id = await bring_to(manager, status, queue=f"brought{number}")
            run_sql(dsn, "UPDATE procrastinate_jobs SET queueing_lock = NULL WHERE id = %s", job_id)
            run_sql(dsn, "UPDATE procrastinate_events SET at = now() - interval '1 hour'")
            made = await actor.plan(change, job_id)
            if level(state) < since:
                with pytest.raises(NothingToStage):
                    held.with_plan(made)
                continue
            held = held.with_plan(made)
            wanted[job_id] = (column, value)
        held = held.with_defer(Job(task_name="new", queue="q", lock="l", queueing_lock="mine", scheduled_at=AT))
        made = await looked(actor, held)
        assert made.is_ready, left(made)

        before, last = picture(dsn), next(reversed(wanted))
        run_sql(dsn, "UPDATE procrastinate_jobs SET task_name = 'x' WHERE id = %s", last)
        ledger = await applied(actor, made)
        assert by_job(ledger)[last].result is Result.SKIPPED and not ledger.is_applied
        run_sql(dsn, "UPDATE procrastinate_jobs SET task_name = %s WHERE id = %s", "t", last)
        assert len(picture(dsn)) == len(before)

        again = await looked(actor, (await looked(actor, held)).as_they_are())
        assert again.is_ready and (await applied(actor, again)).is_applied
    for job_id, (column, value) in wanted.items():
        found = run_sql(dsn, f"SELECT {column} FROM procrastinate_jobs WHERE id = %s", job_id)
        assert found == ([] if value is None else [value])
    new = run_sql(dsn, "SELECT lock, queueing_lock, scheduled_at FROM procrastinate_jobs WHERE task_name = 'new'")
    assert new == [("l", "mine", AT)]


@pytest.mark.parametrize("state", STATES)
async def test_a_new_job_that_the_release_cannot_take_is_told(released_dsn: str, state: str) -> None:
    async with acting(released_dsn) as actor:
        held = ChangeSet().with_defer(Job(task_name="new", priority=4))
        held = held.with_defer(Job(task_name="new", queue="q" * (actor.able.queue_name_limit_bytes + 1)))
        reasons = left(await looked(actor, held))
    assert ["priority" in words or "bytes" in words for words in reasons] == [True] * (1 + (level(state) < (2, 5)))
