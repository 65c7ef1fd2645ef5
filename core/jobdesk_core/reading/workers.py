"""The registered workers, asked for beside another question, so that they cost no round trip of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobdesk_core.database.rows import UNKNOWN_TIME, WorkerRow
from jobdesk_core.job.queue_context import WORKERS

#: Seconds between two looks at the workers, and while there is none.
INTERVAL_S, FIRST_INTERVAL_S = 3.0, 1.0
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
