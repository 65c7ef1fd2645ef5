"""One row per queue, or per task, with all that its page shows: brought up to date name by name, in short goes."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.reading.job_counts import QueueCounts
from jobdesk_core.reading.moment import Moment
from jobdesk_core.reading.open_jobs import NONE_OPEN, OpenGroup
from jobdesk_core.reading.pace import ENDS, PACE_MINUTES, Pace, minute_of
from jobdesk_core.reading.progress import Progress, progress
from jobdesk_core.reading.rise import Rise, has_risen, rise_of
from jobdesk_core.reading.series import Series
from jobdesk_core.reading.stamps import Stamps

#: Names looked at between two looks at the clock.
_AT_ONCE = 20

Trouble = Literal["", "failing", "stalled"]


@dataclass(frozen=True, slots=True)
class NameRow:
    """A queue or a task. Rates are per minute over the last whole minutes, durations in seconds, times UTC.

    `open` is of the same moment as `counts`. `came_rate` counts jobs that came in to be run at once. `ended` and
    `failed`: per minute of the last hour, the running one last; an ended run may be retried. `waited_s` and `ran_s`
    are the 95th percentiles of that hour. `is_failing`: failures have risen. `trouble` is the worst that is wrong.
    """

    counts: QueueCounts
    open: OpenGroup
    progress: Progress
    came_rate: float
    started_rate: float
    ended_rate: float
    waited_s: float | None
    ran_s: float | None
    ended: tuple[int, ...]
    failed: tuple[int, ...]
    ended_in_hour: int
    failed_in_hour: int
    is_failing: bool
    trouble: Trouble

    @property
    def name(self) -> str:
        """The queue's or the task's name."""
        return self.counts.name

    @property
    def oldest(self) -> dt.datetime | None:
        """Since when its oldest due job waits."""
        return self.open.oldest

    def count(self, status: Status) -> int:
        """Its jobs of one status."""
        return self.counts.count(status)

    def rise(self, kind: Literal["queue", "task"], now: dt.datetime) -> Rise:
        """Its failures, for one that `is_failing`."""
        return rise_of(kind, self.name, self.failed, self.ended, now)


def name_row(counts: QueueCounts, group: OpenGroup, pace: Pace, now: dt.datetime) -> NameRow:
    """All that is known of one name now."""
    name = counts.name
    failed, ended = pace.per_minute(EventType.FAILED, now, name), pace.last(ENDS, now, name)
    course, is_failing = progress(group, pace, now, name), has_risen(failed, ended)
    return NameRow(
        counts,
        group,
        course,
        pace.came_rate(now, name),
        pace.rate((EventType.STARTED,), now, name),
        sum(ended[-PACE_MINUTES - 1 : -1]) / PACE_MINUTES,
        pace.waited_s(name, now),
        pace.ran_s(name, now),
        tuple(ended),
        tuple(failed),
        sum(ended),
        sum(failed),
        is_failing,
        _trouble(group, course) or ("failing" if is_failing else ""),
    )


class Board:
    """The rows of all queues or tasks. Call `look` each second, then `work` until nothing `is_due`."""

    def __init__(
        self,
        counts: Callable[[], Iterable[QueueCounts]],
        pace: Callable[[], Pace],
        groups: Callable[[], Mapping[str, OpenGroup]],
    ) -> None:
        self.rows: dict[str, NameRow] = {}
        #: The names in trouble.
        self.troubled: dict[str, NameRow] = {}
        #: Of whose rows what is shown has changed, gone ones included.
        self.changes = Stamps()
        self._counts, self._pace, self._groups = counts, pace, groups
        self._known: dict[str, QueueCounts] = {}
        self._known_groups: Mapping[str, OpenGroup] = {}
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
        pace, groups, counted = self._pace(), self._groups(), list(self._counts())
        changed, self._stamp = pace.changes.since(self._stamp if pace.changes is self._seen_changes else 0)
        known = self._known
        due = [each.name for each in counted if known.get(each.name) is not each or each.name in changed]
        if minute_of(now) != self._minute:
            self._minute = minute_of(now)
            due = [each.name for each in counted]
        if groups is not self._known_groups:
            due += [name for name, group in groups.items() if self._known_groups.get(name) != group]
            due += [name for name in self._known_groups if name not in groups]
        # What has been all right until now is stalled when nothing has started for long enough.
        due += [name for name, row in self.rows.items() if row.open.due and _has_turned(row, now)]
        self._known, self._seen_changes, self._known_groups = (
            {each.name: each for each in counted},
            pace.changes,
            groups,
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
        group = self._known_groups.get(name, NONE_OPEN)
        row = name_row(counts, group, pace, self._now) if counts is not None else None
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


def _has_turned(row: NameRow, now: dt.datetime) -> bool:
    turns_at = row.progress.turns_at()
    return turns_at is not None and turns_at <= now


def _trouble(group: OpenGroup, course: Progress) -> Trouble:
    is_idle = course.course == "stalled" and not course.is_busy
    return "stalled" if group.stalled or group.held_by_stalled or is_idle else ""


def boards(moment: Callable[[], Moment | None], series: Series) -> tuple[Board, Board]:
    """Those of the queues and of the tasks, of whatever moment is known."""

    def of_moment(name: Literal["queues", "tasks"]) -> tuple[Iterable[QueueCounts], Mapping[str, OpenGroup]]:
        known = moment()
        return ((), {}) if known is None else (getattr(known, name), getattr(known.open, name))

    queues = Board(lambda: of_moment("queues")[0], lambda: series, lambda: of_moment("queues")[1])
    return queues, Board(lambda: of_moment("tasks")[0], lambda: series.tasks, lambda: of_moment("tasks")[1])
