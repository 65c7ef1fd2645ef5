"""A table larger than the window of rows that is loaded: it is scrolled, dragged and followed as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from jobdesk.jobs.model import JobsModel
from jobdesk.window.desk_view import DeskView
from jobdesk_core.reading.pages import Order
from opened import Others, live
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from waiting import until

JOBS = 9_000


@pytest.fixture
def large_dsn(dsn: str) -> str:
    """A database with many ended jobs, every seventh deleted."""
    with Others(dsn) as others:
        others.run("SET session_replication_role = replica")
        others.run(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, status) "
            f"SELECT 'mail.send', 'mail', 'succeeded' FROM generate_series(1, {JOBS})"
        )
        others.run("DELETE FROM procrastinate_jobs WHERE id %% 7 = 0 AND id < 8000")
    return dsn


@asynccontextmanager
async def desk(folder: Path, dsn: str) -> AsyncIterator[DeskView]:
    async with live(folder, dsn) as window:
        await until(lambda: window.jobs.model.rowCount() >= 200, what="the first page")
        yield window


def in_sight(window: DeskView) -> list[int]:
    """The ids of the rows in sight."""
    first, last = window.jobs.table.sight()
    return window.jobs.model.ids_between(first, last)


def is_unbroken(ids: list[int], order: Order = Order.NEWEST) -> bool:
    """Whether no job of the table is left out between the first id and the last."""
    low, high = min(ids), max(ids)
    there = [job_id for job_id in range(low, high + 1) if job_id % 7 or job_id >= 8000]
    return ids == (there[::-1] if order is Order.NEWEST else there)


async def drag(window: DeskView, part: float) -> None:
    """Drag the bar to a part of its length and let go."""
    bar = window.jobs.bar
    bar.setSliderDown(True)
    bar.setSliderPosition(round(bar.maximum() * part))
    bar.sliderMoved.emit(bar.sliderPosition())
    bar.setSliderDown(False)
    await until(lambda: not window.jobs.reading.is_reading, what="the rows there")


@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
async def test_a_drag_shows_the_rows_there_and_scrolling_on_leaves_none_out(
    large_dsn: str, tmp_path: Path, order: Order
) -> None:
    async with desk(tmp_path, large_dsn) as window:
        window.jobs.set_order(order)
        await until(lambda: window.jobs.model.rowCount() >= 200 and not window.jobs.reading.is_reading)
        await drag(window, 0.5)
        await until(lambda: in_sight(window) and abs(in_sight(window)[0] - JOBS / 2) < 200, what="the middle")
        assert abs(window.jobs.bar.value() / window.jobs.bar.maximum() - 0.5) < 0.05
        own = window.jobs.table.verticalScrollBar()
        seen = window.jobs.model.ids()[0]
        for end in (own.setValue, lambda _: own.setValue(own.maximum())):
            for _ in range(12):
                end(0)
                await until(lambda: not window.jobs.reading.is_reading, what="more rows")
                assert is_unbroken(window.jobs.model.ids(), order)
                assert window.jobs.model.rowCount() <= JobsModel.CAPACITY + 200
        assert window.jobs.model.ids()[0] != seen


async def test_scrolling_to_the_end_keeps_the_window_small_and_back_to_the_start(
    large_dsn: str, tmp_path: Path
) -> None:
    async with desk(tmp_path, large_dsn) as window:
        model, own = window.jobs.model, window.jobs.table.verticalScrollBar()
        while not model.is_complete:
            own.setValue(own.maximum())
            await asyncio.sleep(0.01)  # the bar may not have grown yet: then nothing is read, nor waited for
            await until(lambda: not window.jobs.reading.is_reading, what="more rows")
            assert model.rowCount() <= JobsModel.CAPACITY + 200
        assert model.ids()[-1] == 1 and not model.is_at_start
        while not model.is_at_start:
            own.setValue(0)
            await asyncio.sleep(0.01)
            await until(lambda: not window.jobs.reading.is_reading, what="more rows")
        assert model.ids()[0] == JOBS and not model.is_complete
        assert is_unbroken(model.ids())


async def test_home_and_end_go_to_the_ends_of_the_table(large_dsn: str, tmp_path: Path) -> None:
    async with desk(tmp_path, large_dsn) as window:
        window.jobs.table.setFocus()
        QTest.keyClick(window.jobs.table, Qt.Key.Key_End)
        await until(lambda: window.jobs.model.is_complete and not window.jobs.reading.is_reading, what="the end")
        assert window.jobs.model.ids()[-1] == 1
        QTest.keyClick(window.jobs.table, Qt.Key.Key_Home)
        await until(lambda: window.jobs.model.is_at_start and not window.jobs.reading.is_reading, what="the start")
        assert in_sight(window)[0] == JOBS


async def test_what_arrives_while_one_reads_in_the_middle_moves_nothing_and_is_counted(
    large_dsn: str, tmp_path: Path
) -> None:
    async with desk(tmp_path, large_dsn) as window:
        await drag(window, 0.4)
        await until(lambda: not window.jobs.model.is_at_start and in_sight(window))
        await until(lambda: not window.jobs.reading.is_reading)
        before = in_sight(window)
        window.jobs.inspect(before[3])
        with Others(large_dsn) as others:
            for _ in range(5):
                newest = others.defer()
            others.run("DELETE FROM procrastinate_jobs WHERE id = %s", before[5])
        await until(lambda: "5 new" in window.jobs.toolbar.arrived.accessibleName(), what="the arrivals to be counted")
        await until(lambda: before[5] not in window.jobs.model.ids(), what="the deletion")
        assert in_sight(window)[:5] == before[:5] and window.jobs.table.selected_ids() == [before[3]]
        window.jobs.toolbar.arrived.click()
        await until(lambda: in_sight(window)[:1] == [newest], what="the newest job")
        assert not window.jobs.toolbar.arrived.isVisible()


async def test_a_small_table_has_a_bar_of_its_own_length(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for _ in range(60):
            others.defer()
    async with live(tmp_path, dsn) as window:
        own, bar = window.jobs.table.verticalScrollBar(), window.jobs.bar
        await until(lambda: window.jobs.model.rowCount() == 60 and own.maximum() > 0)
        await until(lambda: bar.maximum() == own.maximum(), what="the bar to follow")
        own.setValue(own.maximum())
        assert bar.value() == bar.maximum()


async def test_a_search_goes_on_by_itself_says_how_far_and_stops_at_a_click(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.run("SET session_replication_role = replica")
        others.run(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, status, args) "
            "SELECT 'mail.send', 'mail', 'succeeded', "
            """CASE WHEN n IN (3, 400000, 599990) THEN '{"user_id": 42}'::jsonb ELSE '{"user_id": 7}' END """
            "FROM generate_series(1, 600000) AS n"
        )
        async with desk(tmp_path, dsn) as window:
            toolbar, reading, model = window.jobs.toolbar, window.jobs.reading, window.jobs.model
            window.header.filter_bar.set_text("args.user_id:42")
            await until(lambda: model.ids() == [599_990] and reading.is_reading, what="the first match while it looks")
            assert "1 found so far, searching" in toolbar._count.whole and toolbar.stop.text() == "Stop"
            assert "searched back to #" in window.jobs.footnote()
            toolbar.stop.click()
            await until(lambda: toolbar.stop.text() == "Go on", what="the search to stop")
            assert "1 found so far" in toolbar._count.whole and not model.is_complete
            busy = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%args #>>%%'"
            await until(lambda: others.run(busy) == 1, what="the server to stop, but for this question")
            toolbar.stop.click()
            await until(lambda: model.is_complete, timeout_s=60, what="the end of the search")
            assert model.ids() == [599_990, 400_000, 3]
            await until(lambda: "3 match (exact)" in toolbar._count.whole, what="the sum")
            assert not toolbar.stop.isVisible()
