"""What is known of tasks before one defers them: from the newest jobs, and from the profile's application."""

from __future__ import annotations

import contextlib

from jobdesk_core.exceptions import AppNotOpen, ConnectorException
from jobdesk_core.job.typical_arguments import UsualArguments
from jobdesk_core.operations.deferring.known_task import KnownTask, as_app_task, known_task
from jobdesk_core.profiles import introspect
from jobdesk_core.profiles.introspect import AppNotUnderstood, AppTask

from jobdesk.connection.desk import Desk


class KnownTasks:
    """Of one open connection. The application is asked once, by `read_code`; the jobs are read anew each time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._code: dict[str, AppTask] | None = None
        self._reported: tuple[str, ...] = ()
        #: Why the application did not tell its tasks; None when it did, or was never asked.
        self.problem: str | None = None

    @property
    def has_application(self) -> bool:
        """Whether the profile names one whose code may be run."""
        return introspect.problem(self._desk.profile) is None

    @property
    def application(self) -> str:
        """The app that the profile names; empty when it names none."""
        return self._desk.profile.app_path

    @property
    def secret_keys(self) -> str:
        """The profile's pattern of keys that look secret."""
        return self._desk.profile.hidden_keys

    def names(self) -> list[str]:
        """The tasks of the application's code and of the database's jobs."""
        return sorted({*(self._code or ()), *self._reported, *self._desk.task_names()})

    async def read_code(self) -> None:
        """Ask the application for its tasks, unless it has told them; `problem` has why it did not.

        The names that workers have reported come first, and need nobody's code.
        """
        with contextlib.suppress(ConnectorException, AppNotOpen):
            found = (await self._desk.monitor.reports.tasks()).value or []
            self._reported = tuple(task.name for task in found)
        if self._code is not None or not self.has_application:
            return
        self.problem = None
        try:
            self._code = await introspect.app_tasks(self._desk.profile)
        except AppNotUnderstood as error:
            self.problem = str(error)

    async def of(self, name: str) -> KnownTask:
        """What is known of a task. A database that does not answer, in time or at all, teaches nothing."""
        usual: UsualArguments | None = None
        try:
            usual = await self._desk.monitor.usual_arguments(name)
        except (ConnectorException, AppNotOpen):
            usual = None
        in_code = (self._code or {}).get(name)
        if in_code is not None:
            return known_task(name, usual, in_code)
        told = await self._told(name)
        return known_task(name, usual, told, is_reported=told is not None)

    async def _told(self, name: str) -> AppTask | None:
        """What workers have reported of a task; None when nothing, or it cannot be read."""
        try:
            found = (await self._desk.monitor.reports.task(name)).value
        except (ConnectorException, AppNotOpen):
            return None
        return as_app_task(found) if found is not None else None
