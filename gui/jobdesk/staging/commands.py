"""Staged changes: looked at, applied, thrown away, and never lost without being asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from jobdesk_core.jobs import Job
from jobdesk_core.operations import ChangeSet, SetPlan, StagedDefer
from jobdesk_core.profiles import Profile
from PySide6.QtCore import QTimer

from jobdesk.acting.act import Errand
from jobdesk.acting.control import Acting
from jobdesk.acting.staged_changes import InQuestion, place_of
from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.deferring.commands import NewJobCommands
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.staging.errands import Ways


class StagedCommands(CommandGroup):
    """The set of the open connection."""

    def __init__(self, window: Window, session: Session, acting: Acting, new_jobs: NewJobCommands) -> None:
        super().__init__(window, session)
        self._acting, self._new_jobs = acting, new_jobs
        self.changes = acting.staged
        self._last: Profile | None = None
        self._session.desk_changed.connect(self._follow)

    def rename(self, old: str, new: str) -> None:
        """The set of a renamed connection goes by its new name."""
        self.changes.rename(old, new)
        if self._last is not None and self._last.name == old:
            self._last = replace(self._last, name=new)

    def _reasons_on(self, desk: Desk) -> Reasons:
        nothing = self.tr("Nothing is staged. Any dialog that acts on jobs or defers them can stage that.")
        return dict.fromkeys((spec.verb for spec in self.specs), None if self.current.entries else nothing)

    @property
    def current(self) -> ChangeSet:
        """The staged changes of the open connection."""
        return self.changes.of(self._desk.profile) if self._desk is not None else ChangeSet()

    def show(self) -> None:
        """Look at them, ready to be applied; the verb is never where Return would press it unread."""
        from jobdesk.staging.dialog import StagedDialog

        desk = self._desk
        if desk is None or not self.current.entries:
            return
        errand = partial(self._errand, desk)
        dialog = StagedDialog(
            self._window.frame, desk=desk, changes=self.changes, errand=errand, act=self._acting.start
        )
        dialog.edit_asked_for.connect(partial(self._edit, desk))
        dialog.discard_asked_for.connect(self.discard)
        dialog.open()

    def discard(self) -> None:
        """Throw them away, when that is meant."""
        from jobdesk.staging.discard import DiscardDialog

        desk = self._desk
        if desk is None or not self.current.entries:
            return
        dialog = DiscardDialog(self._window.frame, counts={desk.profile.name: len(self.current.entries)})
        dialog.accepted.connect(lambda: self.changes.keep(desk.profile, ChangeSet()))
        dialog.open()

    specs = (
        Spec(
            "staged.show",
            "&Staged changes…",
            "desk",
            show,
            shortcut="Ctrl+Shift+S",
            tip="Review everything that has been staged",
            needs=Needs.DESK,
            starts_group=True,
        ),
        Spec(
            "staged.apply",
            "&Apply staged changes…",
            "desk",
            show,
            tip="Apply all staged changes in one transaction",
            needs=Needs.DESK,
        ),
        Spec(
            "staged.discard",
            "D&iscard staged changes…",
            "desk",
            discard,
            tip="Discard all staged changes",
            needs=Needs.DESK,
        ),
    )

    def before_end(self, end: Callable[[], object]) -> None:
        """End the program; when changes are staged, only if they are thrown away."""
        from jobdesk.staging.discard import DiscardDialog

        counts = self.changes.counts()
        if not counts:
            end()
            return
        shown = next((each for each in self._window.frame.findChildren(DiscardDialog) if each.isVisible()), None)
        if shown is not None:
            shown.raise_()
            return
        dialog = DiscardDialog(self._window.frame, counts=counts, is_end=True)
        dialog.accepted.connect(self.changes.drop_all)
        dialog.accepted.connect(lambda: end())
        dialog.open()

    def _errand(self, desk: Desk, plan: SetPlan) -> Errand:
        """The applying of them. Meanwhile they are not staged, so that none is applied twice."""
        from jobdesk.staging.errands import act_of_set
        from jobdesk.staging.words import changes

        self.changes.keep(desk.profile, ChangeSet())
        return act_of_set(desk, plan, changes(len(plan.staged.entries)), self._ways(desk, plan.staged))

    def _ways(self, desk: Desk, change_set: ChangeSet) -> Ways:
        from jobdesk.staging.errands import Ways

        return Ways(
            lambda: self.changes.put_back(desk.profile, change_set),
            (self.tr("Check again…"), self.show),
            lambda error: self.changes.leave_in_question(desk.profile, InQuestion(change_set, error)),
        )

    def _find_out(self, desk: Desk) -> None:
        """Find out whether changes were applied whose connection was closed before that was known."""
        from jobdesk.staging.errands import set_in_question
        from jobdesk.staging.words import changes

        left = self.changes.take_in_question(desk.profile) if desk is self._session.desk else None
        if left is not None:
            count = changes(len(left.change_set.entries))
            self._acting.start(
                set_in_question(desk, left.change_set, count, left.error, self._ways(desk, left.change_set))
            )

    def _edit(self, desk: Desk, position: int) -> None:
        entry = self.changes.of(desk.profile).entries[position]
        if not isinstance(entry, StagedDefer):
            return

        def keep(job: Job) -> None:
            change_set = self.changes.of(desk.profile)
            self.changes.keep(desk.profile, change_set.replaced(position, replace(entry, job=job)))

        self._new_jobs.open_staged(entry.job, keep, again_of=entry.again_of)

    def _follow(self) -> None:
        """Say what is left behind when a connection is closed: it waits there until the program ends."""
        profile = self._session.desk.profile if self._session.desk is not None else None
        last, self._last = self._last, profile or self._last
        self.changes.changed.emit()
        desk = self._session.desk
        if desk is not None:
            # After the window has shown it, which clears what was told.
            QTimer.singleShot(0, self, partial(self._find_out, desk))
        if last is None or (profile is not None and place_of(profile) == place_of(last)):
            return
        count = len(self.changes.of(last).entries)
        if count:
            # After the window has shown the other connection, which clears its message.
            QTimer.singleShot(0, self, lambda: self._tell_left(last, count))

    def _tell_left(self, profile: Profile, count: int) -> None:
        from jobdesk.staging.words import changes

        if self._session.desk is not None and place_of(self._session.desk.profile) == place_of(profile):
            return
        said = self.tr("Not applied: {changes} for {name}.").format(changes=changes(count), name=profile.name)
        remedy = self.tr("They will be there when you connect again, until Jobdesk quits.")
        self._window.warn(said, remedy)
