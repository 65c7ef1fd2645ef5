"""The window by keyboard alone, hostile signs in its cells, what takes long, and pages that are empty."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from jobdesk.kit import formats
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme
from jobdesk.kit.work import Work
from jobdesk.window.shortcuts import ShortcutsDialog
from jobdesk_core.jobs import Status
from opened import Others, dialog_of, live, opened
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from waiting import until

KEYS = ("overview", "jobs", "queues", "tasks", "workers", "locks", "journal")
#: What each page stops at by F6, besides the filter, the list of pages and the table.
TABLES = {"overview": 1, "jobs": 1, "queues": 1, "tasks": 1, "locks": 2, "journal": 0}


def press(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key wherever the focus is."""
    target = QApplication.focusWidget()
    assert target is not None
    QTest.keyClick(target, key, modifier)


def round_trip() -> list[QWidget]:
    """What has the focus after each F6, until it is where it was."""
    first, found = QApplication.focusWidget(), list[QWidget]()
    while first not in found:
        assert len(found) < 12, "round and round"
        press(Qt.Key.Key_F6)
        focused = QApplication.focusWidget()
        assert focused is not None and focused.isVisible()
        found.append(focused)
    return found


@pytest.mark.parametrize("page", TABLES)
async def test_f6_goes_round_the_panes_of_a_page_and_esc_back_to_its_table(dsn: str, tmp_path: Path, page: str) -> None:
    with Others(dsn) as others:
        others.start(others.defer(lock="l"))
        others.defer(lock="l")
        async with live(tmp_path, dsn) as window:
            window.window().activateWindow()
            window.show_page(page)
            if page != "journal":  # which has nothing to show
                table = window.pages.get(page).table
                await until(lambda: table.model().rowCount() > 0, what="the rows")
                table.selectRow(0)
            window.header.filter_bar.focus_edit()
            *stops, first = round_trip()
            assert window.navigation in stops, "the list of pages"
            tables = [each for each in stops if isinstance(each, Table)]
            assert len(tables) >= TABLES[page]
            assert len(set(stops)) == len(stops), "each pane once"
            for wanted in [*reversed(stops), first]:
                press(Qt.Key.Key_F6, Qt.KeyboardModifier.ShiftModifier)
                assert QApplication.focusWidget() is wanted
            if tables:
                press(Qt.Key.Key_Escape)
                assert isinstance(QApplication.focusWidget(), Table)


async def test_no_frame_goes_round_the_whole_overview(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        window.show_page("overview")
        page = window.pages.get("overview")
        page.setFocus(Qt.FocusReason.ShortcutFocusReason)
        await until(page.hasFocus, what="the focus")
        picture, accent = window.window().grab().toImage(), theme().colour("accent").name()
        corner = page.mapTo(window.window(), QPoint(0, 0))
        line = [picture.pixelColor(corner.x() + place, corner.y()).name() for place in range(page.width())]
        assert accent not in line


async def test_the_keys_that_are_no_actions_are_told_too(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        window.all_actions["help.shortcuts"].trigger()
        dialog = await dialog_of(window, ShortcutsDialog)
        texts = [label.text() for label in dialog.findChildren(QLabel)]
        for text, keys in (("Saved views, from the first", "Alt+1 … Alt+9"), ("Back to the list", "Esc")):
            assert texts[texts.index(text) + 1] == keys


async def test_the_cell_that_keys_act_upon_is_framed_in_both_themes(dsn: str, tmp_path: Path) -> None:
    def accents(image: QImage, y: int) -> int:
        accent = theme().colour("accent").rgb()
        return sum(image.pixel(x, y) == accent for x in range(image.width()))

    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, dsn) as window:
            window.window().activateWindow()
            for mode in ("light", "dark", "light"):
                theme().set_mode(mode)  # type: ignore[arg-type]
                table = window.jobs.table
                table.setFocus()
                press(Qt.Key.Key_Down)
                assert accents(table.viewport().grab().toImage(), 0) > 20, mode
                window.navigation.setFocus()
                assert accents(table.viewport().grab().toImage(), 0) <= 2, "the mark of the selected row alone"


HOSTILE = "pay\u202egnp.exe\u2066 \u200b\x07\x1b[31m\u200fend"


def test_what_cannot_be_seen_is_shown_by_its_number() -> None:
    shown = formats.visible(HOSTILE)
    assert shown == "pay⟨U+202E⟩gnp.exe⟨U+2066⟩ ⟨U+200B⟩⟨U+0007⟩⟨U+001B⟩[31m⟨U+200F⟩end"
    assert formats.visible("👩\u200d🔬 ok") == "👩\u200d🔬 ok", "an emoji of two parts stays one"
    assert formats.visible("ad\u200dmin") == "ad⟨U+200D⟩min", "a joiner that joins nothing"


async def test_an_override_of_direction_changes_no_other_pixel_of_the_row(dsn: str, tmp_path: Path) -> None:
    """The cell looks as its escapes do, and its neighbours as if it were harmless."""
    with Others(dsn) as others:
        hostile = others.defer("a\u202eb", "mail")
        plain = others.defer("a⟨U+202E⟩b", "mail")
        async with live(tmp_path, dsn) as window:
            table, model = window.jobs.table, window.jobs.model
            table.clearFocus()
            table.setCurrentIndex(model.index(-1, -1))
            window.navigation.setFocus()
            assert model.row(hostile) is not None

            def cell(job_id: int, column: int) -> QImage:
                place = model.position(job_id)
                assert place is not None
                return table.viewport().grab(table.visualRect(model.index(place, column))).toImage()

            for column in (1, 2, 3):
                await until(lambda column=column: cell(hostile, column) == cell(plain, column), what=f"column {column}")


async def test_what_takes_long_is_told_in_the_footer_and_can_be_stopped(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        work = Work(window)
        work.start(asyncio.sleep(60), name="long", says="Counting the stars…")
        assert not window.footer.stop.isVisible(), "not at once"
        await until(window.footer.stop.isVisible, what="the footer to tell")
        assert window.footer.doing.text() == "Counting the stars…"
        window.footer.stop.click()
        await until(lambda: not work.is_running("long"), what="the work to end")
        await until(lambda: not window.footer.stop.isVisible(), what="the footer to be quiet")


@pytest.mark.parametrize("page", [page for page in KEYS if page != "overview"])
async def test_an_empty_page_says_what_to_do_next(dsn: str, tmp_path: Path, page: str) -> None:
    async with live(tmp_path, dsn) as window:
        window.show_page(page)

        def buttons() -> list[QPushButton]:
            states = [
                each for each in window.pages.get(page).findChildren(EmptyState) if each.isVisible() and each.title
            ]
            return [button for state in states for button in state.findChildren(QPushButton) if button.isVisible()]

        await until(buttons, what="a way on")
        before = buttons()[0]
        window._tick()
        assert buttons()[0] is before, "the same again keeps its buttons"


async def test_times_are_told_in_utc_everywhere_by_choice(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer(scheduled_at="2031-01-02 03:04:05+00")
        async with live(tmp_path, dsn) as window:
            window.jobs.inspect(job_id)
            await until(lambda: window.jobs.inspector.detail is not None)
            try:
                window.all_actions["view.utc_times"].trigger()
                assert window.jobs.inspector._fields.value("scheduled at").startswith("2031-01-02 03:04:05 UTC")
                assert "UTC" in window.footer._right.text()
            finally:
                window.all_actions["view.local_times"].trigger()
            assert window.jobs.model.row(job_id) is not None
            assert window.jobs.selected_rows()[0].status is Status.TODO


async def test_a_text_that_does_not_fit_its_cell_is_told_on_hover(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer("t" * 120, "mail")
        async with live(tmp_path, dsn) as window:
            delegate, model = window.jobs.table._cells, window.jobs.model
            assert delegate._is_elided(window.jobs.table.columnWidth(1), model.index(0, 1))
            assert not delegate._is_elided(window.jobs.table.columnWidth(2), model.index(0, 2))


async def test_chips_stay_in_sight_in_a_narrow_window_whatever_is_typed(dsn: str, tmp_path: Path) -> None:
    filters = (
        "status:failed",
        "status:failed queue:mail task:invoice.* age:>1h",
        "lock:" + "l" * 80,
        "(status:failed or stalled) not (queue:mail task:*.digest)",
        "status:todo",
    )
    async with live(tmp_path, dsn) as window:
        window.window().resize(1024, 700)
        for typed in ("", "args.a_long_path.of_names:and_a_long_value_that_is_typed_on_and_on"):
            for text in filters:
                window.header.filter_bar.set_text(text)
                edit = window.header.filter_bar._edit
                edit.setText(typed)

                def shown() -> bool:
                    chips = window.header.filter_bar._chips
                    seen = [each for each in chips._shown if each.isVisible() and each.width() >= 8]
                    return chips.isVisible() and bool(seen) and seen[0].visibleRegion().boundingRect().width() >= 8

                await until(shown, what=f"a chip of {text} beside {typed!r}")
                edit.setText("")
