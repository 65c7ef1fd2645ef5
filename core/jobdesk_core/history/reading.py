"""Makes the columns of a range of what the file and the memory hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from jobdesk_core.history.histogram import EMPTY, Histogram
from jobdesk_core.history.minutes import FILLED, Cell, Minute
from jobdesk_core.history.ranges import NOTHING, Column, Counts, Range
from jobdesk_core.history.store import Stored, row_of

HOUR = 60


def to_range(
    stored: Stored,
    held: Mapping[int, Minute],
    first: int,
    end: int,
    step: int,
    wanted: tuple[str | None, str | None],
) -> Range:
    """The range, of a queue and a task (None: of any). What is `held` goes before what is stored."""
    if first < stored.kept.minutes_since:
        first, end, step = first // HOUR * HOUR, -(-end // HOUR) * HOUR, -(-step // HOUR) * HOUR
        # What an hour holds already is not added once more.
        since = stored.kept.minutes_since
        held = {minute: each for minute, each in held.items() if minute >= since or minute not in stored.known}
    known = stored.known | {minute: each.quality for minute, each in held.items()}
    rows = {row[0]: row for row in stored.minutes}
    if step == 1 and len(rows) == len(stored.minutes):
        columns = _minutes(rows, known, {minute: each.of(*wanted) for minute, each in held.items()}, first, end)
    else:
        columns = _wider(stored, known, held, (first, end, step), wanted)
    return Range(first, end, step, columns)


def _minutes(
    rows: Mapping[int, tuple[Any, ...]],
    known: Mapping[int, int],
    held: Mapping[int, Cell],
    first: int,
    end: int,
) -> list[Column]:
    columns: list[Column] = []
    unpacked = Histogram.from_bytes
    for minute in range(first, end):
        quality = known.get(minute)
        if quality is None:
            columns.append(Column(minute, 0))
        elif minute in held:
            cell = held[minute]
            columns.append(Column(minute, 1, cell.counts, *cell.histograms, int(quality == FILLED)))
        else:
            row = rows.get(minute)
            filled = 1 if quality == FILLED else 0
            if row is None:
                columns.append(Column(minute, 1, NOTHING, EMPTY, EMPTY, filled))
            else:
                waited, ran = row[-2], row[-1]
                columns.append(Column(minute, 1, Counts(row, 1), unpacked(waited), unpacked(ran), filled))
    return columns


def _wider(
    stored: Stored,
    known: Mapping[int, int],
    held: Mapping[int, Minute],
    span: tuple[int, int, int],
    wanted: tuple[str | None, str | None],
) -> list[Column]:
    first, end, step = span
    rows: defaultdict[int, list[Sequence[Any]]] = defaultdict(list)
    numbers: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for minute, quality in known.items():
        number = numbers[(minute - first) // step]
        number[0] += 1
        number[1] += quality == FILLED
    for row in stored.minutes:
        if row[0] not in held:
            rows[(row[0] - first) // step].append(row)
    for row in stored.hours:
        rows[(row[0] * HOUR - first) // step].append(row)
    for minute, each in held.items():
        rows[(minute - first) // step].append((minute, *row_of(each.of(*wanted))))
    columns: list[Column] = []
    for place, minute in enumerate(range(first, end, step)):
        recorded, filled = numbers[place]
        if not recorded:
            columns.append(Column(minute, 0))
        elif place not in rows:
            columns.append(Column(minute, recorded, NOTHING, EMPTY, EMPTY, filled))
        else:
            _, *counts, waited, ran = zip(*rows[place], strict=True)
            summed = Counts([sum(each) for each in counts])
            unpacked = Histogram.from_bytes
            columns.append(Column(minute, recorded, summed, unpacked(*waited), unpacked(*ran), filled))
    return columns
