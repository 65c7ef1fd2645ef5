"""What is expected within a stretch of time: of one schedule beside its runs, and of all of them in the next hour."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from jobdesk_core.schedules.judging import MOST_RUNS
from jobdesk_core.schedules.schedule import Schedule

#: Times that are told one by one: of more, that they are many.
MOST_TIMES = 240
HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Coming:
    """The runs of one task within the next hour: how many come at each second since 1970.

    `schedules` of the task they are of; `is_inferred`: all of them are. `are_many`: more than MOST_TIMES, the first of
    which are here. `late`: how many are late now.
    """

    task: str
    schedules: tuple[Schedule, ...]
    times: Mapping[float, int]
    is_inferred: bool
    are_many: bool
    late: int

    @property
    def name(self) -> str:
        """The task, with the id of its one schedule or the number of them."""
        if len(self.schedules) == 1:
            return self.schedules[0].name
        return f"{self.task} · {len(self.schedules)} ids"

    @property
    def runs(self) -> int:
        """All of them."""
        return sum(self.times.values())


def next_hour(schedules: Sequence[Schedule], now: dt.datetime) -> list[Coming]:
    """What comes within an hour, by task, those with the most runs first."""
    begin = now.timestamp()
    by_task: dict[str, list[Schedule]] = {}
    for each in schedules:
        if each.cadence is not None and each.state != "abandoned":
            by_task.setdefault(each.task, []).append(each)
    found = []
    for task, of_task in by_task.items():
        times: Counter[float] = Counter()
        coming, are_many, late = [], False, 0
        for each in of_task:
            assert each.cadence is not None
            ahead = list(islice(each.cadence.between(begin, begin + HOUR_S), MOST_TIMES + 1))
            are_many = are_many or len(ahead) > MOST_TIMES
            times.update(ahead[:MOST_TIMES])
            late += each.state == "late"
            if ahead or each.state == "late":
                coming.append(each)
        if coming:
            is_inferred = all(each.is_inferred for each in coming)
            found.append(Coming(task, tuple(coming), times, is_inferred, are_many, late))
    return sorted(found, key=lambda each: (-each.runs, each.task))


def expected_within(schedule: Schedule, begin: float, end: float) -> tuple[float, ...] | None:
    """When it was expected, the oldest first; None when nobody knows, or more often than MOST_TIMES.

    An inferred one is expected from its first run on: nothing tells that it was there before.
    """
    if schedule.cadence is None:
        return None
    if schedule.is_inferred and 0 < len(schedule.runs) < MOST_RUNS:
        begin = max(begin, schedule.runs[0].expected_at.timestamp() - 1)
    found = list(islice(schedule.cadence.back(end, begin), MOST_TIMES + 1))
    return tuple(reversed(found)) if len(found) <= MOST_TIMES else None


def gaps(lives: Sequence[tuple[float, float | None]], begin: float, end: float) -> list[tuple[float, float]]:
    """The stretches between two moments in which no worker was alive."""
    found, at = [], begin
    for start, stop in sorted(lives, key=lambda life: life[0]):
        if start > at:
            found.append((at, min(start, end)))
        at = max(at, stop if stop is not None else math.inf)
        if at >= end:
            break
    if at < end:
        found.append((at, end))
    return [(start, stop) for start, stop in found if stop - start > 1]
