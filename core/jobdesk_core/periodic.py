"""Tasks that defer themselves at the times of a cron expression. Times are UTC."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobdesk_core.cron import Schedule
from jobdesk_core.exceptions import AlreadyEnqueued, TaskAlreadyRegistered
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
    configure_kwargs: Mapping[str, Any] = field(default_factory=dict)

    schedule: Schedule = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # An invalid expression or option is an error right here, and not at the first due time.
        schedule = Schedule(self.cron)
        schedule.after(time.time())
        object.__setattr__(self, "schedule", schedule)
        if self.task.app is not None:  # a blueprint's is looked at again when an app takes it over
            self._deferrer(0)

    async def defer(self, timestamp: int) -> int | None:
        """Defer the job of one due time; None when another worker was first."""
        deferrer = self._deferrer(timestamp)
        job = deferrer.job
        told = {
            "task_name": self.task.name,
            "defer_timestamp": timestamp,
            "periodic_id": self.periodic_id,
            "kwargs": self.configure_kwargs,
        }
        try:
            job_id = await self.task.job_manager.defer_due_job(
                job, periodic_id=self.periodic_id, defer_timestamp=timestamp
            )
        except AlreadyEnqueued:
            extra = {
                "action": "skip_periodic_task_queueing_lock",
                "queueing_lock": job.queueing_lock,
                "job": job.log_context(),
            } | told
            logger.debug("Periodic task %s is still waiting; this time is skipped.", self.task.name, extra=extra)
            return None
        if job_id is None:
            extra = {"action": "periodic_task_already_deferred", "job": job.log_context()} | told
            logger.debug("Another worker has deferred periodic task %s.", self.task.name, extra=extra)
        else:
            extra = {"action": "periodic_task_deferred", "job": job.evolve(id=job_id).log_context()} | told
            logger.info("Deferred periodic task %s as job %d.", self.task.name, job_id, extra=extra)
        return job_id

    def _deferrer(self, timestamp: int) -> JobDeferrer:
        task_kwargs = {**(self.configure_kwargs.get("task_kwargs") or {}), "timestamp": timestamp}
        return self.task.configure(**{**self.configure_kwargs, "task_kwargs": task_kwargs})


class PeriodicRegistry:
    """The periodic tasks of an app or a blueprint, by the task's name and the `periodic_id`."""

    def __init__(self) -> None:
        self.periodic_tasks: dict[tuple[str, str], PeriodicTask] = {}

    def periodic_decorator(self, cron: str, periodic_id: str, **configure_kwargs: Any) -> Callable[[Task], Task]:
        """A decorator that registers a task."""

        def register(task: Task) -> Task:
            self.register_task(task, cron, periodic_id, configure_kwargs)
            return task

        return register

    def register_task(
        self, task: Task, cron: str, periodic_id: str, configure_kwargs: Mapping[str, Any]
    ) -> PeriodicTask:
        """Register a schedule of a task. Raises TaskAlreadyRegistered when it has one of the same `periodic_id`."""
        key = task.name, periodic_id
        if key in self.periodic_tasks:
            raise TaskAlreadyRegistered(
                f"The task {task.name} has a schedule with the periodic_id {periodic_id!r} already. "
                "Each of its schedules needs another periodic_id."
            )
        extra = {
            "action": "registering_periodic_task",
            "task": task.name,
            "cron": cron,
            "periodic_id": periodic_id,
            "kwargs": configure_kwargs,
        }
        logger.info("Registering the schedule %s of task %s.", cron, task.name, extra=extra)
        periodic_task = PeriodicTask(task, cron, periodic_id, configure_kwargs)
        self.periodic_tasks[key] = periodic_task
        return periodic_task


class PeriodicDeferrer:
    """Defers tasks at their times. It is always ahead in time, so that several workers may do it side by side.

    A time that passed while it was not asked (a busy loop, a server that was away) is made up for, and so is the
    last one before its start; what is older than `max_delay` seconds is left out.
    """

    def __init__(self, tasks: Iterable[PeriodicTask], max_delay: float = MAX_DELAY_S) -> None:
        self._tasks = list(tasks)
        self._max_delay = max_delay
        #: Per task the moment up to which its times are done with.
        self._done_until: dict[int, float] = {}

    async def run(self) -> None:
        """Go on for ever. After an exception it can be run again, and misses nothing."""
        if not self._tasks:
            logger.info("There are no periodic tasks.", extra={"action": "periodic_deferrer_no_task"})
        while True:
            for task in self._tasks:
                for timestamp in self._due(task):
                    await task.defer(timestamp)
                    self._done_until[id(task)] = timestamp
            now = time.time()
            pause_s = min((self._next(task) for task in self._tasks), default=math.inf) - now
            extra = {"action": "wait_next_tick", "next_tick": pause_s}
            logger.debug("The next periodic task is due in %.3f s.", pause_s, extra=extra)
            # An hour at most, for a clock may be set.
            await asyncio.sleep(min(max(pause_s, 0.01), 3600))

    def _due(self, task: PeriodicTask) -> Iterator[int]:
        oldest = time.time() - self._max_delay
        if id(task) not in self._done_until:
            # The last one before the start, and none before that.
            self._done_until[id(task)] = max(self._last_before(task, time.time()) - 1, oldest)
        elif self._next(task) <= oldest:
            extra = {
                "action": "ignore_periodic_task",
                "task": task.task.name,
                "periodic_id": task.periodic_id,
                "max_delay": self._max_delay,
                "delay": oldest + self._max_delay - self._next(task),
            }
            said = "Due times of %s from before the last %g s are skipped."
            logger.warning(said, task.task.name, self._max_delay, extra=extra)
            self._done_until[id(task)] = oldest
        while (due := self._next(task)) <= time.time():
            yield int(due)

    def _last_before(self, task: PeriodicTask, moment: float) -> float:
        try:
            return task.schedule.before(moment)
        except ValueError:
            return moment

    def _next(self, task: PeriodicTask) -> float:
        try:
            return task.schedule.after(self._done_until[id(task)])
        except ValueError:
            return math.inf  # its last year is over
