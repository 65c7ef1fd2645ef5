"""What was usual at this hour, as far as the history knows it: on this weekday, else on every day, else all day long.

Hours and weekdays are UTC's, so with daylight saving what is usual moves by an hour twice a year, for a week or two.
Nothing is told of what was recorded too rarely. Made in a thread, and then asked without waiting.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Literal

from jobdesk_core.history.histogram import merged
from jobdesk_core.history.history import History
from jobdesk_core.history.ranges import Column
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.pace import ARRIVALS, minute_of

HOUR, DAY, WEEK = 60, 24 * 60, 7 * 24 * 60
#: The hours before that are like this one, the most alike first, and how many of them have to be known.
_ALIKE = (
    ([WEEK * weeks for weeks in range(1, 5)], 2),
    ([DAY * days for days in range(1, 8)], 3),
    ([HOUR * hours for hours in range(1, 25)], 6),
)
#: How many minutes of an hour have to be known, and how many runs its percentile has to be of.
_MOST_OF_AN_HOUR, _FEWEST_RUNS = 45, 20
#: Of more queues or tasks than this nothing is told, but of the busiest.
_MOST_NAMES = 60


@dataclass(frozen=True, slots=True)
class _Hour:
    """What was usual in an hour for a queue or a task; per minute. None: too little is known."""

    failures: float | None
    arrivals: float | None
    run: tuple[float, int] | None
    idle_s: float | None


_UNKNOWN = _Hour(None, None, None, None)


class RecordedUsual:
    """What was usual at the hour that it was made for; of any other hour it knows nothing."""

    def __init__(self) -> None:
        self._hour: int | None = None
        self._queues: dict[str, _Hour] = {}
        self._tasks: dict[str, _Hour] = {}

    def is_of(self, now: dt.datetime) -> bool:
        """Whether it was made for this hour."""
        return self._hour == minute_of(now) // HOUR * HOUR

    def forget(self) -> None:
        """More is known by now: have it made anew."""
        self._hour = None

    def make(self, history: History, now: dt.datetime) -> None:
        """Look it up for this hour. Takes a moment: belongs into a thread."""
        hour = minute_of(now) // HOUR * HOUR
        exact, known = (_alike(history, hour, is_exact=is_exact) for is_exact in (True, False))
        queues = {
            name: _usual(exact, known, partial(_read, history, name, None)) for name in _names(history, "queue", hour)
        }
        tasks = {
            name: _usual(exact, known, partial(_read, history, None, name)) for name in _names(history, "task", hour)
        }
        self._hour, self._queues, self._tasks = hour, queues, tasks

    def idle_s(self, queue: str, now: dt.datetime) -> float | None:
        """The longest time in seconds for which a queue usually starts nothing although jobs are due."""
        return self._of(self._queues, queue, now).idle_s

    def failures(self, task: str, minutes: int, now: dt.datetime) -> float | None:
        """How many runs of a task usually fail within so many minutes."""
        per_minute = self._of(self._tasks, task, now).failures
        return per_minute * minutes if per_minute is not None else None

    def run_s(self, task: str, now: dt.datetime) -> tuple[float, int] | None:
        """The 99th percentile of a task's running times in seconds, and of how many runs."""
        return self._of(self._tasks, task, now).run

    def arrivals(self, queue: str, minutes: int, now: dt.datetime) -> float | None:
        """How many jobs usually come into a queue within so many minutes."""
        per_minute = self._of(self._queues, queue, now).arrivals
        return per_minute * minutes if per_minute is not None else None

    def _of(self, known: dict[str, _Hour], name: str, now: dt.datetime) -> _Hour:
        return known.get(name, _UNKNOWN) if self.is_of(now) else _UNKNOWN


def _names(history: History, of: Literal["queue", "task"], hour: int) -> list[str]:
    return [each.name for each in history.names(hour - 8 * DAY, hour, of=of)[:_MOST_NAMES]]


def _read(history: History, queue: str | None, task: str | None, first: int, step: int) -> Sequence[Column]:
    return history.read(first, first + HOUR, step, queue=queue, task=task).columns


def _alike(history: History, hour: int, *, is_exact: bool) -> list[int]:
    """The hours that are like this one and known well enough; what was filled in is not exact."""
    for before, fewest in _ALIKE:
        hours = [hour - minutes for minutes in before]
        columns = [history.read(first, first + HOUR, HOUR).columns[0] for first in hours]
        enough = [
            first
            for first, column in zip(hours, columns, strict=True)
            if column.recorded - (column.filled if is_exact else 0) >= _MOST_OF_AN_HOUR
        ]
        if len(enough) >= fewest:
            return enough
    return []


def _usual(exact: Sequence[int], known: Sequence[int], read: Callable[[int, int], Sequence[Column]]) -> _Hour:
    counted = [read(first, HOUR)[0] for first in exact]
    failures = [column.counts[EventType.FAILED] / column.recorded for column in counted if column.recorded]
    arrivals = [
        sum(column.counts[kind] for kind in ARRIVALS) / column.recorded for column in counted if column.recorded
    ]
    minutes = [read(first, 1) for first in known]
    ran = merged(column.ran for columns in minutes for column in columns)
    longest = ran.percentile(0.99)
    return _Hour(
        median(failures) if failures else None,
        median(arrivals) if arrivals else None,
        (longest, ran.count) if longest is not None and ran.count >= _FEWEST_RUNS else None,
        _idle_s(minutes),
    )


def _idle_s(hours: Sequence[Sequence[Column]]) -> float | None:
    """The longest time without a start in the middle one of the hours: one in which all stood still is not usual."""
    known = [columns for columns in hours if len(columns) >= HOUR]  # of others only hours are kept
    waits = [merged(column.waited for column in columns) for columns in known]
    if sum(waited.count for waited in waits) < _FEWEST_RUNS:
        return None
    return median(_idle_of(columns, waited.percentile(1.0)) for columns, waited in zip(known, waits, strict=True))


def _idle_of(columns: Sequence[Column], longest_wait_s: float | None) -> float:
    """The longest time without a start in an hour, but no longer than jobs have waited: else none of them was due."""
    most = idle = 0
    for column in columns:
        idle = 0 if not column.recorded or column.counts[EventType.STARTED] else idle + 1
        most = max(most, idle)
    return min(longest_wait_s or 0.0, 60.0 * (most + 1))
