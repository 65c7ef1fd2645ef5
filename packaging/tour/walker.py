"""Who walks: waits for what should happen, clicks the window's own controls, looks, and takes pictures.

A step that does not do what it should ends the walk with a sentence and a picture of how it stood then.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from jobdesk.kit.theme import theme
from jobdesk.window.main_window import MainWindow
from jobdesk_core.jobs import Status
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QDialog, QLineEdit, QPushButton, QToolButton, QWidget

STEP_S = 20.0
#: The window in the pictures of the README and the help, and in all others but those of other sizes.
SIZE = QSize(1440, 900)

T = TypeVar("T")
Dialog = TypeVar("Dialog", bound=QDialog)


class StepFailed(Exception):
    """A step of the tour did not do what it should."""


class Walker:
    """Needs a window that is opening, or has opened, a connection."""

    def __init__(self, window: MainWindow, folder: Path, *, is_on_its_own: bool = False) -> None:
        self.frame, self.window = window.window(), window.view
        self.folder = folder
        #: Whether nobody's own connections and settings are there, so that some may be saved.
        self.is_on_its_own = is_on_its_own
        self._number = 0

    async def run(self, walk: Callable[[Walker], Awaitable[None]]) -> int:
        """Walk through everything. 0 when every step did what it should, otherwise 1."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Whatever the screen: offscreen it is a small one.
        self.frame.resize(SIZE)
        for old in self.folder.glob("[0-9][0-9]-*.png"):
            old.unlink()
        try:
            await walk(self)
        except StepFailed as error:
            await self.picture("failed")
            say(f"FAILED: {error}")
            return 1
        say(f"{self._number} pictures in {self.folder}")
        return 0

    # Waiting

    async def until(self, condition: Callable[[], T | None], what: str, timeout_s: float = STEP_S) -> T:
        """The first answer that is not empty. Raises StepFailed when there is none in time."""
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise StepFailed(f"waited {timeout_s:.0f} s for {what}")
            await asyncio.sleep(0.05)
        return value

    async def jobs_shown(self) -> None:
        """Wait for a screenful of jobs."""
        await self.until(lambda: self.window.jobs.model.rowCount() > 5, "jobs to show")

    async def rows_shown(self, table: QAbstractItemView, key: str) -> None:
        """Wait for a first row."""
        await self.until(lambda: table.model().rowCount() > 0, f"rows of {key}")

    # Acting

    def trigger(self, key: str) -> None:
        """Take an action's menu entry."""
        self.window.all_actions[key].trigger()

    def click(self, button: QAbstractButton) -> None:
        """Click a button."""
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def click_action(self, key: str) -> None:
        """Click the toolbar's button of an action, or take its menu entry when it has none."""
        action = self.window.all_actions[key]
        if not action.isEnabled():
            raise StepFailed(f"{key} is disabled: {action.toolTip()}")
        for button in self.window.jobs.findChildren(QToolButton):
            if button.defaultAction() is action and button.isVisible():
                self.click(button)
                return
        action.trigger()

    def button(self, within: QWidget, text: str) -> QPushButton:
        """The button of this text."""
        return next(each for each in within.findChildren(QPushButton) if each.text() == text)

    async def type_filter(self, text: str, *, is_wrong: bool = False) -> None:
        """Type a filter and press Return."""
        bar = self.window.header.filter_bar
        self.trigger("view.filter")
        edit = bar.findChild(QLineEdit)
        assert edit is not None
        QTest.keyClicks(edit, text)
        QTest.keyClick(edit, Qt.Key.Key_Return)
        await asyncio.sleep(0.3)
        if is_wrong and not bar.problem:
            raise StepFailed("a filter with a mistake was taken without a word")

    def close_banners(self) -> None:
        """Close what tells of earlier acts, as it would stand above every later picture."""
        self.window.acting.banners.clear()
        self.window.message.clear()

    def clear_filter(self) -> None:
        """Show all jobs."""
        self.window.header.filter_bar.set_text("")

    async def select(self, job_id: int) -> None:
        """Select a job and wait for the inspector to show it."""
        if not self.window.jobs.inspect(job_id):
            raise StepFailed(f"job #{job_id:,} is not in the table")
        inspector = self.window.jobs.inspector
        await self.until(lambda: inspector.detail is not None and inspector.detail.row.id == job_id, "the inspector")

    # Dialogs

    async def dialog(self, kind: type[Dialog]) -> Dialog:
        """Wait for a dialog of this kind."""

        def of_kind() -> Dialog | None:
            shown = self.dialog_now()
            return shown if isinstance(shown, kind) else None

        return await self.until(of_kind, f"the {kind.__name__}")

    def dialog_now(self) -> QDialog | None:
        """The dialog on show; the newest, for a question may stand upon another dialog."""
        shown = [each for each in self.window.findChildren(QDialog) if each.isVisible() and each.isModal()]
        return shown[-1] if shown else None

    async def dialog_gone(self, name: str) -> None:
        """Wait until no dialog is open."""
        await self.until(lambda: self.dialog_now() is None, f"{name} to close")

    def close_dialog(self) -> None:
        """Close the dialog on show."""
        dialog = self.dialog_now()
        if dialog is not None:
            dialog.done(0)

    # Looking

    def status(self, job_id: int) -> Status | None:
        """A job's status, None when it is not in the table."""
        row = self.window.jobs.model.row(job_id)
        return row.status if row is not None else None

    def status_word(self, job_id: int) -> str:
        """The same as a word."""
        status = self.status(job_id)
        return status.value if status is not None else "gone"

    def first_job(self, status: Status, *, with_lock: bool = False) -> int | None:
        """The id of the first job in the table with this status, and a lock where that is wanted."""
        model = self.window.jobs.model
        rows = (model.row(job_id) for job_id in model.ids())
        found = (row for row in rows if row is not None and row.status is status and (row.lock or not with_lock))
        return next((row.id for row in found), None)

    async def picture(self, name: str, window: QWidget | None = None) -> None:
        """Take a picture of the window, or of another one, with the dialog that stands upon it."""
        await asyncio.sleep(0.15)
        self._number += 1
        shade = "dark" if theme().tokens.is_dark else "light"
        path = self.folder / f"{self._number:02}-{name}-{shade}.png"
        whole = (window or self.frame).grab()
        dialog = self.dialog_now()
        if dialog is not None:
            whole = _over(whole, dialog.grab(), self.frame, dialog)
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


def say(text: str) -> None:
    """Tell who watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
