"""Finds out whether an index would make a slow search fast, so that the page can offer it."""

from __future__ import annotations

import time
from dataclasses import replace

from jobdesk_core.indexes import advice as indexes
from jobdesk_core.indexes.advice import IndexAdvice
from jobdesk_core.operations.change.rules import READ_ONLY
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from jobdesk.connection.broken_link import leave_to_feed
from jobdesk.connection.desk import Desk
from jobdesk.jobs.reading import JobsReading
from jobdesk.kit.work import Work

SLOW_S = 2.0
ADVISE = "advise an index"


class IndexOffer(QObject):
    """Asks the server once for each search that has become slow, and on demand for any filter."""

    changed = Signal(bool)  # whether there is something to offer
    nothing_found = Signal()  # asked for by hand, and no index would help
    failed = Signal(Exception)

    def __init__(self, reading: JobsReading, parent: QWidget) -> None:
        super().__init__(parent)
        #: Seconds that a search may take before its filter counts as slow.
        self.slow_s = SLOW_S
        self._reading = reading
        self._advice: IndexAdvice | None = None
        self._filter_text = ""
        self._began_at: float | None = None
        self._is_slow = self._is_asked = False
        self._page = parent
        self._work = Work(self)
        self._work.failed.connect(self.failed)

    def follow(self, desk: Desk | None) -> None:
        """Look at the reading's progress."""
        text = self._reading.model.job_filter.text
        if text != self._filter_text:
            self._forget(text)
        if desk is None or not (self._reading.is_search and self._reading.is_reading):
            return
        if self._began_at is None:
            self._began_at = time.monotonic()
        self._is_slow = time.monotonic() - self._began_at >= self.slow_s
        if self._is_slow and not self._is_asked:
            self._is_asked = True
            self._ask(desk, is_by_hand=False)

    def open(self, desk: Desk) -> None:
        """Show the advice; without one, ask for it first."""
        if self._advice is None:
            self._ask(desk, is_by_hand=True)
        else:
            self._show(desk, self._advice)

    def _forget(self, text: str) -> None:
        self._work.cancel(ADVISE)
        self._filter_text, self._advice, self._began_at = text, None, None
        self._is_slow = self._is_asked = False
        self.changed.emit(False)

    def _ask(self, desk: Desk, *, is_by_hand: bool) -> None:
        def take(advice: IndexAdvice | None) -> None:
            self._advice = advice
            self.changed.emit(advice is not None)
            if is_by_hand and advice is None:
                self.nothing_found.emit()
            elif is_by_hand and advice is not None:
                self._show(desk, advice)

        self._work.start(
            self._advise(desk),
            name=ADVISE,
            then=take,
            # Nobody has asked for it: a search goes on without advice.
            failed=self.failed.emit if is_by_hand else leave_to_feed,
            replaces=True,
        )

    async def _advise(self, desk: Desk) -> IndexAdvice | None:
        """The index that would make the filter fast; one that was seen to be slow is, whatever the planner thinks."""
        model = self._reading.model
        found = await indexes.advise(
            desk.connector,
            desk.capabilities,
            model.job_filter,
            model.order,
            matched=self._reading.matched_share,
            slow_cost=0.0 if self._is_slow else indexes.SLOW_COST,
        )
        return replace(found, refusal=READ_ONLY) if found is not None and desk.profile.is_read_only else found

    def _show(self, desk: Desk, advice: IndexAdvice) -> None:
        from jobdesk.jobs.index_advice import IndexAdviceDialog

        dialog = IndexAdviceDialog(
            self._page,
            advice=advice,
            filter_text=self._filter_text,
            create=lambda: indexes.create(desk.connector, advice),
            leftovers=lambda: indexes.leftovers(desk.connector),
        )
        dialog.accepted.connect(self._created)
        dialog.open()

    def _created(self) -> None:
        self._advice = None
        self.changed.emit(False)
