"""A brake for retries of many jobs: it holds the act while too many of the jobs that it retried fail again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from jobdesk_core.connectors.statement import Statement

#: Of so many retried jobs that have ended again the share is taken, and of no fewer than LEAST.
LAST, LEAST = 100, 10
#: The latest retried jobs among which those that have ended are looked for.
LOOKED_AT = 2_000
#: Seconds between two looks.
PAUSE_S = 1.0


class Brake:
    """Holds an act when more than `share` (above 0, below 1) of the last jobs that ended have failed again.

    It is told what was retried and what has ended of it, and says why the act is to be held. Once it is released
    it looks at the jobs retried since. Raises ValueError for another share.
    """

    def __init__(self, share: float, *, last: int = LAST, clock: Callable[[], float] = time.monotonic) -> None:
        if not 0 < share < 1:
            raise ValueError("The share of a brake is above 0 % and below 100 %.")
        self.share = share
        self.last = last
        self._clock = clock
        self._next = 0.0
        #: So many of the retried jobs no longer count.
        self._first = 0

    def is_due(self) -> bool:
        """Whether it is time to look again; then the next look is a while away."""
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + PAUSE_S
        return True

    def look(self, retried: Sequence[int]) -> Statement[tuple[int, int]]:
        """Of the jobs retried so far, in their order: how many of the last have ended again, and failed again."""
        ids = list(retried[max(self._first, len(retried) - LOOKED_AT) :])
        return Statement(
            "SELECT count(*) AS ended, count(*) FILTER (WHERE status = 'failed') AS failed FROM ("
            "SELECT job.status::text AS status FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS retried (id, place) "
            "JOIN procrastinate_jobs AS job ON job.id = retried.id "
            "WHERE job.status::text NOT IN ('todo', 'doing', 'aborting') "
            "ORDER BY retried.place DESC LIMIT %(last)s) AS ended",
            lambda rows: (rows[0]["ended"], rows[0]["failed"]),
            {"ids": ids, "last": self.last},
        )

    def reason(self, ended: int, failed: int) -> str:
        """Why the act is to be held, in a sentence, or an empty text."""
        if ended < min(LEAST, self.last) or failed <= self.share * ended:
            return ""
        return f"{failed:,} of the last {ended:,} retried jobs that ended have failed again."

    def release(self, retried: int) -> None:
        """Go on: of the jobs retried so far none counts any more."""
        self._first = retried
