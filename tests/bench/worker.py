"""The worker's group: ours and the library side by side, in pairs, on an embedded server with durable defaults.

A batch of 10,000 jobs, or of JOBS if that is less; the other measures take a share of it. SCHEMA is procrastinate
(the released one, the default) or jobdesk (ours): both engines work on the same.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from pathlib import Path

from engines import OURS, THEIRS, create_database
from jobdesk_core.embedded import EmbeddedServer
from measures import MEASURES, Measure

Pair = tuple[float, float]
BATCH = 10_000


async def take_rounds(measure: Measure, dsn: str, *, jobs: int, rounds: int) -> list[Pair]:
    """Ours and theirs of each round; who begins alternates. One small round before, for warm caches."""
    pairs: list[Pair] = []
    for number in range(-1, rounds):
        size = jobs if number >= 0 else min(jobs, 1000)
        engines = (OURS, THEIRS) if number % 2 else (THEIRS, OURS)
        taken = {engine.name: await measure.of(engine, dsn, size) for engine in engines}
        if number >= 0:
            pairs.append((taken[OURS.name], taken[THEIRS.name]))
    return pairs


def line(measure: Measure, pairs: list[Pair]) -> str:
    """A line of the table: medians of both, the median of the rounds' ratios, and their extremes."""
    ours, theirs = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratios = sorted(measure.ratio(*pair) for pair in pairs)
    digits = 0 if measure.unit == "jobs/s" else 2
    return (
        f"{measure.title:<24}{measure.unit:<8}{ours:>14,.{digits}f}{theirs:>15,.{digits}f}"
        f"{statistics.median(ratios):>8.2f}   {ratios[0]:.2f} to {ratios[-1]:.2f}"
    )


def run(jobs: int, rounds: int, only: tuple[str, ...]) -> None:
    """Measure what has a word of `only` in its title, and print one table."""
    jobs, schema = min(jobs, BATCH), os.environ.get("SCHEMA", "procrastinate")
    wanted = [measure for measure in MEASURES if any(word in measure.title for word in only)]
    if not wanted:
        return
    print(f"\nThe worker: {jobs:,} jobs, {rounds} rounds in pairs, schema of {schema}.")
    print("Medians; the ratio says how many times as fast ours is (median and extremes of the rounds).\n")
    print(f"{'':<24}{'':<8}{OURS.name:>14}{THEIRS.name:>15}{'ratio':>8}   rounds")
    with tempfile.TemporaryDirectory(prefix="jobdesk-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer(Path(folder)) as server:
            dsn = create_database(server, schema)
            for measure in wanted:
                pairs = asyncio.run(take_rounds(measure, dsn, jobs=jobs, rounds=rounds))
                print(line(measure, pairs), flush=True)
