"""How the due jobs of a queue or task get on: they clear, grow, are held by locks, or nothing has started for a while.

Jobs that are scheduled for later play no part in it, and neither do those that a held lock keeps from starting.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.reading.open_jobs import OpenGroup
from jobdesk_core.reading.pace import Pace

#: Seconds without a start after which due jobs are stalled: where nothing of them runs, and where a worker is busy.
STALLED_S, BUSY_S = 30.0, 180.0
#: With so many jobs that can start for each that a lock holds, the oldest due one is likely to be among them.
MANY_READY = 10
#: How far back starts are known.
KNOWN_S = 3_600.0

#: Nothing is due; all that is due is held; it clears in `clears_in_s`; as much comes as goes; more comes than goes;
#: nothing has started for a while; not known.
Course = Literal["none", "held", "clears", "steady", "growing", "stalled", "unknown"]


@dataclass(frozen=True, slots=True)
class Progress:
    """`clears_in_s` is for `clears` alone. `idle_since` (UTC): jobs are due and none has started since then.

    With `is_at_least` it may be longer: starts are known for an hour. `is_busy`: a living worker runs some of them.
    `going_since` (UTC): since when the jobs that are started now have waited; None when none is, or nothing tells.
    """

    course: Course
    clears_in_s: float | None = None
    idle_since: dt.datetime | None = None
    is_at_least: bool = False
    is_busy: bool = False
    going_since: dt.datetime | None = None

    def idle_s(self, now: dt.datetime) -> float:
        """For how many seconds none has started although some are due; 0 when that is not so."""
        return max(0.0, (now - self.idle_since).total_seconds()) if self.idle_since is not None else 0.0

    def turns_at(self) -> dt.datetime | None:
        """When it will count as stalled if nothing starts until then."""
        if self.idle_since is None or self.course in ("none", "stalled"):
            return None
        return self.idle_since + dt.timedelta(seconds=BUSY_S if self.is_busy else STALLED_S)


def progress(group: OpenGroup, pace: Pace, now: dt.datetime, name: str | None = None) -> Progress:
    """How the due jobs of a name (None: all) get on, at the pace of the last whole minutes."""
    if not group.due:
        return Progress("none")
    since, is_at_least = _idle_since(group, pace.last_start(name), now)
    is_busy = group.running > group.stalled
    going_since = pace.started_oldest(name, now)
    if going_since is None and MANY_READY * group.held <= group.ready:
        # The oldest of all: where many are held by locks it may be one of these, far older than what is started.
        going_since = group.oldest

    def found(course: Course, clears_in_s: float | None = None) -> Progress:
        return Progress(course, clears_in_s, since, is_at_least, is_busy, going_since)

    if not group.ready:
        return found("held")
    if since is not None and (now - since).total_seconds() >= (BUSY_S if is_busy else STALLED_S):
        return found("stalled")
    came, left = pace.came_rate(now, name), pace.left_rate(now, name)
    if left > came:
        return found("clears", 60 * group.ready / (left - came))
    if came > left:
        return found("growing")
    return found("steady" if left else "unknown")


def _idle_since(group: OpenGroup, last_start: dt.datetime | None, now: dt.datetime) -> tuple[dt.datetime | None, bool]:
    if last_start is not None:
        return max(last_start, group.oldest or last_start), False
    if group.oldest is None:
        return None, False
    known = now - dt.timedelta(seconds=KNOWN_S)
    return (known, True) if group.oldest < known else (group.oldest, False)
