"""What the feed tells: how it is doing, and what has changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Literal

from jobdesk_core.database.rows import EventRow, JobRow
from jobdesk_core.troubles import LINK_LOST, Trouble

Mode = Literal["connecting", "live", "polling", "stale", "closed"]


@dataclass(frozen=True, slots=True)
class FeedState:
    """How the feed is doing. `latency_ms` is the last question's round trip, `read_at` its time (UTC).

    `is_waiting`: an answer takes long, though not so long yet that the link is believed to be in trouble.
    `trouble`: why it is stale. `server`: the host and port that answer.
    """

    mode: Mode = "connecting"
    reason: str = ""
    since: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    latency_ms: float | None = None
    last_event_id: int = 0
    read_at: dt.datetime | None = None
    is_waiting: bool = False
    trouble: Trouble | None = None
    server: str = ""

    @property
    def is_link_lost(self) -> bool:
        """Whether the server is not to be reached, rather than that it refuses to answer."""
        return self.mode == "stale" and (self.trouble is None or self.trouble.kind in LINK_LOST)

    def into(self, mode: Mode, reason: str, now: dt.datetime, trouble: Trouble | None = None) -> FeedState:
        """The state after a change of mode at this time."""
        if (mode, reason, False) == (self.mode, self.reason, self.is_waiting):
            return self
        since = self.since if mode == self.mode else now
        return replace(self, mode=mode, reason=reason, since=since, is_waiting=False, trouble=trouble)


@dataclass(frozen=True, slots=True)
class Changes:
    """One batch: the new rows of the jobs that changed, the events, the watched jobs that have gone.

    `is_refresh`: something may have been missed, and whatever is shown must be read anew.
    """

    rows: dict[int, JobRow]
    events: list[EventRow]
    removed: frozenset[int]
    is_refresh: bool = False
