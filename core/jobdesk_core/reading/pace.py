"""What happened per minute to each queue, or to each task, in the last hour, and how long its jobs waited and ran."""

from __future__ import annotations

import datetime as dt
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from jobdesk_core.jobs import EventType
from jobdesk_core.reading.stamps import Stamps

MINUTES = 60
#: Minutes held per name: some more than are shown, for a server whose clock is ahead of ours.
_HELD = 64
#: Durations kept per name, the latest: with more runs in an hour, its percentiles are of so many.
SAMPLES = 5_000
#: Whole minutes whose pace counts as the pace now: one alone jumps too much.
PACE_MINUTES = 5
#: Starts of these last seconds, so many of them, tell how old the jobs are that are started now.
LATELY_S, LATELY_STARTS = 30.0, 50
#: What brings a job into its queue, and what takes it out. (Deletions leave no event.)
ARRIVALS = (EventType.DEFERRED, EventType.DEFERRED_FOR_RETRY, EventType.RETRIED)
DEPARTURES = (EventType.STARTED, EventType.CANCELLED)
ENDS = (EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED, EventType.DEFERRED_FOR_RETRY)
KINDS = tuple(dict.fromkeys((*ARRIVALS, *DEPARTURES, *ENDS)))
#: Counts, beside these kinds, those ARRIVALS whose job was put off until later.
PUT_OFF = EventType.SCHEDULED

#: A moment in seconds since 1970, and the seconds that had gone by.
Sample = tuple[float, float]
#: Minute since 1970, name, what happened (PUT_OFF too) and when; how long a start had waited, or an end's run took.
Happened = tuple[int, str, EventType, dt.datetime, Sample | None]


class Occurrence(NamedTuple):
    """Something that happened: when (minutes since 1970), to a job of which queue and task, and what.

    `seconds`: how long a first run's start had waited, or an end's run took; None where that is not known.
    """

    minute: int
    queue: str
    task: str
    kind: EventType
    seconds: float | None


class Durations:
    """When runs began or ended and how long that had taken, by name and of all (None), and percentiles of the hour."""

    def __init__(self) -> None:
        #: The moments (seconds since 1970) and the durations in seconds, the oldest first.
        self._held: dict[str | None, tuple[array[float], array[float]]] = {}
        self._sorted: dict[str | None, tuple[int, list[float]]] = {}

    def add(self, name: str, samples: Iterable[Sample]) -> None:
        """Add the newest; the oldest go when there are too many."""
        newest = list(samples)
        for each in (name, None):
            moments, seconds = self._of(each)
            moments.extend(moment for moment, _ in newest)
            seconds.extend(duration for _, duration in newest)
            del moments[:-SAMPLES], seconds[:-SAMPLES]

    def add_older(self, name: str | None, samples: Iterable[Sample]) -> None:
        """Add some that are older than all others, the oldest first, while there is room."""
        moments, seconds = self._of(name)
        room = SAMPLES - len(moments)
        if room > 0:
            older = list(samples)[-room:]
            moments[:0] = array("d", (moment for moment, _ in older))
            seconds[:0] = array("d", (duration for _, duration in older))

    def count(self, name: str | None, now: dt.datetime) -> int:
        """How many durations of the last hour a percentile of them is of."""
        since = 60 * first_minute(now)
        return sum(moment >= since for moment in self._held[name][0]) if name in self._held else 0

    def before(self, name: str | None, part: float, until: dt.datetime) -> float | None:
        """The percentile of those of before a time, as far as they are held; None without any."""
        end = until.timestamp()
        pairs = zip(*self._held[name], strict=True) if name in self._held else ()
        return _percentile(sorted(duration for moment, duration in pairs if moment < end), part)

    def longest_since(self, name: str | None, since: dt.datetime) -> dt.datetime | None:
        """When the first of those had begun that are of after a time, of the latest few (UTC); None without any."""
        moments, seconds = self._held.get(name, ((), ()))
        latest = zip(moments[-LATELY_STARTS:], seconds[-LATELY_STARTS:], strict=True)
        first = since.timestamp()
        begun = [moment - duration for moment, duration in latest if moment >= first]
        return dt.datetime.fromtimestamp(min(begun), dt.UTC) if begun else None

    def copied(self, name: str | None) -> tuple[array[float], array[float]]:
        """A copy of one name's moments and seconds, the oldest first."""
        moments, seconds = self._held.get(name, (array("d"), array("d")))
        return moments[:], seconds[:]

    def percentile(self, name: str | None, part: float, now: dt.datetime) -> float | None:
        """That of one name's (None: of all) durations of the last hour, as percentile_cont has it; None without any."""
        if name not in self._held:
            return None
        since = first_minute(now)
        known = self._sorted.get(name)
        if known is None or known[0] != since:
            pairs = zip(*self._held[name], strict=True)
            known = since, sorted(duration for moment, duration in pairs if moment >= 60 * since)
            self._sorted[name] = known
        return _percentile(known[1], part)

    def _of(self, name: str | None) -> tuple[array[float], array[float]]:
        self._sorted.pop(name, None)
        return self._held.setdefault(name, (array("d"), array("d")))


def _percentile(ordered: list[float], part: float) -> float | None:
    if not ordered:
        return None
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


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
        self._last_start: dict[str | None, dt.datetime] = {}
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

    def add_happened(self, happened: Iterable[Happened]) -> None:
        """Take over what has just happened, in its order. Each name is touched a few times, not once per event."""
        counted: defaultdict[tuple[int, str, EventType], int] = defaultdict(int)
        started: dict[str, dt.datetime] = {}
        waited: defaultdict[str, list[Sample]] = defaultdict(list)
        ran: defaultdict[str, list[Sample]] = defaultdict(list)
        for minute, name, kind, at, sample in happened:
            counted[minute, name, kind] += 1
            is_start = kind is EventType.STARTED
            if is_start and (name not in started or started[name] < at):
                started[name] = at
            if sample is not None:
                (waited if is_start else ran)[name].append(sample)
        for (minute, name, kind), number in counted.items():
            self.count(minute, name, kind, number)
        for name, at in started.items():
            self.add_start(name, at)
        for name, samples in waited.items():
            self.add_waited(name, samples)
        for name, samples in ran.items():
            self.add_ran(name, samples)

    def add_start(self, name: str, at: dt.datetime) -> None:
        """A job was started at this time (UTC), in whatever order one learns of it."""
        for each in (name, None):
            known = self._last_start.get(each)
            if known is None or known < at:
                self._last_start[each] = at
        self.changes.touch(name)

    def add_waited(self, name: str, samples: Iterable[Sample]) -> None:
        """First runs of jobs began after they had waited so long each."""
        self._waited.add(name, samples)
        self.changes.touch(name)

    def add_ran(self, name: str, samples: Iterable[Sample]) -> None:
        """Runs ended after so long each."""
        self._ran.add(name, samples)
        self.changes.touch(name)

    def add_older_waited(self, name: str | None, samples: Iterable[Sample]) -> None:
        """As `add_waited`, of before all others; of all (None) on its own, so that they come in their order."""
        self._waited.add_older(name, samples)
        if name is not None:
            self.changes.touch(name)

    def add_older_ran(self, name: str | None, samples: Iterable[Sample]) -> None:
        """As `add_ran`, of before all others; of all (None) on its own, so that they come in their order."""
        self._ran.add_older(name, samples)
        if name is not None:
            self.changes.touch(name)

    # Asking

    def per_minute(self, kind: EventType, now: dt.datetime, name: str | None = None) -> list[int]:
        """How often a kind of event happened in each minute of the last hour, the running one last."""
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
        """How many jobs waited at the end of each minute of the last hour, reckoned back from those of now."""
        found = [waiting]
        for growth in self._growth(now, name, MINUTES)[:0:-1]:
            found.append(max(0, found[-1] - growth))
        return found[::-1]

    def last_start(self, name: str | None = None) -> dt.datetime | None:
        """When a job of a name (None: any) was started last (UTC); None when that is not within what is known."""
        return self._last_start.get(name)

    def started_oldest(self, name: str | None, now: dt.datetime) -> dt.datetime | None:
        """Since when the longest waiting of the first runs that were started lately had waited; None without any."""
        return self._waited.longest_since(name, now - dt.timedelta(seconds=LATELY_S))

    def came_rate(self, now: dt.datetime, name: str | None = None) -> float:
        """How many jobs per minute came in to be run at once, over the last whole minutes."""
        return self.rate(ARRIVALS, now, name) - self.rate((PUT_OFF,), now, name)

    def left_rate(self, now: dt.datetime, name: str | None = None) -> float:
        """How many jobs per minute were started or cancelled, over the last whole minutes."""
        return self.rate(DEPARTURES, now, name)

    def waited_s(self, name: str | None, now: dt.datetime, part: float = 0.95) -> float | None:
        """The percentile of the waiting times of a name's (None: all) first runs that began within the last hour."""
        return self._waited.percentile(name, part, now)

    def waited_before(self, name: str | None, until: dt.datetime) -> float | None:
        """The 95th percentile of the waiting times of first runs that began before a time, in seconds."""
        return self._waited.before(name, 0.95, until)

    def ran_s(self, name: str | None, now: dt.datetime, part: float = 0.95) -> float | None:
        """The percentile of the running times of the runs that ended within the last hour, in seconds."""
        return self._ran.percentile(name, part, now)

    def runs(self, name: str | None, now: dt.datetime) -> int:
        """How many runs of the last hour `ran_s` is of."""
        return self._ran.count(name, now)

    def names_with(self, kind: EventType) -> list[str]:
        """The names that a kind of event is known of."""
        return [name for name, track in self._tracks.items() if name is not None and kind in track.counts]

    def copied(self, name: str | None) -> tuple[tuple[array[float], array[float]], tuple[array[float], array[float]]]:
        """A copy of when a name's (None: all) runs began and how long they had waited, and of when they ended and how
        long they had taken: moments in seconds since 1970, and seconds.
        """
        return self._waited.copied(name), self._ran.copied(name)

    # Within

    def _growth(self, now: dt.datetime, name: str | None, minutes: int) -> list[int]:
        """By how much the backlog grew in each of the last minutes."""
        came, left = self.last(ARRIVALS, now, name, minutes), self.last(DEPARTURES, now, name, minutes)
        return [more - fewer for more, fewer in zip(came, left, strict=True)]


def first_minute(now: dt.datetime) -> int:
    """The minute with which the last hour begins: sixty of them, the running one included."""
    return minute_of(now) - MINUTES + 1


def minute_of(moment: dt.datetime) -> int:
    """The whole minutes since 1970 of an aware time."""
    return int(moment.timestamp()) // 60
