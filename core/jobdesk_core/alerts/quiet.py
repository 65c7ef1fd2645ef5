"""Quiet hours: from when to when, on which days, by the local time of the machine that tells."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

#: Monday first, as `date.weekday` counts.
DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` (inclusive) to `end` (exclusive), local time; over midnight where `end` is not later.

    `days` are those on which they begin. The same `start` and `end` are the whole day. No days: never.
    """

    start: dt.time = dt.time(23, 0)
    end: dt.time = dt.time(7, 0)
    days: frozenset[str] = frozenset()

    def holds(self, at: dt.datetime, zone: dt.tzinfo | None = None) -> bool:
        """Whether it is quiet at this moment (aware), by the clock on the wall of `zone`, None for this machine's.

        An hour that the clock shows twice is quiet both times, and one that it skips is missed.
        """
        local = at.astimezone(zone)
        today = DAYS[local.weekday()] in self.days
        yesterday = DAYS[(local.weekday() - 1) % 7] in self.days
        now = local.time()
        if self.start < self.end:
            return today and self.start <= now < self.end
        return (today and now >= self.start) or (yesterday and now < self.end)


NEVER = QuietHours()
