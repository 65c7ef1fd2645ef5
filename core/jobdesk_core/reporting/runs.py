"""The runs that are going on in this process, and what a task can tell of its own: how far it has come, and its log."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

#: Characters of a note, and of what is logged at once, that are written. Four times as many are kept until then: a text
#: is masked before it is cut.
LONGEST_NOTE, LONGEST_LINE = 200, 1_000
#: These say which job with which arguments begins and ends: that stands in the database anyway, the arguments too.
_WORKERS_OWN = ("procrastinate", "jobdesk_core")


@dataclass(slots=True, eq=False)
class CurrentRun:
    """One run of a job. `attempt` counts from 1."""

    #: Takes how far it has come: the run, how much of how much, and a note.
    report: Callable[[CurrentRun, float, float | None, str], object]
    job_id: int
    attempt: int
    task: str
    queue: str
    #: The last lines that were logged, where they are asked for.
    tail: deque[str] | None = None
    is_over: bool = False

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from others."""
        return self.job_id, self.attempt


#: The run that this code belongs to, also in `asyncio.to_thread` and in the threads of synchronous tasks.
current: ContextVar[CurrentRun | None] = ContextVar("jobdesk_reporting_run", default=None)


def progress(done: float, total: float | None = None, note: str = "") -> None:
    """Tell how far the job that calls this has come: `done` of `total` (None: of nobody knows how much), and a note.

    What is told last within half a second is written, so it may be called for each row. The note is one line of
    200 characters at most. Outside of a job, in a thread that the task started by itself, or where nothing is reported,
    it does nothing. It never waits and never raises, not even for numbers that are none: those are ignored.
    """
    run = current.get()
    if run is None or run.is_over:
        return
    try:
        count, of = float(done), None if total is None else float(total)
        if math.isfinite(count) and (of is None or math.isfinite(of)):
            run.report(run, count, of, str(note)[: 4 * LONGEST_NOTE])
    except Exception:  # noqa: BLE001 - a report never costs a job
        return


def keep_log_lines() -> None:
    """Have what a run logs kept for it, from now on, in this process.

    Not by a handler: the first handler of the root logger switches off what Python logs without one.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "keeps_log_lines", False):
        return

    def factory(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = make(*arguments, **options)
        run = current.get()
        if run is not None and run.tail is not None and record.name.partition(".")[0] not in _WORKERS_OWN:
            run.tail.append(_line(record))
        return record

    factory.keeps_log_lines = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(factory)


def _line(record: logging.LogRecord) -> str:
    at = dt.datetime.fromtimestamp(record.created, dt.UTC).strftime("%H:%M:%S.%f")[:-3]
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 - whoever logs with the wrong number of values is told so by the handlers
        text = str(record.msg)
    return f"{at} {record.levelname} {record.name[:LONGEST_NOTE]}: {text[: 4 * LONGEST_LINE]}"
