"""Numbers of jobs by queue, task and status, kept so that an answer costs what has changed since the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from jobdesk_core.jobs import Status

CountedGroup = tuple[str, str, Status]  # queue, task, status


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """One queue (or task) and its jobs by status."""

    name: str
    by_status: Mapping[Status, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All its jobs."""
        return sum(self.by_status.values())

    def count(self, status: Status) -> int:
        """Its jobs of one status."""
        return self.by_status.get(status, 0)


class Names:
    """The counts of queues, or of tasks. What has not changed is handed out as it was."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[Status]] = {}
        self._shown: dict[str, QueueCounts] = {}
        self._changed: set[str] = set()

    def shift(self, name: str, status: Status, number: int) -> None:
        """Add a number of jobs, or take some away."""
        held = self._counts.get(name)
        if held is None:
            held = self._counts[name] = Counter()
        held[status] += number
        if not held[status]:
            del held[status]
        if not held:
            del self._counts[name]
        self._changed.add(name)

    def all(self) -> list[QueueCounts]:
        """Every name that has jobs, in order."""
        if self._changed:
            is_sorted = True
            for name in self._changed:
                held = self._counts.get(name)
                is_sorted = is_sorted and (name in self._shown) is (held is not None)
                if held is None:
                    self._shown.pop(name, None)
                else:
                    self._shown[name] = QueueCounts(name, dict(held))
            self._changed.clear()
            if not is_sorted:
                self._shown = dict(sorted(self._shown.items()))
        return list(self._shown.values())

    def sum(self, names: Collection[str], statuses: Collection[Status]) -> int:
        """The jobs of some names in some statuses."""
        found = (self._counts[name] for name in names if name in self._counts)
        return sum(held[status] for held in found for status in statuses)


class Tally:
    """The count of each group of jobs, with its sums by queue, by task and by status."""

    def __init__(self) -> None:
        self.groups: Counter[CountedGroup] = Counter()
        self.statuses: Counter[Status] = Counter()
        self.queues = Names()
        self.tasks = Names()

    @property
    def total(self) -> int:
        """All jobs."""
        return sum(self.statuses.values())

    def shift(self, group: CountedGroup, number: int) -> None:
        """Add a number of jobs to a group, or take some away."""
        if not number:
            return
        queue, task, status = group
        self.groups[group] += number
        if not self.groups[group]:
            del self.groups[group]
        self.statuses[status] += number
        self.queues.shift(queue, status, number)
        self.tasks.shift(task, status, number)

    def replace(self, before: Counter[CountedGroup], after: Counter[CountedGroup]) -> None:
        """Count `after` where `before` was counted."""
        for group in before.keys() | after.keys():
            self.shift(group, after[group] - before[group])

    def sum(
        self,
        queues: Collection[str] | None,
        tasks: Collection[str] | None,
        statuses: Collection[Status],
    ) -> int:
        """The jobs of these queues, tasks (None: all of them) and statuses."""
        if queues is None and tasks is None:
            return sum(self.statuses[status] for status in statuses)
        if queues is None or tasks is None:
            return self.tasks.sum(tasks, statuses) if tasks is not None else self.queues.sum(queues or (), statuses)
        if len(queues) * len(tasks) * len(statuses) <= len(self.groups):
            return sum(self.groups[queue, task, each] for queue in queues for task in tasks for each in statuses)
        return sum(
            number
            for (queue, task, status), number in self.groups.items()
            if queue in queues and task in tasks and status in statuses
        )
