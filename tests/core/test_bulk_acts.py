"""Acting on many jobs: exactly those that were meant, whatever others do meanwhile, in chunks or all or none."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import itertools
import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psycopg
import pytest
from acting import KINDS, acting
from database import connected, defer, finish, picture, run_sql, start
from jobdesk_core import Status
from jobdesk_core.connectors.rendered_sql import shown_sql
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.operations import (
    Cancel,
    Change,
    Chosen,
    IdsNotUnderstood,
    Matching,
    Progress,
    Purge,
    Reprioritise,
    Reschedule,
    Result,
    Retry,
    RolledBack,
    apply,
    first_statement,
    parse_ids,
    plan,
    run_async,
)

each_kind = pytest.mark.parametrize("kind", KINDS)


def fill(dsn: str, jobs: int, status: str = "todo", queue: str = "q") -> list[int]:
    """So many jobs in a status, without the triggers' work."""
    return run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) SELECT %s, 't', "
        "%s::procrastinate_job_status FROM generate_series(1, %s) RETURNING id",
        queue,
        status,
        jobs,
    )


def statuses(dsn: str) -> dict[str, int]:
    return dict(run_sql(dsn, "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1"))


@contextlib.asynccontextmanager
async def held(dsn: str, text: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """Someone's open transaction, in which this has been run."""
    async with await psycopg.AsyncConnection.connect(dsn) as other:
        await other.execute(text.encode())
        yield other
        await other.rollback()


# Which jobs are meant


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ()),
        ("4711", (4711,)),
        ("1, 2,\n#3;4|5\t6", (1, 2, 3, 4, 5, 6)),
        ("4711,4712,4711", (4711, 4712)),
        ("100,200", (100, 200)),
        ('[4711, "4712"] {4713}', (4711, 4712, 4713)),
        ("#4,999,980 #7", (4_999_980, 7)),
        ("9223372036854775807", (2**63 - 1,)),
    ],
)
def test_a_pasted_list_names_each_id_once(text: str, ids: tuple[int, ...]) -> None:
    assert parse_ids(text) == ids


@pytest.mark.parametrize("piece", ["x", "1.5", "-4", "#1,x", "9223372036854775808", "١٢", "1" * 5_000, "<b>1</b>"])
def test_what_is_no_list_of_ids_is_refused_with_its_place(piece: str) -> None:
    with pytest.raises(IdsNotUnderstood) as caught:
        parse_ids(f"4711 {piece} 12")
    assert caught.value.place == 5 and len(str(caught.value)) < 200


@each_kind
async def test_of_chosen_ids_each_is_counted_once_and_the_missing_are_told(dsn: str, kind: str) -> None:
    ids = fill(dsn, 12_000)
    async with acting(dsn, kind) as actor:
        made = await actor.plan(Cancel(), *ids, *ids[:50], 77_777, 2**63 - 1)
        assert (made.total, made.ready) == (12_002, 12_000)
        ledger = await actor.apply(made)
    assert ledger.counts == {Result.DONE: 12_000, Result.SKIPPED: 2}
    assert statuses(dsn) == {"cancelled": 12_000}


@each_kind
async def test_a_filter_of_many_jobs_means_all_of_them_and_none_that_comes_later(dsn: str, kind: str) -> None:
    run_sql(dsn, "SELECT setval('procrastinate_jobs_id_seq', 1000000000)")
    meant = set(fill(dsn, 30_000))
    run_sql(dsn, "SELECT setval('procrastinate_jobs_id_seq', 4000000000000)")
    meant |= set(fill(dsn, 700))
    spared = fill(dsn, 300, queue="other")
    async with acting(dsn, kind) as actor:
        made = await actor.plan(Cancel(), text="queue:q status:todo")
        assert made.total == made.ready == len(meant) == 30_700
        later = fill(dsn, 50)
        run_sql(dsn, "UPDATE procrastinate_jobs SET queue_name = 'q' WHERE id = %s", spared[0])
        ledger = await actor.apply(made)
        done = {entry.job_id for entry in ledger.entries() if entry.result is Result.DONE}
    assert done == meant
    assert set(run_sql(dsn, "SELECT id FROM procrastinate_jobs WHERE status = 'todo'")) == {*later, *spared}


@pytest.mark.parametrize("text", ["id:99999999999999999999", "id:>9223372036854775807", "id:<0 -id:5"])
async def test_a_filter_beyond_every_id_means_no_job(dsn: str, text: str) -> None:
    fill(dsn, 3)
    async with acting(dsn) as actor:
        assert (await actor.plan(Cancel(), text=text)).total == 0


async def test_a_crowd_behind_many_jobs_that_do_not_match_is_counted_exactly_and_in_parts(dsn: str) -> None:
    fill(dsn, 30_000, queue="other")
    fill(dsn, 150_000)
    async with acting(dsn) as actor:
        told: list[int] = []
        target = Matching(JobFilter.parse("queue:q"))
        made = await actor.run(
            plan(target, Cancel(), actor.able), watch=lambda progress: told.append(progress.at) is None
        )
        steps = [after - before for before, after in itertools.pairwise(told)]
    assert made.total == made.ready == 150_000 and len(set(made.groups[0].first_ids(150_000))) == 150_000
    assert max(steps) <= 100_000


@pytest.mark.parametrize("change", [Cancel(), Retry(), Purge(), Reprioritise(2), Reschedule()])
async def test_the_counts_per_status_are_exact(dsn: str, change: Change) -> None:
    wanted = {"todo": 40, "succeeded": 300, "failed": 70, "cancelled": 11, "aborted": 3}
    for status, number in wanted.items():
        fill(dsn, number, status)
    async with acting(dsn) as actor:
        made = await actor.plan(change, text="")
    found: dict[str, int] = {}
    for group in made.groups:
        assert group.status is not None
        found[group.status.value] = found.get(group.status.value, 0) + group.count
    assert found == wanted


async def test_without_a_job_nothing_is_planned_and_nothing_is_sent(dsn: str) -> None:
    async with acting(dsn) as actor:
        made = await actor.plan(Cancel(), text="queue:nobody")
        assert (made.total, made.groups, first_statement(made)) == (0, [], None)
        assert not (await actor.apply(made)).counts


async def test_a_preflight_that_was_stopped_cannot_be_carried_out(dsn: str) -> None:
    fill(dsn, 30)
    async with acting(dsn) as actor:
        target = Matching(JobFilter.parse("queue:q"))
        made = await actor.run(plan(target, Cancel(), actor.able), watch=lambda progress: False)
        assert not made.is_complete
        with pytest.raises(ValueError, match="stopped"):
            await actor.apply(made)
    assert statuses(dsn) == {"todo": 30}


async def test_two_failed_jobs_with_one_queueing_lock_are_not_both_retried(dsn: str) -> None:
    for _ in range(3):
        defer(dsn, queueing_lock="one")
        finish(dsn, start(dsn)[0], "failed")
    async with acting(dsn) as actor:
        made = await actor.plan(Retry(), 3, 2, 1)
        assert made.ready == 1
        ledger = await actor.apply(made)
    assert ledger.counts == {Result.DONE: 1, Result.SKIPPED: 2}
    assert run_sql(dsn, "SELECT id FROM procrastinate_jobs WHERE status = 'todo'") == [1]


# Between the preflight and the act


RACES: dict[str, tuple[Change, str, str, str]] = {
    "a worker takes it": (Cancel(), "todo", "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 2", "running"),
    "it is gone": (Cancel(), "todo", "DELETE FROM procrastinate_jobs WHERE id = 2", "no longer there"),
    "it is given another queue": (
        Reprioritise(5),
        "todo",
        "UPDATE procrastinate_jobs SET queue_name = 'other' WHERE id = 2",
        "has changed",
    ),
    "it is reprioritised": (
        Reprioritise(5),
        "todo",
        "UPDATE procrastinate_jobs SET priority = 9 WHERE id = 2",
        "has changed",
    ),
    "it is retried and fails again": (
        Retry(),
        "failed",
        "UPDATE procrastinate_jobs SET attempts = attempts + 1 WHERE id = 2",
        "has changed",
    ),
    "its queueing lock is taken": (
        Retry(),
        "failed",
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('q', 't', 'l2')",
        "queueing lock",
    ),
    "it is deferred to a purge": (
        Purge(),
        "failed",
        "SELECT procrastinate_retry_job_v2(2, now(), NULL, NULL, NULL)",
        "not finished",
    ),
}


@each_kind
@pytest.mark.parametrize("race", RACES)
async def test_a_job_that_changed_meanwhile_is_left_alone_and_the_others_are_not(
    dsn: str, race: str, kind: str
) -> None:
    change, status, meanwhile, words = RACES[race]
    for number in range(1, 4):
        defer(dsn, queueing_lock=f"l{number}")
    if status == "failed":
        for _ in range(3):
            finish(dsn, start(dsn)[0], "failed")
        run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '1 day'")
    of_second = "SELECT job::text FROM procrastinate_jobs AS job WHERE id = 2"
    async with acting(dsn, kind) as actor:
        made = await actor.plan(change, 1, 2, 3)
        assert made.ready == 3
        run_sql(dsn, meanwhile)
        before = run_sql(dsn, of_second)
        ledger = await actor.apply(made)
        entries = {entry.job_id: entry for entry in ledger.entries()}
    assert [entries[number].result for number in (1, 2, 3)] == [Result.DONE, Result.SKIPPED, Result.DONE]
    assert words in entries[2].sentence
    assert run_sql(dsn, of_second) == before


async def test_a_worker_that_came_back_to_life_keeps_its_job(dsn: str) -> None:
    defer(dsn)
    job_id, worker_id = start(dsn, heartbeat="now() - interval '1 minute'")
    async with acting(dsn) as actor:
        made = await actor.plan(Retry(only_stalled=True, is_forced=True), text="is:stalled")
        assert made.ready == 1
        run_sql(dsn, "SELECT procrastinate_update_heartbeat_v1(%s)", worker_id)
        (entry,) = (await actor.apply(made)).entries()
    assert (entry.job_id, entry.result) == (job_id, Result.SKIPPED) and "alive" in entry.sentence
    assert statuses(dsn) == {"doing": 1}


@each_kind
async def test_a_job_that_others_hold_is_not_waited_for_but_tried_again_and_told(dsn: str, kind: str) -> None:
    fill(dsn, 20)
    async with acting(dsn, kind) as actor, held(dsn, "SELECT FROM procrastinate_jobs WHERE id = 3 FOR UPDATE"):
        made = await actor.plan(Cancel(), *range(1, 21))
        async with asyncio.timeout(60):
            ledger = await actor.apply(made, chunk_size=5)
        assert ledger.counts == {Result.DONE: 19, Result.SKIPPED: 1}
        (entry,) = [entry for entry in ledger.entries() if entry.result is Result.SKIPPED]
    assert entry.job_id == 3 and "another transaction" in entry.sentence
    assert statuses(dsn) == {"cancelled": 19, "todo": 1}


async def test_a_queueing_lock_that_is_just_being_taken_costs_its_own_job_only(dsn: str) -> None:
    for number in range(1, 9):
        defer(dsn, queueing_lock=f"l{number}")
        finish(dsn, start(dsn)[0], "failed")
    taking = "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('q', 't', 'l5')"
    async with acting(dsn) as actor, held(dsn, taking):
        made = await actor.plan(Retry(), *range(1, 9))
        assert made.ready == 8, "nobody can see the other one yet"
        async with asyncio.timeout(60):
            ledger = await actor.apply(made)
    assert ledger.counts == {Result.DONE: 7, Result.SKIPPED: 1}
    assert run_sql(dsn, "SELECT id FROM procrastinate_jobs WHERE status = 'failed'") == [5]


async def test_what_the_database_refuses_of_one_job_is_told_of_that_one(dsn: str) -> None:
    fill(dsn, 30)
    run_sql(
        dsn,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.id = 17 THEN RAISE 'not this one'; END IF; RETURN NEW; END $$",
    )
    run_sql(dsn, "CREATE TRIGGER refuse BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION refuse()")
    async with acting(dsn) as actor:
        ledger = await actor.apply(await actor.plan(Cancel(), *range(1, 31)))
        (entry,) = [entry for entry in ledger.entries() if entry.result is Result.REFUSED]
    assert entry.job_id == 17 and "not this one" in entry.sentence
    assert ledger.counts[Result.DONE] == 29


# Pace, stop, and all or none


@each_kind
async def test_an_act_that_is_stopped_tells_what_was_not_reached(dsn: str, kind: str) -> None:
    ids = fill(dsn, 100)
    seen: list[Progress] = []

    def watch(progress: Progress) -> bool:
        seen.append(progress)
        return progress.at < 40

    async with acting(dsn, kind) as actor:
        ledger = await actor.apply(await actor.plan(Cancel(), *ids), watch=watch, chunk_size=20)
        assert ledger.is_stopped and len(list(ledger.entries())) == 100
    assert ledger.counts == {Result.DONE: 40, Result.NOT_REACHED: 60}
    assert [progress.at for progress in seen] == [20, 40] and seen[0].of == 100
    assert statuses(dsn) == {"cancelled": 40, "todo": 60}


async def test_while_it_is_paused_no_lock_is_held(dsn: str) -> None:
    ids = fill(dsn, 40)
    seen = []

    def watch(progress: Progress) -> bool:
        locks = "SELECT count(*) FROM pg_locks WHERE relation = 'procrastinate_jobs'::regclass AND mode LIKE 'Row%'"
        seen.append(run_sql(dsn, locks)[0])
        return True

    async with acting(dsn) as actor:
        await actor.apply(await actor.plan(Cancel(), *ids), watch=watch, chunk_size=10)
    assert seen == [0, 0, 0, 0]


BREAKS: dict[str, Callable[[Progress], bool]] = {
    "stopped": lambda progress: progress.at < 20,
    "refused": lambda progress: True,
}


@each_kind
@pytest.mark.parametrize("reason", BREAKS)
async def test_one_transaction_is_rolled_back_whole(dsn: str, kind: str, reason: str) -> None:
    ids = fill(dsn, 60)
    if reason == "refused":
        run_sql(dsn, "ALTER TABLE procrastinate_jobs ADD CHECK (id <> 45 OR status = 'todo')")
    before = picture(dsn)
    async with acting(dsn, kind) as actor:
        made = await actor.plan(Cancel(), *ids)
        with pytest.raises(RolledBack) as caught:
            await actor.apply(made, whole=True, watch=BREAKS[reason], chunk_size=10)
        ledger = caught.value.ledger
        assert ledger.is_rolled_back and ledger.counts[Result.DONE] == 0
        entries = list(ledger.entries())
        assert len({entry.job_id for entry in entries}) == len(entries) == 60
        assert Result.DONE not in {entry.result for entry in entries}
    assert picture(dsn) == before


@each_kind
async def test_one_transaction_does_all_and_skips_what_changed(dsn: str, kind: str) -> None:
    ids = fill(dsn, 60)
    async with acting(dsn, kind) as actor:
        made = await actor.plan(Cancel(), *ids)
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 7")
        ledger = await actor.apply(made, whole=True, chunk_size=10)
    assert ledger.counts == {Result.DONE: 59, Result.SKIPPED: 1}
    assert statuses(dsn) == {"cancelled": 59, "doing": 1}


async def test_in_the_callers_transaction_nothing_is_done_before_the_caller_commits(dsn: str) -> None:
    ids = fill(dsn, 30)
    before = picture(dsn)
    async with connected(dsn) as (connector, able), await psycopg.AsyncConnection.connect(dsn) as connection:
        made = await run_async(plan(Chosen(tuple(ids)), Cancel(), able), connector, connection=connection)
        ledger = await run_async(apply(made, is_one_transaction=True), connector, connection=connection)
        assert ledger.counts[Result.DONE] == 30
        assert picture(dsn) == before
        await connection.rollback()
    assert picture(dsn) == before


async def test_a_link_that_breaks_before_the_commit_leaves_the_jobs_under_way_as_they_were(dsn: str) -> None:
    ids = fill(dsn, 60)
    run_sql(
        dsn,
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.id = 35 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$",
    )
    run_sql(dsn, "CREATE TRIGGER die BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION die()")
    async with acting(dsn) as actor:
        ledger = await actor.apply(await actor.plan(Cancel(), *ids), chunk_size=20)
    assert ledger.error is not None
    assert ledger.counts[Result.DONE] == 20 and ledger.counts[Result.NOT_REACHED] == 20
    assert ledger.counts[Result.ROLLED_BACK] + ledger.counts[Result.REFUSED] == 20 and not ledger.counts[Result.UNKNOWN]
    assert statuses(dsn) == {"cancelled": 20, "todo": 40}


# The ledger and the SQL


async def test_the_ledger_is_exported_with_every_job_and_what_it_was_before(dsn: str, tmp_path: Path) -> None:
    fill(dsn, 3, "succeeded")
    nasty = 'a,"b"\n<i>\u202e'
    job_id = defer(dsn, lock=nasty, priority=4)
    async with acting(dsn) as actor:
        made = await actor.plan(Cancel(delete=True), text="")
        ledger = await actor.apply(made)
    ledger.write_csv(tmp_path / "ledger.csv")
    ledger.write_ndjson(tmp_path / "ledger.ndjson")
    with (tmp_path / "ledger.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    objects = [json.loads(line) for line in (tmp_path / "ledger.ndjson").read_text("utf-8").splitlines()]
    assert [int(row["id"]) for row in rows] == [each["id"] for each in objects] == [job_id, 1, 2, 3]
    assert (rows[0]["result"], rows[0]["lock_before"], rows[0]["priority_before"]) == ("done", nasty, "4")
    assert objects[0]["before"] | {"args": None} == objects[0]["before"] | {"args": None, "lock": nasty}
    assert objects[0]["before"]["status"] == "todo" and "has finished" in objects[1]["sentence"]


@pytest.mark.parametrize("change", [Cancel(), Cancel(delete=True), Retry(lock="it's %s"), Purge(), Reprioritise(2)])
async def test_the_sql_shown_does_what_the_act_would(dsn: str, change: Change) -> None:
    status = {"retry": "failed", "purge": "succeeded"}.get(change.action.value, "todo")
    for _ in range(3):
        job_id = defer(dsn)
        if status != "todo":
            finish(dsn, start(dsn)[0], status)
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '1 day'")
    async with acting(dsn) as actor:
        statement = first_statement(await actor.plan(change, 1, 2, job_id))
    assert statement is not None
    text = shown_sql(statement)
    assert text.endswith(";") and "%(" not in text
    run_sql(dsn, text)
    if change == Reprioritise(2):
        assert run_sql(dsn, "SELECT DISTINCT priority FROM procrastinate_jobs") == [2]
    elif isinstance(change, Retry):
        assert run_sql(dsn, "SELECT DISTINCT lock FROM procrastinate_jobs WHERE status = 'todo'") == ["it's %s"]
    else:
        assert statuses(dsn) == ({"cancelled": 3} if change == Cancel() else {})


async def test_a_filter_on_random_jobs_means_what_its_page_shows(dsn: str) -> None:
    random.seed(5)
    chosen = list(Status)
    for _ in range(12):
        fill(dsn, random.randrange(1, 60), random.choice([each.value for each in chosen if each.value != "aborting"]))
    text = "status:failed,todo,succeeded -id:20..60"
    wanted = run_sql(
        dsn,
        "SELECT id FROM procrastinate_jobs WHERE status IN ('failed', 'todo', 'succeeded') "
        "AND id NOT BETWEEN 20 AND 60",
    )
    async with acting(dsn) as actor:
        made = await actor.plan(Purge(), text=text)
    assert sorted(job_id for batch in made.batches.values() for job_id in batch.ids) == sorted(wanted)
