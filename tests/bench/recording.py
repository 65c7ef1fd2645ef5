"""What recording costs: memory and room for HOURS (24) hours of simulated time, and the server per watched hour.

The simulated time goes through the very parts that the feed tells: the series, the recorder, and its file; 50 changes
a second of 20 queues and 60 tasks. The server is watched for WATCHED_S (30) seconds at rest and as long in a storm of
200 jobs a second; what it costs in an hour is extrapolated from that.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import itertools
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import kindness
from engines import create_database, run
from jobdesk_core import EventType, PsycopgConnector, Status
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.rows import EventRow, JobRow
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.history.filling import Filler
from jobdesk_core.history.history import History
from jobdesk_core.history.recorder import Recorder
from jobdesk_core.monitor import Monitor
from jobdesk_core.reading.pace import minute_of
from jobdesk_core.reading.series import Series

PER_S, QUEUES, TASKS = 50, 20, 60
BEGAN = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
WEEK = 7 * 24 * 60
_BOUND_MB = 64
#: Events that are filled in, ten a second.
LIVED = """
INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts)
    SELECT 'q' || g % 20, 't' || g % 60, 'succeeded', 1 FROM generate_series(1, {jobs}) g;
DELETE FROM procrastinate_events;
INSERT INTO procrastinate_events (job_id, type, at)
    SELECT job.id, kind::procrastinate_job_event_type,
        now() - ({jobs} - job.id) * interval '0.3 s' - later * interval '1 s'
    FROM procrastinate_jobs AS job, (VALUES ('deferred', 3), ('started', 2), ('succeeded', 1)) AS told (kind, later)
    ORDER BY 3;
ANALYZE;
"""


def bench(jobs: int, rounds: int, only: tuple[str, ...]) -> None:
    """Measure, and print a line for each."""
    measures: dict[str, Callable[[], None]] = {
        "recording a simulated day": simulate,
        "recording beside the server": lambda: _on_a_server(min(jobs, 200_000)),
    }
    for title, measure in measures.items():
        if any(word in title for word in only):
            print(f"\n{title}")
            measure()


def simulate() -> None:
    """Memory by the hour, and the file."""
    hours = int(os.environ.get("HOURS", "24"))
    with tempfile.TemporaryDirectory(prefix="jobdesk-bench-") as folder:
        history = History(Path(folder) / "h.sqlite")
        clock = itertools.count()
        recorder = Recorder(history, lambda: float(second))
        series, chance, second, ids = Series(), random.Random(1), next(clock), itertools.count(1)
        recorder.begin(BEGAN)
        memory: list[float] = []
        started = time.process_time()
        while second < hours * 3600:
            second = next(clock)
            now = BEGAN + dt.timedelta(seconds=second)
            events, rows = _lives(now, ids, chance)
            recorder.add(series.add_events(events, rows, now), now)
            recorder.see(now, is_whole=True)
            if second % 60 == 10:
                history.save(minute_of(now))
            if second % 3600 == 3599:
                gc.collect()
                memory.append(_resident_mb())
        took = time.process_time() - started
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
        end = minute_of(BEGAN + dt.timedelta(hours=hours))
        found = history.read(end - hours * 60, end, 1)
        read = min(_timed(lambda: history.read(end - WEEK, end, 1)) for _ in range(5))
    # What is held of each queue and task grows to its bound first.
    held = memory[len(memory) // 2 :]
    slope = statistics.linear_regression(range(len(held)), held).slope if len(held) > 2 else float("nan")
    print(f"  {hours} h of {PER_S} changes/s, {found.recorded:,} minutes recorded, {QUEUES} queues, {TASKS} tasks")
    print(
        f"  memory: {memory[0]:.1f} MB after the first hour, {held[0]:.1f} MB at half-time, {memory[-1]:.1f} MB in the "
        f"end; {slope:+.3f} MB/h in the second half"
    )
    print(f"  file: {size:.1f} MB, {size / hours:.2f} MB/h while minutes are kept; the bound is {_BOUND_MB} MB")
    print(f"  processor: {1e6 * took / (hours * 3600 * PER_S):.1f} µs for each change, series, recorder and file")
    print(f"  a week's columns of minutes: {1000 * read:.0f} ms")


def _lives(now: dt.datetime, ids: Iterator[int], chance: random.Random) -> tuple[list[EventRow], dict[int, JobRow]]:
    """The lives of some jobs: each is deferred, started, and ends."""
    events: list[EventRow] = []
    rows: dict[int, JobRow] = {}
    for _ in range(PER_S // 3):
        job_id, task = next(ids), chance.randrange(TASKS)
        queue = f"q{task % QUEUES}"
        rows[job_id] = JobRow(
            job_id, f"t{task}", queue, Status.SUCCEEDED, 0, 1, None, None, None, None, False,
            now - dt.timedelta(seconds=chance.random() * 30),
        )  # fmt: skip
        at = now - dt.timedelta(seconds=chance.random())
        end = EventType.FAILED if chance.random() < 0.02 else EventType.SUCCEEDED
        for number, kind in enumerate((EventType.DEFERRED, EventType.STARTED, end)):
            events.append(EventRow(3 * job_id + number, job_id, kind, at + dt.timedelta(milliseconds=number * 100)))
    return events, rows


def _on_a_server(jobs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="jobdesk-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer(Path(folder) / "server") as server:
            dsn = create_database(server, "jobdesk")
            asyncio.run(_watch(dsn, Path(folder) / "h.sqlite", jobs))


async def _watch(dsn: str, path: Path, jobs: int) -> None:
    seconds = float(os.environ.get("WATCHED_S", "30"))
    own = kindness.Server(dsn)
    connector = PsycopgConnector(conninfo=dsn, kwargs={"application_name": kindness.NAME})
    await connector.open_async()
    monitor = Monitor(connector, await connector.run_async(DETECT))
    monitor.recording.path_of = lambda server: path
    tasks = [
        asyncio.create_task(each)
        for each in (monitor.run(lambda changes: None, lambda state: None), monitor.recording.keep_saved())
    ]
    try:
        await asyncio.sleep(5)
        await _cost(own, "at rest", seconds)
        finished = asyncio.Event()
        storming = asyncio.create_task(kindness.storm(dsn, finished))
        await _cost(own, f"{kindness.JOBS_PER_S} jobs/s", seconds)
        finished.set()
        await storming
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await monitor.recording.close()
    await asyncio.to_thread(run, dsn, LIVED.format(jobs=jobs))
    history = History(path.with_name("filled.sqlite"))
    filler = Filler(history, connector, sleep=lambda seconds: asyncio.sleep(0), most_s=float("inf"))
    now = minute_of(dt.datetime.now(dt.UTC))
    started = time.perf_counter()
    await filler.fill(now)
    found = history.read(now - WEEK, now, 1)
    took = time.perf_counter() - started
    print(
        f"  filled in: {3 * jobs:,} events of {found.recorded:,} minutes ask the server for {filler.cost_s:.1f} s, "
        f"{took:.1f} s in all"
    )
    await connector.close_async()


async def _cost(own: kindness.Server, what: str, seconds: float) -> None:
    """Print what an hour of watching costs, extrapolated."""
    name = "processor time of the monitor, s"
    before, started = own.read()[name], time.monotonic()
    await asyncio.sleep(seconds)
    took, after = time.monotonic() - started, own.read()[name]
    spent = 3600 * (after - before) / took
    print(
        f"  {what}: {spent:,.0f} s of the server's processor per watched hour, extrapolated from {took:.0f} s",
        flush=True,
    )


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
