"""The last hour as the feed knows it, for what the recorded history does not: before it is filled in, or without it.

That is what the events told when it was connected to; like what is filled in, it is at least what happened.

Taken in the loop, where the feed counts, for a thread that reads the history and puts both together.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from jobdesk_core.history.histogram import EMPTY, Histogram, merged
from jobdesk_core.history.history import History
from jobdesk_core.history.ranges import COUNTED, Column, Name, Range
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.moment import Moment
from jobdesk_core.reading.name_rows import Board
from jobdesk_core.reading.pace import MINUTES, Pace, minute_of
from jobdesk_core.reading.series import Series

Kind = Literal["queue", "task"]
KINDS: tuple[Kind, ...] = ("queue", "task")
#: The ends of runs that are an outcome. A run that is put off to be tried again is none.
OUTCOMES = (EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED)
#: The busiest names whose hour is taken along.
MOST_NAMES = 60

Samples = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One name's hour: counts by minute, and when runs began or ended with the seconds that this had taken."""

    counts: Mapping[EventType, Sequence[int]]
    waited: Samples
    ran: Samples


@dataclass(frozen=True, slots=True)
class LiveHour:
    """The minutes from `first` to before `end`, of all (None, None) and of the names that were asked for.

    `names`: the busiest of each kind, whether they were asked for or not.
    """

    first: int = 0
    end: int = 0
    lines: Mapping[tuple[Kind | None, str | None], Line] = field(default_factory=dict)
    names: Mapping[Kind, Sequence[str]] = field(default_factory=dict)

    def columns(self, kind: Kind | None, name: str | None) -> Mapping[int, Column]:
        """What happened by minute; nothing in each of them for a name that was not asked for."""
        line = self.lines.get((kind, name))
        if line is None:
            return {minute: Column(minute, 1) for minute in range(self.first, self.end)}
        waited, ran = _by_minute(line.waited), _by_minute(line.ran)
        return {
            minute: Column(
                minute,
                1,
                {counted: values[place] for counted, values in line.counts.items()},
                waited.get(minute, EMPTY),
                ran.get(minute, EMPTY),
            )
            for place, minute in enumerate(range(self.first, self.end))
        }


NO_HOUR = LiveHour()


def live_hour(
    moment: Moment,
    series: Series,
    boards: Mapping[Kind, Board],
    names: Sequence[tuple[Kind, str]],
    each_of: Kind | None = None,
) -> LiveHour:
    """The hour before the minute of this moment, of all, of those named, and of the busiest of a kind."""
    if not series.is_whole:
        return NO_HOUR
    read_at = moment.open.read_at
    end = minute_of(read_at)
    wanted = set(names)
    busiest: dict[Kind, list[str]] = {}
    for kind, board in boards.items():
        rows = heapq.nlargest(MOST_NAMES, board.rows.values(), key=lambda row: row.ended_in_hour)
        busiest[kind] = [row.name for row in rows if row.ended_in_hour]
    if each_of is not None:
        wanted.update((each_of, name) for name in busiest[each_of])
    paces: dict[Kind | None, Pace] = {None: series, "queue": series, "task": series.tasks}
    lines = {}
    for of_kind, name in [(None, None), *wanted]:
        pace = paces[of_kind]
        counts = {counted: pace.last((counted,), read_at, name, MINUTES + 1)[:-1] for counted in COUNTED}
        lines[of_kind, name] = Line(counts, *pace.copied(name))
    return LiveHour(end - MINUTES, end, lines, busiest)


class Known:
    """A history with the live hour in its gaps."""

    def __init__(self, history: History, live: LiveHour) -> None:
        self._history, self._live = history, live
        known = history.known(live.first, live.end) if live.end else set()
        self._missing = [minute for minute in range(live.first, live.end) if minute not in known]

    def read(self, first: int, end: int, step: int, kind: Kind | None = None, name: str | None = None) -> Range:
        """As `History.read`, of a queue, of a task or of all."""
        queue, task = (name if kind == "queue" else None), (name if kind == "task" else None)
        found = self._history.read(first, end, step, queue=queue, task=task)
        missing = [minute for minute in self._missing if found.first <= minute < found.end]
        if not missing:
            return found
        live, columns = self._live.columns(kind, name), list(found.columns)
        by_column = defaultdict(list)
        for minute in missing:
            by_column[(minute - found.first) // found.step].append(live[minute])
        for place, more in by_column.items():
            if place < len(columns):
                columns[place] = _added(columns[place], more)
        return replace(found, columns=columns)

    def names(self, first: int, end: int, of: Kind) -> list[Name]:
        """As `History.names`."""
        found = {each.name: dict(each.counts) for each in self._history.names(first, end, of=of)}
        places = [minute - self._live.first for minute in self._missing if first <= minute < end]
        for (kind, name), line in self._live.lines.items():
            if kind == of and name is not None and places:
                counts = found.setdefault(name, dict.fromkeys(COUNTED, 0))
                for counted, values in line.counts.items():
                    counts[counted] += sum(values[place] for place in places)
        names = [Name(name, counts) for name, counts in found.items() if any(counts.values())]
        names.sort(key=lambda each: (-finished(each.counts), -sum(each.counts.values()), each.name))
        more = self._live.names.get(of, ()) if places else ()
        return names + [Name(name, dict.fromkeys(COUNTED, 0)) for name in more if name not in found]

    @property
    def recorded_since(self) -> int | None:
        """The first minute of which anything is known."""
        since = self._history.recorded_since
        known = [*self._missing[:1], *([since] if since is not None else [])]
        return min(known, default=None)


def finished(counts: Mapping[EventType, int]) -> int:
    """The runs that had an outcome."""
    return sum(counts[kind] for kind in OUTCOMES)


def _added(column: Column, more: Sequence[Column]) -> Column:
    every = [column, *more]
    return column._replace(
        recorded=column.recorded + len(more),
        filled=column.filled + len(more),
        counts={kind: sum(each.counts[kind] for each in every) for kind in COUNTED},
        waited=merged(each.waited for each in every),
        ran=merged(each.ran for each in every),
    )


def _by_minute(samples: Samples) -> dict[int, Histogram]:
    seconds: defaultdict[int, list[float]] = defaultdict(list)
    for moment, taken in zip(*samples, strict=True):
        seconds[int(moment) // 60].append(taken)
    return {minute: Histogram.of(taken) for minute, taken in seconds.items()}
