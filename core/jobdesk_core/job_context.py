"""What a task can know of its own run."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from jobdesk_core import utils
from jobdesk_core.jobs import Job

if TYPE_CHECKING:
    from jobdesk_core.app import App
    from jobdesk_core.tasks import Task


class AbortReason(enum.Enum):
    """Why a run is to stop."""

    USER_REQUEST = "user_request"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """Handed to tasks that ask for it with `pass_context`. `start_timestamp` is in seconds since 1970."""

    app: App
    worker_name: str | None = None
    worker_queues: Iterable[str] | None = None
    job: Job
    start_timestamp: float
    additional_context: dict[str, Any] = field(default_factory=dict)
    abort_reason: Callable[[], AbortReason | None]

    def evolve(self, **update: Any) -> Self:
        """The context with other values. An unknown one is a TypeError."""
        return replace(self, **update)

    @property
    def task(self) -> Task:
        """The task of the job. Raises KeyError when the app has none of its name."""
        return self.app.tasks[self.job.task_name]

    @property
    def queues_display(self) -> str:
        """The worker's queues in words."""
        return utils.queues_display(self.worker_queues)

    def should_abort(self) -> bool:
        """Whether the run is to stop; a synchronous task asks from time to time."""
        return self.abort_reason() is not None
