"""What is typed into a dialog reaches the database; what is wrong is said, and nothing typed is lost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import psycopg
import pytest
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.window.desk_view import DeskView
from opened import Others, closed, dialog_of, ended, live
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from waiting import until


def click(button: Any) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def job_of(others: Others, job_id: int) -> dict[str, Any]:
    return dict(others.run("SELECT to_jsonb(job) FROM procrastinate_jobs AS job WHERE id = %s", job_id))


async def defer_dialog(window: DeskView) -> DeferDialog:
    window.all_actions["job.defer"].trigger()
    return await dialog_of(window, DeferDialog)


async def preflight(window: DeskView) -> PreflightDialog:
    dialog = await dialog_of(window, PreflightDialog)
    await until(lambda: dialog.plan is not None, what="the preflight")
    return dialog


async def select(window: DeskView, job_id: int, action: str) -> None:
    await until(lambda: window.jobs.inspect(job_id), what="the job to show")
    await until(window.all_actions[action].isEnabled, what=f"{action} to be possible")
    window.all_actions[action].trigger()


async def test_everything_typed_into_the_defer_dialog_is_in_the_job(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            dialog = await defer_dialog(window)
            QTest.keyClicks(dialog.task, "invoices.send")
            dialog.queue.selectAll()
            QTest.keyClicks(dialog.queue, "billing")
            dialog.priority.setValue(7)
            QTest.keyClicks(dialog.lock, "acct-7")
            QTest.keyClicks(dialog.queueing_lock, "send-7")
            dialog.schedule.choose_after(2, "hours")
            dialog.arguments.set_text('{"user_id": 42, "name": "Zoë <b>", "tags": [1, null, true]}')
            click(dialog.verb)
            await closed(window)
            job = job_of(others, 1)
            assert job["task_name"] == "invoices.send" and job["queue_name"] == "billing" and job["priority"] == 7
            assert job["lock"] == "acct-7" and job["queueing_lock"] == "send-7" and job["status"] == "todo"
            assert job["args"] == {"user_id": 42, "name": "Zoë <b>", "tags": [1, None, True]}
            ahead = dt.datetime.fromisoformat(job["scheduled_at"]) - dt.datetime.now(dt.UTC)
            assert abs(ahead.total_seconds() - 7_200) < 60
            assert "Deferred job #1" in window.banners.sentence
            await until(lambda: window.jobs.model.position(1) is not None, what="the new job to show")


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda dialog: dialog.task.clear(), "Which task"),
        (lambda dialog: dialog.task.setText("t" * 129), "128"),
        (lambda dialog: dialog.queue.setText("q" * 41), "41 bytes"),
        (lambda dialog: dialog.queue.setText("ü" * 21), "42 bytes"),
        (lambda dialog: dialog.arguments.set_text("[1, 2]"), "this is a list"),
        (lambda dialog: dialog.arguments.set_text('{"a": 1'), "Line 1, column"),
        (lambda dialog: dialog.arguments.set_text(""), "Line 1"),
        (lambda dialog: dialog.arguments.set_text('{"a": NaN}'), "NaN is not JSON"),
        (lambda dialog: dialog.arguments.set_text('{"a": 1, "a": 2}'), "appears twice"),
        (lambda dialog: dialog.arguments.set_text('{"a": "\\u0000"}'), "NUL"),
    ],
)
async def test_a_mistake_is_told_while_it_is_typed_and_nothing_is_deferred(
    dsn: str, tmp_path: Path, mistake: Any, sentence: str
) -> None:
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            dialog = await defer_dialog(window)
            dialog.task.setText("some.task")
            assert dialog.verb.isEnabled()
            mistake(dialog)
            assert sentence in (dialog.problem() or "")
            assert not dialog.verb.isEnabled() and sentence in dialog.verb.toolTip()
            dialog.submit()
            assert dialog.isVisible()
            assert others.run("SELECT count(*) FROM procrastinate_jobs") == 0


async def test_a_taken_queueing_lock_names_its_holder_and_keeps_what_was_typed(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        holder = others.defer(queueing_lock="nightly")
        async with live(tmp_path, dsn) as window:
            dialog = await defer_dialog(window)
            dialog.task.setText("reports.nightly")
            dialog.queueing_lock.setText("nightly")
            dialog.arguments.set_text('{"day": 1}')
            click(dialog.verb)
            await until(lambda: dialog.message.sentence, what="the refusal")
            assert f"#{holder}" in dialog.message.sentence and "nightly" in dialog.message.sentence
            assert dialog.isVisible() and dialog.verb.isEnabled()
            assert dialog.task.text() == "reports.nightly" and dialog.arguments.value() == {"day": 1}
            dialog.queueing_lock.setText("nightly-2")
            click(dialog.verb)
            await closed(window)
            assert others.run("SELECT count(*) FROM procrastinate_jobs") == 2


async def test_defer_again_starts_with_the_jobs_own_values(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer("invoices.send", "billing", args='{"user_id": 42}', priority=3, lock="acct-7")
        async with live(tmp_path, dsn) as window:
            await select(window, job_id, "job.again")
            dialog = await dialog_of(window, DeferDialog)
            assert dialog.task.text() == "invoices.send" and dialog.queue.text() == "billing"
            assert dialog.arguments.value() == {"user_id": 42}
            assert dialog.priority.value() == 3 and dialog.lock.text() == "acct-7"


@pytest.mark.parametrize(("action", "status"), [("job.cancel", "cancelled"), ("job.delete", None)])
async def test_cancel_and_delete_do_what_their_verb_says(
    dsn: str, tmp_path: Path, action: str, status: str | None
) -> None:
    with Others(dsn) as others:
        job_id, bystander = others.defer(), others.defer()
        async with live(tmp_path, dsn) as window:
            await select(window, job_id, action)
            dialog = await preflight(window)
            assert "1 job" in dialog.verb.text()
            click(dialog.verb)
            await closed(window)
            assert others.status(job_id) == status
            assert others.status(bystander) == "todo"


async def test_an_abort_asks_the_running_job_to_stop(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        others.start(job_id)
        async with live(tmp_path, dsn) as window:
            await select(window, job_id, "job.abort")
            dialog = await preflight(window)
            click(dialog.verb)
            await closed(window)
            assert job_of(others, job_id)["abort_requested"] is True
            await until(lambda: "asked to abort already" in window.all_actions["job.abort"].toolTip())


async def test_a_retry_changes_what_was_typed_and_leaves_the_rest(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer(lock="acct-7", priority=2)
        others.start(job_id)
        others.finish(job_id, "failed")
        async with live(tmp_path, dsn) as window:
            await select(window, job_id, "job.retry")
            dialog = await preflight(window)
            dialog.options.queue.setText("ö" * 30)
            assert not dialog.verb.isEnabled(), "a queue name of 60 bytes"
            dialog.options.queue.setText("slow")
            dialog.options.priority.setText("9")
            dialog.options.schedule.choose_after(30, "minutes")
            click(dialog.verb)
            await closed(window)
            job = job_of(others, job_id)
            assert (job["status"], job["queue_name"], job["priority"], job["lock"]) == ("todo", "slow", 9, "acct-7")
            ahead = dt.datetime.fromisoformat(job["scheduled_at"]) - dt.datetime.now(dt.UTC)
            assert abs(ahead.total_seconds() - 1_800) < 60


@pytest.mark.parametrize("fate", ["started", "deleted"])
async def test_a_job_that_changed_between_click_and_verb_is_left_alone_and_told(
    dsn: str, tmp_path: Path, fate: str
) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            await select(window, job_id, "job.cancel")
            dialog = await preflight(window)
            if fate == "started":
                others.start(job_id)
            else:
                others.run("DELETE FROM procrastinate_jobs WHERE id = %s", job_id)
            click(dialog.verb)
            told = await ended(window)
            assert told.sentence == "Nothing was changed, 1 skipped."
            expected = "changed meanwhile: running" if fate == "started" else "no longer there"
            assert any(expected in line.text for line in told.lines), told.lines
            assert others.status(job_id) == ("doing" if fate == "started" else None)


async def test_of_several_jobs_those_that_can_be_cancelled_are_and_the_others_are_named(
    dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        waiting = [others.defer() for _ in range(3)]
        running = others.defer()
        others.start(running)
        async with live(tmp_path, dsn) as window:
            window.jobs.table.select([*waiting, running])
            await until(window.all_actions["job.cancel"].isEnabled)
            window.all_actions["job.cancel"].trigger()
            dialog = await preflight(window)
            assert "3 jobs" in dialog.verb.text() and "4 jobs" in dialog.title.text()
            click(dialog.verb)
            await closed(window)
            assert [others.status(job_id) for job_id in waiting] == ["cancelled"] * 3
            assert others.status(running) == "doing"


async def test_a_connection_that_drops_keeps_what_was_typed(dsn: str, server_dsn: str, tmp_path: Path) -> None:
    name = sql.Identifier(conninfo_to_dict(dsn)["dbname"])
    with Others(dsn) as others, psycopg.connect(server_dsn, autocommit=True) as admin:
        async with live(tmp_path, dsn) as window:
            dialog = await defer_dialog(window)
            dialog.task.setText("mail.send")
            dialog.arguments.set_text('{"to": "ada"}')
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
            others.run(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            click(dialog.verb)
            await until(lambda: dialog.message.sentence, timeout_s=60, what="the refusal")
            assert dialog.task.text() == "mail.send" and dialog.arguments.value() == {"to": "ada"}
            assert dialog.verb.isEnabled()
            await until(lambda: window.header.live.mode == "stale", what="the feed to be stale")
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
            await until(lambda: window.header.live.mode == "live", timeout_s=60, what="the feed to be live again")
            click(dialog.verb)
            await closed(window)
            assert others.run("SELECT count(*) FROM procrastinate_jobs") == 1
