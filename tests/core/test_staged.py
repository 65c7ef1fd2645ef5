"""Staged changes: looked at together, applied in one transaction, or not at all."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import json
from pathlib import Path

import psycopg
import pytest
from acting import KINDS, acting
from database import defer, finish, picture, run_sql, start
from jobdesk_core import Job
from jobdesk_core.operations import (
    Cancel,
    Change,
    ChangeSet,
    NotApplied,
    NothingToStage,
    Progress,
    Purge,
    Reprioritise,
    Reschedule,
    Result,
    Retry,
    StagedDefer,
    TooManyStaged,
    apply_staged,
    look,
    run_async,
)
from jobdesk_core.operations.staged import changes as staged
from staging import applied, by_job, left, looked
from staging import staged as stage

each_kind = pytest.mark.parametrize("kind", KINDS)
AT = dt.datetime(2090, 1, 2, tzinfo=dt.UTC)
WAITING = "SELECT id FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id"


def failed(dsn: str, **columns: object) -> int:
    """A job that has failed."""
    defer(dsn, **columns)
    job_id, _ = start(dsn)
    finish(dsn, job_id, "failed")
    return job_id


# All of them


@each_kind
async def test_all_changes_are_applied_in_one_transaction(dsn: str, kind: str) -> None:
    again = failed(dsn)
    gone, *ids = [defer(dsn, priority=1) for _ in range(5)]
    changes = (
        (Cancel(delete=True), (gone,)),
        (Cancel(), (ids[0],)),
        (Reprioritise(9), (ids[1],)),
        (Reschedule(AT), (ids[2],)),
        (Retry(), (again,)),
    )
    async with acting(dsn, kind) as actor:
        held = await stage(actor, *changes, Job(task_name="new", queue="other", priority=3))
        assert (held.jobs, picture(dsn)) == (6, picture(dsn))
        made = await looked(actor, held)
        assert made.is_ready and made.ready == 6 and made.as_of is not None
        ledger = await applied(actor, made)
    assert ledger.is_applied and ledger.counts == {Result.DONE: 6}
    rows = run_sql(dsn, "SELECT id, status::text, priority, scheduled_at FROM procrastinate_jobs ORDER BY id")
    found = {row[0]: row[1:] for row in rows}
    assert gone not in found and found[ids[0]][0] == "cancelled" and found[ids[1]][1] == 9
    assert found[ids[2]][2] == AT and found[again][0] == "todo" and found[ids[3]] == ("todo", 1, None)
    new = max(found)
    assert found[new][:2] == ("todo", 3) and by_job(ledger)[new].sentence.startswith(f"Deferred job #{new}")


@each_kind
async def test_nobody_sees_a_part_of_it_and_workers_are_told_at_the_commit(dsn: str, kind: str) -> None:
    again, waiting = failed(dsn), defer(dsn)
    before = picture(dsn)
    seen, heard = [], []
    with psycopg.connect(dsn, autocommit=True) as listener:
        listener.execute("LISTEN procrastinate_any_queue_v1")

        def watch(progress: Progress) -> bool:
            seen.append(progress)
            assert picture(dsn) == before
            heard.extend(listener.notifies(timeout=0.2))
            return True

        async with acting(dsn, kind) as actor:
            held = await stage(actor, (Cancel(), (waiting,)), (Retry(), (again,)), Job(task_name="new"))
            made = await looked(actor, held)
            await actor.run(apply_staged(made), whole=True, watch=watch)
        assert [progress.at for progress in seen] == [1, 2, 3] and {progress.of for progress in seen} == {3}
        assert not heard
        told = [json.loads(note.payload)["job_id"] for note in listener.notifies(timeout=5, stop_after=2)]
        assert set(told) == {again, again + 2}


async def test_it_is_part_of_the_callers_transaction_on_the_callers_connection(dsn: str) -> None:
    job_id = defer(dsn)
    async with acting(dsn) as actor:
        made = await looked(actor, await stage(actor, (Cancel(), (job_id,)), Job(task_name="new")))
        async with await psycopg.AsyncConnection.connect(dsn, row_factory=psycopg.rows.dict_row) as own:
            await run_async(apply_staged(made), actor.connector, connection=own)
            assert run_sql(dsn, WAITING) == [job_id]
            await own.rollback()
        assert run_sql(dsn, WAITING) == [job_id]
        async with await psycopg.AsyncConnection.connect(dsn, row_factory=psycopg.rows.dict_row) as own:
            run_sql(dsn, "UPDATE procrastinate_jobs SET priority = 5")
            await own.execute("CREATE TABLE mine (x int)")
            with pytest.raises(NotApplied):
                await run_async(apply_staged(made), actor.connector, connection=own)
            # The caller's own work is not touched by the refusal.
            await own.execute("INSERT INTO mine VALUES (1)")
        assert run_sql(dsn, "SELECT x FROM mine") == [1] and run_sql(dsn, WAITING) == [job_id]
        # Outside a transaction it would be applied in pieces: it is refused instead.
        made = await looked(actor, await stage(actor, (Cancel(), (job_id,)), Job(task_name="new")))
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as own:
            with pytest.raises(NotApplied, match="transaction block"):
                await run_async(apply_staged(made), actor.connector, connection=own)
    assert run_sql(dsn, WAITING) == [job_id]


# Or nothing


RACES: dict[str, tuple[str, str]] = {
    "a worker takes it": ("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 3", "running"),
    "it is gone": ("DELETE FROM procrastinate_jobs WHERE id = 3", "no longer there"),
    "it is given another queue": ("UPDATE procrastinate_jobs SET queue_name = 'x' WHERE id = 3", "has changed"),
    "a new job's queueing lock is taken": (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('q', 't', 'mine')",
        "queueing lock mine was taken",
    ),
    "a retried job's queueing lock is taken": (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('q', 't', 'of-1')",
        "queueing lock",
    ),
}


@each_kind
@pytest.mark.parametrize("moment", ["before the preflight", "after the preflight"])
@pytest.mark.parametrize("race", RACES)
async def test_when_one_job_has_changed_meanwhile_nothing_is_applied(
    dsn: str, race: str, moment: str, kind: str
) -> None:
    meanwhile, words = RACES[race]
    failed(dsn, queueing_lock="of-1")
    for _ in range(4):
        defer(dsn)
    async with acting(dsn, kind) as actor:
        new = Job(task_name="new", queueing_lock="mine")
        held = await stage(actor, (Cancel(), (2, 3)), (Reprioritise(7), (4, 5)), (Retry(), (1,)), new)
        if moment == "before the preflight":
            run_sql(dsn, meanwhile)
            made = await looked(actor, held)
            assert not made.is_ready and words in " ".join(left(made)), left(made)
            with pytest.raises(ValueError, match="Not everything"):
                await actor.run(apply_staged(made), whole=True)
            return
        made = await looked(actor, held)
        assert made.is_ready, left(made)
        run_sql(dsn, meanwhile)
        before = picture(dsn)
        ledger = await applied(actor, made)
        assert picture(dsn) == before
        entries = list(ledger.entries())
    assert not ledger.is_applied and len(ledger.refused_positions()) == 1 and len(entries) == 6
    stood = [entry for entry in entries if entry.result in (Result.SKIPPED, Result.REFUSED)]
    assert len(stood) == 1 and words in stood[0].sentence, stood
    assert ledger.counts[Result.ROLLED_BACK] == 5 and Result.DONE not in ledger.counts
    assert all("rolled back" in entry.sentence for entry in entries if entry not in stood)


async def test_every_row_that_the_database_refuses_is_told(dsn: str) -> None:
    for _ in range(60):
        defer(dsn)
    run_sql(
        dsn,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.id IN (7, 23, 58) THEN RAISE 'not job %', NEW.id; END IF; RETURN NEW; END $$",
    )
    run_sql(dsn, "CREATE TRIGGER refuse BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION refuse()")
    before = picture(dsn)
    async with acting(dsn) as actor:
        held = await stage(actor, (Cancel(), tuple(range(1, 31))), (Reprioritise(3), tuple(range(31, 61))))
        ledger = await applied(actor, await looked(actor, held))
        refused = {entry.job_id: entry.sentence for entry in ledger.entries() if entry.result is Result.REFUSED}
    assert set(refused) == {7, 23, 58} and "not job 23" in refused[23]
    assert ledger.counts == {Result.REFUSED: 3, Result.ROLLED_BACK: 57} and picture(dsn) == before


async def test_a_job_that_others_hold_is_not_waited_for(dsn: str) -> None:
    defer(dsn), defer(dsn)
    before = picture(dsn)
    async with acting(dsn) as actor, await psycopg.AsyncConnection.connect(dsn) as other:
        made = await looked(actor, await stage(actor, (Cancel(), (1, 2)), Job(task_name="new")))
        await other.execute("SELECT FROM procrastinate_jobs WHERE id = 2 FOR UPDATE")
        async with asyncio.timeout(60):
            ledger = await applied(actor, made)
        assert "another transaction" in by_job(ledger)[2].sentence and picture(dsn) == before


async def test_a_queueing_lock_that_is_just_being_taken_is_not_waited_for_long(dsn: str) -> None:
    defer(dsn)
    before = picture(dsn)
    async with acting(dsn) as actor, await psycopg.AsyncConnection.connect(dsn) as other:
        made = await looked(actor, await stage(actor, (Cancel(), (1,)), Job(task_name="new", queueing_lock="mine")))
        await other.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('q', 't', 'mine')"
        )
        async with asyncio.timeout(60):
            ledger = await applied(actor, made)
        assert by_job(ledger)[0].result is Result.REFUSED and picture(dsn) == before


@each_kind
async def test_a_set_that_is_stopped_is_rolled_back(dsn: str, kind: str) -> None:
    defer(dsn), defer(dsn)
    before = picture(dsn)
    async with acting(dsn, kind) as actor:
        made = await looked(actor, await stage(actor, (Cancel(), (1,)), (Reprioritise(3), (2,))))
        with pytest.raises(NotApplied) as caught:
            await actor.run(apply_staged(made), whole=True, watch=lambda progress: False)
    assert caught.value.ledger.is_stopped and picture(dsn) == before
    assert caught.value.ledger.counts == {Result.ROLLED_BACK: 1, Result.NOT_REACHED: 1}


async def test_when_the_server_ends_the_connection_nothing_is_applied(dsn: str) -> None:
    defer(dsn), defer(dsn)
    before = picture(dsn)
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "

    def watch(progress: Progress) -> bool:
        run_sql(dsn, ends + "AND pid <> pg_backend_pid()")
        return True

    async with acting(dsn, "sync") as actor:
        made = await looked(actor, await stage(actor, (Cancel(), (1,)), (Reprioritise(3), (2,))))
        with pytest.raises(NotApplied) as caught:
            await actor.run(apply_staged(made), whole=True, watch=watch)
        assert caught.value.ledger.error is not None and picture(dsn) == before


# Together


@each_kind
async def test_a_queueing_lock_that_the_set_frees_can_be_taken_by_it(dsn: str, kind: str) -> None:
    again = failed(dsn, queueing_lock="a")
    holder, other = defer(dsn, queueing_lock="a"), defer(dsn, queueing_lock="b")
    async with acting(dsn, kind) as actor:
        with pytest.raises(NothingToStage):
            await stage(actor, (Retry(), (again,)))
        held = ChangeSet().with_defer(Job(task_name="new", queueing_lock="b"))
        assert "was taken by job" in left(await looked(actor, held))[0]
        held = held.with_plan(await actor.plan(Cancel(), holder, other))
        held = held.with_plan(await actor.plan(Retry(), again))
        made = await looked(actor, held)
        assert made.is_ready, left(made)
        assert (await applied(actor, made)).is_applied
        # Without the cancelling it would not have been possible.
        assert not (await looked(actor, held.without(1))).is_ready
    assert run_sql(dsn, WAITING) == [again, other + 1]


async def test_a_queueing_lock_that_two_of_the_set_want_is_told(dsn: str) -> None:
    again = failed(dsn, queueing_lock="a")
    async with acting(dsn) as actor:
        new = Job(task_name="new", queueing_lock="a")
        made = await looked(actor, await stage(actor, new, (Retry(), (again,)), new))
        assert not made.is_ready and made.ready == 1
        assert [part.problem is None for part in made.parts] == [False, True, False]
        assert all("only one can wait" in words for words in left(made))


async def test_the_same_job_in_two_changes_is_told_of_the_later_one(dsn: str) -> None:
    defer(dsn), defer(dsn)
    async with acting(dsn) as actor:
        held = await stage(actor, (Reprioritise(3), (1, 2)), (Cancel(), (2,)))
        made = await looked(actor, held)
        assert not made.is_ready and [part.is_ready for part in made.parts] == [True, False]
        assert left(made) == ["is in an earlier one of the staged changes, too. Exclude it from one of them."]
        smaller = made.as_they_are()
        assert smaller == held.without(1) and (await looked(actor, smaller)).is_ready


async def test_what_has_changed_can_be_staged_as_it_is_now(dsn: str) -> None:
    for _ in range(3):
        defer(dsn)
    async with acting(dsn) as actor:
        held = await stage(actor, (Cancel(), (1, 2, 3)), Job(task_name="new"))
        run_sql(dsn, "UPDATE procrastinate_jobs SET priority = 4 WHERE id = 2")
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 3")
        made = await looked(actor, held)
        assert made.ready == 2
        again = made.as_they_are()
        assert again.entries[0].count == 2 and again.entries[1] == held.entries[1]
        assert (await applied(actor, await looked(actor, again))).is_applied
    assert run_sql(dsn, "SELECT status::text FROM procrastinate_jobs ORDER BY id") == [
        "cancelled",
        "cancelled",
        "doing",
        "todo",
    ]


async def test_a_new_job_is_edited_before_it_is_applied(dsn: str) -> None:
    async with acting(dsn) as actor:
        held = await stage(actor, Job(task_name="a"), Job(task_name="b"))
        held = held.replaced(0, StagedDefer(Job(task_name="c", queue="q")))
        await applied(actor, await looked(actor, held))
    assert run_sql(dsn, "SELECT task_name FROM procrastinate_jobs ORDER BY id") == ["c", "b"]


async def test_more_jobs_than_one_transaction_bears_are_refused(dsn: str) -> None:
    number = "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, %s)"
    run_sql(dsn, number, staged.MOST_JOBS + 1)
    async with acting(dsn) as actor:
        with pytest.raises(TooManyStaged, match=r"100,001.*in chunks"):
            ChangeSet().with_plan(await actor.plan(Cancel(), text="queue:q"))
        held = ChangeSet().with_plan(await actor.plan(Cancel(), text=f"id:1..{staged.MOST_JOBS}"))
        made = await looked(actor, held)
        ledger = await applied(actor, made)
    assert ledger.counts == {Result.DONE: staged.MOST_JOBS}


@pytest.mark.parametrize("change", [Cancel(), Purge(), Retry(), Reprioritise(1)])
async def test_what_this_connection_may_not_is_told(dsn: str, change: Change) -> None:
    defer(dsn), failed(dsn)
    async with acting(dsn) as actor:
        held = ChangeSet().with_defer(Job(task_name="new"))
        made = await actor.run(look(held, actor.able, is_read_only=True))
        assert left(made) == ["This connection is read-only. Its profile says so."]
        with pytest.raises(NothingToStage):
            held.with_plan(await actor.plan(change, 1, 2, is_read_only=True))


async def test_the_ledger_is_exported_with_a_line_for_each_job(dsn: str, tmp_path: Path) -> None:
    for _ in range(3):
        defer(dsn)
    async with acting(dsn) as actor:
        made = await looked(actor, await stage(actor, (Reprioritise(5), (1, 2, 3)), Job(task_name="new")))
        ledger = await applied(actor, made)
    ledger.write_csv(tmp_path / "ledger.csv")
    ledger.write_ndjson(tmp_path / "ledger.ndjson")
    with (tmp_path / "ledger.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"] and rows[0]["priority_before"] == "0"
    lines = [json.loads(line) for line in (tmp_path / "ledger.ndjson").read_text().splitlines()]
    assert [line["result"] for line in lines] == ["done"] * 4
