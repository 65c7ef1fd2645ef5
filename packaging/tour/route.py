"""The way through the window: its pages, every act, every dialog, in both themes and several sizes."""

from __future__ import annotations

import asyncio
from functools import partial

from jobdesk.connection.list_page import ListPage
from jobdesk.kit.theme import theme
from jobdesk.overview.page import OverviewPage
from jobdesk.window.palette import PaletteDialog
from jobdesk_core.jobs import Status
from jobdesk_core.troubles import Trouble
from PySide6.QtCore import QSize
from PySide6.QtTest import QTest

from tour import acting, dialogs, records
from tour.walker import StepFailed, Walker

#: The smallest screens that people work on, and a large one.
SIZES = (QSize(1024, 700), QSize(1280, 800), QSize(2560, 1440))


async def walk(walker: Walker) -> None:
    """From the first page to the last dialog. Raises StepFailed."""
    window = walker.window
    theme().set_mode("light")
    await _connected(walker)
    await walker.until(lambda: window.header.live.text.startswith("Live"), "the feed to go live", 30)
    await walker.jobs_shown()
    await asyncio.sleep(3)  # some live changes, for the pictures
    await _pages(walker)
    await acting.walk(walker)
    await dialogs.walk(walker)
    theme().set_mode("dark")
    await _pages(walker)
    await dialogs.walk_again(walker)
    await dialogs.help_window(walker)
    theme().set_mode("light")
    await dialogs.help_window(walker)
    await _sizes(walker)


async def _connected(walker: Walker) -> None:
    """Wait for the connection. Raises StepFailed at once where it is refused."""
    session, troubles = walker.window.session, list[Trouble]()
    session.trouble.connect(lambda trouble, _: troubles.append(trouble))
    await walker.until(lambda: session.desk is not None or troubles, "the connection to open", 90)
    if troubles:
        raise StepFailed(f"not connected: {troubles[0].sentence}")
    if session.desk is not None and not session.desk.capabilities.has_schema:
        raise StepFailed("this database has no Procrastinate schema")


async def _pages(walker: Walker) -> None:
    walker.close_banners()
    walker.clear_filter()
    for key in ("overview", "queues", "tasks", "workers"):
        walker.trigger(f"view.{key}")
        desk = walker.window.session.desk
        if key == "overview" and desk is not None:
            overview = walker.window.pages.get_as(key, OverviewPage)
            await walker.until(partial(getattr, overview, "span"), "the overview to be read")
        await asyncio.sleep(0.4)
        await walker.picture(key)
    await records.failures(walker)
    await records.schedules(walker)
    await records.locks(walker)
    await records.journal(walker)
    await records.health(walker)
    await records.fleet(walker)
    await records.alerts(walker)
    await _sides(walker)
    await _jobs(walker)


async def _sides(walker: Walker) -> None:
    for key in ("queues", "tasks", "workers"):
        walker.trigger(f"view.{key}")
        page = walker.window.pages.get_as(key, ListPage)
        await walker.rows_shown(page.table, key)
        page.table.selectRow(0)
        await asyncio.sleep(0.8)  # what the side reads
        await walker.picture(f"{key}-side")
        page.table.clearSelection()


async def _jobs(walker: Walker) -> None:
    jobs = walker.window.jobs
    walker.trigger("view.jobs")
    await walker.jobs_shown()
    await walker.select(walker.first_job(Status.TODO, with_lock=True) or jobs.model.row_at(0).id)
    await walker.until(lambda: jobs.inspector.detail is not None, "the inspector to fill")
    await walker.picture("jobs")
    jobs.table.select(jobs.model.ids()[:6])
    await walker.until(jobs.inspector.comparison.shared.isVisible, "the jobs to be compared")
    await walker.picture("jobs-compared")
    # What the demo's history always has.
    await walker.type_filter("status:failed,aborted queue:billing,media")
    await walker.jobs_shown()
    await walker.picture("jobs-filtered")
    await walker.type_filter("status:nope", is_wrong=True)
    await walker.picture("filter-mistake")
    walker.clear_filter()
    await walker.type_filter("lock:nobody-has-this")
    await walker.until(lambda: not jobs.reading.is_reading, "the search to end")
    await walker.picture("nothing-found")
    await _finding(walker)
    walker.clear_filter()
    await walker.jobs_shown()


async def _finding(walker: Walker) -> None:
    window = walker.window
    window.finding.show_filter("(status:failed or stalled) not (queue:mail task:*.digest)")
    await asyncio.sleep(0.8)
    window.finding.save_view("Trouble beyond mail")
    await walker.until(lambda: not window.jobs.reading.is_reading, "the search to end")
    await asyncio.sleep(2)  # for the view's count
    await walker.picture("saved-view")
    PaletteDialog(window).open()
    await asyncio.sleep(0.3)
    palette = next(each for each in window.findChildren(PaletteDialog) if each.isVisible())
    QTest.keyClicks(palette.edit, "job")
    await walker.picture("palette")
    palette.reject()


async def _sizes(walker: Walker) -> None:
    window = walker.window
    walker.close_banners()
    before = walker.frame.size()
    for size in SIZES:
        walker.frame.resize(size)
        for key in ("jobs", "overview"):
            window.show_page(key)
            await asyncio.sleep(0.4)
            await walker.picture(f"{key}-{size.width()}x{size.height()}")
    walker.frame.resize(before)
    for key in ("view.comfortable_rows", "view.utc_times"):
        walker.trigger(key)
    window.show_page("jobs")
    await asyncio.sleep(0.4)
    await walker.picture("jobs-comfortable-utc")
    for key in ("view.compact_rows", "view.local_times"):
        walker.trigger(key)
