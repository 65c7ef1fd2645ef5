"""What a task can know of its own run."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
    job: Job
    task: Task
    worker_name: str | None
    worker_queues: tuple[str, ...] | None
    start_timestamp: float
    abort_reason: Callable[[], AbortReason | None]
    additional_context: Mapping[str, Any] = field(default_factory=dict)

    def should_abort(self) -> bool:
        """Whether the run is to stop; a synchronous task asks from time to time."""
        return self.abort_reason() is not None
