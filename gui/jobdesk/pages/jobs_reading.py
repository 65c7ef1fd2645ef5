"""Reads the jobs that a filter and an order ask for into the model, and keeps them true afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from jobdesk_core.monitor.counts import MatchCount
from jobdesk_core.monitor.feed import Changes
from jobdesk_core.monitor.filters import JobFilter
from jobdesk_core.monitor.pages import Order, Page
from PySide6.QtCore import QObject, Signal

from jobdesk.desk import Desk
from jobdesk.models.jobs import JobsModel
from jobdesk.work import Work

PAGE_ROWS = 200
READ = "read jobs"


class JobsReading(QObject):
    """What stands between the monitor's pages and the model: one read at a time, the newest wins."""

    progressed = Signal()
    failed = Signal(object)  # Exception

    def __init__(self, model: JobsModel, parent: QObject) -> None:
        super().__init__(parent)
        self.model = model
        #: The id down to which the table has been looked through; None when it was read to its end.
        self.looked_to_id: int | None = None
        self._desk: Desk | None = None
        self._next_key: Any = None
        self._touched: set[int] = set()
        self._keep: Collection[int] = ()
        self._work = Work(self)
        self._work.failed.connect(self.failed)

    @property
    def match(self) -> MatchCount | None:
        """How many jobs match, as far as the counts can tell now."""
        if self._desk is None or self.model.order is Order.NEXT_TO_RUN:
            return None
        return self._desk.monitor.counts.match(self.model.job_filter)

    @property
    def is_reading(self) -> bool:
        """Whether a read is under way."""
        return self._work.is_running(READ)

    def show_desk(self, desk: Desk | None) -> None:
        """Read from another connection, or from none."""
        self._desk = desk
        self.restart(self.model.order, self.model.job_filter)

    def restart(self, order: Order, job_filter: JobFilter) -> None:
        """Start over with another order or filter. A running query is cancelled, on the server too."""
        self.stop()
        self._next_key, self.looked_to_id = None, None
        self.model.restart(order, job_filter)
        if self._desk is not None and self._desk.capabilities.has_schema:
            self._start(self._read_on(self._desk))
        self.progressed.emit()

    def read_more(self) -> None:
        """Read the next page, unless one is being read or everything has been."""
        if self._desk is not None and not self.is_reading and not self.model.is_complete:
            self._start(self._read_on(self._desk))

    def read_again(self) -> None:
        """Read everything loaded anew, without losing the place."""
        if self._desk is not None and self._desk.capabilities.has_schema:
            self._start(self._read_loaded(self._desk))

    def stop(self) -> None:
        """Stop looking."""
        self._work.cancel(READ)

    def apply(self, changes: Changes, keep: Collection[int]) -> None:
        """Take over a batch of the feed; `keep` stay in the table although they match no more."""
        if self._desk is None:
            return
        self._keep = keep
        if self.is_reading:
            self._touched.update(changes.rows)
            self._touched.update(changes.removed)
        undecided = self.model.apply(changes.rows, changes.removed, keep)
        if changes.is_refresh:
            self.read_again()
        elif undecided and not self.is_reading:
            self._start(self._read_top(self._desk))

    def _start(self, coroutine: Any) -> None:
        self._touched.clear()
        self._work.start(coroutine, name=READ, then=lambda _: self.progressed.emit(), replaces=True)
        self.progressed.emit()

    async def _read_on(self, desk: Desk) -> None:
        """Go on until a page is full or the end is reached; matches show as they are found."""
        found = 0
        pages = desk.monitor.pages
        while found < PAGE_ROWS and not self.model.is_complete:
            page = await pages.read(
                self.model.job_filter, self.model.order, after=self._next_key, limit=PAGE_ROWS - found
            )
            self._next_key, self.looked_to_id = page.next_key, page.looked_to_id
            self.model.is_complete = page.is_last
            await self._merge(desk, page)
            found += len(page.rows)
            self.progressed.emit()

    async def _read_top(self, desk: Desk) -> None:
        """Look for new matches of a filter that only the database can decide."""
        await asyncio.sleep(0.2)
        page = await desk.monitor.pages.read(self.model.job_filter, self.model.order, limit=PAGE_ROWS)
        await self._merge(desk, page)

    async def _read_loaded(self, desk: Desk) -> None:
        pages = desk.monitor.pages
        loaded = self.model.ids()
        fresh = await pages.rows(loaded)
        gone = set(loaded) - set(fresh)
        self.model.apply(fresh, gone, self._keep)
        page = await pages.read(self.model.job_filter, self.model.order, limit=PAGE_ROWS)
        is_connected = not loaded or page.is_last or any(row.id in fresh for row in page.rows)
        if is_connected:
            if not loaded:
                self._next_key, self.looked_to_id = page.next_key, page.looked_to_id
                self.model.is_complete = page.is_last
            await self._merge(desk, page)
        else:
            # More has come than one page holds: what is loaded no longer joins on to the top.
            self._next_key = None
            self.model.restart(self.model.order, self.model.job_filter)
        await self._read_on(desk)

    async def _merge(self, desk: Desk, page: Page) -> None:
        """Put a page into the model. What the feed changed meanwhile is newer than the page."""
        touched, self._touched = self._touched, set()
        self.model.merge(row for row in page.rows if row.id not in touched)
        if touched:
            fresh = await desk.monitor.pages.rows(touched)
            self.model.apply(fresh, touched - set(fresh), self._keep)
