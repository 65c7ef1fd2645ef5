"""What the window asks of the reports: each an Answer, for what cannot be read is a sentence, and no page is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import ask_limited_async, limited
from jobdesk_core.database.reported import Reported
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.reported import reading
from jobdesk_core.reported.of_job import JobReports, reports_of
from jobdesk_core.reported.reading import Answer
from jobdesk_core.reported.records import ReportedSchedule, ReportedTask, ReportedWorker
from jobdesk_core.reported.shown import Shown, shown

T = TypeVar("T")


class Reports:
    """The reports of one database. No statement runs longer than `limit_s` seconds.

    Every method raises ConnectorException only when the link is lost.
    """

    def __init__(self, connector: PsycopgConnector, capabilities: Capabilities, *, limit_s: float = 5.0) -> None:
        self._connector = connector
        self._reported = capabilities.reported
        self._limit_s = limit_s

    @property
    def found(self) -> Reported:
        """What there is, and what of it may be read."""
        return self._reported

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on the database can do this."""
        self._reported = capabilities.reported

    async def shown(self, job_ids: Sequence[int]) -> Answer[dict[int, Shown]]:
        """The last error and the progress of the jobs in sight, by id, without those of which nothing is reported."""
        table = "errors" if "errors" in self._reported.readable else "progress"
        refusal = self._reported.refusal("errors") if table not in self._reported.readable else None
        return Answer(None, refusal) if refusal else await self._asked(table, shown(self._reported, job_ids))

    async def of_job(self, job_id: int) -> JobReports:
        """What workers have reported of a job's runs, and why what is missing cannot be read."""
        return await ask_limited_async(reports_of(self._reported, job_id), self._connector, self._limit_s)

    async def workers(self) -> Answer[list[ReportedWorker]]:
        """The workers that have been heard of in the last hour, live or not."""
        return await self._asked("workers", reading.known_workers())

    async def tasks(self) -> Answer[list[ReportedTask]]:
        """What the applications say of their tasks, by name."""
        return await self._asked("tasks", reading.tasks())

    async def task(self, name: str) -> Answer[ReportedTask | None]:
        """What was said last of the task of this name or alias. A value of None is one that was found: nothing."""
        return await self._asked("tasks", reading.task(name))

    async def schedules(self) -> Answer[list[ReportedSchedule]]:
        """When the applications defer their periodic tasks."""
        return await self._asked("schedules", reading.schedules())

    async def _asked(self, table: str, statement: Statement[T]) -> Answer[T]:
        refusal = self._reported.refusal(table)
        if refusal is not None:
            return Answer(None, refusal)
        try:
            value = await limited(self._connector, statement, self._limit_s)
        except ConnectorException as error:
            return Answer(None, reading.unreadable(table, error))
        return Answer(value)
