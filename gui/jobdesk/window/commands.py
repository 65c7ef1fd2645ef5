"""The groups of commands of every feature, and what each is given of the others."""

from __future__ import annotations

from jobdesk_core.watching.attention import Attention
from PySide6.QtCore import QObject

from jobdesk.acting.commands import JobCommands, MatchingCommands
from jobdesk.acting.control import Acting
from jobdesk.alerts.commands import AlertCommands
from jobdesk.connection.command_group import CommandGroup
from jobdesk.connection.commands import AppCommands, ConnectionCommands, DemoCommands
from jobdesk.connection.remedies import Way, place_of
from jobdesk.deferring.commands import AgainCommands, NewJobCommands
from jobdesk.exporting.commands import ExportCommands
from jobdesk.failures.commands import FailureCommands
from jobdesk.filtering.commands import SavedViewCommands
from jobdesk.fleet.commands import FleetCommands
from jobdesk.health.commands import HealthCommands
from jobdesk.jobs.copying import CopyCommands
from jobdesk.kit.action_spec import Spec
from jobdesk.queues.commands import QueueCommands, TaskCommands
from jobdesk.schedules.commands import ScheduleCommands
from jobdesk.staging.commands import StagedCommands
from jobdesk.window.help_commands import HelpCommands
from jobdesk.window.shown import Shown
from jobdesk.window.tab_commands import TabCommands
from jobdesk.window.view_commands import ViewCommands
from jobdesk.workers.commands import WorkerCommands

#: Every group, in the order of the menus.
GROUPS: tuple[type[CommandGroup], ...] = (
    ConnectionCommands,
    TabCommands,
    FleetCommands,
    DemoCommands,
    StagedCommands,
    AppCommands,
    NewJobCommands,
    JobCommands,
    MatchingCommands,
    AgainCommands,
    CopyCommands,
    QueueCommands,
    TaskCommands,
    WorkerCommands,
    FailureCommands,
    ScheduleCommands,
    HealthCommands,
    ViewCommands,
    AlertCommands,
    ExportCommands,
    SavedViewCommands,
    HelpCommands,
)


class Commands(QObject):
    """One of each group, for one connection."""

    def __init__(self, window: Shown, acting: Acting) -> None:
        super().__init__(window.frame)
        self._window, session = window, window.session
        self.connection = ConnectionCommands(window, session)
        self.tab = TabCommands(window, session)
        self.fleet = FleetCommands(window, session)
        self.demo = DemoCommands(window, session)
        self.app = AppCommands(window, session)
        self.new_job = NewJobCommands(window, session, acting)
        self.again = AgainCommands(window, session, acting, self.new_job)
        self.job = JobCommands(window, session, acting, self.again.again)
        self.matching = MatchingCommands(window, session, acting)
        self.copy = CopyCommands(window, session, window.jobs.inspector)
        self.export = ExportCommands(window, session, window.jobs, acting.banners)
        self.queue = QueueCommands(window, session, acting, self.new_job)
        self.task = TaskCommands(window, session, acting, self.new_job)
        self.worker = WorkerCommands(window, session, acting)
        self.failure = FailureCommands(window, session, acting)
        self.health = HealthCommands(window, session, acting)
        self.schedule = ScheduleCommands(window, session, self.new_job)
        self.staged = StagedCommands(window, session, acting, self.new_job)
        self.view = ViewCommands(window, session)
        self.alert = AlertCommands(window, session, window.alerts)
        self.saved_view = SavedViewCommands(window, session, window.finding)
        self.help = HelpCommands(window, session)
        groups = [value for value in vars(self).values() if isinstance(value, CommandGroup)]
        self._groups = {spec: group for group in groups for spec in group.specs}

    def run(self, spec: Spec) -> None:
        """Carry out an action."""
        spec.run(self._groups[spec])

    def help_with(self, way: Way, line: Attention) -> None:
        """Do what a button of a line that needs attention says: an act shows first what it would do."""
        if way == "jobs":
            self._window.ask_for(line.filter_text)
        elif way == "rescue":
            self.job.rescue_matching(line.filter_text)
        elif way == "retry":
            self.job.retry_matching(line.filter_text)
        elif way == "defer":
            self._window.show_place("schedules", line.subject)
            self.schedule.defer()
        else:
            self._window.show_place(way, place_of(way, line))

    def reasons(self) -> dict[str, str | None]:
        """Why each action that is not possible now is not, by key."""
        return {key: reason for group in set(self._groups.values()) for key, reason in group.reasons().items()}
