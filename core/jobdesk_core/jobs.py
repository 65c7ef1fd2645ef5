"""What a job is: its status, its events and its row, as plain values."""

from __future__ import annotations

import datetime as dt
import enum
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

from jobdesk_core.exceptions import require_aware

#: Arguments may be of a hundred megabytes; a line of a log is not.
_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 100
_brief.maxdict = _brief.maxlist = 10


class _Label(enum.Enum):
    """Labels of an enum in the database, to which others may have added some: those are members without a name."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        label = "unknown" if value is None else str(value)
        known = _added.get((cls.__name__, label))
        if known is None:
            known = object.__new__(cls)
            known._name_, known._value_ = label, label
            _added[cls.__name__, label] = known
        return known


_added: dict[tuple[str, str], Any] = {}


class Status(_Label):
    """A job's status, with the labels of the database's enum `procrastinate_job_status`."""

    TODO = "todo"
    DOING = "doing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: A running job that was asked to abort. Only releases 2.7 to 2.15 store it.
    ABORTING = "aborting"
    ABORTED = "aborted"

    # Members are made once; Python 3.11's own hash of an Enum is not in C, and counts ask for it all the time.
    __hash__ = object.__hash__

    @property
    def is_final(self) -> bool:
        """Whether the job is over, so that nothing but a retry or a deletion can change it."""
        return self not in (Status.TODO, Status.DOING, Status.ABORTING)


class EventType(_Label):
    """What happened to a job, with the labels of the enum `procrastinate_job_event_type`."""

    DEFERRED = "deferred"
    STARTED = "started"
    DEFERRED_FOR_RETRY = "deferred_for_retry"
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    ABORT_REQUESTED = "abort_requested"
    ABORTED = "aborted"
    #: Its `at` is the time that the job was scheduled for, not the time of writing.
    SCHEDULED = "scheduled"
    RETRIED = "retried"

    __hash__ = object.__hash__  # as for Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job, or one about to be deferred (then `id` and `status` are None).

    `scheduled_at` is time-zone aware, or ValueError is raised. `attempts` counts ended runs and retries.
    """

    id: int | None = None
    queue: str = "default"
    task_name: str
    priority: int = 0
    lock: str | None = None
    queueing_lock: str | None = None
    task_kwargs: Mapping[str, Any] = field(default_factory=dict)
    status: Status | None = None
    scheduled_at: dt.datetime | None = None
    attempts: int = 0
    abort_requested: bool = False
    worker_id: int | None = None

    def __post_init__(self) -> None:
        if self.scheduled_at is not None:
            require_aware(self.scheduled_at)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Build the job from a row with the columns' names; columns that a release lacks may be absent."""
        return cls(
            id=row["id"],
            queue=row["queue_name"],
            task_name=row["task_name"],
            priority=row.get("priority", 0),
            lock=row["lock"],
            queueing_lock=row["queueing_lock"],
            task_kwargs=row["args"],
            status=Status(row["status"]),
            scheduled_at=row["scheduled_at"],
            attempts=row["attempts"],
            abort_requested=row.get("abort_requested", False),
            worker_id=row.get("worker_id"),
        )

    @property
    def call_string(self) -> str:
        """The job as a call, for logs: `task[id](key=value, ...)`, long values shortened."""
        arguments: Any = self.task_kwargs
        if isinstance(arguments, Mapping):
            shown = ", ".join(f"{name}={_brief.repr(arguments[name])}" for name in islice(arguments, 20))
        else:  # not from any defer, but the column takes any JSON
            shown = _brief.repr(arguments)
        return f"{self.task_name}[{self.id}]({shown})"

    def __str__(self) -> str:
        return self.call_string
