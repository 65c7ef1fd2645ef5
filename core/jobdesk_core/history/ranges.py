"""A stretch of the recorded history as it is read: columns of some minutes each, and all of them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from jobdesk_core.history.histogram import EMPTY, Histogram, merged
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.pace import KINDS, PUT_OFF

#: What is counted, in the order of the file's columns. PUT_OFF: what came in for a later time, of the arrivals.
COUNTED = (*KINDS, PUT_OFF)
_PLACES = {kind: place for place, kind in enumerate(COUNTED)}


class Counts(Mapping[EventType, int]):
    """How often each kind of `COUNTED` happened, as a row has it: made faster than a dictionary."""

    __slots__ = ("_first", "_row")

    def __init__(self, row: Sequence[Any], first: int = 0) -> None:
        self._row, self._first = row, first

    def __getitem__(self, kind: EventType) -> int:
        number: int = self._row[self._first + _PLACES[kind]]
        return number

    def __iter__(self) -> Iterator[EventType]:
        return iter(COUNTED)

    def __len__(self) -> int:
        return len(COUNTED)

    def __repr__(self) -> str:
        return repr({kind.value: number for kind, number in self.items() if number})


NOTHING = Counts((0,) * len(COUNTED))


class Column(NamedTuple):
    """What happened within `step` minutes from `minute` (since 1970, UTC) on.

    `recorded`: how many of these minutes are known; 0 means that nothing was recorded, which is not nothing happening.
    `filled`: how many of them were filled in later from the events that were still there: the jobs that had been
    deleted by then are missing, so the numbers are at least so many. `counts` has each kind of `COUNTED`.
    `waited`: how long first runs had waited when they began; `ran`: how long the runs that ended had taken.
    A tuple, because a week has ten thousand.
    """

    minute: int
    recorded: int
    counts: Mapping[EventType, int] = NOTHING
    waited: Histogram = EMPTY
    ran: Histogram = EMPTY
    filled: int = 0


@dataclass(frozen=True)
class Range:
    """The columns from minute `first` to before `end`, `step` minutes each (the last may reach beyond `end`).

    They are what was asked for, but where only hours are kept any more: there first, end and step are whole hours.
    """

    first: int
    end: int
    step: int
    columns: Sequence[Column]

    @cached_property
    def counts(self) -> Mapping[EventType, int]:
        """What happened in all of the range."""
        return {kind: sum(column.counts[kind] for column in self.columns) for kind in COUNTED}

    @cached_property
    def waited(self) -> Histogram:
        """How long the first runs that began in the range had waited."""
        return merged(column.waited for column in self.columns if column.waited)

    @cached_property
    def ran(self) -> Histogram:
        """How long the runs that ended in the range had taken."""
        return merged(column.ran for column in self.columns if column.ran)

    @property
    def recorded(self) -> int:
        """How many minutes of the range are known."""
        return sum(column.recorded for column in self.columns)

    @property
    def filled(self) -> int:
        """How many of these were filled in later: their numbers are at least so many."""
        return sum(column.filled for column in self.columns)


class Name(NamedTuple):
    """A queue or a task of a range, and what happened to it there."""

    name: str
    counts: Mapping[EventType, int]

    @property
    def total(self) -> int:
        """How many ends of runs and cancellations there were."""
        counts = self.counts
        return (
            counts[EventType.SUCCEEDED]
            + counts[EventType.FAILED]
            + counts[EventType.ABORTED]
            + counts[EventType.CANCELLED]
        )
