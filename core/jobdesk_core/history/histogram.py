"""How durations are spread, in buckets that are the same everywhere: histograms of any times and places can be added.

A bucket is 9 % wide, so a percentile is at most ERROR (4.5 %) off the exact one; below a millisecond, by a millisecond.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

#: Buckets within which a duration doubles, and the seconds from which on they are told apart.
PER_DOUBLING, SHORTEST_S = 8, 0.001
#: The number of the last bucket: of all that took 41 days and longer.
LAST = 255
#: By what share a percentile may be off.
ERROR = 2 ** (0.5 / PER_DOUBLING) - 1
_FACTOR = PER_DOUBLING / math.log(2)
#: The duration in seconds that stands for each bucket: the middle of it, on the same scale.
_MIDDLES = (0.0, *(SHORTEST_S * 2 ** ((bucket - 0.5) / PER_DOUBLING) for bucket in range(1, LAST + 1)))


def bucket_of(seconds: float) -> int:
    """The number of the bucket that a duration belongs to, from 0 to LAST. Infinity and not-a-number are the last."""
    if seconds < SHORTEST_S:
        return 0
    scaled = math.log(seconds / SHORTEST_S) * _FACTOR
    return min(LAST, int(scaled) + 1) if scaled < LAST else LAST


def bucket_sql(seconds: str) -> str:
    """The same of an SQL expression of type double precision; NULL of NULL."""
    scaled = f"floor(ln({seconds} / {SHORTEST_S}::float8) * {_FACTOR!r}::float8) + 1"
    # Of NULL and a number least() is the number.
    counted = f"WHEN {seconds} >= {SHORTEST_S} THEN least({LAST}, {scaled})::integer"
    return f"CASE WHEN {seconds} < {SHORTEST_S} THEN 0 {counted} END"


#: A bucket and its number, as they are packed.
_PAIR = re.compile(rb"[\x00-\xff][\x80-\xff]*[\x00-\x7f]")


class Histogram:
    """How many durations fell into each bucket. Never changes; is added up when it is first asked."""

    __slots__ = ("_counts", "_packed")

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self._counts: Mapping[int, int] | None = counts if counts is not None else {}
        self._packed: Sequence[bytes] = ()

    @classmethod
    def of(cls, durations: Iterable[float]) -> Histogram:
        """That of some durations in seconds."""
        counts: dict[int, int] = {}
        for seconds in durations:
            bucket = bucket_of(seconds)
            counts[bucket] = counts.get(bucket, 0) + 1
        return cls(counts)

    @classmethod
    def from_bytes(cls, *packed: bytes) -> Histogram:
        """What `to_bytes` has packed, of several all together."""
        made = cls.__new__(cls)
        made._counts, made._packed = None, packed
        return made

    def to_bytes(self) -> bytes:
        """Of each bucket that holds any: its number as one byte, then their number, seven bits a byte, low first."""
        packed = bytearray()
        for bucket, number in sorted(self.counts.items()):
            packed.append(bucket)
            while number > 0x7F:
                packed.append(number & 0x7F | 0x80)
                number >>= 7
            packed.append(number)
        return bytes(packed)

    @property
    def counts(self) -> Mapping[int, int]:
        """How many durations fell into each bucket that holds any, by its number."""
        if self._counts is None:
            counts: dict[int, int] = {}
            self._add_to(counts)
            self._counts = counts
        return self._counts

    def _add_to(self, counts: dict[int, int]) -> None:
        if self._counts is None:
            for packed in self._packed:
                _unpack(packed, counts)
        else:
            for bucket, number in self._counts.items():
                counts[bucket] = counts.get(bucket, 0) + number

    @property
    def count(self) -> int:
        """How many durations there are."""
        return sum(self.counts.values())

    def __bool__(self) -> bool:
        return any(self._packed) if self._counts is None else bool(self._counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.counts == other.counts

    def __hash__(self) -> int:
        return hash(frozenset(self.counts.items()))

    def __repr__(self) -> str:
        return f"Histogram({dict(self.counts)})"

    def __add__(self, other: Histogram) -> Histogram:
        return merged((self, other))

    def percentile(self, part: float) -> float | None:
        """The duration in seconds that `part` (0 to 1) of all do not exceed, as percentile_cont has it, or None."""
        counts = self.counts
        if not counts:
            return None
        ordered = sorted(counts.items())
        place = part * (sum(counts.values()) - 1)
        low = int(place)
        below, above = _at(ordered, low), _at(ordered, math.ceil(place))
        return below + (above - below) * (place - low)


EMPTY = Histogram()


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All of them in one."""
    counts: dict[int, int] = {}
    for each in histograms:
        each._add_to(counts)
    return Histogram(counts)


def _at(ordered: list[tuple[int, int]], place: int) -> float:
    """The duration at a place in the order of all."""
    for bucket, number in ordered:
        place -= number
        if place < 0:
            return _MIDDLES[bucket]
    return _MIDDLES[ordered[-1][0]]


def _unpack(packed: bytes, counts: dict[int, int]) -> None:
    """Add what is packed."""
    buckets, numbers = packed[::2], packed[1::2]
    if not numbers:
        return
    if max(numbers) <= 0x7F:  # each number is one byte, as nearly always
        for bucket, number in zip(buckets, numbers, strict=False):
            counts[bucket] = counts.get(bucket, 0) + number
        return
    for pair, times in Counter(_PAIR.findall(packed)).items():
        number = sum((part & 0x7F) << 7 * place for place, part in enumerate(pair[1:]))
        counts[pair[0]] = counts.get(pair[0], 0) + number * times
