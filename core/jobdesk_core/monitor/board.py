"""One row per queue, or per task, with all that its page shows: brought up to date name by name, in short goes."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.pace import ARRIVALS, ENDS, PACE_MINUTES, Pace, minute_of
from jobdesk_core.monitor.stamps import Stamps
from jobdesk_core.monitor.tally import QueueCounts

#: Failures within the last whole minutes that are worth a word, and how many times the usual pace.
FEWEST_FAILURES, TIMES_USUAL = 5, 3.0
#: Minutes without a start after which a queue that has due jobs stands still.
STILL_MINUTES = 3
#: Names looked at between two looks at the clock.
_AT_ONCE = 20

Trouble = Literal["", "failing", "still"]


@dataclass(frozen=True, slots=True)
class NameRow:
    """A queue or a task. Rates are per minute over the last whole minutes, durations in seconds, times UTC.

    `drain_s` is None when the backlog does not shrink. `ended` and `failed`: per minute of the last hour, the running
    one last. `failing`: failures have risen; `still`: jobs are due and nothing has started for some minutes.
    """

    counts: QueueCounts
    deferred_rate: float
    started_rate: float
    ended_rate: float
    waited_s: float | None
    ran_s: float | None
    oldest: dt.datetime | None
    drain_s: float | None
    ended: tuple[int, ...]
    failed: tuple[int, ...]
    ended_in_hour: int
    failed_in_hour: int
    waiting: int
    running: int
    trouble: Trouble

    @property
    def name(self) -> str:
        """The queue's or the task's name."""
        return self.counts.name

    def count(self, status: Status) -> int:
        """Its jobs of one status."""
        return self.counts.count(status)


def name_row(counts: QueueCounts, pace: Pace, oldest: dt.datetime | None, now: dt.datetime) -> NameRow:
    """All that is known of one name now."""
    name, waiting = counts.name, counts.count(Status.TODO)
    failed, ended = pace.per_minute(EventType.FAILED, now, name), pace.last(ENDS, now, name)
    started = pace.last((EventType.STARTED,), now, name, PACE_MINUTES + 1)
    return NameRow(
        counts,
        pace.rate(ARRIVALS, now, name),
        sum(started[:-1]) / PACE_MINUTES,
        sum(ended[-PACE_MINUTES - 1 : -1]) / PACE_MINUTES,
        pace.waited_s(name),
        pace.ran_s(name),
        oldest if waiting else None,
        pace.drain_s(waiting, now, name),
        tuple(ended),
        tuple(failed),
        sum(ended),
        sum(failed),
        waiting,
        counts.count(Status.DOING),
        _trouble(failed, started, oldest if waiting else None, now),
    )


class Board:
    """The rows of all queues or tasks. Call `look` each second, then `work` until nothing `is_due`."""

    def __init__(
        self,
        counts: Callable[[], list[QueueCounts]],
        pace: Callable[[], Pace],
        oldest: Callable[[], Mapping[str, dt.datetime]],
    ) -> None:
        self.rows: dict[str, NameRow] = {}
        #: The names in trouble.
        self.troubled: dict[str, NameRow] = {}
        #: Of whose rows what is shown has changed, gone ones included.
        self.changes = Stamps()
        self._counts, self._pace, self._oldest = counts, pace, oldest
        self._known: dict[str, QueueCounts] = {}
        self._known_oldest: Mapping[str, dt.datetime] = {}
        self._seen_changes: Stamps | None = None
        self._stamp = self._minute = 0
        self._due: dict[str, None] = {}
        self._now = dt.datetime.now(dt.UTC)

    @property
    def is_due(self) -> bool:
        """Whether some rows are not up to date."""
        return bool(self._due)

    def look(self, now: dt.datetime) -> None:
        """Take note of which names have changed; at the turn of a minute all of them have."""
        self._now = now
        pace, oldest, counted = self._pace(), self._oldest(), self._counts()
        changed, self._stamp = pace.changes.since(self._stamp if pace.changes is self._seen_changes else 0)
        known = self._known
        due = [each.name for each in counted if known.get(each.name) is not each or each.name in changed]
        if minute_of(now) != self._minute:
            self._minute = minute_of(now)
            due = [each.name for each in counted]
        if oldest is not self._known_oldest:
            due += [name for name, at in oldest.items() if self._known_oldest.get(name) != at]
            due += [name for name in self._known_oldest if name not in oldest]
        self._known, self._seen_changes, self._known_oldest = (
            {each.name: each for each in counted},
            pace.changes,
            oldest,
        )
        self._due.update(dict.fromkeys(due))
        self._due.update((name, None) for name in self.rows if name not in self._known)

    def work(self, seconds: float) -> None:
        """Bring rows up to date for so many seconds at most."""
        end, pace = time.perf_counter() + seconds, self._pace()
        while self._due:
            for name in [name for name, _ in zip(self._due, range(_AT_ONCE), strict=False)]:
                del self._due[name]
                self._put(name, pace)
            if time.perf_counter() > end:
                break

    def _put(self, name: str, pace: Pace) -> None:
        counts, before = self._known.get(name), self.rows.get(name)
        row = name_row(counts, pace, self._known_oldest.get(name), self._now) if counts is not None else None
        if row == before:
            return
        self.changes.touch(name)
        self.troubled.pop(name, None)
        if row is None:
            del self.rows[name]
            return
        self.rows[name] = row
        if row.trouble:
            self.troubled[name] = row


def _trouble(failed: list[int], started: list[int], oldest: dt.datetime | None, now: dt.datetime) -> Trouble:
    # The running minute is not over: it is in neither part.
    recent, before = failed[-PACE_MINUTES - 1 : -1], failed[: -PACE_MINUTES - 1]
    if sum(recent) >= FEWEST_FAILURES and sum(recent) * len(before) >= TIMES_USUAL * sum(before) * len(recent):
        return "failing"
    if oldest is None or (now - oldest).total_seconds() < 60 * STILL_MINUTES or any(started[-STILL_MINUTES:]):
        return ""
    return "still"
