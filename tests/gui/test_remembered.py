"""What the window remembers of how a person has arranged it: for each connection, bounded, and never in the way."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jobdesk.kit import formats
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme
from jobdesk.window import remembered
from jobdesk.window.arrangement import Arrangement
from jobdesk.window.desk_view import DeskView
from jobdesk.window.pages import KEYS
from jobdesk.window.remembered import Memory, arrangement_of, keep_arrangement
from jobdesk_core.profiles import Profile
from jobdesk_core.reading.pages import Order
from opened import Others, live, opened
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow
from waiting import until


@pytest.fixture(autouse=True)
def settings(tmp_path: Path) -> Iterator[Path]:
    """The settings of one test alone, and the looks as they were."""
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))
    mode = theme().mode
    yield tmp_path / "jobdesk" / "window.ini"
    theme().set_mode(mode)
    theme().set_density("compact")
    formats.show_utc(False)


def write(settings: Path, content: bytes) -> None:
    """Leave a settings file as another program or a full disk might."""
    settings.parent.mkdir(exist_ok=True)
    settings.write_bytes(content)


def drag(table: Table, place: int, by: int) -> None:
    """Drag the right edge of a column's head."""
    head = table.horizontalHeader()
    edge = QPoint(head.sectionViewportPosition(place) + head.sectionSize(place) - 1, head.height() // 2)
    target = head.viewport()
    QTest.mousePress(target, Qt.MouseButton.LeftButton, pos=edge)
    QTest.mouseMove(target, edge + QPoint(by // 2, 0))
    QTest.mouseMove(target, edge + QPoint(by, 0))
    QTest.mouseRelease(target, Qt.MouseButton.LeftButton, pos=edge + QPoint(by, 0))


def arrange(window: DeskView) -> None:
    """Order, columns, panes and page as nobody has them at first."""
    window.jobs.toolbar.order_asked_for.emit(Order.OLDEST)
    window.jobs.table.choice.show_column("worker", True)
    window.jobs.table.choice.show_column("attempts", False)
    drag(window.jobs.table, 1, 40)
    handle = window.jobs._splitter.handle(1)
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=QPoint(0, 50))
    QTest.mouseMove(handle, QPoint(-30, 50))
    QTest.mouseMove(handle, QPoint(-60, 50))
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=QPoint(-60, 50))
    window.navigation.setCurrentRow(KEYS.index("queues"))


async def test_a_connection_finds_its_arrangement_again_and_another_one_its_own(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer()
        async with opened(tmp_path) as window:
            Memory(window)
            window.session.open(Profile(name="test", method="dsn", dsn=dsn))
            await until(lambda: window.jobs.model.rowCount() == 1)
            window.window().resize(1_280, 800)  # in a narrower one the inspector is below, and its place is not kept
            arrange(window)
            width = window.jobs.table.columnWidth(1)
            kept = window.arrangement.taken()["columns"]["jobs"]["widths"]["task"]
            assert kept == width, "the edge was dragged"
            sizes = window.jobs._splitter.own_sizes
            assert sizes, "the handle was moved"
        async with opened(tmp_path) as again:
            Memory(again)
            again.window().resize(again.window().size())
            at_first = again.jobs.table.columnWidth(1)
            again.session.open(Profile(name="other", method="dsn", dsn=dsn))
            await until(lambda: again.session.desk is not None)
            assert again.jobs.model.order is Order.NEWEST and not again.jobs._splitter.own_sizes
            assert again.jobs.table.isColumnHidden(10)
            again.session.open(Profile(name="test", method="dsn", dsn=dsn))
            await until(lambda: again.session.profile is not None and again.session.profile.name == "test")
            await until(lambda: again.session.desk is not None)
            assert again.jobs.model.order is Order.OLDEST
            assert again.navigation.current == "queues"
            assert not again.jobs.table.isColumnHidden(10) and again.jobs.table.isColumnHidden(5)
            assert again.jobs.table.columnWidth(1) == width != at_first
            assert again.jobs._splitter.own_sizes == sizes
            again.all_actions["view.reset_layout"].trigger()
            assert again.jobs.table.isColumnHidden(10) and not again.jobs._splitter.own_sizes
            assert again.arrangement.taken()["columns"] == {}


BROKEN = [
    "null",
    "[]",
    '"text"',
    '[["test", null]]',
    '[["test", {"columns": 3, "panes": [], "page": 7, "order": {}}]]',
    '[["test", {"columns": {"jobs": {"order": [1, null, "status"], "hidden": "all", "widths": {"id": "wide"}}}}]]',
    '[["test", {"columns": {"jobs": {"hidden": '
    '["id","task","queue","status","priority","attempts","scheduled","lock","age","queueing_lock","worker"]}}}]]',
    '[["test", {"panes": {"jobs": [-4, true]}, "page": "nowhere"}]]',
    '[["test", {"panes": {"jobs": [0, 0]}}]]',
    "[" * 100_000,
    "x" * 600_000,
]


@pytest.mark.parametrize("text", BROKEN, ids=[each[:60] for each in BROKEN])
async def test_a_broken_arrangement_is_passed_over(dsn: str, tmp_path: Path, text: str) -> None:
    remembered._settings().setValue("arrangements", text)
    with Others(dsn) as others:
        others.defer()
        async with opened(tmp_path) as window:
            Memory(window)
            window.session.open(Profile(name="test", method="dsn", dsn=dsn))
            await until(lambda: window.jobs.model.rowCount() == 1)
            head = window.jobs.table.horizontalHeader()
            assert head.sectionSizeFromContents(0).width() and head.length() > 300
            assert window.navigation.current == "jobs"


@pytest.mark.qt_log_ignore("Trying to construct an instance of an invalid type")
@pytest.mark.parametrize(
    "content",
    [
        b"\x00\xff\xfe garbage \x01" * 50,
        b"[General]\ngeometry=@Variant(nonsense)\ntheme=@ByteArray(blue)\ndensity=7\ntimes=@Invalid()\n",
        b"[General]\ngeometry=@ByteArray(short)\narrangements=@Point(1 2)\n",
        b"[General]\ntheme=dark, light\ndensity=@Size(1\n",
    ],
)
async def test_broken_settings_do_not_keep_the_window_from_starting(
    settings: Path, tmp_path: Path, content: bytes
) -> None:
    write(settings, content)
    async with opened(tmp_path) as window:
        remembered.restore(window, None)
        assert remembered.arrangement_of("test") is None
        assert theme().density == "compact" and not formats.shows_utc()
        remembered.keep(window)


def test_what_is_kept_is_bounded_and_the_last_used_stay(qapp: QApplication) -> None:
    for number in range(remembered.MOST_ARRANGEMENTS + 5):
        remembered.keep_arrangement(f"profile {number}", {"page": "jobs"})
    remembered.keep_arrangement("profile 5", {"page": "tasks"})
    kept = json.loads(str(remembered._settings().value("arrangements")))
    assert len(kept) == remembered.MOST_ARRANGEMENTS
    assert kept[0] == ["profile 5", {"page": "tasks"}]
    assert remembered.arrangement_of("profile 0") is None


async def test_density_and_times_are_chosen_in_the_menu_and_remembered(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, dsn) as window:
            Memory(window)
            for key, height in (("view.comfortable_rows", 36), ("view.compact_rows", 28)):
                window.all_actions[key].trigger()
                assert window.all_actions[key].isChecked()
                assert window.jobs.table.rowHeight(0) == height
            window.all_actions["view.comfortable_rows"].trigger()
            window.all_actions["view.utc_times"].trigger()
            assert "UTC" in window.footer._right.text()
            remembered.keep(window)
        theme().set_density("compact")
        formats.show_utc(False)
        async with opened(tmp_path) as again:
            remembered.restore(again, None)
            assert theme().density == "comfortable" and formats.shows_utc()
            again._update_actions()
            assert again.all_actions["view.utc_times"].isChecked()
            assert not again.all_actions["view.local_times"].isChecked()


async def test_the_theme_follows_the_system_until_it_is_chosen(tmp_path: Path, qapp: QApplication) -> None:
    told = qapp.styleHints().colorSchemeChanged  # what the platform tells; offscreen has nothing to tell
    async with opened(tmp_path) as window:
        window.all_actions["view.theme_of_system"].trigger()
        told.emit(Qt.ColorScheme.Dark)
        assert theme().tokens.is_dark
        told.emit(Qt.ColorScheme.Light)
        assert not theme().tokens.is_dark
        window.all_actions["view.dark_theme"].trigger()
        assert theme().tokens.is_dark and window.all_actions["view.dark_theme"].isChecked()
        window.all_actions["view.light_theme"].trigger()
        told.emit(Qt.ColorScheme.Dark)
        assert not theme().tokens.is_dark, "what was chosen stays"
        told.emit(Qt.ColorScheme.Unknown)


async def test_a_page_that_is_made_later_is_as_it_is_remembered_and_one_that_is_not_made_stays_so(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as window:
        columns = window.pages.get("queues").table.columns
        columns.show_column("failed", False)
        hidden = columns.choice()
        assert hidden
        taken = window.arrangement.taken()
    async with opened(tmp_path) as again:
        again.arrangement.put(taken)
        assert len(again.pages.all_made()) == 1
        assert again.arrangement.taken()["columns"] == taken["columns"]
        assert again.pages.get("queues").table.columns.choice() == hidden
        again.arrangement.reset()
        assert again.arrangement.taken()["columns"] == {}


async def test_every_table_of_rows_can_have_its_columns_chosen_but_the_overviews(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        for key in KEYS:
            window.pages.get(key)
        without = {table.accessibleName() for table in window.findChildren(Table) if table.columns is None}
        # Small tables beside another one: what they show is of the row that is selected there.
        beside = {"The jobs that failed last", "What the failed have in common"}
        assert without == {"Queues"} | beside
        assert isinstance(window.arrangement, Arrangement)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes, and no pipes in folders.")
def test_the_file_is_its_owners_and_a_pipe_in_its_place_is_passed_over(settings: Path, qtbot: Any) -> None:
    write(settings, b"[General]\n")
    settings.chmod(0o644)
    keep_arrangement("x", {"page": "jobs"})
    assert settings.stat().st_mode & 0o777 == 0o600 and arrangement_of("x")
    settings.unlink()
    os.mkfifo(settings)
    window = QMainWindow()
    qtbot.addWidget(window)
    remembered.restore(window, None)
    remembered.keep(window)
    keep_arrangement("x", {"page": "jobs"})
    assert arrangement_of("x") is None and settings.is_fifo()


def test_tabs_come_back_in_their_order_and_no_damage_is_in_the_way(settings: Path) -> None:
    assert remembered.tabs() == []
    for names in (["b", "a & b, c", "ü=%"], ["one"], []):
        remembered.keep_tabs(names)
        assert remembered.tabs() == names
    remembered.keep_tabs([f"t{number}" for number in range(100)])
    assert len(remembered.tabs()) == remembered.MOST_TABS
    for content in (
        b"[General]\ntabs=@Invalid()\n",
        b"[General]\ntabs=@Variant(\\0\\0)\n",
        b"\xff\xfe",
        b"[General]\ntabs=\n",
    ):
        write(settings, content)
        assert remembered.tabs() == []


async def test_the_place_of_the_whole_window_is_remembered(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        frame = window.window()
        frame.resize(760, 560)
        Memory(window).keep()
        assert remembered._value("geometry") == frame.saveGeometry() != window.saveGeometry()
