"""Acts in the background: the window stays usable, the numbers add up at every moment, and nothing is ever lost."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psycopg
import shiboken6
from jobdesk.acting import ledger_files
from jobdesk.acting.act import Act
from jobdesk.acting.leaving import LeaveDialog
from jobdesk.acting.ledger import LedgerDialog
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.acting.undo import UndoDialog
from jobdesk.acting.view import ActView
from jobdesk.kit.theme import theme
from jobdesk.window.desk_view import DeskView
from jobdesk_core.journal import Search
from jobdesk_core.profiles import Profile
from opened import Others, dialog_of, live, opened
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QDialog, QPushButton, QWidget
from waiting import until

SLOW = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END $$"
KILL = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
    "AND datname = current_database() AND wait_event = 'PgSleep'"
)

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
LOOKING = f"{WAITING} AND query LIKE '%%LEFT JOIN procrastinate_jobs AS job ON job.id = ANY%%'"


def click(button: QAbstractButton) -> None:
    assert button.isVisible() and button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def press(parent: QWidget, text: str) -> None:
    """Click on a button of that text as soon as it can be: what tells how an act goes on may be building it anew."""

    def found() -> QPushButton | None:
        buttons = parent.findChildren(QPushButton)
        return next((each for each in buttons if each.text() == text and each.isVisible() and each.isEnabled()), None)

    click(await until(found, what=text))


def fill(others: Others, jobs: int, status: str = "failed", queue: str = "mail") -> None:
    others.run(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts) "
        "SELECT %s, 'mail.send', %s::procrastinate_job_status, 3 FROM generate_series(1, %s)",
        queue,
        status,
        jobs,
    )


async def gone(window: DeskView) -> None:
    """Until no dialog is open, whatever is being done."""
    await until(lambda: not any(each.isVisible() for each in window.findChildren(QDialog)), what="the dialog to close")


async def begun(window: DeskView, key: str, text: str, *, rate: int = 0, brake: int = 0, name: str = "") -> Act:
    """Start an act on all that match a filter, as an operator does."""
    window.header.filter_bar.set_text(text)
    await until(lambda: window.jobs.model.job_filter.text == text)
    await until(window.all_actions[key].isEnabled, what=f"{key} to be possible")
    window.all_actions[key].trigger()
    dialog = await dialog_of(window, PreflightDialog)
    await until(lambda: dialog.plan is not None, what="the preflight")
    dialog.safety.per_second.setValue(rate)
    if brake:
        click(dialog.safety.brake_on)
        dialog.safety.share.setValue(brake)
    if name:
        QTest.keyClicks(dialog.safety.name, name)
    click(dialog.verb)
    await gone(window)
    return window.acting.acts.listed[-1]


def adds_up(view: ActView) -> bool:
    """Whether what became of them adds up: the retried ones to `retried`, all to `chosen`."""
    lines, above, total = view.numbers(), 0, 0
    for text, count in lines.items():
        if text == "retried":
            assert count == above, lines
            total += count
        elif text == "chosen":
            assert count == total, lines
            return True
        elif total or "retried" not in lines or list(lines).index(text) > list(lines).index("retried"):
            total += count
        else:
            above += count
    return False


async def test_a_retry_runs_while_the_window_is_used_and_is_undone_for_those_that_wait(
    dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        fill(others, 300)
        fill(others, 6, "succeeded")
        worker = others.register_worker()
        async with live(tmp_path, dsn) as window:
            act = await begun(window, "matching.retry", "queue:mail", rate=100)
            chip = window.acting.chip
            await until(lambda: act.progress.at > 20, what="the first jobs")
            assert chip.isVisible() and chip.words.text().startswith("Retrying 300 jobs · ")
            chip.words.click()
            view = window.acting.panel.views[act]
            assert view.isVisible() and not window.jobs.inspector.isVisible()
            # Workers run and fail some of them, and the window is used meanwhile.
            for status in ("succeeded", "failed", "failed"):
                job_id = others.run("SELECT min(id) FROM procrastinate_jobs WHERE status = 'todo'")
                others.start(job_id, worker)
                others.finish(job_id, status)
            others.start(others.run("SELECT min(id) FROM procrastinate_jobs WHERE status = 'todo'"), worker)
            window.header.filter_bar.set_text("status:succeeded")
            await until(lambda: window.jobs.model.rowCount() == 7, what="the filter to show the succeeded")
            samples = 0
            while not act.is_over:
                view.show_act()
                samples += adds_up(view)
                await asyncio.sleep(0.02)
            assert samples > 20 and act.took_s > 1.5
            await until(lambda: view.numbers().get("due again") == 296, what="the last look at what became of them")
            assert view.numbers() == {
                **{"due again": 296, "running": 1, "succeeded": 1, "failed again": 2, "retried": 300},
                **{"skipped": 6, "chosen": 306},
            }
            assert adds_up(view) and not chip.isVisible()
            assert window.banners.sentence == "Retried 300 jobs, 6 skipped."
            await until(lambda: view.undo.isVisible())
            assert view.undo.text() == "Undo 296…"
            window.banners.bars[0].follow()
            await until(lambda: window.jobs.model.rowCount() == 300, what="the jobs of the link")
            assert window.jobs.model.job_filter.text.count(",") == 299
            click(view.undo)
            dialog = await dialog_of(window, UndoDialog)
            await until(dialog.verb.isEnabled, what="the undo's plan")
            assert dialog.verb.text() == "Undo 296 jobs"
            click(dialog.verb)
            await until(lambda: "Undid 296 jobs" in window.banners.sentence, what="the undo")
            assert others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'") == 298


async def test_paused_gone_on_and_stopped_within_a_tenth_of_a_second_it_tells_what_was_done(
    dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        fill(others, 400)
        async with live(tmp_path, dsn) as window:
            act = await begun(window, "matching.retry", "queue:mail", rate=50)
            chip = window.acting.chip
            await until(lambda: act.progress.at >= 10, what="the first jobs")
            with psycopg.connect(dsn) as holder:
                # The step under way waits for the table: as long as it does, nobody can say that nothing is done.
                await asyncio.to_thread(holder.execute, "LOCK TABLE procrastinate_jobs IN EXCLUSIVE MODE")
                await until(lambda: others.run(WAITING) >= 1, what="a step that waits")
                click(chip.pause)
                at = act.progress.at
                assert (chip.words.text(), chip.pause.text()) == (f"Pausing at {at} of 400…", "Go on")
            await until(lambda: chip.words.text() == f"Paused at {act.progress.at} of 400", what="the pause")
            held = others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            await asyncio.sleep(0.5)
            assert others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'") == held
            assert chip.pause.text() == "Go on"
            click(chip.pause)
            await until(lambda: act.progress.at > held, what="going on")
            asked = time.monotonic()
            click(chip.stop)
            assert chip.words.text().startswith("Stopping at ") and not chip.stop.isEnabled()
            assert time.monotonic() - asked < 3
            await until(lambda: act.is_over, what="the end")
            assert time.monotonic() - asked < 10
            done = others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            assert window.banners.sentence == f"Stopped: retried {done} of 400 jobs, {400 - done} left as they were."
            view = window.acting.panel.views[act]
            await until(lambda: act.became is not None and act.became.not_reached == 400 - done, what="the last read")
            await until(lambda: view.far.text() == f"{done} of 400", what="how far it came")
            assert view.bar.value() == 1_000 * done // 400
            assert 0 < act.per_second < 100, "the pace is of what was done"
            await press(window.banners, "Show ledger")
            dialog = await dialog_of(window, LedgerDialog)
            ledger = act.ended and act.ended.ledger
            assert ledger is not None
            ledger_files.save(tmp_path / "ledger.csv", ledger, dialog.work, dialog.message)
            await until(lambda: not dialog.work.is_running("export"), what="the file")
            assert len((tmp_path / "ledger.csv").read_text().splitlines()) == 401


async def test_the_brake_holds_a_retry_whose_jobs_fail_again(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        fill(others, 400)
        async with live(tmp_path, dsn) as window:
            act = await begun(window, "matching.retry", "queue:mail", rate=50, brake=10)

            def fail_some() -> bool:
                others.run(
                    "WITH few AS (SELECT id FROM procrastinate_jobs WHERE status = 'todo' LIMIT 5 FOR UPDATE) "
                    "UPDATE procrastinate_jobs SET status = 'failed' WHERE id IN (SELECT id FROM few)"
                )
                return act.state == "held"

            await until(fail_some, what="the brake")
            chip = window.acting.chip
            await until(lambda: chip.words.text().startswith("Paused: "), what="the chip to say why")
            assert "have failed again" in chip.words.text() and chip.words.property("tone") == "warning"
            amber = theme().tokens.colour("warning")
            assert chip.words.palette().color(QPalette.ColorRole.ButtonText) == amber
            at = act.progress.at
            click(chip.pause)
            await until(lambda: act.progress.at > at, what="going on")
            act.stop()
            await until(lambda: act.is_over)


async def test_two_acts_at_once_are_told_together_and_each_in_the_panel(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        fill(others, 100)
        fill(others, 100, "todo", "billing")
        async with live(tmp_path, dsn) as window:
            first = await begun(window, "matching.retry", "queue:mail", rate=40)
            second = await begun(window, "matching.cancel", "queue:billing", rate=40)
            assert not first.is_over
            await until(lambda: second.progress.at > 5)
            chip = window.acting.chip
            assert chip.words.text().startswith("2 acts · ") and not chip.stop.isVisible()
            chip.words.click()
            views = window.acting.panel.views
            while window.acting.acts.running:
                for view in views.values():
                    view.show_act()
                    adds_up(view)
                await asyncio.sleep(0.02)
            assert {bar.sentence for bar in window.banners.bars} == {"Retried 100 jobs.", "Cancelled 100 jobs."}
            window.banners.clear()


async def test_an_act_that_is_told_no_longer_is_not_followed_any_further(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others, psycopg.connect(dsn) as holds:
        fill(others, 3)
        async with live(tmp_path, dsn) as window:
            act = await begun(window, "matching.retry", "queue:mail")
            await until(lambda: act.became is not None and act.is_over, what="the first look at what became of them")
            # A look is under way, and will tell something new.
            await asyncio.to_thread(holds.execute, "LOCK TABLE procrastinate_jobs")
            holds.execute("UPDATE procrastinate_jobs SET status = 'succeeded'")
            await until(lambda: others.run(LOOKING) == 1, what="a look that waits")
            window.acting.acts.forget(act)
            await until(lambda: not shiboken6.isValid(act), what="the act to be gone")
            holds.commit()
            await until(lambda: others.run(LOOKING) == 0, what="the end of the look")
            # An error of it fails the test in the end.
            await asyncio.sleep(0.2)
            assert not window.acting.panel.views and not window.banners.bars


async def test_leaving_asks_while_an_act_runs_and_loses_nothing(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        fill(others, 400)
        async with live(tmp_path, dsn) as window:
            act = await begun(window, "matching.retry", "queue:mail", rate=50)
            await until(lambda: act.progress.at >= 10, what="the first jobs")
            ends: list[bool] = []
            window.window().closing.connect(lambda: ends.append(True))
            window.window().close()
            dialog = await dialog_of(window, LeaveDialog)
            assert dialog.title.text() == f"An act is running: {act.to_go} jobs to go."
            assert dialog.verb.text() == "Stop it and close" and dialog.focusWidget() is dialog.cancel_button
            click(dialog.cancel_button)
            await gone(window)
            assert not ends and act.state == "running"
            window.all_actions["connection.close"].trigger()
            dialog = await dialog_of(window, LeaveDialog)
            assert dialog.verb.text() == "Stop it and disconnect"
            click(dialog.verb)
            await until(lambda: window.session.desk is None, what="the connection to close")
            done = others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            assert 10 <= done < 400 and not ends
            (entry,) = await window.session.journal.entries(Search())
            assert (entry.done, entry.left, entry.error) == (done, 400 - done, "It was stopped.")


async def test_a_link_that_breaks_in_the_act_leaves_the_rest_as_it_was_and_says_so(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        fill(others, 400)
        async with live(tmp_path, dsn) as window:
            act = await begun(window, "matching.retry", "queue:mail", rate=50)
            await until(lambda: act.progress.at >= 10, what="the first jobs")
            others.run(SLOW)
            others.run("CREATE TRIGGER slow BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION slow()")
            with psycopg.connect(dsn, autocommit=True) as admin:
                while not act.is_over:
                    admin.execute(KILL)
                    await asyncio.sleep(0.01)
            done = others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            ledger = act.errand.ledger
            assert ledger is not None and act.ended is not None and act.ended.kind == "bad"
            counts = {result.value: count for result, count in ledger.counts.items() if count}
            assert counts["done"] <= done <= counts["done"] + counts.get("unknown", 0)
            assert sum(counts.values()) == 400
            assert f"Retried {counts['done']} of 400 jobs" in window.banners.sentence
            assert f"{counts['not reached']} left as they were" in window.banners.sentence


async def test_a_retry_that_no_worker_takes_is_a_warning_and_its_undo_on_production_asks_for_the_name(
    dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        fill(others, 101)
        async with opened(tmp_path, Profile(name="live", method="dsn", dsn=dsn, environment="production")) as window:
            await until(lambda: window.header.live.mode == "live", what="the feed to go live")
            act = await begun(window, "matching.retry", "queue:mail", name="live")
            await until(lambda: act.is_over, what="the end")
            (bar,) = window.banners.bars
            assert bar.sentence == "Retried 101 jobs." and act.ended is not None and act.ended.kind == "warning"
            assert "no worker is alive" in bar.text and bar.text.endswith("start one."), bar.text
            await until(lambda: act.became is not None and act.became.waiting == 101, what="what became of them")
            await press(bar, "Undo 101…")
            dialog = await dialog_of(window, UndoDialog)
            await until(dialog.safety.name.isVisible, what="the undo's plan")
            assert dialog.verb.text() == "Undo 101 jobs" and not dialog.verb.isEnabled()
            QTest.keyClicks(dialog.safety.name, "live")
            click(dialog.verb)
            await until(lambda: "Undid 101 jobs" in window.banners.sentence, what="the undo")
