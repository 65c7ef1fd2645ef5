"""Which ids a filter leaves possible, as ranges, so that nobody looks between them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobdesk_core.filters.ranges import BIGINT

Range = tuple[int, int]


#: As a sentence may write one large number. Without the sign these are several ids.
_GROUPED = re.compile(r"#[0-9]{1,3}(?:,[0-9]{3})+")
_IDS = re.compile(r"#?[0-9]+(?:,#?[0-9]+)*")


def split_ids(text: str) -> list[str] | None:
    """The digits of the ids that a word without blanks lists, such as `#1,#2`; None when it is something else.

    `123,124` are two ids, `#4,711` is one: so a large number is written with its sign.
    """
    bare = text.strip(",")
    if _GROUPED.fullmatch(bare):
        return [bare.removeprefix("#").replace(",", "")]
    return [each.removeprefix("#") for each in bare.split(",")] if _IDS.fullmatch(bare) else None


@dataclass(frozen=True, slots=True)
class Ids:
    """Ranges of ids, the lowest first, both ends included, none of which touch each other."""

    ranges: tuple[Range, ...] = (BIGINT,)

    @property
    def ends(self) -> Range:
        """The lowest and the highest id; the lowest is above the highest when there are none."""
        return (self.ranges[0][0], self.ranges[-1][1]) if self.ranges else (0, -1)

    def nearest(self, job_id: int, *, is_down: bool) -> int | None:
        """The id itself when it is possible, or else the next below it (or above it); None when there is none."""
        if is_down:
            place = bisect_right(self.ranges, job_id, key=lambda each: each[0]) - 1
            return min(job_id, self.ranges[place][1]) if place >= 0 else None
        place = bisect_left(self.ranges, job_id, key=lambda each: each[1])
        return max(job_id, self.ranges[place][0]) if place < len(self.ranges) else None


def of_ranges(ranges: Iterable[Range]) -> Ids:
    """These ranges, which may overlap; one whose lowest is above its highest holds nothing."""
    found: list[Range] = []
    for low, high in sorted(ranges):
        if low > high:
            continue
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return Ids(tuple(found))


def in_any(parts: Sequence[Ids]) -> Ids:
    """The ids that any of these leaves possible."""
    return of_ranges(each for part in parts for each in part.ranges)


def in_all(parts: Sequence[Ids]) -> Ids:
    """The ids that all of these leave possible."""
    found = Ids()
    for part in parts:
        found = Ids(tuple(_common(found.ranges, part.ranges)))
    return found


def _common(some: Sequence[Range], others: Sequence[Range]) -> Iterable[Range]:
    here = there = 0
    while here < len(some) and there < len(others):
        low, high = max(some[here][0], others[there][0]), min(some[here][1], others[there][1])
        if low <= high:
            yield low, high
        if some[here][1] < others[there][1]:
            here += 1
        else:
            there += 1
