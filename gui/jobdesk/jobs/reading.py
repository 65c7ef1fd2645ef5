"""Reads the jobs that a filter and an order ask for into the model, and keeps them true afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Coroutine, Mapping
from typing import Any

from jobdesk_core.database.rows import JobRow
from jobdesk_core.feed.state import Changes
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.number import Number, exact
from jobdesk_core.reading.pages import Order, Page, PageKey
from PySide6.QtCore import QObject, Signal

from jobdesk.connection.desk import Desk
from jobdesk.jobs.model import JobsModel
from jobdesk.kit.work import Work

PAGE_ROWS = 200
READ, CHECK = "read jobs", "check jobs"
#: Conditions that a job may cease to meet as time goes by; with one of them what is loaded is asked about so often.
CLOCKED = frozenset(("age", "deferred", "scheduled", "started", "ended", "duration", "waited", "is"))
CLOCKED_S = 5.0


class JobsReading(QObject):
    """What stands between the monitor's pages and the model: one read at a time, the newest wins.

    The model holds a window of the order: it grows at the end that is being read towards, and gives up rows
    at the other end.
    """

    progressed = Signal()
    arrived = Signal(int)  # jobs that came in before the window's first row
    failed = Signal(Exception)

    def __init__(self, model: JobsModel, parent: QObject) -> None:
        super().__init__(parent)
        self.model = model
        #: The id down to which the table has been looked through; None when it was read to its end.
        self.looked_to_id: int | None = None
        #: Whether the operator has stopped the search.
        self.is_stopped = False
        #: The lowest and the highest id of the table, as far as is known.
        self.bounds: tuple[int, int] | None = None
        self._desk: Desk | None = None
        self._below: PageKey | None = None
        self._above: PageKey | None = None
        self._arrived = 0
        #: What the feed said of jobs during a read: their newest rows, or None when they have gone.
        self._touched: dict[int, JobRow | None] = {}
        self._keep: Collection[int] = ()
        self._checked_at = 0.0
        self._work = Work(self)
        self._work.failed.connect(self.failed)

    @property
    def match(self) -> Number | None:
        """How many jobs match, as far as the counts can tell now."""
        if self._desk is None or self.model.order is Order.NEXT_TO_RUN:
            return None
        return self._desk.monitor.counts.match(self.model.job_filter)

    def whole_count(self) -> Number | None:
        """How many jobs the list has down to its end, loaded or not, as far as is known."""
        if self.model.is_complete and self.model.is_at_start:
            return exact(self.found)
        return self.match

    @property
    def is_reading(self) -> bool:
        """Whether a read is under way."""
        return self._work.is_running(READ)

    @property
    def is_search(self) -> bool:
        """Whether only looking can tell how many jobs match."""
        return bool(self.model.job_filter.tokens) and self.match is None

    @property
    def matched_share(self) -> float | None:
        """The share of the ids looked at so far that met the filter; None before anything was looked at."""
        if self.bounds is None or self.looked_to_id is None:
            return None
        lowest, highest = self.bounds
        looked = highest - self.looked_to_id if self.model.order is Order.NEWEST else self.looked_to_id - lowest
        return self.found / (looked + 1)

    def show_desk(self, desk: Desk | None) -> None:
        """Read from another connection, or from none."""
        self._desk = desk if desk is not None and desk.capabilities.has_schema else None
        self.restart(self.model.order, self.model.job_filter)

    @property
    def found(self) -> int:
        """How many loaded jobs match."""
        return self.model.rowCount() - self.model.lost

    # Where to read

    def restart(self, order: Order, job_filter: JobFilter) -> None:
        """Start over with another order or filter. A running query is cancelled, on the server too."""
        self.stop()
        self.is_stopped = False
        self._below, self._above, self.looked_to_id, self.bounds = None, None, None, None
        self._forget_arrived()
        self._touched.clear()
        self.model.restart(order, job_filter)
        if self._desk is not None:
            self._start(self._read_on(self._desk))
        self.progressed.emit()

    def read_more(self) -> None:
        """Read the next page below, unless one is being read, everything has been, or it was told to stop."""
        if self._desk is not None and not (self.is_reading or self.is_stopped or self.model.is_complete):
            self._start(self._read_on(self._desk))

    def stop_looking(self) -> None:
        """Stop a search where it is, on the server too."""
        self.stop()
        self.is_stopped = True
        self.progressed.emit()

    def go_on_looking(self) -> None:
        """Go on with a search that was stopped."""
        self.is_stopped = False
        self.read_more()

    def read_before(self) -> None:
        """Read the next page above, unless one is being read or the window begins where the order does."""
        if self._desk is not None and not self.is_reading and not self.model.is_at_start:
            self._start(self._read_back(self._desk))

    def jump_to(self, job_id: int) -> None:
        """Move the window to where this id is, or would be. Not under NEXT_TO_RUN, which ids do not order."""
        if self._desk is not None:
            step = 1 if self.model.order is Order.NEWEST else -1
            self._start(self._jump(self._desk, PageKey(job_id + step), backwards=False))

    def jump_to_end(self) -> None:
        """Move the window to the end of the order."""
        if self._desk is None or self.bounds is None:
            return
        lowest, highest = self.bounds
        end = lowest - 1 if self.model.order is Order.NEWEST else highest + 1
        self._start(self._jump(self._desk, PageKey(end), backwards=True))

    def read_again(self) -> None:
        """Read everything loaded anew, without losing the place."""
        if self._desk is not None:
            self._start(self._read_loaded(self._desk))

    def stop(self) -> None:
        """Stop looking."""
        self._work.cancel(READ)
        self._work.cancel(CHECK)

    # Following

    def apply(self, changes: Changes, keep: Collection[int]) -> None:
        """Take over a batch of the feed; `keep` stay in the table although they match no more."""
        if self._desk is None:
            return
        self._keep = keep
        if self.is_reading:
            self._touched.update(changes.rows)
            self._touched.update(dict.fromkeys(changes.removed))
        undecided = self.model.apply(changes.rows, changes.removed, keep)
        self._count_arrived(changes)
        self._check(self.model.doubtful)
        if changes.is_refresh:
            self.read_again()
        elif undecided and not self.is_reading and self.model.is_at_start:
            self._start(self._read_top(self._desk))

    def release(self, keep: Collection[int]) -> None:
        """Let go of what no longer matches and is not in `keep`."""
        self._keep = keep
        self.model.leave(keep)

    def tick(self, keep: Collection[int]) -> None:
        """Let time pass: what a condition about time no longer holds for leaves, too."""
        is_clocked = any(token.key in CLOCKED for token in self.model.job_filter.tokens)
        if is_clocked and time.monotonic() - self._checked_at > CLOCKED_S:
            self._keep = keep
            self._check(self.model.ids())

    def _check(self, job_ids: Collection[int]) -> None:
        """Ask the database which of these loaded jobs still match."""
        desk = self._desk
        if desk is None or not job_ids or self._work.is_running(CHECK):
            return
        asked, job_filter = set(job_ids), self.model.job_filter
        self._checked_at = time.monotonic()

        async def check() -> set[int]:
            await asyncio.sleep(0.1)
            asked.update(self.model.doubtful)
            self.model.doubtful.clear()
            try:
                return await desk.monitor.pages.matching(job_filter, asked)
            except BaseException:
                self.model.doubtful.update(asked & set(self.model.ids()))
                raise

        def settle(matching: set[int]) -> None:
            if self.model.job_filter == job_filter:
                self.model.settle(asked, matching, self._keep)
            self.progressed.emit()
            self._check(self.model.doubtful)

        self._work.start(check(), name=CHECK, then=settle, failed=lambda _: None)

    def _count_arrived(self, changes: Changes) -> None:
        if self.bounds is None or not changes.rows:
            return
        lowest, highest = self.bounds
        newest = max(changes.rows)
        if newest <= highest:
            return
        self.bounds = (lowest, newest)
        if not self.model.is_at_start and self.model.order is Order.NEWEST:
            self._arrived += sum(job_id > highest and self.model.wants(row) for job_id, row in changes.rows.items())
            self.arrived.emit(self._arrived)

    def _forget_arrived(self) -> None:
        self._arrived = 0
        self.arrived.emit(0)

    # Reading

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._work.start(coroutine, name=READ, then=lambda _: self._read_is_over(), replaces=True)
        self.progressed.emit()

    def _read_is_over(self) -> None:
        """What the feed told meanwhile may belong into the window only now that its ends are known."""
        self._take_over(self._touched)
        self._touched.clear()
        self.progressed.emit()

    async def _read(self, desk: Desk, after: PageKey | None, limit: int, *, backwards: bool = False) -> Page:
        page = await desk.monitor.pages.read(
            self.model.job_filter, self.model.order, after=after, limit=limit, backwards=backwards
        )
        self.bounds = page.bounds or self.bounds
        return page

    async def _read_on(self, desk: Desk) -> None:
        """Go on below until a page is full or the end is reached; matches show as they are found.

        A search goes on by itself for as long as the window has room for what it finds.
        """
        found = 0
        wanted = self.model.CAPACITY if self.is_search else PAGE_ROWS
        while found < wanted and not self.model.is_complete:
            page = await self._read(desk, self._below, min(PAGE_ROWS, wanted - found))
            newest = await self._newest(desk)
            self._below, self.looked_to_id = page.next_key, page.looked_to_id
            self._merge(page, newest)
            self.model.is_complete = page.is_last
            found += len(page.rows)
            self.progressed.emit()
        first = self.model.trim_start()
        if first is not None:
            self._above = PageKey(first.id, first.priority)

    async def _read_back(self, desk: Desk) -> None:
        """Go on above until a page is full or the start is reached."""
        found = 0
        while found < PAGE_ROWS and not self.model.is_at_start:
            page = await self._read(desk, self._above, PAGE_ROWS - found, backwards=True)
            newest = await self._newest(desk)
            self._above = page.next_key
            self._merge(page, newest)
            self.model.is_at_start = page.is_last
            found += len(page.rows)
            self.progressed.emit()
        if self.model.is_at_start:
            self._forget_arrived()
        last = self.model.trim_end()
        if last is not None:
            self._below = PageKey(last.id, last.priority)

    async def _jump(self, desk: Desk, key: PageKey, *, backwards: bool) -> None:
        # Read first: what is on show stays until there is something else to show.
        self._touched.clear()
        page = await self._read(desk, key, PAGE_ROWS, backwards=backwards)
        newest = await self._newest(desk)
        self.model.restart(self.model.order, self.model.job_filter)
        step = 1 if self.model.order is Order.NEWEST else -1
        behind = PageKey(key.id + step if backwards else key.id - step)
        if backwards:
            self._above, self._below = page.next_key, behind
            self.model.is_at_start, self.model.is_complete = page.is_last, True
        else:
            self._above, self._below = behind, page.next_key
            self.model.is_at_start, self.model.is_complete = False, page.is_last
        self.looked_to_id = page.looked_to_id
        self._merge(page, newest)

    async def _read_top(self, desk: Desk) -> None:
        """Look for new matches of a filter that only the database can decide."""
        await asyncio.sleep(0.2)
        page = await self._read(desk, None, PAGE_ROWS)
        self._merge(page, await self._newest(desk))

    async def _read_loaded(self, desk: Desk) -> None:
        loaded = {*self.model.ids(), *self._touched}
        fresh = await desk.monitor.pages.rows(loaded)
        self._take_over({job_id: fresh.get(job_id) for job_id in loaded})
        self._check(self.model.ids() if self.model.job_filter.tokens else ())
        if not self.model.is_at_start:
            return
        page = await self._read(desk, None, PAGE_ROWS)
        newest = await self._newest(desk)
        is_connected = not loaded or page.is_last or any(row.id in fresh for row in page.rows)
        if is_connected:
            if not loaded:
                self._below, self.looked_to_id = page.next_key, page.looked_to_id
                self.model.is_complete = page.is_last
            self._merge(page, newest)
        else:
            # More has come than one page holds: what is loaded no longer joins on to the top.
            self._below = None
            self.model.restart(self.model.order, self.model.job_filter)
        await self._read_on(desk)

    async def _newest(self, desk: Desk) -> dict[int, JobRow | None]:
        """The jobs that the feed has changed since the read began, as they are now; None for those that have gone."""
        touched, self._touched = self._touched, {}
        if not touched:
            return {}
        try:
            fresh = await desk.monitor.pages.rows(touched)
        except BaseException:
            self._touched = touched | self._touched  # the next read makes up for them
            raise
        return {job_id: fresh.get(job_id) for job_id in touched} | self._touched

    def _merge(self, page: Page, newest: Mapping[int, JobRow | None]) -> None:
        """Put a page into the model, and what is newer in its place: as the page has it, it belongs into the window."""
        self.model.merge(page.rows)
        self._take_over(newest)

    def _take_over(self, newest: Mapping[int, JobRow | None]) -> None:
        rows = {job_id: row for job_id, row in newest.items() if row is not None}
        self.model.apply(rows, newest.keys() - rows.keys(), self._keep)
