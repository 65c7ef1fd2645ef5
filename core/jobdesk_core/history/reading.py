"""Makes the columns of a range of what the file and the memory hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from jobdesk_core.history.histogram import EMPTY, Histogram
from jobdesk_core.history.minutes import FILLED
from jobdesk_core.history.ranges import NOTHING, Column, Counts, Range
from jobdesk_core.history.store import Stored, row_of


def to_range(stored: Stored, wanted: tuple[str | None, str | None]) -> Range:
    """The range, of a queue and a task (None: of any)."""
    first, end, step = stored.span
    rows: defaultdict[int, list[Sequence[Any]]] = defaultdict(list)
    known = dict(stored.known)
    for place, *row in stored.rows:
        rows[place].append(row)
    for minute, held in stored.held.items():
        place = (minute - first) // step
        rows[place].append(row_of(held.of(*wanted)))
        recorded, filled = known.get(place, (0, 0))
        known[place] = recorded + 1, filled + (held.quality == FILLED)
    columns = [
        _column(minute, *known.get(place, (0, 0)), rows.get(place, ()))
        for place, minute in enumerate(range(first, end, step))
    ]
    return Range(first, end, step, columns)


def _column(minute: int, recorded: int, filled: int, rows: Sequence[Sequence[Any]]) -> Column:
    if not recorded or not rows:
        return Column(minute, recorded, NOTHING, EMPTY, EMPTY, filled)
    if len(rows) == 1:
        (row,) = rows
        return Column(
            minute, recorded, Counts(row), Histogram.from_bytes(row[-2]), Histogram.from_bytes(row[-1]), filled
        )
    *counts, waited, ran = zip(*rows, strict=True)
    summed = Counts([sum(each) for each in counts])
    return Column(minute, recorded, summed, Histogram.from_bytes(*waited), Histogram.from_bytes(*ran), filled)
