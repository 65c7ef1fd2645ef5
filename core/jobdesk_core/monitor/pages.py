"""Pages of jobs by key, never by offset; a filter that matches little looks through bounded stretches."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.monitor.counts import Counts, MatchCount
from jobdesk_core.monitor.filters import JobFilter
from jobdesk_core.monitor.rows import JobRow, job_rows, jobs_table, row_columns, rows_by_id

T = TypeVar("T")

#: How long one stretch should take, in seconds: its width doubles below half of it and halves above.
STRETCH_AIM_S = 0.15
FIRST_STRETCH_IDS = 20_000
WIDEST_STRETCH_IDS = 2_000_000


class Order(enum.Enum):
    """The orders in which jobs can be read."""

    NEWEST = "newest first"
    OLDEST = "oldest first"
    NEXT_TO_RUN = "next to run"

    @property
    def label(self) -> str:
        """The order in words."""
        return self.value


@dataclass(frozen=True, slots=True)
class PageKey:
    """Where the next page starts: beyond this id, under NEXT_TO_RUN beyond this priority and id."""

    id: int
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in reading order, where to go on, and how far was looked. `is_last`: nothing lies beyond.

    `bounds` are the lowest and the highest id of the table, None under NEXT_TO_RUN and when it is empty.
    """

    rows: list[JobRow]
    next_key: PageKey | None
    is_last: bool
    looked_to_id: int | None
    bounds: tuple[int, int] | None = None


class StatementTooLong(ConnectorException):
    """The query took longer than the monitor's limit and was stopped, on the server too."""


class JobPages:
    """Reads pages from one database. No statement runs longer than `limit_s` seconds."""

    def __init__(
        self, connector: PsycopgConnector, capabilities: Capabilities, counts: Counts, *, limit_s: float = 5.0
    ) -> None:
        self._connector = connector
        self._capabilities = capabilities
        self._counts = counts
        self._limit_s = limit_s
        self._stretch_ids = FIRST_STRETCH_IDS

    async def read(
        self,
        job_filter: JobFilter,
        order: Order,
        *,
        after: PageKey | None = None,
        limit: int = 200,
        backwards: bool = False,
    ) -> Page:
        """Read one stretch: at most `limit` rows beyond `after`, perhaps none although more may follow.

        `backwards` reads towards the start of the order: the rows just before `after`.

        Cancelling the call cancels the query on the server. Raises StatementTooLong, ConnectorException, or
        CapabilityMissing for a filter that this release cannot answer.
        """
        if order is Order.NEXT_TO_RUN:
            return await self._read_next_to_run(job_filter, after, limit, backwards)
        is_down = (order is Order.NEWEST) is not backwards
        page = await self._read_by_id(job_filter, is_down, after, limit)
        return replace(page, rows=page.rows[::-1]) if backwards else page

    async def rows(self, job_ids: Iterable[int]) -> dict[int, JobRow]:
        """The rows of these jobs, as far as they are there."""
        wanted = list(job_ids)
        return await self._run(rows_by_id(self._capabilities, wanted)) if wanted else {}

    async def estimate(self, job_filter: JobFilter) -> MatchCount | None:
        """How many jobs meet the filter, as far as the counts can tell; None when they cannot."""
        return self._counts.match(job_filter)

    async def _read_by_id(self, job_filter: JobFilter, is_down: bool, after: PageKey | None, limit: int) -> Page:
        lowest, highest = await self._run(_BOUNDS)
        if lowest is None or highest is None:
            return Page([], None, True, None)
        condition, parameters = job_filter.condition(self._capabilities)
        # The stretch covers ids from `near` (excluded) to `far` (included).
        if is_down:
            near = after.id if after is not None else highest + 1
            far = max(lowest, near - self._stretch_ids) if job_filter.tokens else lowest
            bounds, direction = "job.id < %(near)s AND job.id >= %(far)s", "DESC"
        else:
            near = after.id if after is not None else lowest - 1
            far = min(highest, near + self._stretch_ids) if job_filter.tokens else highest
            bounds, direction = "job.id > %(near)s AND job.id <= %(far)s", "ASC"
        started = time.monotonic()
        rows = await self._run(
            Statement(
                f"SELECT {row_columns(self._capabilities)} FROM {jobs_table(self._capabilities)} "
                f"WHERE {bounds} AND {condition} ORDER BY job.id {direction} LIMIT %(limit)s",
                job_rows,
                parameters | {"near": near, "far": far, "limit": limit},
            )
        )
        self._adapt(time.monotonic() - started, is_full=len(rows) == limit)
        if len(rows) == limit:
            last = rows[-1].id
            return Page(rows, PageKey(last), False, last, (lowest, highest))
        is_last = far <= lowest if is_down else far >= highest
        return Page(rows, PageKey(far), is_last, far, (lowest, highest))

    async def _read_next_to_run(
        self, job_filter: JobFilter, after: PageKey | None, limit: int, backwards: bool
    ) -> Page:
        condition, parameters = job_filter.condition(self._capabilities)
        beyond = "true"
        if after is not None:
            lower, later = (">", "<") if backwards else ("<", ">")
            beyond = f"(job.priority {lower} %(priority)s OR (job.priority = %(priority)s AND job.id {later} %(id)s))"
            parameters |= {"priority": after.priority, "id": after.id}
        directions = ("ASC", "DESC") if backwards else ("DESC", "ASC")
        rows = await self._run(
            Statement(
                f"SELECT {row_columns(self._capabilities)} FROM {jobs_table(self._capabilities)} "
                f"WHERE job.status = 'todo' AND {beyond} AND {condition} "
                f"ORDER BY job.priority {directions[0]}, job.id {directions[1]} LIMIT %(limit)s",
                job_rows,
                parameters | {"limit": limit},
            )
        )
        next_key = PageKey(rows[-1].id, rows[-1].priority) if rows else after
        return Page(rows[::-1] if backwards else rows, next_key, len(rows) < limit, None)

    def _adapt(self, seconds: float, *, is_full: bool) -> None:
        if seconds > STRETCH_AIM_S:
            self._stretch_ids = max(1_000, self._stretch_ids // 2)
        elif seconds < STRETCH_AIM_S / 2 and not is_full:
            self._stretch_ids = min(WIDEST_STRETCH_IDS, self._stretch_ids * 2)

    async def _run(self, statement: Statement[T]) -> T:
        return await limited(self._connector, statement, self._limit_s)


_BOUNDS: Statement[tuple[int | None, int | None]] = Statement(
    "SELECT min(id) AS lowest, max(id) AS highest FROM procrastinate_jobs",
    lambda rows: (rows[0]["lowest"], rows[0]["highest"]),
)


async def limited(connector: PsycopgConnector, statement: Statement[T], limit_s: float) -> T:
    """Run a statement for at most `limit_s` seconds; then it is cancelled, on the server too."""
    try:
        async with asyncio.timeout(limit_s):
            return await connector.run_async(statement)
    except TimeoutError as error:
        raise StatementTooLong() from error
