"""Minutes as they are held in memory: per queue and task what happened, and how long that had taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobdesk_core.history.histogram import Histogram, bucket_of
from jobdesk_core.history.ranges import COUNTED, Counts
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.pace import Occurrence

#: How well a minute is known: only what was still there when it was looked at later, or all that happened.
FILLED, RECORDED = 1, 2
_PLACES = {kind: place for place, kind in enumerate(COUNTED)}
_STARTED = EventType.STARTED


class Cell:
    """What happened to one task in one queue within some minutes; it grows."""

    __slots__ = ("numbers", "ran", "waited")

    def __init__(self) -> None:
        self.numbers = [0] * len(COUNTED)
        self.waited: dict[int, int] = {}
        self.ran: dict[int, int] = {}

    def add(self, kind: EventType, number: int = 1) -> None:
        """So many more of a kind."""
        self.numbers[_PLACES[kind]] += number

    def add_duration(self, kind: EventType, bucket: int, number: int = 1) -> None:
        """So many more starts that had waited, or ends that had run, for as long as this bucket says."""
        held = self.waited if kind is _STARTED else self.ran
        held[bucket] = held.get(bucket, 0) + number

    def merge(self, numbers: Iterable[int], waited: Mapping[int, int], ran: Mapping[int, int]) -> Cell:
        """Add another one's, and return this one."""
        self.numbers = [ours + theirs for ours, theirs in zip(self.numbers, numbers, strict=True)]
        for held, more in ((self.waited, waited), (self.ran, ran)):
            for bucket, number in more.items():
                held[bucket] = held.get(bucket, 0) + number
        return self

    def merge_cell(self, other: Cell) -> Cell:
        """Add another one's, and return this one."""
        return self.merge(other.numbers, other.waited, other.ran)

    @property
    def counts(self) -> Counts:
        """What has happened by now, by kind."""
        return Counts(tuple(self.numbers))

    @property
    def histograms(self) -> tuple[Histogram, Histogram]:
        """How long first runs had waited, and how long runs had taken."""
        return Histogram(dict(self.waited)), Histogram(dict(self.ran))


class Minute:
    """What happened within one minute, by queue and task, and how well that is known."""

    __slots__ = ("cells", "quality")

    def __init__(self, quality: int = RECORDED) -> None:
        self.quality = quality
        self.cells: dict[tuple[str, str], Cell] = {}

    def cell(self, queue: str, task: str) -> Cell:
        """That of a task in a queue, made where there is none yet."""
        cell = self.cells.get((queue, task))
        if cell is None:
            cell = self.cells[queue, task] = Cell()
        return cell

    def add(self, occurrence: Occurrence) -> None:
        """Something has happened."""
        cell = self.cell(occurrence.queue, occurrence.task)
        cell.add(occurrence.kind)
        if occurrence.seconds is not None:
            cell.add_duration(occurrence.kind, bucket_of(occurrence.seconds))

    def merged(self, other: Minute) -> Minute:
        """A new one of both, as well known as this one."""
        both = Minute(self.quality)
        both.cells = dict(self.cells)
        for name, cell in other.cells.items():
            held = self.cells.get(name)
            both.cells[name] = cell if held is None else Cell().merge_cell(held).merge_cell(cell)
        return both

    @property
    def total(self) -> int:
        """How much happened: of two records of a minute that are equally well known the larger one knows more."""
        return sum(sum(cell.numbers) for cell in self.cells.values())

    def of(self, queue: str | None = None, task: str | None = None) -> Cell:
        """What happened to a queue or a task (None: to any)."""
        found = Cell()
        for (of_queue, of_task), cell in self.cells.items():
            if (queue is None or of_queue == queue) and (task is None or of_task == task):
                found.merge_cell(cell)
        return found
