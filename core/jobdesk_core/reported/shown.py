"""What the columns `error` and `progress` of the list of jobs, and of an export, hold of each job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.reported import Reported
from jobdesk_core.reported.reading import MOST_NAME
from jobdesk_core.reported.records import Progress

#: The characters of a message that are read.
MOST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """A job's last error in a line (`ConnectTimeout: timed out`) and when that was, and how far it says it has come."""

    error: str | None = None
    failed_at: dt.datetime | None = None
    progress: Progress | None = None


def shown(reported: Reported, job_ids: Sequence[int]) -> Statement[dict[int, Shown]]:
    """By id, without the jobs of which neither is reported; of what may not be read nothing is."""
    has_errors, has_progress = "errors" in reported.readable, "progress" in reported.readable
    return Statement(
        f"SELECT asked.id, {_ERROR if has_errors else _NO_ERROR}, {_DONE if has_progress else _NO_PROGRESS} "
        "FROM (SELECT DISTINCT unnest(%(ids)s::bigint[]) AS id) AS asked "
        f"{_LAST_ERROR if has_errors else ''} {_PROGRESS if has_progress else ''}",
        _decoded,
        {"ids": list(job_ids)},
    )


_ERROR = (
    f"left(regexp_replace(failed.type, '^.*\\.', ''), {MOST_NAME}) AS type, "
    f"left(failed.message, {MOST_SHOWN}) AS message, failed.at AS failed_at"
)
_NO_ERROR = "NULL::text AS type, NULL::text AS message, NULL::timestamptz AS failed_at"
_DONE = f"told.attempt, told.done, told.total, left(told.note, {MOST_NAME}) AS note, told.at AS told_at"
_NO_PROGRESS = (
    "NULL::integer AS attempt, NULL::float8 AS done, NULL::float8 AS total, NULL::text AS note, "
    "NULL::timestamptz AS told_at"
)
_LAST_ERROR = (
    "LEFT JOIN LATERAL (SELECT type, message, at FROM jobdesk.errors WHERE job_id = asked.id "
    "ORDER BY attempt DESC, at DESC LIMIT 1) AS failed ON true"
)
_PROGRESS = "LEFT JOIN jobdesk.progress AS told ON told.job_id = asked.id"


def _decoded(rows: Rows) -> dict[int, Shown]:
    found = {row["id"]: _shown(row) for row in rows}
    return {job_id: each for job_id, each in found.items() if each != Shown()}


def _shown(row: dict[str, Any]) -> Shown:
    message = " ".join((row["message"] or "").split())
    progress = None
    if row["told_at"] is not None:
        progress = Progress(row["id"], row["attempt"], row["done"], row["total"], row["note"], row["told_at"])
    error = None if row["type"] is None else f"{row['type']}: {message}" if message else row["type"]
    return Shown(error, row["failed_at"], progress)
