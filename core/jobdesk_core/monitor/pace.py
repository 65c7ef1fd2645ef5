"""What happened per minute to each queue, or to each task, in the last hour, and how long its jobs waited and ran."""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import Collection, Iterable

from jobdesk_core.jobs import EventType
from jobdesk_core.monitor.stamps import Stamps

MINUTES = 60
#: Minutes held per name: some more than are shown, for a server whose clock is ahead of ours.
_HELD = 64
#: Durations kept per name for its percentiles.
SAMPLES = 500
#: Whole minutes whose pace counts as the pace now: one alone jumps too much.
PACE_MINUTES = 5
#: What brings a job into its queue, and what takes it out. (Deletions leave no event.)
ARRIVALS = (EventType.DEFERRED, EventType.DEFERRED_FOR_RETRY, EventType.RETRIED)
DEPARTURES = (EventType.STARTED, EventType.CANCELLED)
ENDS = (EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED, EventType.DEFERRED_FOR_RETRY)
KINDS = tuple(dict.fromkeys((*ARRIVALS, *DEPARTURES, *ENDS)))


class Durations:
    """The latest durations of each name, and of all (None), in seconds, and their percentiles."""

    def __init__(self) -> None:
        self._held: dict[str | None, array[float]] = {}
        self._sorted: dict[str | None, list[float]] = {}

    def add(self, name: str, seconds: Iterable[float]) -> None:
        """Add the newest; the oldest go when there are too many."""
        newest = array("d", seconds)
        for each in (name, None):
            held = self._held.get(each)
            if held is None:
                held = self._held[each] = array("d")
            held.extend(newest)
            del held[:-SAMPLES]
            self._sorted.pop(each, None)

    def add_older(self, name: str, seconds: float) -> None:
        """Add one that is older than all others, while there is room."""
        for each in (name, None):
            held = self._held.setdefault(each, array("d"))
            if len(held) < SAMPLES:
                held.insert(0, seconds)
                self._sorted.pop(each, None)

    def percentile(self, name: str | None, part: float) -> float | None:
        """That of one name, or of the latest of all (None); None when there are no durations."""
        if name not in self._held:
            return None
        ordered = self._sorted.get(name)
        if ordered is None:
            ordered = self._sorted[name] = sorted(self._held[name])
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


class _Track:
    """The counts of one name: a ring of minutes for each kind that it has seen. Some kilobytes at most."""

    __slots__ = ("counts", "stamps")

    def __init__(self) -> None:
        self.stamps = array("q", [-1]) * _HELD
        self.counts: dict[EventType, array[int]] = {}

    def count(self, minute: int, kind: EventType, number: int) -> None:
        slot = minute % _HELD
        if minute < self.stamps[slot]:
            return  # too old to be shown
        if minute > self.stamps[slot]:
            self.stamps[slot] = minute
            for held in self.counts.values():
                held[slot] = 0
        if kind not in self.counts:
            self.counts[kind] = array("q", [0]) * _HELD
        self.counts[kind][slot] += number

    def between(self, kinds: Collection[EventType], first: int, end: int) -> list[int]:
        """How many of these kinds together, in each minute from `first` to before `end`."""
        held = [self.counts[kind] for kind in kinds if kind in self.counts]
        if not held:
            return [0] * (end - first)
        stamps = self.stamps
        if len(held) == 1:
            only = held[0]
            return [only[m % _HELD] if stamps[m % _HELD] == m else 0 for m in range(first, end)]
        return [sum(each[m % _HELD] for each in held) if stamps[m % _HELD] == m else 0 for m in range(first, end)]


_NOTHING = _Track()


class Pace:
    """Counts of events by minute, name and kind, and durations. Names are queues or tasks; None stands for all."""

    def __init__(self) -> None:
        self._tracks: dict[str | None, _Track] = {}
        self._waited = Durations()
        self._ran = Durations()
        self.changes = Stamps()

    # Keeping

    def count(self, minute: int, name: str, kind: EventType, number: int = 1) -> None:
        """Count events of one kind in a minute since 1970."""
        for each in (name, None):
            track = self._tracks.get(each)
            if track is None:
                track = self._tracks[each] = _Track()
            track.count(minute, kind, number)
        self.changes.touch(name)

    def add_waited(self, name: str, seconds: Iterable[float]) -> None:
        """First runs of jobs began after they had waited so long each."""
        self._waited.add(name, seconds)
        self.changes.touch(name)

    def add_ran(self, name: str, seconds: Iterable[float]) -> None:
        """Runs ended after so long each."""
        self._ran.add(name, seconds)
        self.changes.touch(name)

    def add_older_waited(self, name: str, seconds: float) -> None:
        """As `add_waited`, of before all others."""
        self._waited.add_older(name, seconds)
        self.changes.touch(name)

    def add_older_ran(self, name: str, seconds: float) -> None:
        """As `add_ran`, of before all others."""
        self._ran.add_older(name, seconds)
        self.changes.touch(name)

    # Asking

    def minutes(self, now: dt.datetime) -> list[int]:
        """The minutes of the last hour, oldest first, the running one last; minutes since 1970."""
        last = minute_of(now)
        return list(range(last - MINUTES + 1, last + 1))

    def per_minute(self, kind: EventType, now: dt.datetime, name: str | None = None) -> list[int]:
        """How often a kind of event happened in each of `minutes(now)`."""
        return self.last((kind,), now, name)

    def last(
        self, kinds: Collection[EventType], now: dt.datetime, name: str | None = None, minutes: int = MINUTES
    ) -> list[int]:
        """How often these kinds happened in each of the last minutes, the running one last."""
        end = minute_of(now) + 1
        return self._tracks.get(name, _NOTHING).between(kinds, end - minutes, end)

    def total(self, kind: EventType, now: dt.datetime, name: str | None = None) -> int:
        """How often it happened in the last hour."""
        return sum(self.per_minute(kind, now, name))

    def rate(self, kinds: Collection[EventType], now: dt.datetime, name: str | None = None) -> float:
        """How often these kinds happened per minute, over the last whole minutes."""
        return sum(self.last(kinds, now, name, PACE_MINUTES + 1)[:-1]) / PACE_MINUTES

    def backlog(self, waiting: int, now: dt.datetime, name: str | None = None) -> list[int]:
        """How many jobs waited at the end of each of `minutes(now)`, reckoned back from `waiting`, those of now."""
        found = [waiting]
        for growth in self._growth(now, name, MINUTES)[:0:-1]:
            found.append(max(0, found[-1] - growth))
        return found[::-1]

    def drain_s(self, waiting: int, now: dt.datetime, name: str | None = None) -> float | None:
        """In how many seconds a backlog will be gone at the pace of the last whole minutes.

        None when it does not shrink: nothing leaves, or as much arrives.
        """
        if not waiting:
            return 0.0
        shrinking = -sum(self._growth(now, name, PACE_MINUTES + 1)[:-1]) / (60 * PACE_MINUTES)
        return waiting / shrinking if shrinking > 0 else None

    def waited_s(self, name: str | None, part: float = 0.95) -> float | None:
        """The percentile of the waiting times of a name's (None: all) first runs seen lately, in seconds."""
        return self._waited.percentile(name, part)

    def ran_s(self, name: str | None, part: float = 0.95) -> float | None:
        """The percentile of the running times seen lately, in seconds."""
        return self._ran.percentile(name, part)

    # Within

    def _growth(self, now: dt.datetime, name: str | None, minutes: int) -> list[int]:
        """By how much the backlog grew in each of the last minutes."""
        came, left = self.last(ARRIVALS, now, name, minutes), self.last(DEPARTURES, now, name, minutes)
        return [more - fewer for more, fewer in zip(came, left, strict=True)]


def minute_of(moment: dt.datetime) -> int:
    """The whole minutes since 1970 of an aware time."""
    return int(moment.timestamp()) // 60
