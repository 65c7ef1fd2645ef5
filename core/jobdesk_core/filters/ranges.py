"""Ranges in a filter: numbers (`10..20`, `>5`), durations (`>1h`) and times (`2026-11-20`, `-2h..now`)."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from jobdesk_core import moments

INTEGER = (-(2**31), 2**31 - 1)
BIGINT = (-(2**63), 2**63 - 1)

_NUMBER = re.compile(r"(>=|<=|>|<)?(-?[0-9]+)|(-?[0-9]*)\.\.(-?[0-9]*)")
_BOUND = re.compile(r"(>=|<=|>|<)?(.*)", re.DOTALL)
_UNITS_S = {
    **{"ms": 0.001, "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1},
    **{"m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60},
    **{"h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600},
    **{"d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800},
}
#: The units of durations, as a part of a regular expression: the longer names first.
UNITS = "|".join(sorted(_UNITS_S, key=len, reverse=True))
_PART = re.compile(rf"([0-9]+(?:\.[0-9]+)?)({UNITS})", re.IGNORECASE)
_DURATION = re.compile(rf"(?:{_PART.pattern})+", re.IGNORECASE)
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_INFINITE = ("infinity", "+infinity", "-infinity")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
#: How long something took: comparisons with seconds.
Span = tuple[tuple[str, float], ...]
_DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
#: Offsets are held within what a timestamp of the server can be: some 3,000 years back, 8,000 ahead.
_EARLIEST_S, _LATEST_S = -1e11, 2.5e11


def number_range(text: str, limits: tuple[int, int]) -> tuple[int, int] | None:
    """The lowest and the highest number that are meant, within `limits`; None when it is not understood.

    Nothing is meant when the lowest is above the highest.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or match[0] == "..":
        return None
    lowest, highest = limits
    if match[2] is not None:
        number = _number(match[2])
        low = {None: number, ">": number + 1, ">=": number}.get(match[1], lowest)
        high = {None: number, "<": number - 1, "<=": number}.get(match[1], highest)
    else:
        if match[3] == "-" or match[4] == "-":
            return None
        ends = [_number(end) if end else limit for end, limit in zip((match[3], match[4]), limits, strict=True)]
        low, high = (min(ends), max(ends)) if match[3] and match[4] else ends
    low, high = max(low, lowest), min(high, highest)
    # Nothing, in numbers that the column's type still has.
    return (low, high) if low <= high else (highest, lowest)


def _number(digits: str) -> int:
    # int() refuses texts of more than some thousand digits; beyond twenty all are out of range alike.
    return int(digits[:30])


@dataclass(frozen=True, slots=True)
class Moment:
    """A time; or the start of the local day that is `day` days from today; or `offset_s` seconds from now."""

    at: dt.datetime | None
    offset_s: float = 0.0
    day: int | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether it is no distance from now: what is written so has a length of its own."""
        return self.at is not None or self.day is not None

    def resolved(self, now: dt.datetime) -> dt.datetime:
        """The start of the local day that is meant, at this time."""
        midnight = dt.datetime.combine(now.astimezone().date() + dt.timedelta(days=self.day or 0), dt.time())
        return _aware(midnight)

    def sql(self, name: str) -> tuple[str, dict[str, Any]]:
        """The moment as SQL, with its parameter: of a day the moment itself, to be resolved when it is asked for."""
        if self.day is not None:
            return f"%({name})s::timestamptz", {name: self}
        if self.at is not None:
            return f"%({name})s::timestamptz", {name: self.at}
        return f"now() + %({name})s * interval '1 second'", {name: self.offset_s}

    def is_reached(self, at: dt.datetime, now: dt.datetime) -> bool:
        """Whether `at` is this moment or after it, to the microsecond, in the years that datetime lacks, too."""
        if self.day is not None or self.at is not None:
            return moments.microseconds(at) >= moments.microseconds(self.at or self.resolved(now))
        return (moments.microseconds(at) - moments.microseconds(now)) / 1e6 >= self.offset_s


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `low`, included, to `high`, excluded; None is no bound."""

    low: Moment | None
    high: Moment | None

    def sql(self, column: str, name: str) -> tuple[str, dict[str, Any]]:
        """The range as a condition on a column, with its parameters; NULL is in no range."""
        pieces: list[str] = []
        parameters: dict[str, Any] = {}
        for operator, moment, suffix in ((">=", self.low, "a"), ("<", self.high, "b")):
            if moment is not None:
                sql, parameter = moment.sql(name + suffix)
                pieces.append(f"{column} {operator} {sql}")
                parameters |= parameter
        return " AND ".join(pieces) or f"{column} IS NOT NULL", parameters

    def holds(self, at: dt.datetime, now: dt.datetime) -> bool:
        """Whether a time lies in the range."""
        return (self.low is None or self.low.is_reached(at, now)) and not (
            self.high is not None and self.high.is_reached(at, now)
        )


def age_range(text: str) -> TimeRange | None:
    """When that happened which is as old as is meant: `>1h`, `1h..2h`; None when it is not understood."""
    first, dots, last = text.partition("..")
    if dots:
        youngest, oldest = _ago(first), _ago(last)
        if youngest is None or oldest is None:
            return None
        youngest, oldest = sorted((youngest, oldest), key=lambda moment: -moment.offset_s)
        return TimeRange(oldest, youngest)
    match = re.match(r"(>=|<=|>|<)", text)
    bound = _ago(text[match.end() :]) if match else None
    if match is None or bound is None:
        return None
    return TimeRange(None, bound) if match[1].startswith(">") else TimeRange(bound, None)


def _ago(text: str) -> Moment | None:
    match = _DURATION.fullmatch(text)
    return Moment(None, _held(-_seconds(match))) if match else None


def duration(text: str) -> dt.timedelta | None:
    """A duration such as `90s`, `1.5h` or `30d`; None when it is not understood or too long."""
    match = _DURATION.fullmatch(text)
    try:
        return dt.timedelta(seconds=_seconds(match)) if match else None
    except OverflowError:
        return None


def span_range(text: str) -> Span | None:
    """How long is meant: `>5s`, `1m..2m`; None when it is not understood."""
    first, dots, last = text.partition("..")
    if dots:
        ends = [_DURATION.fullmatch(each) for each in (first, last) if each]
        if not ends or None in ends:
            return None
        found = [_held(_seconds(each)) for each in ends if each is not None]
        if len(found) == 2:
            return ((">=", min(found)), ("<=", max(found)))
        return ((">=" if first else "<=", found[0]),)
    match = re.match(r">=|<=|>|<", text)
    bound = _DURATION.fullmatch(text[match.end() :]) if match else None
    return ((match[0], _held(_seconds(bound))),) if match and bound else None


def _seconds(match: re.Match[str]) -> float:
    return sum(float(part[1]) * _UNITS_S[part[2].lower()] for part in _PART.finditer(match[0]))


def _held(seconds: float) -> float:
    return min(max(seconds, _EARLIEST_S), _LATEST_S)


def time_range(text: str) -> TimeRange | None:
    """The times that are meant; None when it is not understood.

    A time is a date, `today`, `yesterday` or `tomorrow` (the whole day), a month (`2026-11`), a date and time
    (`"2026-11-20 12:30"`, the whole minute or second), `now`, `-2h` or `+1d`. Without a zone it is local; of the
    years that datetime lacks (`12000-01-01`, `"0044-03-15 BC"`) it is UTC. `infinity` and `-infinity` are themselves.
    `X..Y` includes both, either may be left out.
    """
    first, dots, last = text.partition("..")
    if dots:
        low, high = _span(first), _span(last)
        if text == ".." or (first and low is None) or (last and high is None):
            return None
        return TimeRange(low[0] if low else None, high[1] if high else None)
    match = _BOUND.fullmatch(text)
    span = _span(match[2]) if match else None
    if match is None or span is None:
        return None
    start, end = span
    if match[1] is None:
        return TimeRange(start, end) if start.is_fixed else None
    return {
        ">": TimeRange(end, None) if end is not None else _NEVER,
        ">=": TimeRange(start, None),
        "<": TimeRange(None, start),
        "<=": TimeRange(None, end),
    }[match[1]]


def _span(text: str) -> tuple[Moment, Moment | None] | None:
    """The first moment of a time, and the one after it (None: there is none)."""
    if text == "now":
        return Moment(None), Moment(None)
    if text.lower() in _INFINITE:
        at = moments.far_time(text.lower().lstrip("+"))
        return Moment(at), None if at.text == "infinity" else Moment(moments.held(moments.microseconds(at)))
    if (day := _DAYS.get(text.lower())) is not None:
        return Moment(None, day=day), Moment(None, day=day + 1)
    if match := _MONTH.fullmatch(text):
        return _month(int(match[1]), int(match[2]))
    if match := _DURATION.fullmatch(text[1:]) if text[:1] in ("+", "-") else None:
        moment = Moment(None, _held(_seconds(match) * (1 if text[0] == "+" else -1)))
        return moment, moment
    match = _DATE.fullmatch(text)
    if match is None:
        return _of_far(text)
    try:
        start = _aware(dt.datetime.fromisoformat(text))
    except ValueError:
        return None
    units = ((match[4], "microseconds"), (match[3], "seconds"), (match[2], "minutes"), (match[1], "days"))
    return Moment(start), _after(start, dt.timedelta(**{next(unit for given, unit in units if given): 1}))


def _of_far(text: str) -> tuple[Moment, Moment] | None:
    read = moments.read_far(text.upper())
    if read is None:
        return None
    start, length = read
    return Moment(moments.held(start)), Moment(moments.held(start + length))


def _after(start: dt.datetime, length: dt.timedelta) -> Moment:
    return Moment(moments.held(moments.microseconds(start) + length // dt.timedelta(microseconds=1)))


def _month(year: int, month: int) -> tuple[Moment, Moment] | None:
    try:
        start = _aware(dt.datetime(year, month, 1))
        if (year, month) == (dt.MAXYEAR, 12):
            return Moment(start), _after(start, dt.timedelta(days=31))
        return Moment(start), Moment(_aware(dt.datetime(year + month // 12, month % 12 + 1, 1)))
    except ValueError:
        return None


def _aware(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is not None:
        return moment
    try:
        # Aware but fixed to today's offset would be wrong for another season: the moment's own counts.
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):
        # In the first or the last year the local time may lie outside what can be told.
        return moment.replace(tzinfo=dt.UTC)


#: No time at all: the end is before the start.
_NEVER = TimeRange(Moment(dt.datetime.max.replace(tzinfo=dt.UTC)), Moment(dt.datetime.min.replace(tzinfo=dt.UTC)))
