"""Tasks that defer themselves at the times of a cron expression. Times are UTC."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cronsim import CronSim

from jobdesk_core.exceptions import AlreadyEnqueued
from jobdesk_core.tasks import JobDeferrer, Task

logger = logging.getLogger(__name__)

#: A due time that was missed by more than this many seconds is left out, unless the app says otherwise.
MAX_DELAY_S = 600


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A task, its cron expression, and the options of its jobs."""

    task: Task
    cron: str
    periodic_id: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # An invalid expression or option is an error right here, and not at the first due time.
        CronSim(self.cron, dt.datetime.now(dt.UTC))
        self._deferrer(0)

    def due_after(self, moment: dt.datetime) -> dt.datetime:
        """The first due time after `moment`."""
        return next(CronSim(self.cron, moment))

    async def defer(self, due: dt.datetime) -> int | None:
        """Defer the job of one due time; None when another worker was first."""
        timestamp = int(due.timestamp())
        deferrer = self._deferrer(timestamp)
        try:
            return await deferrer.job_manager.defer_periodic_job(
                deferrer.job, periodic_id=self.periodic_id, defer_timestamp=timestamp
            )
        except AlreadyEnqueued:
            logger.info("Periodic task %s is still waiting; this time is left out.", self.task.name)
            return None

    def _deferrer(self, timestamp: int) -> JobDeferrer:
        task_kwargs = {**(self.options.get("task_kwargs") or {}), "timestamp": timestamp}
        return self.task.configure(**{**self.options, "task_kwargs": task_kwargs})


async def run_periodic(tasks: list[PeriodicTask], *, max_delay: float = MAX_DELAY_S) -> None:
    """Defer each task at its times, until cancelled. The latest missed in the last `max_delay` seconds comes first."""
    since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=max_delay)
    due_times = {}
    for task in tasks:
        missed, due = None, task.due_after(since)
        while due <= dt.datetime.now(dt.UTC):
            missed, due = due, task.due_after(due)
        if missed is not None:
            await task.defer(missed)
        due_times[task.task.name, task.periodic_id] = due
    while True:
        now = dt.datetime.now(dt.UTC)
        for task in tasks:
            key = task.task.name, task.periodic_id
            if due_times[key] <= now:
                await task.defer(due_times[key])
                due_times[key] = task.due_after(now)
        pause = min(due_times.values()) - dt.datetime.now(dt.UTC)
        await asyncio.sleep(max(0.05, pause.total_seconds()))
