"""The menus of the window: what they show, that no letter opens two entries, and that the palette has them all."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.filtering.edit import FilterEdit
from jobdesk.jobs.model import COLUMNS
from jobdesk.kit import formats
from jobdesk.kit.table import Table
from jobdesk.window.actions import SPECS
from jobdesk.window.desk_view import DeskView
from jobdesk.window.palette_entries import entries
from opened import Others, closed, dialog_of, live
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QStandardItem, QStandardItemModel
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QMenuBar, QToolButton
from waiting import until

PAGES = ("overview", "jobs", "failures", "schedules", "queues", "tasks", "workers", "locks", "journal")


def lines(menu: QMenu) -> list[str]:
    """What a menu shows as it opens, without its separators."""
    menu.aboutToShow.emit()
    return [action.text() for action in menu.actions() if action.isVisible() and not action.isSeparator()]


def menus(window: DeskView) -> Iterator[QMenu]:
    """Every menu of the window, those of all pages included."""
    for page in PAGES:
        window.pages.get(page)
    yield from window.findChildren(QMenu)


def more_menu(window: DeskView) -> QMenu:
    """The menu behind the … button of the page of jobs."""
    buttons = window.jobs.toolbar.findChildren(QToolButton)
    menu = next(each for each in buttons if each.accessibleName() == "More actions").menu()
    assert isinstance(menu, QMenu)
    return menu


async def test_the_menu_of_more_actions_shows_nothing_of_a_cell_and_no_blank_row(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer("billing.charge", "billing")
    async with live(tmp_path, dsn) as window:
        first = lines(more_menu(window))
        assert first[0].replace("&", "") == "Retry…"
        window.jobs.inspect(job_id)
        await until(lambda: window.jobs.table.selected_ids() == [job_id], what="the job")
        place = [column.key for column in COLUMNS].index("task")
        window.jobs._open_menu(window.jobs.table.visualRect(window.jobs.model.index(0, place)).center())
        window.jobs._menu.hide()
        assert lines(window.jobs._menu)[:2] == ["Filter by task:billing.charge", "Exclude task:billing.charge"]
        assert lines(more_menu(window)) == first
        for button in window.findChildren(QToolButton):
            menu = button.menu()
            assert not isinstance(menu, QMenu) or all(text.strip() for text in lines(menu)), button.accessibleName()


async def test_no_letter_opens_two_entries_of_a_menu(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        found = 0
        bar = window.window().findChild(QMenuBar)
        assert bar is not None
        tables = [[action.text() for action in bar.actions()], *(lines(menu) for menu in menus(window))]
        for texts in tables:
            letters = Counter(letter.lower() for text in texts for letter in re.findall("&([^&])", text))
            assert [letter for letter, count in letters.items() if count > 1] == [], texts
            found += len(letters)
        assert found > 80


async def test_the_palette_has_every_action_by_a_name_of_its_own(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        held = {entry.key: entry.text for entry in entries(window)}
        assert {spec.key for spec in SPECS} - held.keys() == {"view.palette"}  # it is on show already
        assert [name for name, count in Counter(held.values()).items() if count > 1] == []
        assert held["matching.retry"] == "Retry all that match"


async def test_the_selected_rows_are_copied_as_shown_with_bare_ids(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.run("ALTER SEQUENCE procrastinate_jobs_id_seq RESTART WITH 1234567")
        when = "2090-01-02 03:04:05+00"
        args = '{"user": 42, "api_token": "s3cr3t"}'
        ids = [others.defer("mail.send", f"q\t{n}", lock="1,000", args=args, scheduled_at=when) for n in range(3)]
        others.finish(others.start(ids[0]) or ids[0])
        async with live(tmp_path, dsn) as window:
            window.window().activateWindow()
            table = window.jobs.table
            for key in [column.key for column in COLUMNS]:
                table.choice.show_column(key, key in ("id", "queue", "scheduled", "lock", "attempts"))
            table.choice.choose(table.choice.choice() | {"order": ["queue", "id", "attempts", "scheduled", "lock"]})
            await until(lambda: len(window.jobs.model.ids()) == 3, what="the jobs")
            table.select(ids)
            await until(window.all_actions["job.copy_rows"].isEnabled, what="the selection")
            table.setFocus()
            at = formats.here(dt.datetime.fromisoformat(when)).isoformat(sep=" ")
            rows = "\n".join(f"q {n}\t{ids[n]}\t{int(n == 0)}\t{at}\t1,000" for n in (2, 1, 0))
            for press in (
                lambda: QTest.keySequence(table, QKeySequence("Ctrl+C")),
                window.all_actions["job.copy_rows"].trigger,
            ):
                QApplication.clipboard().clear()
                press()
                assert QApplication.clipboard().text() == rows
            assert window.message.sentence == "Copied 3 rows."
            window.all_actions["job.copy_ids"].trigger()
            assert QApplication.clipboard().text() == "\n".join(str(job_id) for job_id in reversed(ids))
            window.all_actions["job.copy_json"].trigger()
            await until(lambda: "JSON" in window.message.sentence, what="the JSON")
            assert "s3cr3t" not in QApplication.clipboard().text()
            copied = {job["id"]: job for job in json.loads(QApplication.clipboard().text())}
            assert copied.keys() == set(ids)
            assert all(copied[ids[0]][name] for name in ("deferred_at", "started_at", "ended_at")), copied[ids[0]]
            assert (copied[ids[1]]["started_at"], copied[ids[1]]["args"]["user"]) == (None, 42)
            edit = window.header.filter_bar.findChild(FilterEdit)
            assert isinstance(edit, FilterEdit)
            edit.setFocus()
            edit.setText("some text")
            edit.selectAll()
            QTest.keySequence(edit, QKeySequence("Ctrl+C"))
            assert QApplication.clipboard().text() == "some text"  # the keys of the table are not the window's
            # Other tables copy their rows, too.
            window.show_page("queues")
            page = window.pages.get("queues")
            await until(lambda: page.model.rowCount() == 3, what="the queues")
            page.table.selectAll()
            page.table.setFocus()
            QTest.keySequence(page.table, QKeySequence("Ctrl+C"))
            assert [line.split("\t")[0] for line in QApplication.clipboard().text().splitlines()] == [
                "q 0",
                "q 1",
                "q 2",
            ]


@pytest.mark.parametrize(("act", "harmless"), [("cancel", "Keep jobs"), ("delete", "Keep jobs"), ("retry", "Cancel")])
async def test_the_harmless_button_is_not_called_as_the_act(dsn: str, tmp_path: Path, act: str, harmless: str) -> None:
    async with live(tmp_path, dsn) as window:
        await until(window.all_actions[f"matching.{act}"].isEnabled, what="the act")
        window.all_actions[f"matching.{act}"].trigger()
        dialog = await dialog_of(window, PreflightDialog)
        assert dialog.cancel_button.text() == harmless
        dialog.reject()
        await closed(window)


def test_no_copied_cell_is_a_formula_where_it_is_pasted() -> None:
    table = Table("none")
    model = QStandardItemModel(1, 6)
    for column, text in enumerate(("=1+1", "a\t=1", "a;=1", "#-5", "-", "mail")):
        model.setItem(0, column, QStandardItem(text))
    model.setData(model.index(0, 3), Qt.AlignmentFlag.AlignRight, Qt.ItemDataRole.TextAlignmentRole)
    table.setModel(model)
    table.selectAll()
    assert table.selected_text() == "'=1+1\ta =1\ta;'=1\t-5\t-\tmail"
