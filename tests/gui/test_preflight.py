"""The preflight in the real window: exactly what will happen, then how far it is, then what became of each job."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from jobdesk.acting import ledger_files
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core.operations import Result
from opened import Others, closed, desk_of, dialog_of, ended, live
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton
from waiting import until

HOSTILE = "<b>&amp;\u202e'\"%(x)s{}\n" + "ö" * 60


def click(button: QAbstractButton) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def fill(others: Others, jobs: int, status: str = "todo") -> None:
    others.run(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
        "SELECT 'mail', 'mail.send', %s::procrastinate_job_status FROM generate_series(1, %s)",
        status,
        jobs,
    )


async def preflight(window: DeskView, key: str) -> PreflightDialog:
    """The preflight that an action opens, when it has looked at the jobs."""
    await until(window.all_actions[key].isEnabled, what=f"{key} to be possible")
    window.all_actions[key].trigger()
    dialog = await dialog_of(window, PreflightDialog)
    await until(lambda: dialog.plan is not None, what="the preflight")
    return dialog


async def filtered(window: DeskView, text: str) -> None:
    window.header.filter_bar.set_text(text)
    await until(lambda: window.jobs.model.job_filter.text == text)


async def test_all_that_match_are_acted_upon_and_none_besides(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        fill(others, 1_200)
        fill(others, 30, "succeeded")
        spared = others.defer(queue="other")
        async with live(tmp_path, dsn) as window:
            await filtered(window, "queue:mail")
            dialog = await preflight(window, "matching.cancel")
            assert dialog.title.text() == "Cancel 1,200 of 1,230 jobs on test"
            assert dialog.outcomes.texts()[0] == "1,200 will be cancelled"
            assert "30 skipped: finished: succeeded" in dialog.outcomes.texts()
            late = others.defer()
            click(dialog.verb)
            told = await ended(window)
            assert told.ledger.counts[Result.DONE] == 1_200
            assert (1_200, "cancelled") in [(line.count, line.text) for line in told.lines]
            assert window.banners.sentence == "Cancelled 1,200 jobs, 30 skipped."
            assert (others.status(spared), others.status(late)) == ("todo", "todo")
            assert others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'cancelled'") == 1_200
            for name in ("ledger.csv", "ledger.ndjson"):
                ledger_files.save(tmp_path / name, told.ledger, window.acting.work, window.message)
                await until(lambda: not window.acting.work.is_running("export"), what="the file")
            with (tmp_path / "ledger.csv").open(newline="") as file:
                assert len(list(csv.DictReader(file))) == 1_230
            lines = (tmp_path / "ledger.ndjson").read_text().splitlines()
            assert json.loads(lines[0])["result"] == "done"


async def test_what_came_in_between_is_told_before_what_was_left_out_from_the_start(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others, Others(dsn) as holder:
        fill(others, 3)
        fill(others, 5, "succeeded")
        async with live(tmp_path, dsn) as window:
            await filtered(window, "queue:mail")
            dialog = await preflight(window, "matching.cancel")
            holder.run("BEGIN")
            holder.run("SELECT id FROM procrastinate_jobs WHERE id = 2 FOR UPDATE")
            click(dialog.verb)
            told = await ended(window)
            assert [(line.kind, line.count) for line in told.lines] == [
                ("good", 2),
                ("warning", 1),
                ("info", 5),
            ]
            assert "held by another transaction" in told.lines[1].text
            assert (told.kind, told.sentence) == ("warning", "Cancelled 2 jobs, 6 skipped.")


async def test_a_pasted_list_of_ids_is_understood_or_refused_with_the_piece(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        fill(others, 5)
        async with live(tmp_path, dsn) as window:
            dialog = await preflight(window, "matching.cancel")
            dialog.choice.choose(1)
            assert not dialog.verb.isEnabled()
            QTest.keyClicks(dialog.ids, "1, 2 <b>3</b>")
            await until(lambda: "“<b>3</b>” is not a job's id" in dialog.message.sentence, what="the mistake")
            assert not dialog.verb.isEnabled()
            dialog.ids.setPlainText("1, 2, #3, 999")
            await until(lambda: dialog.plan is not None and dialog.plan.total == 4, what="the preflight")
            assert "1 skipped: no longer there: deleted, or never been" in dialog.outcomes.texts()
            click(dialog.verb)
            await ended(window)
            assert [others.status(job_id) for job_id in range(1, 6)] == ["cancelled"] * 3 + ["todo"] * 2


async def test_a_danger_is_refused_until_it_is_ticked(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        others.start(job_id)
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.inspect(job_id))
            dialog = await preflight(window, "job.retry")
            assert any("would run twice" in text for text in dialog.outcomes.texts())
            assert dialog.safety.force.isVisible() and not dialog.verb.isEnabled()
            QTest.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
            assert others.status(job_id) == "doing"
            dialog.safety.force.click()
            await until(dialog.verb.isEnabled, what="the verb")
            click(dialog.verb)
            await ended(window)
            assert others.status(job_id) == "todo"


@pytest.mark.parametrize(("key", "jobs"), [("matching.cancel", 150), ("matching.delete", 1), ("matching.purge", 1)])
async def test_on_production_the_profiles_name_is_typed_first(dsn: str, tmp_path: Path, key: str, jobs: int) -> None:
    with Others(dsn) as others:
        if key == "matching.purge":
            others.start(others.defer())
            others.finish(1)
            others.run("UPDATE procrastinate_events SET at = at - interval '40 days'")
        else:
            fill(others, jobs)
        async with live(tmp_path, dsn, environment="production") as window:
            dialog = await preflight(window, key)
            assert not dialog.verb.isEnabled() and "Type the profile's name" in dialog.verb.toolTip()
            assert dialog.focusWidget() is dialog.safety.name
            QTest.keyClicks(dialog.safety.name, "tes")
            assert not dialog.verb.isEnabled()
            QTest.keyClicks(dialog.safety.name, "t")
            assert dialog.verb.isEnabled()
            QTest.keyClick(dialog.safety.name, Qt.Key.Key_Return)
            assert dialog.isVisible() and not window.acting.acts.listed
        async with live(tmp_path, dsn, environment="staging") as window:
            dialog = await preflight(window, key)
            assert dialog.verb.isEnabled() and not dialog.safety.name.isVisible()


@pytest.mark.parametrize("is_whole", [False, True], ids=["chunks", "one transaction"])
async def test_an_act_is_stopped_and_tells_what_was_not_done(dsn: str, tmp_path: Path, is_whole: bool) -> None:
    with Others(dsn) as others:
        fill(others, 15_000)
        async with live(tmp_path, dsn) as window:
            dialog = await preflight(window, "matching.cancel")
            dialog.safety.how.setCurrentIndex(int(is_whole))
            click(dialog.verb)
            act = window.acting.acts.listed[-1]
            await until(lambda: act.progress.at > 0, what="the first chunk")
            assert window.acting.chip.pause.isVisible() is not is_whole
            if not is_whole:
                click(window.acting.chip.pause)
                assert act.state == "pausing"
            click(window.acting.chip.stop)
            told = await ended(window)
            assert told.ledger.is_stopped
            done = told.ledger.counts[Result.DONE]
            assert others.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'cancelled'") == done < 15_000
            assert (done == 0) is is_whole
            assert told.sentence.startswith("Stopped: ") and ("rolled back" in told.remedy) is is_whole


def limit(dialog: PreflightDialog, text: str) -> None:
    """Type a rate, as an operator does."""
    dialog.safety.per_second.setFocus()
    dialog.safety.per_second.selectAll()
    QTest.keyClick(dialog.safety.per_second, Qt.Key.Key_Delete)
    QTest.keyClicks(dialog.safety.per_second, text)


async def test_a_limit_is_kept_and_the_progress_tells_it_and_the_time_left(dsn: str, tmp_path: Path) -> None:
    moments = "SELECT array_agg(extract(epoch FROM at)::float8) FROM procrastinate_events WHERE type = 'cancelled'"
    with Others(dsn) as others:
        fill(others, 30)
        async with live(tmp_path, dsn) as window:
            dialog = await preflight(window, "matching.cancel")
            limit(dialog, "20")
            click(dialog.sql.button)
            assert "'{1,2}'" in dialog.sql.toPlainText()
            click(dialog.verb)
            await until(lambda: window.acting.chip.words.text().startswith("Cancelling 30 jobs · "))
            act = window.acting.acts.listed[-1]
            assert ("chunks", "at most 20 jobs a second", "") in act.errand.how
            await ended(window)
            found = others.run(moments)
            assert len(found) == 30
            assert max(sum(first <= moment < first + 1 for moment in found) for first in found) <= 20


@pytest.mark.parametrize("is_paused", [False, True], ids=["going", "paused"])
async def test_a_stop_ends_the_wait_of_a_limit(dsn: str, tmp_path: Path, is_paused: bool) -> None:
    with Others(dsn) as others:
        fill(others, 1_000)
        async with live(tmp_path, dsn) as window:
            dialog = await preflight(window, "matching.cancel")
            limit(dialog, "1")
            click(dialog.verb)
            act, chip = window.acting.acts.listed[-1], window.acting.chip
            await until(lambda: act.progress.at == 1, what="the first job")
            if is_paused:
                click(chip.pause)
            click(chip.stop)
            told = await ended(window)
            assert told.ledger.is_stopped
            assert 1 <= told.ledger.counts[Result.DONE] < 10


async def test_a_limit_is_offered_with_chunks_only_and_an_empty_one_is_none(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        fill(others, 3)
        async with live(tmp_path, dsn) as window:
            dialog = await preflight(window, "matching.cancel")
            assert dialog.safety.rate() is None and dialog.safety.per_second.text() == "no limit"
            limit(dialog, "7")
            rate = dialog.safety.rate()
            assert rate is not None and rate.per_second == 7
            dialog.safety.how.setCurrentIndex(1)
            assert not dialog.safety.per_second.isVisible() and dialog.safety.rate() is None
            dialog.safety.how.setCurrentIndex(0)
            assert dialog.safety.per_second.isVisible() and dialog.safety.rate() is not None
            limit(dialog, "")
            assert dialog.safety.rate() is None
            dialog.reject()
            again = await preflight(window, "matching.cancel")
            assert again.safety.rate() is None, "remembered nowhere"


async def test_the_options_make_the_change_and_look_again_where_they_must(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        first, second = others.defer(priority=3), others.defer(priority=5)
        async with live(tmp_path, dsn) as window:
            window.jobs.table.select([first, second])
            dialog = await preflight(window, "job.reprioritise")
            dialog.options.priority.setValue(9)  # type: ignore[attr-defined]
            assert not dialog.verb.isEnabled(), "until the jobs are looked at for the new priority"
            await until(lambda: dialog.plan is not None and dialog.plan.ready == 2, what="the new preflight")
            dialog.options.priority.setValue(5)  # type: ignore[attr-defined]
            await until(lambda: dialog.plan is not None and dialog.plan.ready == 1, what="the new preflight")
            assert "1 skipped: priority 5 already" in dialog.outcomes.texts()
            click(dialog.verb)
            await closed(window)
            assert others.run("SELECT array_agg(priority) FROM procrastinate_jobs") == [5, 5]


async def test_stalled_jobs_are_rescued(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        stalled, healthy = others.defer(), others.defer()
        others.start(stalled)
        others.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
        others.start(healthy)
        async with live(tmp_path, dsn) as window:
            dialog = await preflight(window, "job.rescue")
            (said,) = dialog.outcomes.texts()
            assert said == "1 refused: on an unresponsive worker, possibly still running"
            assert not dialog.verb.isEnabled(), "not by a click alone"
            await until(dialog.safety.risk.isVisible, what="what is known of it")
            assert "has sent no heartbeat for" in dialog.safety.risk.text()
            assert dialog.safety.force.text() == "Also rescue 1 running job (it may run twice)"
            dialog.safety.force.click()
            await until(dialog.verb.isEnabled, what="the verb")
            assert dialog.outcomes.texts() == ["1 will be retried"]
            click(dialog.verb)
            await closed(window)
            assert (others.status(stalled), others.status(healthy)) == ("todo", "doing")


async def test_stalled_jobs_are_marked_as_failed(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        orphaned, unresponsive = others.defer(), others.defer()
        others.start(orphaned)
        others.run("DELETE FROM procrastinate_workers")
        others.start(unresponsive)
        others.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
        async with live(tmp_path, dsn, environment="production") as window:
            window.jobs.table.select([orphaned, unresponsive])
            dialog = await preflight(window, "job.fail")
            assert dialog.verb.text() == "Mark 1 job as failed" and dialog.verb.isEnabled(), "the orphaned one"
            assert dialog.safety.force.text() == "Also mark 1 running job as failed (a worker may still run it)"
            dialog.safety.force.click()
            await until(lambda: dialog.plan is not None and dialog.plan.ready == 2, what="both")
            assert not dialog.verb.isEnabled(), "on production the name is typed for what may still run"
            QTest.keyClicks(dialog.safety.name, "test")
            click(dialog.verb)
            await closed(window)
            assert [others.status(job_id) for job_id in (orphaned, unresponsive)] == ["failed", "failed"]


async def test_the_sql_is_shown_with_its_parameters(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        fill(others, 2)
        async with live(tmp_path, dsn) as window:
            dialog = await preflight(window, "matching.cancel")
            click(dialog.sql.button)
            await until(lambda: dialog.sql.isVisible())
            text = dialog.sql.toPlainText()
            assert "SET status = 'cancelled'" in text and "'{1,2}'" in text and "%(" not in text


async def test_the_first_jobs_unfold_and_hostile_names_are_text(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for number in range(12):
            others.defer(HOSTILE, "q<i>", queueing_lock=f"l{number}")
        others.start(1)
        others.finish(1, "failed")
        others.defer(queueing_lock="l0")
        async with live(tmp_path, dsn) as window:
            await until(lambda: desk_of(window).workers)
            dialog = await preflight(window, "matching.retry")
            for button in dialog.outcomes.findChildren(QPushButton):
                button.click()
            await until(lambda: not dialog.work.is_running("sample"), what="the jobs")
            labels = dialog.outcomes.findChildren(QLabel)
            assert all(label.textFormat() is Qt.TextFormat.PlainText for label in labels if "<b>" in label.text())
            texts = [label.text() for label in labels]
            assert any("its queueing lock was taken by #13" in text for text in texts), texts
            assert any(text == "and 4 more" for text in texts), texts
