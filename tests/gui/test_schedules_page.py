"""The Schedules page in the real window: what it shows, what it says, and what can be done from it."""

from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path

import reports
from database import run_sql
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.kit import formats
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme
from jobdesk.schedules.course import Course, CourseView
from jobdesk.schedules.model import STRIP, SchedulesModel
from jobdesk.schedules.page import SchedulesPage
from jobdesk.schedules.side import ScheduleSide
from jobdesk.schedules.strip import ScheduleDelegate
from jobdesk.schedules.words import took
from jobdesk.window.desk_view import DeskView
from jobdesk_core.jobs import Status
from jobdesk_core.schedules.schedule import Run, Schedule
from opened import desk_of, dialog_of, live
from periodic import Planned, plant
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QPushButton
from waiting import until

HOSTILE = "<b>x</b> \u202e\x01" + "y" * 90
#: The hour before the last: a schedule of each day at that hour is missed, not late.
DUE = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=1)


def scene(dsn: str) -> dict[tuple[str, str], list[int]]:
    """One that was missed, one that overlaps, one that is inferred, one whose name is hostile."""
    due, minute = DUE.timestamp(), time.time() // 60 * 60
    nightly = [due - 86_400 * n for n in range(9, 0, -1)]
    hourly = [minute - 3_600 * n for n in range(5, -1, -1)]
    planned = [
        Planned(
            "reports.nightly",
            nightly,
            cron=f"0 {DUE.hour} * * *",
            queue="reports",
            args={"region": "eu", "api_key": "s3cret"},
            queueing_lock="nightly",
        ),
        Planned("ledger", hourly, "eu", cron=f"{int(minute) // 60 % 60} * * * *", took_s=[4_000.0]),
        Planned("mail.bounces", [minute - 300 * n for n in range(6, -1, -1)], ends={-1: "todo", -3: "failed"}),
        Planned(HOSTILE, [minute - 86_400 * n for n in range(3, -1, -1)]),
    ]
    ids = plant(dsn, planned)
    ago = time.time() - due
    reports.add_worker(dsn, started_at=reports.ago(5 * 86_400), ended_at=reports.ago(ago + 480), beat_s=ago + 480)
    # It goes on beating for as long as the test may take.
    reports.add_worker(dsn, started_at=reports.ago(ago - 660), beat_s=-900)
    return ids


async def shown(window: DeskView, count: int) -> SchedulesPage:
    window.show_page("schedules")
    page = window.pages.get_as("schedules", SchedulesPage)
    await until(lambda: page.model.rowCount() == count and page._found is not None and page._found.is_whole)
    return page


def cells(page: SchedulesPage, place: int) -> list[str]:
    return [str(page.model.index(place, column).data()) for column in range(page.model.columnCount())]


def column(page: SchedulesPage, place: int) -> list[str]:
    return [cells(page, row)[place] for row in range(page.model.rowCount())]


def test_how_long_a_run_has_waited_fits_its_cell() -> None:
    now = dt.datetime(2026, 11, 27, 21, 30, tzinfo=dt.UTC)
    waits = [
        took(Run(now, now - dt.timedelta(seconds=seconds), 1, Status.TODO), now) for seconds in (28, 1_509, 10_000)
    ]
    assert waits == ["due for 28 s", "due for 25 min", "due for 2 h 46 min"]


async def test_it_says_what_is_not_on_time_first_and_why(dsn: str, tmp_path: Path) -> None:
    ids = scene(dsn)
    async with live(tmp_path, dsn) as window:
        formats.show_utc(True)
        try:
            page = await shown(window, 4)
            assert column(page, 0)[:3] == ["reports.nightly", "ledger · eu", "mail.bounces"]
            assert column(page, 4)[:3] == ["missed 1", "overlapping", "on time"]
            assert column(page, 1)[0] == f"every day at {DUE:%H:%M}"
            assert column(page, 1)[2] == "about every 5 min (inferred)"
            # The first is chosen, since nobody has chosen another.
            await until(lambda: page._detail is not None, what="the job of the last run")
            side = page.side
            assert side.why.headline == f"Nobody deferred the run of {DUE:%H:%M}."
            assert "No worker was alive from " in side.why.text and "within 10 min." in side.why.text
            assert side.state.text == "missed 1" and "queue reports" in side.about.plain_text
            assert f"#{ids['reports.nightly', ''][-1]}" in side.job.plain_text
            assert side.fields.value("waited, ran") == "300 ms, 38 s"
            # What looks secret is hidden as everywhere.
            model = side.arguments.model()
            told = [str(model.index(row, 0).data()) for row in range(model.rowCount())]
            assert not any("s3cret" in each for each in told) and len(told) == 3
            assert page.layout_.kinds.current() == 0
            page.layout_.kinds.choose(1)
            assert column(page, 4) == ["missed 1", "overlapping"]
            page.find_field.setText("LEDGER")
            assert column(page, 0) == ["ledger · eu"]
            page.find_field.setText("nobody")
            assert page.layout_.empty.isVisible() and page.layout_.empty.title == "No schedule is like this"
            page.look_at("ledger · eu")  # as a line that needs attention does
            assert page.model.rowCount() == 4 and page.table.selected_places() == [1]
            assert "began before the one before" in side.why.text and side.name.plain_text == "ledger · eu"
            assert "2 cadences are inferred" in page.layout_.below.text()
            assert page.ahead.title() == "13 runs of 2 schedules; hollow is inferred"
            badge, spoken = window.navigation._item("schedules"), Qt.ItemDataRole.AccessibleTextRole
            await until(lambda: badge.data(spoken) == "Schedules, 2", what="the number beside its name")
            assert page.grab().width() > 0, "also a hostile name is painted"
            # On a screen of 1280 the strip stays, beside the side area.
            window.window().resize(1280, 800)
            await until(lambda: page.table.width() < 800, what="the page to be narrow")
            assert not page.table.isColumnHidden(STRIP) and page.side.isVisible()
            assert page.layout_.note.whole == "cadence told by the workers"
        finally:
            formats.show_utc(False)


def test_the_workers_are_told_where_they_are_known_and_else_hatched(qapp: QApplication) -> None:
    day, view = 86_400.0, CourseView()
    view.resize(400, 110)

    def row(course: Course) -> set[int]:
        view.show_course(course)
        picture = view.grab().toImage()
        y = theme().grown(26) * 5 // 2
        return {picture.pixel(x, y) for x in range(theme().grown(74) + 130, theme().grown(74) + 170)}

    def drawn(gaps: tuple[tuple[float, float], ...] | None, since: float, *missing: float) -> Course:
        return Course(day, 2 * day, (), frozenset(missing), (), gaps, since)

    nobody, partly = drawn(None, 0.0), drawn((), 2 * day - 60)
    assert row(nobody) == row(partly) and len(row(nobody)) > 1, "hatched, whether nobody reports or not for so long"
    assert len(row(drawn((), 0.0))) == 1, "alive all the time"
    two = ((day + 60.0, day + 600.0), (day + 7_000.0, day + 9_000.0))
    assert drawn(two, 0.0, day + 100.0).gap == two[0], "the one in which a run is missing has the words"
    assert drawn(two, 0.0).gap is None and drawn(two[1:], 0.0).gap == two[1]


def test_an_odd_name_is_painted_as_it_is_shown_elsewhere(qapp: QApplication) -> None:
    odd = "a\n\u202eb\tc"
    lines = []
    for task, periodic_id in ((odd, odd), (formats.visible(odd), formats.visible(odd))):
        schedule = Schedule(task, periodic_id, "q", None, None, None, False, "unknown", None, None)
        model, table = SchedulesModel(), Table("schedules")
        model.show([schedule], dt.datetime.now(dt.UTC))
        table.setModel(model)
        table.setItemDelegate(ScheduleDelegate(table))
        table.resize(900, 200)
        table.setColumnWidth(0, 600)
        lines.append(table.grab().toImage())
        side = ScheduleSide()
        side.show_schedule(schedule, dt.datetime.now(dt.UTC))
        assert side.name.plain_text == f"{formats.visible(odd)} · {formats.visible(odd)}"
    assert lines[0] == lines[1]


async def test_the_run_that_was_missed_is_deferred_like_the_last(dsn: str, tmp_path: Path) -> None:
    scene(dsn)
    async with live(tmp_path, dsn) as window:
        page = await shown(window, 4)
        # On a small screen the side stands below the list, which keeps its columns and some rows.
        window.window().resize(900, 600)
        table = page.table
        await until(lambda: table.mapTo(page, QPoint(0, table.height())).y() < page.side.mapTo(page, QPoint()).y())
        await until(lambda: table.viewport().height() > 2 * theme().row_height, what="some rows")
        assert page.side.isVisible() and not page.ahead.isVisible()
        buttons = {each.text(): each for each in page.side.findChildren(QPushButton)}
        buttons["Defer now…"].click()
        dialog = await dialog_of(window, DeferDialog)
        job = dialog.job()
        assert (job.task_name, job.queue, job.queueing_lock) == ("reports.nightly", "reports", "nightly")
        assert dict(job.task_kwargs) == {"region": "eu", "api_key": "s3cret", "timestamp": int(DUE.timestamp())}
        dialog.reject()
        buttons["Copy cron"].click()
        assert QApplication.clipboard().text() == f"0 {DUE.hour} * * *"
        buttons["Show runs"].click()
        assert window.page_key == "jobs" and window.job_filter().text == "task:reports.nightly"


async def test_nothing_periodic_and_what_comes_later(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        window.show_page("schedules")
        page = window.pages.get_as("schedules", SchedulesPage)
        await until(lambda: page.layout_.empty.isVisible(), what="the empty page")
        assert page.layout_.empty.title == "No periodic tasks" and not page.layout_.show_side(False)
        minute = time.time() // 60 * 60
        plant(dsn, [Planned("new", [minute])])
        page.read_again()
        await until(lambda: page.model.rowCount() == 1, what="the first one")
        assert cells(page, 0)[1].startswith("–") and cells(page, 0)[4] == "not known"
        assert cells(page, 0)[5].startswith("1 run: ")
        run_sql(dsn, "DELETE FROM procrastinate_jobs")
        page.read_again()
        await until(lambda: "its job is gone" in cells(page, 0)[2], what="the job to be gone")
        assert desk_of(window).monitor.schedules.last is not None


APPLICATION = """
import procrastinate
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo="host=127.0.0.1 port=1"))

@app.periodic(cron="{cron}")
@app.task(name="named")
def named(timestamp): ...
"""


async def test_the_application_that_the_connection_names_tells_its_cron(dsn: str, tmp_path: Path) -> None:
    minute = time.time() // 60 * 60
    cron = f"{int(minute) // 60 % 60} * * * *"
    plant(dsn, [Planned("named", [minute - 7_200, minute])])
    (tmp_path / "mine.py").write_text(APPLICATION.format(cron=cron))
    place = {"app_python": sys.executable, "app_folder": str(tmp_path), "app_is_allowed": True}
    async with live(tmp_path, dsn, app_path="mine.app", **place) as window:
        page = await shown(window, 1)
        await until(lambda: cells(page, 0)[4] == "on time", what="the cadence that the application tells")
        schedule = page.selected()
        assert schedule is not None and (schedule.source, schedule.cron) == ("application", cron)
        assert page.layout_.note.whole.startswith("cadence from the app, ") and page.layout_._ask.isVisible()
        # The run in between has no job, and an older one that succeeded is there: nobody deferred it.
        assert [run.is_missed for run in schedule.runs] == [False, True, False]
    (tmp_path / "mine.py").write_text("import nowhere_to_be_found")
    async with live(tmp_path, dsn, app_path="mine.app", **place) as window:
        page = await shown(window, 1)
        await until(lambda: "nowhere_to_be_found" in page.layout_.below.text(), what="why the app told nothing")
        assert "The application could not be asked: " in page.layout_.below.text()
