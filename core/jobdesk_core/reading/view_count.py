"""How many jobs a filter finds, for a glance: never more than one small question, and honest about what it left out."""

from __future__ import annotations

import time

from jobdesk_core.chunk_size import ChunkSize
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import StatementTooLong, limited
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.number import Kind, Number, at_least, known_at

#: How many are counted before it is "more than that".
MOST_COUNTED = 1_000
#: How many of the newest ids are looked through at first, at least and at most; and how long that should take.
FIRST_IDS, FEWEST_IDS, MOST_IDS = 20_000, 500, 2_000_000
AIM_S = 0.1
#: More filters than these are not kept in mind.
MOST_KEPT = 100


class ViewCount:
    """Looks through as many of the newest jobs as take little time: how many these are is learnt for each filter."""

    def __init__(self, connector: PsycopgConnector, capabilities: Capabilities, *, limit_s: float = 1.0) -> None:
        self._connector = connector
        self._capabilities = capabilities
        self._limit_s = limit_s
        self._widths: dict[str, ChunkSize] = {}

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on the database can do this."""
        self._capabilities = capabilities

    async def read(self, job_filter: JobFilter) -> Number | None:
        """Ask once; None when it took too long, and the next time less is looked at.

        Raises ConnectorException, or CapabilityMissing for a filter that this release cannot answer.
        """
        width = self._width(job_filter.text)
        started = time.monotonic()
        try:
            statement = _count(self._capabilities, job_filter, width.size)
            found = await limited(self._connector, statement, self._limit_s)
        except StatementTooLong:
            width.shrink(8)
            return None
        is_full = (found.value or 0) >= MOST_COUNTED
        width.note(time.monotonic() - started, may_grow=found.kind is Kind.AT_LEAST and not is_full)
        return found

    def _width(self, text: str) -> ChunkSize:
        if len(self._widths) >= MOST_KEPT and text not in self._widths:
            self._widths.clear()
        return self._widths.setdefault(text, ChunkSize(FIRST_IDS, FEWEST_IDS, MOST_IDS, AIM_S, 0.25))


def _count(capabilities: Capabilities, job_filter: JobFilter, width: int) -> Statement[Number]:
    condition, parameters = job_filter.condition(capabilities)
    low, high = job_filter.ids.ends

    def decode(rows: Rows) -> Number:
        (row,) = rows
        if row["count"] > MOST_COUNTED:
            return at_least(MOST_COUNTED)
        if row["is_whole"]:
            return known_at(row["count"], row["read_at"])
        return at_least(row["count"], f"Only the newest {width:,} ids were searched.")

    return Statement(
        "WITH bounds AS (SELECT min(id) AS low, max(id) AS high FROM procrastinate_jobs "
        "WHERE id BETWEEN %(low)s::bigint AND %(high)s::bigint) "
        "SELECT count(*) AS count, now() AS read_at, "
        f"coalesce((SELECT high - low < {width} FROM bounds), true) AS is_whole "
        f"FROM (SELECT FROM {jobs_table(capabilities)} WHERE job.id <= (SELECT high FROM bounds) "
        f"AND job.id >= (SELECT greatest(low, high - {width - 1}) FROM bounds) AND ({condition}) "
        f"LIMIT {MOST_COUNTED + 1}) AS found",
        decode,
        parameters | {"low": low, "high": high},
    )
