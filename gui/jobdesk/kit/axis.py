"""Where the scale of a chart ends."""

from __future__ import annotations

#: Steps of every ten that four lines divide evenly.
_EVEN = (4, 8, 12, 20, 40)


def round_up(value: int) -> int:
    """The next number from there on that divides into four even steps; up to 4 the number itself, at least 1."""
    if value <= 4:
        return max(1, value)
    step = 1
    while True:
        for factor in _EVEN:
            if value <= factor * step:
                return factor * step
        step *= 10
