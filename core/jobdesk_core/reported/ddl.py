"""The tables of the reports, version by version. They lie in a schema of their own and refer to nobody else's tables.

All times are timestamptz. Every name is qualified, so that no search_path decides where a table lies.
"""

from __future__ import annotations

from typing import Final

#: Where the reports lie, whatever schema Procrastinate lies in.
SCHEMA: Final = "jobdesk"
#: The tables in the order in which they are made.
TABLES: Final = ("version", "errors", "workers", "tasks", "schedules", "progress", "logs")

# `version` has one row. `errors` has one for each failed run, known by job, attempt and time, so that a batch which is
# written twice is there once. What is updated at each heartbeat has room for that in its page, and no index on it.
_FIRST = """\
CREATE TABLE jobdesk.version (
    version integer NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX version_single ON jobdesk.version ((true));

CREATE TABLE jobdesk.errors (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id bigint NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    app text NOT NULL DEFAULT '',
    task_name text NOT NULL,
    queue_name text NOT NULL,
    type text NOT NULL,
    message text NOT NULL DEFAULT '',
    traceback text,
    fingerprint text NOT NULL DEFAULT '',
    worker uuid,
    outcome text NOT NULL CHECK (outcome IN ('failed', 'retried', 'lost', 'aborted'))
);
CREATE UNIQUE INDEX errors_run ON jobdesk.errors (job_id, attempt, at);
CREATE INDEX errors_at ON jobdesk.errors (at);
CREATE INDEX errors_fingerprint ON jobdesk.errors (fingerprint, at);
CREATE INDEX errors_task ON jobdesk.errors (task_name, at);
CREATE INDEX errors_type ON jobdesk.errors (type, job_id);
CREATE INDEX errors_worker ON jobdesk.errors (worker, job_id);

CREATE TABLE jobdesk.workers (
    id uuid PRIMARY KEY,
    worker_id bigint,
    app text NOT NULL DEFAULT '',
    host text NOT NULL DEFAULT '',
    pid integer,
    name text NOT NULL DEFAULT '',
    queues text[],
    concurrency integer NOT NULL DEFAULT 1,
    versions jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    memory_bytes bigint,
    cpu_share real,
    running bigint[] NOT NULL DEFAULT '{}',
    dropped bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX workers_host ON jobdesk.workers (host);

CREATE TABLE jobdesk.tasks (
    app text NOT NULL DEFAULT '',
    name text NOT NULL,
    doc text NOT NULL DEFAULT '',
    signature jsonb,
    queue text,
    retry jsonb,
    aliases text[] NOT NULL DEFAULT '{}',
    reported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app, name)
);

CREATE TABLE jobdesk.schedules (
    app text NOT NULL DEFAULT '',
    task_name text NOT NULL,
    periodic_id text NOT NULL DEFAULT '',
    cron text NOT NULL,
    zone text,
    arguments jsonb,
    queue text,
    reported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app, task_name, periodic_id)
);

CREATE TABLE jobdesk.progress (
    job_id bigint PRIMARY KEY,
    attempt integer NOT NULL,
    done double precision NOT NULL,
    total double precision,
    note text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE jobdesk.logs (
    job_id bigint NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    lines text NOT NULL,
    PRIMARY KEY (job_id, attempt)
);
"""

#: What leads from each version to the next; the first creates the tables. A released one is never changed.
MIGRATIONS: Final = (_FIRST,)
#: The version that this program reads and writes.
VERSION: Final = len(MIGRATIONS)

#: Before anything is changed: one at a time, and nobody is made to wait for long.
LOCK: Final = "SET LOCAL lock_timeout = '10s'; SELECT pg_advisory_xact_lock(7382910465)"

#: What a worker's role needs. The ids of errors need no right of their own: the column is an identity.
_FOR_WORKERS: Final = """\
GRANT USAGE ON SCHEMA jobdesk TO {role};
GRANT SELECT ON jobdesk.version TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON jobdesk.errors, jobdesk.workers, jobdesk.tasks, jobdesk.schedules,
    jobdesk.progress, jobdesk.logs TO {role};"""
_FOR_READERS: Final = """\
GRANT USAGE ON SCHEMA jobdesk TO {role};
GRANT SELECT ON jobdesk.version, jobdesk.errors, jobdesk.workers, jobdesk.tasks, jobdesk.schedules,
    jobdesk.progress, jobdesk.logs TO {role};"""


def schema_sql() -> str:
    """The SQL that creates the schema with its tables, for a database that has none, as one transaction."""
    return f"BEGIN;\nCREATE SCHEMA IF NOT EXISTS {SCHEMA};\n{tables_sql(0)}COMMIT;\n"


def tables_sql(version: int) -> str:
    """The SQL that leads from a version (0: no tables) to the present one."""
    told = f"DELETE FROM {SCHEMA}.version;\nINSERT INTO {SCHEMA}.version (version) VALUES ({VERSION});\n"
    return "".join(MIGRATIONS[version:]) + told


def removal_sql(*, with_schema: bool) -> str:
    """The SQL that drops the tables, and the schema where nothing else lies in it, but nothing that uses them."""
    tables = ", ".join(f"{SCHEMA}.{name}" for name in TABLES)
    return f"DROP TABLE IF EXISTS {tables};\n" + (f"DROP SCHEMA {SCHEMA};\n" if with_schema else "")


def grants_for_workers(role: str) -> str:
    """What allows a worker's role to report."""
    return _FOR_WORKERS.format(role=quoted(role))


def grants_for_readers(role: str) -> str:
    """What allows a role to read the reports."""
    return _FOR_READERS.format(role=quoted(role))


def quoted(name: str) -> str:
    """A name as PostgreSQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'
