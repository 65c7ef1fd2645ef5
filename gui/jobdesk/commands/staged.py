"""Staged changes: shown, applied, thrown away; and asked about before they are lost with their connection."""

from __future__ import annotations

from collections.abc import Callable

from jobdesk_core.operations import ChangeSet

from jobdesk import formats
from jobdesk.commands.noun import Noun
from jobdesk.dialogs.discard_staged import DiscardDialog
from jobdesk.dialogs.staged import StagedDialog
from jobdesk.staging import Staging


class StagedCommands(Noun):
    """What is staged on the open connection."""

    def reasons(self) -> dict[str, str | None]:
        staging = self._staging
        if staging is None:
            return dict.fromkeys(("show", "apply", "discard"), self._no_desk())
        none = self.tr("Nothing is staged. Choose Add to staged changes in the dialog of an action.")
        reason = None if staging.count else none
        read_only = self.tr("This connection is read-only. Its profile says so.")
        is_read_only = self._session.desk is not None and self._session.desk.profile.is_read_only
        return {"show": reason, "apply": reason or (read_only if is_read_only else None), "discard": reason}

    def show(self) -> None:
        """Open the staged changes."""
        desk = self._desk
        if desk is not None and desk.staging.count:
            StagedDialog(self._window, desk=desk, done=self.done.emit).open()

    def apply(self) -> None:
        """Open them to be looked at and applied: nothing is applied unseen."""
        self.show()

    def discard(self) -> None:
        """Ask, then throw all of them away."""
        staging = self._staging
        if staging is not None and staging.count:
            dialog = DiscardDialog(self._window, count=staging.count)
            dialog.accepted.connect(lambda: staging.set(ChangeSet()))
            dialog.open()

    def before_loss(self, then: Callable[[], object]) -> None:
        """Go on at once when nothing is staged, or else when the operator gives it up."""
        staging = self._staging
        if staging is None or not staging.count:
            then()
            return
        dialog = DiscardDialog(self._window, count=staging.count, is_closing=True)
        dialog.accepted.connect(lambda: staging.set(ChangeSet()))
        dialog.accepted.connect(then)
        dialog.open()

    def footnote(self) -> str:
        """How much is staged, or nothing."""
        count = self._staging.count if self._staging is not None else 0
        if count == 1:
            return self.tr("1 change staged")
        return self.tr("{count} changes staged").format(count=formats.number(count)) if count else ""

    @property
    def _staging(self) -> Staging | None:
        return self._desk.staging if self._desk is not None else None
