"""At most so many jobs a second: how many a chunk has, and when the next may begin."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from jobdesk_core.operations.steps import Progress, Steps

#: The highest rate that can be asked for, in jobs a second.
MOST_A_SECOND = 100_000
#: A second has about so many chunks, or one for each job, so that a low rate is even.
_CHUNKS_A_SECOND = 10
#: Seconds over which the pace of an act is measured.
_MEASURED_S = 3.0


class Speed:
    """How many jobs a second an act has done lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._ended: deque[tuple[float, int]] = deque()

    def note(self, jobs: int) -> None:
        """A chunk of so many jobs has ended."""
        self._ended.append((self._clock(), jobs))

    @property
    def per_second(self) -> float:
        """Jobs a second over the last seconds; 0 before the first chunk has ended."""
        now = self._clock()
        while self._ended and self._ended[0][0] <= now - _MEASURED_S:
            self._ended.popleft()
        seconds = min(_MEASURED_S, now - self._began)
        return sum(jobs for _, jobs in self._ended) / seconds if seconds > 0 else 0.0


class Rate:
    """The rate of one act, or of several that share it. `per_second` 0: as fast as the server allows.

    However a second is laid, no more than `per_second` jobs are acted on in it: the server may do a chunk at any
    moment until its answer comes, so that each counts until a second after its end. Raises ValueError.
    """

    def __init__(self, per_second: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        if not 0 <= per_second <= MOST_A_SECOND:
            raise ValueError(f"A rate is a number of jobs a second from 0 to {MOST_A_SECOND:,}.")
        self.per_second = per_second
        self._clock = clock
        self._next = -math.inf
        self._ended: deque[tuple[float, int]] = deque()

    def most(self, size: int) -> int:
        """How many jobs a chunk may have, where `size` would be the most without a rate."""
        return min(size, max(1, self.per_second // _CHUNKS_A_SECOND)) if self.per_second else size

    def turn(self, jobs: int, progress: Progress) -> Steps[bool]:
        """Wait until a chunk of so many jobs may begin, outside any transaction. Returns whether to go on."""
        wait_s = self.wait_s(jobs) if self.per_second else 0.0
        if wait_s > 0 and not (yield replace(progress, wait_s=wait_s)):
            return False
        if self.per_second:
            self._next = self._clock() + jobs / self.per_second
        return True

    def wait_s(self, jobs: int) -> float:
        """In how many seconds a chunk of so many jobs may begin; 0 or less is at once."""
        due = self._next
        for ended, number in reversed(self._ended):
            jobs += number
            if jobs > self.per_second:
                due = max(due, ended + 1)
                break
        return due - self._clock()

    def note(self, jobs: int) -> None:
        """A chunk of so many jobs has ended."""
        if not self.per_second:
            return
        now = self._clock()
        self._ended.append((now, jobs))
        while self._ended[0][0] <= now - 1:
            self._ended.popleft()
