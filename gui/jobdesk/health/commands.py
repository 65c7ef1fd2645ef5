"""What is done on the Health page: it is read again, the differences are shown, old jobs are purged after a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobdesk_core.filters.language import JobFilter
from jobdesk_core.jobs import Status
from jobdesk_core.operations import Action

from jobdesk.acting.control import Acting
from jobdesk.acting.opening import matching_target, open_preflight
from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.health.page import HealthPage


class HealthCommands(CommandGroup):
    """The acts of the Health page."""

    #: The page, once it is made.
    page: HealthPage | None = None

    def __init__(self, window: Window, session: Session, acting: Acting) -> None:
        super().__init__(window, session)
        self._acting = acting

    def _reasons_on(self, desk: Desk) -> Reasons:
        reasons: Reasons = {"purge": desk.impossible(Action.PURGE)}
        if desk.state.mode == "stale":
            reasons["read"] = reasons["purge"] = self.tr("The connection is lost.")
        found = self.page.found if self.page is not None else None
        if found is None or found.drift is None:
            reasons["differences"] = self.tr("Open the Health page first.")
        elif not found.drift.differences:
            reasons["differences"] = self.tr("The schema is as released.")
        return reasons

    def read(self) -> None:
        """Show the page, and read all of it anew."""
        self._window.show_page("health")
        if self.page is not None:
            self.page.read_again()

    def purge(self) -> None:
        """Open the preflight of the purge that the page's choice means."""
        from jobdesk_core.health import FINISHED

        from jobdesk.acting.options import PurgeOptions

        if self._desk is None:
            return
        days, statuses = 30, list(FINISHED)
        if self.page is not None:
            days, statuses = self.page.side.retention.days, list(self.page.side.retention.statuses)
        # The age stands in the dialog's own field, which may be changed there.
        target = matching_target(JobFilter.parse(_filter(statuses)))
        options = PurgeOptions.of(statuses, days)
        open_preflight(self._acting, self._desk, Action.PURGE, [target], options)

    def differences(self) -> None:
        """Show what differs from the release, as it is and as it should be."""
        from jobdesk.health.differences import DifferencesDialog

        found = self.page.found if self.page is not None else None
        if found is not None and found.drift is not None:
            DifferencesDialog(self._window.frame, found.drift).open()

    specs = (
        Spec(
            "health.read",
            "Refresh &health",
            "desk",
            read,
            "refresh",
            tip="Read rows, bytes, indexes and the schema again, and show the Health page",
            name="Refresh health",
            needs=Needs.DESK,
            starts_group=True,
            after="staged.discard",
        ),
        Spec(
            "health.differences",
            "Di&fferences from the release…",
            "desk",
            differences,
            tip="Show what in the schema is not as released",
            name="Show the differences from the release…",
            needs=Needs.DESK,
        ),
        Spec(
            "health.purge",
            "Purge old &jobs…",
            "desk",
            purge,
            tip="Count the finished jobs that are older than the Health page says, then delete them",
            name="Purge old finished jobs…",
            needs=Needs.DESK,
        ),
    )


def _filter(statuses: list[Status]) -> str:
    return f"status:{','.join(status.value for status in statuses)}"
