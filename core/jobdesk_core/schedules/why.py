"""Why a periodic task is late or missed, in sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.durations import roughly
from jobdesk_core.moments import here

#: A worker's silence up to so many seconds is no gap.
BREATH_S = 15.0
#: What a worker makes up for when it starts.
CAUGHT_UP, CAUGHT_UP_S = "missed runs are only caught up within 10 min", 600.0
Gap = tuple[float, float | None]


def gap(lives: Sequence[tuple[float, float | None]], since: float, at: float) -> Gap | None:
    """The span round a moment in which no worker was alive, its end None when it goes on; None when one was alive.

    `lives` are told from `since` on: a gap that begins earlier is not known.
    """
    begin: float | None = None
    end: float | None = None
    for start, stop in lives:
        if start <= at + BREATH_S and (stop is None or stop > at + BREATH_S):
            return None
        if stop is not None and stop <= at + BREATH_S:
            begin = stop if begin is None else max(begin, stop)
        if start > at:
            end = start if end is None else min(end, start)
    if begin is None or begin < since:
        return None
    return begin, end


def nobody_alive(span: Gap, moment: float) -> str:
    """No worker was alive at a moment, which lies in the span."""
    begin, end = span
    if end is None:
        return f"No worker has been alive since {_clock(begin, moment)}."
    told = f"No worker was alive from {_clock(begin, moment)} to {_clock(end, moment)}"
    return f"{told}, and {CAUGHT_UP}." if end - moment > CAUGHT_UP_S else f"{told}."


def none_alive(since: float | None) -> str:
    """No worker lives, as Procrastinate's own record tells."""
    if since is None:
        return "No worker is alive."
    return f"No worker is alive. The last heartbeat was at {_clock(since, since, with_day=True)}."


def queueing_lock(job_id: int, lock: str) -> str:
    """The run before has not begun, and its queueing lock lets no other in."""
    return f"Job #{job_id:,} of the run before still waits, and its queueing lock {lock} lets no other in."


def others_then(is_missed: bool) -> str:
    """Other periodic tasks were deferred at that time."""
    told = "Other schedules were deferred at that time, so a worker was alive."
    return f"{told} It may not have known this schedule." if is_missed else told


def others_since(is_missed: bool) -> str:
    """Other periodic tasks have been deferred since, long after."""
    told = "Other schedules were deferred later, so a worker is alive now."
    return f"{told} Nothing tells of that time." if is_missed else told


def nothing_deferred(before: float, after: float | None, moment: float) -> str:
    """Nothing was deferred round a moment, of which other periodic tasks were expected, too."""
    if after is None:
        return f"No schedule has been deferred since {_clock(before, moment)}: no worker seems to be alive."
    span = f"from {_clock(before, moment)} to {_clock(after, moment)}"
    told = f"No schedule was deferred {span}: no worker seems to have been alive"
    return f"{told}, and {CAUGHT_UP}." if after - moment > CAUGHT_UP_S else f"{told}."


def job_gone() -> str:
    """Of the last run only the record is left that it was deferred."""
    return (
        "Jobs of earlier runs that succeeded are still there, so this one was deleted before its time. "
        "Workers take its run for done, and will not defer it again."
    )


def never_deferred(is_any_alive: bool | None) -> str:
    """Its application tells of it, and it has never been deferred."""
    return "It has never been deferred." + (" No worker is alive." if is_any_alive is False else "")


def abandoned(was_told: bool) -> str:
    """Nobody defers it any more."""
    if was_told:
        return "Its application has told of its other schedules since, and no longer of this one."
    return "Other schedules are still deferred, this one no longer. It was probably removed from its application."


def clocks(behind_s: float) -> str:
    """That the workers' clocks and the server's differ."""
    side = "behind" if behind_s > 0 else "ahead of"
    by = roughly(10 * round(abs(behind_s) / 10))
    return f"The workers' clocks are {by} {side} the server's; times are judged by the workers'."


def _clock(seconds: float, beside: float, *, with_day: bool = False) -> str:
    """A time of the day as clocks show it here; with its day where that is another than the moment's."""
    at, other = (here(dt.datetime.fromtimestamp(each, dt.UTC)) for each in (seconds, beside))
    return f"{at:%H:%M}" if at.date() == other.date() and not with_day else f"{at:%Y-%m-%d %H:%M}"
