"""Where things stand in a chart: the plots, the columns, the ends of the scales and the times that are written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from jobdesk_core import durations
from PySide6.QtCore import QRectF

from jobdesk.kit import clock, formats
from jobdesk.kit.chart.data import ChartData, Unit
from jobdesk.kit.theme import theme

#: Around the plots, in logical pixels at the usual size of text; between the two; the least of the lower one.
LEFT, RIGHT, TOP, BOTTOM, BETWEEN, LEAST_LOWER = 56, 14, 12, 26, 24, 40
#: The share of the height that the curves have.
LOWER_PART = 0.22
#: Minutes between two times that are written.
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 7_200, 14_400)
_DAY = 1_440
#: Ends of a scale in seconds.
_ENDS_S = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800),
    *(3_600, 7_200, 18_000, 36_000, 86_400, 172_800, 432_000, 864_000),
)
_ENDS_PERCENT = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True, slots=True)
class Frame:
    """The plots of a chart of so many columns."""

    upper: QRectF
    lower: QRectF
    columns: int

    def left_of(self, column: float) -> float:
        """Where a column begins."""
        return self.upper.left() + self.upper.width() * column / max(1, self.columns)

    def column_at(self, x: float) -> int:
        """The column at this place, or the nearest."""
        part = (x - self.upper.left()) / max(1.0, self.upper.width())
        return max(0, min(self.columns - 1, int(part * self.columns)))


def frame_of(box: QRectF, data: ChartData) -> Frame:
    """The plots within a box; without curves the upper one has all of the room."""
    grown = theme().grown
    left, width = box.left() + grown(LEFT), box.width() - grown(LEFT) - RIGHT
    whole = box.height() - TOP - grown(BOTTOM)
    lower = max(float(grown(LEAST_LOWER)), whole * LOWER_PART) if data.curves_name else 0.0
    between = grown(BETWEEN) if data.curves_name else 0
    upper = QRectF(left, box.top() + TOP, max(1.0, width), max(1.0, whole - lower - between))
    return Frame(upper, QRectF(left, upper.bottom() + between, upper.width(), lower), len(data))


def scale_end(highest: float, unit: Unit) -> float:
    """The end of the curves' scale: the next even one."""
    ends = _ENDS_S if unit == "s" else _ENDS_PERCENT
    return next((end for end in ends if end >= highest), highest)


def value_text(value: float | None, unit: Unit) -> str:
    """A value of a curve in words."""
    if value is None:
        return formats.DASH
    if unit == "%":
        return f"{percent_text(value)} %"
    return durations.in_words(value)


def percent_text(value: float) -> str:
    """A percentage to a tenth; what is less than that is not nothing, and what is nearly all is not all."""
    if 0 < value < 0.05:
        return "< 0.1"
    return "> 99.9" if 99.95 <= value < 100 else f"{value:.1f}".removesuffix(".0")


def count_text(count: int) -> str:
    """A count beside its scale, where there is room for seven characters."""
    return formats.number(count) if count < 1_000_000 else f"{count / 1_000_000:,.6g} M"


def span_text(first: int, end: int) -> str:
    """A stretch of minutes since 1970: when, and how long it is; the day too, unless it is today."""
    begin, last = (formats.here(dt.datetime.fromtimestamp(60 * each, dt.UTC)) for each in (first, end))
    today = formats.here(clock.now()).date()
    day = "" if begin.date() == today else f"{begin:%a} {begin.day} {begin:%b} "
    if end - first == 1:
        return f"{day}{begin:%H:%M}"
    other = "" if last.date() == begin.date() else f"{last:%a} {last.day} {last:%b} "
    return f"{day}{begin:%H:%M} – {other}{last:%H:%M}"


def ticks(data: ChartData, width: float, room: float) -> list[tuple[int, str]]:
    """The minutes that are written below the chart, with their texts, each with so much room."""
    length = data.end - data.first
    most = max(1.0, width / max(1.0, room))
    every = next((each for each in _TICKS if length / each <= most), max(_TICKS[-1], length))
    found, minute = [], data.first
    while minute <= data.end:
        minute = _next(minute, every)
        if minute > data.end:
            break
        there = _there(minute)
        is_midnight = there.hour == there.minute == 0
        text = f"{there:%a} {there.day} {there:%b}" if is_midnight and length >= _DAY // 2 else f"{there:%H:%M}"
        found.append((minute, text))
        minute += 1
    return found


def _next(minute: int, every: int) -> int:
    """The first minute from there on that is an even one of its day by the clock on the wall."""
    offset = _offset(minute)
    found = -(-(minute + offset) // every) * every - offset
    moved = _offset(found) - offset  # the clock was put forward or back between
    return found - moved if moved and every > moved and found - moved >= minute else found


def _offset(minute: int) -> int:
    return int((_there(minute).utcoffset() or dt.timedelta()).total_seconds()) // 60


def _there(minute: int) -> dt.datetime:
    return formats.here(dt.datetime.fromtimestamp(60 * minute, dt.UTC))
