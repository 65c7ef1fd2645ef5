"""The last hour by minute, by queue and by task, followed from events; `history` fills in what was before."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from jobdesk_core.database.rows import EventRow, JobRow
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.reading.pace import ARRIVALS, ENDS, KINDS, PUT_OFF, Happened, Occurrence, Pace, Sample, minute_of

#: Running jobs whose start is remembered; those that are deleted never end.
MOST_STARTS = 100_000
#: Events that say to be later than this many minutes from now are not believed.
_MOST_AHEAD = 24 * 60

#: Minute since 1970, queue, task, kind, count.
HistoryRow = tuple[int, str, str, EventType, int]
#: Queue, task, when (seconds since 1970), seconds.
DurationRow = tuple[str, str, float, float]


class Series(Pace):
    """The pace of the queues, and in `tasks` the same of the tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks = Pace()
        #: Whether the whole last hour is in.
        self.is_whole = False
        self._started: dict[int, dt.datetime] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]

    def add_events(self, events: Sequence[EventRow], rows: Mapping[int, JobRow], now: dt.datetime) -> list[Occurrence]:
        """Follow what happened, and return it. It is `now` by the clock that stamps events."""
        occurrences: list[Occurrence] = []
        latest = minute_of(now) + _MOST_AHEAD
        of_queues: list[Happened] = []
        of_tasks: list[Happened] = []
        for _, job_id, kind, at in events:
            row, minute = rows.get(job_id), minute_of(at)
            if row is None or minute > latest or kind not in KINDS:
                continue
            sample: Sample | None = None
            if kind is EventType.STARTED:
                self._started[job_id] = at
                if _is_first_run(row):
                    sample = at.timestamp(), max(0.0, (at - _due_at(row, at)).total_seconds())
            elif kind in ENDS and (started := self._started.pop(job_id, None)) is not None:
                sample = at.timestamp(), (at - started).total_seconds()
            of_queues.append((minute, row.queue_name, kind, at, sample))
            of_tasks.append((minute, row.task_name, kind, at, sample))
            seconds = sample[1] if sample is not None else None
            occurrences.append(Occurrence(minute, row.queue_name, row.task_name, kind, seconds))
            if kind in ARRIVALS and _is_put_off(row, at):
                of_queues.append((minute, row.queue_name, PUT_OFF, at, None))
                of_tasks.append((minute, row.task_name, PUT_OFF, at, None))
                occurrences.append(Occurrence(minute, row.queue_name, row.task_name, PUT_OFF, None))
        self.add_happened(of_queues)
        self.tasks.add_happened(of_tasks)
        if len(self._started) > MOST_STARTS:
            for job_id in list(self._started)[: MOST_STARTS // 2]:
                del self._started[job_id]
        return occurrences

    def remember_starts(self, started: Mapping[int, dt.datetime]) -> None:
        """Jobs that run already, and since when: so the length of their runs is known when they end."""
        self._started = {**started, **self._started}

    def add_history(self, history: Iterable[HistoryRow]) -> None:
        """Add counts, of whatever time."""
        for minute, queue, task, kind, number in history:
            self.count(minute, queue, kind, number)
            self.tasks.count(minute, task, kind, number)

    def add_started(self, queue: str, task: str, at: dt.datetime) -> None:
        """A job was started at this time."""
        self.add_start(queue, at)
        self.tasks.add_start(task, at)

    def add_older(self, waited: Iterable[DurationRow], ran: Iterable[DurationRow]) -> None:
        """Add durations from before the feed began and before all that was added so, the newest first."""
        for of_queue, of_task, rows in (
            (self.add_older_waited, self.tasks.add_older_waited, waited),
            (self.add_older_ran, self.tasks.add_older_ran, ran),
        ):
            queues: defaultdict[str | None, list[Sample]] = defaultdict(list)
            tasks: defaultdict[str | None, list[Sample]] = defaultdict(list)
            for queue, task, moment, seconds in reversed(list(rows)):
                for name in (queue, None):
                    queues[name].append((moment, seconds))
                for name in (task, None):
                    tasks[name].append((moment, seconds))
            for of_name, found in ((of_queue, queues), (of_task, tasks)):
                for each, samples in found.items():
                    of_name(each, samples)


def _is_put_off(row: JobRow, at: dt.datetime) -> bool:
    """Whether a job that came in then still waits for a later time."""
    return row.status is Status.TODO and row.scheduled_at is not None and row.scheduled_at > at


def _is_first_run(row: JobRow) -> bool:
    """Whether the start that was told is that of its first run, which may have ended by the time the row was read."""
    is_running = row.status in (Status.DOING, Status.ABORTING)
    return row.status is not Status.TODO and row.attempts == (0 if is_running else 1)


def _due_at(row: JobRow, started: dt.datetime) -> dt.datetime:
    """From when on it waited."""
    return max((at for at in (row.deferred_at, row.scheduled_at) if at is not None), default=started)
