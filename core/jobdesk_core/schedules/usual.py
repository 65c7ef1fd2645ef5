"""When a task whose cadence is only inferred is usually run: by hour, weekday and day of the month. Times as seconds.

A cron expression names minutes, hours and days each by itself: what was seen of each names, together, times that are
surely its own. Of any other time nothing is known, and nobody is late.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise

from jobdesk_core.schedules.cadence import AGREEING, DAY_S, HOUR_S, MINUTE_S, WEEK_S, Cadence, zone_of

#: A cron may be of the clocks of any zone: once clocks were changed, a time must be its own by these clocks, too. All
#: are whole hours off.
ZONES = (None, "Europe/Berlin", "America/New_York", "Australia/Sydney")
_WEEKEND = {5, 6}
#: One that was run at weekends and on so many days of the week runs on all.
_MOST_OF_WEEK = 5
#: What was not seen for so many seconds, and for twice as long as ever before, is late whatever the day.
LONG_S = 35 * DAY_S


def add(hours: dict[int, int], at: float) -> None:
    """Note a run: of each hour since 1970 its minutes, one bit each."""
    hour, second = divmod(int(at), HOUR_S)
    hours[hour] = hours.get(hour, 0) | 1 << second // MINUTE_S


class Usual:
    """What the past runs of a task have in common. `hours` of many runs, `times` the latest, the oldest first."""

    def __init__(self, hours: Mapping[int, int], times: Iterable[float]) -> None:
        self._hours = hours
        self._times = sorted(set(times))

    @cached_property
    def _clocks(self) -> list[_Clock]:
        if not self._times:
            return []
        # One that was deferred for a time to come tells nothing.
        known = {hour: mask for hour, mask in self._hours.items() if hour <= self._times[-1] // HOUR_S}
        for at in self._times:
            add(known, at)
        return [_Clock(known, zone) for zone in ZONES]

    def is_usual(self, at: float) -> bool:
        """Whether it was surely to run then."""
        return bool(self._clocks) and not any(clock.quiet(at) for clock in self._clocks)

    def within(self, cadence: Cadence, after: float, until: float) -> Iterator[float]:
        """The times of a cadence after one moment, until and with another, at which it was surely to run."""
        at = cadence.after(after)
        while at <= until and self._clocks:
            quiet = max(clock.quiet(at) for clock in self._clocks)
            if not quiet and not self._is_slower(at):
                yield at
            at = cadence.after(at + max(0.0, quiet - 1))

    def first(self, cadence: Cadence, after: float, until: float) -> float | None:
        """The first of them."""
        end = min(until, after + 2 * WEEK_S) if cadence.every_s is not None else until
        found = next(self.within(cadence, after, end), None)
        longest = max((late - early for early, late in pairwise(self._times)), default=0.0)
        if found is None and until - after > max(LONG_S, 2 * longest):
            return cadence.after(after)
        return found

    def _is_slower(self, at: float) -> bool:
        """Whether its last two runs of the day were further apart than the last one and this: the cron was changed."""
        place = bisect_left(self._times, at)
        if place < 2:
            return False
        early, late = self._times[place - 2 : place]
        return early // DAY_S == at // DAY_S and at - late < late - early


class _Clock:
    """The runs by the clocks of one zone."""

    def __init__(self, masks: Mapping[int, int], zone: str | None) -> None:
        self._zone = zone_of(zone)
        self._is_utc = zone is None
        self._offset = self._there(min(masks) * HOUR_S).utcoffset()
        self._days: dict[dt.date, dict[int, int]] = {}
        for hour in sorted(masks):
            at = self._there(hour * HOUR_S)
            of_day = self._days.setdefault(at.date(), {})
            of_day[at.hour] = of_day.get(at.hour, 0) | masks[hour]
        self._hours: dict[int, int] = {}
        for of_day in self._days.values():
            for number, mask in of_day.items():
                self._hours[number] = self._hours.get(number, 0) | mask
        first, last = min(masks), max(masks)
        lowest, highest = (masks[first] & -masks[first]).bit_length(), masks[last].bit_length()
        # What has run for less than an hour has not had the chance to leave minutes out.
        self._minutes = (1 << 60) - 1 if (last - first) * 60 + highest - lowest < 60 else 0
        for mask in self._hours.values():
            self._minutes |= mask
        self._dates = sorted(self._days)
        self._weekdays = {date.weekday() for date in self._dates}
        self._is_dense = self._runs_on_most()
        self._numbers = {date.day for date in self._dates}
        self._is_last = all(_is_last_day(date) for date in self._dates)
        self._longest = max((late - early for early, late in pairwise(self._dates)), default=dt.timedelta())

    def quiet(self, at: float) -> float:
        """0 where it was to run then; otherwise for how many seconds it surely is not known to."""
        there = self._there(at)
        if not self._is_utc and there.utcoffset() == self._offset:
            return 0.0
        date = there.date()
        if date not in self._days and not self._is_day(date):
            return DAY_S - (there.hour * HOUR_S + there.minute * MINUTE_S + there.second) or 1.0
        past = there.minute * MINUTE_S + there.second
        if there.hour not in self._hours:
            return HOUR_S - past
        bit = 1 << there.minute
        if not self._minutes & bit or self._is_contradicted(date, there.hour, bit):
            return 1.0
        return 0.0

    def _there(self, at: float) -> dt.datetime:
        return dt.datetime.fromtimestamp(at, self._zone)

    def _is_contradicted(self, date: dt.date, hour: int, bit: int) -> bool:
        """Whether on the last day of its runs before this it was not run at this time, as far as that day is known."""
        place = bisect_left(self._dates, date)
        if not place:
            return False
        before = self._days[self._dates[place - 1]]
        if place == 1 and hour <= min(before):
            return False
        return not before.get(hour, 0) & bit

    def _is_day(self, date: dt.date) -> bool:
        """Whether it is to run on a day on which it has not yet."""
        if not self._is_dense:
            return _is_last_day(date) if self._is_last else date.day in self._numbers
        is_whole_week = self._weekdays >= _WEEKEND and len(self._weekdays) >= _MOST_OF_WEEK
        if date.weekday() not in self._weekdays and not is_whole_week:
            return False
        place = bisect_left(self._dates, date)
        return bool(place) and date - self._dates[place - 1] <= self._longest

    def _runs_on_most(self) -> bool:
        """Whether it was run on most of the days that are of its weekdays."""
        first, last = self._dates[0], self._dates[-1]
        days = (first + dt.timedelta(days=number) for number in range((last - first).days + 1))
        return len(self._dates) >= AGREEING * sum(day.weekday() in self._weekdays for day in days)


def _is_last_day(date: dt.date) -> bool:
    return (date + dt.timedelta(days=1)).day == 1
