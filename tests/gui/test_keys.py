"""Every dialog by its keys alone: each control in turn has the focus when Return, Space and Escape are pressed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jobdesk
import pytest
from database import picture
from jobdesk.acting.act import Act, Ended
from jobdesk.acting.errands import act_on_new_jobs
from jobdesk.acting.leaving import LeaveDialog
from jobdesk.acting.ledger import LedgerDialog
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.acting.undo import UndoDialog
from jobdesk.connection.desk import Desk
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.connection.import_dialog import ImportDialog
from jobdesk.connection.install import InstallDialog
from jobdesk.connection.password import PasswordDialog
from jobdesk.connection.password_command import PasswordCommandDialog
from jobdesk.connection.profile_loss import ProfileLossDialog
from jobdesk.connection.ssh_question import SshQuestionDialog
from jobdesk.connection.unlock import UnlockDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.deferring.many_dialog import DeferManyDialog
from jobdesk.deferring.replay import ReplayDialog
from jobdesk.exporting.dialog import ExportDialog
from jobdesk.exporting.leaving import ExportLeaveDialog
from jobdesk.filtering.save_view import SaveViewDialog
from jobdesk.filtering.saved_views import SavedViewsDialog
from jobdesk.health.differences import DifferencesDialog
from jobdesk.jobs.argument_column import ArgumentColumnDialog
from jobdesk.jobs.index_advice import IndexAdviceDialog
from jobdesk.kit.dialog_frame import DialogFrame, ForgetDialog
from jobdesk.staging.dialog import StagedDialog
from jobdesk.staging.discard import DiscardDialog
from jobdesk.window.about import AboutDialog
from jobdesk.window.desk_view import DeskView
from jobdesk.window.error_dialog import ErrorDialog
from jobdesk.window.palette import PaletteDialog
from jobdesk.window.shortcuts import ShortcutsDialog
from jobdesk.workers.prune import PruneDialog
from jobdesk_core.connectors.ssh.askpass import question_of
from jobdesk_core.health.schema_drift import Difference, Drift
from jobdesk_core.indexes.advice import IndexAdvice
from jobdesk_core.journal import Search
from jobdesk_core.operations import DeferPlan
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.shared import export
from opened import Others, closed, desk_of, dialog_of, live, opened
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)
from waiting import until

RETURN, SPACE, ESCAPE = Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_Escape
#: Where Return in a field of one line presses the verb: nothing there changes a job.
SUBMITTING = (ConnectionDialog, PasswordDialog, SshQuestionDialog, SaveViewDialog, SavedViewsDialog)


def kinds() -> set[type[QDialog]]:
    """Every dialog of the program, whoever wrote it."""
    for module in pkgutil.walk_packages(jobdesk.__path__, "jobdesk."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def below(kind: type[QDialog]) -> set[type[QDialog]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    # What others are made of is opened by none.
    return {each for each in below(QDialog) if each.__module__.startswith("jobdesk.") and not each.__subclasses__()}


def some_drift() -> Drift:
    """A schema with one difference."""
    difference = Difference("index", "jobs_lock", "missing", "without it", "", "CREATE INDEX jobs_lock", "CREATE INDEX")
    return Drift("3.4–3.10", (), (difference,), (), (18, 18), (7, 7))


class Opener:
    """Opens each dialog on a live window as the program does, or with what it would be given."""

    def __init__(self, window: DeskView, entry: object) -> None:
        self._window, self._entry = window, entry

    async def _nothing(self) -> list[int]:
        return []

    def by_action(self, key: str) -> Callable[[], None]:
        return lambda: self._window.all_actions[key].trigger()

    def makers(self) -> dict[type[QDialog], Callable[[], object]]:
        window, desk = self._window, desk_of(self._window)
        staged, profile = window.commands.staged.changes, desk_of(self._window).profile
        advice = IndexAdvice("ix", "SELECT 1", "SELECT 1", "It is slow.", 10, 1_000, "nothing")
        return {
            ArgumentColumnDialog: lambda: ArgumentColumnDialog(window, show=lambda _: None).open(),
            AboutDialog: lambda: AboutDialog(window).open(),
            ConnectionDialog: self.by_action("connection.choose"),
            DeferDialog: self.by_action("job.defer"),
            DeferManyDialog: self.by_action("job.defer_many"),
            DiscardDialog: lambda: DiscardDialog(window, counts={"test": 1}).open(),
            ExportDialog: self.by_action("list.export"),
            ExportLeaveDialog: lambda: ExportLeaveDialog(window, concerned=[], is_end=True, go_on=lambda: None).open(),
            DifferencesDialog: lambda: DifferencesDialog(window.frame, some_drift()).open(),
            ForgetDialog: lambda: ForgetDialog(window).open(),
            ProfileLossDialog: lambda: ProfileLossDialog(window, title="a", sentence="b.", verb="c").open(),
            ErrorDialog: lambda: ErrorDialog(window, error=ValueError("x")).open(),
            IndexAdviceDialog: lambda: IndexAdviceDialog(
                window, advice=advice, filter_text="x", create=self._nothing, leftovers=self._nothing
            ).open(),
            ImportDialog: self._import,
            InstallDialog: lambda: InstallDialog(window, database="b", role="r", install=self._nothing).open(),
            LeaveDialog: lambda: LeaveDialog(
                window, acts=window.acting.acts, concerned=[], is_end=True, go_on=lambda: None
            ).open(),
            LedgerDialog: self._ledger,
            UnlockDialog: lambda: UnlockDialog(window, profile=profile, access=desk.access).open(),
            PaletteDialog: lambda: PaletteDialog(window).open(),
            PasswordCommandDialog: lambda: PasswordCommandDialog(window, profile=profile).open(),
            SshQuestionDialog: lambda: SshQuestionDialog(
                window, profile=profile, question=question_of("Code: ")
            ).open(),
            PasswordDialog: lambda: PasswordDialog(window, profile=profile, why="It asks.").open(),
            PreflightDialog: self.by_action("job.cancel"),
            PruneDialog: lambda: PruneDialog(
                window,
                profile=profile,
                workers=[(1, 0)],
                sql="SELECT 1",
                prune=self._nothing,
                find_out=desk.find_out,
                done=lambda _: None,
            ).open(),
            ReplayDialog: lambda: self._replay(desk),
            SaveViewDialog: lambda: SaveViewDialog(window, window.finding).open(),
            SavedViewsDialog: lambda: SavedViewsDialog(window, window.finding).open(),
            ShortcutsDialog: lambda: ShortcutsDialog(window, window.all_actions.specs).open(),
            StagedDialog: lambda: StagedDialog(
                window, desk=desk, changes=staged, errand=lambda _: None, act=lambda _: None
            ).open(),
            UndoDialog: lambda: UndoDialog(window, desk=desk, entry=self._entry, act=lambda _: None).open(),
        }

    def _import(self) -> None:
        path = self._window.session.store.path.with_name("shared.toml")
        export([Profile(name="other", method="dsn", dsn="host=h")], path)
        ImportDialog(self._window, store=self._window.session.store, path=path).open()

    def _ledger(self) -> None:
        errand = act_on_new_jobs(
            desk_of(self._window), DeferPlan([], desk_of(self._window).capabilities), stage=lambda _: None
        )
        ended = Ended(kind="good", sentence="Deferred 1 job.")
        LedgerDialog(self._window, act=Act(errand, self._window), ended=ended).open()

    def _replay(self, desk: Desk) -> None:
        ReplayDialog(
            self._window,
            session=self._window.session,
            source=desk,
            job_ids=[1],
            profiles=[Profile(name="elsewhere", method="dsn", dsn="postgresql://nobody@127.0.0.1:1/x")],
            act=lambda _: None,
            done=lambda _: None,
            staged=self._window.commands.staged.changes,
        ).open()


def controls(dialog: QDialog) -> list[QWidget]:
    """What Tab leads to, in its order."""
    found, widget = [], dialog.nextInFocusChain()
    while widget is not dialog:
        can = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None
        if can and widget.isVisible() and widget.isEnabled() and widget.window() is dialog:
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def tabbed(dialog: QDialog) -> list[QWidget]:
    """What Tab really leads to, from the first control on until it comes round."""
    order: list[QWidget] = []
    start = dialog.focusWidget()
    while (at := dialog.focusWidget()) is not None and at not in order:
        order.append(at)
        dialog.focusNextChild()
    first = min(order, key=lambda each: (each.mapTo(dialog, each.rect().topLeft()).y() // 8, each.x()))
    number = order.index(first)
    if start is not None:
        start.setFocus()
    return order[number:] + order[:number]


def name_of(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.text() if isinstance(widget, QAbstractButton) else widget.objectName()!r}"


class Watched:
    """One open dialog whose buttons only tell that they were pressed."""

    def __init__(self, dialog: QDialog) -> None:
        self.dialog = dialog
        self.pressed: list[str] = []
        for button in dialog.findChildren(QAbstractButton):
            # Whatever it would do is another test's: here only which one it was.
            if button.receivers("2clicked(bool)"):
                button.clicked.disconnect()
            button.clicked.connect(partial(self._note, name_of(button)))

    def _note(self, name: str, _is_checked: bool = False) -> None:
        self.pressed.append(name)

    def press(self, control: QWidget, key: Qt.Key) -> list[str]:
        self.pressed.clear()
        control.setFocus()
        QTest.keyClick(control, key)
        if isinstance(control, QComboBox) and control.view().isVisible():
            control.hidePopup()
        return list(self.pressed)


def expected(dialog: QDialog, control: QWidget, key: Qt.Key) -> list[str]:
    """The only button that may be pressed."""
    if isinstance(control, QAbstractButton):
        return [name_of(control)]
    is_field = isinstance(control, QLineEdit | QAbstractSpinBox) or (
        isinstance(control, QComboBox) and control.isEditable()
    )
    if key == RETURN and is_field and isinstance(dialog, SUBMITTING):
        assert isinstance(dialog, DialogFrame)
        return [name_of(dialog.verb)] if dialog.verb.isEnabled() else []
    return []


async def open_one(opener: Opener, window: DeskView, kind: type[QDialog]) -> QDialog:
    opener.makers()[kind]()
    dialog = await dialog_of(window, kind)
    if isinstance(dialog, DialogFrame):
        await until(lambda: not dialog.work.is_running("look"), what="the dialog to have looked")
    return dialog


async def close(window: DeskView) -> None:
    for each in window.findChildren(QDialog):
        each.done(0)
    await closed(window)


async def test_in_every_dialog_a_key_does_what_the_focused_control_says(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [others.defer() for _ in range(3)]
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.model.position(ids[-1]) is not None)
            window.jobs.table.select([ids[0]])
            await cancelled(window)
            window.jobs.table.select([ids[1]])
            window.finding.save_view("mine")
            (entry,) = await window.session.journal.entries(Search())
            await stage(window)
            opener = Opener(window, entry)
            assert set(opener.makers()) == kinds(), "a dialog that this test does not open"
            before, wrong = picture(dsn), []
            for kind in sorted(opener.makers(), key=lambda each: each.__name__):
                wrong += await wrong_in(opener, window, kind)
            assert not wrong, "\n".join(wrong)
            assert picture(dsn) == before


async def wrong_in(opener: Opener, window: DeskView, kind: type[QDialog]) -> list[str]:
    """What the keys do wrong in one dialog."""
    wrong = []
    dialog = await open_one(opener, window, kind)
    count = len(controls(dialog))
    if isinstance(dialog, DialogFrame):
        focused = dialog.focusWidget()
        harmful = (dialog.verb, dialog.second) if dialog.cancel_button.isVisible() else ()
        if focused is None or focused in harmful:
            wrong.append(f"{kind.__name__} opens with the focus on {focused and name_of(focused)}")
        order = tabbed(dialog)
        if dialog.cancel_button.isVisible() and order[-1] not in (dialog.verb, dialog.second, dialog.cancel_button):
            wrong.append(f"{kind.__name__}: Tab ends at {name_of(order[-1])}")
        watched = Watched(dialog)
        # From the end: what is chosen at the top may disable what is below.
        for control in reversed(order):
            for key in (RETURN, SPACE):
                done, right = watched.press(control, key), expected(dialog, control, key)
                if done != right or not dialog.isVisible():
                    wrong.append(f"{kind.__name__}, {name_of(control)}, {key.name}: {done}, not {right}")
    await close(window)
    for number in range(count):
        dialog = await open_one(opener, window, kind)
        at = controls(dialog)
        QTest.keyClick(at[min(number, len(at) - 1)], ESCAPE)
        if dialog.isVisible() or any(each.isVisible() for each in window.findChildren(QDialog)):
            wrong.append(f"{kind.__name__}: Escape does not close it, with the focus on {name_of(at[number])}")
        await close(window)
    return wrong


async def cancelled(window: DeskView) -> None:
    """Cancel the selected job, so that there is something to undo."""
    await until(window.all_actions["job.cancel"].isEnabled)
    window.all_actions["job.cancel"].trigger()
    dialog = await dialog_of(window, PreflightDialog)
    await until(dialog.verb.isEnabled, what="the preflight")
    QTest.keyClick(dialog.verb, SPACE)
    await closed(window)


async def stage(window: DeskView) -> None:
    window.all_actions["job.defer"].trigger()
    dialog = await dialog_of(window, DeferDialog)
    dialog.task.setText("mail.later")
    dialog.second.setFocus()
    QTest.keyClick(dialog.second, RETURN)
    await closed(window)


@pytest.mark.parametrize("key", ["job.cancel", "job.delete"])
async def test_return_upon_opening_leaves_the_job_as_it_is(dsn: str, tmp_path: Path, key: str) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.model.position(job_id) is not None)
            window.jobs.table.select([job_id])
            await until(window.all_actions[key].isEnabled)
            before = picture(dsn)
            window.all_actions[key].trigger()
            dialog = await dialog_of(window, PreflightDialog)
            await until(dialog.verb.isEnabled, what="the preflight")
            # A Return held since the menu is no answer.
            focused = dialog.focusWidget()
            held = QKeyEvent(QEvent.Type.KeyPress, RETURN, Qt.KeyboardModifier.NoModifier, "\r", True)
            QApplication.sendEvent(focused, held)
            assert dialog.isVisible()
            QTest.keyClick(focused, RETURN)
            await closed(window)
            assert picture(dsn) == before


async def test_escape_asks_before_it_loses_what_was_typed(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.model.position(job_id) is not None)
            window.jobs.table.select([job_id])
            window.finding.save_view("mine")
            opener = Opener(window, None)
            for kind in sorted(kinds() - {UndoDialog, StagedDialog, PaletteDialog}, key=lambda each: each.__name__):
                dialog = await open_one(opener, window, kind)
                fields = [
                    each
                    for each in controls(dialog)
                    if isinstance(each, QLineEdit | QPlainTextEdit) and not each.isReadOnly()
                ]
                for field in fields:
                    await typed_and_kept(window, dialog, field)
                await close(window)


async def typed_and_kept(window: DeskView, dialog: QDialog, field: QLineEdit | QPlainTextEdit) -> None:
    assert isinstance(dialog, DialogFrame)
    where = f"{type(dialog).__name__}, {field.accessibleName() or name_of(field)}"
    QTest.keyClicks(field, "7x")
    assert dialog.would_lose(), where
    QTest.keyClick(field, ESCAPE)
    if not any(each.isVisible() for each in window.findChildren(ForgetDialog)):
        QTest.keyClick(field, ESCAPE)  # the first closed what completes the field
    asking = await dialog_of(window, ForgetDialog)
    # Neither Escape nor Return throws it away.
    QTest.keyClick(asking.focusWidget(), RETURN)
    await until(lambda: not window.findChildren(ForgetDialog), what="the question to go")
    assert dialog.isVisible(), where
    QTest.keyClick(field, ESCAPE)
    asking = await dialog_of(window, ForgetDialog)
    QTest.keyClick(asking, ESCAPE)
    await until(lambda: not window.findChildren(ForgetDialog), what="the question to go")
    assert dialog.isVisible() and "7" in (field.text() if isinstance(field, QLineEdit) else field.toPlainText()), where


async def test_a_test_of_a_connection_leaves_the_focus_where_it_is(dsn: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        dialog.form.method.choose(1)
        dialog.form.dsn.setText(dsn)
        dialog.test_button.setFocus()
        QTest.keyClick(dialog.test_button, RETURN)
        await until(lambda: dialog.test_card.steps.count() > 3, what="the steps")
        assert dialog.focusWidget() is dialog.test_button and window.session.desk is None


async def test_return_on_the_start_page_leads_to_the_connections(tmp_path: Path, event_loop: object) -> None:
    async with opened(tmp_path) as window:
        focused = window.window().focusWidget()
        assert isinstance(focused, QPushButton) and focused.text() == "Connect…"
        QTest.keyClick(focused, RETURN)
        await dialog_of(window, ConnectionDialog)
