"""The live counts of saved views: from the monitor's counts where these tell, else by one small question at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jobdesk_core.exceptions import CapabilityMissing
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.number import Number, unknown
from PySide6.QtCore import QCoreApplication

from jobdesk.connection.desk import Desk
from jobdesk.filtering.view_list import ViewList
from jobdesk.kit import formats

#: Views that are looked up in the counts at each tick, and seconds between two questions to the database.
LOOKED_UP, ASK_EVERY_S, FIRST_EVERY_S = 5, 4.0, 0.9


class ViewCounts:
    """Goes round the views, a few at a time."""

    def __init__(self, shown: ViewList) -> None:
        self._list = shown
        self._views: Sequence[tuple[str, JobFilter]] = ()
        self._looked_at, self._asked_for = 0, 0
        self._asked_at = 0.0

    def show_views(self, views: Sequence[tuple[str, JobFilter | FilterError]]) -> None:
        """Count these views."""
        self._views = [(name, each) for name, each in views if isinstance(each, JobFilter)]
        self._looked_at, self._asked_for, self._asked_at = 0, 0, 0.0
        for name, wrong in views:
            if isinstance(wrong, FilterError):
                self._list.show_count(name, "!", wrong.message, is_wrong=True)

    def tick(self, desk: Desk | None, now_s: float) -> None:
        """Look up the next few, and ask for the next one of those that only the database can count."""
        if desk is None or not desk.capabilities.has_schema or not self._views:
            return
        for _ in range(min(LOOKED_UP, len(self._views))):
            name, job_filter = self._views[self._looked_at % len(self._views)]
            self._looked_at += 1
            match = desk.monitor.counts.match(job_filter) if desk.monitor.counts.as_of is not None else None
            if match is not None:
                self._show(name, match)
        # The first round is quicker: until then there is nothing to see.
        if now_s - self._asked_at >= (ASK_EVERY_S if self._asked_for >= len(self._views) else FIRST_EVERY_S):
            self._asked_at = now_s
            self._ask(desk)

    def _ask(self, desk: Desk) -> None:
        for _ in range(len(self._views)):
            name, job_filter = self._views[self._asked_for % len(self._views)]
            self._asked_for += 1
            if desk.monitor.counts.match(job_filter) is not None:
                continue
            try:
                job_filter.condition(desk.capabilities)
            except CapabilityMissing as missing:
                self._show(name, unknown(str(missing)))
                continue
            desk.count_view(job_filter, partial(self._show, name))
            return

    def _show(self, name: str, found: Number | None) -> None:
        if found is None:
            self._list.show_count(name, "…", _tr("Counting takes too long here; trying again with fewer jobs."))
            return
        text, _ = formats.count_cell(found)
        self._list.show_count(name, text, formats.count_tip(found))


def _tr(text: str) -> str:
    return QCoreApplication.translate("ViewCounts", text)
