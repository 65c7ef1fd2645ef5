"""The monitor's table: a line per measure and peer, with both figures, their ratio and the aim."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

Contender = Callable[[], Awaitable[float]]
Figures = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Aim:
    """What ours should be: at most so much of the peer's figure, or at most so much by itself."""

    text: str
    is_met: Callable[[float, float], bool]


def within(times: float) -> Aim:
    """At most `times` the peer's figure."""
    return Aim(f"≤ {_ratio(times)}", lambda ours, theirs: ours <= times * theirs)


def below(most: float) -> Aim:
    """Less than `most`, in the line's unit."""
    return Aim(f"< {most:.3g}", lambda ours, theirs: ours < most)


@dataclass(frozen=True, slots=True)
class Line:
    """Ours beside one peer: `ours` and `theirs` of every round. The ratio is ours / theirs; lower is better."""

    measure: str
    unit: str
    ours: Sequence[float]
    peer: str
    theirs: Sequence[float]
    aim: Aim | None = None

    def __str__(self) -> str:
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        ratio = _ratio(ours / theirs) if theirs > 0 else ""
        aim, verdict = "", ""
        if self.aim is not None:
            aim, verdict = self.aim.text, "met" if self.aim.is_met(ours, theirs) else "MISSED"
        figures = f"{_figure(ours)}{_figure(theirs)}"
        return f"{self.measure:<40}{self.unit:<6}{figures}  {self.peer:<30}{ratio:>8}{aim:>9}  {verdict}".rstrip()


HEAD = f"{'':<40}{'':<6}{'ours':>11}{'beside':>11}  {'':<30}{'ratio':>8}{'aim':>9}"


async def take_rounds(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Every contender's figure of each round, in turns that alternate; one round before, for warm caches."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(-1, rounds):
        names = list(contenders) if number % 2 else list(contenders)[::-1]
        for name in names:
            figure = await contenders[name]()
            if number >= 0:
                taken[name].append(figure)
    return taken


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _figure(value: float) -> str:
    return f"{value:>11,.0f}" if value >= 1000 else f"{value:>11.1f}" if value >= 10 else f"{value:>11.2f}"


def _ratio(ratio: float) -> str:
    return f"1/{1 / ratio:,.0f}" if 0 < ratio < 0.2 else f"{ratio:.2f}" if ratio < 100 else f"{ratio:,.0f}"
