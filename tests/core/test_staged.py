"""Staged changes: looked at together, and carried out in one transaction, all of them or none."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import psycopg
import pytest
from acting import KINDS, Actor, acting
from database import defer, finish, picture, run_sql, start
from jobdesk_core import Job
from jobdesk_core.journal import Journal, Search, undo
from jobdesk_core.journal.keeping_staged import apply_staged_kept
from jobdesk_core.operations import (
    Cancel,
    ChangeSet,
    NotApplied,
    Outlook,
    Progress,
    Reprioritise,
    Reschedule,
    Result,
    Retry,
    StagedResult,
    apply_staged,
    preview,
)
from jobdesk_core.profiles import Profile
from releases import level

each_kind = pytest.mark.parametrize("kind", KINDS)
each_release = pytest.mark.parametrize("state", ["1.1.2", "2.8.0", "2.15.1", "3.1.0", "3.4.0", "3.10.0"])
LATER = dt.datetime(2090, 1, 2, tzinfo=dt.UTC)
SEEN = "SELECT array_agg(id || ' ' || status || ' ' || priority ORDER BY id) FROM procrastinate_jobs"


def failed(dsn: str, **columns: Any) -> int:
    """A job that has failed, with no other one waiting."""
    job_id = defer(dsn, **columns)
    assert start(dsn)[0] == job_id
    finish(dsn, job_id, "failed")
    return job_id


async def carry_out(actor: Actor, changes: ChangeSet, **options: Any) -> StagedResult:
    """Carry the set out, as a window does."""
    try:
        return await actor.run(apply_staged(changes.all, actor.able), whole=True, **options)
    except NotApplied as error:
        assert not error.result.is_applied
        return error.result


def reasons(result: StagedResult) -> dict[int, str]:
    """Why the set was not applied, by job."""
    return {entry.job_id: entry.sentence for _, entry in result.refused()}


async def look(actor: Actor, changes: ChangeSet) -> list[Outlook]:
    return await actor.run(preview(changes.all, actor.able))


def test_a_set_is_collected_and_thrown_away() -> None:
    changes = ChangeSet()
    first, second = changes.add(Job(task_name="a")), changes.add(Job(task_name="b"))
    changes.remove(first.number)
    assert changes.all == [second]
    assert changes.add(Job(task_name="c")).number not in (first.number, second.number)
    changes.clear()
    assert changes.all == []


async def test_what_a_preflight_leaves_alone_is_no_part_of_the_set(dsn: str) -> None:
    waiting, over = defer(dsn), defer(dsn)
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'cancelled' WHERE id = %s", over)
    async with acting(dsn) as actor:
        changes = ChangeSet()
        staged = changes.add(await actor.plan(Cancel(), waiting, over))
        assert (staged.count, list(staged.ids())) == (1, [waiting])
        with pytest.raises(ValueError, match="nothing that can be staged"):
            changes.add(await actor.plan(Cancel(), over))
        with pytest.raises(ValueError, match="nothing that can be staged"):
            changes.add(await actor.plan(Cancel(), waiting, is_read_only=True))


@each_kind
async def test_all_of_it_is_done_and_told(dsn: str, kind: str) -> None:
    again = failed(dsn)
    cancelled, raised = defer(dsn), defer(dsn)
    seen: list[Progress] = []
    async with acting(dsn, kind) as actor:
        changes = ChangeSet()
        changes.add(await actor.plan(Cancel(), cancelled))
        changes.add(await actor.plan(Reprioritise(7), raised))
        changes.add(await actor.plan(Retry(), again))
        changes.add(Job(task_name="new.task", queue="q"))
        assert not any(outlook.troubles for outlook in await look(actor, changes))
        result = await carry_out(actor, changes, watch=lambda progress: not seen.append(progress))
    new = run_sql(dsn, "SELECT id FROM procrastinate_jobs WHERE task_name = 'new.task'")[0]
    assert result.is_applied and not reasons(result)
    assert [[(e.job_id, e.result) for e in part.entries()] for part in result.parts] == [
        [(job_id, Result.DONE)] for job_id in (cancelled, raised, again, new)
    ]
    expected = [f"{again} todo 0", f"{cancelled} cancelled 0", f"{raised} todo 7", f"{new} todo 0"]
    assert run_sql(dsn, SEEN)[0] == expected
    assert all(progress.of == 4 for progress in seen) and [p.at for p in seen] == sorted(p.at for p in seen)


@each_kind
async def test_a_worker_that_takes_one_of_the_jobs_keeps_all_from_being_applied(dsn: str, kind: str) -> None:
    taken, *others = [defer(dsn) for _ in range(4)]
    async with acting(dsn, kind) as actor:
        changes = ChangeSet()
        changes.add(Job(task_name="new.task"))
        changes.add(await actor.plan(Reprioritise(5), *others))
        changes.add(await actor.plan(Cancel(), taken))
        assert start(dsn)[0] == taken
        before = picture(dsn)
        outlooks = await look(actor, changes)
        assert [outlook.troubles for outlook in outlooks] == [0, 0, 1]
        assert "is running" in outlooks[2].entries[0].sentence
        result = await carry_out(actor, changes)
    assert list(reasons(result)) == [taken] and "is running" in reasons(result)[taken]
    assert picture(dsn) == before
    told = [entry.result for part in result.parts for entry in part.entries()]
    assert told == [Result.ROLLED_BACK] * 4 + [Result.SKIPPED]


async def test_a_job_that_others_changed_or_deleted_or_hold_keeps_all_from_being_applied(dsn: str) -> None:
    changed, deleted, held, free = (defer(dsn) for _ in range(4))
    async with acting(dsn) as actor:
        changes = ChangeSet()
        for job_id in (changed, deleted, held, free):
            changes.add(await actor.plan(Cancel(), job_id))
        run_sql(dsn, "UPDATE procrastinate_jobs SET priority = 9 WHERE id = %s", changed)
        run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id = %s", deleted)
        before = picture(dsn)
        assert [outlook.troubles for outlook in await look(actor, changes)] == [1, 1, 0, 0]
        with psycopg.connect(dsn) as other:
            other.execute("SELECT FROM procrastinate_jobs WHERE id = %s FOR UPDATE", (held,))
            result = await carry_out(actor, changes)
            other.rollback()
    assert set(reasons(result)) == {changed, deleted, held}
    assert "changed" in reasons(result)[changed]
    assert "no longer there" in reasons(result)[deleted]
    assert "held by another transaction" in reasons(result)[held]
    assert picture(dsn) == before


async def test_the_same_job_twice_is_told_and_nothing_is_asked_of_the_database(dsn: str) -> None:
    job_id, other = defer(dsn), defer(dsn)
    async with acting(dsn) as actor:
        changes = ChangeSet()
        changes.add(await actor.plan(Reprioritise(5), job_id, other))
        changes.add(await actor.plan(Cancel(), job_id))
        before = picture(dsn)
        outlooks = await look(actor, changes)
        assert [outlook.troubles for outlook in outlooks] == [0, 1]
        assert "in change 1 too" in outlooks[1].entries[0].sentence
        result = await carry_out(actor, changes)
    assert "in change 1 too" in reasons(result)[job_id]
    assert picture(dsn) == before


async def test_a_queueing_lock_that_two_of_the_set_would_take_is_told(dsn: str) -> None:
    again = failed(dsn, queueing_lock="one")
    async with acting(dsn) as actor:
        changes = ChangeSet()
        changes.add(Job(task_name="new.task", queueing_lock="two"))
        changes.add(await actor.plan(Retry(), again))
        changes.add(Job(task_name="new.task", queueing_lock="one"))
        changes.add(Job(task_name="new.task", queueing_lock="two"))
        before = picture(dsn)
        assert [outlook.troubles for outlook in await look(actor, changes)] == [0, 0, 1, 1]
        result = await carry_out(actor, changes)
    refused = [staged.number for staged, _ in result.refused()]
    assert refused == [3, 4]
    assert all("queueing lock" in entry.sentence for _, entry in result.refused())
    assert picture(dsn) == before


async def test_a_queueing_lock_that_the_set_frees_first_can_be_taken(dsn: str) -> None:
    holder = defer(dsn, queueing_lock="one")
    async with acting(dsn) as actor:
        changes = ChangeSet()
        changes.add(await actor.plan(Cancel(), holder))
        changes.add(Job(task_name="new.task", queueing_lock="one"))
        assert not any(outlook.troubles for outlook in await look(actor, changes))
        assert (await carry_out(actor, changes)).is_applied
    assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")[0] == 1


async def test_each_row_that_the_database_refuses_is_told_with_its_reason(dsn: str) -> None:
    jobs = [defer(dsn) for _ in range(9)]
    bad = {jobs[2], jobs[7]}
    async with acting(dsn) as actor:
        changes = ChangeSet()
        changes.add(await actor.plan(Reprioritise(66), *jobs))
        changes.add(Job(task_name="new.task"))
        run_sql(
            dsn,
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$BEGIN IF new.id IN ({', '.join(map(str, bad))}) THEN RAISE 'not this one'; END IF; "
            "RETURN new; END$$; "
            "CREATE TRIGGER no BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION no()",
        )
        before = picture(dsn)
        result = await carry_out(actor, changes)
    assert set(reasons(result)) == bad and all("not this one" in text for text in reasons(result).values())
    assert picture(dsn) == before


async def test_a_stop_between_two_chunks_rolls_back(dsn: str) -> None:
    jobs = [defer(dsn) for _ in range(3)]
    async with acting(dsn) as actor:
        changes = ChangeSet()
        for job_id in jobs:
            changes.add(await actor.plan(Cancel(), job_id))
        before = picture(dsn)
        result = await carry_out(actor, changes, watch=lambda progress: progress.at < 2)
    assert [entry.result for entry in result.parts[2].entries()] == [Result.NOT_REACHED]
    assert picture(dsn) == before


async def test_a_link_that_breaks_rolls_back(dsn: str) -> None:
    jobs = [defer(dsn) for _ in range(2)]
    async with acting(dsn) as actor:
        changes = ChangeSet()
        for job_id in jobs:
            changes.add(await actor.plan(Cancel(), job_id))
        before = picture(dsn)

        def cut(progress: Progress) -> bool:
            run_sql(dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'")
            return True

        result = await carry_out(actor, changes, watch=cut)
    assert result.error is not None
    assert picture(dsn) == before


async def test_workers_are_told_at_the_commit_and_only_then(dsn: str) -> None:
    again = failed(dsn)
    heard: list[int] = []
    async with acting(dsn) as actor:
        able = actor.able
        listener = psycopg.connect(dsn, autocommit=True)
        for channel in able.channels:
            listener.execute(f'LISTEN "{channel}"')

        def listen(progress: Progress) -> bool:
            heard.append(len(list(listener.notifies(timeout=0.3, stop_after=1))))
            return True

        changes = ChangeSet()
        changes.add(await actor.plan(Retry(), again))
        changes.add(Job(task_name="new.task"))
        assert (await carry_out(actor, changes, watch=listen)).is_applied
        assert heard and not any(heard)
        assert await asyncio.to_thread(lambda: list(listener.notifies(timeout=10, stop_after=1)))
        listener.close()


@each_release
async def test_every_release_applies_a_set_or_leaves_everything(released_dsn: str, state: str) -> None:
    first, second = defer(released_dsn), defer(released_dsn)
    statuses = "SELECT array_agg(task_name || ' ' || status ORDER BY id) FROM procrastinate_jobs"
    can_cancel = level(state) >= (2, 7)
    async with acting(released_dsn) as actor:
        changes = ChangeSet()
        changes.add(await actor.plan(Cancel() if can_cancel else Reschedule(LATER), first))
        changes.add(await actor.plan(Reschedule(LATER), second))
        for _ in range(2):
            changes.add(Job(task_name="new.task", queueing_lock="one"))
        before = picture(released_dsn)
        assert [outlook.troubles for outlook in await look(actor, changes)] == [0, 0, 0, 1]
        result = await carry_out(actor, changes)
        assert [staged.number for staged, _ in result.refused()] == [4]
        assert picture(released_dsn) == before
        changes.remove(4)
        assert (await carry_out(actor, changes)).is_applied
    expected = ["t cancelled" if can_cancel else "t todo", "t todo", "new.task todo"]
    assert run_sql(released_dsn, statuses)[0] == expected
    scheduled = run_sql(released_dsn, "SELECT scheduled_at FROM procrastinate_jobs WHERE id = %s", second)
    assert scheduled == [LATER]


async def test_the_journal_holds_every_job_of_a_set_and_each_change_can_be_undone(dsn: str, tmp_path: Path) -> None:
    jobs = [defer(dsn) for _ in range(3)]
    journal, profile = Journal(tmp_path / "journal.sqlite"), Profile(name="test", method="dsn", dsn=dsn)
    async with acting(dsn) as actor:
        changes = ChangeSet()
        changes.add(await actor.plan(Reprioritise(4), jobs[0]))
        changes.add(await actor.plan(Cancel(), *jobs[1:]))
        changes.add(Job(task_name="new.task", queueing_lock="one"))
        twice = changes.add(Job(task_name="new.task", queueing_lock="one"))
        for _ in range(2):
            kept = apply_staged_kept(changes.all, actor.connector, actor.able, profile, journal, on_trouble=pytest.fail)
            result = await kept
            assert result.is_applied is (twice not in changes.all)
            changes.remove(twice.number)
        entries = await journal.entries(Search())
        assert [entry.done for entry in entries] == [1, 2, 1, 0, 0, 0, 0]
        assert [bool(entry.error) for entry in entries] == [False] * 3 + [True] * 4
        assert "(2 of 3 staged together)" in entries[1].header.sentence
        assert [record.job_id for record in await journal.records(entries[1].id)] == jobs[1:]
        plan = await undo.plan(journal, actor.connector, actor.able, entries[2])
        assert plan.ready == 1
