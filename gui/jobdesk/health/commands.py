"""What is done on the Health page: it is read again, the differences are shown, old jobs are purged after a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobdesk_core.filters.language import JobFilter
from jobdesk_core.jobs import Status
from jobdesk_core.operations import Action
from PySide6.QtCore import QTimer

from jobdesk.acting.control import Acting
from jobdesk.acting.opening import matching_target, open_preflight
from jobdesk.connection.broken_link import leave_to_feed
from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.health.page import HealthPage


#: Seconds after a connection was opened until its tables are looked at once, for the number beside the page's name.
LOOK_S = 20.0
LOOK = "look at the tables once"


class HealthCommands(CommandGroup):
    """The acts of the Health page."""

    #: The page, once it is made.
    page: HealthPage | None = None

    def __init__(self, window: Window, session: Session, acting: Acting) -> None:
        super().__init__(window, session)
        self._acting = acting
        self._looking = QTimer(self, singleShot=True)
        self._looking.timeout.connect(self._look)
        session.desk_changed.connect(self._look_later)

    def _look_later(self) -> None:
        self._work.cancel(LOOK)
        self._looking.start(round(LOOK_S * 1_000))

    def _look(self) -> None:
        """Find out whether there is something to do, unless the page has been opened meanwhile."""
        from jobdesk.health.reading import look

        desk = self._desk
        if desk is not None and desk.state.mode != "stale" and (self.page is None or self.page.found is None):
            self._work.start(look(desk), name=LOOK, failed=leave_to_feed)

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
