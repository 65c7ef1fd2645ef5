"""The program walks through itself: every page and dialog on live data, with a picture of each step.

It acts through the window's own controls, tells what it saw before and after, and fails when a step did
not do what it should. The pictures of the README and the help are made by it.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.jobs import Status
from jobdesk_core.profiles import Profile, ProfileStore
from jobdesk_core.troubles import Trouble
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QToolButton, QWidget

from jobdesk import tour_deferring, tour_records, tour_staged
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.connection.install import InstallDialog
from jobdesk.connection.password import PasswordDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.help.window import HelpWindow
from jobdesk.kit.theme import theme
from jobdesk.window.error_dialog import ErrorDialog
from jobdesk.window.main_window import MainWindow
from jobdesk.window.palette import PaletteDialog

STEP_S = 20.0
#: The window in the pictures of the README and the help.
PICTURE_SIZE = QSize(1440, 900)
#: The smallest screens that people work on, and a large one.
SIZES = (QSize(1024, 700), QSize(1280, 800), QSize(2560, 1440))
#: The size of all other pictures.
SIZE = QSize(1440, 900)


class StepFailed(Exception):
    """A step of the tour did not do what it should."""


class Tour:
    """Needs a window that is opening, or has opened, a connection."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self._window = window
        self._folder = folder
        self._number = 0

    async def run(self) -> int:
        """Walk through everything. 0 when every step did what it should, otherwise 1."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._window.resize(SIZE)
        for old in self._folder.glob("[0-9][0-9]-*.png"):
            old.unlink()
        try:
            await self._walk()
        except StepFailed as error:
            await self._picture("failed")
            _say(f"FAILED: {error}")
            return 1
        _say(f"{self._number} pictures in {self._folder}")
        return 0

    async def _walk(self) -> None:
        window = self._window
        # Whatever the screen: offscreen it is a small one.
        window.resize(PICTURE_SIZE)
        theme().set_mode("light")
        await self._connected()
        await self._until(lambda: window.header.live.text.startswith("Live"), "the feed to go live", 30)
        await self._until(lambda: window.jobs.model.rowCount() > 5, "jobs to show")
        await asyncio.sleep(3)  # some live changes, for the pictures
        await self._pages()
        await self._defer()
        await self._cancel()
        await tour_records.undo(self._window, self._until, self._picture)
        self._window.show_page("jobs")
        await self._abort()
        await self._retry()
        await self._delete_and_copy()
        await self._staged()
        await self._other_dialogs()
        theme().set_mode("dark")
        await self._pages()
        await self._dialogs_again()
        await self._help()
        theme().set_mode("light")
        await self._help()
        await self._sizes()

    # Pages

    async def _pages(self) -> None:
        window = self._window
        window.header.filter_bar.set_text("")
        for key in ("overview", "queues", "tasks", "workers"):
            window.all_actions[f"view.{key}"].trigger()
            await asyncio.sleep(0.4)
            await self._picture(key)
        await tour_records.failures(window, self._until, self._picture)
        await tour_records.locks(window, self._until, self._picture)
        await tour_records.journal(window, self._until, self._picture)
        await self._sides()
        window.all_actions["view.jobs"].trigger()
        await self._until(lambda: window.jobs.model.rowCount() > 5, "jobs to show")
        await self._select(self._waiting_for_a_lock() or window.jobs.model.row_at(0).id)
        await self._until(lambda: window.jobs.inspector.detail is not None, "the inspector to fill")
        await self._picture("jobs")
        window.jobs.table.select(window.jobs.model.ids()[:6])
        await self._until(window.jobs.inspector.comparison.shared.isVisible, "the jobs to be compared")
        await self._picture("jobs-compared")
        # What the demo's history always has.
        await self._type_filter("status:failed,aborted queue:billing,media")
        await self._until(lambda: window.jobs.model.rowCount() > 5, "the filtered jobs to show")
        await self._picture("jobs-filtered")
        await self._type_filter("status:nope", is_wrong=True)
        await self._picture("filter-mistake")
        window.header.filter_bar.set_text("")
        await self._type_filter("lock:nobody-has-this")
        await self._until(lambda: not window.jobs.reading.is_reading, "the search to end")
        await self._picture("nothing-found")
        await self._finding()
        window.header.filter_bar.set_text("")
        await self._until(lambda: window.jobs.model.rowCount() > 5, "jobs to show again")

    async def _finding(self) -> None:
        window = self._window
        window.finding.show_filter("(status:failed or stalled) not (queue:mail task:*.digest)")
        await asyncio.sleep(0.8)
        window.finding.save_view("Trouble beyond mail")
        await self._until(lambda: not window.jobs.reading.is_reading, "the search to end")
        await asyncio.sleep(2)  # for the view's count
        await self._picture("saved-view")
        PaletteDialog(window).open()
        await asyncio.sleep(0.3)
        palette = next(each for each in window.findChildren(PaletteDialog) if each.isVisible())
        QTest.keyClicks(palette.edit, "job")
        await self._picture("palette")
        palette.reject()

    async def _sides(self) -> None:
        window = self._window
        for key in ("queues", "tasks", "workers"):
            window.all_actions[f"view.{key}"].trigger()
            page = window.pages.get(key)
            await self._until(lambda page=page: page.model.rowCount() > 0, f"rows of {key}")
            page.table.selectRow(0)
            await asyncio.sleep(0.8)  # what the side reads
            await self._picture(f"{key}-side")
            page.table.clearSelection()

    async def _sizes(self) -> None:
        before = self._window.size()
        for size in SIZES:
            self._window.resize(size)
            for key in ("jobs", "overview"):
                self._window.show_page(key)
                await asyncio.sleep(0.4)
                await self._picture(f"{key}-{size.width()}x{size.height()}")
        self._window.resize(before)
        for key in ("view.comfortable_rows", "view.utc_times"):
            self._window.all_actions[key].trigger()
        self._window.show_page("jobs")
        await asyncio.sleep(0.4)
        await self._picture("jobs-comfortable-utc")
        for key in ("view.compact_rows", "view.local_times"):
            self._window.all_actions[key].trigger()

    async def _type_filter(self, text: str, *, is_wrong: bool = False) -> None:
        bar = self._window.header.filter_bar
        self._window.all_actions["view.filter"].trigger()
        edit = bar.findChild(QLineEdit)
        assert edit is not None
        QTest.keyClicks(edit, text)
        QTest.keyClick(edit, Qt.Key.Key_Return)
        await asyncio.sleep(0.3)
        if is_wrong and not bar.problem:
            raise StepFailed("a filter with a mistake was taken without a word")

    # Actions

    async def _defer(self) -> None:
        _say("\nDefer")
        before = await self._newest_id()
        job_id = await self._defer_by_dialog(
            "mail.deliver", "mail", '{"to": "tour@example.org", "template": "welcome"}', picture="defer"
        )
        _say(f"  before: the newest job was #{before:,}")
        await self._until(lambda: self._status(job_id) in (Status.SUCCEEDED, Status.FAILED), "the job to run")
        _say(f"  after:  job #{job_id:,} {self._label(job_id)}, run by a worker")

    async def _cancel(self) -> None:
        _say("\nCancel")
        job_id = await self._defer_by_dialog("mail.digest", "mail", '{"list_id": 99}', in_minutes=15)
        await self._select(job_id)
        await self._until(lambda: self._window.jobs.inspector.detail is not None, "the inspector to fill")
        await self._picture("why-scheduled")
        _say(f"  before: job #{job_id:,} {self._label(job_id)}")
        await self._act("job.cancel", "cancel")
        await self._until(lambda: self._status(job_id) is Status.CANCELLED, "the job to be cancelled")
        _say(f"  after:  job #{job_id:,} {self._label(job_id)}")

    async def _abort(self) -> None:
        _say("\nAbort")
        job_id = await self._defer_by_dialog("media.transcode", "media", '{"path": "/films/tour.mov"}', priority=99)
        await self._until(lambda: self._status(job_id) is Status.DOING, "a worker to start the job", 60)
        await self._select(job_id)
        await asyncio.sleep(1.2)
        await self._picture("running")
        _say(f"  before: job #{job_id:,} {self._label(job_id)}")
        await self._act("job.abort", "abort")
        await self._until(lambda: self._status(job_id) is Status.ABORTED, "the job to be aborted")
        _say(f"  after:  job #{job_id:,} {self._label(job_id)}")

    async def _retry(self) -> None:
        _say("\nRetry")
        await self._type_filter("status:failed task:ledger.reconcile")
        await self._until(lambda: self._find(Status.FAILED) is not None, "a failed job")
        job_id = self._find(Status.FAILED)
        assert job_id is not None
        self._window.header.filter_bar.set_text("")
        await self._type_filter(f"id:{job_id}")
        await self._until(lambda: self._window.jobs.model.position(job_id) is not None, "the failed job")
        row = self._window.jobs.model.row(job_id)
        assert row is not None
        _say(f"  before: job #{job_id:,} {row.status.value}, attempts {row.attempts}")
        await self._select(job_id)
        await self._act("job.retry", "retry")

        def has_run_again() -> bool:
            now = self._window.jobs.model.row(job_id)
            return now is not None and now.status is Status.FAILED and now.attempts >= row.attempts + 2

        await self._until(has_run_again, "the job to run again", 40)
        after = self._window.jobs.model.row(job_id)
        assert after is not None
        _say(f"  after:  job #{job_id:,} {after.status.value} again, attempts {after.attempts}")
        await self._picture("retried")
        self._window.header.filter_bar.set_text("")

    async def _delete_and_copy(self) -> None:
        _say("\nCancel and delete")
        job_id = await self._defer_by_dialog("mail.digest", "mail", '{"list_id": 98}', in_minutes=15)
        await self._select(job_id)
        self._window.all_actions["job.copy_json"].trigger()
        await self._until(lambda: f'"id": {job_id}' in QApplication.clipboard().text(), "the JSON to be copied")
        _say(f"  before: job #{job_id:,} {self._label(job_id)}, copied as JSON")
        await self._act("job.delete", "delete")
        await self._until(lambda: self._window.jobs.model.position(job_id) is None, "the job to be gone")
        _say("  after:  it is gone")
        await self._picture("deleted")

    async def _staged(self) -> None:
        _say("\nStaged changes")
        job_ids = [
            await self._defer_by_dialog("mail.digest", "mail", f'{{"list_id": {90 + number}}}', in_minutes=30)
            for number in range(4)
        ]
        await tour_staged.walk(self._window, self._until, self._picture, job_ids)
        _say("  applied together, with the job that had changed as it is now")

    async def _defer_by_dialog(
        self,
        task: str,
        queue: str,
        arguments: str,
        *,
        in_minutes: int = 0,
        priority: int = 0,
        picture: str = "",
    ) -> int:
        self._click_button("job.defer")
        dialog = await self._dialog(DeferDialog)
        QTest.keyClicks(dialog.task, task)
        dialog.task.completer().popup().hide()
        dialog.queue.setText(queue)
        dialog.priority.setValue(priority)
        if picture:
            dialog.arguments.set_text('{"to": "tour@example.org" "template": 1}')
            dialog.queue.setText("a-name-that-is-too-long-for-the-notification-channel")
            await self._picture(f"{picture}-mistakes")
            dialog.queue.setText(queue)
        dialog.arguments.set_text(arguments)
        if in_minutes:
            dialog.schedule.choose_after(in_minutes, "minutes")
        if picture:
            await self._picture(picture)
        if not dialog.verb.isEnabled():
            raise StepFailed(f"the defer dialog refuses {task}: {dialog.problem()}")
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await self._until(lambda: self._dialog_now() is None, "the defer dialog to close")

        told = re.search(r"Deferred job #([\d,]+)", self._window.banners.sentence)
        if told is None:
            raise StepFailed(f"the window does not say which job it deferred: {self._window.banners.sentence}")
        job_id = int(told[1].replace(",", ""))
        await self._until(lambda: self._status(job_id) is not None, f"job #{job_id:,} to show")
        return job_id

    async def _act(self, key: str, picture: str) -> None:
        self._click_button(key)
        dialog = await self._dialog(PreflightDialog)
        await self._until(dialog.verb.isEnabled, "the preflight")
        await self._picture(picture)
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await self._until(lambda: self._dialog_now() is None, f"the dialog of {key} to close")

    def _click_button(self, key: str) -> None:
        """Click the toolbar's button of an action, or take its menu entry when it has none."""
        action = self._window.all_actions[key]
        if not action.isEnabled():
            raise StepFailed(f"{key} is disabled: {action.toolTip()}")
        for button in self._window.jobs.findChildren(QToolButton):
            if button.defaultAction() is action and button.isVisible():
                QTest.mouseClick(button, Qt.MouseButton.LeftButton)
                return
        action.trigger()

    # Dialogs

    async def _other_dialogs(self) -> None:
        window = self._window
        desk = window.session.desk
        assert desk is not None
        window.all_actions["connection.choose"].trigger()
        dialog = await self._dialog(ConnectionDialog)
        await self._picture("connection")
        dialog.show_profile(desk.profile)
        QTest.mouseClick(dialog.test_button, Qt.MouseButton.LeftButton)
        await self._until(
            lambda: dialog.test_button.text() == "Test" and dialog.test_card.steps.count() >= 5, "the test to end"
        )
        await self._picture("connection-tested")
        dialog.form.dsn.setText("postgresql://operator:wrong@127.0.0.1:1/nowhere")
        dialog.test_button.click()
        await self._until(
            lambda: dialog.test_button.text() == "Test" and dialog.test_card.steps.count() == 1, "the test to fail"
        )
        await self._picture("connection-refused")
        dialog.form.method.choose(2)
        await self._picture("connection-arguments")
        dialog.part.choose(1)
        await self._picture("connection-links")
        dialog.part.choose(2)
        await self._picture("connection-application")
        dialog.reject()
        for key in ("help.shortcuts", "help.about"):
            window.all_actions[key].trigger()
            await self._picture(key.partition(".")[2])
            self._close_dialog()
        await self._dialogs_again()

    async def _help(self) -> None:
        """The help is a window of its own, so that its picture is of it alone."""
        self._window.all_actions["help.topic"].trigger()
        shown = self._window.findChild(HelpWindow)
        assert shown is not None
        shown.show_topic("first-steps")
        await self._picture("help", shown)
        shown.field.setText("queueing lock taken")
        await self._picture("help-found", shown)
        shown.field.clear()
        shown.close()

    async def _dialogs_again(self) -> None:
        window = self._window
        profile = Profile(name="billing-eu", method="dsn", dsn="postgresql://operator@db.example.org/billing")

        async def install() -> None:
            return

        dialogs: dict[str, Callable[[], QDialog]] = {
            "password": lambda: PasswordDialog(window, profile=profile, why="The server asks for a password."),
            "install": lambda: InstallDialog(window, database="billing", role="operator", install=install),
            "error": lambda: ErrorDialog(window, error=RuntimeError("an example of an unexpected error")),
            "connection-production": lambda: self._production(profile),
        }
        for name, make in dialogs.items():
            make().open()
            await asyncio.sleep(0.2)
            await self._picture(name)
            self._close_dialog()
        await self._select(self._find(Status.FAILED) or self._window.jobs.model.row_at(0).id)
        if window.all_actions["job.retry"].isEnabled():
            window.all_actions["job.retry"].trigger()
            await self._picture("retry-dialog")
            self._close_dialog()
        window.all_actions["job.defer"].trigger()
        await self._picture("defer-dialog")
        self._close_dialog()
        await tour_deferring.walk(window, self._picture, self._close_dialog)

    def _production(self, profile: Profile) -> QDialog:
        dialog = ConnectionDialog(self._window, store=ProfileStore(self._folder / "no-profiles.toml"), profile=profile)
        dialog.form.environment.setEditText("production")
        return dialog

    def _close_dialog(self) -> None:
        dialog = self._dialog_now()
        if dialog is not None:
            dialog.done(0)

    async def _dialog(self, kind: type[Any]) -> Any:
        return await self._until(
            lambda: dialog if isinstance(dialog := self._dialog_now(), kind) else None, f"the {kind.__name__}"
        )

    def _dialog_now(self) -> QDialog | None:
        # The newest: a question may stand upon another dialog.
        shown = [each for each in self._window.findChildren(QDialog) if each.isVisible() and each.isModal()]
        return shown[-1] if shown else None

    # Looking

    def _status(self, job_id: int) -> Status | None:
        row = self._window.jobs.model.row(job_id)
        return row.status if row is not None else None

    def _label(self, job_id: int) -> str:
        status = self._status(job_id)
        return status.value if status is not None else "gone"

    def _find(self, status: Status) -> int | None:
        model = self._window.jobs.model
        rows = (model.row(job_id) for job_id in model.ids())
        return next((row.id for row in rows if row is not None and row.status is status), None)

    def _waiting_for_a_lock(self) -> int | None:
        model = self._window.jobs.model
        rows = (model.row(job_id) for job_id in model.ids())
        return next((row.id for row in rows if row is not None and row.status is Status.TODO and row.lock), None)

    async def _select(self, job_id: int) -> None:
        if not self._window.jobs.inspect(job_id):
            raise StepFailed(f"job #{job_id:,} is not in the table")
        inspector = self._window.jobs.inspector
        await self._until(lambda: inspector.detail is not None and inspector.detail.row.id == job_id, "the inspector")

    async def _newest_id(self) -> int:
        desk = self._window.session.desk
        assert desk is not None
        return await desk.connector.run_async(_NEWEST)

    async def _connected(self) -> None:
        """Wait for the connection. Raises StepFailed at once where it is refused."""
        session, troubles = self._window.session, list[Trouble]()
        session.trouble.connect(lambda trouble, _: troubles.append(trouble))
        await self._until(lambda: session.desk is not None or troubles, "the connection to open", 90)
        if troubles:
            raise StepFailed(f"not connected: {troubles[0].sentence}")
        if session.desk is not None and not session.desk.capabilities.has_schema:
            raise StepFailed("this database has no Procrastinate schema")

    async def _until(self, condition: Callable[[], Any], what: str, timeout_s: float = STEP_S) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise StepFailed(f"waited {timeout_s:.0f} s for {what}")
            await asyncio.sleep(0.05)
        return value

    async def _picture(self, name: str, window: QWidget | None = None) -> None:
        await asyncio.sleep(0.15)
        self._number += 1
        shade = "dark" if theme().tokens.is_dark else "light"
        path = self._folder / f"{self._number:02}-{name}-{shade}.png"
        whole = (window or self._window).grab()
        dialog = self._dialog_now()
        if dialog is not None:
            whole = _over(whole, dialog.grab(), self._window, dialog)
        whole.save(str(path))


def _over(ground: QPixmap, picture: QPixmap, window: QWidget, dialog: QWidget) -> QPixmap:
    """A dialog's picture upon its window's, as the screen shows both."""
    painter = QPainter(ground)
    painter.fillRect(ground.rect(), QColor(0, 0, 0, 70))
    place = QPoint((window.width() - dialog.width()) // 2, max(20, (window.height() - dialog.height()) // 3))
    painter.drawPixmap(place, picture)
    painter.setPen(theme().colour("field_line"))
    painter.drawRect(place.x() - 1, place.y() - 1, dialog.width() + 1, dialog.height() + 1)
    painter.end()
    return ground


_NEWEST: Statement[int] = Statement(
    "SELECT coalesce(max(id), 0) AS id FROM procrastinate_jobs", lambda rows: rows[0]["id"]
)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
