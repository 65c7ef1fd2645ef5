"""The watching group: what it costs to look on for hours and days, as one table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from charts import chart_lines
from table import HEAD, Line

#: The measures by the word that chooses them: `ONLY=chart`.
MEASURES: dict[str, Callable[[int], AsyncIterator[Line]]] = {
    "chart": chart_lines,
}


def run(jobs: int, rounds: int, only: tuple[str, ...]) -> None:
    """Measure what has a word of `only` in its name, and print one table."""
    wanted = [measure for name, measure in MEASURES.items() if any(word in name for word in only)]
    if wanted:
        asyncio.run(_run(wanted, rounds))


async def _run(wanted: list[Callable[[int], AsyncIterator[Line]]], rounds: int) -> None:
    print(f"\nWatching: {rounds} rounds. Medians; the ratio is ours / beside.\n{HEAD}")
    for measure in wanted:
        async for line in measure(rounds):
            print(line, flush=True)
