"""What is measured: each function takes an engine, a database and a number of jobs, and returns one number."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from engines import Engine, clear, run


async def single_defer(engine: Engine, dsn: str, jobs: int) -> float:
    """Jobs per second, deferred one after the other on the loop."""
    async with engine.asynchronous(dsn).open_async() as app:
        task = app.task(name="empty")(_empty)
        await task.defer_async()
        started = time.perf_counter()
        for _ in range(jobs):
            await task.defer_async()
        return jobs / (time.perf_counter() - started)


async def sync_defer(engine: Engine, dsn: str, jobs: int) -> float:
    """Jobs per second, deferred one after the other without a loop."""

    def defer_all() -> float:
        app = engine.synchronous(dsn)
        with app.open():
            task = app.task(name="empty")(_empty)
            task.defer()
            started = time.perf_counter()
            for _ in range(jobs):
                task.defer()
            return jobs / (time.perf_counter() - started)

    return await asyncio.to_thread(defer_all)


async def batch_defer(engine: Engine, dsn: str, jobs: int) -> float:
    """Jobs per second of one batch."""
    async with engine.asynchronous(dsn).open_async() as app:
        task = app.task(name="empty")(_empty)
        await task.defer_async()
        started = time.perf_counter()
        await task.batch_defer_async(*({"number": number} for number in range(jobs)))
        return jobs / (time.perf_counter() - started)


async def throughput(engine: Engine, dsn: str, jobs: int, concurrency: int) -> float:
    """Empty asynchronous jobs per second that one worker runs, from its start to its end."""
    async with engine.asynchronous(dsn).open_async() as app:
        task = app.task(name="empty")(_empty)
        await task.batch_defer_async(*({"number": number} for number in range(jobs)))
        run(dsn, "ANALYZE procrastinate_jobs", "CHECKPOINT")
        started = time.perf_counter()
        await app.run_worker_async(concurrency=concurrency, wait=False, install_signal_handlers=False)
        return jobs / (time.perf_counter() - started)


async def latency(engine: Engine, dsn: str, jobs: int) -> float:
    """Median milliseconds from the call that defers a job to the first line of its task, on an idle worker."""
    async with engine.asynchronous(dsn).open_async() as app:
        started: asyncio.Queue[float] = asyncio.Queue()

        @app.task(name="tell")
        async def tell() -> None:
            started.put_nowait(time.perf_counter())

        worker = asyncio.create_task(app.run_worker_async(concurrency=10, install_signal_handlers=False))
        await tell.defer_async()
        await started.get()
        delays = []
        for _ in range(jobs):
            # The job before this one is over: the worker listens and does nothing.
            await asyncio.sleep(0.02)
            called = time.perf_counter()
            await tell.defer_async()
            delays.append(await started.get() - called)
        worker.cancel()
        await asyncio.wait({worker})
        return 1000 * statistics.median(delays)


async def _empty(number: int = 0) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Measure:
    """A line of the table: how many jobs of `JOBS` it takes, and whether more is better."""

    title: str
    unit: Literal["jobs/s", "ms"]
    share: float
    take: Callable[..., Awaitable[float]]
    options: tuple[tuple[str, Any], ...] = ()

    async def of(self, engine: Engine, dsn: str, jobs: int) -> float:
        """One number for one engine, on an empty queue."""
        clear(dsn)
        return await self.take(engine, dsn, max(1, round(jobs * self.share)), **dict(self.options))

    def ratio(self, ours: float, theirs: float) -> float:
        """How many times as fast ours is: above 1 is better, whatever the unit."""
        return ours / theirs if self.unit == "jobs/s" else theirs / ours


MEASURES = (
    Measure("single defer", "jobs/s", 0.05, single_defer),
    Measure("batch defer", "jobs/s", 1.0, batch_defer),
    Measure("sync defer", "jobs/s", 0.05, sync_defer),
    Measure("worker, concurrency 1", "jobs/s", 0.1, throughput, (("concurrency", 1),)),
    Measure("worker, concurrency 10", "jobs/s", 0.3, throughput, (("concurrency", 10),)),
    Measure("worker, concurrency 50", "jobs/s", 0.3, throughput, (("concurrency", 50),)),
    Measure("defer to start", "ms", 0.005, latency),
)
