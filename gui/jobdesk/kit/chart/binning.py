"""From columns to pixels: where there are more columns than pixels, each two pixels show the highest of their columns.

What is marked keeps the highest count that any of them has, so that one failed run among a week of minutes is seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from jobdesk.kit.chart.data import ChartData

#: The pixels of a bin.
BIN_PX = 2


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
    width = number if number <= pixels else max(1, pixels // BIN_PX)
    rates = [_per_minute(layer.values, data.recorded) for layer in data.layers]
    totals = [sum(column) for column in zip(*rates, strict=True)] if rates else [0.0] * number
    highest = max(totals, default=0.0)
    known = [value for curve in data.curves for value in curve.values if value is not None]
    top_curve = max(known, default=0.0)
    if width == number:
        spans = [(place, place + 1) for place in range(number)]
        is_known = [minutes > 0 for minutes in data.recorded]
        return Bins(spans, is_known, rates, [curve.values for curve in data.curves], highest, top_curve)
    bounds = [place * number // width for place in range(width + 1)]
    spans = list(itertools.pairwise(bounds))
    is_known = [any(data.recorded[low:high]) for low, high in spans]
    tops = [max(range(low, high), key=totals.__getitem__) for low, high in spans]
    heights = [[each[top] for top in tops] for each in rates]
    for place, layer in enumerate(data.layers):
        if layer.is_marked:
            heights[place] = [max(rates[place][low:high]) for low, high in spans]
    _keep_totals(data, heights, [totals[top] for top in tops])
    curves = [[_highest(curve.values[low:high]) for low, high in spans] for curve in data.curves]
    return Bins(spans, is_known, heights, curves, highest, top_curve)


def _per_minute(values: Sequence[int], recorded: Sequence[int]) -> list[float]:
    return [value / minutes if minutes else 0.0 for value, minutes in zip(values, recorded, strict=True)]


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
