"""Staged changes in the journal: one entry, a record for each job, and an undo of what can be undone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from acting import Actor, acting
from database import defer, picture, run_sql
from jobdesk_core import Job
from jobdesk_core.journal import Entry, Header, Journal, Search, recorded, undo, undo_apply
from jobdesk_core.operations import Cancel, Progress, Reprioritise, Result, SetLedger, SetPlan
from jobdesk_core.profiles import Profile
from staging import looked, staged

PROFILE = Profile(name="test", method="dsn", dsn="host=db dbname=app")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


async def kept(actor: Actor, journal: Journal, made: SetPlan, **options: object) -> tuple[SetLedger, Entry]:
    """Apply a set and read its entry of the journal."""
    act = recorded.staged(made, actor.connector, PROFILE, journal, on_trouble=pytest.fail, **options)  # type: ignore[arg-type]
    ledger = await act
    (entry,) = await journal.entries(Search())
    return ledger, entry


async def test_one_entry_tells_of_every_job_and_is_undone(dsn: str, journal: Journal) -> None:
    for _ in range(3):
        defer(dsn, args='{"secret": "xyzzy"}', priority=1)
    async with acting(dsn) as actor:
        made = await looked(
            actor,
            await staged(
                actor,
                (Cancel(), (1,)),
                (Cancel(delete=True), (2,)),
                (Reprioritise(5), (3,)),
                Job(task_name="new", task_kwargs={"token": "hidden"}),
            ),
        )
        _, entry = await kept(actor, journal, made)
        assert (entry.done, entry.left, entry.error) == (4, 0, "")
        assert entry.header.sentence == "Apply 4 staged changes: cancel 1, cancel and delete 1, reprioritise 1, defer 1"
        assert entry.header.sql.count("\n;\n") == 3
        assert "hidden" not in entry.header.sql and all(
            b"hidden" not in path.read_bytes() for path in journal.path.parent.glob("journal.sqlite*")
        )
        records = await journal.records(entry.id)
        assert [(record.job_id, record.before["act"]) for record in records] == [
            (1, "cancel"),
            (2, "delete"),
            (3, "reprioritise"),
            (4, "defer"),
        ]
        assert undo.refusal(entry, PROFILE, actor.able) is None
        plan = await undo.plan(journal, actor.connector, actor.able, entry)
        assert plan.ready == 3 and list(plan.left) == ["Deferring is not undone here: cancel the new job."]
        header = Header(action="undo", sentence="Undo", profile="test", place="", role="", undoes=entry.id)
        done, left = await undo_apply.undo(journal, actor.connector, actor.able, entry, header)
        assert (done, left.total()) == (3, 1)
    rows = run_sql(dsn, "SELECT id, status::text, priority, args->>'secret' FROM procrastinate_jobs ORDER BY id")
    assert rows[0][1] == "cancelled" and rows[1][:3] == (3, "todo", 1)
    assert sorted(row[3] for row in rows if row[0] > 4) == ["xyzzy", "xyzzy"]


async def test_what_was_refused_is_written_down_with_its_reason(dsn: str, journal: Journal) -> None:
    defer(dsn), defer(dsn)
    async with acting(dsn) as actor:
        made = await looked(actor, await staged(actor, (Cancel(), (1, 2)), Job(task_name="new")))
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 2")
        ledger, entry = await kept(actor, journal, made)
        records = {record.job_id: record for record in await journal.records(entry.id)}
    assert not ledger.is_applied and (entry.done, entry.left) == (0, 3)
    assert "running" in records[2].sentence and {records[0].outcome, records[1].outcome} == {"rolled back"}


COMMITS = {
    "refused": (
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not at the commit'; END $$;"
        "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON procrastinate_jobs DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION late()",
        Result.ROLLED_BACK,
        "not at the commit",
    ),
    "not answered": (
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
        "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON procrastinate_jobs DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION late()",
        None,
        "",
    ),
}


@pytest.mark.parametrize("commit", COMMITS)
async def test_a_commit_that_fails_is_not_told_as_done(dsn: str, journal: Journal, commit: str) -> None:
    definition, result, words = COMMITS[commit]
    defer(dsn)
    async with acting(dsn) as actor:
        made = await looked(actor, await staged(actor, (Cancel(), (1,)), Job(task_name="new")))
        run_sql(dsn, definition)
        before = picture(dsn)
        ledger, entry = await kept(actor, journal, made)
    assert picture(dsn) == before and not ledger.is_applied and entry.done == 0
    assert set(ledger.counts) <= ({result} if result else {Result.ROLLED_BACK, Result.UNKNOWN})
    assert words in entry.error and entry.error


async def test_what_is_broken_off_before_the_commit_is_written_down_as_not_reached(dsn: str, journal: Journal) -> None:
    defer(dsn)
    before = picture(dsn)
    reached = asyncio.Event()

    async def wait(progress: Progress) -> bool:
        reached.set()
        await asyncio.Event().wait()
        return True

    async with acting(dsn) as actor:
        made = await looked(actor, await staged(actor, (Cancel(), (1,)), Job(task_name="new")))
        acting_on_it = asyncio.create_task(kept(actor, journal, made, on_progress=wait))
        await asyncio.wait_for(reached.wait(), 60)
        acting_on_it.cancel()
        await asyncio.gather(acting_on_it, return_exceptions=True)
        (entry,) = await journal.entries(Search())
        records = await journal.records(entry.id)
    assert [(record.job_id, record.outcome) for record in records] == [(0, "not reached"), (1, "not reached")]
    assert picture(dsn) == before and (entry.done, entry.left) == (0, 2)
