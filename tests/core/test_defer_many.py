"""Deferring many jobs on real databases: rows, locks, chunks, one transaction, every release."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import psycopg
import pytest
import releases
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.jobs import Job
from jobdesk_core.operations import (
    DeferLedger,
    DeferPlan,
    DefersRolledBack,
    NewJob,
    Progress,
    apply_defers,
    from_rows,
    parse_rows,
    plan_defers,
    read_jobs,
    run,
    run_async,
)
from jobdesk_core.operations.ledger import Result

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HOSTILE = "<b>&amp;\u202e'\"%(x)s{}\n\\ 😀"


def rows_of(count: int, **job: object) -> list[NewJob]:
    return [NewJob(n, Job(task_name="mail.send", task_kwargs={"n": n}, **job)) for n in range(1, count + 1)]  # type: ignore[arg-type]


def execute(dsn: str, statement: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def planned(connector: SyncPsycopgConnector, jobs: list[NewJob], **options: bool) -> DeferPlan:
    return run(plan_defers(jobs, connector.run(DETECT), **options), connector)


def deferred(dsn: str, jobs: list[NewJob], **options: int) -> DeferLedger:
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        return run(apply_defers(planned(connector, jobs), **options), connector)  # type: ignore[arg-type]
    finally:
        connector.close()


@pytest.mark.parametrize("state", releases.STATES)
def test_every_release_defers_many_in_their_order(released_dsn: str) -> None:
    execute(released_dsn, "INSERT INTO procrastinate_jobs (task_name, queue_name, queueing_lock) VALUES ('t','q','b')")
    jobs = rows_of(25, queue="mail", lock="a")
    jobs[3] = NewJob(4, Job(task_name="x", queueing_lock="b", task_kwargs={"hostile": HOSTILE}))
    jobs[4] = NewJob(5, Job(task_name="y", queueing_lock="c", task_kwargs={"hostile": HOSTILE}, scheduled_at=NOW))
    jobs[5] = NewJob(6, Job(task_name="y", queueing_lock="c"))
    ledger = deferred(released_dsn, jobs, chunk_size=7)
    assert (ledger.counts[Result.DONE], ledger.counts[Result.REFUSED]) == (23, 2)
    entries = list(ledger.entries())
    assert [entry.origin for entry in entries] == list(range(1, 26))
    assert entries[3].sentence == "Its queueing lock b is taken by job #1, which is waiting."
    assert entries[5].sentence == "Its queueing lock c is that of line 5, too, which comes first."
    ids = [entry.job_id for entry in entries if entry.job_id is not None]
    assert ids == sorted(ids)
    held = execute(released_dsn, "SELECT args, scheduled_at FROM procrastinate_jobs WHERE id = %s", entries[4].job_id)
    assert held == [({"hostile": HOSTILE}, NOW)]
    last = execute(released_dsn, "SELECT args, queue_name, lock FROM procrastinate_jobs WHERE id = %s", ids[-1])
    assert last == [({"n": 25}, "mail", "a")]


@pytest.mark.parametrize("state", ["1.1.2", releases.NEWEST])
def test_a_priority_is_refused_by_row_where_the_release_has_none(released_dsn: str, state: str) -> None:
    jobs = [*rows_of(2), NewJob(3, Job(task_name="x", priority=7))]
    ledger = deferred(released_dsn, jobs)
    refused = 1 if state == "1.1.2" else 0
    assert (ledger.counts[Result.DONE], ledger.counts[Result.REFUSED]) == (3 - refused, refused)


@pytest.mark.parametrize("is_one_transaction", [False, True])
async def test_a_lock_that_is_taken_after_the_preview_is_told_by_row(dsn: str, is_one_transaction: bool) -> None:
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    jobs = [NewJob(n, Job(task_name="t", queueing_lock=f"lock-{n}")) for n in range(1, 101)]
    try:
        able = await connector.run_async(DETECT)
        made = await run_async(plan_defers(jobs, able), connector)
        assert made.ready == 100
        execute(dsn, "INSERT INTO procrastinate_jobs (task_name, queue_name, queueing_lock) VALUES ('t','q','lock-63')")
        steps = apply_defers(made, is_one_transaction=is_one_transaction, chunk_size=40)
        if is_one_transaction:
            with pytest.raises(DefersRolledBack) as caught:
                await run_async(steps, connector, is_one_transaction=True)
            ledger = caught.value.ledger
            assert (ledger.counts[Result.ROLLED_BACK], ledger.counts[Result.DONE]) == (40, 0)
            assert execute(dsn, "SELECT count(*) FROM procrastinate_jobs") == [(1,)]
            return
        ledger = await run_async(steps, connector)
        assert (ledger.counts[Result.DONE], ledger.counts[Result.REFUSED]) == (99, 1)
        assert list(ledger.entries())[62].sentence == "Its queueing lock lock-63 is taken by job #1, which is waiting."
    finally:
        await connector.close_async()


def test_a_row_that_the_server_cannot_store_leaves_the_others_alone(dsn: str) -> None:
    jobs = rows_of(30)
    jobs[11] = NewJob(12, Job(task_name="t", task_kwargs={"half": "\ud800"}))
    jobs[12] = NewJob(13, Job(task_name="t", lock="\0"))
    ledger = deferred(dsn, jobs)
    assert (ledger.counts[Result.DONE], ledger.counts[Result.REFUSED]) == (28, 2)
    assert execute(dsn, "SELECT count(*) FROM procrastinate_jobs") == [(28,)]


def test_stopped_it_keeps_what_was_done_or_in_one_transaction_nothing(dsn: str) -> None:
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    made = planned(connector, rows_of(90))
    stop = iter([True, False])
    ledger = run(apply_defers(made, chunk_size=30), connector, on_progress=lambda _: next(stop))
    assert (ledger.counts[Result.DONE], ledger.counts[Result.NOT_REACHED], ledger.is_stopped) == (60, 30, True)
    stop = iter([True, False])
    steps = apply_defers(made, chunk_size=30, is_one_transaction=True)
    with pytest.raises(DefersRolledBack) as caught:
        run(steps, connector, is_one_transaction=True, on_progress=lambda _: next(stop))
    assert caught.value.ledger.counts[Result.ROLLED_BACK] == 60
    assert execute(dsn, "SELECT count(*) FROM procrastinate_jobs") == [(60,)]
    connector.close()


def test_a_link_that_breaks_before_the_commit_defers_nothing_of_the_chunk(dsn: str) -> None:
    connector = SyncPsycopgConnector(conninfo=dsn, kwargs={"application_name": "victim"}, max_size=1)
    connector.open()
    made = planned(connector, rows_of(50))
    kill = (
        "CREATE FUNCTION stab() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF (NEW.args->>'n')::int = 25 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); "
        "END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER stab BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION stab()"
    )
    execute(dsn, kill)
    ledger = run(apply_defers(made, chunk_size=20), connector)
    connector.close()
    assert ledger.error is not None
    assert ledger.counts[Result.DONE] == 20 and ledger.counts[Result.NOT_REACHED] == 10
    assert ledger.counts[Result.ROLLED_BACK] + ledger.counts[Result.REFUSED] == 20 and not ledger.counts[Result.UNKNOWN]


def test_deferring_a_thousand_is_a_few_statements(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobdesk_core.operations.deferring.many.SLOW_S", 60.0)  # however busy this machine is
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    made = planned(connector, rows_of(1_000))
    seen: list[Progress] = []
    run(apply_defers(made), connector, on_progress=lambda progress: seen.append(progress) is None)
    assert len(seen) <= 10, "a hundred at once, so that a stop is answered soon"
    assert [progress.at for progress in seen] == sorted(progress.at for progress in seen)
    assert (seen[-1].at, seen[-1].of) == (1_000, 1_000)
    connector.close()


def test_large_arguments_are_spread_over_statements(dsn: str) -> None:
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    jobs = [NewJob(n, Job(task_name="t", task_kwargs={"text": "x" * 1_500_000})) for n in range(6)]
    seen: list[Progress] = []
    run(
        apply_defers(planned(connector, jobs)),
        connector,
        on_progress=lambda progress: seen.append(progress) is None,
    )
    assert [progress.at for progress in seen] == [2, 4, 6]
    connector.close()


async def test_a_schema_less_or_forbidden_database_refuses_with_the_sentence(empty_dsn: str, dsn: str) -> None:
    for target, read_only, words in (
        (empty_dsn, False, "has no Procrastinate schema"),
        (dsn, True, "read-only"),
    ):
        connector = SyncPsycopgConnector(conninfo=target)
        connector.open()
        made = planned(connector, rows_of(2), is_read_only=read_only)
        assert made.ready == 0 and words in (made.problem or "")
        connector.close()


@pytest.mark.parametrize("state", releases.STATES)
def test_every_release_gives_its_jobs_to_be_replayed(released_dsn: str, dsn: str) -> None:
    execute(
        released_dsn,
        "INSERT INTO procrastinate_jobs (task_name, queue_name, lock, queueing_lock, args, scheduled_at, status) "
        "VALUES "
        "('t', 'q', 'l', 'ql', %s, NULL, 'failed'), "
        "('t', 'q', NULL, NULL, '{\"n\": 0.1000000000000000055511151231257827}', '2000-01-01Z', 'failed'), "
        "('t', 'q', NULL, NULL, '{\"n\": 12345678901234567890123, \"f\": 0.10}', '2999-01-01Z', 'todo')",
        json.dumps({"hostile": HOSTILE}),
    )
    source = SyncPsycopgConnector(conninfo=released_dsn)
    source.open()
    before = execute(released_dsn, "SELECT * FROM procrastinate_jobs ORDER BY id")
    found = run(read_jobs([3, 1, 2, 99], source.run(DETECT), now=NOW), source)
    source.close()
    assert [new.origin for new in found] == [3, 1, 2, 99]
    assert [new.problem for new in found[:3]] == [None] * 3
    assert "no longer there" in (found[3].problem or "")
    ledger = deferred(dsn, found)
    assert [entry.result for entry in ledger.entries()] == [Result.DONE] * 3 + [Result.REFUSED]
    rows = execute(dsn, "SELECT lock, queueing_lock, args::text, scheduled_at, status::text FROM procrastinate_jobs")
    assert rows[0][2:4] == ('{"f": 0.10, "n": 12345678901234567890123}', dt.datetime(2999, 1, 1, tzinfo=dt.UTC))
    assert rows[1][:2] == ("l", "ql") and json.loads(str(rows[1][2])) == {"hostile": HOSTILE}
    assert rows[2][2] == '{"n": 0.1000000000000000055511151231257827}'
    assert {row[4] for row in rows} == {"todo"}
    assert execute(released_dsn, "SELECT * FROM procrastinate_jobs ORDER BY id") == before


def test_the_locks_of_the_pattern_name_arguments() -> None:
    pattern = Job(task_name="t", lock="a-{user}-{{x}}", queueing_lock="q-{flag}")
    rows = parse_rows("user,flag\n7,true\n,false\n").rows
    first, second = from_rows(pattern, rows)
    assert (first.job.lock, first.job.queueing_lock) == ("a-7-{x}", "q-true")
    assert second.problem == "There is no argument user for the lock a-{user}-{{x}}."


def test_the_ledger_is_exported_line_by_line(dsn: str, tmp_path: Path) -> None:
    jobs = [*rows_of(3), NewJob(4, Job(task_name=""))]
    ledger = deferred(dsn, jobs)
    ledger.write_csv(tmp_path / "a.csv")
    ledger.write_ndjson(tmp_path / "a.ndjson")
    assert (tmp_path / "a.csv").read_text().splitlines()[1:3] == ["1,done,1,", "2,done,2,"]
    last = json.loads((tmp_path / "a.ndjson").read_text().splitlines()[-1])
    assert last == {"origin": 4, "result": "refused", "job_id": None, "sentence": "A job needs the name of its task."}


def test_the_preview_names_who_holds_a_queueing_lock(dsn: str) -> None:
    execute(dsn, "INSERT INTO procrastinate_jobs (task_name, queue_name, queueing_lock) VALUES ('t','q','b')")
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    jobs = [NewJob(n, Job(task_name="t", queueing_lock=lock)) for n, lock in enumerate("abc", 1)]
    made = planned(connector, jobs)
    connector.close()
    assert (made.ready, made.positions(), made.holders) == (2, [0, 2], {1: 1})
    assert made.refusals == {1: "Its queueing lock b is taken by job #1, which is waiting."}
