"""What a chart shows: columns of so many minutes, counts stacked in layers, and curves of one unit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from jobdesk.kit.theme.tokens import Tone

Unit = Literal["s", "%"]


@dataclass(frozen=True, slots=True)
class Layer:
    """Counts of one kind, one for each column. `hue` is a tone, or the place of one series among many.

    The `is_ground` layer is drawn as a pale ground with an edge; an `is_marked` one is seen however few it counts.
    """

    key: str
    name: str
    values: Sequence[int]
    hue: Tone | int
    shape: str = "square"
    is_ground: bool = False
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """One value for each column, None where there is none, and one of `all` columns together."""

    key: str
    name: str
    values: Sequence[float | None]
    tone: Tone
    all: float | None = None


@dataclass(frozen=True)
class ChartData:
    """Columns of `step` minutes from the minute `first` (since 1970) on.

    `recorded`: how many minutes of each column are known; a column of 0 is shown as not recorded. The layers count
    from the bottom up; they are drawn per minute. The curves have one `unit` and one name ("wait").
    """

    first: int
    step: int
    recorded: Sequence[int]
    layers: Sequence[Layer] = ()
    curves: Sequence[Curve] = ()
    curves_name: str = ""
    unit: Unit = "s"

    def __len__(self) -> int:
        return len(self.recorded)

    @property
    def end(self) -> int:
        """The minute after the last column."""
        return self.first + self.step * len(self.recorded)

    def column_at(self, minute: int) -> int:
        """The column of a minute, or the nearest."""
        return max(0, min(len(self.recorded) - 1, (minute - self.first) // self.step))

    def span(self, column: int) -> tuple[int, int]:
        """The first minute of a column, and the one after its last."""
        first = self.first + column * self.step
        return first, first + self.step

    @cached_property
    def is_empty(self) -> bool:
        """Whether nothing at all has been counted."""
        return not any(any(layer.values) for layer in self.layers)

    def without(self, hidden: Collection[str]) -> ChartData:
        """The same without the layers and curves of these keys."""
        if not hidden:
            return self
        return ChartData(
            self.first,
            self.step,
            self.recorded,
            [each for each in self.layers if each.key not in hidden],
            [each for each in self.curves if each.key not in hidden],
            self.curves_name,
            self.unit,
        )
