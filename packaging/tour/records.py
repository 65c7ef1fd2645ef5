"""The tour's steps through failures, locks and the journal: what fails, who waits, and an undo of what was done."""

from __future__ import annotations

import asyncio

from jobdesk.acting.undo import UndoDialog
from jobdesk.failures.page import FailuresPage
from jobdesk.fleet.page import FleetPage
from jobdesk.health.page import HealthPage
from jobdesk.journal.page import JournalPage
from jobdesk.locks.page import LocksPage
from jobdesk.schedules.page import SchedulesPage
from jobdesk_core.profiles import Profile

from tour.walker import Walker


async def failures(walker: Walker) -> None:
    """Look at what has failed in the last day."""
    walker.trigger("view.failures")
    page = walker.window.pages.get_as("failures", FailuresPage)
    page.toolbar.span.choose(3)
    await walker.until(
        lambda: page.reading.found is not None and page.reading.found.is_whole, "the failures to be read"
    )
    await walker.until(page.side.job_table.isVisible, "the jobs of a group")
    await walker.picture("failures")


async def locks(walker: Walker) -> None:
    """Look at locks, then at queueing locks; the first of each with its jobs, when there is one."""
    walker.trigger("view.locks")
    page = walker.window.pages.get_as("locks", LocksPage)
    for position, name in enumerate(("locks", "queueing-locks")):
        page.kinds.choose(position)
        await walker.until(lambda: bool(page.note.whole), f"the {name} to be read")
        if page.table.model().rowCount():
            page.table.selectRow(0)
            await walker.until(page.chain.selected_rows, "the lock's jobs")
        await walker.picture(name)
    page.kinds.choose(0)


async def health(walker: Walker) -> None:
    """See how the tables fare."""
    walker.trigger("view.health")
    page = walker.window.pages.get_as("health", HealthPage)
    await walker.until(lambda: page.found is not None and page.found.is_whole, "health to be read")
    await walker.picture("health")


async def schedules(walker: Walker) -> None:
    """Look at the periodic tasks, the first of them beside the list."""
    walker.trigger("view.schedules")
    page = walker.window.pages.get_as("schedules", SchedulesPage)
    await walker.until(page.model.rowCount, "the schedules to be read")
    await walker.until(page.selected, "the first of them")
    await walker.picture("schedules")


async def fleet(walker: Walker) -> None:
    """Look at all saved connections: of a tour of the demo these are some to it, and one that leads nowhere."""
    desk = walker.window.session.desk
    if walker.is_on_its_own and desk is not None:
        for name, folder, environment, dsn in (
            ("shop-eu", "eu", "production", desk.profile.dsn),
            ("shop-us", "us", "production", "postgresql://jobs@127.0.0.1:9/shop"),
            ("shop-staging", "eu", "staging", desk.profile.dsn),
        ):
            profile = Profile(name=name, method="dsn", dsn=dsn, environment=environment, folder=folder)
            walker.window.session.store.save(profile)
    walker.trigger("view.fleet")
    page = walker.window.pages.get_as("fleet", FleetPage)
    await walker.until(page.isVisible, "the fleet")
    await asyncio.sleep(8 if walker.is_on_its_own else 1)  # some answers
    await walker.picture("fleet")
    walker.trigger("view.overview")


async def journal(walker: Walker) -> None:
    """Look at what was done, the newest entry selected."""
    walker.trigger("view.journal")
    page = walker.window.pages.get_as("journal", JournalPage)
    await walker.until(lambda: page.toolbar.note, "the journal to be read")
    if page.model.rowCount():
        page.table.selectRow(0)
        await walker.until(page.detail.model.rowCount, "the entry's jobs")
    await walker.picture("journal")


async def undo(walker: Walker) -> None:
    """Undo the newest entry."""
    page = walker.window.pages.get_as("journal", JournalPage)
    walker.trigger("view.journal")
    # The journal of other days may be on show until it has been read anew.
    await walker.until(lambda: str(page.model.index(0, 0).data() or "").startswith("Cancel job"), "the cancelling")
    await journal(walker)
    await walker.until(page.detail.undo.isEnabled, f"an undo to be possible: {page.detail.undo.toolTip()}")
    walker.click(page.detail.undo)
    dialog = await walker.until(lambda: walker.window.findChild(UndoDialog), "the undo's dialog")
    await walker.until(dialog.verb.isEnabled, "the undo's preflight")
    await walker.picture("undo")
    # Not by their number: so many are listed at most, and many tours may have been here.
    before = page.model.index(0, 0).data()
    walker.click(dialog.verb)
    await walker.until(lambda: page.model.index(0, 0).data() != before, "the undo to be written down")
    await walker.picture("undone")


async def alerts(walker: Walker) -> None:
    """What is active, and the rules."""
    panel = walker.window.alerts
    watcher = panel.list.watcher
    if walker.is_on_its_own and watcher is not None:
        watcher.start()
        await walker.until(watcher.active, "an alert", 60)
        await watcher.stop()
    for action, name in (("alerts.show", "alerts"), ("alerts.rules", "alerts-rules")):
        walker.trigger(action)
        await walker.until(panel.isVisible, "the panel of alerts")
        await asyncio.sleep(0.4)
        await walker.picture(name)
    panel.put_away()
