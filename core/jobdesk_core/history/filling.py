"""Fills the gaps of a history from the events that are still there, backwards, in stretches the server does not feel.

Jobs that were deleted have taken their events with them, so what is filled in is at least what happened. An hour
without any event stays a gap: nobody can tell whether nothing happened, or whether it was deleted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jobdesk_core.chunk_size import ChunkSize
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.history.events import BOUNDS, Bounds, latest_minute, minute_at, minutes_of
from jobdesk_core.history.history import History
from jobdesk_core.history.minutes import FILLED, Minute

#: How far back gaps are filled, in minutes, and how long a gap may be without an event to be filled.
FAR, SILENT = 7 * 24 * 60, 60
#: A transaction stamps its events with its beginning: events of a minute are looked for so many minutes beyond it.
SLACK = 2
#: The share of the time that it takes of the server at most, and how many seconds in all for one connection.
SHARE, MOST_S = 0.1, 60.0
#: Events read at once, adapted to seconds.
STRETCH = (10_000, 500, 200_000, 0.1)
#: Cells after which what was found is written.
WRITTEN_CELLS = 4_000
_QUERY_CANCELED = "57014"


@dataclass(frozen=True, slots=True)
class Gap:
    """Minutes of which nothing is known; `is_open`: nothing is known of the one before them either."""

    first: int
    end: int
    is_open: bool = False


def gaps(known: set[int], first: int, end: int) -> Iterator[Gap]:
    """The gaps from `first` to before `end`, the latest first."""
    last = end
    for minute in [*sorted((each for each in known if first <= each < end), reverse=True), first - 1]:
        if minute + 1 < last:
            yield Gap(minute + 1, last, is_open=minute + 1 == first)
        last = minute


class Filler:
    """Fills one history from one database, until all is filled or it has cost enough."""

    def __init__(
        self,
        history: History,
        connector: PsycopgConnector,
        *,
        sleep: Callable[[float], Any] = asyncio.sleep,
        share: float = SHARE,
        most_s: float = MOST_S,
    ) -> None:
        self._history, self._connector = history, connector
        self._sleep, self._share, self._most_s = sleep, share, most_s
        self._width = ChunkSize(*STRETCH)
        #: Seconds that the server was asked for.
        self.cost_s = 0.0
        #: Whether there is nothing left for it to do.
        self.is_done = False
        self._cells = 0
        self._now = 0

    @property
    def is_spent(self) -> bool:
        """Whether it has cost enough."""
        return self.cost_s >= self._most_s

    async def fill(self, now: int) -> bool:
        """Fill what is missing before the minute `now`; whether all was looked at. Raises ConnectorException."""
        self._now = now
        first, end = now - FAR, now
        known = await asyncio.to_thread(self._history.known, first - 1, end)
        bounds: Bounds = await self._ask(BOUNDS)
        if bounds.minute is None:
            return True
        first = max(first, bounds.minute)
        for gap in list(gaps(known, first, end)):
            if not await self._fill(gap, bounds):
                return False
        return await self._write()

    async def _fill(self, gap: Gap, bounds: Bounds) -> bool:
        """One gap; whether it was looked at whole."""
        high = await self._id_at(gap.end + SLACK, bounds)
        found: dict[int, Minute] = {}
        given, neighbour = gap.end, gap.end
        while high >= bounds.lowest and given > gap.first:
            low = max(bounds.lowest - 1, high - self._width.size)
            read = await self._stretch(low, high, gap)
            if read is None:
                continue
            latest, minutes = read
            for minute, each in minutes.items():
                found[minute] = found[minute].merged(each) if minute in found else each
            high = low
            whole = gap.first if high < bounds.lowest else given
            if latest is not None and high >= bounds.lowest:
                # Whatever is below was written earlier, and stamped no later.
                whole = min(given, max(gap.first, latest + SLACK))
            neighbour = self._give(found, range(whole, given), neighbour)
            given = whole
            if (self._cells >= WRITTEN_CELLS and not await self._write()) or self.is_spent:
                return False
        if not gap.is_open and given <= gap.first:
            self._give_silence(gap.first - 1, neighbour)
        return True

    def _give(self, found: dict[int, Minute], whole: range, neighbour: int) -> int:
        """Hand over the minutes that are whole; the earliest of them with an event, or what was that before."""
        for minute in reversed(whole):
            held = found.pop(minute, None)
            if held is not None:
                self._give_silence(minute, neighbour)
                self._history.keep({minute: held})
                self._cells += len(held.cells)
                neighbour = minute
        return neighbour

    def _give_silence(self, before: int, after: int) -> None:
        """Nothing happened between two minutes of which something is known, unless that was for too long."""
        if after - before <= SILENT:
            self._history.keep({minute: Minute(FILLED) for minute in range(before + 1, after)})

    async def _write(self) -> bool:
        """Have what was found on disk before there is more of it; whether that was possible."""
        await asyncio.to_thread(self._history.save, self._now)
        self._cells = 0
        return self._history.trouble is None

    async def _id_at(self, minute: int, bounds: Bounds) -> int:
        """The id up to which the events before a minute are to be found."""
        low, high = bounds.lowest, bounds.highest + 1
        while low < high:
            middle = (low + high) // 2
            found = await self._ask(minute_at(middle))
            if found is not None and found < minute:
                low = middle + 1
            else:
                high = middle
        return low

    async def _stretch(self, low: int, high: int, gap: Gap) -> tuple[int | None, dict[int, Minute]] | None:
        """What a stretch of ids has of a gap, and its latest minute; None where it took too long."""
        started = time.monotonic()
        try:
            latest = await self._ask(latest_minute(low, high))
            minutes = await self._ask(minutes_of(low, high, gap.first, gap.end))
        except ConnectorException as error:
            if getattr(error.__cause__, "sqlstate", None) != _QUERY_CANCELED or self._width.is_least:
                raise
            self._width.shrink(4)
            return None
        self._width.note(time.monotonic() - started)
        return latest, dict(minutes)

    async def _ask(self, statement: Statement[Any]) -> Any:
        """Ask, and then leave the server alone for a multiple of the time that this took."""
        started = time.monotonic()
        try:
            async with self._connector.transaction() as connection:
                await self._connector.run_async(_LIMIT, connection=connection)
                return await self._connector.run_async(statement, connection=connection)
        finally:
            took = time.monotonic() - started
            self.cost_s += took
            await self._sleep(took * (1 / self._share - 1))


# The second: over a link that has died nobody ends it.
_LIMIT = Statement(
    "SELECT set_config('statement_timeout', '1000', true), "
    "set_config('idle_in_transaction_session_timeout', '1min', true)",
    nothing,
)
