"""From columns to pixels: where there are more columns than pixels, a few pixels show the highest of their columns.

What is marked keeps the highest count that any of them has, so that one failed run among a week of minutes is seen.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from jobdesk.kit.chart.data import ChartData

#: The least pixels of a bin, and how many there are at most: no eye follows more, and they are painted in one frame.
BIN_PX, MOST_BINS = 2, 400


@dataclass(frozen=True, slots=True)
class Bins:
    """`spans` are the columns of each bin, from and before. `heights` are counts per minute, by layer and bin.

    `is_known` tells of each bin whether anything of it was recorded.
    """

    spans: Sequence[tuple[int, int]]
    is_known: Sequence[bool]
    heights: Sequence[Sequence[float]]
    curves: Sequence[Sequence[float | None]]
    highest: float
    highest_curve: float

    def runs(self, *, of_known: bool) -> list[tuple[int, int]]:
        """The stretches of neighbouring bins that are known, or of those that are not: from and before."""
        found: list[tuple[int, int]] = []
        began: int | None = None
        for place, is_known in enumerate(self.is_known):
            if is_known is of_known and began is None:
                began = place
            elif is_known is not of_known and began is not None:
                found.append((began, place))
                began = None
        if began is not None:
            found.append((began, len(self.is_known)))
        return found


def bins_of(data: ChartData, pixels: int) -> Bins:
    """What so many pixels can show of these columns."""
    number = len(data)
    rates = [_per_minute(layer.values, data) for layer in data.layers]
    totals = _sums(rates, number)
    if number <= pixels:
        spans = [(place, place + 1) for place in range(number)]
        is_known = [minutes > 0 for minutes in data.recorded]
        return _bins(spans, is_known, rates, [curve.values for curve in data.curves], totals)
    width = max(1, min(MOST_BINS, pixels // BIN_PX))
    spans = list(itertools.pairwise(place * number // width for place in range(width + 1)))
    is_known = [any(data.recorded[low:high]) for low, high in spans]
    highest = [max(totals[low:high]) for low, high in spans]
    tops = [totals.index(top, low, high) for top, (low, high) in zip(highest, spans, strict=True)]
    heights = [[each[top] for top in tops] for each in rates]
    for place, layer in enumerate(data.layers):
        if layer.is_marked:
            heights[place] = [max(rates[place][low:high]) for low, high in spans]
    _keep_totals(data, heights, highest)
    curves = [[_highest(curve.values[low:high]) for low, high in spans] for curve in data.curves]
    return _bins(spans, is_known, heights, curves, highest)


def _bins(
    spans: Sequence[tuple[int, int]],
    is_known: Sequence[bool],
    heights: Sequence[Sequence[float]],
    curves: Sequence[Sequence[float | None]],
    totals: Sequence[float],
) -> Bins:
    top_curve = max((top for curve in curves if (top := _highest(curve)) is not None), default=0.0)
    return Bins(spans, is_known, heights, curves, max(totals, default=0.0), top_curve)


def _per_minute(values: Sequence[int], data: ChartData) -> Sequence[float]:
    if data.step == 1:
        return values  # nothing has been counted where nothing was recorded
    return [value / minutes if minutes else 0.0 for value, minutes in zip(values, data.recorded, strict=True)]


def _sums(rates: Sequence[Sequence[float]], number: int) -> list[float]:
    found: list[float] = [0.0] * number
    for each in rates:
        found = list(map(operator.add, found, each))
    return found


def _keep_totals(data: ChartData, heights: list[list[float]], totals: Sequence[float]) -> None:
    """Take from the ground what the marked layers have more than in the highest column: the whole stays as high."""
    ground = next((place for place, layer in enumerate(data.layers) if layer.is_ground), None)
    if ground is None:
        return
    others = [each for place, each in enumerate(heights) if place != ground]
    heights[ground] = [max(0.0, total - sum(each[place] for each in others)) for place, total in enumerate(totals)]


def _highest(values: Sequence[float | None]) -> float | None:
    if None not in values:
        return max(cast("Sequence[float]", values))
    return max((value for value in values if value is not None), default=None)
