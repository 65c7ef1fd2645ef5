"""What is done about failures: a group's jobs shown or retried, the group muted, its traceback copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobdesk_core.filters.language import JobFilter
from jobdesk_core.operations import Action
from PySide6.QtWidgets import QApplication

from jobdesk.acting.opening import matching_target, open_preflight
from jobdesk.kit.command_group import Noun

if TYPE_CHECKING:
    from jobdesk.failures.page import FailuresPage
    from jobdesk.failures.rows import Row

VERBS = ("show", "retry", "mute", "copy")


class FailureCommands(Noun):
    """The acts of the Failures page."""

    def reasons(self) -> dict[str, str | None]:
        desk, row, page = self._desk, self._row(), self._page()
        if desk is None:
            return dict.fromkeys(VERBS, self._no_desk())
        if row is None or page is None:
            return dict.fromkeys(VERBS, self.tr("Select a group on the Failures page first."))
        reasons = dict.fromkeys(VERBS)
        if row.group.filter is None:
            reasons["show"] = reasons["retry"] = self.tr("No filter finds exactly these jobs.")
        else:
            reasons["retry"] = desk.impossible(Action.RETRY)
        if desk.state.mode == "stale":
            reasons["retry"] = self.tr("The connection is lost.")
        if not row.group.still_failed:
            reasons["retry"] = self.tr("None of its jobs is failed now.")
        if not page.traceback:
            reasons["copy"] = self.tr("No traceback of it has been reported.")
        return reasons

    def show(self) -> None:
        """Show the jobs of the group that are still failed."""
        row = self._row()
        if row is not None and row.group.filter is not None:
            self._window.ask_for(row.group.filter)

    def retry(self) -> None:
        """Ask when and how to retry them."""
        row, desk = self._row(), self._desk
        if row is not None and desk is not None and row.group.filter is not None:
            target = matching_target(JobFilter.parse(row.group.filter))
            open_preflight(self, self._window, desk, Action.RETRY, [target])

    def mute(self) -> None:
        """Mute the group until it grows, or no longer."""
        if (page := self._page()) is not None:
            page.mute_selected()

    def copy(self) -> None:
        """Copy the traceback."""
        if (page := self._page()) is not None and page.traceback:
            QApplication.clipboard().setText(page.traceback)
            self.done.emit(self.tr("Copied the traceback."))

    def _page(self) -> FailuresPage | None:
        page: FailuresPage | None = self._window.pages.if_made("failures")
        return page

    def _row(self) -> Row | None:
        page = self._page()
        return page.selected_row() if page is not None else None
