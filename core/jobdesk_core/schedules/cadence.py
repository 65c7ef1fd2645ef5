"""When a periodic task is expected: by its cron expression, or by what its past runs have in common.

Times are seconds since 1970.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from statistics import multimode
from threading import get_ident
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobdesk_core import cron, durations
from jobdesk_core.schedules.words import in_words

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
WEEK_S = 7 * DAY_S
#: Fewer runs tell no cadence, and this share of the gaps between them must agree.
FEWEST_RUNS, AGREEING = 3, 0.6
#: So many gaps of one length in a row, the latest ones, tell it alone: what was before was another cron.
SETTLED = 6
#: Times of a day, and days of a month, that are told one by one; each must have been seen so often.
MOST_CLOCKS, OFTEN = 3, 2


@dataclass(frozen=True, slots=True)
class Cadence:
    """The times of a cron expression in a zone or, without one, every `every_s` seconds from `phase_s` on.

    `is_inferred` from past runs: then it is said with "about", and nothing is ever called missed.
    """

    cron: str | None = None
    zone: str | None = None
    every_s: float | None = None
    phase_s: float = 0.0
    is_inferred: bool = False

    def after(self, moment: float) -> float:
        """The first time after a moment; infinite when none comes any more."""
        if self.every_s is not None:
            passed = math.floor((moment - self.phase_s) / self.every_s)
            return self.phase_s + (passed + 1) * self.every_s
        try:
            return _times(self.cron or "", self.zone, get_ident()).after(moment)
        except ValueError:
            return math.inf

    def until(self, moment: float) -> float:
        """The last time at or before a moment; minus infinity when there was none."""
        if self.every_s is not None:
            return self.phase_s + math.floor((moment - self.phase_s) / self.every_s) * self.every_s
        try:
            if not math.isfinite(moment):
                return moment
            # croniter looks strictly before.
            return _times(self.cron or "", self.zone, get_ident()).before(math.floor(moment) + 1)
        except ValueError:
            return -math.inf

    def between(self, after: float, until: float) -> Iterator[float]:
        """The times after one moment, until and with another."""
        at = self.after(after)
        while at <= until:
            yield at
            at = self.after(at)

    def back(self, until: float, since: float) -> Iterator[float]:
        """The times until and with one moment, the latest first, back to another."""
        at = self.until(until)
        while at >= since and math.isfinite(at):
            yield at
            at = self.until(at - 1)

    def is_time(self, moment: float) -> bool:
        """Whether it comes just then."""
        return self.until(moment) == moment

    def period(self, at: float) -> float:
        """The seconds from one of its times to the next."""
        return self.after(at) - at

    def words(self, at: dt.datetime, shown_in: dt.tzinfo) -> str:
        """It in words, with its zone where clocks there show another time than where times are shown just now."""
        if self.every_s is not None:
            return f"about every {durations.in_words(self.every_s)}"
        told = in_words(self.cron or "")
        has_clock = ":" in told or told == self.cron
        there = at.astimezone(zone_of(self.zone)).utcoffset()
        if has_clock and there != at.astimezone(shown_in).utcoffset():
            told += f" {self.zone or 'UTC'}"
        return f"about {told}" if self.is_inferred else told


@lru_cache(maxsize=2_000)
def latest(cadence: Cadence, until: float, count: int) -> tuple[float, ...]:
    """So many of its times until and with one of them, the latest first: worked out once for each."""
    return tuple(islice(cadence.back(until, -math.inf), count))


def told(expression: str, zone: str | None) -> Cadence | None:
    """The cadence that an application has told; None when it names no times, or leaves them to chance."""
    if any(field.startswith("R") for field in expression.split()):
        return None
    try:
        _times(expression, zone, get_ident())
    except ValueError:
        return None
    return Cadence(expression, zone)


def zone_of(name: str | None) -> dt.tzinfo:
    """The zone of this name; UTC without one, and for a name that nobody knows here."""
    if name in (None, "UTC"):
        return dt.UTC
    try:
        return ZoneInfo(name or "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return dt.UTC


@lru_cache(maxsize=2_000)
def _times(expression: str, zone: str | None, thread: int) -> cron.Schedule:
    """Each thread has its own: they are set to a moment when they are asked."""
    found = zone_of(zone)
    return cron.Schedule(expression, None if found is dt.UTC else found)


def inferred(times: Sequence[float]) -> Cadence | None:
    """What the past times of a task have in common, the oldest first; None when they are too few, or agree in nothing.

    A constant period, where single ones may be left out; or a time of the day, on some days of the week or one of the
    month; or a few times of each day, or days of each month. The summer time may differ from the winter time by an
    hour: then the latest holds.
    """
    times = sorted(set(times))
    if len(times) < FEWEST_RUNS:
        return None
    gaps = [late - early for early, late in pairwise(times)]
    alike = next((place for place, gap in enumerate(reversed(gaps)) if gap != gaps[-1]), len(gaps))
    if alike >= SETTLED:
        times, gaps = times[-alike - 1 :], gaps[-alike:]
    if min(gaps) >= DAY_S - HOUR_S:
        found = _of_days(times, gaps)
        if found is not None:
            return found
    if len(set(gaps)) > 1 and (found := _of_clocks(times)) is not None:
        return found
    period = min(multimode(gaps))
    agreeing = sum(_is_multiple(gap, period) for gap in gaps)
    if gaps.count(period) < max(2, AGREEING * len(gaps) / 2) or agreeing < AGREEING * len(gaps):
        return None
    return Cadence(every_s=period, phase_s=times[-1], is_inferred=True)


def _is_multiple(gap: float, period: float) -> bool:
    return round(gap / period) >= 1 and gap % period == 0


def _of_days(times: Sequence[float], gaps: Sequence[float]) -> Cadence | None:
    """A cron expression in UTC that has the times of these days, as far as it is one of a few plain ones."""
    latest = dt.datetime.fromtimestamp(times[-1], dt.UTC)
    clocks = [_clock_off(time, times[-1]) for time in times]
    if sum(off == 0 or (abs(off) == HOUR_S and _is_one_change(clocks)) for off in clocks) < AGREEING * len(clocks):
        return None
    days = [dt.datetime.fromtimestamp(time - off, dt.UTC) for time, off in zip(times, clocks, strict=True)]
    clock = f"{latest.minute} {latest.hour}"
    second = f" {latest.second}" if latest.second else ""
    if min(gaps) >= 27 * DAY_S:
        numbers = {day.day for day in days}
        if len(numbers) == 1 and max(gaps) < 367 * DAY_S:
            months = {day.month for day in days}
            month = str(latest.month) if len(months) == 1 else "*"
            return Cadence(f"{clock} {latest.day} {month} *{second}", is_inferred=True)
        if all((day + dt.timedelta(days=1)).day == 1 for day in days):
            return Cadence(f"{clock} L * *{second}", is_inferred=True)
    weekdays = sorted({day.isoweekday() for day in days})
    if len(weekdays) == 1 and min(gaps) >= 6 * DAY_S:
        return Cadence(f"{clock} * * {weekdays[0] % 7}{second}", is_inferred=True) if _are_weeks(days) else None
    steps = [round((late - early) / dt.timedelta(days=1)) for early, late in pairwise(days)]
    if min(steps) != 1:
        return None
    # Working days are believed after one week, other days after two.
    weeks = sum(steps) // 7
    field = "*"
    if weekdays == [1, 2, 3, 4, 5] and weeks:
        field = "1-5"
    elif len(weekdays) <= 5 and weeks > 1:
        field = ",".join(str(each % 7) for each in weekdays)
    return Cadence(f"{clock} * * {field}{second}", is_inferred=True)


def _of_clocks(times: Sequence[float]) -> Cadence | None:
    """Two or three times of each day, or days of each month, as a cron expression in UTC that has all of them."""
    moments = [dt.datetime.fromtimestamp(time, dt.UTC) for time in times]
    hours, days = Counter(each.hour for each in moments), Counter(each.day for each in moments)
    if len({(each.minute, each.second) for each in moments}) > 1:
        return None
    several, day = (hours, "*") if len(hours) > 1 else (days, ",".join(map(str, sorted(days))))
    if not 1 < len(several) <= MOST_CLOCKS or min(several.values()) < OFTEN:
        return None
    second = f" {moments[0].second}" if moments[0].second else ""
    cron = f"{moments[0].minute} {','.join(map(str, sorted(hours)))} {day} * *{second}"
    found = Cadence(cron, is_inferred=True)
    # Of more, too few would be there.
    expected = set(islice(found.back(times[-1], times[0]), 2 * len(times)))
    return found if expected >= set(times) and len(times) >= AGREEING * len(expected) else None


def _are_weeks(days: Sequence[dt.datetime]) -> bool:
    """Whether most of them are one week apart, and not, say, four."""
    steps = [round((late - early) / dt.timedelta(days=7)) for early, late in pairwise(days)]
    return steps.count(1) >= AGREEING * len(steps)


def _clock_off(time: float, latest: float) -> float:
    """By how many seconds a time of the day is off that of the latest, from -12 to 12 h."""
    off = (time - latest) % DAY_S
    return off - DAY_S if off > DAY_S / 2 else off


def _is_one_change(clocks: Sequence[float]) -> bool:
    """Whether the time of the day has changed at most twice, as clocks do in a year, and not to and fro."""
    return sum(early != late for early, late in pairwise(clocks)) <= 2
