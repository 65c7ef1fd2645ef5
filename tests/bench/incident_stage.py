"""Where the incidents are staged: one database, its real workers, and the traffic of an ordinary day."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from jobdesk_core.processes import die_with_parent

HERE = Path(__file__).parent
#: The name of the desk's sessions.
NAME = "jobdesk-incidents"
#: Bytes of the disk on which the desk records.
DISK_BYTES = 2_000_000


class Stage:
    """One database with its workers and traffic."""

    def __init__(self, dsn: str, engine: str) -> None:
        self.dsn, self.engine = dsn, engine
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.connection = psycopg.connect(dsn, autocommit=True)
        self._tick = 0

    def start(self, name: str, queues: str, concurrency: int = 4, *options: str) -> None:
        """Start a worker."""
        reports = ("reports",) if self.engine == "ours" else ()
        command = [sys.executable, str(HERE / "incident_worker.py"), self.engine, self.dsn, queues, str(concurrency)]
        self.workers[name] = subprocess.Popen(
            [*command, *reports, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: die_with_parent(signal.SIGKILL),
        )

    def defer(self, task: str, queue: str, count: int = 1, lock: str | None = None, arguments: str = "{}") -> None:
        """Defer jobs as every release does."""
        self.connection.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, lock, args) "
            "SELECT %s, %s, %s, %s::jsonb FROM generate_series(1, %s)",
            [task, queue, lock, arguments, count],
        )

    def value(self, query: str) -> Any:
        """The first value of a query."""
        row = self.connection.execute(query.encode()).fetchone()
        return row[0] if row is not None else None

    async def runs(self, queue: str) -> None:
        """Wait until something of a queue runs."""
        query = f"SELECT count(*) FROM procrastinate_jobs WHERE queue_name = '{queue}' AND status = 'doing'"
        await until(lambda: self.value(query) > 0)

    @contextlib.contextmanager
    def holding_a_row(self, lock: str | None) -> Iterator[None]:
        """A session that nobody ends has the row of the first job in line for a lock; None: there is none."""
        if lock is None:
            yield
            return
        with psycopg.connect(self.dsn, application_name="migration") as holder:
            # Of one that is deferred in the same transaction nobody knows: it is held before a worker sees it.
            self.connection.execute("BEGIN")
            self.defer("mail.send", "mail", lock=lock)
            self.connection.execute(
                "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '2 s' WHERE lock = %s", [lock]
            )
            self.connection.execute("COMMIT")
            holder.execute("SELECT FROM procrastinate_jobs WHERE lock = %s FOR UPDATE", [lock])
            self.defer("mail.send", "mail", 8, lock=lock)
            yield

    def traffic(self) -> None:
        """A quarter of a second of an ordinary day: single jobs, batches, a lock, retries, jobs for later."""
        self._tick += 1
        self.defer("mail.send", "mail", 1 + self._tick % 2)
        if self._tick % 8 == 0:
            self.defer("report.make", "etl", arguments='{"seconds": 3}')
        if self._tick % 20 == 0:
            self.defer("sync.pull", "sync", 5)
        if self._tick % 40 == 0:
            self.defer("mail.send", "serial", 6, lock="one after the other")
        if self._tick % 160 == 20:
            self.defer("mail.send", "batch", 400)
        if self._tick % 480 == 60:
            self.defer("invoice.render", "rare")

    def stop(self) -> None:
        """Kill all workers."""
        for process in self.workers.values():
            process.kill()
            process.wait(30)
        self.workers.clear()
        self.connection.close()


async def until(is_so: Callable[[], bool], patience_s: float = 60.0) -> bool:
    """Wait until something is so; whether it came to be."""
    end = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.2)
    return True


@contextlib.asynccontextmanager
async def beside(*running: Awaitable[None]) -> AsyncIterator[None]:
    """Let these run meanwhile."""
    tasks = [asyncio.ensure_future(each) for each in running]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def flow(stage: Stage) -> None:
    """The traffic, until cancelled."""
    while True:
        stage.traffic()
        await asyncio.sleep(0.25)


#: Has processes stand still for 1.3 s again and again, until it is told to end.
_STUTTER = """
import contextlib, os, signal, sys, time

def tell(sign):
    for pid in map(int, sys.argv[1:]):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    while True:
        tell(signal.SIGSTOP)
        time.sleep(1.3)
        tell(signal.SIGCONT)
        time.sleep(0.05)
finally:
    tell(signal.SIGCONT)
"""


@contextlib.contextmanager
def slow_server(stage: Stage) -> Iterator[None]:
    """The server's processes of the desk stand still for most of the time."""
    pids = stage.connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [NAME]).fetchall()
    with subprocess.Popen([sys.executable, "-c", _STUTTER, *(str(pid) for (pid,) in pids)]) as process:
        try:
            yield
        finally:
            process.terminate()


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """A folder with room for two megabytes: a file system of its own where that is allowed; else it is a folder."""
    folder = Path(tempfile.mkdtemp(prefix="jobdesk-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield folder
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def fill(folder: Path) -> bool:
    """Leave no room on a small disk; False where it is none."""
    if not folder.is_mount():
        return False
    with contextlib.suppress(OSError), (folder / "something else").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))
    return True
