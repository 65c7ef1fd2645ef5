"""A server that crashes between the journal's write and COMMIT, or between COMMIT and its answer.

After a crash the ids of transactions that were not on disk are given out again: another one's end is not ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import connected, run_sql
from dropping import Dropper
from every_act import KINDS, agree, done, fill, prepared, settled, undo_all
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.journal import Journal, Search, settling
from psycopg.conninfo import make_conninfo

_OTHERS = "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('others', 'others', '{}')"
_IDLE = "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"

_SINCE = "SELECT stats_reset FROM pg_stat_bgwriter"


@pytest.fixture(scope="module")
def durable_dsn() -> Iterator[str]:
    """A server that loses nothing that it has answered for, and may be killed."""
    with tempfile.TemporaryDirectory(prefix="jobdesk-tests-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer(Path(folder)) as server:
            with psycopg.connect(server.dsn) as connection:
                connection.execute(schema_sql().encode())
            # What is not committed stays off the disk until then, so that the ids are given out again.
            run_sql(server.dsn, "ALTER SYSTEM SET wal_writer_delay = '10s'")
            run_sql(server.dsn, "SELECT pg_reload_conf()")
            yield server.dsn


def crash(dsn: str) -> None:
    """Kill whoever is in a transaction, or else a session of our own; returns when the server is back."""
    (before,) = run_sql(dsn, _SINCE)
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(_IDLE).fetchone()
        os.kill(found[0] if found else connection.info.backend_pid, signal.SIGKILL)
    until = time.monotonic() + 60
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            if run_sql(dsn, _SINCE) != [before]:
                return
        assert time.monotonic() < until, "the server is back"
        time.sleep(0.02)


@pytest.mark.parametrize("kind", KINDS)
async def test_another_transaction_with_its_number_is_not_taken_for_it(
    durable_dsn: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "PATIENCE_S", 0.0)
    run_sql(durable_dsn, "TRUNCATE procrastinate_jobs, procrastinate_workers RESTART IDENTITY CASCADE")
    fill(durable_dsn, kind)
    journal = Journal(tmp_path / "journal.sqlite")
    marks: list[str] = []
    stage = Journal.stage_now

    def stage_and_crash(self: Journal, entry_id: int, mark: str, *about: Any, **more: Any) -> int:
        number = stage(self, entry_id, mark, *about, **more)
        marks.append(mark)
        crash(durable_dsn)
        return number

    async with connected(durable_dsn) as (connector, able):
        made = await prepared(kind, connector, able, journal)
        monkeypatch.setattr(Journal, "stage_now", stage_and_crash)
        with contextlib.suppress(ConnectorException):
            await done(kind, made, connector, able, journal)
        monkeypatch.undo()
    with psycopg.connect(durable_dsn, autocommit=True) as others:
        for _ in range(5):
            others.execute(_OTHERS)
        (fate,) = others.execute("SELECT pg_xact_status(%s::text::xid8)", [marks[0].partition(":")[0]]).fetchone() or ()
        # Rarely the server has had it on disk just in time.
        assert fate in ("committed", "aborted"), "another transaction has the number"
    async with connected(durable_dsn) as (connector, able):
        await settled(journal, connector)
        run_sql(durable_dsn, "DELETE FROM procrastinate_jobs WHERE task_name = 'others'")
        ends = await agree(durable_dsn, kind, journal)
        assert set(ends) <= {"rolled back", "not reached"} and ends["rolled back"], ends
        await undo_all(durable_dsn, kind, connector, able, journal)


async def test_what_was_committed_before_the_crash_was_done(
    durable_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "PATIENCE_S", 0.0)
    for kind in KINDS:
        await lose_the_answer(kind, made_database(durable_dsn, kind), Journal(tmp_path / f"{kind}.sqlite"))
    crash(durable_dsn)
    for kind in KINDS:
        dsn, journal = database_of(durable_dsn, kind), Journal(tmp_path / f"{kind}.sqlite")
        async with connected(dsn) as (connector, able):
            await settled(journal, connector)
            if kind == "prune":  # workers that are gone may have been removed by anyone
                (record,) = await journal.records((await journal.entries(Search(), limit=1))[0].id)
                assert record.outcome == "unknown" and "has crashed since" in record.sentence
                continue
            ends = await agree(dsn, kind, journal)
            assert ends["done"], (kind, ends)
            await undo_all(dsn, kind, connector, able, journal)


async def lose_the_answer(kind: str, dsn: str, journal: Journal) -> None:
    """Act, and lose the answer to COMMIT and the link."""
    fill(dsn, kind)
    with Dropper(dsn).running() as link:
        async with connected(link.dsn, max_size=1) as (connector, able):
            made = await prepared(kind, connector, able, journal)
            link.lose("answer", stays_down=True)
            with contextlib.suppress(ConnectorException):
                await done(kind, made, connector, able, journal)
    assert (await journal.entries(Search(), limit=1))[0].in_doubt


def database_of(dsn: str, kind: str) -> str:
    return make_conninfo(dsn, dbname=kind.replace(" ", "_"))


def made_database(dsn: str, kind: str) -> str:
    run_sql(dsn, f"CREATE DATABASE {kind.replace(' ', '_')}")
    run_sql(database_of(dsn, kind), schema_sql())
    return database_of(dsn, kind)
