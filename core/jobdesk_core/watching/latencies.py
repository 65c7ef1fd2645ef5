"""How long a database takes for one small question: of late, beside what is usual."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections import deque

from jobdesk_core.watching.situation import Latency

#: Answers of which the median counts as that of late; answers that make one of the usual ones; how many of these.
LATE, BLOCK, BLOCKS = 3, 30, 60
#: An answer that is awaited for so many seconds counts before it has come.
AWAITED_S = 2.0


class Latencies:
    """Takes note of each answer. The usual is the median of many spells, so that a slow one changes little."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=LATE)
        self._block: list[float] = []
        self._blocks: deque[float] = deque(maxlen=BLOCKS)
        self._slow_since: dt.datetime | None = None
        #: When a question was asked that has not been answered (`time.monotonic`).
        self.asked_at: float | None = None

    def ask(self) -> float:
        """A question is asked: now, by `time.monotonic`."""
        self.asked_at = time.monotonic()
        return self.asked_at

    def note(self, seconds: float, now: dt.datetime) -> None:
        """An answer took so long; it is now so late (UTC)."""
        self.asked_at = None
        self._late.append(seconds)
        self._block.append(seconds)
        if len(self._block) == BLOCK:
            self._blocks.append(statistics.median(self._block))
            self._block.clear()
        usual_s = self._usual_s()
        if usual_s is None or seconds < 3 * usual_s:
            self._slow_since = None
        elif self._slow_since is None:
            self._slow_since = now - dt.timedelta(seconds=seconds)

    def seen(self, now: dt.datetime) -> Latency | None:
        """How it is, the answer that is awaited included; None until the usual is known."""
        usual_s = self._usual_s()
        awaited_s = time.monotonic() - self.asked_at if self.asked_at is not None else 0.0
        if usual_s is None:
            return None
        if awaited_s >= AWAITED_S:
            return Latency(awaited_s, usual_s, self._slow_since or now - dt.timedelta(seconds=awaited_s))
        return Latency(statistics.median(self._late), usual_s, self._slow_since)

    def _usual_s(self) -> float | None:
        return statistics.median(self._blocks) if self._blocks else None
