"""What the tests of reports share: a database with the schema `jobdesk`, and what was written there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
from database import run_sql
from jobdesk_core.reported.ddl import TABLES, schema_sql
from jobdesk_core.reporting import hooks
from psycopg.rows import dict_row


def install(dsn: str) -> str:
    """Create the schema of the reports."""
    run_sql(dsn, schema_sql())
    return dsn


def rows(dsn: str, table: str, order: str = "1") -> list[dict[str, Any]]:
    """The rows of a table of the reports."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM jobdesk.{table} ORDER BY {order}".encode()).fetchall()


def errors(dsn: str) -> list[tuple[str, int, str, str]]:
    """Of each error its task, attempt, type and outcome, by job and attempt."""
    found = rows(dsn, "errors", "job_id, attempt, id")
    return [(row["task_name"], row["attempt"], row["type"].rpartition(".")[2], row["outcome"]) for row in found]


def everything(dsn: str) -> str:
    """Whatever the reports hold, as one text."""
    with psycopg.connect(dsn) as connection:
        found = [connection.execute(f"SELECT to_jsonb(t)::text FROM jobdesk.{name} t".encode()) for name in TABLES]
        return "\n".join(row[0] for cursor in found for row in cursor)


def reporting(app: Any, **options: Any) -> Any:
    """Have an app report, with a quick heart."""
    hooks.attach(app, hooks.Options(**{"beat_s": 0.2, "lost_s": 1.0, **options}))
    return app


def run_all(app: Any, **options: Any) -> None:
    """Run every job that is due."""

    async def run() -> None:
        async with app.open_async():
            await app.run_worker_async(**{"wait": False, "install_signal_handlers": False, **options})

    asyncio.run(asyncio.wait_for(run(), 60))


@contextlib.contextmanager
def locked(dsn: str, table: str) -> Iterator[None]:
    """While someone holds a table, nobody else gets at it."""
    with psycopg.connect(dsn) as connection:
        connection.execute(f"LOCK TABLE jobdesk.{table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
