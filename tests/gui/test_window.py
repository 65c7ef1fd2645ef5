"""The window as a whole: names for everything, no nested loops, nothing but data in what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import jobdesk
import pytest
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.acting.undo import UndoDialog
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.deferring.many_dialog import DeferManyDialog
from jobdesk.filtering.save_view import SaveViewDialog
from jobdesk.filtering.saved_views import SavedViewsDialog
from jobdesk.jobs.model import JobsModel
from jobdesk.jobs.table import JobsTable
from jobdesk.kit.json_model import JsonModel
from jobdesk.kit.theme import theme
from jobdesk.kit.values_model import Cell, Title, ValuesModel
from jobdesk.window import remembered
from jobdesk.window.about import AboutDialog
from jobdesk.window.desk_view import DeskView
from jobdesk.window.pages import KEYS
from jobdesk.window.palette import PaletteDialog
from jobdesk.window.shortcuts import ShortcutsDialog
from jobdesk_core.database.rows import JobRow
from jobdesk_core.jobs import Status
from named import unnamed
from opened import Others, closed, dialog_of, live
from PySide6.QtCore import QObject, QSettings, Qt
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLabel,
    QMainWindow,
)
from pytestqt.modeltest import ModelTester
from waiting import until

SOURCES = Path(jobdesk.__file__).parent


async def test_everything_on_every_page_has_a_name(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer(args='{"a": {"b": 1}}')
        async with live(tmp_path, dsn) as window:
            for page in KEYS:
                window.show_page(page)
                assert not list(unnamed(window)), page
            window.show_page("jobs")
            window.jobs.inspect(job_id)
            await until(lambda: window.jobs.inspector.detail is not None)
            assert not list(unnamed(window))


@pytest.mark.parametrize(
    ("action", "kind", "status"),
    [
        ("job.defer", DeferDialog, "todo"),
        ("job.cancel", PreflightDialog, "todo"),
        ("job.retry", PreflightDialog, "failed"),
        ("connection.choose", ConnectionDialog, "todo"),
        ("job.reschedule", PreflightDialog, "todo"),
        ("job.reprioritise", PreflightDialog, "todo"),
        ("job.purge", PreflightDialog, "failed"),
        ("job.again", DeferDialog, "todo"),
        ("matching.cancel", PreflightDialog, "todo"),
        ("view.palette", PaletteDialog, "todo"),
        ("saved_view.save", SaveViewDialog, "todo"),
        ("saved_view.arrange", SavedViewsDialog, "todo"),
        ("help.shortcuts", ShortcutsDialog, "todo"),
        ("help.about", AboutDialog, "todo"),
    ],
)
async def test_everything_in_every_dialog_has_a_name(
    dsn: str, tmp_path: Path, action: str, kind: type[QDialog], status: str
) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        if status == "failed":
            others.start(job_id)
            others.finish(job_id, "failed")
        async with live(tmp_path, dsn) as window:
            window.jobs.inspect(job_id)
            window.finding.save_view("Mine")
            await until(window.all_actions[action].isEnabled)
            window.all_actions[action].trigger()
            dialog = await dialog_of(window, kind)
            assert not list(unnamed(dialog))
            dialog.reject()
            await closed(window)


async def test_everything_of_a_chosen_lock_and_entry_and_of_its_undo_has_a_name(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer(lock="l")
        others.defer(lock="l")
        async with live(tmp_path, dsn) as window:
            window.show_page("locks")
            await until(lambda: window.pages.get("locks").table.model().rowCount(), what="the lock")
            window.pages.get("locks").table.selectRow(0)
            await until(lambda: window.pages.get("locks").chain.selected_rows(), what="the lock's jobs")
            assert not list(unnamed(window))
            window.show_page("jobs")
            window.jobs.inspect(job_id)
            await until(window.all_actions["job.cancel"].isEnabled)
            window.all_actions["job.cancel"].trigger()
            dialog = await dialog_of(window, PreflightDialog)
            await until(dialog.verb.isEnabled, what="the preflight")
            assert not list(unnamed(dialog))
            dialog.verb.click()
            await closed(window)
            window.show_page("journal")
            await until(lambda: window.pages.get("journal").model.rowCount() == 1, what="the entry")
            window.pages.get("journal").table.selectRow(0)
            await until(window.pages.get("journal").detail.undo.isEnabled, what="the undo")
            assert not list(unnamed(window))
            window.pages.get("journal").detail.undo.click()
            undo = await dialog_of(window, UndoDialog)
            await until(undo.verb.isEnabled, what="the preflight of the undo")
            assert not list(unnamed(undo))


HOSTILE = '<b>bold</b> <img src="x"> & %s {0} \u202e "quoted"'


async def test_text_from_the_database_is_shown_as_it_is(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer(
            HOSTILE, "<i>mail</i>", args='{"<b>key</b>": "<b>value</b>"}', lock="<u>lock</u>", queueing_lock="<s>q</s>"
        )
        async with live(tmp_path, dsn) as window:
            window.jobs.inspect(job_id)
            await until(lambda: window.jobs.inspector.detail is not None)
            for page in KEYS:
                window.show_page(page)
            assert window.jobs.model.index(0, 1).data() == HOSTILE
            window.show_page("queues")
            await until(lambda: window.pages.get("queues").model.index(0, 0).data() == "<i>mail</i>", what="the queue")
            window.pages.get("queues").select("<i>mail</i>")
            for label in window.findChildren(QLabel):
                if "<" in label.text():
                    assert label.textFormat() is Qt.TextFormat.PlainText, label.text()
            window.pages.get("queues").filter_asked_for.emit('queue:"<i>mail</i>"')
            await until(lambda: window.jobs.model.rowCount() == 1 and not window.jobs.reading.is_reading)


async def test_a_very_long_name_and_a_large_argument_change_no_size(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer("t" * 128, "q" * 40, args='{"text": "' + "x" * 300_000 + '"}', lock="l" * 400)
        async with live(tmp_path, dsn) as window:
            before = window.window().size()
            window.jobs.inspect(job_id)
            await until(lambda: window.jobs.inspector.detail is not None)
            assert window.window().size() == before
            assert window.jobs.inspector.arguments.load.isVisible(), "large arguments wait to be asked for"
            window.jobs.inspector.arguments.load.click()
            await until(lambda: window.jobs.inspector.arguments.tree.isVisible(), what="the arguments")


def test_no_nested_event_loops_in_the_window() -> None:
    forbidden = re.compile(r"\.exec\(\)|processEvents\(|QMessageBox\.|QFileDialog\.get|QInputDialog\.get")
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in SOURCES.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if forbidden.search(line)
    ]
    assert found == []


def test_only_the_core_knows_the_driver_and_only_the_loop_knows_qasync() -> None:
    for path in SOURCES.rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"^\s*(import|from) psycopg", text, re.MULTILINE), path
        assert "import qasync" not in text or path.name == "loop.py", path


def test_the_main_window_stays_small() -> None:
    window = (SOURCES / "window" / "main_window.py").read_text()
    assert len(window.splitlines()) <= 300


def row(job_id: int) -> JobRow:
    return JobRow(job_id, "task", "queue", Status.TODO, 0, 0, None, None, None, None, False, None)


def test_the_models_keep_qts_contract(qtmodeltester: ModelTester) -> None:
    parent = QObject()
    jobs = JobsModel(parent)
    jobs.is_complete = True
    qtmodeltester.check(jobs)
    jobs.merge([row(job_id) for job_id in range(1, 60, 3)])
    jobs.merge([row(job_id) for job_id in range(2, 60, 3)])
    jobs.apply({}, set(range(10, 20)), ())
    qtmodeltester.check(jobs)
    values = ValuesModel([Title("name", 100, is_right=False), Title("count", 90)], parent)
    values.set_rows([("a", [Cell("a"), Cell("1")]), ("b", [Cell("b"), Cell("2")])])
    values.set_rows([("b", [Cell("b"), Cell("3")])])
    qtmodeltester.check(values)
    tree = JsonModel(parent, "secret")
    tree.set_value({"a": [1, {"b": None}], "secret": "x"})
    qtmodeltester.check(tree)


def test_a_removed_row_leaves_its_neighbours_unselected(qapp: QApplication) -> None:
    table = JobsTable(JobsModel())
    table.jobs.is_complete = True
    table.jobs.merge([row(job_id) for job_id in range(1, 6)])
    table.show_job(3)
    assert table.selected_ids() == [3]
    table.jobs.apply({}, {3}, ())
    assert table.selected_ids() == [] and not table.currentIndex().isValid()


def test_the_windows_place_and_the_theme_are_remembered(qapp: QApplication, tmp_path: Path) -> None:
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))
    window, next_time = QMainWindow(), QMainWindow()
    window.window().resize(711, 555)
    window.window().show()
    try:
        theme().set_mode("dark")
        remembered.keep(window)
        theme().set_mode("light")
        remembered.restore(next_time, None)
        assert next_time.size() == window.window().size()
        assert theme().mode == "dark"
        remembered.restore(next_time, "light")
        assert theme().mode == "light"
    finally:
        theme().set_mode("light")
        window.window().close()


async def test_thousands_of_calls_into_qt_leave_python_sound(dsn: str, tmp_path: Path) -> None:
    """PySide6 6.12 on Python 3.11 dies here: void calls drop a reference to None each."""
    async with live(tmp_path, dsn) as window:
        for number in range(20_000):
            window.window().setWindowTitle(f"Jobdesk {number % 7}")
        assert isinstance(window, DeskView)


@pytest.mark.parametrize(("action", "kind"), [("job.defer_many", DeferManyDialog), ("job.defer", DeferDialog)])
async def test_no_dialog_is_wider_than_a_small_window(
    dsn: str, tmp_path: Path, action: str, kind: type[QDialog]
) -> None:
    async with live(tmp_path, dsn) as window:
        window.window().resize(1024, 700)
        window.all_actions[action].trigger()
        dialog = await dialog_of(window, kind)
        assert dialog.width() < window.window().width()
        dialog.reject()
        await closed(window)


async def test_the_number_of_matches_is_whole_on_a_small_screen(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        jobs = "SELECT 'q', 't' FROM generate_series(1, 1234)"
        others.run(f"INSERT INTO procrastinate_jobs (queue_name, task_name) {jobs}")
        async with live(tmp_path, dsn) as window:
            window.window().resize(1024, 700)
            window.header.filter_bar.set_text("status:todo")
            count = window.jobs.toolbar._count
            await until(lambda: count.whole == "1,234 match (exact)", what="the number")
            await until(lambda: count.text() == count.whole, what="all of it")
