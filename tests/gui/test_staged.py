"""Staged changes in the real window: collected from dialogs, looked at together, applied or thrown away."""

from __future__ import annotations

from pathlib import Path

from jobdesk.dialogs.defer import DeferDialog
from jobdesk.dialogs.discard_staged import DiscardDialog
from jobdesk.dialogs.preflight import PreflightDialog
from jobdesk.dialogs.staged import StagedDialog
from jobdesk.main_window import MainWindow
from jobdesk_core.journal import Search
from opened import Others, closed, desk_of, dialog_of, live
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton
from waiting import until

HOSTILE = "<b>&amp;\u202e'\"%(x)s{}" + "ö" * 60


def click(button: QAbstractButton) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def stage(window: MainWindow, key: str, text: str) -> None:
    """Add an action on all that match the text to the staged changes."""
    window.header.filter_bar.set_text(text)
    await until(lambda: window.jobs.model.job_filter.text == text)
    await until(window.actions[key].isEnabled, what=f"{key} to be possible")
    before = desk_of(window).staging.count
    window.actions[key].trigger()
    dialog = await dialog_of(window, PreflightDialog)
    await until(dialog.stage_button.isEnabled, what="the preflight")
    click(dialog.stage_button)
    await closed(window)
    assert desk_of(window).staging.count == before + 1


async def stage_job(window: MainWindow, task: str, queueing_lock: str = "") -> None:
    """Add a new job to the staged changes."""
    window.actions["job.defer"].trigger()
    dialog = await dialog_of(window, DeferDialog)
    assert not dialog.stage_button.isEnabled()
    dialog.task.setText(task)
    dialog.queueing_lock.setText(queueing_lock)
    await until(dialog.stage_button.isEnabled)
    click(dialog.stage_button)
    await closed(window)


async def show(window: MainWindow) -> StagedDialog:
    """The staged changes, looked at, by the link at the foot of the window."""
    click(window.footer.staged)
    dialog = await dialog_of(window, StagedDialog)
    await until(lambda: dialog.plan is not None, what="the preview")
    return dialog


async def test_what_is_staged_is_applied_together_or_not_at_all(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        first, second = others.defer(queue="a"), others.defer(queue="b")
        async with live(tmp_path, dsn, environment="production") as window:
            assert not window.footer.staged.isVisible()
            assert not window.actions["staged.show"].isEnabled()
            await stage(window, "matching.cancel", "queue:a")
            await stage(window, "matching.delete", "queue:b")
            await stage_job(window, HOSTILE, "one")
            assert window.footer.staged.text() == "3 changes staged"
            assert (others.status(first), others.status(second)) == ("todo", "todo")

            dialog = await show(window)
            assert [notes for _, notes in dialog.lines] == [[], [], []]
            assert dialog.lines[0][0] == f"Cancel job #{first}"
            assert not dialog.verb.isEnabled()
            dialog.name.setText("test")
            assert dialog.verb.isEnabled()
            others.start(first)
            click(dialog.verb)
            await until(lambda: dialog.ledger is not None, what="the outcome")
            assert "is running" in dialog.lines[0][1][0] and dialog.lines[1][1] == []
            assert "Nothing was changed" in dialog.message.sentence
            assert (others.status(first), others.status(second)) == ("doing", "todo")

            click(dialog.verb)
            await until(lambda: dialog.plan is not None, what="the second preview")
            assert not dialog.verb.isEnabled() and "is running" in dialog.lines[0][1][0]
            click(dialog.keep_button)
            await until(lambda: dialog.plan is not None and len(dialog.plan.parts) == 2, what="the third preview")
            click(dialog.verb)
            await closed(window)
            assert (others.status(first), others.status(second)) == ("doing", None)
            assert others.run("SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s", HOSTILE) == 1
            assert not window.footer.staged.isVisible()
            assert "Applied 2 staged changes to 2 jobs" in window.message.sentence
            entries = await window.session.journal.entries(Search(action="staged"))
            assert [bool(entry.error) or entry.left > 0 for entry in entries] == [False, True]


async def test_staged_changes_are_asked_about_before_they_are_lost(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            await stage(window, "matching.cancel", "queue:mail")
            asked: list[bool] = []
            window.closing.connect(lambda: asked.append(True))
            for lose in (window.close, window.actions["connection.close"].trigger, window.actions["app.quit"].trigger):
                lose()
                question = await dialog_of(window, DiscardDialog)
                assert "not kept" in question.sentence.text()
                click(question.cancel_button)
                await closed(window)
            assert window.isVisible() and not asked and desk_of(window).staging.count == 1

            window.actions["staged.discard"].trigger()
            click((await dialog_of(window, DiscardDialog)).verb)
            await closed(window)
            assert desk_of(window).staging.count == 0 and not window.footer.staged.isVisible()
            assert not window.actions["staged.discard"].isEnabled()

            await stage_job(window, "new.task")
            window.actions["connection.close"].trigger()
            click((await dialog_of(window, DiscardDialog)).verb)
            await until(lambda: window.session.desk is None, what="the connection to be closed")
        assert others.status(job_id) == "todo"
        assert others.run("SELECT count(*) FROM procrastinate_jobs") == 1
