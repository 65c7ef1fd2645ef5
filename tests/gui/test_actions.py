"""Every action of the window: through each door that leads to it, and why it is closed when it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.exporting.dialog import ExportDialog
from jobdesk.filtering.save_view import SaveViewDialog
from jobdesk.help.topics import topic
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.theme import theme
from jobdesk.window.about import AboutDialog
from jobdesk.window.actions import SPECS
from jobdesk.window.desk_view import DeskView
from jobdesk.window.menus import MENUS
from jobdesk.window.palette import PaletteDialog
from jobdesk.window.shortcuts import ShortcutsDialog
from opened import Others, closed, dialog_of, live, opened
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QMenu, QMenuBar, QToolButton
from waiting import until

#: The dialog that each action opens, and the status of the job that it is tried on.
DIALOGS: dict[str, tuple[type[QDialog], str]] = {
    "job.defer": (DeferDialog, "todo"),
    "job.cancel": (PreflightDialog, "todo"),
    "job.delete": (PreflightDialog, "todo"),
    "job.again": (DeferDialog, "todo"),
    "job.reprioritise": (PreflightDialog, "todo"),
    "job.reschedule": (PreflightDialog, "todo"),
    "job.purge": (PreflightDialog, "failed"),
    "job.rescue": (PreflightDialog, "todo"),
    **{
        f"matching.{verb}": (PreflightDialog, "todo")
        for verb in ("retry", "cancel", "abort", "delete", "run_now", "reschedule", "reprioritise", "purge")
    },
    "job.abort": (PreflightDialog, "doing"),
    "job.retry": (PreflightDialog, "failed"),
    "list.export": (ExportDialog, "todo"),
    "connection.choose": (ConnectionDialog, "todo"),
    "view.palette": (PaletteDialog, "todo"),
    "saved_view.save": (SaveViewDialog, "todo"),
    "help.shortcuts": (ShortcutsDialog, "todo"),
    "help.about": (AboutDialog, "todo"),
}
TOOLBAR = {"job.defer", "job.cancel", "job.abort", "job.retry"}
#: Which actions a job of each status allows.
ALLOWED = {
    "todo": {"job.cancel", "job.delete", "job.run_now", "job.reschedule", "job.reprioritise"},
    # A retry can be forced: the preflight shows the danger.
    "doing": {"job.abort", "job.retry"},
    "succeeded": {"job.purge"},
    "failed": {"job.retry", "job.purge"},
    "cancelled": {"job.purge"},
    "aborted": {"job.purge"},
}
ON_JOBS = set().union(*ALLOWED.values())


def menu_bar_actions(window: DeskView) -> list[QAction]:
    bar = window.window().findChild(QMenuBar)
    assert bar is not None
    return [action for menu in bar.actions() for action in actions_in(menu.menu())]  # type: ignore[arg-type]


def actions_in(menu: QMenu) -> list[QAction]:
    """The actions of a menu and of those within it."""
    found = []
    for action in menu.actions():
        inner = action.menu()
        found += actions_in(inner) if isinstance(inner, QMenu) else [action]
    return found


def doors(key: str) -> list[str]:
    spec = next(spec for spec in SPECS if spec.key == key)
    found = ["menu"]
    if key in TOOLBAR:
        found.append("toolbar")
    if spec.needs is Needs.JOBS or spec.submenu or spec.key == "list.export":
        found.append("context menu")
    if spec.shortcut:
        found.append("shortcut")
    if key != "view.palette":
        found.append("palette")
    return found


def go_through(door: str, window: DeskView, key: str) -> None:
    action = window.all_actions[key]
    if door == "menu":
        assert action in menu_bar_actions(window)
        action.trigger()
    elif door == "context menu":
        assert action in actions_in(window.jobs._menu)
        action.trigger()
    elif door == "toolbar":
        button = next(each for each in window.jobs.findChildren(QToolButton) if each.defaultAction() is action)
        assert button.isVisible() and button.isEnabled()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    elif door == "palette":
        palette = PaletteDialog(window)
        palette.open()
        place = [entry.key for entry in palette.shown()].index(key)
        palette.list.setCurrentIndex(palette.model.index(place, 0))
        QTest.keyClick(palette.edit, Qt.Key.Key_Return)
    else:
        keys: QKeySequence = action.shortcut()
        QTest.keySequence(window.jobs.table, keys)


@pytest.mark.parametrize("door", sorted({door for key in DIALOGS for door in doors(key)}))
async def test_every_door_leads_to_the_dialog(dsn: str, tmp_path: Path, door: str) -> None:
    with Others(dsn) as others:
        jobs: dict[str, int] = {}
        for status in sorted({status for _, status in DIALOGS.values()}):
            jobs[status] = others.defer()
            if status != "todo":
                others.start(jobs[status])
            if status not in ("todo", "doing"):
                others.finish(jobs[status], status)
        async with live(tmp_path, dsn) as window:
            for key, (kind, status) in DIALOGS.items():
                if door not in doors(key):
                    continue
                window.window().activateWindow()
                await until(window.window().isActiveWindow, what="the window to be in front")
                window.jobs.inspect(jobs[status])
                await until(window.all_actions[key].isEnabled, what=f"{key} to be possible")
                go_through(door, window, key)
                dialog = await dialog_of(window, kind)
                dialog.reject()
                await closed(window)
                await until(lambda: not window.findChildren(QDialog), what="the dialog to be gone")


@pytest.mark.parametrize("status", ALLOWED)
async def test_an_action_that_the_status_forbids_is_disabled_and_says_why(
    dsn: str, tmp_path: Path, status: str
) -> None:
    with Others(dsn) as others:
        job_id = others.defer(scheduled_at="2090-01-01")
        if status == "doing":
            others.start(job_id)
        elif status == "cancelled":
            others.run("SELECT procrastinate_cancel_job_v1(%s, false, false)", job_id)
        elif status != "todo":
            others.start(job_id)
            others.finish(job_id, status)
        async with live(tmp_path, dsn) as window:
            window.jobs.inspect(job_id)
            await until(window.all_actions["job.copy_json"].isEnabled)
            for key in ON_JOBS:
                action = window.all_actions[key]
                assert action.isEnabled() == (key in ALLOWED[status]), key
                if not action.isEnabled():
                    assert str(job_id) in action.toolTip(), action.toolTip()


async def test_without_a_selection_or_a_connection_the_actions_say_what_is_missing(dsn: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        assert not window.all_actions["job.defer"].isEnabled()
        assert window.all_actions["job.defer"].toolTip() == "Connect to a database first."
        assert window.all_actions["connection.choose"].isEnabled()
    async with live(tmp_path, dsn) as window:
        assert window.all_actions["job.defer"].isEnabled()
        assert window.all_actions["job.cancel"].toolTip() == "Select a job first."


async def test_a_read_only_connection_offers_no_action_on_jobs(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
    async with live(tmp_path, dsn, is_read_only=True) as window:
        window.jobs.inspect(job_id)
        await until(window.all_actions["job.copy_json"].isEnabled)
        for key in ("job.defer", *ON_JOBS, "job.rescue", "matching.cancel", "matching.purge"):
            assert not window.all_actions[key].isEnabled()
            assert "read-only" in window.all_actions[key].toolTip()


async def test_the_pages_change_by_their_shortcuts_and_the_theme_too(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        window.window().activateWindow()
        for number, key in enumerate(("overview", "jobs", "queues", "tasks", "workers", "locks", "journal"), 1):
            QTest.keySequence(window, QKeySequence(f"Ctrl+Shift+{number}"))
            assert window.pages.get(key).isVisible(), key
        before = theme().tokens.is_dark
        QTest.keySequence(window, QKeySequence("Ctrl+Shift+D"))
        assert theme().tokens.is_dark is not before
        theme().set_mode("light")
        QTest.keySequence(window, QKeySequence("Ctrl+F"))
        assert window.header.filter_bar.isAncestorOf(QApplication.focusWidget())


async def test_copy_as_json_copies_every_column_and_the_arguments(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer(args='{"user_id": 42}', lock="acct-7")
    async with live(tmp_path, dsn) as window:
        window.jobs.inspect(job_id)
        await until(window.all_actions["job.copy_json"].isEnabled)
        QApplication.clipboard().clear()
        window.all_actions["job.copy_json"].trigger()
        await until(lambda: '"user_id": 42' in QApplication.clipboard().text(), what="the JSON")
        for piece in (f'"id": {job_id}', '"acct-7"', '"mail.send"', '"todo"'):
            assert piece in QApplication.clipboard().text()


def test_every_action_has_a_place_in_a_menu_and_no_shortcut_is_given_twice() -> None:
    shortcuts = [spec.shortcut for spec in SPECS if spec.shortcut]
    assert len(shortcuts) == len(set(shortcuts))
    assert {spec.menu for spec in SPECS} <= set(MENUS)


def test_every_action_is_in_the_help() -> None:
    lines = topic("actions").markdown.splitlines()
    missing = [line for line in map(help_line, SPECS) if line not in lines]
    assert missing == [], "resources/help/actions.md wants these lines"


def help_line(spec: Spec) -> str:
    """What the help's table of actions has of one: its name, its keys and what it does."""
    name, tip = (text.replace("&", "").removesuffix("…") for text in (spec.name or spec.text, spec.tip or spec.text))
    return f"| {name} | {f'`{spec.shortcut}`' if spec.shortcut else ''} | {tip} |"


def test_the_shortcuts_list_every_key_of_an_action() -> None:
    dialog = ShortcutsDialog(None, SPECS)
    shown = {label.text() for label in dialog.findChildren(QLabel)}
    native = QKeySequence.SequenceFormat.NativeText
    assert {QKeySequence(spec.shortcut).toString(native) for spec in SPECS if spec.shortcut} <= shown
    dialog.deleteLater()
