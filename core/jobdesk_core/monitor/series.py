"""The last hour by minute, by queue and by task, followed from events; `history` fills in what was before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from jobdesk_core.jobs import EventType
from jobdesk_core.monitor.pace import ENDS, KINDS, Pace, minute_of
from jobdesk_core.monitor.rows import EventRow, JobRow

#: Running jobs whose start is remembered; those that are deleted never end.
MOST_STARTS = 100_000
#: Events that say to be later than this many minutes from now are not believed.
_MOST_AHEAD = 24 * 60

#: Minute since 1970, queue, task, kind, count.
HistoryRow = tuple[int, str, str, EventType, int]
#: Queue, task, seconds.
DurationRow = tuple[str, str, float]


class Series(Pace):
    """The pace of the queues, and in `tasks` the same of the tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks = Pace()
        self._started: dict[int, dt.datetime] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]

    def add_events(self, events: Sequence[EventRow], rows: Mapping[int, JobRow]) -> None:
        """Follow what happened."""
        latest = minute_of(dt.datetime.now(dt.UTC)) + _MOST_AHEAD
        for event in events:
            row, minute = rows.get(event.job_id), minute_of(event.at)
            if row is None or minute > latest:
                continue
            if event.type in KINDS:
                self._count(minute, row.queue_name, row.task_name, event.type, 1)
            if event.type is EventType.STARTED:
                self._started[event.job_id] = event.at
                since = max((at for at in (row.deferred_at, row.scheduled_at) if at is not None), default=event.at)
                if row.attempts == 0:
                    waited = max(0.0, (event.at - since).total_seconds())
                    self.add_waited(row.queue_name, waited)
                    self.tasks.add_waited(row.task_name, waited)
            elif event.type in ENDS:
                started = self._started.pop(event.job_id, None)
                if started is not None:
                    ran = (event.at - started).total_seconds()
                    self.add_ran(row.queue_name, ran)
                    self.tasks.add_ran(row.task_name, ran)
        if len(self._started) > MOST_STARTS:
            for job_id in list(self._started)[: MOST_STARTS // 2]:
                del self._started[job_id]

    def add_history(self, history: Iterable[HistoryRow]) -> None:
        """Add what happened before the feed began."""
        for minute, queue, task, kind, count in history:
            self._count(minute, queue, task, kind, count)

    def add_older(self, waited: Iterable[DurationRow], ran: Iterable[DurationRow]) -> None:
        """Add durations from before the feed began, the newest first."""
        for queue, task, seconds in waited:
            self.add_waited(queue, seconds, is_older=True)
            self.tasks.add_waited(task, seconds, is_older=True)
        for queue, task, seconds in ran:
            self.add_ran(queue, seconds, is_older=True)
            self.tasks.add_ran(task, seconds, is_older=True)

    def _count(self, minute: int, queue: str, task: str, kind: EventType, number: int) -> None:
        self.count(minute, queue, kind, number)
        self.tasks.count(minute, task, kind, number)
