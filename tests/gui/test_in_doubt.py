"""Acts whose answer is lost at COMMIT, in the real window: what nobody knows is said, not offered again, and settles by
itself when the link is back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dropping import Dropper, Fault
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.acting.undo import UndoDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.deferring.many_dialog import DeferManyDialog
from jobdesk.deferring.replay import ReplayDialog
from jobdesk.staging.dialog import StagedDialog
from jobdesk.window.desk_view import DeskView
from jobdesk.workers.prune import PruneDialog
from jobdesk_core.journal import Search
from jobdesk_core.profiles import Profile
from opened import Others, closed, dialog_of, live
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from waiting import until

#: What only an act sends before its COMMIT: asks for the transaction's mark.
MARK = b"pg_current_xact_id"
FAULTS: tuple[Fault, ...] = ("question", "answer")


@pytest.fixture
def dropper(dsn: str) -> Iterator[Dropper]:
    with Dropper(dsn).running() as link:
        yield link


async def opened_by(window: DeskView, key: str, kind: type[Any]) -> Any:
    await until(window.all_actions[key].isEnabled, timeout_s=30, what=f"{key} to be possible")
    window.all_actions[key].trigger()
    return await dialog_of(window, kind)


async def click(dialog: Any) -> None:
    await until(dialog.verb.isEnabled, timeout_s=30, what="the verb")
    dialog.verb.click()


async def broken(dialog: Any, link: Dropper, fault: Fault) -> None:
    """Press the verb, and break the link at its COMMIT, so that it stays down."""
    await until(dialog.verb.isEnabled, timeout_s=30, what="the verb")
    link.lose(fault, marked=MARK, stays_down=True)
    dialog.verb.click()
    await until(link.lost.is_set, timeout_s=30, what="the link to break")


async def back(window: DeskView, link: Dropper) -> None:
    link.is_down = False
    await until(lambda: window.header.live.mode == "live", timeout_s=60, what="the link to be back")


async def cancel(window: DeskView, others: Others, job_id: int) -> PreflightDialog:
    await until(lambda: window.jobs.model.position(job_id) is not None, timeout_s=30, what="the job")
    window.jobs.inspect(job_id)
    dialog: PreflightDialog = await opened_by(window, "job.cancel", PreflightDialog)
    return dialog


async def many(window: DeskView) -> DeferManyDialog:
    dialog: DeferManyDialog = await opened_by(window, "job.defer_many", DeferManyDialog)
    dialog.fields.task.setText("mail.many")
    dialog.rows.edit.setPlainText('{"n": 1}\n{"n": 2}')
    return dialog


async def told(window: DeskView, *words: str) -> None:
    """Until the newest banner says this."""
    said = " … ".join(words)
    try:
        await until(lambda: all(each in window.banners.sentence for each in words), timeout_s=60, what=said)
    except AssertionError:
        states = [act.state for act in window.acting.acts.listed]
        raise AssertionError(f"{said!r} was not told, but {window.banners.sentence!r}; {states}") from None


def tasks(others: Others, task: str) -> int:
    return int(others.run("SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s", task))


async def settled(window: DeskView) -> bool:
    return not await window.session.journal.in_doubt()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_defer_keeps_what_was_typed_and_waits_until_it_is_known(
    dsn: str, dropper: Dropper, tmp_path: Path, fault: Fault
) -> None:
    with Others(dsn) as others:
        async with live(tmp_path, dropper.dsn) as window:
            dialog: DeferDialog = await opened_by(window, "job.defer", DeferDialog)
            dialog.task.setText("mail.once")
            dialog.arguments.set_value({"to": "a"})
            await broken(dialog, dropper, fault)
            await until(lambda: "is not known" in dialog.message.sentence, what="the words")
            assert "Whether mail.once was deferred as job #" in dialog.message.sentence
            QTest.keyClicks(dialog.lock, "x")
            dialog.lock.clear()
            for button in (dialog.verb, dialog.second):
                assert not button.isEnabled() and "is not known" in button.toolTip()
            dialog.submit()
            assert dialog.task.text() == "mail.once" and dialog.arguments.value() == {"to": "a"}
            await told(window, "is not known")
            await back(window, dropper)
            if fault == "answer":
                await told(window, "Deferred job #", "mail.once")
                await closed(window)
            else:
                await until(lambda: "was not deferred" in dialog.message.sentence, timeout_s=40, what="the outcome")
                assert dialog.task.text() == "mail.once" and dialog.arguments.value() == {"to": "a"}
                await told(window, "was not deferred")
                await click(dialog)
                await closed(window)
            assert tasks(others, "mail.once") == 1 and await settled(window)


async def test_a_defer_dialog_that_is_closed_meanwhile_is_told_by_the_banner(
    dsn: str, dropper: Dropper, tmp_path: Path
) -> None:
    async with live(tmp_path, dropper.dsn) as window:
        dialog: DeferDialog = await opened_by(window, "job.defer", DeferDialog)
        dialog.task.setText("mail.once")
        await broken(dialog, dropper, "answer")
        await until(lambda: "is not known" in dialog.message.sentence, what="the words")
        dialog.leave()
        await closed(window)
        await told(window, "is not known")
        window.banners.bars[0]._close.click()
        await back(window, dropper)
        await told(window, "Deferred job #", "mail.once")


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_cancel_and_its_undo_are_told_when_they_are_known(
    dsn: str, dropper: Dropper, tmp_path: Path, fault: Fault
) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dropper.dsn) as window:
            await broken(await cancel(window, others, job_id), dropper, fault)
            await told(window, "Whether 1 job was cancelled is not known yet")
            (act,) = window.acting.acts.listed
            assert [each.text() for each in window.banners.findChildren(QPushButton) if "Undo" in each.text()] == []
            window.show_page("journal")
            page = window.pages.get("journal")
            await until(lambda: page.model.rowCount() == 1, timeout_s=30, what="the entry")
            assert "1 not known yet" in page.model.index(0, 2).data()
            page.table.selectRow(0)
            assert not page.detail.undo.isEnabled() and "is not known yet" in page.detail.undo.toolTip()
            await back(window, dropper)
            if fault == "question":
                await told(window, "Cancelled 0 of 1 job, 1 left as it was")
                assert others.status(job_id) == "todo" and not act.is_in_doubt
                return
            await told(window, f"Cancelled job #{job_id}")
            assert window.banners.bars[0].kind == "good" and others.status(job_id) == "cancelled"
            assert act.done == 1
            await until(lambda: page.model.index(0, 2).data() == "1 done", timeout_s=30, what="the entry")
            for lost in FAULTS:
                await until(page.detail.undo.isEnabled, timeout_s=30, what="the undo")
                page.detail.undo.click()
                await broken(await dialog_of(window, UndoDialog), dropper, lost)
                await told(window, "Whether the last jobs were undone is not known yet")
                await back(window, dropper)
                await told(window, "Nothing was undone" if lost == "question" else "Undid 1 job.")
            assert others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'") == 1


async def test_new_jobs_that_were_not_deferred_are_offered_to_be_staged_once_that_is_known(
    dsn: str, dropper: Dropper, tmp_path: Path
) -> None:
    def offered(window: DeskView) -> list[QPushButton]:
        buttons = window.banners.findChildren(QPushButton)
        return [each for each in buttons if each.isVisible() and each.text().startswith("Stage the")]

    with Others(dsn) as others:
        async with live(tmp_path, dropper.dsn) as window:
            await broken(await many(window), dropper, "question")
            await told(window, "Whether 2 jobs were deferred is not known yet")
            assert offered(window) == []
            await back(window, dropper)
            await told(window, "2 rolled back")
            (stage,) = offered(window)
            assert stage.text() == "Stage the 2 jobs left"
            stage.click()
            stage.click()
            dialog = await opened_by(window, "staged.show", StagedDialog)
            await click(dialog)
            await told(window, "to 2 jobs.")
            assert tasks(others, "mail.many") == 2


@pytest.mark.parametrize("fault", FAULTS)
async def test_many_new_jobs_and_staged_changes(dsn: str, dropper: Dropper, tmp_path: Path, fault: Fault) -> None:
    with Others(dsn) as others:
        async with live(tmp_path, dropper.dsn) as window:
            await broken(await many(window), dropper, fault)
            await told(window, "Whether 2 jobs were deferred is not known yet")
            await back(window, dropper)
            await told(window, "Deferred 2 jobs" if fault == "answer" else "2 rolled back")
            assert tasks(others, "mail.many") == (2 if fault == "answer" else 0)
            dialog: Any = await opened_by(window, "job.defer", DeferDialog)
            dialog.task.setText("mail.staged")
            dialog.second.click()
            await broken(await opened_by(window, "staged.show", StagedDialog), dropper, fault)
            await told(window, "Whether 1 staged change was applied is not known yet")
            assert not window.all_actions["staged.show"].isEnabled(), "not offered before it is known"
            await back(window, dropper)
            if fault == "answer":
                await told(window, "Applied 1 staged change to 1 job.")
                assert not window.footer.staged.isVisible()
            else:
                await told(window, "Nothing was changed.")
                assert window.footer.staged.text() == "1 change staged"
            assert tasks(others, "mail.staged") == (1 if fault == "answer" else 0)


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_left_in_doubt_is_found_out_when_the_database_is_connected_to_again(
    dsn: str, dropper: Dropper, tmp_path: Path, fault: Fault
) -> None:
    is_done = fault == "answer"
    with Others(dsn) as others:
        async with live(tmp_path, dropper.dsn) as window:
            dialog: Any = await opened_by(window, "job.defer", DeferDialog)
            dialog.task.setText("mail.staged")
            dialog.second.click()
            await broken(await opened_by(window, "staged.show", StagedDialog), dropper, fault)
            await told(window, "Whether 1 staged change was applied is not known yet")
            window.session.close()
            await until(lambda: window.session.desk is None, timeout_s=30, what="the connection to close")
            assert not window.footer.staged.isVisible()
            dropper.is_down = False
            window.session.reopen()
            await told(window, "Applied 1 staged change to 1 job." if is_done else "Nothing was changed.")
            assert len(window.commands.staged.current.entries) == (0 if is_done else 1)
            assert tasks(others, "mail.staged") == (1 if is_done else 0)
            window.commands.staged.changes.drop_all()
            await until(lambda: window.header.live.mode == "live", timeout_s=60, what="the link to be back")
            await broken(await many(window), dropper, fault)
            await told(window, "is not known yet")
            assert await window.session.journal.in_doubt()
        # Closed meanwhile: the next window finds out by itself.
        dropper.is_down = False
        async with live(tmp_path, dropper.dsn) as window:
            page = window.pages.get("journal")
            window.show_page("journal")
            words = "2 done" if is_done else "none of 2 done"
            await until(lambda: words in str(page.model.index(0, 2).data()), timeout_s=40, what="the outcome")
            assert await settled(window) and tasks(others, "mail.many") == (2 if is_done else 0)


@pytest.mark.parametrize("fault", FAULTS)
async def test_replayed_jobs_keep_the_other_connection_until_it_is_known(
    dsn: str, module_dsn: str, tmp_path: Path, fault: Fault
) -> None:
    with Others(dsn) as others, Others(module_dsn) as there:
        job_id = others.defer("mail.again")
        with Dropper(module_dsn).running() as link:
            async with live(tmp_path, dsn) as window:
                window.session.store.save(Profile(name="staging", method="dsn", dsn=link.dsn))
                await until(lambda: window.jobs.model.position(job_id) is not None, timeout_s=30, what="the job")
                window.jobs.inspect(job_id)
                dialog: ReplayDialog = await opened_by(window, "job.replay", ReplayDialog)
                dialog.profile.setCurrentIndex(1)
                await broken(dialog, link, fault)
                await told(window, "Whether 1 job was deferred is not known yet")
                link.is_down = False
                await told(window, "on staging" if fault == "answer" else "1 rolled back")
                assert tasks(there, "mail.again") == (1 if fault == "answer" else 0)
                await until(lambda: not window.session._reached, timeout_s=30, what="the other connection to close")
                await closed(window)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_prune_waits_until_it_is_known(dsn: str, dropper: Dropper, tmp_path: Path, fault: Fault) -> None:
    with Others(dsn) as others:
        others.register_worker()
        others.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'")
        async with live(tmp_path, dropper.dsn) as window:
            window.show_page("workers")
            dialog: PruneDialog = await opened_by(window, "worker.prune", PruneDialog)
            await broken(dialog, dropper, fault)
            await until(lambda: "is not known" in dialog.message.sentence, what="the words")
            assert not dialog.verb.isEnabled()
            dropper.is_down = False
            if fault == "answer":
                await told(window, "Pruned one unresponsive worker.")
            else:
                await until(lambda: "connection" in dialog.message.sentence and dialog.verb.isEnabled(), timeout_s=40)
                dialog.reject()
            assert others.run("SELECT count(*) FROM procrastinate_workers") == (0 if fault == "answer" else 1)
            assert await settled(window)
            (entry, *_) = await window.session.journal.entries(Search())
            assert entry.done == (1 if fault == "answer" else 0)
