"""What a job is: its status, its events and its row, as plain values."""

from __future__ import annotations

import datetime as dt
import enum
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any, Protocol, Self

from jobdesk_core.exceptions import require_aware

DEFAULT_QUEUE = "default"
DEFAULT_PRIORITY = 0

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

    @property
    def is_known(self) -> bool:
        """Whether it is one of Procrastinate's own labels, and none that somebody has added to the database."""
        return self._value_ in type(self)._value2member_map_


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
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.ABORTED)


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


class DeleteJobCondition(enum.Enum):
    """Which jobs a worker deletes when they have ended."""

    NEVER = "never"
    SUCCESSFUL = "successful"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job, or one about to be deferred (then `id` and `status` are None).

    `status` is the value of a Status, such as "todo". `scheduled_at` is time-zone aware, or ValueError is raised.
    `attempts` counts ended runs and retries.
    """

    id: int | None = None
    status: str | None = None
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    lock: str | None = None
    queueing_lock: str | None = None
    task_name: str
    task_kwargs: Mapping[str, Any] = field(default_factory=dict)
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
            status=row["status"],
            scheduled_at=row["scheduled_at"],
            attempts=row["attempts"],
            abort_requested=row.get("abort_requested", False),
            worker_id=row.get("worker_id"),
        )

    def evolve(self, **changes: Any) -> Self:
        """The job with other values. An unknown one is a TypeError."""
        return replace(self, **changes)

    def asdict(self) -> dict[str, Any]:
        """Every value by its name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def log_context(self) -> dict[str, Any]:
        """Every value by its name and the `call_string`, for the extras of a log record; the time is an ISO string."""
        scheduled_at = self.scheduled_at.isoformat() if self.scheduled_at is not None else None
        return {**self.asdict(), "scheduled_at": scheduled_at, "call_string": self.call_string}

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


class Deferring(Protocol):
    """What defers jobs: a JobManager."""

    def defer_job(self, job: Job, connection: Any = None) -> Job: ...

    async def defer_job_async(self, job: Job, connection: Any = None) -> Job: ...

    def batch_defer_jobs(self, jobs: Iterable[Job], connection: Any = None) -> list[Job]: ...

    async def batch_defer_jobs_async(self, jobs: Iterable[Job], connection: Any = None) -> list[Job]: ...


@dataclass(frozen=True, slots=True)
class JobDeferrer:
    """A job that lacks nothing but its arguments; each `defer` makes one job of it."""

    job_manager: Deferring
    job: Job
    connection: Any = None

    def make_new_job(self, **task_kwargs: Any) -> Job:
        """The job with these arguments too."""
        return replace(self.job, task_kwargs={**self.job.task_kwargs, **task_kwargs})

    def defer(self, **task_kwargs: Any) -> int:
        """Defer one job and return its id."""
        return _id(self.job_manager.defer_job(self.make_new_job(**task_kwargs), connection=self.connection))

    async def defer_async(self, **task_kwargs: Any) -> int:
        """Defer one job and return its id."""
        job = self.make_new_job(**task_kwargs)
        return _id(await self.job_manager.defer_job_async(job, connection=self.connection))

    def batch_defer(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """Defer a job for each dict of arguments, all or none, and return their ids in order."""
        jobs = [self.make_new_job(**each) for each in task_kwargs]
        return [_id(job) for job in self.job_manager.batch_defer_jobs(jobs, connection=self.connection)]

    async def batch_defer_async(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """Defer a job for each dict of arguments, all or none, and return their ids in order."""
        jobs = [self.make_new_job(**each) for each in task_kwargs]
        return [_id(job) for job in await self.job_manager.batch_defer_jobs_async(jobs, connection=self.connection)]


def _id(job: Job) -> int:
    assert job.id is not None
    return job.id
