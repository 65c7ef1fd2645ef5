"""How the tables fare: true about rows, ages, indexes and functions on every release, bounded, and changing nothing."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace

import psycopg
import pytest
from aged import fill
from database import role as with_role
from database import run_sql
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.limited import ask_limited
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.health import FINISHED, LIMIT_S, Health, advice, freed, read, weekly_bytes
from jobdesk_core.health import ages as ages_module
from jobdesk_core.health.advice import bytes_text
from jobdesk_core.health.statistics import Transaction, Transactions
from jobdesk_core.jobs import Status
from jobdesk_core.number import exact
from psycopg.conninfo import make_conninfo
from releases import HALFWAY, MIGRATED, RELEASES, level

#: How many functions releases have, all of which are known.
FUNCTIONS = {"1.1.2": 10, "2.8.0": 11, "3.1.0": 17, "3.4.0": 18, "3.10.0": 18, MIGRATED: 18}


def read_health(dsn: str, totals: dict[Status, int] | None = None) -> tuple[Health, list[Health]]:
    """All of it, and each state that was told on the way."""
    told: list[Health] = []
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        steps = read(connector.run(DETECT), totals=totals, tell=told.append)
        return ask_limited(steps, connector, LIMIT_S), told
    finally:
        connector.close()


def rows_of(health: Health, status: Status) -> list[int]:
    """A status's rows by age, rounded."""
    assert health.ages is not None
    return [round(cell.rows) for cell in health.ages.cells[status][: ages_module.UNDATED]]


@pytest.mark.parametrize("state", [*RELEASES, MIGRATED])
def test_a_release_is_as_released_and_its_migrations_are_named(released_dsn: str, state: str) -> None:
    health, _ = read_health(released_dsn)
    assert health.drift is not None and not health.troubles
    assert health.drift.differences == ()
    pending = health.drift.pending
    assert bool(pending) == (level(state) < (3, 4))
    if state == "3.1.0":
        assert pending[0] == "03.02.00_01_pre_batch_defer_jobs.sql" and len(pending) == 5
        told = next(each for each in advice(health) if each.remedy == "commands")
        assert told.title == "Release 3.1: 5 migrations pending" and told.sql.count("psql") == 5
    done, of = health.drift.functions
    assert done == of == FUNCTIONS.get(state, done)
    assert {line.state for line in health.drift.indexes} == {"known"}


@pytest.mark.parametrize("state", HALFWAY)
def test_half_of_a_migration_is_told_as_that_and_not_as_a_fault(released_dsn: str, state: str) -> None:
    health, _ = read_health(released_dsn)
    assert health.drift is not None
    assert health.drift.differences == ()
    if level(state) < (3, 3):  # from then on nothing is left that the second half takes away
        assert health.drift.pending[0].startswith(f"0{level(state)[0]}.0{level(state)[1]}.00_50_post_")


#: What is done to the schema, and what is said of it: kind, name, state; and what the advice's SQL begins with.
CHANGES = [
    (
        "DROP INDEX procrastinate_jobs_priority_idx_v1",
        ("index", "procrastinate_jobs_priority_idx_v1", "missing"),
        "CREATE INDEX CONCURRENTLY procrastinate_jobs_priority_idx_v1 ON public.procrastinate_jobs (priority DESC",
    ),
    (
        "DROP INDEX procrastinate_jobs_lock_idx_v1; "
        "CREATE INDEX procrastinate_jobs_lock_idx_v1 ON procrastinate_jobs (lock) WHERE status = 'doing'",
        ("index", "procrastinate_jobs_lock_idx_v1", "altered"),
        "CREATE UNIQUE INDEX CONCURRENTLY procrastinate_jobs_lock_idx_v1_new ON",
    ),
    (
        # Without its predicate: each job that ever ran has its worker in it.
        "DROP INDEX procrastinate_jobs_id_lock_idx_v1; "
        "CREATE INDEX procrastinate_jobs_id_lock_idx_v1 ON procrastinate_jobs (id, lock)",
        ("index", "procrastinate_jobs_id_lock_idx_v1", "altered"),
        "CREATE INDEX CONCURRENTLY procrastinate_jobs_id_lock_idx_v1_new ON",
    ),
    (
        "CREATE OR REPLACE FUNCTION procrastinate_unlink_periodic_defers_v1() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN OLD; END; $$",
        ("function", "procrastinate_unlink_periodic_defers_v1", "altered"),
        "CREATE OR REPLACE FUNCTION procrastinate_unlink_periodic_defers_v1()",
    ),
    (
        "DROP TRIGGER procrastinate_trigger_delete_jobs_v1 ON procrastinate_jobs",
        ("trigger", "procrastinate_trigger_delete_jobs_v1", "missing"),
        "CREATE TRIGGER procrastinate_trigger_delete_jobs_v1",
    ),
    (
        "ALTER TABLE procrastinate_jobs DISABLE TRIGGER procrastinate_trigger_status_events_update_v1",
        ("trigger", "procrastinate_trigger_status_events_update_v1", "disabled"),
        "ALTER TABLE public.procrastinate_jobs ENABLE TRIGGER procrastinate_trigger_status_events_update_v1",
    ),
    (
        "DROP FUNCTION procrastinate_update_heartbeat_v1",
        ("function", "procrastinate_update_heartbeat_v1", "missing"),
        "CREATE OR REPLACE FUNCTION procrastinate_update_heartbeat_v1(worker_id bigint)",
    ),
]


def test_each_difference_is_named_and_its_sql_mends_it(dsn: str) -> None:
    for change, expected, sql in CHANGES:
        for command in change.split("; ") if "$$" not in change else [change]:
            run_sql(dsn, command)
        health, _ = read_health(dsn)
        assert health.drift is not None
        found = [(each.kind, each.name, each.state) for each in health.drift.differences]
        assert found == [expected]
        (told,) = advice(health)
        assert told.sql.startswith(sql), told.sql
        assert told.tone in ("bad", "warning") and expected[1] in told.sentence
        with psycopg.connect(dsn, autocommit=True) as connection:
            for command in told.sql.split(";\n") if "$$" not in told.sql else [told.sql]:
                connection.execute(command.encode())
        health, _ = read_health(dsn)
        assert health.drift is not None and not health.drift.differences, change


def test_the_sql_mends_a_schema_that_the_search_path_does_not_lead_to(empty_dsn: str) -> None:
    run_sql(empty_dsn, f'CREATE SCHEMA "Odd one"; SET search_path TO "Odd one"; {schema_sql()}')
    there = make_conninfo(empty_dsn, options='-c search_path="Odd\\ one"')
    run_sql(
        there,
        "DROP TRIGGER procrastinate_trigger_delete_jobs_v1 ON procrastinate_jobs; "
        "DROP FUNCTION procrastinate_update_heartbeat_v1; DROP INDEX procrastinate_jobs_priority_idx_v1; "
        "CREATE OR REPLACE FUNCTION procrastinate_unlink_periodic_defers_v1() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN OLD; END; $$",
    )
    health, _ = read_health(there)
    assert health.drift is not None and health.drift.release == "3.4–3.10"
    told = [each for each in advice(health) if each.sql]
    assert len(told) == 4
    for each in told:
        # As pasted where nothing leads into the schema.
        with psycopg.connect(empty_dsn, autocommit=True) as connection:
            for command in each.sql.split("\n", 1) if each.sql.startswith("SET") else [each.sql]:
                connection.execute(command.encode())
    health, _ = read_health(there)
    assert health.drift is not None and not health.drift.differences


def test_an_index_by_another_name_is_known_and_one_of_your_own_is_extra(dsn: str) -> None:
    run_sql(dsn, "ALTER INDEX procrastinate_jobs_queue_name_idx_v1 RENAME TO by_queue")
    run_sql(dsn, "CREATE INDEX jobs_args_gin ON procrastinate_jobs USING gin (args)")
    health, _ = read_health(dsn)
    assert health.drift is not None
    states = {line.name: line for line in health.drift.indexes}
    assert states["by_queue"].state == "known" and not states["by_queue"].sql
    extra = states["jobs_args_gin"]
    assert extra.state == "extra" and extra.is_unused and extra.note.startswith("yours; no scan")
    assert extra.sql == "DROP INDEX CONCURRENTLY public.jobs_args_gin;"
    assert health.drift.indexes[0] is extra
    # Too small to be worth a word.
    assert advice(health) == []


def test_an_index_that_could_not_be_built_is_told_with_what_takes_it_away(dsn: str) -> None:
    fill(dsn, ("succeeded", "1 hour", 2))
    with pytest.raises(psycopg.errors.UniqueViolation):
        run_sql(dsn, "CREATE UNIQUE INDEX CONCURRENTLY mine ON procrastinate_jobs (queue_name)")
    health, _ = read_health(dsn)
    (told,) = advice(health)
    assert (told.tone, told.title) == ("warning", "An index was never finished") and told.sentence.startswith("mine ")
    run_sql(dsn, told.sql)
    # Where it is one of the release's, it is built anew.
    run_sql(dsn, "DROP INDEX procrastinate_jobs_lock_idx_v1")
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing', lock = 'one'")
    index = "procrastinate_jobs_lock_idx_v1 ON procrastinate_jobs (lock) WHERE status = 'doing'"
    with pytest.raises(psycopg.errors.UniqueViolation):
        run_sql(dsn, f"CREATE UNIQUE INDEX CONCURRENTLY {index}")
    (told,) = advice(read_health(dsn)[0])
    assert told.title == "An index is altered" and "never finished" in told.sentence
    run_sql(dsn, "UPDATE procrastinate_jobs SET lock = NULL")
    for command in told.sql.splitlines():
        run_sql(dsn, command)
    assert advice(read_health(dsn)[0]) == []
    assert {line.state for line in read_health(dsn)[0].drift.indexes} == {"known"}  # type: ignore[union-attr]


def test_two_jobs_with_one_lock_are_found(dsn: str) -> None:
    run_sql(dsn, "DROP INDEX procrastinate_jobs_lock_idx_v1")
    run_sql(dsn, "CREATE INDEX procrastinate_jobs_lock_idx_v1 ON procrastinate_jobs (lock) WHERE status = 'doing'")
    run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, lock) "
        "SELECT 'q', 't', 'doing', lock FROM unnest(ARRAY['a', 'a', 'b', 'a']) AS lock",
    )
    health, _ = read_health(dsn)
    (told,) = [each for each in advice(health) if each.remedy == "jobs"]
    assert told.tone == "bad" and told.filter_text == "id:1,2,4" and "3 jobs" in told.sentence
    JobFilter.parse(told.filter_text)


def test_ages_of_a_small_table_are_exact_and_parts_come_one_by_one(dsn: str) -> None:
    fill(
        dsn,
        ("succeeded", "1 hour", 5),
        ("succeeded", "3 days", 4),
        ("succeeded", "20 days", 3),
        ("failed", "40 days", 2),
        ("aborted", "100 days", 6),
        ("todo", "2 days", 7),
        ("doing", "1 minute", 1),
    )
    # Of a job that has no event any more nothing tells how old it is: as the library's, a purge leaves it.
    run_sql(dsn, "DELETE FROM procrastinate_events WHERE job_id = 1")
    # When it was due already as it was deferred is not how old a job is.
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) VALUES ('q', 't', '1850-01-01')")
    health, told = read_health(dsn)
    assert health.ages is not None and health.ages.is_exact
    assert rows_of(health, Status.SUCCEEDED) == [4, 4, 3, 0, 0]
    assert health.ages.undated(FINISHED).rows == 1
    assert rows_of(health, Status.FAILED) == [0, 0, 0, 2, 0]
    assert rows_of(health, Status.ABORTED) == [0, 0, 0, 0, 6]
    assert rows_of(health, Status.TODO) == [1, 7, 0, 0, 0]
    assert rows_of(health, Status.DOING) == [1, 0, 0, 0, 0]
    assert health.total_bytes is not None
    whole = health.ages.whole(None)
    assert whole.rows == 29 and whole.bytes == pytest.approx(health.total_bytes)
    assert health.number("procrastinate_jobs") == exact(29) and not health.number("procrastinate_events").is_exact
    assert [told[0].catalog is None, told[0].ages, told[-1].is_whole] == [False, None, True]
    found = freed(health, 30)
    assert found is not None and found.jobs == 8 and found.undated.rows == 1
    assert found.filter_text == "status:succeeded,failed,cancelled,aborted ended:<-30d"
    assert freed(health, 7, (Status.SUCCEEDED,)).jobs == 3  # type: ignore[union-attr]
    assert freed(health, 90, FINISHED).jobs == 6  # type: ignore[union-attr]
    assert weekly_bytes(health) == pytest.approx(7 * health.ages.between(None, 0, 1).bytes)


def test_a_large_table_is_sampled_near_the_truth_within_its_time(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ages_module, "SAMPLE_PAGES", 60)
    fill(dsn, ("succeeded", "60 days", 14_000), ("failed", "60 days", 1_000), ("succeeded", "3 days", 5_000))
    fill(dsn, ("todo", "1 hour", 30))
    started = time.monotonic()
    health, _ = read_health(dsn)
    assert time.monotonic() - started < 20
    assert health.ages is not None and not health.ages.is_exact and 0 < health.ages.sampled_rows < 12_000
    old = health.ages.of(FINISHED, 3)
    assert old.rows == pytest.approx(15_000, rel=0.3) and not old.is_exact
    # What the server has counted, and loses in a crash, is not needed for it.
    assert health.rows("procrastinate_jobs") == pytest.approx(20_030, rel=0.05) and health.statistics is not None
    run_sql(dsn, "ANALYZE procrastinate_events")
    planned = read_health(dsn)[0]
    assert planned.statistics is not None
    lost = replace(planned.statistics.tables["procrastinate_events"], live=7, analyzed_at=None, vacuumed_at=None)
    begun_anew = replace(planned, statistics=replace(planned.statistics, tables={"procrastinate_events": lost}))
    assert begun_anew.rows("procrastinate_events") == pytest.approx(40_060, rel=0.05)
    # The waiting ones are counted one by one.
    assert rows_of(health, Status.TODO) == [30, 0, 0, 0, 0] and health.ages.of((Status.TODO,)).is_exact
    # So is the last day, and what the sample would miss.
    fill(dsn, ("failed", "2 hours", 3))
    read_anew, _ = read_health(dsn)
    assert rows_of(read_anew, Status.FAILED)[0] == 3 and read_anew.ages is not None
    assert read_anew.ages.between(Status.FAILED, 0, 1).is_exact and not read_anew.ages.of((Status.FAILED,), 1).is_exact
    # Not where more has happened than is looked at.
    monkeypatch.setattr(ages_module, "MOST_EVENTS", 2)
    read_anew, _ = read_health(dsn)
    assert read_anew.ages is not None and not read_anew.ages.between(Status.FAILED, 0, 1).is_exact
    # Nor where events do not lie in the order of their times.
    monkeypatch.setattr(ages_module, "MOST_EVENTS", 100)
    fill(dsn, ("cancelled", "1 hour", 1_000))
    fill(dsn, ("succeeded", "60 days", 200))
    run_sql(dsn, "ANALYZE procrastinate_jobs")
    imported, _ = read_health(dsn)
    assert imported.ages is not None
    assert imported.ages.between(Status.CANCELLED, 0, 1).rows == pytest.approx(1_000, rel=0.6)
    run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE status = 'cancelled' OR id > 21_033")
    # Where the window has counted, the sample tells the ages alone.
    totals = {Status.SUCCEEDED: 19_000, Status.FAILED: 1_003, Status.TODO: 30}
    counted, _ = read_health(dsn, totals)
    assert counted.ages is not None
    assert counted.ages.of((Status.SUCCEEDED,)).rows == pytest.approx(19_000)


def test_without_an_index_on_its_events_the_ages_are_not_looked_for(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ages_module, "SAMPLE_PAGES", 0)
    fill(dsn, ("succeeded", "1 hour", 300))
    run_sql(dsn, "DROP INDEX procrastinate_events_job_id_fkey_v1")
    health, _ = read_health(dsn)
    assert health.ages is None and "without an index on procrastinate_events (job_id)" in health.troubles["ages"]
    assert freed(health, 30) is None and health.catalog is not None


def test_what_a_role_may_not_read_is_said_and_the_rest_stands(dsn: str) -> None:
    fill(dsn, ("succeeded", "1 hour", 5))
    run_sql(dsn, "REVOKE SELECT ON pg_catalog.pg_stat_user_tables FROM PUBLIC")
    grants = ("USAGE ON SCHEMA public", "SELECT ON procrastinate_jobs", "SELECT ON procrastinate_workers")
    try:
        with with_role(dsn, *grants) as poor:
            health, _ = read_health(poor)
            role_name = health.capabilities.role
            assert health.statistics is None
            assert health.troubles["statistics"] == f"pg_stat_user_tables is not readable by {role_name}."
            assert "procrastinate_events" in health.troubles["ages"] and health.ages is None
            assert "procrastinate_periodic_defers" in health.troubles["retention"]
            assert health.catalog is not None and health.drift is not None and not health.drift.differences
            assert health.transactions is not None and not health.transactions.is_whole
    finally:
        run_sql(dsn, "GRANT SELECT ON pg_catalog.pg_stat_user_tables TO PUBLIC")


def test_dead_rows_a_long_transaction_and_a_switched_off_autovacuum_are_told(dsn: str) -> None:
    run_sql(dsn, "ALTER TABLE procrastinate_events SET (autovacuum_enabled = false)")
    run_sql(dsn, "ALTER TABLE procrastinate_jobs SET (autovacuum_enabled = false)")
    fill(dsn, ("succeeded", "1 hour", 12_000))
    with psycopg.connect(dsn, application_name="etl") as open_one:
        open_one.execute("SELECT pg_current_xact_id()")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE procrastinate_jobs SET priority = 1")
            connection.execute("SELECT pg_stat_force_next_flush()")
        health, _ = read_health(dsn)
        assert health.transactions is not None and health.transactions.oldest is not None
        assert health.transactions.oldest.name == "etl" and health.transactions.oldest.is_idle
        old = replace(health.transactions.oldest, age_s=3 * 3600.0)
        told = advice(replace(health, transactions=replace(health.transactions, oldest=old, idle=old)))
        titles = [each.title for each in told]
        assert titles == [
            "A transaction holds vacuum back",
            "Autovacuum is off for jobs",
            "jobs needs a vacuum",
            "Autovacuum is off for events",
            "events needs an analyze",
        ]
        assert "etl" in told[0].sentence and "3 h" in told[0].sentence and told[0].sql.startswith("SELECT pg_terminate")
        assert "12,000 dead rows, 50.0 %" in told[2].sentence
        assert told[2].sql == "VACUUM (ANALYZE) public.procrastinate_jobs;"


def test_the_workers_foreign_key_is_told_by_its_cost_until_an_index_helps(dsn: str) -> None:
    health, _ = read_health(dsn)
    assert health.catalog is not None and health.catalog.worker_key and not health.catalog.has_worker_index
    assert advice(health) == []
    jobs = health.catalog.tables[0]
    large = replace(jobs, pages=2_100_000_000 // health.catalog.block_bytes)
    told = advice(replace(health, catalog=replace(health.catalog, tables=(large, *health.catalog.tables[1:]))))
    assert [each.title for each in told] == ["Deleting a worker reads all jobs"]
    assert "2.1 GB, about 4 s or more" in told[0].sentence
    fill(dsn, ("succeeded", "1 hour", 2_000))
    run_sql(dsn, "ANALYZE procrastinate_jobs")
    run_sql(dsn, told[0].sql)
    after, _ = read_health(dsn)
    assert after.catalog is not None and after.catalog.has_worker_index
    # The server takes it for what the foreign key does.
    with psycopg.connect(dsn) as connection:
        connection.execute("SET enable_seqscan = off")
        query = b"EXPLAIN UPDATE procrastinate_jobs SET worker_id = NULL WHERE worker_id = 7"
        assert "jobdesk_worker_id" in "\n".join(row[0] for row in connection.execute(query))


def test_wraparound_a_slot_and_a_large_purge(dsn: str) -> None:
    fill(dsn, ("succeeded", "40 days", 50))
    health, _ = read_health(dsn)
    assert health.catalog is not None and health.ages is not None
    aged = replace(health.catalog.tables[0], xid_age=1_200_000_000)
    slot = Transaction("replication slot", "standby_1", None, None, 5_000_000, False, "")
    held = Transactions(slot, None, 10, True)
    big = replace(
        health.ages,
        cells={
            status: tuple(replace(cell, bytes=cell.bytes * 1e4) for cell in row)
            for status, row in health.ages.cells.items()
        },
        total_bytes=health.ages.total_bytes * 10_000,
    )
    catalog = replace(health.catalog, tables=(aged, *health.catalog.tables[1:]))
    told = advice(replace(health, catalog=catalog, transactions=held, ages=big))
    assert [(each.tone, each.title) for each in told] == [
        ("bad", "jobs must be frozen"),
        ("warning", "A replication slot holds vacuum back"),
        ("info", "Old jobs take room"),
    ]
    assert told[2].remedy == "purge" and "100 % of all" in told[2].sentence
    # Somebody purges already.
    scheduled = replace(health, ages=big, retention=replace(health.retention, is_scheduled=True))
    assert advice(scheduled) == []


def test_the_retention_task_is_known_by_its_periodic_defers(dsn: str) -> None:
    run_sql(
        dsn,
        "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp) "
        "VALUES ('builtin:procrastinate.builtin_tasks.remove_old_jobs', '', 1764201600)",
    )
    health, _ = read_health(dsn)
    assert health.retention is not None and health.retention.is_scheduled
    assert health.retention.last == dt.datetime(2025, 11, 27, tzinfo=dt.UTC)


def test_nothing_is_changed_and_a_locked_table_is_told_in_time(dsn: str) -> None:
    fill(dsn, ("succeeded", "1 hour", 5))
    before = run_sql(dsn, "SELECT indexrelid FROM pg_index ORDER BY 1")
    with psycopg.connect(dsn) as holder:
        holder.execute("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        health, _ = read_health(dsn)
        assert time.monotonic() - started < 30
        assert health.catalog is None and "catalog" in health.troubles and health.is_whole
        assert health.statistics is not None
    assert run_sql(dsn, "SELECT indexrelid FROM pg_index ORDER BY 1") == before


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (940, "940 B"), (66_000, "66 kB"), (6_100_000, "6.1 MB"), (999_600_000, "1.0 GB"), (6.4e9, "6.4 GB")],
)
def test_bytes_in_words(size: float, text: str) -> None:
    assert bytes_text(size) == text
