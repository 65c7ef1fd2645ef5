"""The recorded history of one database: read in the caller's thread, which the window's never is."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from jobdesk_core.history.histogram import EMPTY
from jobdesk_core.history.minutes import FILLED, Cell, Minute
from jobdesk_core.history.ranges import Column, Name, Range

#: Minutes held in memory at most; what lies before them is on disk, or gone.
MOST_HELD = 24 * 60


class History:
    """What happened per minute. Its methods may be called in any thread, and take some milliseconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, Minute] = {}

    def keep(self, minutes: dict[int, Minute]) -> None:
        """Take over whole minutes. They belong to the history from now on."""
        with self._lock:
            self._held |= minutes
            for minute in sorted(self._held)[:-MOST_HELD]:
                del self._held[minute]

    def read(self, first: int, end: int, step: int, *, queue: str | None = None, task: str | None = None) -> Range:
        """The columns from minute `first` to before `end` (since 1970, UTC), of `step` minutes each.

        Of a queue, of a task, of a task in a queue, or of all. The running minute is not recorded yet.
        """
        found: dict[int, tuple[Cell, int, int]] = {}
        with self._lock:
            for minute, held in self._held.items():
                if first <= minute < end:
                    place = (minute - first) // step
                    cell, recorded, filled = found.get(place, (Cell(), 0, 0))
                    cell.merge_cell(held.of(queue, task))
                    found[place] = cell, recorded + 1, filled + (held.quality == FILLED)
        return Range(first, end, step, list(_columns(first, end, step, found)))

    def names(self, first: int, end: int, *, of: Literal["queue", "task"], queue: str | None = None) -> list[Name]:
        """The queues, or the tasks (of one queue), to which anything happened, the busiest first."""
        cells: defaultdict[str, Cell] = defaultdict(Cell)
        with self._lock:
            for minute, held in self._held.items():
                if first <= minute < end:
                    for (of_queue, of_task), cell in held.cells.items():
                        if queue is None or of_queue == queue:
                            cells[of_queue if of == "queue" else of_task].merge_cell(cell)
        names = [Name(name, cell.counts) for name, cell in cells.items()]
        return sorted(names, key=lambda each: (-sum(each.counts.values()), each.name))

    @property
    def recorded_since(self) -> int | None:
        """The first minute (since 1970, UTC) of which anything is known; None before the first."""
        with self._lock:
            return min(self._held, default=None)


def _columns(first: int, end: int, step: int, found: dict[int, tuple[Cell, int, int]]) -> Iterable[Column]:
    for place, minute in enumerate(range(first, end, step)):
        known = found.get(place)
        if known is None:
            yield Column(minute, 0)
        else:
            cell, recorded, filled = known
            waited, ran = cell.histograms if cell.numbers else (EMPTY, EMPTY)
            yield Column(minute, recorded, cell.counts, waited, ran, filled)
