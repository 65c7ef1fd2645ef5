"""The tour's steps through failures, locks and the journal: what fails, who waits, and an undo of what was done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from jobdesk.acting.undo import UndoDialog
from jobdesk.window.main_window import MainWindow

Until = Callable[[Callable[[], Any], str], Awaitable[Any]]
Picture = Callable[[str], Awaitable[None]]


async def failures(window: MainWindow, until: Until, picture: Picture) -> None:
    """Look at what has failed in the last day."""
    window.all_actions["view.failures"].trigger()
    page = window.pages.get("failures")
    page.toolbar.span.choose(3)
    await until(lambda: page.reading.found is not None and page.reading.found.is_whole, "the failures to be read")
    await until(page.side.job_table.isVisible, "the jobs of a group")
    await picture("failures")


async def locks(window: MainWindow, until: Until, picture: Picture) -> None:
    """Look at locks, then at queueing locks; the first of each with its jobs, when there is one."""
    window.all_actions["view.locks"].trigger()
    page = window.pages.get("locks")
    for position, name in enumerate(("locks", "queueing-locks")):
        page.kinds.choose(position)
        await until(lambda: bool(page.note.whole), f"the {name} to be read")
        if page.table.model().rowCount():
            page.table.selectRow(0)
            await until(page.chain.selected_rows, "the lock's jobs")
        await picture(name)
    page.kinds.choose(0)


async def journal(window: MainWindow, until: Until, picture: Picture) -> None:
    """Look at what was done, the newest entry selected."""
    window.all_actions["view.journal"].trigger()
    page = window.pages.get("journal")
    await until(lambda: page.toolbar.note, "the journal to be read")
    if page.model.rowCount():
        page.table.selectRow(0)
        await until(page.detail.model.rowCount, "the entry's jobs")
    await picture("journal")


async def undo(window: MainWindow, until: Until, picture: Picture) -> None:
    """Undo the newest entry."""
    page = window.pages.get("journal")
    window.all_actions["view.journal"].trigger()
    # The journal of other days may be on show until it has been read anew.
    await until(lambda: str(page.model.index(0, 0).data() or "").startswith("Cancel job"), "the cancelling")
    await journal(window, until, picture)
    await until(page.detail.undo.isEnabled, f"an undo to be possible: {page.detail.undo.toolTip()}")
    QTest.mouseClick(page.detail.undo, Qt.MouseButton.LeftButton)
    dialog = await until(lambda: window.findChild(UndoDialog), "the undo's dialog")
    await until(dialog.verb.isEnabled, "the undo's preflight")
    await picture("undo")
    before = page.model.rowCount()
    QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
    await until(lambda: page.model.rowCount() > before, "the undo to be written down")
    await picture("undone")
