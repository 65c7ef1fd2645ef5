"""The tour's way through staged changes: collected, refused because a job has changed, mended and applied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from jobdesk_core.connectors.statement import Statement, nothing
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QPushButton, QWidget

from jobdesk.acting.preflight import PreflightDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.staging.dialog import StagedDialog
from jobdesk.staging.discard import DiscardDialog
from jobdesk.window.main_window import MainWindow

Until = Callable[[Callable[[], Any], str], Awaitable[Any]]
Picture = Callable[[str], Awaitable[None]]


async def walk(window: MainWindow, until: Until, picture: Picture, job_ids: list[int]) -> None:
    """Stage changes of these waiting jobs and a new one, change one of them meanwhile, and apply what is left."""
    await _stage(window, until, "job.cancel", job_ids[:2])
    await _stage(window, until, "job.reprioritise", job_ids[2:])
    window.all_actions["job.defer"].trigger()
    form = await until(lambda: window.findChild(DeferDialog), "the form of a new job")
    form.task.setText("mail.digest")
    form.queue.setText("mail")
    form.queueing_lock.setText("digest-tour")
    _click(form.second)
    await until(lambda: window.footer.staged.text().startswith("3"), "three staged changes")
    await picture("staged-footer")
    _click(window.footer.staged)
    dialog = await until(lambda: window.findChild(StagedDialog), "the staged changes")
    await until(dialog.verb.isEnabled, "the preflight of the staged changes")
    await picture("staged")
    await _change(window, job_ids[1])
    _click(dialog.verb)
    acts = window.acting.acts
    await until(lambda: acts.told and acts.told[-1].is_over, "the refusal")
    await picture("staged-refused")
    _click(_button(window.banners, "Check again…"))
    dialog = await until(lambda: window.findChildren(StagedDialog)[-1], "the staged changes")
    await until(lambda: dialog.plan is not None, "another look")
    await picture("staged-in-the-way")
    _click(dialog.discard_button)
    ask = await until(lambda: window.findChild(DiscardDialog), "the question")
    await picture("staged-discard")
    ask.reject()
    _click(_button(dialog, "Keep what can be done"))
    await until(dialog.verb.isEnabled, "the preflight of what is left")
    _click(dialog.verb)
    await until(lambda: not window.footer.staged.isVisible(), "the staged changes to be applied")
    await picture("staged-applied")


async def _stage(window: MainWindow, until: Until, key: str, job_ids: list[int]) -> None:
    window.jobs.table.select(job_ids)
    await until(window.all_actions[key].isEnabled, f"{key} to be possible")
    window.all_actions[key].trigger()
    dialog = await until(lambda: _shown(window), "the preflight's dialog")
    if key == "job.reprioritise":
        dialog.options.priority.setValue(5)
    await until(lambda: dialog.plan is not None and dialog.second.isEnabled(), "the preflight")
    _click(dialog.second)


def _shown(window: MainWindow) -> PreflightDialog | None:
    return next((each for each in window.findChildren(PreflightDialog) if each.isVisible()), None)


async def _change(window: MainWindow, job_id: int) -> None:
    """As someone else would, meanwhile."""
    desk = window.session.desk
    assert desk is not None
    sql = "UPDATE procrastinate_jobs SET scheduled_at = scheduled_at + interval '1 hour' WHERE id = %(id)s"
    await desk.connector.run_async(Statement(sql, nothing, {"id": job_id}))


def _button(within: QWidget, text: str) -> QPushButton:
    return next(each for each in within.findChildren(QPushButton) if each.text() == text)


def _click(button: QAbstractButton) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
