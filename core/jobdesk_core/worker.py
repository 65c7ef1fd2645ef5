"""The worker: which jobs run when, what watches beside them, and how it stops in good order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from jobdesk_core import deadlines
from jobdesk_core.database.exchange import Ending
from jobdesk_core.exceptions import CapabilityMissing, ConnectorException, JobdeskException, TaskNotFound
from jobdesk_core.job_context import AbortReason
from jobdesk_core.job_exchange import Handover, is_of_the_schema, is_outlasted
from jobdesk_core.jobs import DeleteJobCondition, Job, Status
from jobdesk_core.middleware import (
    TaskMiddleware,
    WorkerMiddleware,
    checked_task_middleware,
    checked_worker_middleware,
)
from jobdesk_core.periodic import PeriodicDeferrer
from jobdesk_core.runs import Run
from jobdesk_core.signals import on_stop
from jobdesk_core.utils import queues_display
from jobdesk_core.worker_log import WorkerLog

if TYPE_CHECKING:
    from jobdesk_core.app import App
    from jobdesk_core.tasks import Task

logger = logging.getLogger(__name__)

#: Seconds between two attempts of a side task after the link broke.
AGAIN_S = 2.0
#: How long a stopped worker tries to record how its jobs ended on a server that is away: so many seconds from the
#: stop on (or its grace period, when that is shorter), and at least so many from the end of its last job. Whoever
#: stops a worker often kills it after 30 seconds.
RECORDING_S, RECORDING_AFTER_JOBS_S = 15.0, 5.0
UNREGISTERING_S = 3.0

WORKER_NAME = "worker"
WORKER_CONCURRENCY = 1
FETCH_JOB_POLLING_INTERVAL = ABORT_JOB_POLLING_INTERVAL = 5.0  # seconds
UPDATE_HEARTBEAT_INTERVAL, STALLED_WORKER_TIMEOUT = 10.0, 30.0  # seconds


class Worker:
    """Runs the app's tasks. All intervals and timeouts are in seconds.

    `queues` None serves every queue. `wait=False` ends when nothing is left to do. After `stop` (or
    SIGINT, SIGTERM, or a cancelled `run`) running jobs may go on for `shutdown_graceful_timeout` (None:
    for ever), then they are aborted. A server that is away or frozen holds the end up for some seconds only: what
    could not be recorded until then is logged.
    """

    def __init__(
        self,
        app: App,
        queues: Iterable[str] | None = None,
        name: str | None = WORKER_NAME,
        concurrency: int = WORKER_CONCURRENCY,
        wait: bool = True,
        fetch_job_polling_interval: float = FETCH_JOB_POLLING_INTERVAL,
        abort_job_polling_interval: float = ABORT_JOB_POLLING_INTERVAL,
        shutdown_graceful_timeout: float | None = None,
        listen_notify: bool = True,
        delete_jobs: str | DeleteJobCondition | None = None,
        additional_context: dict[str, Any] | None = None,
        install_signal_handlers: bool = True,
        update_heartbeat_interval: float = UPDATE_HEARTBEAT_INTERVAL,
        stalled_worker_timeout: float = STALLED_WORKER_TIMEOUT,
        task_middleware: list[TaskMiddleware] | None = None,
        worker_middleware: list[WorkerMiddleware] | None = None,
    ) -> None:
        self.app = app
        self.queues = queues if queues is None or isinstance(queues, Collection) else list(queues)
        self.worker_name = name
        self.concurrency = concurrency
        self.wait = wait
        self.fetch_job_polling_interval = fetch_job_polling_interval
        self.abort_job_polling_interval = abort_job_polling_interval
        self.shutdown_graceful_timeout = shutdown_graceful_timeout
        self.listen_notify = listen_notify
        self.delete_jobs = _delete_condition(delete_jobs)
        self.additional_context = dict(additional_context or {})
        self.install_signal_handlers = install_signal_handlers
        self.update_heartbeat_interval = update_heartbeat_interval
        self.stalled_worker_timeout = stalled_worker_timeout
        self.task_middleware = checked_task_middleware(task_middleware)
        self.worker_middleware = checked_worker_middleware(worker_middleware)
        self.logger = logger.getChild(name or WORKER_NAME)
        self.log = WorkerLog(self)
        #: The task that `run` runs in, while it does.
        self.run_task: asyncio.Task[Any] | None = None
        self._begin()

    def _begin(self) -> None:
        """As before any run: a worker may be run again."""
        self._runs: set[Run] = set()
        #: Those that have ended and are not recorded yet, by job and attempts.
        self._ended: dict[tuple[int | None, int], Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._executor = ThreadPoolExecutor(self.concurrency, "jobdesk-task")
        self._news = asyncio.Event()
        self._abort_news = asyncio.Event()
        self._stopping = asyncio.Event()
        #: Whether jobs may have been started of which no answer has told yet, and those that are to be aborted.
        self._is_exchanging = False
        self._to_abort: set[int] = set()
        queues = tuple(self.queues) if self.queues is not None else None
        self._handover = Handover(self.app, queues, self._news.set, self._recorded)
        self._failure: JobdeskException | None = None
        #: Of the monotonic clock: when the stop was asked for, and when the last running job ended.
        self._stopped_at = math.inf
        self._idle_since = -math.inf
        self._has_run = False
        #: Whether the run ended without recording how all of its jobs ended.
        self.has_given_up = False

    @property
    def name(self) -> str | None:
        """The worker's name."""
        return self.worker_name

    @property
    def worker_id(self) -> int | None:
        """The worker's id in the database, while it runs; None on schemas without workers."""
        return self._handover.worker_id

    @property
    def manager(self) -> Any:
        """The app's job manager."""
        return self.app.job_manager

    def find_task(self, task_name: str) -> Task:
        """The app's task of this name or alias. Raises TaskNotFound."""
        try:
            return self.app.tasks[task_name]
        except KeyError as error:
            raise TaskNotFound(f"The worker's app has no task named {task_name}.") from error

    def stop(self) -> None:
        """Fetch no more jobs and end when those running have ended."""
        if not self._stopping.is_set():
            self._stopped_at = time.monotonic()
            self.log.tell(logging.INFO, "stopping_worker", "Stop requested")
        self._stopping.set()
        self._news.set()

    async def run(self) -> None:
        """Run jobs until stopped. A side task that fails (heartbeat, periodic) ends the worker with its error."""
        if self._has_run:
            self._begin()
        self._has_run, self.run_task = True, asyncio.current_task()
        # Asked anew: the app may have been open since before a migration.
        await self.manager.check_connection_async()
        has_workers = (await self.manager.capabilities_async()).has_workers
        if has_workers:
            self.logger.debug("Pruning stalled workers with old heartbeats")
            await self.manager.prune_stalled_workers(self.stalled_worker_timeout)
            self._handover.worker_id = await self._register()
            self.logger.debug("Registered worker %s in the database", self.worker_id)
        queues, shown = self.queues, queues_display(self.queues)
        self.log.tell(logging.INFO, "start_worker", "Starting worker on %s", shown, queues=queues)
        with on_stop(self.stop) if self.install_signal_handlers else contextlib.nullcontext():
            sides = [asyncio.create_task(self._outlast(side)) for side in self._sides(has_workers)]
            for task in sides:
                task.add_done_callback(lambda _: self.stop())
            try:
                await self._serve_until_stopped()
            finally:
                failed = [task for task in sides if task.done() and not task.cancelled()]
                await deadlines.cancel(sides)
                self._executor.shutdown(wait=False)
                if self.worker_id is not None:
                    await self._unregister(self.worker_id)
                self._handover.worker_id = self.run_task = None
                self.log.tell(logging.INFO, "stop_worker", "Stopped worker on %s", shown, queues=queues)
            for task in failed:
                task.result()

    async def _register(self) -> int:
        registering = asyncio.ensure_future(self.manager.register_worker())
        try:
            worker_id: int = await asyncio.shield(registering)
        except asyncio.CancelledError:
            # Its row may be there already, although nobody has been told its number.
            with contextlib.suppress(ConnectorException):
                await self._unregister(await registering)
            raise
        return worker_id

    async def _unregister(self, worker_id: int) -> None:
        # Someone else's lock on a job left behind would make it wait; stale, it is pruned later.
        with contextlib.suppress(ConnectorException, TimeoutError):
            await deadlines.within(UNREGISTERING_S, self.manager.unregister_worker(worker_id))
            self.logger.debug("Unregistered finished worker %s from the database", worker_id)

    def _sides(self, has_workers: bool) -> Iterator[Callable[[], Coroutine[Any, Any, None]]]:
        yield self._watch_aborts
        if has_workers:
            yield self._beat
        if self.listen_notify:
            yield self._listen
        if self.app.periodic_tasks:
            yield PeriodicDeferrer(self.app.periodic_tasks, **self.app.periodic_defaults).run

    # Jobs

    async def _serve_until_stopped(self) -> None:
        serving = asyncio.create_task(self._serve())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            # Not cancelled in the middle of an exchange: its jobs would be running and nobody would know.
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # After an error or a cancellation too: no job is left running without its worker.
            if serving.done() and not self._stopping.is_set() and not serving.cancelled() and not serving.exception():
                text = "No job found. Stopping worker because wait=False"
                self.log.tell(logging.INFO, "stop_worker", text, queues=self.queues)
                self._stopping.set()
            self.stop()
            stopping.cancel()
            self.log.waits_for(list(self._runs))
            await self._let_end(serving)
        if self._failure is not None:
            raise self._failure
        if not serving.cancelled():
            serving.result()

    async def _let_end(self, serving: asyncio.Task[None]) -> None:
        """Wait for the running jobs, abort them after the grace, and give up recording when its time is over."""
        grace_s = math.inf if self.shutdown_graceful_timeout is None else self.shutdown_graceful_timeout
        is_aborted = False
        while not serving.done():
            if not self._runs:
                ends_at = max(
                    self._stopped_at + min(RECORDING_S, grace_s),
                    self._idle_since + RECORDING_AFTER_JOBS_S,
                )
                if time.monotonic() >= ends_at:
                    await deadlines.cancel({serving})
                    self.has_given_up = True
                    return await self._handover.give_up()
            else:
                ends_at = math.inf if is_aborted else self._stopped_at + grace_s
                if time.monotonic() >= ends_at:
                    is_aborted = True
                    text = "%d jobs still running after graceful timeout. Aborting them"
                    self.log.tell(logging.INFO, "stop_worker", text, len(self._runs), queues=self.queues)
                    for run in self._runs:
                        run.abort(AbortReason.SHUTDOWN)
                    continue
            left_s = None if ends_at == math.inf else max(0.0, ends_at - time.monotonic())
            await asyncio.wait({serving, *self._tasks}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)

    async def _serve(self) -> None:
        """Exchange ended jobs for new ones until stopped and all is recorded."""
        while True:
            self._news.clear()
            free = max(0, self.concurrency - len(self._runs) - self._handover.held_up)
            wanted = 0 if self._stopping.is_set() else free
            if wanted or self._handover.is_due:
                self._is_exchanging = True
                try:
                    jobs = await self._handover.exchange(wanted, {run.job.id for run in self._runs})
                except JobdeskException as error:
                    self._failure, jobs = error, []
                    self.stop()
                finally:
                    self._is_exchanging = False
                for job in jobs:
                    self._start(job)
            if not self._runs and self._handover.is_empty and (self._stopping.is_set() or not self.wait):
                break
            await self._pause()

    async def _pause(self) -> None:
        if self._handover.pause_s:
            await asyncio.sleep(self._handover.pause_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1 if self._stopping.is_set() else self.fetch_job_polling_interval):
                await self._news.wait()

    def _start(self, job: Job) -> None:
        run = Run(job, self, self._executor)
        self._runs.add(run)
        if job.id in self._to_abort:
            run.abort(AbortReason.USER_REQUEST)
        task = asyncio.create_task(self._process(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _process(self, run: Run) -> None:
        try:
            status, retry = await run.end()
            is_deleted = self.delete_jobs is DeleteJobCondition.ALWAYS or (
                self.delete_jobs is DeleteJobCondition.SUCCESSFUL and status is Status.SUCCEEDED
            )
            self._ended[run.job.id, run.job.attempts] = run
            self._handover.add(Ending(run.job, status, is_deleted, retry))
        finally:
            self._runs.discard(run)
            self._idle_since = time.monotonic()

    def _recorded(self, ending: Ending) -> None:
        run = self._ended.pop((ending.job.id, ending.job.attempts), None)
        if run is not None:
            text = "Acknowledged job completion %s"
            self.log.tell(logging.DEBUG, "finish_task", text, run.job.call_string, run=run, status=ending.status)

    # Beside the jobs

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.update_heartbeat_interval)
            await self.manager.update_heartbeat(self.worker_id)

    async def _listen(self) -> None:
        while True:
            listening = asyncio.Event()

            def catch_up(listening: asyncio.Event = listening) -> None:
                """What was notified before this connection listened, nobody has heard."""
                listening.set()
                self._news.set()
                self._abort_news.set()

            try:
                await self.manager.listen_for_jobs(
                    on_notification=self._notified, queues=self.queues, on_listening=catch_up
                )
            except ConnectorException:
                logger.warning("Listening stopped; polling goes on meanwhile.", exc_info=True)
            if not listening.is_set():
                await asyncio.sleep(AGAIN_S)

    def _notified(self, _channel: str, payload: str) -> None:
        if "abort_job_requested" in payload:
            self._abort_news.set()
        else:
            self._news.set()

    async def _watch_aborts(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.abort_job_polling_interval):
                    await self._abort_news.wait()
            self._abort_news.clear()
            if not self._runs and not self._is_exchanging:
                continue
            self._to_abort = set(await self.manager.list_jobs_to_abort_async(worker_id=self.worker_id))
            for run in self._runs:
                if run.job.id in self._to_abort:
                    run.abort(AbortReason.USER_REQUEST)

    async def _outlast(self, side: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a side task, again and again while the server is away, or its schema, but not when that is broken."""
        could_fetch = False
        while True:
            try:
                return await side()
            except (ConnectorException, CapabilityMissing) as error:
                can_fetch = False
                if not is_outlasted(error):
                    raise
                if is_of_the_schema(error):
                    with contextlib.suppress(ConnectorException):
                        await self.manager.check_connection_async()
                        can_fetch = (await self.manager.capabilities_async()).function("fetch") is not None
                if can_fetch and could_fetch:
                    raise
                could_fetch = can_fetch
                logger.warning("The server or its schema is away; trying again: %s", error.__cause__ or error)
            await asyncio.sleep(AGAIN_S)


def _delete_condition(given: str | DeleteJobCondition | None) -> DeleteJobCondition:
    try:
        return DeleteJobCondition.NEVER if given is None else DeleteJobCondition(given)
    except ValueError:
        raise ValueError(f"delete_jobs is never, successful or always, not {given!r}") from None
