"""What has been counted so far, and the groups, bursts and marks that it makes."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from jobdesk_core.failures.counting import BEFORE, Counted, Window
from jobdesk_core.failures.records import By, FailureGroup, Failures, Mark
from jobdesk_core.failures.shape import bursts, is_rising
from jobdesk_core.filters.syntax import term

#: A group is back when it has not failed for so long, and for the length of the range.
BACK_AFTER = dt.timedelta(days=1)
#: Marks that are made, and tasks that are looked for in what is older: names that programs make up have no end.
MOST_NEW = 50

T = TypeVar("T")
Key = tuple[str, str, int | None]


@dataclass(slots=True)
class _Cell:
    """The runs of a task in a queue by a worker."""

    runs: int = 0
    failed: int = 0
    still_failed: int = 0
    first: dt.datetime | None = None
    last: dt.datetime | None = None
    trend: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Frame:
    """What is counted: the range from `since` (None: all) until `read_at`, its buckets, grouped how, of which jobs."""

    read_at: dt.datetime
    since: dt.datetime | None
    window: Window
    by: By
    filter_text: str

    @property
    def buckets(self) -> int:
        """How many there are; the last one goes on."""
        return max(1, int((self.read_at.timestamp() - self.window.start) // self.window.bucket_s) + 1)

    @property
    def length(self) -> dt.timedelta | None:
        """How long the range is; None for all."""
        return None if self.since is None else self.read_at - self.since


class Tally:
    """Adds up what the stretches hold. None of its numbers ever falls."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._cells: dict[Key, _Cell] = defaultdict(_Cell)
        #: Ended and failed runs before the range, by task and worker; and when a task last failed there (UTC).
        self._before: Counter[tuple[str, int | None]] = Counter()
        self._failed_before: Counter[tuple[str, int | None]] = Counter()
        self._last_before: dict[str, dt.datetime] = {}
        #: Tasks that are known to have run before the range.
        self._ran_before: set[str] = set()
        #: A job of the first ones of each task and worker in the range.
        self._first_jobs: dict[str | int, int] = {}
        #: When the marks' first events were written, by task or worker.
        self.first_events: dict[str | int, dt.datetime] = {}
        #: How far back the database tells, once everything has been looked through (UTC).
        self.reaches_back_to: dt.datetime | None = None

    def add(self, counted: Iterable[Counted]) -> None:
        """Add what one stretch of ids has."""
        for each in counted:
            if each.place <= BEFORE and self._frame.since is not None:
                self._add_before(each)
            else:
                self._add_within(each)

    def _add_before(self, each: Counted) -> None:
        key = each.task, each.worker
        self._ran_before.add(each.task)
        if each.is_failed:
            self.failed_earlier(each.task, each.last)
        # What was usual is what was so lately.
        if each.place == BEFORE:
            self._before[key] += each.runs
            self._failed_before[key] += each.runs if each.is_failed else 0

    def _add_within(self, each: Counted) -> None:
        cell = self._cells[each.task, each.queue, each.worker]
        cell.runs += each.runs
        for name in (each.task, each.worker):
            if name is not None:
                self._first_jobs[name] = min(each.first_job, self._first_jobs.get(name, each.first_job))
        if each.is_failed:
            cell.failed += each.runs
            cell.still_failed += each.still_failed
            cell.first = each.first if cell.first is None else min(cell.first, each.first)
            cell.last = each.last if cell.last is None else max(cell.last, each.last)
            cell.trend[min(max(each.place, 0), self._frame.buckets - 1)] += each.runs

    # What is older

    def failed_earlier(self, task: str, at: dt.datetime) -> None:
        """A task has failed before the range; the latest time is kept."""
        self._ran_before.add(task)
        self._last_before[task] = max(at, self._last_before.get(task, at))

    def ran_earlier(self, tasks: Iterable[str]) -> None:
        """These tasks have run before the range."""
        self._ran_before.update(tasks)

    @property
    def never_failed(self) -> list[str]:
        """The tasks that fail in the range and are not known to have failed before."""
        return sorted({task for (task, _, _), cell in self._cells.items() if cell.failed} - self._last_before.keys())

    @property
    def never_ran(self) -> list[str]:
        """The tasks of the range that are not known to have run before, as far as they are few."""
        found = sorted({task for task, _, _ in self._cells} - self._ran_before)
        return found if len(found) <= MOST_NEW else []

    def new_names(self) -> dict[str | int, int]:
        """The tasks and workers that first ran within the range, each with a job of its first ones."""
        before = {worker for _, worker in self._before}
        if not before:
            return {}
        newest_before = max((worker for worker in before if worker is not None), default=0)
        workers = sorted({worker for _, _, worker in self._cells if worker is not None and worker > newest_before})
        names: list[str | int] = [*self.never_ran, *workers[:MOST_NEW]]
        return {name: self._first_jobs[name] for name in names}

    # What it makes

    def failures(self, *, is_counted: bool, is_whole: bool, read_back_to: dt.datetime | None) -> Failures:
        """Everything counted so far as one value."""
        frame = self._frame
        groups = self._groups(frame.by, is_whole=is_whole)
        cells = self._cells.values()
        trend = self._trend(cells)
        queues: Counter[str] = Counter()
        for (_, queue, _), cell in self._cells.items():
            queues[queue] += cell.failed
        start = dt.datetime.fromtimestamp(frame.window.start, dt.UTC)
        return Failures(
            frame.read_at,
            frame.since,
            frame.by,
            start,
            frame.window.bucket_s,
            trend,
            groups,
            sum(cell.failed for cell in cells),
            sum(cell.runs for cell in cells),
            sum(cell.still_failed for cell in cells),
            tuple((queue, number) for queue, number in queues.most_common() if number),
            bursts(trend, start, frame.window.bucket_s),
            self._marks() if is_whole else (),
            is_counted,
            is_whole,
            read_back_to,
        )

    def _trend(self, cells: Iterable[_Cell]) -> tuple[int, ...]:
        total: Counter[int] = Counter()
        for cell in cells:
            total.update(cell.trend)
        return tuple(total[place] for place in range(self._frame.buckets))

    def _groups(self, by: By, *, is_whole: bool) -> tuple[FailureGroup, ...]:
        if by is not By.WORKER:
            parts = self._divided(lambda key: key[0])
            return in_order(self._group(task, None, cells, (), is_whole) for task, cells in parts.items())
        found = []
        for worker, cells in self._divided(lambda key: key[2]).items():
            tasks: dict[str, dict[Key, _Cell]] = defaultdict(dict)
            for key, cell in cells.items():
                tasks[key[0]][key] = cell
            children = in_order(
                self._group(task, worker, own, (), is_whole)
                for task, own in tasks.items()
                if any(cell.failed for cell in own.values())
            )
            found.append(self._group(None, worker, cells, children, is_whole))
        return in_order(found)

    def _divided(self, key_of: Callable[[Key], T]) -> dict[T, dict[Key, _Cell]]:
        """The cells of each group that has failures."""
        parts: dict[T, dict[Key, _Cell]] = defaultdict(dict)
        for key, cell in self._cells.items():
            parts[key_of(key)][key] = cell
        return {name: cells for name, cells in parts.items() if any(cell.failed for cell in cells.values())}

    def _group(
        self,
        task: str | None,
        worker: int | None,
        cells: dict[Key, _Cell],
        children: tuple[FailureGroup, ...],
        is_whole: bool,
    ) -> FailureGroup:
        held = [cell for cell in cells.values() if cell.failed]
        first = min(cell.first for cell in held if cell.first is not None)
        new_since, back_after = self._since_when(task, first, is_whole)
        trend = self._trend(held)
        is_of_worker = self._frame.by is By.WORKER
        return FailureGroup(
            task,
            None,
            worker,
            sum(cell.failed for cell in held),
            sum(cell.runs for cell in cells.values()),
            self._usual(task, worker, is_of_worker=is_of_worker),
            trend,
            first,
            max(cell.last for cell in held if cell.last is not None),
            sum(cell.still_failed for cell in held),
            new_since,
            back_after,
            is_rising(trend),
            self._filter(task, worker, is_of_worker=is_of_worker),
            children,
        )

    def _usual(self, task: str | None, worker: int | None, *, is_of_worker: bool) -> float | None:
        keys = [
            key for key in self._before if (task is None or key[0] == task) and (not is_of_worker or key[1] == worker)
        ]
        runs = sum(self._before[key] for key in keys)
        return sum(self._failed_before[key] for key in keys) / runs if runs else None

    def _since_when(
        self, task: str | None, first: dt.datetime, is_whole: bool
    ) -> tuple[dt.datetime | None, dt.timedelta | None]:
        """Since when a task fails that never did, or after how long it fails again."""
        length = self._frame.length
        if task is None or length is None:
            return None, None
        last = self._last_before.get(task)
        if last is not None:
            return None, first - last if first - last >= max(BACK_AFTER, length) else None
        reaches_back = (
            self.reaches_back_to is not None
            and self._frame.since is not None
            and (self._frame.since - self.reaches_back_to >= min(BACK_AFTER, length))
        )
        return (first if is_whole and reaches_back else None), None

    def _filter(self, task: str | None, worker: int | None, *, is_of_worker: bool) -> str:
        frame = self._frame
        parts = [f"({frame.filter_text})" if frame.filter_text else "", "status:failed"]
        parts.append(term("task", task) if task is not None else "")
        if is_of_worker:
            parts.append("worker:none" if worker is None else f"worker:{worker}")
        if frame.since is not None:
            parts.append(f'ended:>="{frame.since.isoformat(" ", "seconds")}"')
        return " ".join(filter(None, parts))

    def _marks(self) -> tuple[Mark, ...]:
        window = self._frame.window
        together: dict[tuple[int, str], list[tuple[dt.datetime, str]]] = defaultdict(list)
        for name, at in self.first_events.items():
            kind = "task" if isinstance(name, str) else "worker"
            place = int((at.timestamp() - window.start) // window.bucket_s)
            if place >= 0:
                together[place, kind].append((at, str(name)))
        marks = [
            Mark(min(at for at, _ in found), kind, tuple(name for _, name in sorted(found)))
            for (_, kind), found in together.items()
        ]
        return tuple(sorted(marks, key=lambda mark: (mark.at, mark.kind)))


def in_order(groups: Iterable[FailureGroup]) -> tuple[FailureGroup, ...]:
    """The rising ones first, then those with most failures, then the latest."""
    return tuple(sorted(groups, key=lambda each: (each.is_rising, each.failed, each.last), reverse=True))
