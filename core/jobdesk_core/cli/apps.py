"""Commands on a program's own app (`--app package.module.app`): `worker`, `schema`, `healthchecks`, and its `defer`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from jobdesk_core import troubles
from jobdesk_core.app import App
from jobdesk_core.cli import exit_codes, log_lines, new_jobs, output
from jobdesk_core.cli.connection import unchecked
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.exceptions import (
    AlreadyEnqueued,
    LoadFromPathError,
    MiddlewareKindMismatch,
    SyncConnectorConfigurationError,
    TaskNotFound,
)
from jobdesk_core.jobs import DeleteJobCondition, Job, JobDeferrer
from jobdesk_core.masking import without_secrets
from jobdesk_core.schema import SchemaManager
from jobdesk_core.utils import utcnow
from jobdesk_core.worker import Worker

#: The environment's variables, the first that is set: those of Procrastinate's own command line count, too.
_NO_SCHEMA = "The table procrastinate_jobs was not found. Create it: jobdesk-core schema --apply --app ..."
PREFIXES = ("JOBDESK", "PROCRASTINATE")


def from_environment(name: str) -> str | None:
    """What JOBDESK_NAME says, or PROCRASTINATE_NAME; an empty one says nothing."""
    return next((text for prefix in PREFIXES if (text := os.environ.get(f"{prefix}_{name}"))), None)


def add_app(parser: argparse.ArgumentParser) -> None:
    """Add --app."""
    parser.add_argument("--app", metavar="PATH", help="the path of the app: package.module.app (env: JOBDESK_APP)")


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Tell of what an app can be wrong about in a sentence."""
    try:
        yield
    except (SyncConnectorConfigurationError, MiddlewareKindMismatch, TaskNotFound, TypeError, ValueError) as error:
        raise Ended(exit_codes.USAGE, without_secrets(str(error))) from error


def loaded(options: argparse.Namespace) -> App:
    """The app of --app. Raises Ended when there is none at that path, or its modules cannot be imported."""
    path = options.app or from_environment("APP")
    if not path:
        raise Ended(exit_codes.USAGE, "Which app? Give --app package.module.app, or set JOBDESK_APP.")
    if any(given is not None for given in (options.dsn, options.profile, options.schema, options.ssh)):
        raise Ended(
            exit_codes.USAGE, "With --app the connection is the app's: --dsn, --profile, --schema and --ssh go without."
        )
    if "" not in sys.path and os.getcwd() not in sys.path:  # noqa: PTH109
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does
    try:
        app = App.from_path(path.replace(":", "."))
        app.perform_import_paths()
    except LoadFromPathError as error:
        raise Ended(exit_codes.USAGE, f"There is no app at {path}: {without_secrets(str(error))}.") from error
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{at.filename}, line {at.lineno}"
        # What the application was about to connect with may stand in what it says.
        said = f"{type(error).__name__}: {without_secrets(str(error))}"
        raise Ended(exit_codes.USAGE, f"The app {path} fails when it is imported: {said} ({where}).") from error
    return app


# worker

_WAITING = {"0": False, "n": False, "f": False, "no": False, "false": False, "off": False}
_WAITING |= {"1": True, "y": True, "t": True, "yes": True, "true": True, "on": True}


def _yes_or_no(text: str) -> bool:
    try:
        return _WAITING[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError("is 1/yes/true or 0/no/false") from None


def _seconds(text: str) -> float:
    if not 0 <= (seconds := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError("is a number of seconds")
    return seconds


def _number(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("is at least 1")
    return number


def _queues(text: str) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] or None


def _condition(text: str) -> DeleteJobCondition:
    try:
        return DeleteJobCondition(text)
    except ValueError:
        raise argparse.ArgumentTypeError("is never, successful or always") from None


#: A worker's options: the flags, how the text is read, and the help. Each is also read from JOBDESK_WORKER_NAME.
_OPTIONS: dict[str, tuple[tuple[str, ...], Callable[[str], Any], str]] = {
    "name": (("-n", "--name"), str, "the worker's name, for logs and tasks"),
    "queues": (("-q", "--queues"), _queues, "the queues to serve, with commas between them (default: all)"),
    "concurrency": (("-c", "--concurrency"), _number, "how many jobs run at once (default: 1)"),
    "fetch_job_polling_interval": (("-p", "--fetch-job-polling-interval"), _seconds, "seconds between looks for jobs"),
    "abort_job_polling_interval": (
        ("-a", "--abort-job-polling-interval"),
        _seconds,
        "seconds between looks for aborts",
    ),
    "shutdown_graceful_timeout": (
        ("--shutdown-graceful-timeout",),
        _seconds,
        "seconds that running jobs have after a stop, before they are aborted (default: no end)",
    ),
    "update_heartbeat_interval": (("--update-heartbeat-interval",), _seconds, "seconds between heartbeats"),
    "stalled_worker_timeout": (
        ("--stalled-worker-timeout",),
        _seconds,
        "seconds of silence after which a worker is dead",
    ),
    "delete_jobs": (("--delete-jobs",), _condition, "which ended jobs to delete: never, successful or always"),
}
_FLAGS = {"wait": ("-w", "--wait", "--one-shot"), "listen_notify": ("-l", "--listen-notify", "--no-listen-notify")}


def add_worker(parser: argparse.ArgumentParser) -> None:
    """The options of `worker`. What is not given is as the app's `worker_defaults` say."""
    add_app(parser)
    for name, (flags, read, told) in _OPTIONS.items():
        metavar = "LIST" if name == "queues" else "N" if read in (_seconds, _number) else name.upper()
        parser.add_argument(*flags, dest=name, type=read, metavar=metavar, help=told)
    short, yes, no = _FLAGS["wait"]
    parser.add_argument(short, yes, dest="wait", action="store_const", const=True, help="wait for more jobs (usual)")
    parser.add_argument(no, dest="wait", action="store_const", const=False, help="end when no job is left")
    short, yes, no = _FLAGS["listen_notify"]
    told = "hear of new jobs at once (usual), or only poll"
    parser.add_argument(short, yes, dest="listen_notify", action="store_const", const=True, help=told)
    parser.add_argument(no, dest="listen_notify", action="store_const", const=False, help=argparse.SUPPRESS)
    log_lines.add_logging(parser)
    parser.set_defaults(run_app=run_worker)


def worker_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options that are given, on the command line or in the environment. Raises Ended for what cannot be read."""
    given: dict[str, Any] = {}
    for name in (*_OPTIONS, *_FLAGS):
        value = getattr(options, name)
        text = from_environment(f"WORKER_{name.upper()}")
        if value is None and text is not None:
            read = _OPTIONS[name][1] if name in _OPTIONS else _yes_or_no
            try:
                value = read(text)
            except (ValueError, argparse.ArgumentTypeError) as error:
                raise Ended(
                    exit_codes.USAGE, f"The environment's WORKER_{name.upper()} is {text!r}: {error}."
                ) from error
        if value is not None or (name == "queues" and text is not None):
            given[name] = value
    return given


def run_worker(options: argparse.Namespace) -> int:
    """Run a worker until SIGINT or SIGTERM."""
    given = worker_options(options)
    log_lines.configure(options)
    app = loaded(options)
    with reported():
        Worker(app, **(app.worker_defaults | given))

    async def run() -> None:
        async with app.open_async():
            if not await app.check_connection_async():
                raise Ended(exit_codes.REFUSED, _NO_SCHEMA)
            # The app's own method: whoever has changed it, such as `report`, takes part.
            await app.run_worker_async(**given)

    try:
        asyncio.run(run())
    except SyncConnectorConfigurationError as error:
        raise Ended(
            exit_codes.USAGE, "The app's connector is synchronous. A worker needs an asynchronous one."
        ) from error
    worker = app._last_worker
    return exit_codes.CONNECTION if worker is not None and worker.has_given_up else exit_codes.DONE


# schema


def add_schema(parser: argparse.ArgumentParser) -> None:
    """The options of `schema`."""
    add_app(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="create the schema in a database that has none (usual)")
    what.add_argument("--read", action="store_true", help="print its SQL")
    what.add_argument("--migrations-path", action="store_true", help="print where migrations would lie")
    parser.set_defaults(run_app=run_schema)


def run_schema(options: argparse.Namespace) -> int:
    """Create the schema, or tell of it."""
    if options.read:
        output.line(SchemaManager.get_schema())
    elif options.migrations_path:
        output.line(SchemaManager.get_migrations_path())
    elif options.app or (from_environment("APP") and options.dsn is None and options.profile is None):
        app = loaded(options)
        with app.open():
            app.schema_manager.apply_schema()
        output.note("The schema is there.")
    else:
        with unchecked(options) as (_, connector):
            SchemaManager(connector).apply_schema()
        output.note("The schema is there.")
    return exit_codes.DONE


# healthchecks


def add_healthchecks(parser: argparse.ArgumentParser) -> None:
    """The options of `healthchecks`."""
    add_app(parser)
    parser.set_defaults(run_app=run_healthchecks)


def run_healthchecks(options: argparse.Namespace) -> int:
    """Look whether the app can be imported, its database answers, and has the schema."""
    app = loaded(options)
    output.line("App configuration: OK")
    output.flush()
    with app.open():
        has_schema = app.check_connection()
        output.line("DB connection: OK")
    if not has_schema:
        raise Ended(exit_codes.REFUSED, _NO_SCHEMA)
    output.line("Found procrastinate_jobs table: OK")
    return exit_codes.DONE


# defer


def add_defer(parser: argparse.ArgumentParser) -> None:
    """What `defer` takes with an app."""
    add_app(parser)
    parser.add_argument("--unknown", action="store_true", help="with --app: defer a task, too, that the app has not")
    parser.add_argument(
        "-i",
        "--ignore-already-enqueued",
        action="store_true",
        help="with --app: exit 0 when the queueing lock is taken",
    )


def run_defer(options: argparse.Namespace) -> int:
    """Defer one job through the app: what is not given is as its task says."""
    if options.source is not None or options.dry_run or options.sql or options.types or options.rate:
        raise Ended(
            exit_codes.USAGE, "With --app one job is deferred: --from, --dry-run, --sql, --type and --rate go without."
        )
    if len(options.values) == 1 and options.args is None and options.values[0].lstrip().startswith("{"):
        options.args, options.values = options.values[0], []
    options.priority, priority = options.priority or 0, options.priority
    app = loaded(options)

    def prepared(now: dt.datetime) -> tuple[JobDeferrer, Job]:
        job = new_jobs.read_job(options, now)
        deferrer = app.configure_task(
            options.task,
            allow_unknown=options.unknown,
            queue=options.queue,
            lock=options.lock,
            queueing_lock=options.queueing_lock,
            priority=priority or None,
            schedule_at=job.scheduled_at,
        )
        return deferrer, job

    with reported():
        prepared(utcnow())  # what is wrong is told before anything is connected to
    with app.open():
        clock = getattr(app.connector.get_sync_connector(), "clock", None)
        deferrer, job = prepared(clock.now() if clock is not None else utcnow())
        try:
            job_id = deferrer.defer(**job.task_kwargs)
        except AlreadyEnqueued as error:
            output.note(troubles.explain(error).sentence)
            return exit_codes.DONE if options.ignore_already_enqueued else exit_codes.NOT_ALL
    told = f"Deferred job #{job_id:,}."
    if options.json:
        output.json_line({"id": job_id, "is_done": True, "sentence": told})
    else:
        output.line(told)
    return exit_codes.DONE


def is_meant(options: argparse.Namespace) -> bool:
    """Whether a command speaks with an app's database, and not with one of --dsn or --profile."""
    if not hasattr(options, "app"):
        return False
    return hasattr(options, "run_app") and (options.command != "defer" or options.app is not None)
