"""One run of a job: calls its task, can be told to stop, and says how it ended. Knows no database."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from jobdesk_core.exceptions import JobAborted, JobdeskException, TaskNotFound
from jobdesk_core.job_context import AbortReason, JobContext
from jobdesk_core.jobs import Job, Status
from jobdesk_core.middleware import compose
from jobdesk_core.retry import RetryDecision
from jobdesk_core.utils import is_async

if TYPE_CHECKING:
    from jobdesk_core.tasks import Task
    from jobdesk_core.worker import Worker

logger = logging.getLogger(__name__)


class TaskExited(JobdeskException):
    """The task raised SystemExit or its like, which ends its job and not the worker."""


class Run:
    """A job that a worker runs. Synchronous tasks run in a thread of the worker's executor."""

    def __init__(self, job: Job, worker: Worker, executor: ThreadPoolExecutor) -> None:
        self.job = job
        self.abort_reason: AbortReason | None = None
        #: What the task returned, through its middleware.
        self.result: Any = None
        #: In seconds since 1970.
        self.started_at = time.time()
        self.ended_at: float | None = None
        self._worker = worker
        self._executor = executor
        self._task: Task | None = worker.app.tasks.get(job.task_name)
        self._is_async = self._task is not None and inspect.iscoroutinefunction(self._task.func)
        self._call: asyncio.Task[Any] | None = None

    @property
    def seconds(self) -> float:
        """How long it has been running, or ran."""
        return (self.ended_at or time.time()) - self.started_at

    def times(self) -> dict[str, Any]:
        """When it ran and what came of it, as far as that is known, for a log record."""
        times: dict[str, Any] = {"start_timestamp": self.started_at, "duration": self.seconds}
        if self.ended_at is not None:
            times |= {"end_timestamp": self.ended_at, "result": self.result}
        return times

    def abort(self, reason: AbortReason) -> None:
        """Ask the task to stop: an asynchronous one is cancelled, a synchronous one asks its context."""
        if self.abort_reason is None:
            self.abort_reason = reason
            how = "Cancelling its task" if self._is_async else "It asks its context whether to abort"
            self._worker.log.tell(logging.DEBUG, "abort_job", f"Aborting job %s. {how}", self.job, run=self)
            self._cancel()

    async def end(self) -> tuple[Status, RetryDecision | None]:
        """Call the task and return how it ended, and whether it is to run again. Never raises for the task."""
        log = self._worker.log
        error: BaseException | None = None
        try:
            self.result = await self._called()
            status = Status.SUCCEEDED
        except (asyncio.CancelledError, JobAborted) as caught:
            status, error = Status.ABORTED, caught
        except Exception as caught:  # noqa: BLE001 - whatever a task raises decides only its own end
            status, error = Status.FAILED, caught
        self.ended_at = time.time()
        retry = self._decision(error) if error is not None else None
        log.ended(self, status, error.__cause__ if isinstance(error, TaskExited) else error, retry)
        return status, retry

    async def _called(self) -> Any:
        task, log = self._task, self._worker.log
        if task is None:
            missing = TaskNotFound(f"The worker's app has no task named {self.job.task_name}.")
            text = "Task was not found: %s"
            log.tell(logging.ERROR, "task_not_found", text, self.job.task_name, run=self, exception=str(missing))
            raise missing
        log.tell(logging.DEBUG, "loaded_job_info", "Loaded job info, about to start job %s", self.job, run=self)
        log.tell(logging.INFO, "start_job", "Starting job %s", self.job, run=self)
        context = JobContext(
            app=self._worker.app,
            worker_name=self._worker.worker_name,
            worker_queues=self._worker.queues,
            job=self.job,
            start_timestamp=self.started_at,
            additional_context=self._worker.additional_context,
            abort_reason=lambda: self.abort_reason,
        )
        call = compose(self._worker.worker_middleware, self._chain(task, context), context, self._worker)
        self._call = asyncio.create_task(_guarded(call))
        if self.abort_reason is not None:
            self._cancel()  # the abort came before there was anything to cancel
        return await self._call

    def _chain(self, task: Task, context: JobContext) -> Callable[[], Awaitable[Any]]:
        """The call of the task within the middleware of its kind: the worker's, and then its own."""
        arguments = (context,) if task.pass_context else ()
        function = functools.partial(task.func, *arguments, **self.job.task_kwargs)
        around = [each for each in self._worker.task_middleware if is_async(each) is self._is_async]
        call = compose([*around, *task.task_middleware], function, context, self._worker)
        return call if self._is_async else sync_to_async(call, thread_sensitive=False, executor=self._executor)

    def _cancel(self) -> None:
        if self._call is not None and self._is_async:
            self._call.cancel()

    def _decision(self, error: BaseException) -> RetryDecision | None:
        # A user's abort is the end of the job, whatever the task's strategy says of its exception, and so is the
        # task's own wish. An abort by the worker's stop is neither.
        if self._task is None or self.abort_reason is AbortReason.USER_REQUEST:
            return None
        if isinstance(error, JobAborted) and self.abort_reason is None:
            return None
        try:
            retry = self._task.get_retry_exception(error, self.job)
        except Exception:
            logger.exception("The retry strategy of %s failed; the job is not retried.", self.job)
            return None
        return retry.retry_decision if retry is not None else None


async def _guarded(call: Callable[[], Any]) -> Any:
    try:
        result = call()
        while inspect.isawaitable(result):
            result = await result
        return result
    except BaseException as error:
        if isinstance(error, Exception | asyncio.CancelledError | GeneratorExit):
            raise
        raise TaskExited() from error  # SystemExit or KeyboardInterrupt, on its way through a task, would stop the loop
