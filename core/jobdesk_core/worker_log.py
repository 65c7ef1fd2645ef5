"""What a worker logs: records with the extras that people's logging reads, by the names that Procrastinate gave them.

`action` says what happened, `worker` who (name, worker_id, job_id, queues), `job` is the job's `log_context()`; with a
run come `start_timestamp`, `duration` and, at its end, `end_timestamp` and `result`. Times are in seconds since 1970.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from jobdesk_core.jobs import Job, Status

if TYPE_CHECKING:
    from jobdesk_core.retry import RetryDecision

#: How jobs ended is told by this logger; all else by one of the worker's name below it.
outcomes = logging.getLogger("jobdesk_core.worker")

_WORDS = {Status.SUCCEEDED: "Success", Status.FAILED: "Error", Status.ABORTED: "Aborted"}
_ACTIONS = {Status.SUCCEEDED: "job_success", Status.FAILED: "job_error", Status.ABORTED: "job_aborted"}
#: A result may be of any length; a line of a log is not.
_LONGEST_RESULT = 250


class Logging(Protocol):
    """What is told of a worker."""

    worker_name: str | None
    logger: logging.Logger

    @property
    def worker_id(self) -> int | None: ...

    @property
    def queues(self) -> Iterable[str] | None: ...


class Logged(Protocol):
    """What is told of a run."""

    job: Job
    started_at: float
    result: Any

    @property
    def seconds(self) -> float: ...

    def times(self) -> dict[str, Any]: ...


class WorkerLog:
    """Logs for one worker. A record that nobody wants costs next to nothing."""

    def __init__(self, worker: Logging) -> None:
        self._worker = worker

    def tell(
        self,
        level: int,
        action: str,
        text: str,
        *values: Any,
        run: Logged | None = None,
        logger: logging.Logger | None = None,
        error: BaseException | None = None,
        **extra: Any,
    ) -> None:
        """Log `text` about the worker, or about a run of it."""
        logger = logger or self._worker.logger
        if not logger.isEnabledFor(level):
            return
        worker = self._worker
        told: dict[str, Any] = {
            "action": action,
            "worker": {
                "name": worker.worker_name,
                "worker_id": worker.worker_id,
                "job_id": run.job.id if run is not None else None,
                "queues": list(worker.queues or ()),
            },
        }
        if run is not None:
            told["job"] = run.job.log_context()
            told |= run.times()
        logger.log(level, text, *values, extra=told | extra, exc_info=error, stacklevel=2)

    def ended(self, run: Logged, status: Status, error: BaseException | None, retry: RetryDecision | None) -> None:
        """Log how a run ended: as an error only when its job has failed for good."""
        level = logging.ERROR if status is Status.FAILED and retry is None else logging.INFO
        if not outcomes.isEnabledFor(level):
            return
        words, action = _WORDS[status], _ACTIONS[status]
        if retry is not None:
            words, action = f"{words}, to retry", f"{action}_retry"
        text, values = "Job %s ended with status: %s, lasted %.3f s", [run.job.call_string, words, run.seconds]
        if run.result is not None:
            text, values = f"{text} - Result: %s", [*values, _cut(run.result)]
        self.tell(level, action, text, *values, run=run, logger=outcomes, error=error)

    def waits_for(self, runs: Sequence[Logged]) -> None:
        """Log each job that a stopped worker waits for."""
        for run in runs:
            ago_s = time.time() - run.started_at
            values = self._worker.worker_name, run.job.call_string, ago_s
            self.tell(logging.INFO, "ending_job", "Waiting for job to finish: %s: %s (started %.3f s ago)", *values)


def _cut(result: Any) -> str:
    text = str(result)
    return text if len(text) <= _LONGEST_RESULT else f"{text[:_LONGEST_RESULT]}…"
