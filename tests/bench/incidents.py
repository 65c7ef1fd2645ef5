"""A day of incidents in some minutes: each is staged on a real database with real workers of ours and of the library.

For each: seconds until the first true line, seconds until a line names the cause, and that line. And before them some
minutes (ORDINARY_MIN, 10) of ordinary traffic, in which a worker is started anew: every line there is a false one. ONLY
chooses incidents by a part of their names: ONLY=convoy,schedule. Beside it a board of Grafana's:
`incidents_grafana.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from engines import create_database, run
from incident_stage import NAME, Stage, beside, fill, flow, slow_server, small_disk, until
from incidents_grafana import Board, board
from jobdesk_core import PsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.monitor import Monitor
from jobdesk_core.reported.ddl import schema_sql
from jobdesk_core.reported.detection import detect
from jobdesk_core.watching.attention import Attention, attention
from psycopg.conninfo import make_conninfo

MINUTES = float(os.environ.get("ORDINARY_MIN", "10"))
ENGINES = os.environ.get("ENGINES", "ours,theirs").split(",")
#: Seconds for which a line is waited for.
PATIENCE_S = 330.0
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
    board: Board | None = None

    def look(self, lines: Sequence[Attention]) -> None:
        """Take note of a line about it."""
        for line in lines:
            if 0 < self.began <= time.monotonic() and line.rule in self.rules and self.subject in line.text:
                taken = time.monotonic() - self.began
                self.line_s = taken if self.line_s is None else self.line_s
                if self.cause_s is None:
                    self.text = line.text
                    if any(word in line.text for word in self.causes):
                        self.cause_s = taken

    @property
    def is_over(self) -> bool:
        """Whether all is known that it was staged for, on the board beside it too."""
        return self.cause_s is not None and (self.board is None or self.board.is_done(self))

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


# What is staged


async def _ordinary(stage: Stage, watched: Watched) -> None:
    """Ordinary minutes; half way a worker is started anew."""
    stage.start("main", "mail,etl,sync,serial,batch,rare", 8)
    stage.start("clock", "clock", 1, "periodic")
    # Until both are there it is true that none is.
    await until(lambda: stage.value("SELECT count(*) FROM procrastinate_workers") == 2)
    await asyncio.sleep(5)
    watched.seen.clear()
    async with beside(flow(stage)):
        await asyncio.sleep(30 * MINUTES)
        stage.workers["main"].terminate()
        await asyncio.to_thread(stage.workers["main"].wait, 60)
        stage.start("main", "mail,etl,sync,serial,batch,rare", 8)
        await asyncio.sleep(30 * MINUTES)
    print(f"ordinary traffic, {MINUTES:g} min: {len(watched.seen)} false lines", flush=True)
    for text in watched.seen.values():
        print(f"    {text}")


def _incidents(engine: str) -> list[Incident]:
    cause = ("ConnectTimeout",) if engine == "ours" else ("failures in",)
    gone = ("unresponsive", "no longer registered")
    return [
        Incident("a worker killed", ("idle_queue", "stalled_jobs"), "killed", gone),
        Incident("a worker frozen", ("idle_queue", "stalled_jobs"), "frozen", gone),
        Incident("a queue unserved", ("idle_queue", "unserved"), "push", ("serve",)),
        Incident("a burst of failures", ("failures",), "invoice.render", cause),
        Incident("a storm of retries", ("failures",), "sync.storm", ("retried",)),
        Incident("a missed schedule", ("schedule",), "clock.tick", ("not deferred", "not yet deferred")),
        Incident("a lock convoy", ("lock",), "lock convoy", ("has run for",)),
        Incident("a lock of a dead worker", ("lock", "idle_queue"), "orphaned", ("gone", "stalled job")),
        Incident("a locked row", ("lock",), "lock row", ("session with pid",)),
        Incident("a run that hangs", ("long_run",), "report.make", ("has run for",)),
        Incident("a full disk", ("unrecorded",), "", ("no room",)),
        Incident("a slow database", ("slow_database",), "to answer", ("to answer",)),
        Incident("a session in the way", ("idle_queue",), "batch", ("session with pid",)),
    ]


#: Incidents of a queue whose one worker runs a job for a quarter of an hour.
HELD = {
    "a worker killed": "killed",
    "a worker frozen": "frozen",
    "a lock convoy": "convoy",
    "a lock of a dead worker": "orphaned",
}
#: Those that concern the whole database: one after the other.
ALONE = ("a slow database", "a session in the way")


async def _prepare(stage: Stage, known: Sequence[str]) -> None:
    """What has to go on before."""
    held = [HELD[name] for name in known if name in HELD]
    for name in held:
        stage.start(name, name, 1)
        stage.defer("report.make", name, lock=f"{name}", arguments='{"seconds": 900}')
    for name in held:
        await stage.runs(name)
    if "a run that hangs" in known:
        stage.start("hangs", "hangs", 4)
        stage.defer("report.make", "hangs", 40)
        left = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'hangs' AND status <> 'succeeded'"
        await until(lambda: stage.value(left) == 0)


async def _stage_all(stage: Stage, incidents: Sequence[Incident], disk: Path) -> None:
    """All at once, each in a queue of its own, while the traffic goes on."""
    known = {each.name: each for each in incidents}
    await _prepare(stage, list(known))
    now = time.monotonic()
    for incident in incidents:
        incident.began = now
    for name in ("a worker killed", "a lock of a dead worker"):
        if name in known:
            stage.workers[HELD[name]].kill()
    if "a worker frozen" in known:
        os.kill(stage.workers["frozen"].pid, signal.SIGSTOP)
    if "a missed schedule" in known:
        stage.workers["clock"].terminate()
        # It is missed from the next whole minute on.
        known["a missed schedule"].began = now + 60 - time.time() % 60
    if "a full disk" in known and not fill(disk):
        known["a full disk"].text = "not staged: no file system may be mounted here"
        del known["a full disk"]
    stage.defer("mail.send", "push", 5)
    stage.defer("invoice.render", "mail", 40)
    stage.defer("sync.storm", "sync", 12)
    stage.defer("report.make", "hangs", arguments='{"seconds": 900}')
    for name in ("killed", "frozen"):
        stage.defer("mail.send", name, 3)

    async def lines() -> None:
        while True:
            stage.defer("mail.send", "convoy", lock="convoy")
            stage.defer("mail.send", "orphaned", lock="orphaned")
            await asyncio.sleep(2)

    with stage.holding_a_row("row" if "a locked row" in known else None):
        async with beside(flow(stage), lines()):
            await until(lambda: all(each.is_over for each in known.values()), PATIENCE_S)


async def _stage_slow(stage: Stage, incident: Incident) -> None:
    incident.began = time.monotonic()
    with slow_server(stage):
        await until(lambda: incident.is_over, 60)


async def _stage_blocked(stage: Stage, incident: Incident) -> None:
    """A session that nobody ends keeps the workers from fetching."""
    stage.defer("mail.send", "batch", 2_000)
    with psycopg.connect(stage.dsn, application_name="migration") as holder:
        holder.execute("LOCK TABLE procrastinate_jobs IN SHARE ROW EXCLUSIVE MODE")
        incident.began = time.monotonic()
        await until(lambda: incident.is_over, 90)


async def _play(dsn: str, engine: str, only: tuple[str, ...], grafana: Board | None) -> None:
    connector = PsycopgConnector(conninfo=dsn, max_size=4, kwargs={"application_name": NAME})
    await connector.open_async()
    stage = Stage(dsn, engine)
    chosen = [each for each in _incidents(engine) if any(word in each.name for word in only)]
    for incident in chosen:
        incident.board = grafana
    at_once = [each for each in chosen if each.name not in ALONE]
    try:
        reported = await connector.run_async(detect())
        monitor = Monitor(connector, replace(await connector.run_async(DETECT), reported=reported))
        watched = Watched(monitor)
        with small_disk() as disk:
            monitor.recording.path_of = lambda server: disk / "history.sqlite"
            followed = monitor.run(lambda changes: None, lambda state: None)
            looks = [grafana.follow(chosen)] if grafana is not None else []
            async with beside(followed, monitor.recording.keep_saved(), watched.follow(), *looks):
                await _ordinary(stage, watched)
                watched.incidents = chosen
                await _stage_all(stage, at_once, disk)
                for incident in chosen:
                    if incident.name == "a slow database":
                        await _stage_slow(stage, incident)
                    elif incident.name == "a session in the way":
                        await _stage_blocked(stage, incident)
    finally:
        stage.stop()
        await connector.close_async()
    print(_HEAD)
    for incident in chosen:
        print(incident.told(), flush=True)
    for line in grafana.told(chosen) if grafana is not None else ():
        print(line, flush=True)


def bench(jobs: int, rounds: int, only: tuple[str, ...]) -> None:
    """Stage them, for each engine, and print a table."""
    words = ("",) if any(word in "incidents" for word in only) else only
    if not any(word in each.name for each in _incidents("ours") for word in words):
        return
    with tempfile.TemporaryDirectory(prefix="jobdesk-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer(Path(folder)) as server:
            for engine in ENGINES:
                dsn = create_database(server, {"ours": "jobdesk", "theirs": "procrastinate"}[engine])
                if engine == "ours":
                    run(dsn, schema_sql())
                print(f"\nIncidents, workers of {engine}.", flush=True)
                scraped = make_conninfo(dsn, application_name=NAME)
                with board(scraped, Path(folder) / engine, 30 * MINUTES) as grafana:
                    asyncio.run(_play(dsn, engine, words, grafana))
