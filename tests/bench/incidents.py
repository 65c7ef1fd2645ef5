"""A day of incidents in some minutes: each is staged on a real database with real workers of ours and of the library.

For each: seconds until the first true line, seconds until a line names the cause, and that line. And before them some
minutes (ORDINARY_MIN, 10) of ordinary traffic, in which a worker is started anew: every line there is a false one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from engines import create_database, run
from jobdesk_core import PsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.monitor import Monitor
from jobdesk_core.processes import die_with_parent
from jobdesk_core.reported.ddl import schema_sql
from jobdesk_core.reported.detection import detect
from jobdesk_core.watching.attention import Attention, attention

HERE = Path(__file__).parent
MINUTES = float(os.environ.get("ORDINARY_MIN", "10"))
ENGINES = os.environ.get("ENGINES", "ours,theirs").split(",")
#: Seconds for which a line is waited for.
PATIENCE_S = 330.0
NAME = "jobdesk-incidents"
_HEAD = f"{'':<26}{'line, s':>9}{'cause, s':>10}   the line"


@dataclass(slots=True)
class Incident:
    """One that is staged: which rules may tell it, about which subject, and the words of which one is the cause."""

    name: str
    rules: Sequence[str]
    subject: str
    causes: Sequence[str]
    began: float = 0.0
    line_s: float | None = None
    cause_s: float | None = None
    text: str = ""

    def look(self, lines: Sequence[Attention]) -> None:
        """Take note of a line about it."""
        for line in lines:
            if self.began and line.rule in self.rules and self.subject in line.text:
                taken = time.monotonic() - self.began
                self.line_s = taken if self.line_s is None else self.line_s
                if self.cause_s is None:
                    self.text = line.text
                    if any(word in line.text for word in self.causes):
                        self.cause_s = taken

    @property
    def is_over(self) -> bool:
        """Whether all is known that it was staged for."""
        return self.cause_s is not None

    def told(self) -> str:
        """Its row of the table."""
        line, cause = (f"{each:.1f}" if each is not None else "never" for each in (self.line_s, self.cause_s))
        return f"{self.name:<26}{line:>9}{cause:>10}   {self.text}"


@dataclass(slots=True)
class Watched:
    """What the desk's own engine says of the database, from moment to moment."""

    monitor: Monitor
    incidents: list[Incident] = field(default_factory=list)
    seen: dict[tuple[str, str], str] = field(default_factory=dict)

    async def follow(self) -> None:
        """Look a few times a second."""
        while True:
            await asyncio.sleep(0.25)
            situation = self.monitor.situation()
            lines = attention(situation) if situation is not None else []
            for incident in self.incidents:
                incident.look(lines)
            for line in lines:
                self.seen.setdefault(line.key, line.text)


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
        await _until(lambda: self.value(query) > 0)

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


async def _until(is_so: Callable[[], bool], patience_s: float = 60.0) -> bool:
    end = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.2)
    return True


@contextlib.asynccontextmanager
async def _beside(*running: Awaitable[None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(each) for each in running]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _flow(stage: Stage) -> None:
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


# What is staged


async def _ordinary(stage: Stage, watched: Watched) -> None:
    """Ordinary minutes; half way a worker is started anew."""
    stage.start("main", "mail,etl,sync,serial,batch,rare", 8)
    stage.start("clock", "clock", 1, "periodic")
    await asyncio.sleep(5)
    watched.seen.clear()
    async with _beside(_flow(stage)):
        await asyncio.sleep(30 * MINUTES)
        stage.workers["main"].terminate()
        await asyncio.to_thread(stage.workers["main"].wait, 60)
        stage.start("main", "mail,etl,sync,serial,batch,rare", 8)
        await asyncio.sleep(30 * MINUTES)
    print(f"ordinary traffic, {MINUTES:g} min: {len(watched.seen)} false lines", flush=True)
    for text in watched.seen.values():
        print(f"    {text}")


def _incidents(engine: str) -> dict[str, Incident]:
    cause = ("ConnectTimeout",) if engine == "ours" else ("failures in",)
    gone = ("unresponsive", "no longer registered")
    found = (
        Incident("a worker killed", ("idle_queue", "stalled_jobs"), "killed", gone),
        Incident("a worker frozen", ("idle_queue", "stalled_jobs"), "frozen", gone),
        Incident("a queue unserved", ("idle_queue", "unserved"), "push", ("serve",)),
        Incident("a burst of failures", ("failures",), "invoice.render", cause),
        Incident("a missed schedule", ("schedule",), "clock.tick", ("not deferred", "not yet deferred")),
        Incident("a lock convoy", ("lock",), "lock convoy", ("has run for",)),
        Incident("a lock of a dead worker", ("lock", "idle_queue"), "orphaned", ("gone", "stalled job")),
        Incident("a run that hangs", ("long_run",), "report.make", ("has run for",)),
    )
    return {each.name: each for each in found}


async def _stage_all(stage: Stage, watched: Watched) -> None:
    """All at once, each in a queue of its own, while the traffic goes on."""
    known = _incidents(stage.engine)
    for name in ("killed", "frozen", "convoy", "orphaned"):
        stage.start(name, name, 1)
        stage.defer("report.make", name, lock=f"{name}", arguments='{"seconds": 900}')
    for name in ("killed", "frozen", "convoy", "orphaned"):
        await stage.runs(name)
    stage.start("hangs", "hangs", 4)
    stage.defer("report.make", "hangs", 40)
    await _until(
        lambda: (
            stage.value("SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'hangs' AND status <> 'succeeded'")
            == 0
        )
    )
    watched.incidents = list(known.values())
    now = time.monotonic()
    for name in ("killed", "orphaned"):
        stage.workers[name].kill()
    os.kill(stage.workers["frozen"].pid, signal.SIGSTOP)
    stage.workers["clock"].terminate()
    stage.defer("mail.send", "push", 5)
    stage.defer("invoice.render", "mail", 40)
    stage.defer("report.make", "hangs", arguments='{"seconds": 900}')
    for name in ("killed", "frozen"):
        stage.defer("mail.send", name, 3)
    for incident in known.values():
        incident.began = now

    async def convoys() -> None:
        while True:
            stage.defer("mail.send", "convoy", lock="convoy")
            stage.defer("mail.send", "orphaned", lock="orphaned")
            await asyncio.sleep(2)

    async with _beside(_flow(stage), convoys()):
        await _until(lambda: all(each.is_over for each in known.values()), PATIENCE_S)


@contextlib.contextmanager
def _slow_server(stage: Stage) -> Iterator[None]:
    """The server's processes of the desk stand still for most of the time."""
    pids = stage.connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [NAME]).fetchall()
    with subprocess.Popen([sys.executable, "-c", _STUTTER, *(str(pid) for (pid,) in pids)]) as process:
        try:
            yield
        finally:
            process.terminate()


async def _stage_slow(stage: Stage, watched: Watched) -> None:
    incident = Incident("a slow database", ("slow_database",), "to answer", ("to answer",))
    watched.incidents.append(incident)
    incident.began = time.monotonic()
    with _slow_server(stage):
        await _until(lambda: incident.is_over, 60)


async def _stage_blocked(stage: Stage, watched: Watched) -> None:
    """A session that nobody ends keeps the workers from fetching."""
    incident = Incident("a session in the way", ("idle_queue",), "batch", ("session with pid",))
    watched.incidents.append(incident)
    stage.defer("mail.send", "batch", 2_000)
    with psycopg.connect(stage.dsn, application_name="migration") as holder:
        holder.execute("LOCK TABLE procrastinate_jobs IN SHARE ROW EXCLUSIVE MODE")
        incident.began = time.monotonic()
        await _until(lambda: incident.is_over, 90)


async def _play(dsn: str, engine: str) -> None:
    connector = PsycopgConnector(conninfo=dsn, max_size=4, kwargs={"application_name": NAME})
    await connector.open_async()
    stage = Stage(dsn, engine)
    try:
        reported = await connector.run_async(detect())
        monitor = Monitor(connector, replace(await connector.run_async(DETECT), reported=reported))
        watched = Watched(monitor)
        async with _beside(monitor.run(lambda changes: None, lambda state: None), watched.follow()):
            await _ordinary(stage, watched)
            await _stage_all(stage, watched)
            await _stage_slow(stage, watched)
            await _stage_blocked(stage, watched)
    finally:
        stage.stop()
        await connector.close_async()
    print(_HEAD)
    for incident in watched.incidents:
        print(incident.told(), flush=True)


def bench(jobs: int, rounds: int, only: tuple[str, ...]) -> None:
    """Stage them all, for each engine, and print a table."""
    if not any(word in "incidents" for word in only):
        return
    with tempfile.TemporaryDirectory(prefix="jobdesk-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer(Path(folder)) as server:
            for engine in ENGINES:
                dsn = create_database(server, {"ours": "jobdesk", "theirs": "procrastinate"}[engine])
                if engine == "ours":
                    run(dsn, schema_sql())
                print(f"\nIncidents, workers of {engine}.", flush=True)
                asyncio.run(_play(dsn, engine))
