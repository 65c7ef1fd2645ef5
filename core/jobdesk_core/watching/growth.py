"""Queues whose due jobs grow and go on growing, by what came and what was started per minute of the last hour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from jobdesk_core.reading.open_jobs import OpenJobs
from jobdesk_core.reading.pace import ARRIVALS, DEPARTURES, MINUTES, PACE_MINUTES, PUT_OFF, Pace, minute_of
from jobdesk_core.watching.situation import Growth

#: Of the last whole minutes so many have to bring more than is started: a batch that comes at once is none.
FEWEST_GROWING = 4
#: Queues with fewer due jobs are not looked at.
FEWEST_READY = 10


def growths(pace: Pace, jobs: OpenJobs, now: dt.datetime) -> Iterator[Growth]:
    """The queues that have grown in most of the last whole minutes, and have grown by much of what they hold."""
    for queue, group in jobs.queues.items():
        if group.ready < FEWEST_READY:
            continue
        # Of thousands of queues the last minutes alone are looked at; few of them grow.
        if sum(each > 0 for each in _growth(pace, queue, now, PACE_MINUTES)) < FEWEST_GROWING:
            continue
        growth = _growth(pace, queue, now, MINUTES - 1)
        begun = _begun(growth)
        grown = sum(growth[-begun:])
        if grown < group.ready / 2:
            continue
        since = dt.datetime.fromtimestamp(60 * (minute_of(now) - begun), dt.UTC)
        came, left = pace.came_rate(now, queue), pace.left_rate(now, queue)
        yield Growth(queue, group.ready, came, left, since, max(0, group.due - grown), pace.waited_before(queue, since))


def _growth(pace: Pace, queue: str, now: dt.datetime, minutes: int) -> list[int]:
    """By how much the due jobs grew in each of the last whole minutes."""
    kinds = (ARRIVALS, (PUT_OFF,), DEPARTURES)
    came, later, left = (pace.last(each, now, queue, minutes + 1)[:-1] for each in kinds)
    return [more - put_off - fewer for more, put_off, fewer in zip(came, later, left, strict=True)]


def _begun(growth: list[int]) -> int:
    """How many minutes ago it began to grow: before that two minutes together brought nothing more."""
    begun = MINUTES - 1
    for back in range(PACE_MINUTES, MINUTES - 2):
        if growth[-back - 1] <= 0 and growth[-back - 2] <= 0:
            begun = back
            break
    while growth[-begun] <= 0:  # some of the last minutes grew
        begun -= 1
    return begun
