"""Where numbers are cut into "over", "under" and, of times, "from … to": at round numbers between the failed runs'."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jobdesk_core.durations import in_words

#: The numbers that are times (seconds since 1970), seconds, and bytes; all others are what the arguments hold.
DEFERRED, WAITED, SIZE = "deferred", "waited", "size of arguments"
#: The parts of the failed runs that lie below a cut.
_PARTS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)
_PARTS_OF_TIMES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_TIME_STEPS_S = (86_400, 21_600, 3_600, 1_800, 600, 300, 60, 1)


@dataclass(frozen=True, slots=True)
class Cut:
    """The numbers above `low` and below `high`; one of them may be infinite.

    The cuts lie where the failed runs' numbers do. So that this makes nothing look rarer than it is, one failed run
    less is counted for each of the `ends` when chances are told.
    """

    low: float
    high: float

    @property
    def ends(self) -> int:
        """How many of the two are cuts."""
        return math.isfinite(self.low) + math.isfinite(self.high)


#: From this rank correlation with the time on, numbers only count up, as ids do; of fewer nothing can be said.
_COUNTING_UP, _FEWEST_RANKED = 0.9, 5


def counts_up(numbers: Sequence[float], times: Sequence[float]) -> bool:
    """Whether numbers grow or fall with the time, as ids do: their ranges tell when it was, and nothing else."""
    if len(numbers) < _FEWEST_RANKED:
        return False
    ranks, others = _ranks(numbers), _ranks(times)
    middle = (len(numbers) - 1) / 2
    spread = sum((rank - middle) ** 2 for rank in ranks) * sum((rank - middle) ** 2 for rank in others)
    together = sum((rank - middle) * (other - middle) for rank, other in zip(ranks, others, strict=True))
    return spread > 0 and abs(together) / math.sqrt(spread) >= _COUNTING_UP


def _ranks(numbers: Sequence[float]) -> list[float]:
    """The place of each number in their order; equal ones share the middle of theirs."""
    ordered = sorted(numbers)
    return [(bisect_left(ordered, each) + bisect_right(ordered, each) - 1) / 2 for each in numbers]


class Histogram:
    """How many numbers lie between the ends of some cuts, and on each of them: whatever comes, it stays small."""

    def __init__(self, cuts: Sequence[Cut], numbers: Iterable[float] = ()) -> None:
        ends = {end for cut in cuts for end in (cut.low, cut.high) if math.isfinite(end)}
        self._ends = sorted(ends)
        self._counts = [0] * (2 * len(ends) + 1)
        for number in numbers:
            self.add(number)

    def add(self, number: float) -> None:
        """Count one number."""
        self._counts[self._place(number)] += 1

    def within(self, cut: Cut) -> int:
        """How many lie within one of the cuts."""
        return sum(self._counts[self._place(cut.low) + 1 if math.isfinite(cut.low) else 0 : self._last(cut)])

    def _last(self, cut: Cut) -> int:
        return self._place(cut.high) if math.isfinite(cut.high) else len(self._counts)

    def _place(self, number: float) -> int:
        # Even between two ends, odd on one.
        return bisect_left(self._ends, number) + bisect_right(self._ends, number)


def cuts_of(what: str, failed: Sequence[float]) -> list[Cut]:
    """The cuts to be tried for the numbers of the failed runs, which are in order."""
    distinct = sorted(set(failed))
    if len(distinct) < 2:
        return []
    # How far beyond the outermost numbers a round one may lie.
    room = (distinct[-1] - distinct[0]) / 10
    edges = [distinct[0] - room, *distinct, distinct[-1] + room]
    lows, highs = [], []
    for part in _PARTS_OF_TIMES if what == DEFERRED else _PARTS:
        place = int(part * len(failed))
        number = bisect_left(distinct, failed[place]) + 1
        lows.append(_roundest(what, edges[number - 1], edges[number], is_high=False))
        number = bisect_left(distinct, failed[-1 - place]) + 1
        highs.append(_roundest(what, edges[number], edges[number + 1], is_high=True))
    found = [Cut(low, math.inf) for low in lows] + [Cut(-math.inf, high) for high in highs]
    if what == DEFERRED:
        found += [Cut(low, high) for low in lows for high in highs if low < high]
    return list(dict.fromkeys(found))


def _roundest(what: str, low: float, high: float, *, is_high: bool) -> float:
    """The roundest number between two, of which it may be the low one, or the high one when `is_high`."""
    for step in _TIME_STEPS_S if what == DEFERRED else _steps(max(abs(low), abs(high))):
        number = (math.floor(high / step) if is_high else math.ceil(low / step)) * step
        # 3 * 0.1 is no 0.3.
        number = float(f"{number:.12g}") if what != DEFERRED else float(number)
        if (low < number <= high) if is_high else (low <= number < high):
            return number
    return high if is_high else low


def _steps(largest: float) -> Iterator[float]:
    exponent = math.ceil(math.log10(largest)) if largest > 0 else 0
    for digit in range(16):
        for factor in (1.0, 0.5, 0.2):
            yield factor * 10.0 ** (exponent - digit)


def in_text(what: str, cut: Cut, zone: dt.tzinfo, *, has_days: bool = False) -> str:
    """A cut as it is told; times in this zone, with their days where they are of several."""
    if what == DEFERRED:
        low, high = (_moment(end, zone, has_days) if math.isfinite(end) else "" for end in (cut.low, cut.high))
        return f"{low}–{high}" if low and high else f"after {low}" if low else f"before {high}"
    end = cut.low if math.isfinite(cut.low) else cut.high
    if what == WAITED:
        told = in_words(end)
    elif what == SIZE:
        told = f"{end:,.0f} bytes"
    else:
        told = f"{end:,.12g}"
    return f"over {told}" if math.isfinite(cut.low) else f"under {told}"


def _moment(at: float, zone: dt.tzinfo, has_days: bool) -> str:
    told = dt.datetime.fromtimestamp(at, zone)
    clock = f"{told:%H:%M:%S}" if told.second else f"{told:%H:%M}"
    return f"{told:%Y-%m-%d} {clock}" if has_days else clock


def in_filter(what: str, cut: Cut) -> str:
    """The condition of a filter for a cut; empty where there is none."""
    if what == DEFERRED:
        ends = [
            f'deferred:{sign}"{dt.datetime.fromtimestamp(end, dt.UTC).isoformat(" ", "milliseconds")}"'
            for sign, end in ((">", cut.low), ("<", cut.high))
            if math.isfinite(end)
        ]
        return " ".join(ends)
    sign, end = (">", cut.low) if math.isfinite(cut.low) else ("<", cut.high)
    if what == WAITED:
        return f"waited:{sign}{end:.12g}s"
    return "" if what == SIZE else f"{sign}{end:.12g}"
