"""Two of our workers and two of Procrastinate's on one database: 4,000 jobs, each run once, in the order of locks."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import jobdesk_core
import procrastinate
import pytest
from database import run_sql
from interop.twins import Twin, twin_of
from procrastinate.schema import SchemaManager
from waiting import until

JOBS = 4_000
QUEUES = ("a", "b", "c", "d")
#: Each worker's implementation and queues; none means all.
WORKERS = {
    "first": ("ours", ()),
    "second": ("theirs", ()),
    "third": ("ours", ("a", "b")),
    "fourth": ("theirs", ("c", "d")),
}
Processes = dict[str, asyncio.subprocess.Process]


@dataclass(frozen=True, slots=True)
class Course:
    """What happened, as the workers wrote it down."""

    runs: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    ends: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    order: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Course:
        """The course so far."""
        course = cls()
        for line in file.read_text("utf-8").splitlines():
            what, number, name = line.split()
            course.order.append((what, int(number)))
            if what == "start":
                course.runs[int(number)].append(name)
            else:
                course.ends[int(number)] += 1
        return course


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An empty file for the course of events."""
    path = tmp_path / "course"
    path.touch()
    return path


@contextlib.asynccontextmanager
async def crowd(dsn: str, file: Path) -> AsyncIterator[Processes]:
    """The four workers, registered; they stop well at the end, but for those that were killed."""
    module = str(Path(__file__).with_name("crowd.py"))
    processes: Processes = {}
    try:
        for name, (implementation, queues) in WORKERS.items():
            arguments = (sys.executable, module, implementation, dsn, str(file), name, *queues)
            processes[name] = await asyncio.create_subprocess_exec(*arguments)
        registered = "SELECT count(*) FROM procrastinate_workers"
        await until(lambda: run_sql(dsn, registered) == [4], timeout_s=30, what="four workers")
        yield processes
        living = [process for process in processes.values() if process.returncode is None]
        for process in living:
            process.terminate()
        codes = await asyncio.wait_for(asyncio.gather(*(process.wait() for process in living)), 60)
        assert codes == [0] * len(living)
    finally:
        for process in processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()


async def defer_all(ours: Twin, theirs: Twin) -> None:
    """Half of the jobs by each side, over four queues and three priorities; each tenth has one of 50 locks."""

    async def defer(twin: Twin, numbers: range) -> None:
        job = twin.module.jobs.Job
        jobs = [
            job(
                id=None,
                queue=QUEUES[number // 10 % 4],
                task_name="step",
                priority=number % 3,
                lock=f"{numbers.start}-{number // 10 % 25}" if number % 10 == 0 else None,
                queueing_lock=None,
                task_kwargs={"number": number},
            )
            for number in numbers
        ]
        await twin.app.job_manager.batch_defer_jobs_async(jobs)

    await asyncio.gather(defer(ours, range(JOBS // 2)), defer(theirs, range(JOBS // 2, JOBS)))
    # As autovacuum does within a minute: until then each fetch reads the whole table, whoever asks.
    run_sql(ours.dsn, "ANALYZE procrastinate_jobs")


def is_over(dsn: str) -> bool:
    """Whether nothing waits or runs."""
    return not run_sql(dsn, "SELECT id FROM procrastinate_jobs WHERE status IN ('todo', 'doing') LIMIT 1")


def locks_were_kept(dsn: str, course: Course) -> None:
    """The jobs of a lock ran one after the other, by priority and then by id."""
    of_locks = "SELECT lock, (args->>'number')::int FROM procrastinate_jobs WHERE lock IS NOT NULL"
    expected: dict[str, list[tuple[str, int]]] = defaultdict(list)
    lock_of: dict[int, str] = {}
    for lock, number in run_sql(dsn, f"{of_locks} ORDER BY lock, priority DESC, id"):
        expected[lock] += [("start", number), ("end", number)]
        lock_of[number] = lock
    happened: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for what, number in course.order:
        if number in lock_of:
            happened[lock_of[number]].append((what, number))
    assert len(happened) == 50
    assert happened == expected


@pytest.mark.timeout(180)
async def test_four_workers_of_two_engines_run_each_job_once(dsn: str, file: Path) -> None:
    async with twin_of(jobdesk_core, dsn) as ours, twin_of(procrastinate, dsn) as theirs, crowd(dsn, file):
        await defer_all(ours, theirs)
        await until(lambda: is_over(dsn), timeout_s=120, what="the end of all jobs")
    course = Course.read(file)
    assert run_sql(dsn, "SELECT status::text, attempts, count(*) FROM procrastinate_jobs GROUP BY 1, 2") == [
        ("succeeded", 1, JOBS)
    ]
    assert set(course.runs) == set(range(JOBS))
    assert {len(names) for names in course.runs.values()} == set(course.ends.values()) == {1}
    assert {name for names in course.runs.values() for name in names} == set(WORKERS)
    events = "SELECT type::text, count(*), count(DISTINCT job_id) FROM procrastinate_events GROUP BY 1 ORDER BY 2, 1"
    assert {tuple(row[1:]) for row in run_sql(dsn, events)} == {(JOBS, JOBS)}
    locks_were_kept(dsn, course)


@pytest.mark.timeout(180)
async def test_the_jobs_of_killed_workers_are_rescued_and_no_other_runs_twice(empty_dsn: str, file: Path) -> None:
    dsn = empty_dsn
    run_sql(dsn, SchemaManager.get_schema())
    rescued: dict[int, str] = {}

    async def rescue(ours: Twin, theirs: Twin) -> bool:
        """Retry what has stalled, by turns with either implementation."""
        for job in await ours.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=3):
            twin = (ours, theirs)[len(rescued) % 2]
            rescued[job.id] = job.task_name
            await twin.act("retry_job_by_id", job.id, dt.datetime.now(dt.UTC))
        return is_over(dsn)

    async with (
        twin_of(jobdesk_core, dsn) as ours,
        twin_of(procrastinate, dsn) as theirs,
        crowd(dsn, file) as processes,
    ):
        await defer_all(ours, theirs)
        for name in ("first", "second"):
            await until(functools.partial(_is_busy, file, name), timeout_s=60, what=f"{name} at work")
            os.kill(processes[name].pid, signal.SIGKILL)
            await processes[name].wait()
        await until(lambda: rescue(ours, theirs), timeout_s=120, what="the end of all jobs")
    course = Course.read(file)
    ends = run_sql(dsn, "SELECT status::text, (args->>'number')::int, attempts, id FROM procrastinate_jobs")
    assert len(ends) == JOBS and {end[0] for end in ends} == {"succeeded"}
    assert 1 <= len(rescued) <= 20
    for _, number, attempts, job_id in ends:
        assert attempts == (2 if job_id in rescued else 1)
        assert len(course.runs[number]) == 1 or job_id in rescued
        assert 1 <= course.ends[number] <= len(course.runs[number]) <= attempts
    assert {name for names in course.runs.values() for name in names} == set(WORKERS)


def _is_busy(file: Path, name: str) -> bool:
    """Whether a worker has run 200 jobs or more; then it is in the middle of others."""
    return file.read_text("utf-8").count(f" {name}\n") > 400
