"""Who is told all that happens, in minutes, as whoever records it has to be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.reading.pace import Occurrence


class Follower:
    """Told by the feed in the loop, so it must not wait; this one does nothing. Times are the server's (UTC)."""

    def begin(self, now: dt.datetime) -> None:
        """The feed begins anew: what is committed from now on will be told."""

    def add(self, occurrences: Sequence[Occurrence], now: dt.datetime) -> None:
        """This has happened by `now`."""

    def see(self, now: dt.datetime | None, *, is_whole: bool) -> None:
        """All that had been committed by `now` (None: there is more) has been told; not `is_whole`: some is lost."""
