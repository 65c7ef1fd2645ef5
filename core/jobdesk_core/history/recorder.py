"""Records whole minutes as the feed tells them. A minute that was not followed from its beginning to its end is none.

It is told in the loop and does little there; `save`, which writes, belongs into a thread.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from jobdesk_core.feed.follower import Follower
from jobdesk_core.history.history import History
from jobdesk_core.history.minutes import Minute
from jobdesk_core.reading.pace import Occurrence, minute_of

#: How long after its end a minute is taken for whole: what is committed later is added to it when it comes.
GRACE_S = 5.0
#: Nothing was heard for so long: what happened meanwhile may have been deleted since.
SILENCE_S = 30.0
#: The server's clock and ours went on by so different times: one of them was set, or this machine was asleep.
JUMP_S = 10.0
#: For how many minutes what comes late is added to a recorded minute.
LATE_MINUTES = 30


class Recorder(Follower):
    """Gives a history its minutes."""

    def __init__(self, history: History, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.history = history
        #: The first minute that was followed from its beginning, without a break since; None before the feed begins.
        self.first: int | None = None
        self._monotonic = monotonic
        self._open: dict[int, Minute] = {}
        #: The first minute that is not whole yet.
        self._next = 0
        #: When all had been told last, by the server's clock and by ours.
        self._seen: tuple[dt.datetime, float] | None = None

    def begin(self, now: dt.datetime) -> None:
        """What is not whole by now never will be, but by the events that are still there."""
        self._open.clear()
        self.first = self._next = minute_of(now) + 1
        self._seen = now, self._monotonic()

    def add(self, occurrences: Sequence[Occurrence], now: dt.datetime) -> None:
        """Count what has happened within its minute. What comes late is added to a minute that is whole already."""
        if self.first is None or self._is_broken(now):
            return
        # What claims to happen later than now is not counted, or it would be kept until then.
        latest = minute_of(now) + 1
        earliest = max(self.first, self._next - LATE_MINUTES)
        late: defaultdict[int, Minute] = defaultdict(Minute)
        for each in occurrences:
            minute = each.minute
            if self._next <= minute <= latest:
                held = self._open.get(minute)
                if held is None:
                    held = self._open[minute] = Minute()
                held.add(each)
            elif earliest <= minute < self._next:
                late[minute].add(each)
        for minute, more in late.items():
            self.history.add_late(minute, more)

    def see(self, now: dt.datetime | None, *, is_whole: bool) -> None:
        """Hand on the minutes that are whole by now."""
        if self._seen is None:
            return
        if not is_whole:
            self.begin(now or self._seen[0])
        if now is None or self._is_broken(now):
            return
        if now > self._seen[0]:
            self._seen = now, self._monotonic()
        end = minute_of(now - dt.timedelta(seconds=GRACE_S))
        if end > self._next:
            self.history.keep({minute: self._open.pop(minute, Minute()) for minute in range(self._next, end)})
            self._next = end

    def _is_broken(self, now: dt.datetime) -> bool:
        """Whether what has happened since all was told last cannot be told to be whole; all begins anew then."""
        assert self._seen is not None
        seen, at = self._seen
        went_on = (now - seen).total_seconds()
        if went_on <= SILENCE_S and abs(went_on - (self._monotonic() - at)) <= JUMP_S:
            return False
        self.begin(now)
        return True
