"""The menus of the window: what they show, that no letter opens two entries, and that the palette has them all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from jobdesk.actions import SPECS
from jobdesk.main_window import MainWindow
from jobdesk.models.jobs import COLUMNS
from jobdesk.palette_entries import entries
from opened import Others, live
from PySide6.QtWidgets import QMenu, QMenuBar, QToolButton
from waiting import until

PAGES = ("overview", "jobs", "queues", "tasks", "workers", "locks", "journal")


def lines(menu: QMenu) -> list[str]:
    """What a menu shows as it opens, without its separators."""
    menu.aboutToShow.emit()
    return [action.text() for action in menu.actions() if action.isVisible() and not action.isSeparator()]


def menus(window: MainWindow) -> Iterator[QMenu]:
    """Every menu of the window, those of all pages included."""
    for page in PAGES:
        window.pages.get(page)
    yield from window.findChildren(QMenu)


def more_menu(window: MainWindow) -> QMenu:
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
        bar = window.findChild(QMenuBar)
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
