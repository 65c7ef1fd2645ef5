"""Pages of jobs by key, never by offset; a filter that matches little looks through bounded stretches."""

from __future__ import annotations

import enum
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from jobdesk_core.chunk_size import ChunkSize
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import StatementTooLong, ask_limited, ask_limited_async
from jobdesk_core.database.rows import JobRow, job_tuples, jobs_table, row_columns, rows_by_id
from jobdesk_core.filters.id_ranges import Ids
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.filters.reported import candidates, is_narrowing
from jobdesk_core.reading import next_to_run

T = TypeVar("T")
Bounds = tuple[int, int] | None

#: How long one stretch should take, in seconds: its width doubles below half of it and halves above.
STRETCH_AIM_S = 0.15
#: The first stretch of a search is small, so that there is an answer at once.
FIRST_STRETCH_IDS = 20_000
WIDEST_STRETCH_IDS = 2_000_000
#: So long the lowest and the highest id of the table are taken as known, in seconds.
BOUNDS_FRESH_S = 2.0
#: So long the jobs of which something is reported are taken as known while pages of them are read, in seconds.
POSSIBLE_FRESH_S = 30.0
LOWEST_ID, HIGHEST_ID = -(2**63), 2**63 - 1
#: A stretch of so few ids that takes longer than a statement may is given up.
NARROWEST_STRETCH_IDS = 50


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


class PageReading:
    """Reads pages as steps, and learns from page to page how wide a stretch may be.

    One that does not `tries_again` takes a stretch that took too long for the end: within a transaction it is.
    """

    def __init__(self, capabilities: Capabilities, *, tries_again: bool = True) -> None:
        self._capabilities = capabilities
        self._tries_again = tries_again
        self._searched = ""
        self._stretch = _first_stretch()
        self._bounds: Bounds = None
        self._bounds_at = 0.0
        #: The jobs that can match a filter, as far as few can, and when that was asked.
        self._possible: tuple[str, list[int] | None, float] = ("", None, 0.0)

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on the database can do this."""
        self._capabilities = capabilities

    def read(
        self,
        job_filter: JobFilter,
        order: Order,
        *,
        after: PageKey | None = None,
        limit: int = 200,
        backwards: bool = False,
    ) -> Asking[Page]:
        """Read one stretch: at most `limit` rows beyond `after`, perhaps none although more may follow.

        `backwards` reads towards the start of the order: the rows just before `after`.

        A filter is looked for in a stretch that takes about STRETCH_AIM_S: how wide it may be is learnt anew
        for each filter. Raises StatementTooLong, ConnectorException, or CapabilityMissing for a filter that this
        release cannot answer.
        """
        if job_filter.text != self._searched:
            self._searched, self._stretch = job_filter.text, _first_stretch()
        while True:
            width = self._stretch.size if job_filter.tokens else WIDEST_STRETCH_IDS
            started = time.monotonic()
            try:
                if order is Order.NEXT_TO_RUN:
                    page = yield from self._read_next_to_run(job_filter, after, limit, width, backwards)
                else:
                    page = yield from self._read_by_id(job_filter, order, after, limit, width, backwards)
            except StatementTooLong:
                if not self._tries_again or not job_filter.tokens or self._stretch.is_least:
                    raise
                self._stretch.shrink(32)
                self._bounds = None
                continue
            self._stretch.note(time.monotonic() - started, may_grow=len(page.rows) < limit)
            return page

    def rows(self, job_ids: Iterable[int]) -> Asking[dict[int, JobRow]]:
        """The rows of these jobs, as far as they are there."""
        wanted = list(job_ids)
        if not wanted:
            return {}
        rows: dict[int, JobRow] = yield rows_by_id(self._capabilities, wanted)
        return rows

    def matching(self, job_filter: JobFilter, job_ids: Iterable[int]) -> Asking[set[int]]:
        """Those of these jobs that meet the filter now. Raises as `read` does."""
        condition, parameters = job_filter.condition(self._capabilities)
        wanted = list(job_ids)
        statement: Statement[set[int]] = Statement(
            f"SELECT job.id FROM {jobs_table(self._capabilities)} WHERE job.id = ANY (%(asked)s) AND {condition}",
            lambda rows: {row["id"] for row in rows},
            {**parameters, "asked": wanted},
        )
        if not wanted:
            return set()
        matching: set[int] = yield statement
        return matching

    def _read_by_id(
        self, job_filter: JobFilter, order: Order, after: PageKey | None, limit: int, width: int, backwards: bool
    ) -> Asking[Page]:
        is_down = (order is Order.NEWEST) is not backwards
        low, high = _rest_of(job_filter.ids, after, is_down=is_down)
        bounds = yield from self._known_bounds()
        if bounds is None:
            return Page([], after, True, after.id if after is not None else None)
        condition = job_filter.condition(self._capabilities)
        possible = yield from self._few_possible(job_filter, is_new=after is None)
        if possible is not None:
            condition = (
                f"job.id = ANY (%(possible)s::bigint[]) AND ({condition[0]})",
                {
                    **condition[1],
                    "possible": possible,
                },
            )
        is_whole = possible is not None or not job_filter.tokens
        first, last = (low, high) if is_whole else _stretch(low, high, bounds, width, is_down=is_down)
        rows = yield (_page(self._capabilities, condition, first, last, limit=limit, is_down=is_down))
        is_full = len(rows) == limit
        is_last = not is_full and (first == low if is_down else last == high)
        key = PageKey(rows[-1].id if is_full else max(first, bounds[0]) if is_down else min(last, bounds[1]))
        if not rows and not is_last:
            key, is_last = yield from self._beyond_the_gap(low, high, key, is_down=is_down)
        return Page(rows[::-1] if backwards else rows, key, is_last, key.id, bounds)

    def _few_possible(self, job_filter: JobFilter, *, is_new: bool) -> Asking[list[int] | None]:
        """The only jobs that can match, by what is reported; None when these are not few, or it is no matter."""
        token = next(filter(is_narrowing, job_filter.required), None)
        if token is None:
            return None
        text, possible, asked_at = self._possible
        if is_new or text != job_filter.text or time.monotonic() - asked_at > POSSIBLE_FRESH_S:
            possible = yield candidates(self._capabilities, token)
            self._possible = (job_filter.text, possible, time.monotonic())
        return possible

    def _known_bounds(self) -> Asking[Bounds]:
        """The table's lowest and highest id, as of a moment ago."""
        if self._bounds is None or time.monotonic() - self._bounds_at > BOUNDS_FRESH_S:
            self._bounds = yield _bounds(LOWEST_ID, HIGHEST_ID)
            self._bounds_at = time.monotonic()
        return self._bounds

    def _beyond_the_gap(self, low: int, high: int, key: PageKey, *, is_down: bool) -> Asking[tuple[PageKey, bool]]:
        """Where the next ids lie behind a stretch without matches, and whether there are none."""
        rest = (low, key.id - 1) if is_down else (key.id + 1, high)
        held = yield (_bounds(*rest))
        if held is None:
            return key, True
        return PageKey(held[1] + 1 if is_down else held[0] - 1), False

    def _read_next_to_run(
        self, job_filter: JobFilter, after: PageKey | None, limit: int, width: int, backwards: bool
    ) -> Asking[Page]:
        condition = job_filter.condition(self._capabilities)
        place = (after.priority, after.id) if after is not None else None
        first, last = next_to_run.stretch(place, None, backwards=backwards)
        end = None
        if job_filter.tokens:
            # Where the stretch ends is asked first: a job that moves in between is looked at all the same.
            end = yield (next_to_run.end_of_stretch(self._capabilities, first, last, jobs=width, backwards=backwards))
            first, last = next_to_run.stretch(place, end, backwards=backwards)
        rows = yield (next_to_run.page(self._capabilities, condition, first, last, limit=limit, backwards=backwards))
        next_key = after
        if len(rows) == limit:
            next_key = PageKey(rows[-1].id, rows[-1].priority)
        elif end is not None:
            next_key = PageKey(end[1], end[0])
        is_last = end is None and len(rows) < limit
        return Page(rows[::-1] if backwards else rows, next_key, is_last, None)


class JobPages:
    """Reads pages from one database. No statement runs longer than `limit_s` seconds.

    Cancelling a call cancels its query on the server.
    """

    def __init__(self, connector: PsycopgConnector, capabilities: Capabilities, *, limit_s: float = 5.0) -> None:
        self._connector = connector
        self._reading = PageReading(capabilities)
        self._limit_s = limit_s

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on the database can do this."""
        self._reading.adopt(capabilities)

    async def read(
        self,
        job_filter: JobFilter,
        order: Order,
        *,
        after: PageKey | None = None,
        limit: int = 200,
        backwards: bool = False,
    ) -> Page:
        """As `PageReading.read`."""
        return await self._asked(self._reading.read(job_filter, order, after=after, limit=limit, backwards=backwards))

    async def rows(self, job_ids: Iterable[int]) -> dict[int, JobRow]:
        """As `PageReading.rows`."""
        return await self._asked(self._reading.rows(job_ids))

    async def matching(self, job_filter: JobFilter, job_ids: Iterable[int]) -> set[int]:
        """As `PageReading.matching`."""
        return await self._asked(self._reading.matching(job_filter, job_ids))

    async def _asked(self, steps: Asking[T]) -> T:
        return await ask_limited_async(steps, self._connector, self._limit_s)


class SyncJobPages:
    """As JobPages, on a synchronous connector."""

    def __init__(self, connector: SyncPsycopgConnector, capabilities: Capabilities, *, limit_s: float = 5.0) -> None:
        self._connector = connector
        self._reading = PageReading(capabilities)
        self._limit_s = limit_s

    def read_now(self, job_filter: JobFilter, order: Order, *, after: PageKey | None = None, limit: int = 200) -> Page:
        """As `PageReading.read`."""
        steps = self._reading.read(job_filter, order, after=after, limit=limit)
        return ask_limited(steps, self._connector, self._limit_s)


def _first_stretch() -> ChunkSize:
    return ChunkSize(FIRST_STRETCH_IDS, NARROWEST_STRETCH_IDS, WIDEST_STRETCH_IDS, STRETCH_AIM_S)


def _rest_of(ids: Ids, after: PageKey | None, *, is_down: bool) -> tuple[int, int]:
    """The possible ids that are left to look through beyond `after`, from the lowest to the highest."""
    low, high = ids.ends
    start: int | None = high if is_down else low
    if after is not None:
        # Ids that the filter leaves out are not looked through.
        start = ids.nearest(after.id - 1 if is_down else after.id + 1, is_down=is_down)
    if start is None:
        return 0, -1  # nothing: no number that bigint does not hold
    return (low, start) if is_down else (start, high)


def _stretch(low: int, high: int, bounds: tuple[int, int], width: int, *, is_down: bool) -> tuple[int, int]:
    """The next `width` ids of those from `low` to `high` that the table holds.

    The last one reaches to the end of the range: ids may have come since the bounds were read.
    """
    lowest, highest = bounds
    if is_down:
        first = min(high, highest) - width + 1
        return (low if first <= max(low, lowest) else first), high
    last = max(low, lowest) + width - 1
    return low, (high if last >= min(high, highest) else last)


def _page(
    capabilities: Capabilities,
    condition: tuple[str, Mapping[str, Any]],
    first: int,
    last: int,
    *,
    limit: int,
    is_down: bool,
) -> Statement[list[JobRow]]:
    """The matches with ids from `first` to `last`."""
    return Statement(
        f"SELECT {row_columns(capabilities)} FROM {jobs_table(capabilities)} "
        f"WHERE job.id BETWEEN %(first)s::bigint AND %(last)s::bigint AND {condition[0]} "
        f"ORDER BY job.id {'DESC' if is_down else 'ASC'} LIMIT %(limit)s",
        job_tuples,
        {**condition[1], "first": first, "last": last, "limit": limit},
        is_page=True,
    )


def _bounds(low: int, high: int) -> Statement[Bounds]:
    """The lowest and the highest id that there are from `low` to `high`: no gap is looked through."""

    def decode(rows: Rows) -> Bounds:
        return None if rows[0]["lowest"] is None else (rows[0]["lowest"], rows[0]["highest"])

    return Statement(
        "SELECT min(id) AS lowest, max(id) AS highest FROM procrastinate_jobs "
        "WHERE id BETWEEN %(low)s::bigint AND %(high)s::bigint",
        decode,
        {"low": low, "high": high},
    )
