"""Event ids that a transaction in flight has left out, until they appear or cannot appear any more.

The rule needs no timeout: a gap is noted with the snapshot's xmax, and whoever could fill it has ended once the
oldest running transaction is as new. One that runs for long, in whichever database of the server, holds up all
gaps: then they are asked for less often.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.rows import EventRow

#: How far below an event gaps are looked for.
GAP_IDS = 20_000
#: For how many seconds a gap is asked for at every look, and how often after that.
FRESH_S, OLD_INTERVAL_S = 10.0, 5.0
#: Gaps that are kept. Beyond it (hours of one transaction beside many deletions or rollbacks) the oldest are given up.
MOST_GAPS = 100_000


class Gaps:
    """The gaps of one feed. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._fresh: dict[int, tuple[int, float]] = {}  # id -> xmax when it was first missed, and when that was
        self._old: dict[int, int] = {}  # id -> xmax
        self._old_due_at = 0.0
        self._given_up: int | None = None  # the latest xmax of those given up

    def __len__(self) -> int:
        return len(self._fresh) + len(self._old)

    def start(self, present: set[int], xmax: int, now: float) -> list[int]:
        """Begin after the newest event; returns the ids that are missing before it."""
        self.__init__()  # type: ignore[misc]
        newest = max(present, default=0)
        missing = set(range(max(1, newest - GAP_IDS), newest)) - present
        self._fresh = dict.fromkeys(missing, (xmax, now))
        return list(missing)

    def are_due(self, now: float) -> bool:
        """Whether there is something to ask for."""
        return bool(self._fresh) or (bool(self._old) and now >= self._old_due_at)

    def due(self, now: float, xmin: int) -> list[int]:
        """The ids to ask for in a snapshot."""
        first = next(iter(self._old.values()), None)
        if first is None or (now < self._old_due_at and xmin < first):
            return list(self._fresh)
        self._old_due_at = now + OLD_INTERVAL_S
        return [*self._fresh, *self._old]

    def follow(self, events: Sequence[EventRow], cursor: int, xmax: int, now: float) -> int:
        """Note the gaps between the events after the cursor; returns the new cursor."""
        expected = cursor + 1
        for event in events:
            for missing in range(max(expected, event.id - GAP_IDS), event.id):
                self._fresh[missing] = (xmax, now)
            expected = event.id + 1
        return expected - 1

    def close(self, asked: Sequence[int], found: Sequence[EventRow], xmin: int, now: float) -> bool:
        """Forget those that were asked for and appeared, or cannot any more; whether none was given up for good."""
        for event in found:
            self._fresh.pop(event.id, None)
            self._old.pop(event.id, None)
        for event_id in asked:
            noted = self._fresh[event_id][0] if event_id in self._fresh else self._old.get(event_id, xmin + 1)
            if xmin >= noted:
                self._fresh.pop(event_id, None)
                self._old.pop(event_id, None)
        self._age(now)
        if self._given_up is not None and xmin >= self._given_up:
            self._given_up = None
            return False
        return True

    def forget_after(self, cursor: int) -> None:
        """The events were deleted: their ids may come again."""
        for held in (self._fresh, self._old):
            for event_id in [event_id for event_id in held if event_id > cursor]:
                del held[event_id]

    def _age(self, now: float) -> None:
        for event_id, (noted, since) in list(self._fresh.items()):
            if since > now - FRESH_S:
                break
            self._old[event_id] = noted
            del self._fresh[event_id]
        while len(self._old) > MOST_GAPS:
            event_id = next(iter(self._old))
            self._given_up = self._old.pop(event_id)


def recent_events() -> Statement[set[int]]:
    """The ids of the newest events."""
    return Statement(
        "SELECT id FROM procrastinate_events "
        "WHERE id >= (SELECT max(id) FROM procrastinate_events) - %(count)s ORDER BY id DESC",
        lambda rows: {row["id"] for row in rows},
        {"count": GAP_IDS},
    )
