"""Joins the acts with the window: what their end says, and what the chip, the panel and the banners ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakSet

from jobdesk_core.journal import Entry
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from jobdesk.acting.act import Act, Ended, Errand
from jobdesk.acting.acts import Acts
from jobdesk.acting.banners import Banners, Button
from jobdesk.acting.chip import ActChip
from jobdesk.acting.panel import ActsPanel
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.acting.view import ActView, undoable_of
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.kit import formats
from jobdesk.kit.window import Window
from jobdesk.kit.work import Work

if TYPE_CHECKING:
    from jobdesk.acting.leaving import LeaveDialog


class Acting(QObject):
    """What a window has of acts: dialogs hand their errands to `start`, or stage them."""

    entry_asked_for = Signal(int)  # an act's entry of the journal

    def __init__(self, window: Window, session: Session) -> None:
        super().__init__(window.frame)
        self.window, self._session = window, session
        self.staged = StagedChanges(self)
        self.acts = Acts(self)
        self.chip = ActChip(self.acts)
        self.panel = ActsPanel(self.acts)
        self.banners = Banners()
        self.work = Work(self)
        self.work.failed.connect(window.fail)
        self.chip.panel_asked_for.connect(self.panel.come)
        self.panel.made.connect(self._view_made)
        self.acts.ended.connect(self._tell)
        self.acts.known.connect(self._tell_known)
        self.acts.forgotten.connect(self.banners.drop)
        self._desk: Desk | None = None
        #: Acts whose banner offers an undo that is kept up to date.
        self._followed: WeakSet[Act] = WeakSet()

    def start(self, errand: Errand) -> Act:
        """Begin an act in the background."""
        return self.acts.start(errand)

    def tell_deferred(self, sentence: str, job_id: int) -> None:
        """Tell of a new job, with a link to it."""
        self.banners.add("good", sentence, named=_named(sentence, job_id), show=lambda: self._show_jobs((job_id,)))

    # Leaving

    def follow_desk(self, desk: Desk | None) -> None:
        """Another connection is on show, or none: what was told of the one before goes with it."""
        if desk is not self._desk:
            last, self._desk = self._desk, desk
            if last is not None:
                self.acts.leave(last)
                self.banners.clear()

    def before_close(self, desk: Desk | None, go_on: Callable[[], object]) -> None:
        """Close a connection; while acts run on it, only once they have been stopped, if that is meant."""
        self._before(self.acts.running_on(desk), go_on, is_end=False)

    def before_end(self, go_on: Callable[[], object]) -> None:
        """End the program; while acts run, only once they have been stopped, if that is meant."""
        self._before(self.acts.running, go_on, is_end=True)

    def _before(self, concerned: list[Act], go_on: Callable[[], object], *, is_end: bool) -> None:
        from jobdesk.acting.leaving import LeaveDialog

        if not concerned:
            go_on()
            return
        shown = self._shown(LeaveDialog)
        if shown is not None:
            shown.raise_()
            return
        LeaveDialog(self.window.frame, acts=self.acts, concerned=concerned, is_end=is_end, go_on=go_on).open()

    def _shown(self, kind: type[LeaveDialog]) -> LeaveDialog | None:
        return next((each for each in self.window.frame.findChildren(kind) if each.isVisible()), None)

    # The end of an act

    def _tell(self, act: Act) -> None:
        ended = act.ended
        if ended is None:
            return
        offered = undoable_of(act)

        def follow() -> None:
            # What an undo would take back changes as jobs are started.
            nonlocal offered
            if act.ended is not None and undoable_of(act) != offered:
                offered = undoable_of(act)
                self.banners.set_actions(act, self._actions(act, act.ended, offered))

        if act not in self._followed:
            self._followed.add(act)
            act.changed.connect(follow)
        self.banners.add(
            ended.kind,
            ended.sentence,
            ended.remedy,
            actions=self._actions(act, ended, offered),
            named=ended.jobs,
            show=lambda: self._show_jobs(ended.job_ids),
            act=act,
            closed=lambda: self._put_away(act),
        )

    def _actions(self, act: Act, ended: Ended, undoable: int) -> list[Button]:
        actions: list[Button] = [] if ended.again is None else [ended.again]
        if ended.lines:
            actions.append((self.tr("Show ledger"), lambda: self.show_ledger(act)))
        if undoable:
            said = self.tr("Undo {count}…").format(count=formats.number(undoable))
            actions.append((said, lambda: self.undo(act)))
        return actions

    def _tell_known(self, act: Act) -> None:
        """Say how it ended after all, in the place of what was not known."""
        self.banners.drop(act)
        self._tell(act)

    def _put_away(self, act: Act) -> None:
        if self.panel.isHidden() and not act.is_in_doubt:
            self.acts.forget(act)

    def show_ledger(self, act: Act) -> None:
        """Show what became of each job of an act that is over."""
        from jobdesk.acting.ledger import LedgerDialog

        if act.ended is not None:
            LedgerDialog(self.window.frame, act=act, ended=act.ended).open()

    def undo(self, act: Act) -> None:
        """Look at what an undo of the act would do."""
        if act.entry_id is None:
            return

        def show(entry: Entry | None) -> None:
            if entry is not None:
                self.open_undo(act.errand.desk, entry, act)

        reading = self._session.journal.entry(act.entry_id)
        self.work.start(reading, name="entry", then=show, replaces=True)

    def open_undo(self, desk: Desk, entry: Entry, act: Act | None = None) -> None:
        """Ask whether to undo an entry of the journal."""
        from jobdesk.acting.undo import UndoDialog

        def begin(errand: Errand) -> None:
            if act is not None:
                act.undone = True
                self.banners.drop(act)
                act.changed.emit()
            self.start(errand)

        UndoDialog(self.window.frame, desk=desk, entry=entry, act=begin).open()

    # What the panel asks

    def _view_made(self, view: ActView) -> None:
        view.undo_asked_for.connect(self.undo)
        view.ledger_asked_for.connect(self.show_ledger)
        view.ids_asked_for.connect(self._copy_ids)
        view.jobs_asked_for.connect(self._show_jobs)
        view.entry_asked_for.connect(self.entry_asked_for)

    def _copy_ids(self, act: Act) -> None:
        if act.ended is not None:
            QApplication.clipboard().setText("\n".join(map(str, act.ended.job_ids)))
            count = formats.number(len(act.ended.job_ids))
            self.window.tell(self.tr("Copied {count} ids.").format(count=count))

    def _show_jobs(self, job_ids: Sequence[int]) -> None:
        if job_ids:
            self.window.ask_for(f"id:{','.join(map(str, job_ids))}")


def _named(sentence: str, job_id: int) -> str:
    """How a sentence names a job."""
    number = formats.job_number(job_id)
    return f"job {number}" if f"job {number}" in sentence else number
