"""The operator's acts on every release: what is possible is done, and what is not is refused with its reason."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from acting import KINDS, Actor, acting
from database import run_sql
from jobdesk_core import Job, JobManager, Status
from jobdesk_core.database.rows import rows_by_id
from jobdesk_core.operations import (
    Action,
    Cancel,
    Change,
    Fail,
    Purge,
    Reprioritise,
    Reschedule,
    Result,
    Retry,
    defer,
    refusal,
)
from managing import bring_all, bring_to, execute, managing
from releases import STATES, level

each_state = pytest.mark.parametrize("state", STATES)
AT = dt.datetime(2090, 1, 2, tzinfo=dt.UTC)
CHANGES: tuple[Change, ...] = (
    Cancel(),
    Cancel(abort=True),
    Cancel(delete=True),
    Retry(),
    Retry(only_stalled=True),
    Fail(),
    Fail(is_forced=True),
    Reschedule(),
    Reschedule(AT),
    Reprioritise(7),
    Purge(),
)
AFTER = {
    Action.CANCEL: {Status.CANCELLED},
    Action.ABORT: {Status.ABORTING, Status.DOING},
    Action.DELETE: {None},
    Action.FAIL: {Status.FAILED},
    Action.PURGE: {None},
}


@each_state
async def test_an_act_is_done_or_refused_with_the_reason(released_dsn: str, state: str) -> None:
    async with acting(released_dsn) as actor:
        for change in CHANGES:
            done = await statuses_that_took(actor, change)
            assert done == expected(change, level(state)), change


async def statuses_that_took(actor: Actor, change: Change) -> set[Status]:
    """The statuses in which a job, its worker gone, took the change; in the others the rule's reason is told."""
    connector, able = actor.connector, actor.able
    manager = JobManager(connector)
    await execute(manager, "DELETE FROM procrastinate_jobs")
    ids = await bring_all(manager)
    await execute(manager, "UPDATE procrastinate_jobs SET queueing_lock = NULL")
    await execute(manager, "UPDATE procrastinate_events SET at = now() - interval '1 hour'")
    if change.action is Action.RUN_NOW:
        await execute(manager, "UPDATE procrastinate_jobs SET scheduled_at = '2091-01-01' WHERE status = 'todo'")
    if able.has_workers:
        await execute(manager, "DELETE FROM procrastinate_workers")
    rows = await connector.run_async(rows_by_id(able, list(ids.values())))
    made = await actor.plan(change, *ids.values())
    assert made.total == (0 if made.problem else len(ids))
    done = set()
    for status, job_id in ids.items():
        reason = refusal(change.action, rows[job_id], able)
        if made.problem is not None:
            assert reason == made.problem
            continue
        (entry,) = await actor.act(change, job_id)
        if entry.result is not Result.DONE:
            assert entry.sentence == reason or "does not record" in entry.sentence
            continue
        assert reason is None
        done.add(status)
        after = await connector.run_async(rows_by_id(able, [job_id]))
        wanted = AFTER.get(change.action, {Status.TODO})
        assert (after[job_id].status if after else None) in wanted
    return done


def expected(change: Change, here: tuple[int, int]) -> set[Status]:
    action = change.action
    if isinstance(change, Fail):
        # Before 3.1 nobody knows whether a worker lives: by force only.
        is_done = here >= (3, 1) or change.is_forced
        return ({Status.DOING, Status.ABORTING} if here >= (2, 7) else {Status.DOING}) if is_done else set()
    ended = {Status.SUCCEEDED, Status.FAILED} | ({Status.ABORTED, Status.CANCELLED} if here >= (2, 7) else set())
    if action is Action.PURGE:
        return ended
    if action in (Action.RETRY, Action.RESCUE):
        since = {Status.DOING: (3, 1)} | ({Status.FAILED: (3, 4)} if action is Action.RETRY else {})
        return {status for status, first in since.items() if here >= first}
    if action is Action.REPRIORITISE:
        return {Status.TODO} if here >= (2, 5) else set()
    if action in (Action.RUN_NOW, Action.RESCHEDULE):
        return {Status.TODO}
    if here < (2, 7):
        return set()
    return {Status.DOING} if action is Action.ABORT else {Status.TODO}


@each_state
async def test_a_running_job_is_retried_by_force_with_changes_where_the_release_can(
    released_dsn: str, state: str
) -> None:
    async with acting(released_dsn) as actor:
        job_id = await bring_to(JobManager(actor.connector), Status.DOING)
        (entry,) = await actor.act(Retry(at=AT), job_id)
        assert entry.result is Result.SKIPPED, entry
        made = await actor.plan(Retry(at=AT, lock="new", is_forced=True), job_id)
        assert (made.problem is None) == (level(state) >= (2, 9))
        change = Retry(at=AT, lock="new" if made.problem is None else None, is_forced=True)
        (entry,) = await actor.act(change, job_id)
        assert entry.result is Result.DONE, entry
        found = run_sql(released_dsn, "SELECT status::text, lock, scheduled_at FROM procrastinate_jobs")
        assert found == [("todo", change.lock, AT)]


@each_state
async def test_a_deferred_job_and_what_stands_in_its_way_are_told(released_dsn: str, state: str) -> None:
    async with acting(released_dsn) as actor:
        able = actor.able

        async def told(job: Job) -> Any:
            return await actor.run(defer(job, able))

        job = Job(task_name="t", queue="q" * able.queue_name_limit_bytes, queueing_lock="only")
        outcome = await told(job)
        assert outcome.is_done
        again = await told(job)
        assert (again.is_done, f"taken by job #{outcome.job_id}" in again.sentence) == (False, True)
        longer = await told(dataclasses.replace(job, queue=job.queue + "q"))
        assert (longer.is_done, "bytes" in longer.sentence) == (False, True)
        urgent = await told(Job(task_name="t", priority=1))
        assert urgent.is_done == (level(state) >= (2, 5))
        assert urgent.is_done or "priority" in urgent.sentence


@each_state
async def test_a_cancel_of_many_is_one_update_only_where_the_function_is_a_released_one(
    released_dsn: str, state: str
) -> None:
    async with acting(released_dsn) as actor:
        assert actor.able.has_plain_cancel == (level(state) >= (2, 7))


async def test_a_function_that_was_replaced_is_called_for_each_job(dsn: str) -> None:
    run_sql(
        dsn,
        "CREATE OR REPLACE FUNCTION procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) "
        "RETURNS bigint LANGUAGE sql AS $$ UPDATE procrastinate_jobs SET status = 'cancelled', lock = 'theirs' "
        "WHERE id = job_id AND id <> 2 RETURNING id $$",
    )
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 3)")
    async with acting(dsn) as actor:
        entries = await actor.act(Cancel(), 1, 2, 3)
    assert [entry.result for entry in entries] == [Result.DONE, Result.SKIPPED, Result.DONE]
    assert run_sql(dsn, "SELECT lock FROM procrastinate_jobs ORDER BY id") == ["theirs", None, "theirs"]


DRIFTS = {
    "no cascade": "ALTER TABLE procrastinate_events DROP CONSTRAINT procrastinate_events_job_id_fkey",
    "no trigger": "DROP TRIGGER procrastinate_trigger_delete_jobs_v1 ON procrastinate_jobs",
    "another column": "ALTER TABLE procrastinate_jobs ADD COLUMN version text DEFAULT 'theirs'",
    "no queueing lock's index": "DROP INDEX procrastinate_jobs_queueing_lock_idx_v1",
}


@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_purge_leaves_nothing_behind_where_the_schema_has_drifted(dsn: str, kind: str, drift: str) -> None:
    async with managing(dsn) as manager:
        job = Job(task_name="t", queue="q", task_kwargs={"timestamp": 60})
        job_id = await manager.defer_periodic_job(job, periodic_id="p", defer_timestamp=60)
        fetched = await manager.fetch_job(["q"], await manager.register_worker())
        assert job_id and fetched
        await manager.finish_job(fetched, Status.SUCCEEDED, False)
    run_sql(dsn, DRIFTS[drift])
    async with acting(dsn, kind) as actor:
        (entry,) = await actor.act(Purge(), job_id)
    assert entry.result is Result.DONE
    left = "SELECT (SELECT count(*) FROM procrastinate_jobs) + (SELECT count(*) FROM procrastinate_events)"
    assert run_sql(dsn, left) == [0]
    assert run_sql(dsn, "SELECT job_id FROM procrastinate_periodic_defers") == [None]
