"""Tasks, and how a call of one becomes a job."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import GenericAlias
from typing import TYPE_CHECKING, Any, TypedDict

from jobdesk_core import utils
from jobdesk_core.exceptions import JobRetry, MiddlewareKindMismatch, UnboundTaskError, require_aware
from jobdesk_core.jobs import DEFAULT_PRIORITY, DEFAULT_QUEUE, Job, JobDeferrer
from jobdesk_core.retry import RetryValue, get_retry_strategy
from jobdesk_core.types import TimeDeltaParams

if TYPE_CHECKING:
    from jobdesk_core.blueprints import Blueprint
    from jobdesk_core.manager import JobManager

__all__ = ["ConfigureTaskOptions", "JobDeferrer", "Task", "configure_task"]


class ConfigureTaskOptions(TypedDict, total=False):
    """The options of `configure`; None is as good as none."""

    lock: str | None
    queueing_lock: str | None
    task_kwargs: Mapping[str, Any] | None
    #: Aware.
    schedule_at: dt.datetime | None
    #: Keywords of timedelta, such as {"minutes": 5}; not together with `schedule_at`.
    schedule_in: TimeDeltaParams | None
    queue: str | None
    priority: int | None
    #: The caller's own connection, whose transaction the jobs become a part of.
    connection: Any | None


def configure_task(
    *,
    name: str,
    job_manager: JobManager,
    lock: str | None = None,
    queueing_lock: str | None = None,
    task_kwargs: Mapping[str, Any] | None = None,
    schedule_at: dt.datetime | None = None,
    schedule_in: TimeDeltaParams | None = None,
    queue: str | None = None,
    priority: int | None = None,
    connection: Any | None = None,
) -> JobDeferrer:
    """A deferrer for the jobs of a task by its name, with ConfigureTaskOptions.

    Both times together, or a naive one, raise ValueError. An unknown option is a TypeError.
    """
    if schedule_at is not None and schedule_in is not None:
        raise ValueError("Cannot set both schedule_at and schedule_in")
    if schedule_in is not None:
        schedule_at = job_manager.now() + dt.timedelta(**schedule_in)
    if schedule_at is not None:
        require_aware(schedule_at)
    job = Job(
        task_name=name,
        queue=queue or DEFAULT_QUEUE,
        priority=priority if priority is not None else DEFAULT_PRIORITY,
        lock=lock,
        queueing_lock=queueing_lock,
        task_kwargs=dict(task_kwargs or {}),
        scheduled_at=schedule_at,
    )
    return JobDeferrer(job_manager=job_manager, job=job, connection=connection)


class Task:
    """A function that workers run, with the options that its jobs start out with."""

    #: `Task[P, R, Args]` in annotations is as good as `Task`.
    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(
        self,
        func: Callable[..., Any],
        *,
        blueprint: Blueprint,
        name: str | None = None,
        aliases: Sequence[str] | None = None,
        retry: RetryValue = False,
        pass_context: bool = False,
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        lock: str | None = None,
        queueing_lock: str | None = None,
        task_middleware: Sequence[Callable[..., Any]] | None = None,
    ) -> None:
        self.func = func
        #: The app, or the blueprint until that is added to an app.
        self.blueprint = blueprint
        self.name = name or self.full_path
        self.aliases = list(aliases or ())
        self.retry_strategy = get_retry_strategy(retry)
        self.pass_context = pass_context
        self.queue = queue
        self.priority = priority
        self.lock = lock
        self.queueing_lock = queueing_lock
        #: What stands around a call of the function, the outermost first: asynchronous as the function is, or not.
        self.task_middleware = list(task_middleware or ())
        for middleware in self.task_middleware:
            self._check_kind(middleware)

    def __call__(self, *arguments: Any, **task_kwargs: Any) -> Any:
        """Call the function here and now."""
        return self.func(*arguments, **task_kwargs)

    @property
    def full_path(self) -> str:
        """The function by the name of its module, `package.module.name`, which names the task unless it has another."""
        return utils.get_full_path(self.func)

    @property
    def function(self) -> Callable[..., Any]:
        """The function, by its other name."""
        return self.func

    @property
    def app(self) -> Blueprint | None:
        """The app, or None while the task belongs to a mere blueprint."""
        return self.blueprint if self.blueprint.job_manager is not None else None

    @property
    def job_manager(self) -> JobManager:
        """The app's. Raises UnboundTaskError for a task without an app."""
        manager = self.blueprint.job_manager
        if manager is None:
            raise UnboundTaskError()
        return manager

    def add_namespace(self, namespace: str) -> None:
        """Put a namespace before the name and the aliases."""
        self.name = utils.add_namespace(self.name, namespace)
        self.aliases = [utils.add_namespace(alias, namespace) for alias in self.aliases]

    def _check_kind(self, middleware: Any) -> None:
        if not callable(middleware):
            raise TypeError(f"{middleware!r} of task {self.name} is no middleware: it cannot be called.")
        kinds = ("synchronous", "asynchronous")
        own = inspect.iscoroutinefunction(self.func)
        its = utils.is_async(middleware)
        if its != own:
            raise MiddlewareKindMismatch(
                f"The task {self.name} is {kinds[own]}, and its middleware "
                f"{getattr(middleware, '__name__', repr(middleware))} is {kinds[its]}."
            )

    def configure(
        self,
        *,
        lock: str | None = None,
        queueing_lock: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        **options: Any,
    ) -> JobDeferrer:
        """A deferrer with other options than the task's, see ConfigureTaskOptions. Raises UnboundTaskError."""
        self.blueprint.will_configure_task()
        return configure_task(
            name=self.name,
            job_manager=self.job_manager,
            lock=lock if lock is not None else self.lock,
            queueing_lock=queueing_lock if queueing_lock is not None else self.queueing_lock,
            queue=queue if queue is not None else self.queue,
            priority=priority if priority is not None else self.priority,
            **options,
        )

    def defer(self, *_: Any, **task_kwargs: Any) -> int:
        """Defer a job with these arguments and return its id. Only keywords are arguments."""
        return self.configure().defer(**task_kwargs)

    async def defer_async(self, *_: Any, **task_kwargs: Any) -> int:
        """Defer a job with these arguments and return its id. Only keywords are arguments."""
        return await self.configure().defer_async(**task_kwargs)

    def batch_defer(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """Defer a job for each dict of arguments, all or none."""
        return self.configure().batch_defer(*task_kwargs)

    async def batch_defer_async(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """Defer a job for each dict of arguments, all or none."""
        return await self.configure().batch_defer_async(*task_kwargs)

    def get_retry_exception(self, exception: BaseException, job: Job) -> JobRetry | None:
        """When a job that raised is to run again, as an exception; None: not at all."""
        if self.retry_strategy is None:
            return None
        return self.retry_strategy.get_retry_exception(exception=exception, job=job)
