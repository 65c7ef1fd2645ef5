"""What reporting costs a worker: the same jobs with `report(app)` and without, in pairs, concurrency 10.

Of both engines, for jobs that do nothing, and for jobs of which each tenth fails and is logged. The ratio
says how many times as fast, or as sparing, the worker is that reports; the processor's time is the whole process's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import tempfile
import time
from pathlib import Path

from engines import OURS, THEIRS, Engine, clear, create_database, run
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.reported.ddl import schema_sql
from jobdesk_core.reporting import report

#: Jobs of a round, or JOBS if that is less, and what a worker that reports has to reach of one that does not.
BATCH, AIM = 5_000, 0.95
CONCURRENCY = 10
#: Jobs per second and milliseconds of the processor per job: with reports, and without.
Pair = tuple[tuple[float, float], tuple[float, float]]


async def taken(engine: Engine, dsn: str, jobs: int, *, reports: bool, fails: bool) -> tuple[float, float]:
    """Jobs per second of one worker, from its first job to its last, and the processor's milliseconds for each."""
    clear(dsn)
    run(dsn, "TRUNCATE jobdesk.errors, jobdesk.workers")
    async with engine.asynchronous(dsn).open_async() as app:
        times: list[float] = []
        used: list[float] = []

        @app.task(name="each tenth fails")
        async def act(number: int) -> None:
            times.append(time.perf_counter())
            used.append(time.process_time())
            if fails and number % 10 == 0:
                raise ValueError(f"no {number}")

        await act.batch_defer_async(*({"number": number} for number in range(jobs)))
        run(dsn, "ANALYZE procrastinate_jobs", "CHECKPOINT")
        if reports:
            report(app)
        await app.run_worker_async(concurrency=CONCURRENCY, wait=False, install_signal_handlers=False)
        count = len(times) - 1
        return count / (times[-1] - times[0]), 1000 * (used[-1] - used[0]) / count


def bench(jobs: int, rounds: int, only: tuple[str, ...]) -> None:
    """Measure, and print a table: with, without, the median of the rounds' ratios, and the aim."""
    jobs = min(jobs, BATCH)
    kinds = [(engine, fails) for engine in (OURS, THEIRS) for fails in (False, True)]
    titles = {kind: f"{kind[0].name}, {'each tenth fails' if kind[1] else 'empty jobs'}" for kind in kinds}
    wanted = [kind for kind in kinds if any(word in f"reporting {titles[kind]}" for word in only)]
    if not wanted:
        return
    print(
        f"\nReporting: {jobs:,} jobs, concurrency {CONCURRENCY}, {rounds} rounds in pairs: with report(app), without.\n"
    )
    print(f"{'':<34}{'':<8}{'with':>10}{'without':>10}{'ratio':>8}   rounds          aim")
    # As a worker's log is: warnings and errors, with their tracebacks, into a file.
    logging.basicConfig(filename=os.devnull, level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="jobdesk-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer(Path(folder)) as server:
            dsn = create_database(server, os.environ.get("SCHEMA", "procrastinate"))
            run(dsn, schema_sql())
            for engine, fails in wanted:
                pairs = asyncio.run(_pairs(engine, dsn, jobs, rounds, fails))
                print(_lines(titles[engine, fails], pairs), flush=True)


async def _pairs(engine: Engine, dsn: str, jobs: int, rounds: int, fails: bool) -> list[Pair]:
    """With and without, of each round; who begins alternates. One small round before, for warm caches."""
    pairs: list[Pair] = []
    for number in range(-1, rounds):
        size = jobs if number >= 0 else min(jobs, 500)
        order = (True, False) if number % 2 else (False, True)
        both = {each: await taken(engine, dsn, size, reports=each, fails=fails) for each in order}
        if number >= 0:
            pairs.append((both[True], both[False]))
    return pairs


def _lines(title: str, pairs: list[Pair]) -> str:
    lines = []
    for index, unit in enumerate(("jobs/s", "ms CPU")):
        reporting, without = ([side[index] for side in sides] for sides in zip(*pairs, strict=True))
        ratios = sorted(
            one / other if unit == "jobs/s" else other / one for one, other in zip(reporting, without, strict=True)
        )
        ratio, digits = statistics.median(ratios), 0 if unit == "jobs/s" else 3
        lines.append(
            f"{title:<34}{unit:<8}{statistics.median(reporting):>10,.{digits}f}{statistics.median(without):>10,.{digits}f}"
            f"{ratio:>8.2f}   {ratios[0]:.2f} to {ratios[-1]:.2f}   ≥ {AIM:.2f}  {'met' if ratio >= AIM else 'MISSED'}"
        )
    return "\n".join(lines)
