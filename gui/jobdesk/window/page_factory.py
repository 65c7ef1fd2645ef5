"""Makes each page, and joins it with the commands that act upon what is selected in it."""

from __future__ import annotations

from jobdesk_core.journal import Journal

from jobdesk.acting.control import Acting
from jobdesk.connection.page import Page
from jobdesk.window.commands import Commands


def make_page(key: str, commands: Commands, acting: Acting, journal: Journal) -> Page:
    """The page of this key. Its modules are imported when it is first needed. KeyError for a key there is not."""
    if key == "fleet":
        from jobdesk.fleet.page import FleetPage

        fleet = FleetPage(commands.fleet.board)
        commands.fleet.follow_page(fleet)
        return fleet
    if key == "overview":
        return _overview(commands)
    if key == "failures":
        from jobdesk.failures.page import FailuresPage

        commands.failure.page = FailuresPage()
        return commands.failure.page
    if key == "schedules":
        return _schedules(commands)
    if key in ("queues", "tasks"):
        from jobdesk.queues.page import NamesPage

        group = commands.queue if key == "queues" else commands.task
        group.page = NamesPage(group.kind)
        return group.page
    if key == "workers":
        from jobdesk.workers.page import WorkersPage

        commands.worker.page = WorkersPage()
        return commands.worker.page
    if key == "locks":
        from jobdesk.locks.page import LocksPage

        return LocksPage()
    if key == "health":
        return _health_page(commands)
    if key == "journal":
        from jobdesk.journal.page import JournalPage

        page = JournalPage(journal)
        page.undo_asked_for.connect(acting.open_undo)
        acting.entry_asked_for.connect(page.choose)
        return page
    raise KeyError(key)


def _overview(commands: Commands) -> Page:
    from jobdesk.overview.page import OverviewPage

    page = OverviewPage()
    page.remedy_asked_for.connect(commands.help_with)
    page.defer_asked_for.connect(commands.new_job.defer)
    page.rules_asked_for.connect(commands.alert.rules)
    return page


def _schedules(commands: Commands) -> Page:
    from jobdesk.schedules.page import SchedulesPage

    page = commands.schedule.page = SchedulesPage()
    page.settings_asked_for.connect(commands.connection.choose)
    return page


def _health_page(commands: Commands) -> Page:
    from jobdesk.health.page import HealthPage

    commands.health.page = HealthPage()
    return commands.health.page
