"""Times that PostgreSQL holds and Python's datetime cannot: infinity, years before Christ, and beyond 9999."""

from __future__ import annotations

import datetime as dt
from typing import Any, SupportsIndex

#: Between these a time can be told in every zone.
_FIRST = dt.datetime(1, 1, 2, tzinfo=dt.UTC)
_LAST = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_FOREVER_US = 2**63 - 1
_DAY_US = 86_400_000_000


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
    return FarTime(text, is_past=text.startswith("-") or text.endswith("BC"))


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


def of_text(text: str) -> dt.datetime | None:
    """A time as PostgreSQL writes it in ISO style and UTC, when datetime has no place for it; otherwise None."""
    is_far = text.endswith(("infinity", " BC")) or len(text.partition("-")[0]) > 4
    return far_time(text) if is_far else None


def safe_local(at: dt.datetime, zone: dt.tzinfo | None) -> dt.datetime:
    """The time in a zone (None: the local one); where that leads out of the years 1 to 9999, in UTC."""
    try:
        return at.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return at if at.tzinfo is dt.UTC else at.replace(tzinfo=dt.UTC) - (at.utcoffset() or dt.timedelta())


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
