"""Tasks, and how a call of one becomes a job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jobdesk_core.exceptions import MissingApp, require_aware
from jobdesk_core.jobs import Job
from jobdesk_core.retry import BaseRetryStrategy, strategy_of

if TYPE_CHECKING:
    from jobdesk_core.app import App
    from jobdesk_core.manager import JobManager

DEFAULT_QUEUE = "default"


@dataclass(frozen=True, slots=True)
class JobDeferrer:
    """A job that lacks nothing but its arguments; each `defer` makes one job of it."""

    job_manager: JobManager
    job: Job
    connection: Any = None

    def defer(self, **task_kwargs: Any) -> int:
        """Defer one job and return its id."""
        return self.job_manager.defer_job(self._with(task_kwargs), connection=self.connection)

    async def defer_async(self, **task_kwargs: Any) -> int:
        """Defer one job and return its id."""
        return await self.job_manager.defer_job_async(self._with(task_kwargs), connection=self.connection)

    def batch_defer(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """Defer a job for each dict of arguments, all or none."""
        return self.job_manager.batch_defer_jobs(map(self._with, task_kwargs), connection=self.connection)

    async def batch_defer_async(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """Defer a job for each dict of arguments, all or none."""
        jobs = map(self._with, task_kwargs)
        return await self.job_manager.batch_defer_jobs_async(jobs, connection=self.connection)

    def _with(self, task_kwargs: Mapping[str, Any]) -> Job:
        return replace(self.job, task_kwargs={**self.job.task_kwargs, **task_kwargs})


def configure(
    job_manager: JobManager,
    job: Job,
    *,
    lock: str | None = None,
    queueing_lock: str | None = None,
    task_kwargs: Mapping[str, Any] | None = None,
    schedule_at: dt.datetime | None = None,
    schedule_in: Mapping[str, float] | None = None,
    queue: str | None = None,
    priority: int | None = None,
    connection: Any = None,
) -> JobDeferrer:
    """A deferrer for `job` with these options; None keeps what the job has.

    `schedule_at` is aware; `schedule_in` holds keywords of timedelta, such as {"minutes": 5}. Both
    together, or a naive time, raise ValueError. An unknown option is a TypeError.
    """
    if schedule_at is not None and schedule_in is not None:
        raise ValueError("Cannot set both schedule_at and schedule_in")
    if schedule_in is not None:
        schedule_at = dt.datetime.now(dt.UTC) + dt.timedelta(**schedule_in)
    if schedule_at is not None:
        require_aware(schedule_at)
    configured = replace(
        job,
        lock=lock if lock is not None else job.lock,
        queueing_lock=queueing_lock if queueing_lock is not None else job.queueing_lock,
        task_kwargs={**job.task_kwargs, **(task_kwargs or {})},
        scheduled_at=schedule_at if schedule_at is not None else job.scheduled_at,
        queue=queue or job.queue,
        priority=priority if priority is not None else job.priority,
    )
    return JobDeferrer(job_manager, configured, connection)


class Task:
    """A function that workers run, with the options that its jobs start out with."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        app: App | None,
        name: str | None = None,
        aliases: Iterable[str] = (),
        retry: bool | int | BaseRetryStrategy = False,
        pass_context: bool = False,
        queue: str = DEFAULT_QUEUE,
        priority: int = 0,
        lock: str | None = None,
        queueing_lock: str | None = None,
    ) -> None:
        self.function = function
        self.app = app
        self.name = name or f"{function.__module__}.{function.__qualname__}"
        self.aliases = tuple(aliases)
        self.retry_strategy = strategy_of(retry)
        self.pass_context = pass_context
        self.queue = queue
        self.priority = priority
        self.lock = lock
        self.queueing_lock = queueing_lock

    def __call__(self, *arguments: Any, **task_kwargs: Any) -> Any:
        """Call the function here and now."""
        return self.function(*arguments, **task_kwargs)

    def configure(self, **options: Any) -> JobDeferrer:
        """A deferrer with other options than the task's; see `configure` for them."""
        if self.app is None:
            raise MissingApp()
        job = Job(
            task_name=self.name,
            queue=self.queue or DEFAULT_QUEUE,
            priority=self.priority,
            lock=self.lock,
            queueing_lock=self.queueing_lock,
        )
        return configure(self.app.job_manager, job, **options)

    def defer(self, **task_kwargs: Any) -> int:
        """Defer a job with these arguments and return its id."""
        return self.configure().defer(**task_kwargs)

    async def defer_async(self, **task_kwargs: Any) -> int:
        """Defer a job with these arguments and return its id."""
        return await self.configure().defer_async(**task_kwargs)

    def batch_defer(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """Defer a job for each dict of arguments, all or none."""
        return self.configure().batch_defer(*task_kwargs)

    async def batch_defer_async(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """Defer a job for each dict of arguments, all or none."""
        return await self.configure().batch_defer_async(*task_kwargs)
