"""What tests do to a database beside the core: plain SQL, and roles with few rights."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
from jobdesk_core import PsycopgConnector
from jobdesk_core.database.capabilities import DETECT, Capabilities
from psycopg.conninfo import make_conninfo

_numbers = itertools.count(1)


def run_sql(dsn: str, text: str, *parameters: Any) -> list[Any]:
    """Run one command as anyone would, and return its rows, or the values when there is one column."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(text.encode(), parameters or None)
        rows = cursor.fetchall() if cursor.description else []
    return [row[0] if len(row) == 1 else row for row in rows]


def picture(dsn: str) -> list[Any]:
    """Every job and event as text: equal pictures mean that nothing was done."""
    return run_sql(
        dsn,
        "SELECT job::text FROM procrastinate_jobs AS job UNION ALL "
        "SELECT event::text FROM procrastinate_events AS event ORDER BY 1",
    )


def defer(dsn: str, **columns: Any) -> int:
    """Insert a waiting job and return its id."""
    columns = {"queue_name": "q", "task_name": "t"} | columns
    places = ", ".join(["%s"] * len(columns))
    text = f"INSERT INTO procrastinate_jobs ({', '.join(columns)}) VALUES ({places}) RETURNING id"
    job_id: int = run_sql(dsn, text, *columns.values())[0]
    return job_id


def start(dsn: str, *, heartbeat: str = "now()") -> tuple[int, int]:
    """Let a new worker start the next job; its id and the worker's. The heartbeat is SQL."""
    worker_id = run_sql(dsn, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0]
    job_id = run_sql(dsn, "SELECT id FROM procrastinate_fetch_job_v2(NULL, %s)", worker_id)[0]
    run_sql(dsn, f"UPDATE procrastinate_workers SET last_heartbeat = {heartbeat} WHERE id = %s", worker_id)
    return job_id, worker_id


def finish(dsn: str, job_id: int, status: str) -> None:
    """End a running job."""
    run_sql(dsn, "SELECT procrastinate_finish_job_v1(%s, %s::procrastinate_job_status, false)", job_id, status)


@contextlib.contextmanager
def role(dsn: str, *grants: str, options: str = "") -> Iterator[str]:
    """The connection string of a new role that may only what is granted: `SELECT ON procrastinate_jobs`."""
    name = f"jobdesk_role_{os.getpid()}_{next(_numbers)}"
    run_sql(dsn, f"CREATE ROLE {name} LOGIN PASSWORD 'of-a-role' {options}")
    try:
        for grant in grants:
            run_sql(dsn, f"GRANT {grant} TO {name}")
        yield make_conninfo(dsn, user=name, password="of-a-role")
    finally:
        run_sql(dsn, f"DROP OWNED BY {name}")
        run_sql(dsn, f"DROP ROLE {name}")


@contextlib.asynccontextmanager
async def connected(dsn: str, **arguments: Any) -> AsyncIterator[tuple[PsycopgConnector, Capabilities]]:
    """An open connector, and what its database can do."""
    connector = PsycopgConnector(conninfo=dsn, **arguments)
    await connector.open_async()
    try:
        yield connector, await connector.run_async(DETECT)
    finally:
        await connector.close_async()
