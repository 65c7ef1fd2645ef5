"""Undoing what was done: deferred again or set back, job by job, and never over what has changed since."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import connected, defer, run_sql
from jobdesk_core import Job, PsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.journal import Entry, Header, Journal, JournalTrouble, Record, Search, headers, recorded
from jobdesk_core.journal.undo import plan, refusal
from jobdesk_core.journal.undo_apply import AT_ONCE, undo
from jobdesk_core.operations import (
    Action,
    Cancel,
    Change,
    Chosen,
    Ledger,
    Matching,
    Outcome,
    Reprioritise,
    Reschedule,
    Result,
    Retry,
    Target,
    run_async,
)
from jobdesk_core.operations import plan as plan_acts
from jobdesk_core.profiles import Profile, where
from journals import write
from releases import STATES, level
from waiting import until

PROFILE = Profile(name="production", method="dsn", dsn="postgresql://me:secret@db/app")
COLUMNS = "task_name, queue_name, status::text, lock, queueing_lock, args::text, scheduled_at"
each_cancelling = pytest.mark.parametrize("state", [state for state in STATES if level(state) >= (2, 7)])


class Scene:
    """A database, its journal, and an operator."""

    def __init__(self, dsn: str, connector: PsycopgConnector, able: Capabilities, journal: Journal) -> None:
        self.dsn, self.connector, self.able, self.journal = dsn, connector, able, journal
        self.troubles: list[JournalTrouble] = []

    async def do(self, change: Change, *ids: int, whole: bool = False) -> Ledger:
        made = await run_async(plan_acts(Chosen(ids), change, self.able), self.connector)
        return await recorded.act(
            made, self.connector, PROFILE, self.journal, on_trouble=self.troubles.append, is_one_transaction=whole
        )

    async def defer(self, job: Job) -> Outcome:
        return await recorded.defer_one(
            job, self.connector, self.able, PROFILE, self.journal, on_trouble=self.troubles.append
        )

    async def newest(self) -> Entry:
        return (await self.journal.entries(Search(), limit=1))[0]

    async def written(self, action: str, before: dict[int, dict[str, Any]], **set_to: Any) -> Entry:
        """An act as the journal has it, done by plain SQL."""
        header = Header(action=action, sentence=action, profile="p", place=where(PROFILE), role="r", set_to=set_to)
        await write(self.journal, header, [Record(job_id, "done", "", held) for job_id, held in before.items()])
        return await self.newest()

    async def undo(self, entry: Entry) -> tuple[int, dict[str, int]]:
        """Undo an entry; what the preflight has foreseen must come true."""
        foreseen = await plan(self.journal, self.connector, self.able, entry)
        header = Header(action="undo", sentence="Undo", profile="p", place=where(PROFILE), role="r", undoes=entry.id)
        done, left = await undo(self.journal, self.connector, self.able, entry, header)
        assert (done, left) == (foreseen.ready, foreseen.left)
        return done, dict(left)

    def job(self, job_id: int) -> Any:
        return (run_sql(self.dsn, f"SELECT {COLUMNS} FROM procrastinate_jobs WHERE id = %s", job_id) or [None])[0]


def on_disk(journal: Journal) -> bytes:
    """Everything that the journal has on disk."""
    return b"".join(path.read_bytes() for path in journal.path.parent.glob("journal.sqlite*"))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


async def scene(dsn: str, journal: Journal) -> AsyncIterator[Scene]:
    async with connected(dsn) as (connector, able):
        yield Scene(dsn, connector, able, journal)


@each_cancelling
@pytest.mark.parametrize("delete", [False, True])
async def test_a_cancelled_job_is_deferred_again_as_it_was(
    released_dsn: str, state: str, journal: Journal, delete: bool
) -> None:
    at = dt.datetime(2090, 1, 2, tzinfo=dt.UTC)
    args = '{"a": [1, {"b": "ü\\"\\\\😀"}], "n": 12345678901234567890}'
    job_id = defer(released_dsn, lock="l", queueing_lock="ql", args=args, scheduled_at=at)
    async for here in scene(released_dsn, journal):
        was = here.job(job_id)
        assert (await here.do(Cancel(delete=delete), job_id)).counts == {Result.DONE: 1}
        entry = await here.newest()
        (record,) = await journal.records(entry.id)
        assert record.before["status"] == "todo" and ("args" in record.before) is delete, record
        assert await here.undo(entry) == (1, {})
        undone = await here.newest()
        (again,) = await journal.records(undone.id)
        assert again.new_id is not None and here.job(again.new_id) == was
        assert f"in place of #{job_id}" in again.sentence and undone.header.undoes == entry.id
        marked = await journal.entry(entry.id)
        assert marked is not None and marked.undone == 1
        assert "has been undone" in (refusal(marked, PROFILE, here.able) or "")
        assert await here.undo(marked) == (0, {}), "once only"


@each_cancelling
async def test_what_has_changed_since_a_cancellation_is_left_alone(
    released_dsn: str, state: str, journal: Journal
) -> None:
    ids = [defer(released_dsn, queueing_lock=lock) for lock in ("a", "b", None)]
    async for here in scene(released_dsn, journal):
        await here.do(Cancel(), *ids)
        entry = await here.newest()
        defer(released_dsn, queueing_lock="b")
        run_sql(released_dsn, "DELETE FROM procrastinate_jobs WHERE id = %s", ids[2])
        foreseen = await plan(journal, here.connector, here.able, entry)
        assert (foreseen.ready, dict(foreseen.left)) == (2, {"It is no longer there.": 1})
        header = Header(action="undo", sentence="Undo", profile="p", place=where(PROFILE), role="r", undoes=entry.id)
        done, left = await undo(journal, here.connector, here.able, entry, header)
        assert done == 1 and set(left) == {"It is no longer there.", "Another waiting job has its queueing lock."}
        run_sql(released_dsn, "DELETE FROM procrastinate_jobs WHERE queueing_lock = 'b' AND status = 'todo'")
        assert await here.undo(entry) == (1, {"It is no longer there.": 1}), "what was left can be undone later"


async def test_a_job_whose_arguments_were_too_large_is_not_deferred_again(dsn: str, journal: Journal) -> None:
    job_id = defer(dsn, args='{"a": "' + os.urandom(100_000).hex() + '"}')
    async for here in scene(dsn, journal):
        await here.do(Cancel(delete=True), job_id)
        assert await here.undo(await here.newest()) == (0, {"Its arguments were too large for the journal.": 1})


async def test_arguments_are_written_for_deleted_jobs_alone_and_secrets_never(dsn: str, journal: Journal) -> None:
    ids = [defer(dsn, args='{"token": "sesame"}') for _ in range(4)]
    async for here in scene(dsn, journal):
        await here.do(Cancel(), ids[0])
        await here.do(Retry(), ids[1])
        await here.defer(Job(task_name="t", task_kwargs={"token": "sesame"}))
        assert b"sesame" not in on_disk(journal)
        await here.do(Cancel(delete=True), ids[2])
        assert b"sesame" in on_disk(journal) and b"secret" not in on_disk(journal)


@pytest.mark.parametrize("state", [state for state in STATES if level(state) >= (2, 5)])
async def test_a_priority_is_set_back_unless_it_was_changed_since(
    released_dsn: str, state: str, journal: Journal
) -> None:
    ids = [defer(released_dsn, priority=9) for _ in range(3)]
    async for here in scene(released_dsn, journal):
        entry = await here.written("reprioritise", {job_id: {"priority": 2} for job_id in ids}, priority=9)
        run_sql(released_dsn, "UPDATE procrastinate_jobs SET priority = 5 WHERE id = %s", ids[1])
        run_sql(released_dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", ids[2])
        done, left = await here.undo(entry)
        assert done == 1 and left == {"Its priority was changed since.": 1, "It is no longer waiting: doing.": 1}
        assert run_sql(released_dsn, "SELECT priority FROM procrastinate_jobs ORDER BY id") == [2, 5, 9]


@pytest.mark.parametrize("state", ["1.1.2", "2.15.1", "3.10.0"])
@pytest.mark.parametrize("before", [None, "2091-05-06T07:08:09+00:00"])
async def test_a_schedule_is_set_back_unless_it_was_changed_since(
    released_dsn: str, state: str, journal: Journal, before: str | None
) -> None:
    at = dt.datetime(2090, 1, 2, tzinfo=dt.UTC)
    ids = [defer(released_dsn, scheduled_at=at) for _ in range(2)]
    async for here in scene(released_dsn, journal):
        held = {job_id: {"scheduled_at": before} for job_id in ids}
        entry = await here.written("reschedule", held, scheduled_at=at)
        run_sql(released_dsn, "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE id = %s", ids[1])
        assert await here.undo(entry) == (1, {"Its schedule was changed since.": 1})
        expected = dt.datetime.fromisoformat(before) if before else None
        assert run_sql(released_dsn, "SELECT scheduled_at FROM procrastinate_jobs WHERE id = %s", ids[0]) == [expected]


async def test_a_job_made_due_gets_its_time_back(dsn: str, journal: Journal) -> None:
    job_id = defer(dsn)
    async for here in scene(dsn, journal):
        run_sql(dsn, "UPDATE procrastinate_jobs SET scheduled_at = now()")
        entry = await here.written("run now", {job_id: {"scheduled_at": "2091-05-06T07:08:09+00:00"}})
        assert await here.undo(entry) == (1, {})
        assert run_sql(dsn, "SELECT scheduled_at FROM procrastinate_jobs")[0].year == 2091


async def test_where_the_environment_leads_is_another_place_in_another_environment(
    dsn: str, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = Profile(name="environment")
    async for here in scene(dsn, journal):
        monkeypatch.setenv("PGHOST", "db.staging")
        # As it is noted, and as earlier releases did: "libpq's environment".
        for place in (where(profile), profile.display_dsn):
            header = Header(action="reprioritise", sentence="s", profile="environment", place=place, role="r")
            await write(journal, header, [Record(1, "done", "", {"priority": 1})])
            entry = await here.newest()
            assert (refusal(entry, profile, here.able) is None) is (place == where(profile))
            with monkeypatch.context() as moved:
                moved.setenv("PGHOST", "db.production")
                assert "another database" in (refusal(entry, profile, here.able) or "")


@pytest.mark.parametrize("action", ["defer", "rescue", "fail", "abort", "purge", "undo", "of another release"])
async def test_what_cannot_be_undone_says_why(dsn: str, journal: Journal, action: str) -> None:
    async for here in scene(dsn, journal):
        entry = await here.written(action, {1: {}})
        assert refusal(entry, PROFILE, here.able)


async def test_undo_is_refused_elsewhere_and_on_read_only_connections(dsn: str, journal: Journal) -> None:
    async for here in scene(dsn, journal):
        entry = await here.written("reprioritise", {1: {"priority": 1}}, priority=2)
        other = replace(PROFILE, dsn="postgresql://me@db/other")
        assert "another database" in (refusal(entry, other, here.able) or "")
        assert "read-only" in (refusal(entry, replace(PROFILE, is_read_only=True), here.able) or "")
        assert refusal(entry, PROFILE, here.able) is None
        same = replace(PROFILE, dsn="host=db port=5432 user=me dbname=app")
        assert refusal(entry, same, here.able) is None, "the same place in other words"
        empty = await here.written("cancel", {})
        assert "no jobs" in (refusal(empty, PROFILE, here.able) or "")


@each_cancelling
async def test_many_jobs_are_undone_in_few_transactions(released_dsn: str, state: str, journal: Journal) -> None:
    count = 2 * AT_ONCE + 10
    ids = [defer(released_dsn, args=f'{{"n": {number}}}') for number in range(count)]
    async for here in scene(released_dsn, journal):
        await here.do(Cancel(), *ids)
        entry = await here.newest()
        assert await here.undo(entry) == (count, {})
        waiting = "FROM procrastinate_jobs WHERE status = 'todo'"
        assert run_sql(released_dsn, f"SELECT count(DISTINCT xmin::text) {waiting}") == [3]
        records = await journal.records((await here.newest()).id, limit=count)
        new = {record.job_id: record.new_id for record in records}
        pairs = run_sql(released_dsn, f"SELECT id, args ->> 'n' {waiting}")
        assert {new_id: ids.index(job_id) for job_id, new_id in new.items()} == {key: int(n) for key, n in pairs}


async def test_one_refused_job_keeps_no_other_back(dsn: str, journal: Journal) -> None:
    ids = [defer(dsn, queueing_lock=f"q{number}") for number in range(20)]
    async for here in scene(dsn, journal):
        await here.do(Cancel(), *ids)
        entry = await here.newest()
        for number in (3, 17):
            defer(dsn, queueing_lock=f"q{number}")
        header = Header(action="undo", sentence="Undo", profile="p", place=where(PROFILE), role="r", undoes=entry.id)
        done, left = await undo(journal, here.connector, here.able, entry, header)
        assert (done, left) == (18, {"Another waiting job has its queueing lock.": 2})
        marked = await journal.entry(entry.id)
        assert marked is not None and marked.undone == 18


WAITING_FOR_A_LOCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def test_an_undo_that_is_stopped_can_be_taken_up_again(dsn: str, journal: Journal) -> None:
    ids = [defer(dsn) for _ in range(5)]
    async for here in scene(dsn, journal):
        await here.do(Cancel(), *ids)
        entry = await here.newest()
        header = Header(action="undo", sentence="Undo", profile="p", place=where(PROFILE), role="r", undoes=entry.id)
        with psycopg.connect(dsn) as other:
            other.execute("SELECT 1 FROM procrastinate_jobs WHERE id = %s FOR UPDATE", [ids[3]])
            undoing = asyncio.create_task(undo(journal, here.connector, here.able, entry, header))
            await until(lambda: run_sql(dsn, WAITING_FOR_A_LOCK) == [1], what="the undo to wait for a lock")
            undoing.cancel()
            await asyncio.gather(undoing, return_exceptions=True)
        assert (await journal.entry(entry.id)).undone == 0  # type: ignore[union-attr]
        assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'") == [0]
        assert await here.undo(entry) == (5, {})


async def test_two_undo_at_once_and_each_job_is_deferred_once(dsn: str, journal: Journal) -> None:
    ids = [defer(dsn) for _ in range(30)]
    async for here in scene(dsn, journal):
        await here.do(Cancel(), *ids)
        entry = await here.newest()
        header = Header(action="undo", sentence="Undo", profile="p", place=where(PROFILE), role="r", undoes=entry.id)
        others = Journal(journal.path)
        results = await asyncio.gather(
            *(undo(each, here.connector, here.able, entry, header) for each in (journal, others))
        )
        assert sum(done for done, _ in results) == 30
        assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'") == [30]


async def test_an_act_is_carried_out_although_the_journal_cannot_be_written(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    job_id = defer(dsn)
    async for here in scene(dsn, Journal(tmp_path / "file" / "journal.sqlite")):
        assert (await here.do(Cancel(), job_id)).counts == {Result.DONE: 1}
        assert len(here.troubles) == 1 and "journal" in str(here.troubles[0])
        assert here.job(job_id)[2] == "cancelled"


async def test_an_act_that_is_broken_off_knows_what_it_has_done(dsn: str, journal: Journal) -> None:
    ids = [defer(dsn) for _ in range(3)]
    is_told = asyncio.Event()
    async for here in scene(dsn, journal):
        made = await run_async(plan_acts(Chosen(tuple(ids)), Cancel(), here.able), here.connector)

        async def wait(_: object) -> bool:
            is_told.set()
            await asyncio.Event().wait()
            return True

        acting = asyncio.create_task(
            recorded.act(made, here.connector, PROFILE, journal, on_trouble=here.troubles.append, on_progress=wait)
        )
        await asyncio.wait_for(is_told.wait(), 60)
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
        entry = await here.newest()
        assert entry.error == "It was stopped." and entry.ended_at is not None
        assert {record.outcome for record in await journal.records(entry.id)} == {"done"} and entry.done == 3
        assert await here.undo(entry) == (3, {})


@pytest.mark.parametrize("state", [state for state in STATES if level(state) >= (2, 5)])
async def test_what_the_operations_do_to_priority_and_schedule_is_undone(
    released_dsn: str, state: str, journal: Journal
) -> None:
    at = dt.datetime(2090, 1, 2, tzinfo=dt.UTC)
    ids = [defer(released_dsn, priority=number, scheduled_at=at if number else None) for number in range(3)]
    changes = [Reprioritise(7), Reschedule(at + dt.timedelta(days=1)), Reschedule()]
    before = run_sql(released_dsn, STATE)
    async for here in scene(released_dsn, journal):
        for change in changes:
            ledger = await here.do(change, *ids)
            entry = await here.newest()
            assert entry.header.action == change.action.value and entry.header.sql
            assert (await here.undo(entry))[0] == ledger.counts[Result.DONE] > 0
            assert run_sql(released_dsn, STATE) == before, change


STATE = "SELECT priority, scheduled_at, status::text FROM procrastinate_jobs ORDER BY id"


async def test_what_was_rolled_back_is_written_as_that(dsn: str, journal: Journal) -> None:
    job_id = defer(dsn)
    async for here in scene(dsn, journal):
        made = await run_async(plan_acts(Chosen((job_id,)), Cancel(), here.able), here.connector)

        async def stop(_: object) -> bool:
            return False

        ledger = await recorded.act(
            made,
            here.connector,
            PROFILE,
            journal,
            on_trouble=here.troubles.append,
            on_progress=stop,
            is_one_transaction=True,
        )
        entry = await here.newest()
        assert ledger.is_rolled_back and (entry.done, entry.left) == (0, 1) and entry.error == "It was stopped."
        assert [record.outcome for record in await journal.records(entry.id)] == ["rolled back"]


@pytest.mark.parametrize(
    ("change", "target", "sentence"),
    [
        (Cancel(), Chosen((1,)), "Cancel job #1"),
        (Cancel(delete=True), Chosen((1, 2)), "Cancel and delete 2 jobs"),
        (Reprioritise(4), Chosen((1, 2)), "Reprioritise 2 jobs"),
        (Reschedule(), Chosen((3,)), "Run now job #3"),
        (Cancel(), Matching(JobFilter.parse("queue:q")), "Cancel 3 jobs of those that match queue:q"),
        (Cancel(), Matching(JobFilter.parse("args.a:1")), "Cancel 0 jobs"),
    ],
)
async def test_an_entry_says_in_words_what_was_asked_for(
    dsn: str, journal: Journal, change: Change, target: Target, sentence: str
) -> None:
    for _ in range(3):
        defer(dsn, scheduled_at="2090-01-01")
    async for here in scene(dsn, journal):
        made = await run_async(plan_acts(target, change, here.able), here.connector)
        header = headers.of_plan(made, PROFILE)
        assert header.sentence == sentence and "secret" not in header.place and header.role == here.able.role
        assert bool(header.sql) == bool(made.ready) and Action(header.action) is change.action


# Retries

WHOLE = "status::text, attempts, priority, queue_name, lock, queueing_lock, scheduled_at, args::text, abort_requested"
each_retrying = pytest.mark.parametrize("state", [state for state in STATES if level(state) >= (3, 4)])


def failed(dsn: str, **options: Any) -> int:
    """A job that has run once and failed."""
    job_id = defer(dsn, **options)
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", job_id)
    run_sql(dsn, "SELECT procrastinate_finish_job_v1(%s, 'failed', false)", job_id)
    return job_id


@each_retrying
@pytest.mark.parametrize(
    "change", [Retry(), Retry(at=dt.datetime(2090, 1, 2, tzinfo=dt.UTC), priority=9, queue="other")]
)
async def test_a_retried_job_that_has_not_started_is_failed_again_as_it_was(
    released_dsn: str, state: str, journal: Journal, change: Retry
) -> None:
    at = dt.datetime(2020, 1, 2, tzinfo=dt.UTC)
    job_id = failed(released_dsn, lock="l", queueing_lock="ql", priority=3, scheduled_at=at, args='{"n": 1.10}')
    read = f"SELECT {WHOLE} FROM procrastinate_jobs"
    async for here in scene(released_dsn, journal):
        was = run_sql(released_dsn, read)
        assert (await here.do(change, job_id)).counts == {Result.DONE: 1}
        assert run_sql(released_dsn, read)[0][0] == "todo"
        entry = await here.newest()
        assert await here.undo(entry) == (1, {})
        assert run_sql(released_dsn, read) == was, "every column"
        assert await here.undo(entry) == (0, {}), "once"
        assert (await here.do(Retry(), job_id)).counts == {Result.DONE: 1}, "and it can be retried again"


async def test_only_those_retried_jobs_are_failed_again_that_have_not_started_since(dsn: str, journal: Journal) -> None:
    names = (
        "waits",
        "runs",
        "succeeded",
        "failed",
        "ran and waits",
        "cancelled",
        "deleted",
        "moved",
        "later",
        "locked",
    )
    ids = {name: failed(dsn) for name in names}
    stalled = defer(dsn)
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", stalled)

    def run(sql: str, name: str) -> None:
        run_sql(dsn, sql, ids[name])

    start = "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s"
    async for here in scene(dsn, journal):
        ledger = await here.do(Retry(), *ids.values(), stalled)
        assert ledger.counts == {Result.DONE: 11}
        entry = await here.newest()
        assert ledger.entry_id == entry.id
        for name in ("runs", "succeeded", "failed", "ran and waits"):
            run(start, name)
        run("SELECT procrastinate_finish_job_v1(%s, 'succeeded', false)", "succeeded")
        run("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", "failed")
        run("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", "ran and waits")
        run("SELECT procrastinate_cancel_job_v1(%s, false, false)", "cancelled")
        run("DELETE FROM procrastinate_jobs WHERE id = %s", "deleted")
        run("UPDATE procrastinate_jobs SET queue_name = 'elsewhere' WHERE id = %s", "moved")
        run("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 day' WHERE id = %s", "later")
        run("UPDATE procrastinate_jobs SET lock = 'new' WHERE id = %s", "locked")
        before = run_sql(dsn, f"SELECT id, {WHOLE} FROM procrastinate_jobs WHERE id <> %s ORDER BY id", ids["waits"])
        done, left = await here.undo(entry)
        assert (done, left) == (
            1,
            {
                "It has started again: doing.": 1,
                "It has started again: succeeded.": 1,
                "It has started again: failed.": 1,
                "It has started again, and is waiting once more.": 1,
                "It is no longer waiting: cancelled.": 1,
                "It is no longer there.": 1,
                "Its queue was changed since.": 1,
                "Its schedule was changed since.": 1,
                "Its lock was changed since.": 1,
                "It was running before: no job can be set back to that.": 1,
            },
        )
        after = run_sql(dsn, f"SELECT id, {WHOLE} FROM procrastinate_jobs WHERE id <> %s ORDER BY id", ids["waits"])
        assert after == before
        assert run_sql(dsn, "SELECT status::text, attempts FROM procrastinate_jobs WHERE id = %s", ids["waits"]) == [
            ("failed", 1)
        ]
