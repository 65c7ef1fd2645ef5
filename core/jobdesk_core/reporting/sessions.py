"""One worker as it reports: which jobs it runs, and how each ended that did not end well.

What is called here stands in the way of a job, so all of it is quick, waits for nothing and raises nothing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from jobdesk_core.reporting import faults
from jobdesk_core.reporting.faults import Fault
from jobdesk_core.reporting.runs import CurrentRun, current
from jobdesk_core.reporting.texts import Texts

logger = logging.getLogger("jobdesk_core.reporting")

#: Who stands around a task: no call of theirs is shown at the outer end of a traceback.
_AROUND = ("asyncio", "concurrent", "threading", "asgiref", "procrastinate")
_AROUND_OURS = ("jobdesk_core.reporting", "jobdesk_core.runs", "jobdesk_core.middleware", "jobdesk_core.worker")
#: Of so many runs the error is remembered, until it is known whether they are retried.
_MOST_OPEN = 1_000


@dataclass(slots=True, eq=False)
class Failure:
    """How a run ended, on its way to the database. `noticed` is of the monotonic clock."""

    job_id: int
    attempt: int
    task: str
    queue: str
    fault: Fault
    outcome: str
    noticed: float
    worker: uuid.UUID
    tail: tuple[str, ...] = ()
    #: The server's time, once it is known; the same when it is written again.
    at: Any = None

    @property
    def size(self) -> int:
        """About how many bytes it takes up here."""
        frames = sum(len(each.frames) for each in self.fault.chain())
        texts = sum(len(each.text or "x" * 4_000) for each in self.fault.chain())
        return 500 + 100 * frames + texts + sum(len(line) for line in self.tail)


class Writing(Protocol):
    """What a session hands its reports to: a Writer. Nothing of it waits."""

    texts: Texts

    def own(self) -> Writing: ...

    def put(self, failure: Failure) -> None: ...

    def put_progress(self, run: CurrentRun, done: float, total: float | None, note: str) -> None: ...

    def drop(self, why: str, count: int = 1) -> None: ...

    def close(self, session: Session) -> threading.Event: ...


@dataclass(slots=True, eq=False)
class Session:
    """A worker from its start to its end, in one process."""

    writer: Writing
    app: Any
    name: str
    queues: list[str] | None
    concurrency: int
    log_lines: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    #: Procrastinate's number of the worker, where the release keeps workers.
    worker_id: int | None = None
    started: float = field(default_factory=time.monotonic)
    has_ended: bool = False
    running: dict[tuple[int, int], CurrentRun] = field(default_factory=dict)
    #: The failures whose outcome may still change.
    _open: dict[tuple[int, int], Failure] = field(default_factory=dict)

    def begin(self, job: Any) -> CurrentRun | None:
        """A job begins in this task or thread."""
        try:
            tail: deque[str] | None = deque(maxlen=self.log_lines) if self.log_lines else None
            run = CurrentRun(
                self.report_progress, int(job.id), int(job.attempts) + 1, str(job.task_name), str(job.queue), tail
            )
            self.running[run.key] = run
            current.set(run)
            return run
        except Exception:  # noqa: BLE001 - a report never costs a job
            self.writer.drop("The start of a job could not be noted.")
            return None

    def end(self, key: tuple[int, int] | None) -> None:
        """A run is over."""
        run = self.running.pop(key, None) if key is not None else None
        if run is not None:
            run.is_over = True

    def failed(self, run: CurrentRun | None, error: BaseException, *, is_open: bool = True) -> None:
        """A run has raised. Where that `is_open`, what becomes of it is told by `decided`, if at all."""
        if run is None:
            return
        try:
            fault = faults.taken(error, self.writer.texts.ask, skip=_is_around)
            self._add(run, fault, "aborted" if is_abort(error) else "failed", is_open)
        except Exception:  # noqa: BLE001 - a report never costs a job
            self.writer.drop("An error could not be noted.")

    def failed_without(self, run: CurrentRun, kind: str, text: str, outcome: str) -> None:
        """A run has ended badly, and nobody saw an exception of it."""
        try:
            self._add(run, Fault(kind, text, []), outcome, is_open=False)
        except Exception:  # noqa: BLE001 - a report never costs a job
            self.writer.drop("An error could not be noted.")

    def decided(self, key: tuple[int, int], outcome: str | None) -> None:
        """What becomes of a run that has failed: retried, failed or aborted; None: what it was taken for."""
        failure = self._open.pop(key, None)
        if failure is not None and outcome is not None:
            failure.outcome = outcome

    def knows(self, key: tuple[int, int]) -> bool:
        """Whether the run's failure has been noted and may still be decided about."""
        return key in self._open

    def report_progress(self, run: CurrentRun, done: float, total: float | None, note: str) -> None:
        """How far a run has come."""
        self.writer.own().put_progress(run, done, total, note)

    async def close(self, limit_s: float) -> None:
        """The worker has ended: have it written, for which it waits so many seconds at most."""
        self.has_ended = True
        self.running.clear()
        is_written = self.writer.close(self)
        until = time.monotonic() + limit_s
        while not is_written.is_set() and time.monotonic() < until:
            await asyncio.sleep(0.01)

    def _add(self, run: CurrentRun, fault: Fault, outcome: str, is_open: bool) -> None:
        tail = tuple(run.tail or ())
        failure = Failure(run.job_id, run.attempt, run.task, run.queue, fault, outcome, time.monotonic(), self.id, tail)
        if is_open:
            self._open[run.key] = failure
        while len(self._open) > _MOST_OPEN:
            self._open.pop(next(iter(self._open)), None)
        self.writer.put(failure)


def named_queues(queues: Iterable[str] | None) -> list[str] | None:
    """A worker's queues; None, as an empty list of them, is all."""
    found = [str(queue) for queue in queues] if queues is not None and not isinstance(queues, str) else None
    return found or None


def is_abort(error: BaseException) -> bool:
    """Whether a run that raises this has been aborted, by the library's rules."""
    return isinstance(error, asyncio.CancelledError) or any(
        kind.__name__ == "JobAborted" for kind in type(error).__mro__
    )


def _is_around(module: str) -> bool:
    return module.partition(".")[0] in _AROUND or module.startswith(_AROUND_OURS)
