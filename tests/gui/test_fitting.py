"""With larger text nothing is cut: every label and button of every page and dialog has the room that its words need."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jobdesk.fleet.queue_list import QueueList
from jobdesk.kit.dress import show_words
from jobdesk.kit.flow import Flow
from jobdesk.kit.layouts import STRETCH, in_column
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.theme import Mode, theme
from jobdesk.kit.theme.icons import icon
from jobdesk.window.desk_view import DeskView
from jobdesk.window.pages import KEYS
from jobdesk_core.journal import Search
from jobdesk_core.reading.open_jobs import OpenGroup, OpenJobs
from jobdesk_core.watching.situation import Situation
from opened import Others, closed, dialog_of, live
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QWidget,
)
from waiting import until

_SPEC = importlib.util.spec_from_file_location("opening_dialogs", Path(__file__).with_name("test_keys.py"))
assert _SPEC is not None and _SPEC.loader is not None
#: Who opens every dialog.
keys = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(keys)

FIELDS = (QLineEdit, QComboBox, QAbstractSpinBox)


@pytest.fixture(autouse=True)
def usual(tmp_path: Path) -> Iterator[None]:
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))
    yield
    theme().set_text_percent(100)
    theme().set_mode("light")


def cut(root: QWidget) -> list[str]:
    """What of a window has no room: words wider or higher than their widget, and widgets beyond what holds them."""
    found = []
    for widget in root.findChildren(QWidget):
        if not widget.isVisible() or widget.window() is not root:
            continue
        # What elides on purpose says on hover what it leaves out.
        if isinstance(widget, QLabel | QAbstractButton) and not isinstance(widget, OneLine) and widget.text():
            found += lacking(widget)
        if isinstance(widget, (QLabel, QAbstractButton, *FIELDS)):
            found += beyond(widget)
    return found


def lacking(widget: QLabel | QAbstractButton) -> list[str]:
    needed = widget.sizeHint()
    if isinstance(widget, QLabel) and widget.wordWrap():
        height = widget.heightForWidth(widget.width())
        return [f"{named(widget)} is {widget.height()} high, not {height}"] if height > widget.height() + 1 else []
    is_enough = needed.width() <= widget.width() + 1 and needed.height() <= widget.height() + 1
    return [] if is_enough else [f"{named(widget)} has {widget.size().toTuple()}, needs {needed.toTuple()}"]


def beyond(widget: QWidget) -> list[str]:
    holder = widget.parentWidget()
    # The content of a scroll area is larger than what is seen of it.
    while holder is not None and not isinstance(holder.parentWidget(), QAbstractScrollArea):
        place = widget.rect().translated(widget.mapTo(holder, widget.rect().topLeft()))
        if not holder.rect().contains(place):
            return [f"{named(widget)} at {place.getRect()} is beyond {named(holder)}, {holder.size().toTuple()}"]
        if holder.isWindow():
            break
        holder = holder.parentWidget()
    return []


def named(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QLabel | QAbstractButton | QLineEdit) else ""
    return f"{type(widget).__name__} {widget.objectName()} {text[:50]!r}"


async def settled() -> None:
    """Until what was laid out later, too, stands where it belongs."""
    for _ in range(6):
        await asyncio.sleep(0.02)


async def cut_in_pages(window: DeskView) -> list[str]:
    found = []
    for key in KEYS:
        window.show_page(key)
        await settled()
        found += [f"{key}: {each}" for each in cut(window)]
    return found


async def cut_in_dialogs(window: DeskView, opener: Any) -> list[str]:
    found = []
    for kind, make in sorted(opener.makers().items(), key=lambda each: each[0].__name__):
        window.show_page("jobs")
        await until(lambda: window.all_actions["job.cancel"].isEnabled(), what="a job to be selected")
        make()
        dialog = await dialog_of(window, kind)
        await settled()
        found += [f"{kind.__name__}: {each}" for each in cut(dialog)]
        if dialog.width() > window.window().width() or dialog.height() > window.window().height():
            found.append(f"{kind.__name__} has {dialog.size().toTuple()}, more than the window")
        for each in window.findChildren(QDialog):
            each.done(0)
        await closed(window)
    return found


@pytest.mark.parametrize(
    ("percent", "mode"), [(100, "contrast-light"), (150, "contrast-dark"), (200, "light")], ids=str
)
async def test_no_words_are_cut(dsn: str, tmp_path: Path, percent: int, mode: Mode) -> None:
    with Others(dsn) as others:
        ids = [others.defer(task=f"mail.send_{place}", lock="customer-42") for place in range(4)]
        others.start(others.defer(task="etl.load", queue="etl"))
        async with live(tmp_path, dsn, environment="production", colour="#d0202f") as window:
            window.window().resize(*((1280, 800) if percent < 200 else (1440, 900)))
            theme().set_mode(mode)
            theme().set_text_percent(percent)
            await until(lambda: window.jobs.model.position(ids[-1]) is not None)
            window.jobs.table.select([ids[0]])
            await keys.cancelled(window)
            window.jobs.table.select([ids[1]])
            window.finding.save_view("mine")
            (entry,) = await window.session.journal.entries(Search())
            await keys.stage(window)
            await until(lambda: window.jobs.inspector.detail is not None, what="the inspector")
            found = await cut_in_pages(window) + await cut_in_dialogs(window, keys.Opener(window, entry))
            assert not found, "\n".join(found)
            assert window.footer.geometry().bottom() <= window.window().height()


async def test_what_shows_a_number_of_jobs_fits_while_they_are_compared(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [others.defer(task="mail.send", lock="customer-42") for _ in range(4)]
        async with live(tmp_path, dsn) as window:
            window.window().resize(1280, 800)
            theme().set_text_percent(150)
            await until(lambda: window.jobs.model.position(ids[-1]) is not None)
            window.jobs.table.select(ids)
            await until(window.jobs.inspector.comparison.shared.isVisible, what="the comparison")
            await settled()
            assert not cut(window)


async def test_the_columns_of_jobs_have_room_for_what_they_say(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        later = others.defer(scheduled_at="2026-01-01")
        others.run("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '12 min 42 s' WHERE id = %s", later)
        async with live(tmp_path, dsn) as window:
            window.window().resize(2000, 800)
            table = window.jobs.table
            await until(lambda: window.jobs.model.position(later) is not None)
            others.start(job_id)
            others.run("UPDATE procrastinate_jobs SET abort_requested = true WHERE id = %s", job_id)
            window.all_actions["view.refresh"].trigger()
            await until(lambda: "abort requested" in texts(window), what="the request to abort")
            for percent in (100, 150):
                theme().set_text_percent(percent)
                await settled()
                for place in range(window.jobs.model.rowCount()):
                    for column in range(window.jobs.model.columnCount()):
                        if table.isColumnHidden(column):
                            continue
                        index = window.jobs.model.index(place, column)
                        assert not table._cells._is_elided(table.columnWidth(column), index), (percent, index.data())


def texts(window: DeskView) -> str:
    model = window.jobs.model
    places = ((row, column) for row in range(model.rowCount()) for column in range(model.columnCount()))
    return " ".join(str(model.index(row, column).data()) for row, column in places)


def point(x: int) -> QPoint:
    return QPoint(x, 10)


async def test_widths_that_were_chosen_grow_with_the_text(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, dsn) as window:
            window.window().resize(1280, 800)
            table = window.jobs.table
            head = table.horizontalHeader()
            edge = head.sectionViewportPosition(1) + head.sectionSize(1) - 1
            QTest.mousePress(head.viewport(), Qt.MouseButton.LeftButton, pos=point(edge))
            QTest.mouseMove(head.viewport(), point(edge + 20))
            QTest.mouseMove(head.viewport(), point(edge + 40))
            QTest.mouseRelease(head.viewport(), Qt.MouseButton.LeftButton, pos=point(edge + 40))
            await until(lambda: window.jobs.table.choice.has_own_widths, what="the width to be chosen")
            before = table.columnWidth(1)
            theme().set_text_percent(150)
            assert abs(table.columnWidth(1) - 1.5 * before) <= 3
            theme().set_text_percent(100)
            assert abs(table.columnWidth(1) - before) <= 3


async def test_columns_without_room_are_counted_at_the_button_and_can_be_shown(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, dsn) as window:
            table, button = window.jobs.table, window.jobs.toolbar._columns
            window.window().resize(2200, 800)
            await until(lambda: "+" not in button.text(), what="room for every column")
            window.window().resize(1100, 800)
            await until(lambda: "+" in button.text(), what="the columns given up")
            hidden = [each.title for place, each in enumerate(table.jobs.columns) if table.isColumnHidden(place)]
            missing = [each.title for each in table.jobs.columns if each.is_shown and each.title in hidden]
            assert button.text() == f"+{len(missing)}" and all(title in button.toolTip() for title in missing)
            for title in missing:
                table.choice.show_column(title, True)
            await until(lambda: table.horizontalScrollBar().maximum() > 0, what="the table to scroll")
            assert "+" not in button.text()


async def test_the_filter_bar_is_quiet_where_it_filters_nothing_and_leads_to_jobs(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        bar = window.header.filter_bar
        assert not bar.property("elsewhere")
        for key in KEYS:
            window.show_page(key)
            assert bool(bar.property("elsewhere")) is (key != "jobs"), key
            assert ("leads to Jobs" in bar._edit.toolTip()) is (key != "jobs"), key
        bar.set_text("status:failed")
        assert window.navigation.current == "jobs" and not bar.property("elsewhere")
        window.show_page("queues")
        assert bar._chips.is_quiet and bar._chips.isEnabled()


def test_buttons_in_lines_take_no_height_but_their_own(qapp: QApplication) -> None:
    theme().install(qapp)
    whole, line, button = QWidget(), QWidget(), QPushButton("Show the SQL")
    Flow(line).addWidget(button)
    in_column(line, QLabel("below"), STRETCH, within=whole, margins=0)
    whole.resize(300, 900)
    whole.show()
    assert line.height() == button.height()


def test_words_beside_an_icon_stand_in_the_middle_of_their_button(qapp: QApplication) -> None:
    theme().install(qapp)
    button = QToolButton()
    button.setText("Cancel waiting")
    button.setIcon(icon("cancel"))
    for are_shown in (False, True, False):
        show_words(button, are_shown)
        button.resize(button.sizeHint())
        picture = button.grab().toImage()
        ground = picture.pixelColor(4, picture.height() // 2)
        middle = range(6, picture.height() - 6)
        columns = [
            x
            for x in range(4, picture.width() - 4)
            if any(picture.pixelColor(x, y).lightness() < ground.lightness() - 60 for y in middle)
        ]
        left, right = columns[0], picture.width() - 1 - columns[-1]
        assert abs(left - right) <= 3, (are_shown, left, right)


def test_in_a_narrow_side_the_names_of_queues_have_the_room(qapp: QApplication) -> None:
    theme().install(qapp)
    group = OpenGroup(due=11, running=3)
    now = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
    queues = QueueList()
    found = OpenJobs(now, queues={"reports": group, "media": replace(group, stalled=2)})
    queues.show_queues(Situation(now, found))
    for width, running in ((300, ["2 stalled", "3 running"]), (200, ["2 stalled", ""])):
        queues.resize(width, 200)
        queues.show()
        labels = [each.whole for each in queues.findChildren(OneLine) if not each.isHidden()]
        assert labels[2::4] == running, (width, labels)
