"""Reports of workers that tests write into the schema `jobdesk`, as plain SQL would."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
from jobdesk_core.reported import schema
from psycopg import sql


def install(dsn: str) -> None:
    """Install the schema, if it is not there."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute("SELECT to_regnamespace('jobdesk')").fetchone() == (None,):
            connection.execute(schema.schema_sql().encode())


def insert(dsn: str, table: str, **columns: Any) -> Any:
    """Insert a row; a value that is `sql.SQL` is taken as SQL. Returns the row's first column."""
    install(dsn)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    values = sql.SQL(", ").join(
        value if isinstance(value, sql.Composable) else sql.Literal(value) for value in columns.values()
    )
    command = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        sql.Identifier("jobdesk", table), names, values
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(command).fetchone()
    assert row is not None
    return row[0]


def ago(seconds: float) -> sql.SQL:
    """So many seconds before now, by the server's clock."""
    return sql.SQL(f"now() - interval '{seconds} seconds'")


def add_error(dsn: str, job_id: int, kind: str = "ValueError", message: str = "", **columns: Any) -> int:
    """Report that a run of a job failed; the id of the report."""
    given = {"attempt": 1, "at": ago(1), "task_name": "t", "queue_name": "q", "outcome": "failed"}
    error_id: int = insert(
        dsn, "errors", **given | {"job_id": job_id, "type": kind, "message": message, "fingerprint": kind} | columns
    )
    return error_id


def add_worker(dsn: str, host: str = "worker-1", *, beat_s: float = 1, **columns: Any) -> uuid.UUID:
    """Report a worker whose last heartbeat was so many seconds ago; its id."""
    given = {"id": uuid.uuid4(), "host": host, "pid": 7, "app": "shop", "beat_at": ago(beat_s)}
    worker_id: uuid.UUID = insert(dsn, "workers", **given | columns)
    return worker_id
