"""Staged changes in the real window: collected, looked at together, applied or thrown away, never lost unasked."""

from __future__ import annotations

import csv
from pathlib import Path

import psycopg
import pytest
from database import picture
from jobdesk.acting import ledger_files
from jobdesk.acting.ledger import LedgerDialog
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.acting.undo import UndoDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.deferring.many_dialog import DeferManyDialog
from jobdesk.deferring.replay import ReplayDialog
from jobdesk.kit.theme import theme
from jobdesk.staging.dialog import StagedDialog
from jobdesk.staging.discard import DiscardDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.journal import Search
from jobdesk_core.profiles import Profile
from opened import Others, closed, desk_of, dialog_of, ended, live, opened
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton
from waiting import until

HOSTILE = "<b>&amp;\u202e'\"%(x)s{}\n" + "ö" * 60


def click(button: QAbstractButton) -> None:
    assert button.isEnabled(), button.toolTip()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def stage(window: DeskView, key: str, *job_ids: int, priority: int | None = None) -> None:
    """Stage an action on these jobs by its dialog."""
    await until(lambda: all(window.jobs.model.position(job_id) is not None for job_id in job_ids))
    window.jobs.table.select(list(job_ids))
    await until(window.all_actions[key].isEnabled, what=f"{key} to be possible")
    window.all_actions[key].trigger()
    dialog = await dialog_of(window, PreflightDialog)
    if priority is not None:
        dialog.options.priority.setValue(priority)  # type: ignore[attr-defined]
    await until(lambda: dialog.plan is not None and dialog.second.isEnabled(), what="the preflight")
    click(dialog.second)
    await closed(window)


async def stage_defer(window: DeskView, task: str, queueing_lock: str = "") -> None:
    """Stage a new job by its dialog."""
    window.all_actions["job.defer"].trigger()
    dialog = await dialog_of(window, DeferDialog)
    dialog.task.setText(task)
    dialog.queueing_lock.setText(queueing_lock)
    click(dialog.second)
    await closed(window)


async def shown(window: DeskView, key: str = "staged.show") -> StagedDialog:
    """The dialog of staged changes, when it has looked at the jobs."""
    window.all_actions[key].trigger()
    dialog = await dialog_of(window, StagedDialog)
    await until(lambda: dialog.plan is not None, what="the preflight of the set")
    return dialog


def rows(dialog: StagedDialog) -> list[tuple[str, ...]]:
    model = dialog.model
    return [
        tuple(str(model.data(model.index(row, column))) for column in range(model.columnCount()))
        for row in range(model.rowCount())
    ]


async def test_changes_are_collected_and_applied_together(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [others.defer() for _ in range(5)]
        async with live(tmp_path, dsn) as window:
            assert not window.footer.staged.isVisible() and not window.all_actions["staged.show"].isEnabled()
            assert "Nothing is staged" in window.all_actions["staged.apply"].toolTip()
            before = picture(dsn)
            await stage(window, "job.cancel", *ids[:2])
            assert window.footer.staged.text() == "1 change staged"
            await stage(window, "job.reprioritise", ids[2], priority=7)
            await stage_defer(window, "mail.new")
            assert window.footer.staged.text() == "3 changes staged" and picture(dsn) == before
            click(window.footer.staged)
            dialog = await dialog_of(window, StagedDialog)
            await until(dialog.verb.isEnabled, what="the preflight of the set")
            assert rows(dialog) == [
                ("Cancel", "2", "can be done"),
                ("Reprioritise to 7", "1", "can be done"),
                ("Defer mail.new · queue default", "1", "can be done"),
            ]
            assert dialog.outcomes.texts() == ["2 will be cancelled"]
            assert dialog.verb.text() == "Apply 3 staged changes"
            click(dialog.sql.button)
            assert "cancelled" in dialog.sql.toPlainText()
            click(dialog.verb)
            await ended(window)
            assert window.banners.sentence == "Applied 3 staged changes to 4 jobs."
            assert not window.footer.staged.isVisible()
            assert [others.status(job_id) for job_id in ids] == ["cancelled", "cancelled", "todo", "todo", "todo"]
            assert others.run("SELECT priority FROM procrastinate_jobs WHERE id = %s", ids[2]) == 7
            assert others.run("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'mail.new'") == 1
            (entry,) = await window.session.journal.entries(Search())
            assert (entry.done, entry.left) == (4, 0)
            # What can be undone of it is offered; a new job is cancelled instead.
            click(next(b for b in window.banners.findChildren(QPushButton) if b.text() == "Undo 3…"))
            undo = await dialog_of(window, UndoDialog)
            await until(undo.verb.isEnabled, timeout_s=30, what="the look")
            assert undo.verb.text() == "Undo 3 jobs"
            click(undo.verb)
            await until(lambda: "Undid 3 jobs." in window.banners.sentence, timeout_s=30, what="the undo")
            assert others.run("SELECT priority FROM procrastinate_jobs WHERE id = %s", ids[2]) == 0


async def test_a_worker_that_takes_one_of_the_jobs_leaves_all_of_it_unapplied_and_is_told_by_row(
    dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        ids = [others.defer() for _ in range(4)]
        async with live(tmp_path, dsn) as window:
            await stage(window, "job.cancel", *ids[:2])
            await stage(window, "job.reprioritise", ids[2], priority=7)
            dialog = await shown(window)
            others.start(ids[1])
            before = picture(dsn)
            click(dialog.verb)
            told = await ended(window)
            assert picture(dsn) == before
            assert "Refused: 1 job;" in window.banners.sentence
            assert any("changed meanwhile: running" in line.text for line in told.lines)
            assert any("everything was rolled back" in line.text for line in told.lines)
            ledger_files.save(tmp_path / "ledger.csv", told.ledger, window.acting.work, window.message)
            await until(lambda: not window.acting.work.is_running("export"), what="the file")
            with (tmp_path / "ledger.csv").open(newline="") as file:
                assert [line["result"] for line in csv.DictReader(file)].count("rolled back") == 2
            # The set stays, and what can be done of it is kept by one click.
            assert window.footer.staged.text() == "2 changes staged"
            click(next(b for b in window.banners.findChildren(QPushButton) if b.text() == "Check again…"))
            dialog = await dialog_of(window, StagedDialog)
            await until(lambda: dialog.plan is not None, what="another look")
            assert "Blocked by 1 of 3 jobs" in dialog.message.sentence
            (fix,) = [each for each in dialog.message.findChildren(QPushButton) if each.text().startswith("Keep")]
            click(fix)
            await until(dialog.verb.isEnabled, what="the smaller set")
            click(dialog.verb)
            await until(lambda: len(window.acting.acts.listed) == 2)
            await ended(window)
            assert [others.status(job_id) for job_id in ids] == ["cancelled", "doing", "todo", "todo"]


async def test_a_staged_job_is_edited_and_a_conflict_of_queueing_locks_is_told_before(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            await stage_defer(window, "mail.a", "only")
            await stage_defer(window, "mail.b", "only")
            dialog = await shown(window)
            assert not dialog.verb.isEnabled() and "exclude that" in dialog.verb.toolTip()
            assert [row[2] for row in rows(dialog)] == ["can be done", "cannot be done"]
            dialog.table.selectRow(1)
            assert "only one can wait" in dialog.outcomes.texts()[0]
            click(dialog.edit_button)
            edit = await dialog_of(window, DeferDialog)
            assert (edit.task.text(), edit.queueing_lock.text()) == ("mail.b", "only") and not edit.second.isVisible()
            edit.queueing_lock.setText("other")
            edit.schedule.choose_after(2, "days")
            click(edit.verb)
            await until(dialog.verb.isEnabled, what="the edited set")
            dialog.table.selectRow(1)
            click(dialog.edit_button)
            edit = await dialog_of(window, DeferDialog)
            assert edit.job().scheduled_at is not None, "the schedule stays when it is edited again"
            edit.reject()
            click(dialog.verb)
            await closed(window)
            assert others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'") == 2
            assert others.run("SELECT scheduled_at > now() FROM procrastinate_jobs WHERE queueing_lock = 'other'")


async def test_changes_are_left_out_one_by_one_or_thrown_away_when_that_is_meant(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [others.defer() for _ in range(3)]
        before = picture(dsn)
        async with live(tmp_path, dsn) as window:
            await stage(window, "job.cancel", ids[0])
            await stage(window, "job.reprioritise", ids[1], priority=4)
            await stage_defer(window, "mail.new")
            dialog = await shown(window)
            dialog.table.selectRow(1)
            click(dialog.remove_button)
            await until(lambda: [row[0] for row in rows(dialog)] == ["Cancel", "Defer mail.new · queue default"])
            click(dialog.discard_button)
            ask = await dialog_of(window, DiscardDialog)
            assert ask.title.text() == "Discard 2 staged changes?"
            assert ask.verb.palette().color(QPalette.ColorRole.ButtonText) == theme().tokens.colour("failed")
            ask.reject()
            assert window.footer.staged.text() == "2 changes staged"
            click(dialog.discard_button)
            click((await dialog_of(window, DiscardDialog)).verb)
            await closed(window)
            assert not window.footer.staged.isVisible() and picture(dsn) == before


@pytest.mark.parametrize("door", ["close", "quit"])
async def test_the_program_asks_before_staged_changes_are_lost(dsn: str, tmp_path: Path, door: str) -> None:
    ended = []
    async with live(tmp_path, dsn) as window:
        window.window().closing.connect(lambda: ended.append("closed"))

        def leave() -> None:
            window.window().close() if door == "close" else window.all_actions["app.quit"].trigger()

        await stage_defer(window, "mail.new")
        leave()
        ask = await dialog_of(window, DiscardDialog)
        leave()
        assert len(window.findChildren(DiscardDialog)) == 1
        assert "not kept when this is closed" in ask.sentence.text()
        assert ask.focusWidget() is ask.cancel_button
        ask.reject()
        await closed(window)
        assert not ended and window.isVisible() and window.footer.staged.isVisible()
        leave()
        click((await dialog_of(window, DiscardDialog)).verb)
        await until(lambda: len(ended) == 1, what="the end")
        ended.clear()
        leave()
        assert len(ended) == 1, "nothing is staged any more"


async def test_staged_changes_belong_to_their_connection_and_outlive_its_closing(
    dsn: str, empty_dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with opened(tmp_path, Profile(name="first", method="dsn", dsn=dsn)) as window:
            await until(lambda: window.header.live.mode == "live", what="the feed to go live")
            await stage(window, "job.cancel", job_id)
            window.all_actions["view.refresh"].trigger()
            assert window.footer.staged.text() == "1 change staged"
            window.all_actions["connection.close"].trigger()
            await until(lambda: "Not applied" in window.message.sentence, what="the warning")
            assert "1 staged change for first" in window.message.sentence and not window.footer.staged.isVisible()
            assert window.all_actions["staged.show"].toolTip() == "Connect to a database first."
            window.session.open(Profile(name="second", method="dsn", dsn=empty_dsn))
            await until(lambda: window.session.desk is not None, what="another connection")
            assert not window.footer.staged.isVisible()
            window.session.open(Profile(name="first", method="dsn", dsn=dsn))
            await until(lambda: window.footer.staged.isVisible(), what="the first connection")
            await until(lambda: window.header.live.mode == "live", what="the feed to go live")
            assert not window.message.sentence
            dialog = await shown(window, "staged.apply")
            assert dialog.verb.isEnabled()
            click(dialog.verb)
            await closed(window)
            assert others.status(job_id) == "cancelled"


async def test_on_production_the_profiles_name_is_typed_before_it_is_applied(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn, environment="production") as window:
            await stage(window, "job.delete", job_id)
            dialog = await shown(window)
            assert not dialog.verb.isEnabled() and "Type the profile's name" in dialog.verb.toolTip()
            QTest.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
            assert others.status(job_id) == "todo"
            QTest.keyClicks(dialog.safety.name, "test")
            click(dialog.verb)
            await closed(window)
            assert others.status(job_id) is None


async def test_what_makes_room_for_a_retry_can_be_staged_before_it(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        again = others.defer(queueing_lock="one")
        others.start(again)
        others.finish(again, "failed")
        holder = others.defer(queueing_lock="one")
        async with live(tmp_path, dsn) as window:
            await stage(window, "job.cancel", holder)
            await stage(window, "job.retry", again)
            dialog = await shown(window)
            assert [row[2] for row in rows(dialog)] == ["can be done", "can be done"]
            click(dialog.verb)
            await closed(window)
            assert (others.status(again), others.status(holder)) == ("todo", "cancelled")


async def test_it_is_reached_and_done_by_the_keyboard(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            await stage(window, "job.cancel", job_id)
            window.window().activateWindow()
            await until(window.isActiveWindow, what="the window to be in front")
            QTest.keySequence(window.jobs.table, QKeySequence("Ctrl+Shift+S"))
            dialog = await dialog_of(window, StagedDialog)
            await until(dialog.verb.isEnabled, what="the preflight of the set")
            assert dialog.table.hasFocus()
            QTest.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
            await closed(window)
            assert others.status(job_id) == "cancelled"


async def test_text_from_the_database_is_shown_as_it_is(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.run(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE '<b>no</b> %%', repeat('x', 9000); END $$"
        )
        job_id = others.defer()
        others.run("CREATE TRIGGER refuse BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION refuse()")
        async with live(tmp_path, dsn) as window:
            await stage(window, "job.cancel", job_id)
            await stage_defer(window, HOSTILE.replace("\n", ""))
            dialog = await shown(window)
            click(dialog.verb)
            told = await ended(window)
            assert any("<b>no</b>" in line.text for line in told.lines)
            window.acting.show_ledger(window.acting.acts.listed[-1])
            ledger = await dialog_of(window, LedgerDialog)
            assert ledger.width() <= window.window().width()
            for label in ledger.findChildren(QLabel):
                assert label.textFormat() == Qt.TextFormat.PlainText or "<b>" not in label.text()
            assert desk_of(window) is not None and others.status(job_id) == "todo"


async def test_rows_are_staged_and_applied_with_other_changes_all_or_nothing(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        first = others.defer()
        async with live(tmp_path, dsn) as window:
            await stage(window, "job.cancel", first)
            window.all_actions["job.defer_many"].trigger()
            many = await dialog_of(window, DeferManyDialog)
            many.fields.task.setText("mail.send")
            many.fields.queueing_lock.setText("user-{user}")
            many.rows.edit.setPlainText("user\n7\n8\n8\n")
            await until(lambda: many.plan is not None and many.plan.ready == 2, what="the rows")
            assert not many.second.isEnabled()  # one row cannot be, and nobody has said to leave it out
            many.leave_out.click()
            click(many.second)
            await closed(window)
            assert others.run("SELECT count(*) FROM procrastinate_jobs") == 1
            dialog = await shown(window)
            assert dialog.model.rowCount() == 3
            assert ['"user": 7' in row[0] for row in rows(dialog)] == [False, True, False]
            taken = others.defer(queueing_lock="user-8")
            click(dialog.verb)
            await ended(window)
            assert others.status(first) == "todo" and others.run("SELECT count(*) FROM procrastinate_jobs") == 2
            others.run("DELETE FROM procrastinate_jobs WHERE id = %s", taken)
            dialog = await shown(window)
            click(dialog.verb)
            await until(lambda: len(window.acting.acts.listed) == 2)
            await ended(window)
            assert others.status(first) == "cancelled"
            assert others.run("SELECT count(*) FROM procrastinate_jobs WHERE queueing_lock LIKE 'user-%%'") == 2


async def test_a_replay_is_staged_for_the_connection_it_is_meant_for(dsn: str, empty_dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(empty_dsn) as connection:
        connection.execute(schema_sql().encode())
    there = Profile(name="staging", method="dsn", dsn=empty_dsn)
    with Others(dsn) as others, Others(empty_dsn) as elsewhere:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            window.session.store.save(there)
            await until(lambda: window.jobs.model.position(job_id) is not None)
            window.jobs.inspect(job_id)
            await until(window.all_actions["job.replay"].isEnabled)
            window.all_actions["job.replay"].trigger()
            dialog = await dialog_of(window, ReplayDialog)
            dialog.profile.setCurrentIndex(1)
            await until(lambda: dialog.plan is not None, what="the preview")
            click(dialog.second)
            await closed(window)
            assert elsewhere.run("SELECT count(*) FROM procrastinate_jobs") == 0
            assert not window.commands.staged.current.entries
            window.session.open(there)
            await until(lambda: window.session.desk is not None and desk_of(window).profile.name == "staging")
            await until(lambda: window.header.live.mode == "live", what="the feed to go live")
            click((await shown(window)).verb)
            await closed(window)
            assert elsewhere.run("SELECT count(*) FROM procrastinate_jobs") == 1
