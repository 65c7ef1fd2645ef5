"""The monitor's group: the desk on a large database beside its peers, as one table."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import watching
from acting import cancel_lines
from exporting import export_lines
from failing import failures_lines
from large import large_database, large_server
from reading import filter_lines, page_lines, refresh_lines
from table import HEAD, Line

SMALL = 100_000
STALLS_S = float(os.environ.get("STALLS_S", "60"))
#: The measures by the word that chooses them: `ONLY=stalls`.
MEASURES: dict[str, Callable[[str, str, int, int], AsyncIterator[Line]]] = {
    "page": lambda dsn, small, jobs, rounds: page_lines(dsn, jobs, rounds),
    "filter": lambda dsn, small, jobs, rounds: filter_lines(dsn, rounds),
    "cancel": lambda dsn, small, jobs, rounds: cancel_lines(small, rounds),
    "refresh": lambda dsn, small, jobs, rounds: refresh_lines(dsn, small, rounds),
    "failures": lambda dsn, small, jobs, rounds: failures_lines(dsn, rounds),
    "start": lambda dsn, small, jobs, rounds: watching.start_lines(dsn, rounds),
    "memory": lambda dsn, small, jobs, rounds: watching.memory_lines(dsn, jobs, rounds),
    "idle": lambda dsn, small, jobs, rounds: watching.idle_lines(dsn, rounds),
    "lag": lambda dsn, small, jobs, rounds: watching.lag_lines(dsn, rounds),
    "export": lambda dsn, small, jobs, rounds: export_lines(dsn, jobs, rounds),
    "stalls": lambda dsn, small, jobs, rounds: watching.stall_lines(dsn, rounds, STALLS_S),
}


def run(jobs: int, rounds: int, only: tuple[str, ...]) -> None:
    """Measure what has a word of `only` in its name, and print one table."""
    wanted = [measure for name, measure in MEASURES.items() if any(word in name for word in only)]
    if wanted:
        asyncio.run(_run(wanted, jobs, rounds))


async def _run(wanted: list[Callable[[str, str, int, int], AsyncIterator[Line]]], jobs: int, rounds: int) -> None:
    with (
        large_server() as server,
        large_database(server, jobs) as dsn,
        large_database(server, SMALL) as small,
    ):
        print(f"\nThe monitor: {jobs:,} jobs, {rounds} rounds in turns. Medians; the ratio is ours / beside.\n{HEAD}")
        for measure in wanted:
            async for line in measure(dsn, small, jobs, rounds):
                print(line, flush=True)
