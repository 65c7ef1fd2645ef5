"""What has been reported, as values. Times are UTC-aware, durations in seconds unless they say otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

Outcome = Literal["failed", "retried", "lost", "aborted"]

#: A worker whose last heartbeat is older than so many seconds is taken for dead.
ALIVE_S = 30.0


@dataclass(frozen=True, slots=True)
class Error:
    """How one run of a job ended badly. `attempt` counts from 1; `worker` is the id of a ReportedWorker."""

    id: int
    job_id: int
    attempt: int
    at: dt.datetime
    app: str
    task: str
    queue: str
    type: str
    message: str
    fingerprint: str
    worker: UUID | None
    outcome: Outcome
    traceback: str | None = None
    #: The worker's host and process id, None where its report is gone.
    host: str | None = None
    pid: int | None = None

    @property
    def name(self) -> str:
        """The type without its module."""
        return self.type.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class ReportedWorker:
    """A process that runs jobs. `worker_id` is its number in Procrastinate's table, where the release keeps one.

    `queues` is None for a worker of all queues. `cpu_share` is in cores, since the heartbeat before.
    """

    id: UUID
    worker_id: int | None
    app: str
    host: str
    pid: int | None
    name: str
    queues: tuple[str, ...] | None
    concurrency: int
    versions: Mapping[str, str]
    started_at: dt.datetime
    beat_at: dt.datetime
    ended_at: dt.datetime | None
    memory_bytes: int | None
    cpu_share: float | None
    running: tuple[int, ...]
    dropped: int

    def is_alive(self, now: dt.datetime) -> bool:
        """Whether it has neither ended nor been silent for long."""
        return self.ended_at is None and (now - self.beat_at).total_seconds() <= ALIVE_S

    def serves(self, queue: str) -> bool:
        """Whether it takes jobs of this queue."""
        return self.queues is None or queue in self.queues


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a task. `kind` is inspect's word for it; `default` and `annotation` are source text or None."""

    name: str
    kind: str
    default: str | None = None
    annotation: str | None = None


@dataclass(frozen=True, slots=True)
class ReportedTask:
    """A task as its application has it. `signature` is None where the application could not tell it."""

    app: str
    name: str
    doc: str
    signature: tuple[Parameter, ...] | None
    queue: str | None
    retry: Any
    aliases: tuple[str, ...]
    reported_at: dt.datetime


@dataclass(frozen=True, slots=True)
class ReportedSchedule:
    """When a periodic task is deferred, by its application. `zone` None: the one that the library takes, UTC."""

    app: str
    task: str
    periodic_id: str
    cron: str
    zone: str | None
    arguments: Mapping[str, Any] | None = field(hash=False)
    queue: str | None
    reported_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come, as the task told last. `total` is None where it did not say of how much."""

    job_id: int
    attempt: int
    done: float
    total: float | None
    note: str
    at: dt.datetime

    @property
    def share(self) -> float | None:
        """From 0 to 1, None where the total is not known."""
        if self.total is None or not self.total > 0:
            return None
        return min(max(self.done / self.total, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines that a run has logged."""

    job_id: int
    attempt: int
    at: dt.datetime
    lines: str
