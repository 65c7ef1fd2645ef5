"""The pages of the window. All but the jobs are made when they are first needed, so that the window is up sooner."""

from __future__ import annotations

from typing import Any

from jobdesk_core.journal import Journal
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from jobdesk.jobs.page import JobsPage

KEYS = ("overview", "jobs", "failures", "queues", "tasks", "workers", "locks", "journal")


class PageStack(QStackedWidget):
    """Shows one page at a time. Asking for one by its key makes it."""

    made = Signal(str, QWidget)  # a page's key, and the page

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal
        self._made: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The page of a key of KEYS."""
        if key not in self._made:
            page = self._make(key)
            self._made[key] = page
            self.addWidget(page)
            self.made.emit(key, page)
        return self._made[key]

    def if_made(self, key: str) -> Any:
        """The page of this key; None when nobody has needed it yet."""
        return self._made.get(key)

    def all_made(self) -> list[Any]:
        """The pages that there are by now."""
        return list(self._made.values())

    def _make(self, key: str) -> QWidget:
        # The modules are imported here for the same reason.
        if key == "jobs":
            return JobsPage()
        if key == "overview":
            from jobdesk.overview.page import OverviewPage

            return OverviewPage()
        if key == "failures":
            from jobdesk.failures.page import FailuresPage

            return FailuresPage()
        if key == "workers":
            from jobdesk.workers.page import WorkersPage

            return WorkersPage()
        if key == "locks":
            from jobdesk.locks.page import LocksPage

            return LocksPage()
        if key == "journal":
            from jobdesk.journal.page import JournalPage

            return JournalPage(self._journal)
        if key in ("queues", "tasks"):
            from jobdesk.queues.page import NamesPage

            return NamesPage("queue" if key == "queues" else "task")
        raise KeyError(key)
