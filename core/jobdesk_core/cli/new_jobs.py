"""What `defer` is to defer: the arguments of the command line, the rows of a file, and what is known of the task."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jobdesk_core.cli import exit_codes, output, words
from jobdesk_core.cli.connection import Opened
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.job import typical_arguments
from jobdesk_core.jobs import Job
from jobdesk_core.operations import steps
from jobdesk_core.operations.deferring.json_objects import NotExact, check_object, exactly
from jobdesk_core.operations.deferring.known_task import KnownTask, as_app_task, known_task
from jobdesk_core.operations.deferring.new_jobs import NewJob, from_rows
from jobdesk_core.operations.deferring.row_types import TYPES
from jobdesk_core.operations.deferring.rows import MOST_BYTES, Row, Rows, RowsNotUnderstood, decoded, open_rows
from jobdesk_core.profiles.introspect import AppTask
from jobdesk_core.reported import reading
from jobdesk_core.reported.attempts import attempt

#: Seconds for which a task's latest jobs are looked for, and for each statement.
_LOOKED_S = 1.0
#: Rows whose arguments are compared with those of the task's latest jobs; remarks and mistakes that are told.
_COMPARED, _TOLD = 1_000, 5


def known(desk: Opened, task: str) -> KnownTask:
    """What the task's latest jobs and its workers tell; nothing when that is not found at once, or may not be read."""
    told = _reported(desk, task)
    usual = None
    with contextlib.suppress(ConnectorException):
        usual = steps.run(
            typical_arguments.of_task(desk.capabilities, task, _LOOKED_S), desk.connector, limit_s=_LOOKED_S
        )
    return known_task(task, usual, told, is_reported=told is not None)


def _reported(desk: Opened, task: str) -> AppTask | None:
    asked = attempt(desk.capabilities.reported, "tasks", lambda _: reading.task(task))
    with contextlib.suppress(ConnectorException):
        found = steps.run(asked, desk.connector, limit_s=_LOOKED_S).value
        return as_app_task(found) if found is not None else None
    return None


def queue_of(options: argparse.Namespace, task: KnownTask) -> str:
    """The queue of --queue, or else the one that the task's latest jobs are in, or that workers report; it is told."""
    if options.queue is not None:
        return str(options.queue)
    if task.queue is None:
        output.note(f"No job of {task.name} is known, so the queue is default. Choose another with --queue.")
        return "default"
    if task.queue != "default" and not task.jobs:
        output.note(f"Queue {task.queue}, as the workers of {task.name} report.")
    elif task.queue != "default":
        output.note(f"Queue {task.queue}, as most of the latest {words.count(task.jobs)} of {task.name}.")
    return task.queue


def read_job(options: argparse.Namespace, now: dt.datetime) -> Job:
    """The job of the command line; its queue is the default one unless --queue names another.

    It is `now` by the server's clock.
    """
    if not -(2**31) <= options.priority < 2**31:
        raise Ended(exit_codes.USAGE, "--priority does not fit into 32 bits.")
    args = _object(options.args) if options.args is not None else {}
    for pair in options.values:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise Ended(exit_codes.USAGE, f"{pair!r} is not NAME=VALUE.")
        args[name] = _value(name, text)
    return Job(
        task_name=options.task,
        queue=options.queue if options.queue is not None else "default",
        lock=options.lock,
        queueing_lock=options.queueing_lock,
        priority=options.priority,
        scheduled_at=words.due(options, now),
        task_kwargs=args,
    )


def _value(name: str, text: str) -> Any:
    """JSON where it is valid, number for number as it stands, else the text itself."""
    try:
        return exactly(text)
    except NotExact as error:
        if text.lstrip()[:1] in ("{", "["):
            raise Ended(exit_codes.USAGE, f"{name} is not accepted: {error}") from error
        return text
    except (ValueError, RecursionError):
        return text


def _object(text: str) -> dict[str, Any]:
    value, problem, _ = check_object(text)
    if value is None:
        raise Ended(exit_codes.USAGE, f'--args is not a JSON object such as {{"user_id": 42}}. {problem}')
    return value


def types_of(options: argparse.Namespace) -> dict[str, str]:
    """The types of columns that --type gives."""
    found = {}
    for pair in options.types:
        name, equals, kind = pair.rpartition("=")
        if not equals or not name or kind not in TYPES:
            raise Ended(exit_codes.USAGE, f"--type {pair!r} is not NAME=TYPE. There are: {', '.join(TYPES)}.")
        found[name] = kind
    return found


def read_rows(options: argparse.Namespace, usual_types: Mapping[str, str]) -> Rows:
    """All rows of --from. Raises Ended when any of them cannot be taken: then nothing has been deferred."""
    chosen = types_of(options)
    try:
        reader = open_rows(decoded(_content(options.source)), usual_types, chosen, options.format)
        rows = Rows(reader.form, tuple(reader.rows), reader.columns)
    except RowsNotUnderstood as error:
        raise Ended(exit_codes.USAGE, str(error)) from error
    names = [column.name for column in rows.columns]
    if missing := [name for name in chosen if name not in names]:
        raise Ended(exit_codes.USAGE, f"--type: there is no column {missing[0]}.")
    if mistakes := rows.mistakes:
        told = [f"Line {row.line:,}: {row.problem}" for row in mistakes[:_TOLD]]
        more = [f"And {len(mistakes) - _TOLD:,} more."] if len(mistakes) > _TOLD else []
        raise Ended(exit_codes.USAGE, *told, *more, "Nothing was deferred.")
    return rows


def _content(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        with Path(source).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Ended(exit_codes.USAGE, f"{source} cannot be read: {error.strerror}.") from error


def jobs_of(job: Job, rows: Rows) -> Iterator[NewJob]:
    """A job for each row: its arguments override those of the command line."""
    given = dict(job.task_kwargs)
    return from_rows(job, (Row(row.line, {**given, **(row.args or {})}) for row in rows.rows))


def tell_columns(rows: Rows) -> None:
    """Say how the columns of a CSV are taken, and what is odd about them."""
    if rows.columns:
        output.note("Columns: " + ", ".join(f"{column.name} ({column.kind})" for column in rows.columns) + ".")
    for column in rows.columns:
        if column.remark:
            output.note(f"{column.remark} --type {column.name}=TYPE changes that.")


def tell_remarks(task: KnownTask, jobs: list[Job], *, is_many: bool) -> None:
    """Say what is unusual about the arguments, beside those of the task's latest jobs. None of it forbids the job."""
    counted: Counter[str] = Counter()
    for job in jobs[:_COMPARED]:
        counted.update([*task.remarks(job.task_kwargs), *task.missing(job.task_kwargs)])
    for remark, number in counted.most_common(_TOLD):
        output.note(f"{remark} ({number:,} of the first {min(len(jobs), _COMPARED):,} rows)" if is_many else remark)
