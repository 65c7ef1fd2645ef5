"""The commands `queues`, `tasks`, `workers` and `locks`: what the pages of these names show, each as of one moment."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from typing import Any

from jobdesk_core.cli import exit_codes, forms, output
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.cli.status import counted
from jobdesk_core.database.limited import ask_limited, limited_now
from jobdesk_core.jobs import Status
from jobdesk_core.locks.locks import LockKind, LockRow, read_locks
from jobdesk_core.operations import steps
from jobdesk_core.reading import open_jobs
from jobdesk_core.reading.job_counts import QueueCounts
from jobdesk_core.reading.open_jobs import NONE_OPEN, OpenGroup
from jobdesk_core.reported.attempts import attempt
from jobdesk_core.reported.reading import known_workers
from jobdesk_core.reported.records import ReportedWorker

ENDED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.ABORTED)
#: Of a queue or a task without jobs.
NO_COUNTS = (QueueCounts(""), NONE_OPEN, ENDED)


def add_queues(parser: argparse.ArgumentParser) -> None:
    """The options of `queues`."""
    forms.add_forms(parser)
    parser.set_defaults(run=queues)


def add_tasks(parser: argparse.ArgumentParser) -> None:
    """The options of `tasks`."""
    forms.add_forms(parser)
    parser.set_defaults(run=tasks)


def add_workers(parser: argparse.ArgumentParser) -> None:
    """The options of `workers`."""
    forms.add_forms(parser)
    parser.set_defaults(run=workers)


def add_locks(parser: argparse.ArgumentParser) -> None:
    """The options of `locks`."""
    parser.add_argument("text", nargs="?", default="", metavar="TEXT", help="only locks with this text in their name")
    parser.add_argument("--queueing", action="store_true", help="queueing locks instead")
    forms.add_forms(parser)
    parser.set_defaults(run=locks)


def queues(desk: Opened, options: argparse.Namespace) -> int:
    """List the queues with their jobs by status, counted exactly in one snapshot."""
    found = counted(desk)
    names = found.counts.queues()
    rows = [_counts("queue", each, found.open.queues.get(each.name, NONE_OPEN), _ends(names)) for each in names]
    paused = found.open.paused
    if paused:
        rows = [row | {"paused_since": paused.get(row["queue"])} for row in rows]
    return _show(options, rows, "queue", found.open.read_at, list(_counts("queue", *NO_COUNTS)))


def tasks(desk: Opened, options: argparse.Namespace) -> int:
    """List the tasks likewise."""
    found = counted(desk)
    names = found.counts.tasks()
    rows = [_counts("task", each, found.open.tasks.get(each.name, NONE_OPEN), _ends(names)) for each in names]
    return _show(options, rows, "task", found.open.read_at, list(_counts("task", *NO_COUNTS)))


def _ends(names: Sequence[QueueCounts]) -> list[Status]:
    """The statuses of jobs that are over, also those that somebody has added to the database."""
    found = {status for each in names for status in each.by_status}
    others = found - {Status.TODO, Status.DOING, *ENDED}
    return [*ENDED, *sorted(others, key=lambda status: status.value)]


def _counts(noun: str, counts: QueueCounts, group: OpenGroup, ends: Sequence[Status]) -> dict[str, Any]:
    return {
        noun: counts.name,
        "due": group.due,
        "scheduled": group.scheduled,
        "running": group.running,
        "stalled": group.stalled,
        "held_by_locks": group.held,
        **{status.value: counts.count(status) for status in ends},
        "all": counts.total,
        "oldest_due_since": group.oldest,
    }


def workers(desk: Opened, options: argparse.Namespace) -> int:
    """List the workers, those that are unresponsive first, and what they report of themselves."""
    heads = limited_now(desk.connector, open_jobs.heads(desk.capabilities), LIMIT_S)
    asked = attempt(desk.capabilities.reported, "workers", lambda _: known_workers())
    reports = steps.run(asked, desk.connector, limit_s=LIMIT_S).value or []
    by_number = {each.worker_id: each for each in reports if each.worker_id is not None}
    if heads.workers is None:
        rows = [_reported(each) | {"is_alive": each.is_alive(heads.read_at)} for each in reports]
        output.note("This release does not record its workers: only those that report are listed.")
        return _show(options, rows, "worker", heads.read_at)
    ordered = sorted(heads.workers, key=lambda each: (each.is_alive(heads.read_at), -each.running, each.id))
    rows = [
        {"worker": each.id, "is_alive": each.is_alive(heads.read_at), "running": each.running}
        | {"last_heartbeat": each.last_heartbeat}
        | _reported(by_number.get(each.id))
        for each in ordered
    ]
    names = ["worker", "is_alive", "running", "last_heartbeat", *_reported(None)]
    return _show(options, rows, "worker", heads.read_at, names)


def _reported(told: ReportedWorker | None) -> dict[str, Any]:
    """What a worker tells of itself; no field of what only its process knows is left out."""
    return {
        "host": told and told.host,
        "pid": told and told.pid,
        "app": told and told.app,
        "queues": None if told is None else "*" if told.queues is None else ",".join(told.queues),
        "slots": told and told.concurrency,
        "cores": told and told.cpu_share,
        "memory_bytes": told and told.memory_bytes,
    }


def locks(desk: Opened, options: argparse.Namespace) -> int:
    """List the locks that matter most: those that block first, then the longest waits."""
    kind = LockKind.QUEUEING_LOCK if options.queueing else LockKind.LOCK
    found = ask_limited(read_locks(desk.capabilities, options.text, kind), desk.connector, LIMIT_S)
    waits = ("retries_refused",) if options.queueing else ("waiting", "not_yet_due", "waiting_since")
    names = [kind.value.replace(" ", "_"), "state", *waits, "job", "job_since", "task", "queue"]
    code = _show(options, [_lock(each) for each in found.rows], kind.value, names=names, text=options.text)
    if len(found.rows) < found.total:
        output.note(f"These are {len(found.rows):,} of {found.total:,}: give a TEXT to see others.")
    if not found.is_whole:
        output.note(f"Only the first {found.looked_jobs:,} open jobs were looked at.")
    return code


def _lock(lock: LockRow) -> dict[str, Any]:
    is_lock = lock.kind is LockKind.LOCK
    waits = {"waiting": lock.waiting, "not_yet_due": lock.later, "waiting_since": lock.waiting_since}
    return {
        "lock" if is_lock else "queueing_lock": lock.name,
        "state": lock.state.value,
        **(waits if is_lock else {"retries_refused": lock.waiting}),
        "job": lock.head.id,
        "job_since": lock.head_since,
        "task": lock.head.task_name,
        "queue": lock.head.queue_name,
    }


def _show(
    options: argparse.Namespace,
    rows: Sequence[dict[str, Any]],
    noun: str,
    as_of: dt.datetime | None = None,
    names: Sequence[str] = (),
    text: str = "",
) -> int:
    if forms.form_of(options) is not None:
        return forms.write(options, rows, noun, as_of, names=names)
    if not rows:
        output.note(f'No {noun} has "{output.plain(text)}" in its name.' if text else f"There are no {noun}s.")
        return exit_codes.NOT_ALL
    table = output.Table(*(name.replace("_", " ") for name in rows[0]))
    table.rows([list(row.values()) for row in rows])
    return exit_codes.DONE
