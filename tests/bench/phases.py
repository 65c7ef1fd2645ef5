"""When the phases of a start were over, as the program that starts tells it. Imports nothing that either would not."""

from __future__ import annotations

import time
from collections.abc import Iterator

#: In their order: what was imported, the window made, the database asked, and its rows (or nothing) painted.
PHASES = ("imports", "window", "connection", "page")


class Phases:
    """Notes the clock and this process's own computing at the end of each phase."""

    def __init__(self) -> None:
        self._over: dict[str, tuple[float, float]] = {}

    def over(self, phase: str) -> None:
        """This phase is over now."""
        self._over[phase] = time.perf_counter(), time.process_time()

    def tell(self) -> None:
        """A line per phase: its name and both times in seconds."""
        for phase, (at, cpu) in self._over.items():
            print(phase, at, cpu, flush=True)


def told(output: str, started: float) -> Iterator[tuple[str, float, float]]:
    """Each phase with the milliseconds that it took, by the clock (from `started` on) and of computing."""
    before, cpu_before = started, 0.0
    for phase, at, cpu in map(str.split, output.splitlines()):
        yield phase, 1000 * (float(at) - before), 1000 * (float(cpu) - cpu_before)
        before, cpu_before = float(at), float(cpu)
