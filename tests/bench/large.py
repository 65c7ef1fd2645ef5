"""A large database to measure on, made once: a folder outside the repository keeps it for the next run.

Its jobs are like those of a busy service: eight queues, sixty tasks, locks, some 50,000 waiting, three in a hundred
failed. BENCH_FOLDER names another folder than the default.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer, default_folder
from psycopg import sql

JOBS = """
INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, args, status, attempts)
SELECT
    (ARRAY['billing', 'mail', 'media', 'etl', 'reports', 'search', 'sync', 'default'])[1 + (number * 7) % 8],
    'app.tasks.task_' || (number * 13) % 60,
    CASE WHEN number % 10 = 0 THEN 5 ELSE 0 END,
    CASE WHEN number % 3 = 0 AND number % 100 <> 0 THEN 'account-' || number % 1000 END,
    jsonb_build_object('user_id', number % 50000, 'period', '2026-11', 'amount', (number % 997) / 10.0),
    (CASE
        WHEN number > {jobs} - 50000 AND number % 100 <> 0 THEN 'todo'
        WHEN number > {jobs} - 60000 AND number % 100 = 0 THEN 'doing'
        WHEN number % 40 = 0 THEN 'failed'
        WHEN number % 97 = 0 THEN 'cancelled'
        WHEN number % 501 = 0 THEN 'aborted'
        ELSE 'succeeded'
    END)::procrastinate_job_status,
    1
FROM generate_series(1, {jobs}) AS number
"""

EVENTS = """
INSERT INTO procrastinate_events (job_id, type, at)
SELECT job.id, kind.type::procrastinate_job_event_type,
    now() - ({jobs} - job.id) * interval '0.5 s' + kind.after_s * interval '1 s'
FROM procrastinate_jobs AS job
CROSS JOIN LATERAL (VALUES ('deferred', 0), ('started', 1), (job.status::text, 3)) AS kind (type, after_s)
WHERE kind.type NOT IN ('todo', 'doing') AND NOT (job.status = 'todo' AND kind.type = 'started')
ORDER BY job.id, kind.after_s
"""


def folder() -> Path:
    """Where the large databases lie, and what is measured beside them."""
    return Path(os.environ.get("BENCH_FOLDER") or default_folder() / "bench")


@contextmanager
def large_server() -> Iterator[EmbeddedServer]:
    """The server that keeps the large databases. Not durable: the disk is not what is measured."""
    with EmbeddedServer(folder(), is_durable=False) as server:
        yield server


@contextmanager
def large_database(server: EmbeddedServer, jobs: int) -> Iterator[str]:
    """The connection string of a copy to work in, dropped afterwards. The first time for a size takes minutes."""
    kept = _kept(server, jobs)
    copy = f"{kept}_copy"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        _drop(connection, copy)
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(create.format(sql.Identifier(copy), sql.Identifier(kept)))
        try:
            yield server.dsn_of(copy)
        finally:
            _drop(connection, copy)


def _kept(server: EmbeddedServer, jobs: int) -> str:
    """The name of the database of this size; made now if it is not there, or holds what an older bench made."""
    commands = (schema_sql(), JOBS.format(jobs=jobs), EVENTS.format(jobs=jobs))
    name = f"bench_{jobs}_{zlib.crc32(''.join(commands).encode()):08x}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        held = connection.execute("SELECT datname FROM pg_database WHERE datname ~ %s", [f"^bench_{jobs}_"]).fetchall()
        if (name,) in held:
            return name
        for (older,) in held:
            _drop(connection, older)
        # Renamed when it is whole: a run that was broken off leaves nothing that looks ready.
        unfinished = f"bench_{jobs}_unfinished"
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
        _fill(server.dsn_of(unfinished), commands)
        connection.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(unfinished), sql.Identifier(name))
        )
    return name


def _fill(dsn: str, commands: tuple[str, ...]) -> None:
    started = time.monotonic()
    with psycopg.connect(dsn, autocommit=True) as connection:
        # No trigger: events are made below, and nobody is notified of a million jobs.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("SET work_mem = '256MB'")
        for command in (*commands, "VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"):
            connection.execute(command.encode())
    print(f"Filled a database in {time.monotonic() - started:.0f} s; the next run finds it ready.", flush=True)


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
