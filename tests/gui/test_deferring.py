"""The defer form that knows the task, many jobs from rows, and replay, in the real window on real databases."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from jobdesk.acting.options import RescheduleOptions, options_of
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.connection.app_settings import AppSettings
from jobdesk.connection.password import PasswordDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.deferring.many_dialog import DeferManyDialog
from jobdesk.deferring.replay import ReplayDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core import exact_json
from jobdesk_core.cli import main as command_line
from jobdesk_core.journal import Search
from jobdesk_core.operations import Action
from jobdesk_core.operations.ledger import Result
from jobdesk_core.profiles import Profile
from opened import Others, closed, dialog_of, ended, live
from psycopg.conninfo import make_conninfo
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QDateTimeEdit, QLabel
from reports import insert
from waiting import until

HOSTILE = "<b>&amp;\u202e'\"%(x)s{}\n\\ 😀" + "ö" * 500
APP = """
import procrastinate
print("noise")
app = procrastinate.App(connector=procrastinate.PsycopgConnector())

@app.task(name="mail.send", queue="letters")
def send(to: str, copies: int = 1, api_token: str = "s3cret"):
    '''Sends <b>a letter</b>.'''
"""


def click(button: QAbstractButton) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def opened_by(window: DeskView, key: str, kind: type[Any]) -> Any:
    await until(window.all_actions[key].isEnabled, what=f"{key} to be possible")
    window.all_actions[key].trigger()
    return await dialog_of(window, kind)


async def many(window: DeskView, text: str, *, ready: int) -> DeferManyDialog:
    dialog: DeferManyDialog = await opened_by(window, "job.defer_many", DeferManyDialog)
    dialog.fields.task.setText("mail.send")
    dialog.rows.edit.setPlainText(text)
    await until(lambda: dialog.plan is not None and dialog.plan.ready == ready, what=f"{ready} rows")
    return dialog


def count(others: Others, where: str = "true") -> int:
    return int(others.run(f"SELECT count(*) FROM procrastinate_jobs WHERE {where}"))


# The form


async def test_the_form_learns_queue_and_arguments_from_the_newest_jobs(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for number in range(8):
            args = json.dumps({"to": "a@x.org", "n": number, "password": "hunter2", "<b>": HOSTILE})
            others.defer("mail.send", "outbox", args=args)
        async with live(tmp_path, dsn) as window:
            dialog = await opened_by(window, "job.defer", DeferDialog)
            assert dialog.hints is not None
            QTest.keyClicks(dialog.task, "mail.send")
            await until(lambda: dialog.known is not None and dialog.known.jobs == 8, what="what is known")
            assert dialog.queue.text() == "outbox"
            assert "its latest 8 jobs" in dialog.hints.text and '"a@x.org"  ×8' in dialog.hints.text
            assert "hunter2" not in dialog.hints.text and "looks secret" in dialog.hints.text
            dialog.arguments.set_text('{"to": 5, "zz": 1}')
            assert "None of its latest 8 jobs had zz." in dialog._remarks.text()
            assert "to is usually a text" in dialog._remarks.text() and dialog.verb.isEnabled()
            assert dialog.hints.fill.isVisible()
            click(dialog.hints.fill)
            assert dialog.arguments.value() == {"to": 5, "n": 0, "password": "", "<b>": "", "zz": 1}


async def test_a_time_that_the_clocks_skip_is_told_and_not_moved(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        async with live(tmp_path, dsn) as window:
            dialog = await opened_by(window, "job.defer", DeferDialog)
            QTest.keyClicks(dialog.task, "mail.send")
            field, summer = dialog.schedule, dt.datetime(2031, 3, 30, 0, 30, tzinfo=dt.UTC)
            field.choose_at(summer)
            edit = field.findChild(QDateTimeEdit)
            assert edit is not None and dialog.job().scheduled_at == summer and dialog.verb.isEnabled()
            edit.setFocus()
            edit.setSelectedSection(QDateTimeEdit.Section.HourSection)
            QTest.keyClicks(edit, "02")
            dialog.task.setFocus()
            assert edit.text() == "2031-03-30 02:30:00" and not dialog.verb.isEnabled()
            assert "skip 02:30:00 on 2031-03-30" in dialog.verb.toolTip()
            assert dialog.verb.toolTip() in [label.text() for label in field.findChildren(QLabel)]
            edit.setFocus()
            edit.setCurrentSection(QDateTimeEdit.Section.HourSection)
            edit.stepUp()
            assert dialog.verb.isEnabled() and dialog.job().scheduled_at == summer + dt.timedelta(hours=1)
            # Clocks show 02:30 twice: the second stays the second, and typed it is the first.
            second = dt.datetime(2031, 10, 26, 1, 30, tzinfo=dt.UTC)
            field.choose_at(second)
            assert edit.text() == "2031-10-26 02:30:00" and dialog.job().scheduled_at == second
            for options in (RescheduleOptions(), options_of(Action.RETRY)):
                options.schedule.choose_at(summer)
                assert options.problem() is None
                other = options.schedule.findChild(QDateTimeEdit)
                other.setCurrentSection(QDateTimeEdit.Section.HourSection)
                other.stepUp()
                assert "skip 02:30:00" in str(options.problem())
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_a_queue_that_was_chosen_is_not_replaced(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer("mail.send", "outbox")
        async with live(tmp_path, dsn) as window:
            dialog = await opened_by(window, "job.defer", DeferDialog)
            dialog.queue.selectAll()
            QTest.keyClicks(dialog.queue, "mine")
            QTest.keyClicks(dialog.task, "mail.send")
            await until(lambda: dialog.known is not None and dialog.known.jobs == 1, what="what is known")
            assert dialog.queue.text() == "mine"


async def test_the_application_tells_its_tasks_parameters_and_docstrings(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    settings = {
        "app_python": sys.executable,
        "app_path": "shop.app",
        "app_folder": str(tmp_path),
        "app_is_allowed": True,
    }
    async with live(tmp_path, dsn, **settings) as window:
        dialog = await opened_by(window, "job.defer", DeferDialog)
        assert dialog.hints is not None
        QTest.keyClicks(dialog.task, "mail.send")
        dialog.task.completer().popup().hide()
        await until(lambda: dialog.known is not None and dialog.known.is_in_code, timeout_s=30, what="the code")
        assert dialog.queue.text() == "letters"
        for words in ("Sends <b>a letter</b>.", "to  str · required", "copies  int · default 1", "looks secret"):
            assert words in dialog.hints.text
        assert "s3cret" not in dialog.hints.text
        assert "Jobdesk has run the code of shop.app" in dialog.hints.text
        assert dialog._remarks.text() == "The task needs to."
        dialog.arguments.set_text('{"to": "x", "bcc": 1}')
        assert dialog._remarks.text() == "The task takes no bcc."
        assert dialog.task.completer().model().rowCount() > 0


async def test_what_workers_report_of_a_task_needs_nobodys_code(dsn: str, tmp_path: Path) -> None:
    signature = '[{"name": "to", "kind": "POSITIONAL_OR_KEYWORD", "annotation": "str"}]'
    insert(dsn, "tasks", app="shop", name="mail.send", doc="Sends a <b>.", queue="letters", signature=signature)
    async with live(tmp_path, dsn) as window:
        dialog = await opened_by(window, "job.defer", DeferDialog)
        assert dialog.hints is not None
        QTest.keyClicks(dialog.task, "mail.send")
        dialog.task.completer().popup().hide()
        await until(lambda: dialog.known is not None and dialog.known.is_reported, timeout_s=60, what="the report")
        assert dialog.queue.text() == "letters"
        for words in ("Sends a <b>.", "to  str · required", "From what its workers report:"):
            assert words in dialog.hints.text
        assert dialog._remarks.text() == "The task needs to."
        await until(lambda: dialog.task.completer().model().rowCount() > 0, timeout_s=60, what="the task's name")


async def test_an_application_that_cannot_be_asked_is_told_and_keeps_no_one_from_deferring(
    dsn: str, tmp_path: Path
) -> None:
    settings = {
        "app_python": sys.executable,
        "app_path": "nowhere.app",
        "app_folder": str(tmp_path),
        "app_is_allowed": True,
    }
    with Others(dsn) as others:
        async with live(tmp_path, dsn, **settings) as window:
            dialog = await opened_by(window, "job.defer", DeferDialog)
            assert dialog.hints is not None
            hints = dialog.hints
            await until(lambda: "does not find the module nowhere" in hints.text, timeout_s=30, what="the reason")
            dialog.task.setText("mail.send")
            click(dialog.verb)
            await closed(window)
            assert count(others) == 1


async def test_an_application_that_nobody_allowed_is_not_run(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{APP}")
    settings = {"app_python": sys.executable, "app_path": "shop.app", "app_folder": str(tmp_path)}
    async with live(tmp_path, dsn, **settings) as window:
        dialog = await opened_by(window, "job.defer", DeferDialog)
        assert dialog.hints is not None and "shop.app, which this connection does not allow" in dialog.hints.text
        QTest.keyClicks(dialog.task, "mail.send")
        await until(lambda: dialog.known is not None, what="what is known")
        assert dialog.known is not None and not dialog.known.is_in_code and not (tmp_path / "ran").exists()


async def test_the_settings_try_the_application(qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    settings = AppSettings()
    qtbot.addWidget(settings)
    profile = Profile(name="x", app_python=sys.executable, app_path="shop.app", app_folder=str(tmp_path))
    settings.show_profile(profile)
    assert not settings.try_button.isEnabled() and not settings.typed()["app_is_allowed"]
    settings.allowed.setChecked(True)
    assert settings.typed()["app_is_allowed"]
    click(settings.try_button)
    await until(lambda: "mail.send" in settings.says.text(), timeout_s=30, what="the tasks")
    settings.path.setText("shop.nothing")
    click(settings.try_button)
    await until(lambda: "AttributeError" in settings.says.text(), timeout_s=30, what="the mistake")
    settings.python.clear()
    click(settings.try_button)
    assert settings.says.text() == "Name the Python interpreter of the application, too."


@pytest.mark.parametrize("status", ["todo", "failed", "succeeded"])
async def test_again_with_changes_names_the_old_job_in_the_outcome_and_leaves_it(
    dsn: str, tmp_path: Path, status: str
) -> None:
    with Others(dsn) as others:
        old = others.defer("mail.send", "mail", args='{"a": 1, "in": [{"password": "hunter2"}]}', status=status)
        before = others.run("SELECT to_jsonb(job) FROM procrastinate_jobs AS job WHERE id = %s", old)
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.inspect(old), what="the job to show")
            dialog = await opened_by(window, "job.again", DeferDialog)
            assert dialog.title.text() == f"Defer job #{old} again, with changes"
            assert "hunter2" not in dialog.arguments.text() and "looks secret" in dialog._remarks.text()
            dialog.arguments.set_text(dialog.arguments.text().replace('"a": 1', '"a": 2'))
            click(dialog.sql.button)
            assert "hunter2" not in dialog.sql.toPlainText() and "procrastinate_defer_jobs" in dialog.sql.toPlainText()
            click(dialog.verb)
            await closed(window)
            assert f"again after job #{old}" in window.banners.sentence
            (entry,) = await window.session.journal.entries(Search())
            assert entry.header.sentence == f"Defer mail.send in queue mail, again after job #{old}"
            assert others.run("SELECT args FROM procrastinate_jobs WHERE id <> %s", old) == {
                "a": 2,
                "in": [{"password": "hunter2"}],
            }
            assert others.run("SELECT to_jsonb(job) FROM procrastinate_jobs AS job WHERE id = %s", old) == before


# Many


async def test_rows_become_jobs_with_locks_of_their_own(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            dialog = await many(window, "user,name\n7,Zoë\n8,<b>\n", ready=2)
            dialog.fields.queueing_lock.setText("user-{user}")
            dialog.fields.queue.setText("letters")
            dialog.fields.priority.setValue(3)
            await until(lambda: dialog.plan is not None and dialog.plan.jobs[0].job.queueing_lock == "user-7")
            assert dialog.verb.text() == "Defer 2 jobs" and dialog.verb.isEnabled()
            click(dialog.sql.button)
            assert "procrastinate_defer_jobs_v1" in dialog.sql.toPlainText()
            click(dialog.verb)
            await closed(window)
            await ended(window)
            assert window.banners.sentence == "Deferred 2 jobs."
            found = others.run("SELECT jsonb_agg(to_jsonb(job) ORDER BY id) FROM procrastinate_jobs AS job")
            assert [job["queueing_lock"] for job in found] == ["user-7", "user-8"]
            assert [job["args"] for job in found] == [{"user": 7, "name": "Zoë"}, {"user": 8, "name": "<b>"}]
            assert {(job["queue_name"], job["priority"], job["task_name"]) for job in found} == {
                ("letters", 3, "mail.send")
            }


async def test_mistakes_are_marked_at_their_lines_and_are_left_out_only_when_asked(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer("x", queueing_lock="q-3")
        async with live(tmp_path, dsn) as window:
            text = '{"n": 1}\n{"n": }\n{"n": 3}\n[4]\n{"n": 5}\n'
            dialog = await many(window, text, ready=3)
            assert dialog.rows.marked_lines() == [2, 4]
            assert not dialog.verb.isEnabled() and "exclude them" in dialog.verb.toolTip()
            dialog.fields.queueing_lock.setText("q-{n}")
            await until(lambda: dialog.plan is not None and dialog.plan.ready == 2, what="the taken lock")
            click(dialog.panel.refused_only)
            assert dialog.panel.model.rowCount() == 3
            assert "is taken by job #1" in dialog.panel.model.text_at(1, "outcome")
            dialog.leave_out.click()
            click(dialog.verb)
            told = await ended(window)
            assert told.sentence == "Deferred 2 jobs, 3 refused."
            assert any("is taken by job #1" in line.text for line in told.lines)
            assert count(others, "task_name = 'mail.send'") == 2


FILES = {
    "semicolons.csv": "zip;name;on\n007;Zoë;true\n12345;;FALSE\n".encode("utf-8-sig"),
    "tabs.txt": 'a\tc\r\n1\t"x\ny"\r\n2.50\t\r\n'.encode("utf-16"),
    "commas": b'n,flag,tags:json\n1,yes,"[1]"\n"12345678901234567890",0,\n',
    "bars.csv": b"a|b\n+1|1e3\n5|2\n",
    "list.json": b'[{"n": 1.10},\n {"n": 1e999, "o": {}}]',
    "lines.csv": b'{"a": "x"}\n{"a": null}\n',
}


async def test_the_same_bytes_are_the_same_jobs_in_the_window_and_on_the_command_line(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Others(dsn) as others:
        for number in range(6):
            others.defer("mail.send", "mail", args=json.dumps({"b": number}))
        async with live(tmp_path, dsn) as window:
            dialog = await many(window, "x\n1\n", ready=1)
            for name, content in FILES.items():
                (tmp_path / name).write_bytes(content)
                before, dialog.plan = dialog.plan, None
                dialog.rows.take_file(tmp_path / name)
                await until(lambda before=before: dialog.plan not in (None, before), what=name)
                assert dialog.plan is not None
                shown = [exact_json.dumps(new.job.task_kwargs) for new in dialog.plan.jobs]
                command = ["--dsn", dsn, "--json", "defer", "mail.send", "--dry-run", "--from", str(tmp_path / name)]
                await asyncio.to_thread(command_line, command)
                lines = [exact_json.loads(line) for line in capsys.readouterr().out.splitlines()]
                assert [exact_json.dumps(line["args"]) for line in lines] == shown, name
                assert {line["queue"] for line in lines} == {dialog.fields.queue.text()} == {"mail"}


async def test_the_type_of_a_column_is_chosen_and_a_mixed_one_is_warned_of(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        dialog = await many(window, "zip,n\n1,1\nx,2\n", ready=2)
        remarks = [label.text() for label in dialog.findChildren(QLabel) if "mixed" in label.text()]
        assert remarks == ["zip is mixed (numbers and texts): all of it is taken as text."]
        box = dialog.columns.boxes["n"]
        assert box.currentText() == "number (auto-detected)"
        box.setCurrentIndex(box.findData("text"))
        box.activated.emit(box.currentIndex())
        await until(lambda: dialog.plan is not None and dialog.plan.jobs[0].job.task_kwargs == {"zip": "1", "n": "1"})
        box = dialog.columns.boxes["n"]
        assert box.currentText() == "text"
        box.setCurrentIndex(0)
        box.activated.emit(0)
        await until(lambda: dialog.plan is not None and dialog.plan.jobs[1].job.task_kwargs == {"zip": "x", "n": 2})


async def test_what_is_no_list_of_rows_is_told(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        dialog = await many(window, "a\n1\n", ready=1)
        for text, words in (("a,\n1,2", "Column 2 has no name"), ("a,a\n1,2", "Two columns are called a")):
            dialog.rows.edit.setPlainText(text)
            await until(lambda words=words: words in dialog.message.sentence, what=words)
            assert not dialog.verb.isEnabled()
        dialog.rows.take_file(tmp_path / "nowhere.csv")
        await until(lambda: "No such file" in dialog.message.sentence, what="the missing file")
        (tmp_path / "latin.csv").write_bytes(b"a\n\xf6\n")
        dialog.rows.take_file(tmp_path / "latin.csv")
        await until(lambda: "Line 2 is not UTF-8" in dialog.message.sentence, what="the encoding")


async def test_all_in_one_transaction_is_all_or_nothing(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            dialog = await many(window, "n\n" + "\n".join(map(str, range(1_200))), ready=1_200)
            refusing = "ALTER TABLE procrastinate_jobs ADD CONSTRAINT no CHECK ((args->>'n')::int <> 1100)"
            await asyncio.to_thread(others.run, refusing)
            dialog.safety.how.setCurrentIndex(1)
            click(dialog.verb)
            told = await ended(window)
            assert told.ledger.is_rolled_back
            assert told.ledger.counts[Result.DONE] == 0 and count(others) == 0
            assert told.kind == "bad"


async def test_rows_are_deferred_with_a_limit(dsn: str, tmp_path: Path) -> None:
    moments = "SELECT array_agg(extract(epoch FROM at)::float8) FROM procrastinate_events WHERE type = 'deferred'"
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            dialog = await many(window, "n\n" + "\n".join(map(str, range(30))), ready=30)
            dialog.safety.per_second.setValue(20)
            click(dialog.verb)
            await until(lambda: window.acting.chip.words.text().startswith("Deferring 30 jobs · "), what="the chip")
            await ended(window)
            found = others.run(moments)
            assert len(found) == 30 and count(others) == 30
            assert max(sum(first <= moment < first + 1 for moment in found) for first in found) <= 20


async def test_a_hundred_thousand_rows_from_a_file_never_stall_the_window(dsn: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_text("".join(f'{{"user_id": {n}, "name": "somebody {n}", "tags": [1, 2]}}\n' for n in range(100_000)))
    worst, is_over = 0.0, False

    async def watch() -> None:
        nonlocal worst
        while not is_over:
            started = time.monotonic()
            await asyncio.sleep(0.005)
            worst = max(worst, time.monotonic() - started)

    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            dialog = await opened_by(window, "job.defer_many", DeferManyDialog)
            dialog.fields.task.setText("mail.send")
            dialog.fields.queueing_lock.setText("u-{user_id}")
            watching = asyncio.ensure_future(watch())
            mime = QMimeData()
            mime.setUrls([QUrl.fromLocalFile(str(path))])
            dialog.rows.edit.insertFromMimeData(mime)
            await until(lambda: dialog.plan is not None and dialog.plan.ready == 100_000, timeout_s=60, what="rows")
            looked = worst
            click(dialog.verb)
            act = window.acting.acts.listed[-1]
            await until(lambda: act.percent > 5, timeout_s=60, what="some progress")
            click(window.acting.chip.stop)
            told = await ended(window, timeout_s=60)
            is_over = True
            await watching
            done = count(others)
            assert told.ledger.is_stopped and 0 < done < 100_000
            assert told.ledger.counts[Result.DONE] == done
            print(f"worst wait of the loop: {looked:.3f} s while looking, {worst:.3f} s in all")
            assert worst < 10.0  # an upper bound: a busy machine takes turns away


async def test_a_large_paste_is_kept_beside_the_editor(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        dialog = await many(window, "a\n1\n", ready=1)
        mime = QMimeData()
        mime.setText("a\n" + "12345\n" * 60_000)
        dialog.rows.edit.insertFromMimeData(mime)
        await until(lambda: dialog.plan is not None and dialog.plan.ready == 60_000, timeout_s=60, what="rows")
        click(dialog.rows.clear_button)
        await until(lambda: dialog.plan is not None and not dialog.plan.jobs, what="nothing")
        assert not dialog.verb.isEnabled()


async def test_on_production_the_name_is_typed_for_many(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn, environment="production") as window:
        dialog = await many(window, "n\n" + "1\n" * 101, ready=101)
        assert not dialog.verb.isEnabled() and "profile's name" in dialog.verb.toolTip()
        dialog.safety.name.setText("test")
        assert dialog.verb.isEnabled()


# Replay


@pytest.fixture
def other_dsn(server_dsn: str, template_name: str) -> Iterator[str]:
    name = "jobdesk_replayed"
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_name}".encode())
    yield make_conninfo(server_dsn, dbname=name)
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def sessions(others: Others, database: str) -> int:
    return int(others.run("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", database))


async def replay(window: DeskView, *ids: int) -> ReplayDialog:
    await until(lambda: all(window.jobs.model.position(job_id) is not None for job_id in ids), what="the jobs")
    window.jobs.table.clearSelection()
    if len(ids) == 1:
        window.jobs.inspect(ids[0])
    else:
        window.jobs.table.selectAll()
    await until(lambda: len(window.jobs.selected_rows()) == len(ids), what="the selection")
    dialog: ReplayDialog = await opened_by(window, "job.replay", ReplayDialog)
    return dialog


async def test_selected_jobs_are_deferred_again_elsewhere_and_nothing_changes_here(
    dsn: str, other_dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others, Others(other_dsn) as there:
        args = json.dumps({"to": HOSTILE, "api_key": "hunter2"})
        first = others.defer("mail.send", "mail", args=args, lock="l", priority=4, status="failed")
        second = others.defer("mail.send", "mail", queueing_lock="taken", scheduled_at="2999-01-01Z")
        before = others.run("SELECT jsonb_agg(to_jsonb(job)) FROM procrastinate_jobs AS job")
        holder = there.defer("x", queueing_lock="taken")
        async with live(tmp_path, dsn) as window:
            window.session.store.save(Profile(name="staging", method="dsn", dsn=other_dsn, environment="staging"))
            dialog = await replay(window, first, second)
            assert dialog.profile.count() == 2 and not dialog.verb.isEnabled()
            dialog.profile.setCurrentIndex(1)
            await until(lambda: dialog.plan is not None, what="the preview")
            assert "STAGING · staging" in dialog.banner.text and dialog.banner.isVisible()
            rows = dialog.panel.model.rowCount()
            cells = {dialog.panel.model.text_at(n, "origin"): n for n in range(rows)}
            assert "hunter2" not in dialog.panel.model.text_at(cells[f"#{first}"], "arguments")
            assert "••••" in dialog.panel.model.text_at(cells[f"#{first}"], "arguments")
            outcome = dialog.panel.model.text_at(cells[f"#{second}"], "outcome")
            assert f"taken by job #{holder}" in outcome
            assert not dialog.verb.isEnabled()
            dialog.leave_out.click()
            assert dialog.verb.text() == "Defer 1 job on staging"
            click(dialog.verb)
            told = await ended(window)
            assert told.sentence == "Deferred job #2 on staging, 1 refused."
            job = there.run("SELECT to_jsonb(job) FROM procrastinate_jobs AS job WHERE id = 2")
            assert (job["args"], job["lock"], job["priority"]) == (json.loads(args), "l", 4)
            assert (job["status"], job["attempts"]) == ("todo", 0)
            assert others.run("SELECT jsonb_agg(to_jsonb(job)) FROM procrastinate_jobs AS job") == before
            await until(lambda: sessions(others, "jobdesk_replayed") == 1, what="the connection to be closed")
            (entry,) = await window.session.journal.entries(Search())
            assert entry.header.sentence == "Replay 1 job of mail.send from test"
            assert (entry.header.profile, entry.done, entry.left) == ("staging", 1, 1)
            records = [record.sentence for record in await window.session.journal.records(entry.id)]
            assert f"Deferred job #2, of job #{first}." in records


async def test_on_a_production_target_the_name_is_typed_for_one_job(dsn: str, other_dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others, Others(other_dsn) as there:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            window.session.store.save(
                Profile(name="live", method="dsn", dsn=other_dsn, environment="Production", colour="#d92d2d")
            )
            dialog = await replay(window, job_id)
            dialog.profile.setCurrentIndex(1)
            await until(lambda: dialog.plan is not None, what="the preview")
            assert not dialog.verb.isEnabled() and "profile's name" in dialog.verb.toolTip()
            QTest.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
            assert not dialog.panel.pace.isVisible() and count(there) == 0
            assert dialog.safety is not None
            dialog.safety.name.setText("live")
            click(dialog.verb)
            await ended(window)
            assert count(there) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_read_only": True}, "read-only"),
        ({"dsn": "host=127.0.0.1 port=1"}, "There is no server"),
        ({"dsn": "empty"}, "has no Procrastinate schema"),
        ({"dsn": "poor"}, "INSERT"),
    ],
)
async def test_a_target_that_cannot_take_jobs_is_refused_with_the_sentence(
    dsn: str, other_dsn: str, empty_dsn: str, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with Others(dsn) as others, Others(other_dsn) as there:
        there.run("DROP ROLE IF EXISTS poor_replayer")
        there.run("CREATE ROLE poor_replayer LOGIN")
        there.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO poor_replayer")
        job_id = others.defer()
        given = {"empty": empty_dsn, "poor": make_conninfo(other_dsn, user="poor_replayer")}
        target = {"dsn": other_dsn} | changes
        target["dsn"] = given.get(target["dsn"], target["dsn"])
        async with live(tmp_path, dsn) as window:
            window.session.store.save(Profile(name="target", method="dsn", **target))
            dialog = await replay(window, job_id)
            dialog.profile.setCurrentIndex(1)
            await until(lambda: words in dialog.message.text, what=words)
            assert not dialog.verb.isEnabled()
            dialog.reject()
            await closed(window)
            await until(lambda: sessions(others, "jobdesk_replayed") == 1, what="the connection to be closed")
        there.run("DROP OWNED BY poor_replayer")
        there.run("DROP ROLE poor_replayer")


async def test_without_another_connection_it_says_so(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            dialog = await replay(window, job_id)
            assert "No other connection is saved" in dialog.message.sentence and not dialog.verb.isEnabled()


async def test_closing_while_it_connects_leaves_nothing_open(dsn: str, other_dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            window.session.store.save(Profile(name="target", method="dsn", dsn=other_dsn))
            for _ in range(3):
                dialog = await replay(window, job_id)
                dialog.profile.setCurrentIndex(1)
                await asyncio.sleep(0)
                dialog.reject()
                await closed(window)
            await until(lambda: sessions(others, "jobdesk_replayed") == 0, what="no connection")
            assert not window.findChildren(PasswordDialog)


# From the preflight of a retry, and what is not carried over


async def test_a_retry_leads_to_a_new_job_with_other_arguments(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        old = others.defer("mail.send", "mail", args='{"to": 1}', status="failed")
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.model.position(old) is not None)
            window.jobs.inspect(old)
            preflight: PreflightDialog = await opened_by(window, "job.retry", PreflightDialog)
            preflight.choice.choose(1)
            assert not preflight.edit_button.isVisible()
            preflight.choice.choose(0)
            click(preflight.edit_button)
            dialog = await dialog_of(window, DeferDialog)
            assert not [each for each in window.findChildren(PreflightDialog) if each.isVisible()]
            assert dialog.title.text() == f"Defer job #{old} again, with changes"
            assert dialog.arguments.value() == {"to": 1}
            assert others.status(old) == "failed"


async def test_arguments_that_are_too_large_to_be_edited_are_not(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        old = others.defer("mail.send", "mail")
        others.run("UPDATE procrastinate_jobs SET args = jsonb_build_object('x', repeat('a', 2000000))")
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.model.position(old) is not None)
            window.jobs.inspect(old)
            await until(window.all_actions["job.again"].isEnabled)
            window.all_actions["job.again"].trigger()
            await until(lambda: f"#{old}" in window.message.sentence, what="the refusal")
            assert "1 MB" in window.message.text
            assert not [dialog for dialog in window.findChildren(DeferDialog) if dialog.isVisible()]


async def test_arguments_are_deferred_again_to_the_digit(dsn: str, tmp_path: Path) -> None:
    args = '{"x": 1.23456789012345678901}'
    with Others(dsn) as others:
        old = others.defer("mail.send", "mail", args=args)
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.model.position(old) is not None)
            window.jobs.inspect(old)
            await until(window.all_actions["job.again"].isEnabled)
            window.all_actions["job.again"].trigger()
            click((await dialog_of(window, DeferDialog)).verb)
            await closed(window)
            assert others.run("SELECT args::text FROM procrastinate_jobs ORDER BY id DESC LIMIT 1") == args


async def test_a_connection_to_the_same_database_is_no_place_to_replay(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            window.session.store.save(Profile(name="other name", method="dsn", dsn=f"{dsn} application_name=x"))
            dialog = await replay(window, job_id)
            dialog.profile.setCurrentIndex(1)
            await until(lambda: "same database" in dialog.message.sentence, what="the refusal")
            assert not dialog.verb.isEnabled()
        assert others.run("SELECT count(*) FROM procrastinate_jobs") == 1
