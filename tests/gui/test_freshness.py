"""Why what is on show is old is told as it is, be it a lost link, a lock or a table that has gone, and what changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from database import role
from opened import Others, desk_of, live
from psycopg.conninfo import conninfo_to_dict
from releases import apply, migrations
from waiting import until

MINUTE = 60


async def test_a_locked_table_is_no_lost_connection(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            with psycopg.connect(dsn) as migration:
                # Beside the loop, which has to let go of the table before.
                await asyncio.to_thread(migration.execute, "LOCK TABLE procrastinate_jobs")
                await until(lambda: "holds a lock" in window.message.sentence, timeout_s=MINUTE, what="the lock told")
                assert window.header.live.mode == "stale" and "Connection lost" not in window.message.text
                assert window.message.text.endswith("Jobdesk tries again by itself.")
                assert window.jobs.model.row(job_id) is not None, "what was read stays on show"
            await until(lambda: window.header.live.mode == "live", timeout_s=MINUTE, what="the feed to be live again")
            await until(lambda: "database answers again" in window.message.text, what="the good news")


async def test_a_table_that_is_gone_is_no_lost_connection(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, dsn) as window:
            await asyncio.to_thread(others.run, "ALTER TABLE procrastinate_jobs RENAME TO put_away")
            await until(lambda: window.header.live.mode == "stale", timeout_s=MINUTE, what="the feed to be stale")
            assert "schema" in window.message.sentence and "Connection lost" not in window.message.text
            await asyncio.to_thread(others.run, "ALTER TABLE put_away RENAME TO procrastinate_jobs")
            await until(lambda: window.header.live.mode == "live", timeout_s=MINUTE, what="the feed to be live again")


async def test_a_right_that_is_gone_is_no_lost_connection(dsn: str, tmp_path: Path) -> None:
    tables = ("jobs", "events", "workers", "periodic_defers")
    with Others(dsn) as others, role(dsn, *(f"SELECT ON procrastinate_{name}" for name in tables)) as reader:
        others.defer()
        async with live(tmp_path, reader) as window:
            others.run(f"REVOKE SELECT ON procrastinate_jobs FROM {conninfo_to_dict(reader)['user']}")
            await until(lambda: "may not" in window.message.sentence, timeout_s=MINUTE, what="the right told")
            assert window.header.live.mode == "stale" and "Connection lost" not in window.message.text


@pytest.mark.parametrize("state", ["3.3.0"])
async def test_a_migration_is_told_by_its_releases(own_released_dsn: str, state: str, tmp_path: Path) -> None:
    async with live(tmp_path, own_released_dsn) as window:
        before = desk_of(window).capabilities.release
        await asyncio.to_thread(apply, own_released_dsn, list(migrations("03.04.*").values()))
        await until(lambda: "schema has changed" in window.message.sentence, timeout_s=MINUTE, what="the change told")
        after = desk_of(window).capabilities.release
        assert before != after
        assert window.message.sentence == f"The schema has changed from Procrastinate {before} to {after}."
