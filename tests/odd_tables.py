"""Databases that are other than any release makes them: views, own columns, odd values, NULLs where none can be."""

from __future__ import annotations

from database import run_sql

_OWN = ("jobs", "job", "jobdesk_version", "is_aborting", "deferred_at", "version", "held", "now", "started_at", "ids")
#: Each text is a transaction; of the jobs, 1 to 5 wait and 6 is running.
ODD = {
    "a view": ["ALTER TABLE procrastinate_jobs RENAME TO kept", "CREATE VIEW procrastinate_jobs AS SELECT * FROM kept"],
    "a view of texts": [
        "ALTER TABLE procrastinate_jobs RENAME TO kept",
        "CREATE VIEW procrastinate_jobs AS SELECT id, queue_name::text, task_name::text, priority, lock, "
        "queueing_lock, args, status::text, scheduled_at, attempts, abort_requested, worker_id FROM kept",
    ],
    "own columns": [
        "ALTER TABLE procrastinate_jobs " + ", ".join(f"ADD {name} text DEFAULT 'own'" for name in _OWN),
        """ALTER TABLE procrastinate_jobs ADD "Status" text DEFAULT 'x', ADD "a""b" text DEFAULT 'x', """
        """ADD "100 %s" text DEFAULT 'x', ADD "-" timestamptz DEFAULT 'infinity'""",
    ],
    "rows": [
        "ALTER TABLE procrastinate_jobs ALTER task_name TYPE text, ALTER queue_name TYPE text",
        "UPDATE procrastinate_jobs SET attempts = -5, priority = 2147483647, scheduled_at = '-infinity' WHERE id = 1",
        "UPDATE procrastinate_jobs SET attempts = 2147483647, priority = -2147483648 WHERE id = 2",
        "UPDATE procrastinate_jobs SET task_name = repeat('long ', 200000), args = '[1, 2]' WHERE id = 3",
        r"UPDATE procrastinate_jobs SET task_name = '', queue_name = '', args = 'null', "
        r"lock = E'\u202e\x1b[31m\n\t<b>', scheduled_at = '294276-01-01' WHERE id = 4",
        "UPDATE procrastinate_workers SET last_heartbeat = 'infinity'",
        "UPDATE procrastinate_events SET at = CASE job_id WHEN 1 THEN 'infinity' ELSE '4713-01-01 BC' END::timestamptz",
        "ALTER TYPE procrastinate_job_status ADD VALUE 'parked'",
        "ALTER TYPE procrastinate_job_event_type ADD VALUE 'parked'",
        "UPDATE procrastinate_jobs SET status = 'parked' WHERE id = 5",
        "UPDATE procrastinate_events SET type = 'parked' WHERE job_id = 2",
    ],
    "nulls": [
        *(
            f"ALTER TABLE procrastinate_jobs ALTER {name} DROP NOT NULL"
            for name in ("queue_name", "task_name", "priority", "attempts", "args", "status", "abort_requested")
        ),
        "UPDATE procrastinate_jobs SET (queue_name, task_name, priority, attempts, args, status, abort_requested) = "
        "(NULL, NULL, NULL, NULL, NULL, NULL, NULL) WHERE id = 1",
        "UPDATE procrastinate_jobs SET (queue_name, task_name, priority, attempts, args, abort_requested) = "
        "(NULL, NULL, NULL, NULL, NULL, NULL) WHERE id IN (2, 6)",
        "ALTER TABLE procrastinate_events ALTER type DROP NOT NULL",
        "UPDATE procrastinate_events SET type = NULL, at = NULL WHERE job_id = 2",
        "ALTER TABLE procrastinate_workers ALTER last_heartbeat DROP NOT NULL",
        "UPDATE procrastinate_workers SET last_heartbeat = NULL",
    ],
}


def make_odd(dsn: str, odd: str) -> list[int]:
    """The ids of the jobs, in a database that has become odd."""
    run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (task_name, queue_name, lock) SELECT 't', 'q', 'l' FROM generate_series(1, 6)",
    )
    run_sql(
        dsn,
        "WITH worker AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id) UPDATE procrastinate_jobs "
        "SET status = 'doing', worker_id = (SELECT id FROM worker) WHERE id = 6",
    )
    for text in ODD[odd]:
        run_sql(dsn, text)
    return list(range(1, 7))
