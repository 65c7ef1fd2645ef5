"""The first jobs of a plan's group, to be shown: their rows as they are now, and who has their queueing locks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow, rows_by_id
from jobdesk_core.operations.change.job_facts import HOLDER
from jobdesk_core.operations.steps import Steps


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A job, its row unless it is gone, and the waiting job that has its queueing lock, if any."""

    job_id: int
    row: JobRow | None
    holder: int | None = None


def sample_rows(job_ids: Sequence[int], capabilities: Capabilities) -> Steps[list[SampleRow]]:
    """Read these jobs, in their order."""
    rows = yield rows_by_id(capabilities, list(job_ids))
    held = yield lock_holders(job_ids)
    return [SampleRow(job_id, rows.get(job_id), held.get(job_id)) for job_id in job_ids]


def lock_holders(job_ids: Sequence[int]) -> Statement[dict[int, int]]:
    """By job the waiting one that has its queueing lock."""
    return Statement(
        f"SELECT job.id, {HOLDER} AS holder FROM procrastinate_jobs AS job WHERE job.id = ANY (%(ids)s::bigint[])",
        lambda rows: {row["id"]: row["holder"] for row in rows if row["holder"] is not None},
        {"ids": list(job_ids)},
    )
