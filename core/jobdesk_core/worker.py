"""Runs jobs: fetches, calls tasks, ends jobs as they ended, aborts, retries, and stops in good order."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import signal
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from asgiref.sync import sync_to_async

from jobdesk_core.context import AbortReason, JobContext
from jobdesk_core.exceptions import CapabilityMissing, ConnectorException, JobAborted, TaskNotFound
from jobdesk_core.jobs import Job, Status
from jobdesk_core.periodic import run_periodic
from jobdesk_core.retry import RetryDecision
from jobdesk_core.tasks import Task

if TYPE_CHECKING:
    from jobdesk_core.app import App

logger = logging.getLogger(__name__)

DeleteJobs = Literal["never", "successful", "always"]
#: Seconds between two attempts to listen again after the link broke.
LISTEN_AGAIN_S = 2.0


@dataclass(slots=True, eq=False)
class _Run:
    """A job being run: the task that ends it, the call that can be cancelled, and why it is to stop."""

    job: Job
    abort_reason: AbortReason | None = None
    call: asyncio.Task[Any] | None = None
    is_async: bool = False

    def abort(self, reason: AbortReason) -> None:
        """Ask the call to stop: an asynchronous one is cancelled, a synchronous one asks its context."""
        if self.abort_reason is None:
            self.abort_reason = reason
            if self.call is not None and self.is_async:
                self.call.cancel()


class Worker:
    """Runs the app's tasks. All intervals and timeouts are in seconds.

    `queues` None serves every queue. `wait=False` ends when nothing is left to do. After `stop` (or
    SIGINT, SIGTERM, or a cancelled `run`) running jobs may go on for `shutdown_graceful_timeout` (None:
    for ever), then they are aborted.
    """

    def __init__(
        self,
        app: App,
        *,
        queues: Iterable[str] | None = None,
        name: str | None = None,
        concurrency: int = 1,
        wait: bool = True,
        fetch_job_polling_interval: float = 5.0,
        abort_job_polling_interval: float = 5.0,
        shutdown_graceful_timeout: float | None = None,
        listen_notify: bool = True,
        delete_jobs: DeleteJobs = "never",
        additional_context: Mapping[str, Any] | None = None,
        install_signal_handlers: bool = True,
        update_heartbeat_interval: float = 10.0,
        stalled_worker_timeout: float = 30.0,
    ) -> None:
        if delete_jobs not in ("never", "successful", "always"):
            raise ValueError(f"delete_jobs is never, successful or always, not {delete_jobs!r}")
        self.app = app
        self.queues = tuple(queues) if queues is not None else None
        self.name = name
        self.concurrency = concurrency
        self.wait = wait
        self.fetch_job_polling_interval = fetch_job_polling_interval
        self.abort_job_polling_interval = abort_job_polling_interval
        self.shutdown_graceful_timeout = shutdown_graceful_timeout
        self.listen_notify = listen_notify
        self.delete_jobs = delete_jobs
        self.additional_context = dict(additional_context or {})
        self.install_signal_handlers = install_signal_handlers
        self.update_heartbeat_interval = update_heartbeat_interval
        self.stalled_worker_timeout = stalled_worker_timeout
        self.worker_id: int | None = None
        self._runs: dict[asyncio.Task[None], _Run] = {}
        self._news = asyncio.Event()
        self._abort_news = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def manager(self) -> Any:
        """The app's job manager."""
        return self.app.job_manager

    def stop(self) -> None:
        """Fetch no more jobs and end when those running have ended."""
        self._stopping.set()
        self._news.set()

    async def run(self) -> None:
        """Run jobs until stopped. A side task that fails (heartbeat, periodic) ends the worker with its error."""
        has_workers = (await self.manager.capabilities_async()).has_workers
        if has_workers:
            await self.manager.prune_stalled_workers(self.stalled_worker_timeout)
            self.worker_id = await self.manager.register_worker()
        sides: list[Coroutine[Any, Any, None]] = [self._watch_aborts()]
        if has_workers:
            sides.append(self._beat())
        if self.listen_notify:
            sides.append(self._listen())
        if self.app.periodic_tasks:
            sides.append(run_periodic(self.app.periodic_tasks))
        with self._signals():
            side_tasks = [asyncio.create_task(side) for side in sides]
            for task in side_tasks:
                task.add_done_callback(lambda _: self.stop())
            try:
                await self._run_jobs()
            finally:
                failed = [task for task in side_tasks if task.done() and not task.cancelled()]
                for task in side_tasks:
                    task.cancel()
                await asyncio.gather(*side_tasks, return_exceptions=True)
                if has_workers and self.worker_id is not None:
                    with contextlib.suppress(ConnectorException):
                        await self.manager.unregister_worker(self.worker_id)
            for task in failed:
                task.result()

    # Fetching

    async def _run_jobs(self) -> None:
        fetching = asyncio.create_task(self._fetch_jobs())
        try:
            # Not cancelled in the middle of a fetch: its job would be running and nobody would know.
            await asyncio.shield(fetching)
        finally:
            # After an error or a cancellation too: no job is left running without its worker.
            self.stop()
            await asyncio.wait({fetching})
            await self._drain()

    async def _fetch_jobs(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            while len(self._runs) < self.concurrency and not self._stopping.is_set():
                job = await self.manager.fetch_job(self.queues, self.worker_id)
                if job is None:
                    break
                self._start(job)
            if not self.wait and not self._runs:
                return
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), self.fetch_job_polling_interval)

    def _start(self, job: Job) -> None:
        run = _Run(job)
        task = asyncio.create_task(self._process(run))
        self._runs[task] = run
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        run = self._runs.pop(task)
        self._news.set()
        if not task.cancelled() and task.exception() is not None:
            logger.error("Job %s could not be ended.", run.job.call_string, exc_info=task.exception())

    async def _drain(self) -> None:
        """Let the running jobs end; abort those that take longer than the grace."""
        if self._runs:
            await asyncio.wait(list(self._runs), timeout=self.shutdown_graceful_timeout)
        for run in self._runs.values():
            run.abort(AbortReason.SHUTDOWN)
        if self._runs:
            await asyncio.wait(list(self._runs))

    # One job

    async def _process(self, run: _Run) -> None:
        job = run.job
        logger.info("Started %s", job.call_string)
        try:
            await self._call(run)
        except asyncio.CancelledError as error:
            await self._end(run, self._decision(run, error), Status.ABORTED)
        except JobAborted:
            await self._end(run, None, Status.ABORTED)
        except Exception as error:  # noqa: BLE001 - whatever a task raises decides only its own end
            decision = self._decision(run, error)
            logger.log(logging.INFO if decision else logging.ERROR, "Failed %s: %r", job.call_string, error)
            await self._end(run, decision, Status.FAILED)
        else:
            await self._end(run, None, Status.SUCCEEDED)

    async def _call(self, run: _Run) -> None:
        task = self._task(run.job)
        arguments: list[Any] = [self._context(run, task)] if task.pass_context else []
        run.is_async = inspect.iscoroutinefunction(task.function)
        if run.is_async:
            call = task.function(*arguments, **run.job.task_kwargs)
        else:
            call = sync_to_async(task.function, thread_sensitive=False)(*arguments, **run.job.task_kwargs)
        run.call = asyncio.create_task(call)
        if run.abort_reason is not None and run.is_async:
            run.call.cancel()  # the abort came before there was anything to cancel
        result = await run.call
        if inspect.isawaitable(result):
            await result

    def _task(self, job: Job) -> Task:
        task = self.app.tasks.get(job.task_name)
        if task is None:
            raise TaskNotFound(f"The worker's app has no task named {job.task_name}.")
        return task

    def _context(self, run: _Run, task: Task) -> JobContext:
        return JobContext(
            app=self.app,
            job=run.job,
            task=task,
            worker_name=self.name,
            worker_queues=self.queues,
            start_timestamp=time.time(),
            abort_reason=lambda: run.abort_reason,
            additional_context=self.additional_context,
        )

    def _decision(self, run: _Run, error: BaseException) -> RetryDecision | None:
        # A user's abort is the end of the job, whatever the task's strategy says of its exception.
        task = self.app.tasks.get(run.job.task_name)
        if run.abort_reason is AbortReason.USER_REQUEST or task is None or task.retry_strategy is None:
            return None
        try:
            return task.retry_strategy.get_retry_decision(exception=error, job=run.job)
        except Exception:
            logger.exception("The retry strategy of %s failed; the job is not retried.", run.job.call_string)
            return None

    async def _end(self, run: _Run, decision: RetryDecision | None, status: Status) -> None:
        if decision is not None and await self._retry(run.job, decision):
            return
        if status.value not in (await self.manager.capabilities_async()).statuses:
            status = Status.FAILED  # before 2.7 no job can end as aborted
        delete = self.delete_jobs == "always" or (self.delete_jobs == "successful" and status is Status.SUCCEEDED)
        await self.manager.finish_job(run.job, status, delete)
        logger.info("Ended %s as %s", run.job.call_string, status.value)

    async def _retry(self, job: Job, decision: RetryDecision) -> bool:
        try:
            await self.manager.retry_job(
                job,
                decision.retry_at,
                priority=decision.priority,
                queue=decision.queue,
                lock=decision.lock,
            )
        except (ConnectorException, CapabilityMissing):
            # Its queueing lock is taken, for example, or the release cannot change its priority on a retry.
            # Left as it is, it would be running for ever.
            logger.exception("%s cannot be retried.", job.call_string)
            return False
        return True

    # Beside the jobs

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.update_heartbeat_interval)
            await self.manager.update_heartbeat(self.worker_id)

    async def _listen(self) -> None:
        while True:
            try:
                await self.manager.listen_for_jobs(self._notified, self.queues, on_listening=self._news.set)
            except ConnectorException:
                logger.warning("Listening stopped; polling goes on meanwhile.", exc_info=True)
            await asyncio.sleep(LISTEN_AGAIN_S)

    def _notified(self, _channel: str, payload: str) -> None:
        if "abort_job_requested" in payload:
            self._abort_news.set()
        else:
            self._news.set()

    async def _watch_aborts(self) -> None:
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._abort_news.wait(), self.abort_job_polling_interval)
            self._abort_news.clear()
            if not self._runs:
                continue
            wanted = set(await self.manager.list_jobs_to_abort_async(self.worker_id))
            for run in self._runs.values():
                if run.job.id in wanted:
                    run.abort(AbortReason.USER_REQUEST)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        if not self.install_signal_handlers:
            yield
            return
        loop = asyncio.get_running_loop()
        installed: list[signal.Signals] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            # Not in every thread and not on every platform.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, _stop_of(self))
                installed.append(number)
        try:
            yield
        finally:
            for number in installed:
                loop.remove_signal_handler(number)


def _stop_of(worker: Worker) -> Callable[[], None]:
    return worker.stop
