"""A link that breaks at a COMMIT: what the ledger and the journal say is true at once, and settled when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from database import connected, run_sql
from dropping import Dropper, Fault
from every_act import CHANGES, JOBS, KINDS, PLACE, PROFILE, agree, done, fill, prepared, settled, undo_all
from jobdesk_core import Job, SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.exceptions import ConnectorException, InDoubt
from jobdesk_core.journal import Entry, Journal, Search, doubts, recorded, settling
from jobdesk_core.operations import Cancel, Chosen, Outcome, Result, plan, run
from jobdesk_core.troubles import explain

FAULTS: tuple[Fault, ...] = ("question", "answer", "statement")
#: What is sent in the transaction just before COMMIT.
LAST = b"pg_current_wal_insert_lsn"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


@pytest.fixture
def dropper(dsn: str) -> Iterator[Dropper]:
    with Dropper(dsn).running() as link:
        yield link


async def broken(
    kind: str, dropper: Dropper, journal: Journal, fault: Fault, *, stays_down: bool = False, whole: bool = False
) -> Any:
    """What an act came to that broke at its last COMMIT, or what it raised."""
    async with connected(dropper.dsn, max_size=1) as (connector, able):
        made = await prepared(kind, connector, able, journal)
        dropper.lose(fault, statement=b"pg_current_xact_id" if fault == "statement" else b"", stays_down=stays_down)
        try:
            if whole:
                return await recorded.act(made, connector, PROFILE, journal, on_trouble=print, is_one_transaction=True)
            return await done(kind, made, connector, able, journal)
        except ConnectorException as error:
            return error


async def newest(journal: Journal) -> Entry:
    return (await journal.entries(Search(), limit=1))[0]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_broken_link_leaves_is_looked_up_and_true(
    dsn: str, dropper: Dropper, tmp_path: Path, kind: str
) -> None:
    for fault in FAULTS:
        run_sql(dsn, "TRUNCATE procrastinate_jobs, procrastinate_workers RESTART IDENTITY CASCADE")
        fill(dsn, kind)
        journal = Journal(tmp_path / f"{fault}.sqlite")
        found = await broken(kind, dropper, journal, fault)
        assert dropper.lost.is_set()
        entry = await newest(journal)
        assert not entry.in_doubt and entry.ended_at is not None, "it was looked up at once"
        ends = await agree(dsn, kind, journal)
        assert bool(ends["done"]) is (fault == "answer"), ends
        if isinstance(found, Outcome):
            assert not found.is_unknown and found.is_done is (fault == "answer")
        elif hasattr(found, "counts"):
            assert found.counts[Result.DONE] == ends["done"] and not found.counts[Result.UNKNOWN], found.counts
        assert not isinstance(found, InDoubt)
        async with connected(dsn) as (connector, able):
            await undo_all(dsn, kind, connector, able, journal)


@pytest.mark.parametrize("kind", KINDS)
async def test_while_the_link_is_down_it_is_unknown_and_settled_when_it_is_back(
    dsn: str, dropper: Dropper, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "PATIENCE_S", 0.3)
    for fault in ("question", "answer"):
        run_sql(dsn, "TRUNCATE procrastinate_jobs, procrastinate_workers RESTART IDENTITY CASCADE")
        fill(dsn, kind)
        dropper.is_down = False
        journal = Journal(tmp_path / f"{fault}.sqlite")
        found = await broken(kind, dropper, journal, fault, stays_down=True)
        entry = await newest(journal)
        assert entry.in_doubt and not entry.done, entry
        assert {record.outcome for record in await journal.records(entry.id)} >= {"unknown"}
        if isinstance(found, Outcome):
            assert found.is_unknown and not found.is_done and found.entry_id == entry.id
        elif isinstance(found, Exception):
            assert isinstance(found, InDoubt) and explain(found).kind == "in_doubt"
        else:
            assert found.counts[Result.UNKNOWN] and not found.counts[Result.DONE], found.counts
            assert isinstance(found.error, InDoubt)
        async with connected(dsn) as (connector, able):
            if isinstance(found, Outcome):
                job = Job(task_name="new", queue="q", task_kwargs={"n": 1})
                known = await doubts.known_outcome(found, job, journal, connector.run_async)
                assert not known.is_unknown and known.is_done is (fault == "answer"), known
            elif isinstance(found, InDoubt):
                verdict = await doubts.find_out(journal, connector.run_async, found.entry_id)
                assert verdict is not None and verdict.verdict == ("done" if fault == "answer" else "left"), verdict
            else:
                unknown = found.counts[Result.UNKNOWN]
                assert await doubts.find_out_of(found, journal, connector.run_async)
                ends = Result.DONE if fault == "answer" else Result.ROLLED_BACK
                assert found.counts[ends] == unknown and not found.counts[Result.UNKNOWN], found.counts
                assert not isinstance(found.error, InDoubt) and found.entry_id == entry.id
            await settled(journal, connector)
            ends = await agree(dsn, kind, journal)
            assert bool(ends["done"]) is (fault == "answer"), ends
            await undo_all(dsn, kind, connector, able, journal)


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("stays_down", [False, True])
async def test_all_in_one_transaction(
    dsn: str, dropper: Dropper, tmp_path: Path, kind: str, stays_down: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "PATIENCE_S", 0.3 if stays_down else 10.0)
    for fault in FAULTS:
        run_sql(dsn, "TRUNCATE procrastinate_jobs RESTART IDENTITY CASCADE")
        fill(dsn, kind)
        dropper.is_down = False
        journal = Journal(tmp_path / f"{fault}.sqlite")
        ledger = await broken(kind, dropper, journal, fault, stays_down=stays_down, whole=True)
        is_open = stays_down and fault != "statement"
        expected = Result.UNKNOWN if is_open else Result.DONE if fault == "answer" else Result.ROLLED_BACK
        assert ledger.counts == {expected: JOBS}, (fault, ledger.counts)
        assert {entry.result for entry in ledger.entries()} == {expected}
        assert ledger.is_rolled_back is (expected is Result.ROLLED_BACK)
        async with connected(dsn) as (connector, able):
            await settled(journal, connector)
            await agree(dsn, kind, journal)
            await undo_all(dsn, kind, connector, able, journal)


async def test_nothing_was_sent_is_told_as_that(dsn: str, dropper: Dropper, journal: Journal) -> None:
    fill(dsn, "cancel", 500)
    async with connected(dropper.dsn, max_size=1, timeout=0.3) as (connector, able):
        made = await prepared("cancel", connector, able, journal)
        async with connector.pool.connection():  # the only one
            ledger = await recorded.act(made, connector, PROFILE, journal, on_trouble=print)
    assert not ledger.counts[Result.UNKNOWN] and not ledger.counts[Result.DONE]
    entry = await newest(journal)
    assert not entry.in_doubt and entry.left == 500
    assert run_sql(dsn, "SELECT DISTINCT status::text FROM procrastinate_jobs") == ["todo"]


async def test_what_acts_on_nothing_leaves_nothing_to_be_known(dsn: str, dropper: Dropper, journal: Journal) -> None:
    for fault in ("question", "answer"):
        dropper.is_down = False
        found = await broken("prune", dropper, journal, fault, stays_down=True)
        assert isinstance(found, ConnectorException) and not isinstance(found, InDoubt), fault
        entry = await newest(journal)
        assert (entry.in_doubt, entry.done) == (0, 0) and entry.ended_at is not None


async def test_the_next_act_settles_what_the_last_one_left(
    dsn: str, dropper: Dropper, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "PATIENCE_S", 0.0)
    fill(dsn, "cancel", 5)
    await broken("cancel", dropper, journal, "answer", stays_down=True)
    left = await newest(journal)
    assert left.in_doubt == 5
    async with connected(dsn) as (connector, able):
        await done("defer", None, connector, able, journal)
    settled_entry = await journal.entry(left.id)
    assert settled_entry is not None and (settled_entry.in_doubt, settled_entry.done) == (0, 5)


def test_without_a_loop_it_is_the_same(dsn: str, dropper: Dropper, tmp_path: Path) -> None:
    for fault in FAULTS:
        run_sql(dsn, "TRUNCATE procrastinate_jobs RESTART IDENTITY CASCADE")
        fill(dsn, "cancel", 20)
        connector = SyncPsycopgConnector(conninfo=dropper.dsn, max_size=1)
        connector.open()
        journal = Journal(tmp_path / f"{fault}.sqlite")
        able = connector.run(DETECT)
        made = run(plan(Chosen(tuple(range(1, 21))), Cancel(), able), connector)
        dropper.lose(fault, statement=b"pg_current_xact_id" if fault == "statement" else b"")
        ledger = asyncio.run(recorded.act(made, connector, PROFILE, journal, on_trouble=print))
        connector.close()
        assert ledger.counts == {Result.DONE if fault == "answer" else Result.ROLLED_BACK: 20}, (fault, ledger.counts)
        asyncio.run(agree(dsn, "cancel", journal, 20))


@pytest.mark.parametrize("what", ["task", "whole"])
async def test_an_act_whose_task_is_cancelled_knows_what_it_has_done(dsn: str, journal: Journal, what: str) -> None:
    fill(dsn, "cancel", JOBS)
    async with connected(dsn) as (connector, able):
        made = await prepared("cancel", connector, able, journal)

        async def hold(progress: object) -> bool:
            acting.cancel()
            await asyncio.sleep(30)
            return True

        acting = asyncio.create_task(
            recorded.act(
                made,
                connector,
                PROFILE,
                journal,
                on_trouble=print,
                on_progress=hold,
                is_one_transaction=what == "whole",
            )
        )
        await asyncio.gather(acting, return_exceptions=True)
        entry = await newest(journal)
        assert entry.ended_at is not None and not entry.in_doubt and entry.error == recorded.STOPPED
        ends = await agree(dsn, "cancel", journal)
        assert ends == ({"not reached": JOBS} if what == "whole" else {"done": 100, "not reached": JOBS - 100})
        await undo_all(dsn, "cancel", connector, able, journal)


async def test_a_renewed_server_is_not_asked_for_a_transaction_of_another(
    dsn: str, dropper: Dropper, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "PATIENCE_S", 0.0)
    fill(dsn, "cancel", 5)
    await broken("cancel", dropper, journal, "question", stays_down=True)
    (chunk,) = await journal.in_doubt()
    store = journal._store
    store._run(lambda file: file.execute("UPDATE entries SET server = 'other/1'"))
    async with connected(dsn) as (connector, _):
        # The jobs tell: one that still waits was not cancelled.
        await settling.settle(journal, connector.run_async, PLACE)
        assert await journal.in_doubt() == []
        entry = await newest(journal)
        assert (entry.done, entry.left) == (0, 5)
        assert chunk.jobs == 5
        # And of one that is gone nothing tells.
    await run_async_defer_gone(dsn, dropper, journal)


async def run_async_defer_gone(dsn: str, dropper: Dropper, journal: Journal) -> None:
    """A new job that nobody finds on another server: unknown, with the reason."""
    dropper.is_down = False
    outcome = await broken("defer", dropper, journal, "question", stays_down=True)
    journal._store._run(lambda file: file.execute("UPDATE entries SET server = 'other/1'"))
    async with connected(dsn) as (connector, _):
        await settling.settle(journal, connector.run_async, PLACE)
        known = await doubts.known_outcome(outcome, Job(task_name="new"), journal, connector.run_async)
    assert known.is_unknown and not known.is_done
    assert f"deferred as job #{outcome.job_id} cannot be known, because this server is not the one" in known.sentence
    entry = await newest(journal)
    (record,) = await journal.records(entry.id)
    assert (record.outcome, entry.in_doubt) == ("unknown", 0) and "not the one that it was sent to" in record.sentence


_REFUSED_AT_COMMIT = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not this one''; END';
CREATE CONSTRAINT TRIGGER refused AFTER UPDATE OR INSERT ON procrastinate_jobs DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.id = 7) EXECUTE FUNCTION refuse();
"""


@pytest.mark.parametrize("kind", ["cancel", "reprioritise", "undo"])
async def test_each_job_is_written_down_once_whatever_became_of_the_first_tries(
    dsn: str, journal: Journal, kind: str
) -> None:
    fill(dsn, kind)
    async with connected(dsn) as (connector, able):
        made = await prepared(kind, connector, able, journal)
        # Others have changed one, and COMMIT refuses another: its chunk is halved until it is alone.
        run_sql(dsn, "UPDATE procrastinate_jobs SET priority = 5 WHERE id = 3")
        run_sql(dsn, _REFUSED_AT_COMMIT.replace("NEW.id = 7", "NEW.args ->> 'n' = '7'"))
        await done(kind, made, connector, able, journal)
    entry = await newest(journal)
    records = await journal.records(entry.id, limit=1_000)
    assert [record.job_id for record in records] == list(range(1, JOBS + 1))
    expected = {3, 7} if kind != "undo" else {7}
    assert {record.job_id for record in records if not record.is_done} == expected
    assert (entry.done, entry.left, entry.in_doubt) == (JOBS - len(expected), len(expected), 0)
