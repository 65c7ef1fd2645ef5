"""The layout of the window: remembered for each profile, put back, reset, and never in the way of a start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jobdesk import remembered
from jobdesk.main_window import MainWindow
from jobdesk.models.jobs import COLUMNS, INDEX_OF
from jobdesk.remembered import Layouts, keep_layout, kept_layouts
from jobdesk_core.monitor.pages import Order
from jobdesk_core.profiles import Profile
from opened import Others, opened
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QSplitter, QToolButton
from waiting import until


@pytest.fixture(autouse=True)
def settings(tmp_path: Path) -> Iterator[QSettings]:
    """A place of its own for what is remembered."""
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))
    yield QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "jobdesk", "window")


async def open_profile(window: MainWindow, dsn: str, name: str) -> None:
    window.session.open(Profile(name=name, method="dsn", dsn=dsn))
    await until(
        lambda: window.session.desk is not None and window.session.desk.profile.name == name, what="the connection"
    )
    await until(lambda: not window.jobs.reading.is_reading, what="the first page")


def arrange(window: MainWindow) -> None:
    """Move everything that can be moved, as an operator does."""
    table = window.jobs.table
    columns = window.jobs.toolbar.findChild(QToolButton, "columns").menu()
    columns.actions()[INDEX_OF["worker"]].trigger()
    columns.actions()[INDEX_OF["priority"]].trigger()
    table.horizontalHeader().moveSection(INDEX_OF["queue"], 0)
    table.horizontalHeader().resizeSection(INDEX_OF["lock"], 211)
    splitter = window.jobs.findChild(QSplitter)
    splitter.setSizes([700, 500])
    splitter.splitterMoved.emit(700, 1)
    window.jobs.set_order(Order.OLDEST)
    window.queues.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    window.show_page("workers")


def looks(window: MainWindow) -> dict[str, Any]:
    table = window.jobs.table
    head = table.horizontalHeader()
    return {
        "first": COLUMNS[head.logicalIndex(0)].key,
        "hidden": {column.key for place, column in enumerate(COLUMNS) if table.isColumnHidden(place)},
        "order": window.jobs.model.order,
        "page": window.navigation.current,
        "sorted by": window.queues.model.sort_column,
    }


ARRANGED = {
    "first": "queue",
    "hidden": {"priority", "queueing_lock"},
    "order": Order.OLDEST,
    "page": "workers",
    "sorted by": 2,
}
AT_FIRST = {
    "first": "id",
    "hidden": {"queueing_lock", "worker"},
    "order": Order.NEWEST,
    "page": "jobs",
    "sorted by": 0,
}


async def test_a_profile_opens_as_it_was_left(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer()  # an empty table is not on show, and nobody sets its widths
    async with opened(tmp_path) as window:
        Layouts(window)
        await open_profile(window, dsn, "mine")
        await until(window.jobs.table.isVisible, what="the job")
        arrange(window)
        assert looks(window) == ARRANGED
        sizes = window.jobs.findChild(QSplitter).sizes()
    async with opened(tmp_path) as again:
        Layouts(again)
        again.resize(window.size())
        await open_profile(again, dsn, "mine")
        assert looks(again) == ARRANGED
        assert again.jobs.table.columnWidth(INDEX_OF["lock"]) == 211
        again.show_page("jobs")
        assert again.jobs.findChild(QSplitter).sizes() == sizes


async def test_each_profile_has_a_layout_of_its_own(dsn: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        Layouts(window)
        await open_profile(window, dsn, "one")
        arrange(window)
        await open_profile(window, dsn, "two")
        assert looks(window) == AT_FIRST, "what was done for another profile does not follow"
        await open_profile(window, dsn, "one")
        assert looks(window) == ARRANGED
        assert list(kept_layouts()) == ["two", "one"]


async def test_the_layout_is_reset_by_its_action(dsn: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        await open_profile(window, dsn, "mine")
        widths = [window.jobs.table.columnWidth(place) for place in range(len(COLUMNS))]
        sizes = window.jobs.findChild(QSplitter).sizes()
        arrange(window)
        window.show_page("jobs")
        window.actions["view.reset_layout"].trigger()
        assert looks(window) == AT_FIRST
        assert window.jobs.findChild(QSplitter).sizes() == sizes
        assert [window.jobs.table.columnWidth(place) for place in range(len(COLUMNS))] == widths
        columns = window.jobs.toolbar.findChild(QToolButton, "columns").menu()
        columns.aboutToShow.emit()
        assert not columns.actions()[INDEX_OF["worker"]].isChecked()


BROKEN = (
    "no json at all",
    "[]",
    '{"mine": 5}',
    '{"mine": {"page": "nowhere", "order": ["?"], "tables": 7, "splitters": {"jobs.0": "wide"}}}',
    '{"mine": {"page": 3, "tables": {"jobs.0": {"order": [0, 0, 0]}, "x": null, "queues.0": null}}}',
    json.dumps({"mine": {"tables": {"jobs.0": {"order": list(range(11)), "hidden": list(range(11)), "widths": {}}}}}),
    json.dumps({"mine": {"tables": {"jobs.0": {"order": list(range(11)), "hidden": [9, 10], "widths": {"0": 10**9}}}}}),
    json.dumps({"mine": {"splitters": {"jobs.0": [10**12, -4], "journal.0": [True, 5], "nobody": [1, 2]}}}),
    "[" * 100_000,
)


@pytest.mark.parametrize("stored", BROKEN, ids=range(len(BROKEN)))
async def test_a_broken_setting_never_prevents_the_start(
    dsn: str, tmp_path: Path, settings: QSettings, stored: str
) -> None:
    settings.setValue("layouts", stored)
    settings.setValue("geometry", "nonsense")
    settings.sync()
    async with opened(tmp_path) as window:
        remembered.restore(window, None)
        Layouts(window)
        await open_profile(window, dsn, "mine")
        assert looks(window) == AT_FIRST
        assert all(window.jobs.table.columnWidth(place) < 2_000 for place in range(len(COLUMNS)))


def test_what_is_remembered_is_bounded() -> None:
    for number in range(remembered.MOST_LAYOUTS + 5):
        keep_layout(f"profile {number}", {"page": "jobs"})
    assert len(kept_layouts()) == remembered.MOST_LAYOUTS
    assert next(iter(kept_layouts())) == f"profile {remembered.MOST_LAYOUTS + 4}", "the last used is kept first"
    keep_layout("long", {"page": "x" * remembered.MOST_CHARACTERS})
    assert "long" not in kept_layouts()
