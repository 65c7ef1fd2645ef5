"""Times that PostgreSQL holds and Python's datetime cannot: infinity, years before Christ, and beyond 9999."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, SupportsIndex

#: Between these a time can be told in every zone.
_FIRST = dt.datetime(1, 1, 2, tzinfo=dt.UTC)
_LAST = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_FOREVER_US = 2**63 - 1
_DAY_US = 86_400_000_000
#: From the first moment that PostgreSQL has, in 4714 BC, to the one behind its last.
_FIRST_US, _END_US = -211_813_488_000_000_000, 9_223_371_331_200_000_000
_WRITTEN = re.compile(
    r"([0-9]{4,6})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?( BC)?"
)


class FarTime(dt.datetime):
    """A time that datetime has no place for: `text` is what PostgreSQL calls it, and every format writes that.

    It compares as the nearest time that there is, so whatever sorts or waits does what is right; whatever is added
    to it leaves it where it is.
    """

    text: str

    def __new__(cls, text: str, *, is_past: bool) -> FarTime:
        """The time that PostgreSQL writes as `text`, in UTC."""
        near = dt.datetime.min if is_past else dt.datetime.max
        made = super().__new__(cls, *near.timetuple()[:6], near.microsecond, dt.UTC)
        made.text = text
        return made

    @property
    def is_infinite(self) -> bool:
        """Whether it never comes, or has always been."""
        return self.text.endswith("infinity")

    def astimezone(self, tz: dt.tzinfo | None = None) -> FarTime:
        """Itself: it is told in UTC wherever one is."""
        return self

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        """As PostgreSQL writes it."""
        return self.text

    def strftime(self, format: str) -> str:
        """As PostgreSQL writes it."""
        return self.text

    def __format__(self, format_spec: str) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"FarTime({self.text!r})"

    def __add__(self, span: dt.timedelta) -> FarTime:
        return self

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self if isinstance(other, dt.timedelta) else dt.datetime(*self.timetuple()[:6], tzinfo=dt.UTC) - other

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, FarTime) else False

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return far_time, (self.text,)


def far_time(text: str) -> FarTime:
    """The far time that PostgreSQL writes so."""
    return FarTime(text, is_past=text.startswith(("-", "0001-")) or text.endswith("BC"))


def of_microseconds(number: int) -> dt.datetime:
    """A time of PostgreSQL's, in microseconds since 2000, in UTC; the ends of the numbers are infinity."""
    if number >= _FOREVER_US:
        return far_time("infinity")
    if number <= -_FOREVER_US - 1:
        return far_time("-infinity")
    try:
        at = _EPOCH + dt.timedelta(microseconds=number)
    except OverflowError:
        return far_time(_written(number))
    return at if _FIRST <= at <= _LAST else far_time(_written(number))


def microseconds(at: dt.datetime) -> int:
    """A time as PostgreSQL counts it, in microseconds since 2000: of an aware or a far one, so that both compare."""
    if not isinstance(at, FarTime):
        return (at - _EPOCH) // dt.timedelta(microseconds=1)
    if at.is_infinite or (read := read_far(at.text)) is None:
        return -_FOREVER_US - 1 if at.text.startswith("-") or not at.is_infinite else _FOREVER_US
    return read[0]


def held(number: int) -> dt.datetime:
    """The nearest time to this number of microseconds that PostgreSQL has: beyond its last, infinity."""
    return of_microseconds(max(number, _FIRST_US) if number < _END_US else _FOREVER_US)


def read_far(text: str) -> tuple[int, int] | None:
    """A date or time of any year, in UTC unless it says otherwise, in microseconds since 2000, and its own length.

    As PostgreSQL writes it in ISO style, `12000-01-01 00:00:00+00` or `0044-03-15 BC`; None for any other text.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(digits or 0) for digits in match.groups()[:6])
    year = 1 - year if match[9] else year
    digits = re.findall("[0-9]{2}", match[8] or "")
    offset_s = sum(int(each) * unit for each, unit in zip(digits, (3600, 60), strict=False))
    try:
        # The calendar is the same every four hundred years.
        whole = dt.datetime(2000 + year % 400, month, day, hour, minute, second) - dt.datetime(2000, 1, 1)
    except ValueError:
        return None
    seconds = whole.days * 86_400 + whole.seconds - (-offset_s if (match[8] or "").startswith("-") else offset_s)
    eras_us = (year - year % 400 - 2000) // 400 * 146_097 * _DAY_US
    fraction = int((match[7] or "0").ljust(6, "0"))
    length_us = 1 if match[7] else 1_000_000 if match[6] else 60_000_000 if match[5] else _DAY_US
    return eras_us + seconds * 1_000_000 + fraction, length_us


def of_text(text: str) -> dt.datetime | None:
    """A time as PostgreSQL writes it in ISO style and UTC, when datetime has no place for it; otherwise None."""
    is_far = text.endswith(("infinity", " BC")) or len(text.partition("-")[0]) > 4
    return far_time(text) if is_far else None


_zone: dt.tzinfo | None = None


def safe_local(at: dt.datetime, zone: dt.tzinfo | None) -> dt.datetime:
    """The time in a zone (None: the local one); where that leads out of the years 1 to 9999, in UTC."""
    try:
        return at.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return at if at.tzinfo is dt.UTC else at.replace(tzinfo=dt.UTC) - (at.utcoffset() or dt.timedelta())


def tell_in(zone: dt.tzinfo | None) -> None:
    """Tell every moment in this zone from now on; None, as at the start: in the local one."""
    global _zone
    _zone = zone


def zone_told() -> dt.tzinfo:
    """The zone in which moments are told."""
    return _zone or dt.datetime.now().astimezone().tzinfo or dt.UTC


def here(at: dt.datetime) -> dt.datetime:
    """The moment in the zone in which moments are told."""
    return safe_local(at, _zone)


def of_wall_clock(shown: dt.datetime) -> dt.datetime | None:
    """The moment in UTC at which local clocks show this naive time; None where they skip it.

    Of the two moments of a time that clocks show twice, the first, or with fold=1 the second.
    """
    found = shown.astimezone(dt.UTC)
    # A time that the clocks skip comes back as another one.
    return found if found.astimezone().replace(tzinfo=None) == shown else None


def _written(number: int) -> str:
    """As PostgreSQL writes it in ISO style and UTC."""
    days, rest = divmod(number, _DAY_US)
    year, month, day = _civil(days + 10_957)  # days from 1970 to 2000
    seconds, fraction = divmod(rest, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    decimals = f".{fraction:06}".rstrip("0") if fraction else ""
    era = " BC" if year <= 0 else ""
    return f"{1 - year if era else year:04}-{month:02}-{day:02} {clock}{decimals}+00{era}"


def _civil(days: int) -> tuple[int, int, int]:
    """Year (0 is 1 BC), month and day of a day counted from 1970, in the proleptic Gregorian calendar."""
    era, of_era = divmod(days + 719_468, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * of_year + 2) // 153
    day = of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    return year_of_era + era * 400 + (month <= 2), month, day
