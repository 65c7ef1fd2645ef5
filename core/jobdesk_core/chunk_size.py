"""How much is read or done at once: so much that it takes about as long as it should, which is learnt as it goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ChunkSize:
    """`size` is that of the next chunk, between `least` and `most`; each should take about `aim_s` seconds.

    It halves after one that took longer, and doubles after one that took less than the share `short` of that.
    """

    size: int
    least: int
    most: int
    aim_s: float
    short: float = 0.5

    @property
    def is_least(self) -> bool:
        """Whether no chunk is smaller."""
        return self.size <= self.least

    def note(self, seconds: float, *, may_grow: bool = True) -> None:
        """The chunk took so long; unless it `may_grow`, a larger one would hold no more."""
        if seconds > self.aim_s:
            self.shrink(2)
        elif seconds < self.aim_s * self.short and may_grow:
            self.grow(2)

    def shrink(self, by: float) -> None:
        """Make the next one so many times smaller."""
        self.size = max(self.least, int(self.size / by))

    def grow(self, by: float) -> None:
        """Make the next one so many times larger; never smaller."""
        self.size = min(self.most, int(self.size * max(1.0, by)))
