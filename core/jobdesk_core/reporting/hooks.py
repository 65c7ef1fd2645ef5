"""Where reports are taken: around the workers of an app, by what its library offers, without asking it for more.

Releases with middleware (3.9 and later, and our own worker) have theirs called first. Older ones are heard at the calls
that each of their workers makes: of the job manager, that fetches and finishes, and of the task, about a retry. The log
records that would say the same are not made at Python's usual level, and hold the jobs' arguments.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from jobdesk_core.reporting import inventory, targets
from jobdesk_core.reporting.batches import Settings
from jobdesk_core.reporting.redaction import Redact, shown
from jobdesk_core.reporting.runs import CurrentRun, current, keep_log_lines
from jobdesk_core.reporting.sessions import Session, named_queues
from jobdesk_core.reporting.targets import Target
from jobdesk_core.reporting.writer import CLOSING_S, Writer

logger = logging.getLogger("jobdesk_core.reporting")

#: The worker that this code runs for.
_session: ContextVar[Session | None] = ContextVar("jobdesk_reporting_session", default=None)
#: The attribute of an app that reports.
_REPORTER = "_jobdesk_reporter"
_MISSING = "The worker's app has no task named {}."


@dataclass(frozen=True, slots=True)
class Options:
    """What `report` was told."""

    name: str | None = None
    version: str | None = None
    redact: Redact | None = None
    log_lines: int = 0
    dsn: str | None = None
    keep_days: int = 30
    keep_errors: int = 100_000
    #: Seconds between heartbeats, and of silence after which another worker is lost.
    beat_s: float = 5.0
    lost_s: float = 30.0


def attach(app: Any, options: Options) -> None:
    """Have every worker that the app will run report; a second time only the options change. Raises TypeError."""
    # Django's app stands for another one, which Procrastinate makes when Django is ready.
    app = getattr(getattr(app, "run_worker_async", None), "__self__", app)
    known = getattr(app, _REPORTER, None)
    if known is not None:
        known.options = options
        return
    if inventory.library_of(app) is None:
        raise TypeError(f"report() takes an App of Procrastinate or of jobdesk_core, not {app!r:.100}.")
    reporter = Reporter(app, options)
    setattr(app, _REPORTER, reporter)
    app.run_worker_async = functools.partial(reporter.run_worker, app.run_worker_async)
    with_connector = getattr(app, "with_connector", None)
    if with_connector is not None:
        app.with_connector = functools.partial(reporter.with_connector, with_connector)


class Reporter:
    """Has the workers of one app report."""

    def __init__(self, app: Any, options: Options) -> None:
        self.app = app
        self.options = options
        self._library = inventory.library_of(app)
        self._writer: Writer | None = None
        #: What the present writer was made for.
        self._made_for: tuple[Any, Any, Options] | None = None
        self._has_middleware = False
        self._hears_manager: Any = None

    def with_connector(self, make: Any, *arguments: Any, **keywords: Any) -> Any:
        """A copy of the app, with another connector: its workers report too, there."""
        app = make(*arguments, **keywords)
        attach(app, self.options)
        return app

    async def run_worker(self, run: Any, **options: Any) -> None:
        """Run a worker as the app does, and report of it."""
        self.app.perform_import_paths()
        if isinstance(options.get("queues"), Iterator):
            options["queues"] = list(options["queues"])  # it can be read once, and the worker is to read it
        session = self._begin({**dict(self.app.worker_defaults or {}), **options})
        if session is None:
            await run(**options)
            return
        if self._has_middleware:
            given = options.get("worker_middleware", dict(self.app.worker_defaults or {}).get("worker_middleware"))
            options["worker_middleware"] = [functools.partial(_around, session), *(given or ())]
        token = _session.set(session)
        try:
            await run(**options)
        finally:
            _session.reset(token)
            await session.close(CLOSING_S)

    def _begin(self, options: dict[str, Any]) -> Session | None:
        """The session of a worker with these options; None where there is no database to report to."""
        try:
            writer = self._own_writer()
            if writer is None:
                return None
            if self.options.log_lines:
                keep_log_lines()
            self._listen()
            concurrency = options.get("concurrency", 1)
            session = Session(
                writer,
                self.app,
                str(options.get("name") or "worker"),
                named_queues(options.get("queues")),
                concurrency if isinstance(concurrency, int) else 1,
                max(0, min(self.options.log_lines, 1_000)),
            )
            writer.open(session)
            return session
        except Exception as error:
            logger.warning("This worker does not report: %s.", type(error).__name__)
            logger.debug("Reporting could not be started.", exc_info=error)
            return None

    def _own_writer(self) -> Writer | None:
        options = self.options
        target = Target(options.dsn) if options.dsn is not None else targets.target_of(self.app.connector)
        if target is None:
            logger.info("This worker reports nothing: its connector has no database.")
            return None
        made_for = (target.conninfo, target.arguments, options)
        if self._writer is None or self._made_for != made_for:
            name = shown(options.name or inventory.app_name(self.app), 200)
            settings = Settings(
                name,
                options.redact,
                options.keep_days,
                options.keep_errors,
                inventory.own_packages(self.app),
                functools.partial(inventory.versions, self.app, name, options.version),
                lambda: list(inventory.tasks(self.app, options.redact)),
                lambda: list(inventory.schedules(self.app)),
                options.beat_s,
                options.lost_s,
            )
            self._writer, self._made_for = Writer(target, settings), made_for
        # Its functions may belong to the loop of this worker.
        self._writer.target = target
        return self._writer.own()

    # Hooks

    def _listen(self) -> None:
        worker = importlib.import_module(f"{self._library}.worker")
        self._has_middleware = has_middleware(worker.Worker)
        manager = self.app.job_manager
        if self._hears_manager is not manager:
            self._hears_manager = manager
            _wrap(manager, "register_worker", _registered)
            if not self._has_middleware:
                _wrap(manager, "fetch_job", _fetched)
                _wrap(manager, "finish_job", _finished)
                _wrap(manager, "retry_job", _retried)
        if self._has_middleware:
            _hear_missing_tasks(logging.getLogger(f"{self._library}.worker"))
        for task in list(self.app.tasks.values()):
            _hear_decisions(task, self._has_middleware)


def has_middleware(worker: Any) -> bool:
    """Whether this class of workers takes middleware."""
    return "worker_middleware" in inspect.signature(worker.__init__).parameters


def _wrap(thing: Any, name: str, around: Any) -> None:
    """Call `around` with the method that was there before."""
    method = getattr(thing, name, None)
    if method is not None:
        setattr(thing, name, functools.partial(around, method))


# Releases with middleware


async def _around(session: Session, call_next: Any, context: Any, worker: Any) -> Any:
    """The outermost middleware of a worker."""
    run = session.begin(context.job)
    task = worker.app.tasks.get(run.task) if run is not None else None
    _hear_decisions(task, True)
    try:
        return await call_next()
    except BaseException as error:
        session.failed(run, error, is_open=getattr(task, "retry_strategy", None) is not None)
        raise
    finally:
        session.end(run.key if run is not None else None)


class _MissingTasks(logging.Filter):
    """Hears of jobs whose task is unknown, for which no middleware is called. It holds no record back."""

    def filter(self, record: logging.LogRecord) -> bool:
        session = _session.get()
        error = record.exc_info[1] if record.exc_info else None
        if session is not None and type(error).__name__ == "TaskNotFound":
            try:
                job = record.job  # type: ignore[attr-defined]
                if record.action == "job_error":  # type: ignore[attr-defined]
                    _missing(session, job["id"], job["attempts"], job["task_name"], job["queue"], error)
            except Exception:  # noqa: BLE001
                session.writer.drop("A missing task could not be noted.")
        return True


def _hear_missing_tasks(worker_log: logging.Logger) -> None:
    if not any(isinstance(each, _MissingTasks) for each in worker_log.filters):
        worker_log.addFilter(_MissingTasks())


def _missing(session: Session, job_id: int, attempts: int, task: str, queue: str, error: Any) -> None:
    kind = f"{type(error).__module__}.TaskNotFound" if error is not None else "procrastinate.exceptions.TaskNotFound"
    session.failed_without(
        CurrentRun(session.report_progress, job_id, attempts + 1, task, queue), kind, _MISSING.format(task), "failed"
    )


# All releases: whether a run that has failed is to run again


def _hear_decisions(task: Any, has_middleware: bool) -> None:
    """Hear what a task decides about retries. With middleware only a task with a strategy has anything to say."""
    try:
        if task is None or "get_retry_exception" in vars(task):
            return
        if has_middleware and task.retry_strategy is None:
            return
        task.get_retry_exception = functools.partial(_asked, has_middleware, task.get_retry_exception)
    except Exception as error:
        logger.debug("Decisions about retries are not heard.", exc_info=error)


def _asked(has_middleware: bool, ask: Any, *arguments: Any, **keywords: Any) -> Any:
    """The worker asks a task whether a job that raised is to run again."""
    session = _session.get()
    job, error = _told(("exception", "job"), arguments, keywords)
    if session is not None and job is not None and not has_middleware:
        session.failed(session.running.get((job.id, job.attempts + 1)), error)
    decision = ask(*arguments, **keywords)
    if session is not None and job is not None and (has_middleware or decision is not None):
        session.decided((job.id, job.attempts + 1), "retried" if decision is not None else None)
    return decision


def _told(names: tuple[str, str], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, Any]:
    values = {**dict(zip(names, arguments, strict=False)), **keywords}
    return values.get("job"), values.get("exception")


# Releases without middleware, and the worker's number


async def _registered(register: Any, *arguments: Any, **keywords: Any) -> Any:
    worker_id = await register(*arguments, **keywords)
    session = _session.get()
    if session is not None and isinstance(worker_id, int):
        session.worker_id = worker_id
    return worker_id


async def _fetched(fetch: Any, *arguments: Any, **keywords: Any) -> Any:
    job = await fetch(*arguments, **keywords)
    session = _session.get()
    if session is not None and job is not None:
        # The worker runs the job in this very context, or in a copy of it.
        session.begin(job)
    return job


async def _finished(finish: Any, *arguments: Any, **keywords: Any) -> Any:
    session, job, status = _session.get(), keywords.get("job"), keywords.get("status")
    if session is not None and job is not None:
        _note_end(session, job, str(getattr(status, "value", status)))
    return await finish(*arguments, **keywords)


async def _retried(retry: Any, *arguments: Any, **keywords: Any) -> Any:
    session, job = _session.get(), keywords.get("job")
    if session is not None and job is not None:
        _note_end(session, job, "retried")
    return await retry(*arguments, **keywords)


def _note_end(session: Session, job: Any, status: str) -> None:
    try:
        key = (job.id, job.attempts + 1)
        run = session.running.get(key)
        if status != "succeeded" and run is not None:
            if session.knows(key):
                session.decided(key, status)
            elif status == "aborted":
                session.failed_without(run, "procrastinate.exceptions.JobAborted", "", status)
            elif status == "failed" and job.task_name not in session.app.tasks:
                session.failed_without(
                    run, "procrastinate.exceptions.TaskNotFound", _MISSING.format(job.task_name), status
                )
        session.end(key)
        if current.get() is run:
            current.set(None)
    except Exception:  # noqa: BLE001
        session.writer.drop("The end of a job could not be noted.")
