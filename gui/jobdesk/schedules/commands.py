"""What is done about a periodic task: its job deferred now, its runs shown, its cron copied, its application asked."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from jobdesk_core.filters.language import term
from jobdesk_core.jobs import Job
from jobdesk_core.operations import Action, NewJob
from jobdesk_core.profiles import introspect
from jobdesk_core.schedules.schedule import Schedule
from jobdesk_core.troubles import Trouble
from PySide6.QtWidgets import QApplication

from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.deferring.commands import NewJobCommands
from jobdesk.kit import formats
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.schedules.page import SchedulesPage


class ScheduleCommands(CommandGroup):
    """The acts of the Schedules page."""

    #: The page, once it is made.
    page: SchedulesPage | None = None

    def __init__(self, window: Window, session: Session, new_jobs: NewJobCommands) -> None:
        super().__init__(window, session)
        self._new_jobs = new_jobs

    def _reasons_on(self, desk: Desk) -> Reasons:
        reasons: Reasons = {"ask": introspect.problem(desk.profile)}
        schedule = self._schedule()
        if schedule is None:
            reason = self.tr("Select a schedule on the Schedules page first.")
            return reasons | dict.fromkeys(("defer", "show", "copy"), reason)
        reasons["defer"] = desk.refusal(Action.DEFER, None)
        if not schedule.cron:
            reasons["copy"] = self.tr("Nobody has told its cron expression.")
        return reasons

    def defer(self) -> None:
        """Ask for a job like the last run's, of the time that was missed, or of this moment."""
        schedule, desk = self._schedule(), self._desk
        if schedule is None or desk is None:
            return
        due = schedule.expected_at or desk.monitor.now()
        if schedule.last is None or schedule.last.job_id is None:
            self._open(Job(task_name=schedule.task, queue=schedule.queue or "default"), due)
            return
        self._work.start(
            desk.read_to_edit(schedule.last.job_id),
            name="schedule.defer",
            then=lambda new: self._open_like(new, due),
            replaces=True,
            says=self.tr("Reading the arguments…"),
        )

    def _open_like(self, new: NewJob, due: dt.datetime) -> None:
        if new.problem is None:
            self._open(new.job, due)
            return
        said = self.tr("Job {job} cannot be deferred again with changes.")
        self._window.show_trouble(Trouble("bad_input", said.format(job=formats.job_number(new.origin)), new.problem))

    def _open(self, job: Job, due: dt.datetime) -> None:
        arguments = {**job.task_kwargs, "timestamp": int(due.timestamp())}
        self._new_jobs.open_defer(replace(job, task_kwargs=arguments))

    def show(self) -> None:
        """Show the jobs of its task."""
        schedule = self._schedule()
        if schedule is not None:
            self._window.ask_for(term("task", schedule.task))

    def copy(self) -> None:
        """Copy its cron expression."""
        schedule = self._schedule()
        if schedule is not None and schedule.cron:
            QApplication.clipboard().setText(schedule.cron)
            self._window.tell(self.tr("Copied the cron expression."))

    def ask(self) -> None:
        """Ask the application for its schedules."""
        if self.page is not None:
            self.page.ask_app()

    specs = (
        Spec(
            "schedule.defer",
            "&Defer now…",
            "schedule",
            defer,
            "defer",
            tip="Defer a job like the last run's, for the time that was missed or for now",
            name="Defer the selected schedule now…",
            needs=Needs.DESK,
        ),
        Spec(
            "schedule.show",
            "&Show runs",
            "schedule",
            show,
            "jobs",
            tip="Show the jobs of the selected schedule's task",
            name="Show the runs of the selected schedule",
            needs=Needs.DESK,
        ),
        Spec(
            "schedule.copy",
            "&Copy cron",
            "schedule",
            copy,
            "copy",
            tip="Copy the cron expression of the selected schedule",
            name="Copy the cron expression of the selected schedule",
            needs=Needs.DESK,
        ),
        Spec(
            "schedule.ask",
            "&Ask the app again",
            "schedule",
            ask,
            "refresh",
            tip="Ask the application that the connection names for its cron expressions",
            name="Ask the application for its schedules",
            needs=Needs.DESK,
            starts_group=True,
        ),
    )

    def _schedule(self) -> Schedule | None:
        return self.page.selected() if self.page is not None else None
