"""Many new jobs from one pattern and many arguments: what each would be, and which cannot be.

A lock may name an argument in braces, such as `customer-{customer_id}`; doubled braces stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.jobs import Job
from jobdesk_core.operations.deferring.rows import Row
from jobdesk_core.troubles import check_queue_name

#: Characters of a task's name, and of a lock, that the database takes (the latter: what its index can hold, in bytes).
TASK_CHARACTERS, LOCK_BYTES = 128, 2_600
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be deferred, and where it comes from: a line of a text, or the id of another job."""

    origin: int
    job: Job
    problem: str | None = None


def from_rows(pattern: Job, rows: Iterable[Row]) -> Iterator[NewJob]:
    """The job of each row: the pattern with the row's arguments, which the locks may name."""
    return (_from_row(pattern, row) for row in rows)


def _from_row(pattern: Job, row: Row) -> NewJob:
    if row.args is None:
        return NewJob(row.line, replace(pattern, lock=None, queueing_lock=None), row.problem)
    try:
        lock, queueing_lock = filled(pattern.lock, row.args), filled(pattern.queueing_lock, row.args)
    except ValueError as error:
        return NewJob(row.line, replace(pattern, task_kwargs=row.args), str(error))
    return NewJob(row.line, replace(pattern, lock=lock, queueing_lock=queueing_lock, task_kwargs=row.args))


def filled(template: str | None, args: dict[str, Any]) -> str | None:
    """The lock for these arguments. Raises ValueError with what is wrong."""
    if not template or ("{" not in template and "}" not in template):
        return template or None

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        held = args.get(match[1])
        if match[1] not in args or held is None:
            raise ValueError(f"There is no argument {match[1]} for the lock {template}.")
        if isinstance(held, dict | list):
            raise ValueError(f"The argument {match[1]} is not a plain value for the lock {template}.")
        return str(held).lower() if isinstance(held, bool) else str(held)

    return _PLACE.sub(value, template)


def problem_of(job: Job, capabilities: Capabilities) -> str | None:
    """Why this database cannot take the job, as far as is known without asking it; or None."""
    if not job.task_name:
        return "A job needs the name of its task."
    if len(job.task_name) > TASK_CHARACTERS:
        return f"This task name has {len(job.task_name)} characters; {TASK_CHARACTERS} fit."
    if job.priority and not capabilities.has_priority:
        return f"Procrastinate {capabilities.release} has no priorities; releases from 2.5 on do."
    if any(_is_unstorable(text) for text in (job.task_name, job.queue, job.lock, job.queueing_lock)):
        return "PostgreSQL cannot store the character NUL, or half of a surrogate pair."
    for name, lock in (("lock", job.lock), ("queueing lock", job.queueing_lock)):
        if lock is not None and len(lock.encode()) > LOCK_BYTES:
            return f"The {name} is too long: {LOCK_BYTES:,} bytes fit."
    return check_queue_name(job.queue, capabilities.queue_name_limit_bytes)


def _is_unstorable(text: str | None) -> bool:
    return text is not None and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)
