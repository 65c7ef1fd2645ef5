"""Jobs of chosen ages, with their events."""

from __future__ import annotations

from database import run_sql


def fill(dsn: str, *groups: tuple[str, str, int], ended: str = "succeeded") -> None:
    """Jobs of a status, so long ago, so many; each with its events, from its deferral to its end a minute later."""
    run_sql(dsn, "ALTER TABLE procrastinate_jobs DISABLE TRIGGER USER")
    for status, ago, number in groups:
        run_sql(
            dsn,
            "WITH made AS (INSERT INTO procrastinate_jobs (queue_name, task_name, status, args) "
            f"SELECT 'q', 't', '{status}', jsonb_build_object('n', n) FROM generate_series(1, {number}) AS n "
            "RETURNING id), deferred AS (INSERT INTO procrastinate_events (job_id, type, at) "
            f"SELECT id, 'deferred', now() - interval '{ago}' FROM made) "
            "INSERT INTO procrastinate_events (job_id, type, at) "
            + (
                f"SELECT id, '{ended}', now() - interval '{ago}' + interval '1 min' FROM made"
                if status not in ("todo", "doing")
                else "SELECT id, 'scheduled', now() FROM made"
            ),
        )
    run_sql(dsn, "ALTER TABLE procrastinate_jobs ENABLE TRIGGER USER")
