"""The registered workers: all, one, or beside another question, so that they cost no round trip of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.rows import UNKNOWN_TIME, WorkerRow

#: Seconds between two looks at the workers, and while there is none.
INTERVAL_S, FIRST_INTERVAL_S = 3.0, 1.0


def _worker_rows(rows: Rows) -> list[WorkerRow]:
    return [WorkerRow(row["id"], row["last_heartbeat"] or UNKNOWN_TIME, row["running"]) for row in rows]


_WORKER_COLUMNS = (
    "SELECT worker.id, worker.last_heartbeat, (SELECT count(*) FROM procrastinate_jobs AS job "
    "WHERE job.worker_id = worker.id AND job.status = 'doing') AS running FROM procrastinate_workers AS worker"
)


WORKERS: Statement[list[WorkerRow]] = Statement(f"{_WORKER_COLUMNS} ORDER BY worker.id LIMIT 1000", _worker_rows)
#: Goes behind the last column of a question that gives one row.
BESIDE = (
    ", workers.* FROM (SELECT array_agg(id ORDER BY id) AS worker_ids, array_agg(last_heartbeat ORDER BY id) "
    f"AS heartbeats, array_agg(running ORDER BY id) AS running FROM ({WORKERS.sql}) AS worker) AS workers"
)


def workers_in(row: Mapping[str, Any]) -> list[WorkerRow] | None:
    """The workers in a row of such a question; None when they were not asked for."""
    if "worker_ids" not in row:
        return None
    columns = (row[name] or () for name in ("worker_ids", "heartbeats", "running"))
    return [WorkerRow(number, at or UNKNOWN_TIME, running) for number, at, running in zip(*columns, strict=True)]


def worker(worker_id: int) -> Statement[WorkerRow | None]:
    """The worker of this id, if it is still registered."""
    return Statement(
        f"{_WORKER_COLUMNS} WHERE worker.id = %(id)s",
        lambda rows: _worker_rows(rows)[0] if rows else None,
        {"id": worker_id},
    )
