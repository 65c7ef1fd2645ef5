"""One run of a job: calls its task, can be told to stop, and says how it ended. Knows no database."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from jobdesk_core.exceptions import JobAborted, JobdeskException, TaskNotFound
from jobdesk_core.job_context import AbortReason, JobContext
from jobdesk_core.jobs import Job, Status
from jobdesk_core.retry import RetryDecision

if TYPE_CHECKING:
    from jobdesk_core.tasks import Task

logger = logging.getLogger(__name__)


class TaskExited(JobdeskException):
    """The task raised SystemExit or its like, which ends its job and not the worker."""


class Run:
    """A job and its task (None: the app does not have it). Synchronous tasks run in a thread of the executor."""

    def __init__(
        self, job: Job, task: Task | None, *, executor: ThreadPoolExecutor, context: Callable[[Run, Task], JobContext]
    ) -> None:
        self.job = job
        self.abort_reason: AbortReason | None = None
        self._task = task
        self._executor = executor
        self._context = context
        self._call: asyncio.Task[Any] | None = None

    def abort(self, reason: AbortReason) -> None:
        """Ask the task to stop: an asynchronous one is cancelled, a synchronous one asks its context."""
        if self.abort_reason is None:
            self.abort_reason = reason
            self._cancel()

    async def end(self) -> tuple[Status, RetryDecision | None]:
        """Call the task and return how it ended, and whether it is to run again. Never raises for the task."""
        logger.info("Started %s", self.job)
        try:
            await self._called()
        except asyncio.CancelledError as error:
            return Status.ABORTED, self._decision(error)
        except JobAborted:
            return Status.ABORTED, None
        except Exception as error:  # noqa: BLE001 - whatever a task raises decides only its own end
            decision = self._decision(error)
            logger.log(logging.INFO if decision else logging.ERROR, "Failed %s: %r", self.job, error)
            return Status.FAILED, decision
        return Status.SUCCEEDED, None

    async def _called(self) -> None:
        if self._task is None:
            raise TaskNotFound(f"The worker's app has no task named {self.job.task_name}.")
        arguments = [self._context(self, self._task)] if self._task.pass_context else []
        self._call = asyncio.create_task(_guarded(self._function(self._task), arguments, self.job))
        if self.abort_reason is not None:
            self._cancel()  # the abort came before there was anything to cancel
        await self._call

    def _function(self, task: Task) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(task.function):
            function: Callable[..., Any] = task.function
            return function
        return sync_to_async(task.function, thread_sensitive=False, executor=self._executor)

    def _cancel(self) -> None:
        if self._call is not None and self._task is not None and inspect.iscoroutinefunction(self._task.function):
            self._call.cancel()

    def _decision(self, error: BaseException) -> RetryDecision | None:
        # A user's abort is the end of the job, whatever the task's strategy says of its exception.
        if self.abort_reason is AbortReason.USER_REQUEST or self._task is None:
            return None
        try:
            retry = self._task.get_retry_exception(exception=error, job=self.job)
            return retry.retry_decision if retry is not None else None
        except Exception:
            logger.exception("The retry strategy of %s failed; the job is not retried.", self.job)
            return None


async def _guarded(function: Callable[..., Any], arguments: list[Any], job: Job) -> None:
    try:
        result = await function(*arguments, **job.task_kwargs)
        if inspect.isawaitable(result):
            await result
    except BaseException as error:
        if isinstance(error, Exception | asyncio.CancelledError | KeyboardInterrupt | GeneratorExit):
            raise
        raise TaskExited() from error  # SystemExit, on its way through a task, would stop the loop
