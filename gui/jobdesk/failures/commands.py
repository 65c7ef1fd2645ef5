"""What is done about failures: a group's jobs shown or retried, the group muted, its traceback copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobdesk_core.filters.language import JobFilter
from jobdesk_core.operations import Action
from PySide6.QtWidgets import QApplication

from jobdesk.acting.control import Acting
from jobdesk.acting.opening import matching_target, open_preflight
from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.failures.page import FailuresPage
    from jobdesk.failures.rows import Row


class FailureCommands(CommandGroup):
    """The acts of the Failures page."""

    #: The page, once it is made.
    page: FailuresPage | None = None

    def __init__(self, window: Window, session: Session, acting: Acting) -> None:
        super().__init__(window, session)
        self._acting = acting

    def _reasons_on(self, desk: Desk) -> Reasons:
        row, page = self._row(), self.page
        if row is None or page is None:
            reason = self.tr("Select a group on the Failures page first.")
            return {spec.verb: reason for spec in self.specs}
        reasons: Reasons = {}
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
            open_preflight(self._acting, desk, Action.RETRY, [target])

    def mute(self) -> None:
        """Mute the group until it grows, or no longer."""
        if self.page is not None:
            self.page.mute_selected()

    def copy(self) -> None:
        """Copy the traceback."""
        if self.page is not None and self.page.traceback:
            QApplication.clipboard().setText(self.page.traceback)
            self._window.tell(self.tr("Copied the traceback."))

    specs = (
        Spec(
            "failure.show",
            "&Show jobs",
            "failure",
            show,
            "jobs",
            tip="Show the jobs of the selected group that are still failed",
            name="Show the jobs of the selected failures",
            needs=Needs.DESK,
        ),
        Spec(
            "failure.retry",
            "&Retry…",
            "failure",
            retry,
            "retry",
            tip="Retry the jobs of the selected group that are still failed",
            name="Retry the jobs of the selected failures…",
            needs=Needs.DESK,
            starts_group=True,
        ),
        Spec(
            "failure.mute",
            "&Mute until it grows",
            "failure",
            mute,
            tip="List the selected group last and quietly until more of it fails; again to unmute it",
            name="Mute the selected failures until they grow",
            needs=Needs.DESK,
            starts_group=True,
        ),
        Spec(
            "failure.copy",
            "&Copy traceback",
            "failure",
            copy,
            "copy",
            tip="Copy the traceback of the selected group",
            name="Copy the traceback of the selected failures",
            needs=Needs.DESK,
        ),
    )

    def _row(self) -> Row | None:
        return self.page.selected_row() if self.page is not None else None
