"""Fifty databases on one desk: what the Fleet page takes of a core and of the server; a dead one delays nobody.

`fleet.py child PROFILES SECONDS VISIBLE` is the window's process: the page, and once a second how old the oldest answer
is of those that can answer.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.profiles import Profile, ProfileStore
from jobdesk_core.watching.pulse import Pulse
from psycopg.conninfo import make_conninfo
from table import HEAD, Line, below
from watching import _environment, _output, _running

#: Databases, of which one is dead and one is locked; seconds between two questions, of a round, and until all is up.
DATABASES, INTERVAL_S, ROUND_S, UP_S = 50, 5.0, 20.0, 20.0
CHANGES_PER_S = 200
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100

#: Six queues with some jobs each, three workers, and an hour in which ten runs ended each minute.
_FILL = (
    "ALTER TABLE procrastinate_jobs DISABLE TRIGGER USER",
    "SELECT procrastinate_register_worker_v1() FROM generate_series(1, 3)",
    "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q' || n % 6, 't' || n % 9 "
    "FROM generate_series(1, 60) AS n",
    "WITH job AS (INSERT INTO procrastinate_jobs (queue_name, task_name, status) SELECT 'q' || n % 6, 't' || n % 9, "
    "'succeeded' FROM generate_series(1, 600) AS n RETURNING id) INSERT INTO procrastinate_events (job_id, type, at) "
    "SELECT id, 'succeeded', now() - (id % 60) * interval '1 minute' FROM job",
    "ALTER TABLE procrastinate_jobs ENABLE TRIGGER USER",
)
_MANY = (
    "ALTER TABLE procrastinate_jobs DISABLE TRIGGER USER",
    "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q' || n % 6, 't' FROM generate_series(1, {}) AS n",
    "ALTER TABLE procrastinate_jobs ENABLE TRIGGER USER",
    "ANALYZE procrastinate_jobs",
)


def run(jobs: int, rounds: int, only: tuple[str, ...]) -> None:
    """Measure, and print the table."""
    if any(word in "fleet" for word in only):
        print(f"\nFleet: {DATABASES} databases, asked every {INTERVAL_S:.0f} s; one is dead, one is locked.\n\n{HEAD}")
        with tempfile.TemporaryDirectory(prefix="jobdesk-bench-") as folder:
            home = Path(folder)
            home.chmod(0o755)
            (home / "server").mkdir(mode=0o755)
            with EmbeddedServer(home / "server", is_durable=False) as server:
                asyncio.run(_print(server.dsn, home, jobs, min(rounds, 3)))


async def _print(dsn: str, home: Path, jobs: int, rounds: int) -> None:
    async for line in _lines(dsn, home, jobs, rounds):
        print(line, flush=True)


async def _lines(dsn: str, home: Path, jobs: int, rounds: int) -> AsyncIterator[Line]:
    places = _databases(dsn)
    with socket.create_server(("127.0.0.1", 0)) as dead, psycopg.connect(places[1]) as locked:
        store = ProfileStore(home / "profiles.toml")
        for number, place in enumerate(places):
            place = f"host=127.0.0.1 port={dead.getsockname()[1]} dbname=x user=x" if number == 0 else place
            store.save(Profile(name=f"db-{number:02}", method="dsn", dsn=place, folder=f"folder {number % 5}"))
        locked.execute("LOCK TABLE procrastinate_jobs")
        for is_seen in (True, False):
            shares, asked_ms, ages = await _watched(dsn, store.path, home, rounds, is_seen=is_seen)
            name = "page on show" if is_seen else "page out of sight"
            yield Line(f"fleet, {name}", "%", shares, "one core", [100.0], below(3))
            if is_seen:
                yield Line("server, each question", "ms", asked_ms, "the time between two", [1000 * INTERVAL_S])
                oldest = "asked every 5 s, worst age"
                yield Line(f"fleet, {oldest}", "s", [max(ages)], "the median", [statistics.median(ages)], below(15))
    async for line in _questions(places[2], jobs, home):
        yield line


def _databases(dsn: str) -> list[str]:
    """As many databases, each a copy of the first."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE fleet")
        first = make_conninfo(dsn, dbname="fleet")
        with psycopg.connect(first, autocommit=True) as filled:
            for text in (schema_sql(), *_FILL):
                filled.execute(text.encode())
        for number in range(DATABASES):
            connection.execute(f"CREATE DATABASE fleet_{number} TEMPLATE fleet STRATEGY file_copy".encode())
    return [make_conninfo(dsn, dbname=f"fleet_{number}") for number in range(DATABASES)]


async def _watched(
    dsn: str, profiles: Path, home: Path, rounds: int, *, is_seen: bool
) -> tuple[list[float], list[float], list[float]]:
    """The hundredths of a core that the window takes, the server's milliseconds per question, and the ages."""
    seconds = UP_S + rounds * ROUND_S + 2
    shares, asked_ms = [], []
    with _running(_environment(home), "fleet.py", "child", str(profiles), str(seconds), str(int(is_seen))) as process:
        await asyncio.sleep(UP_S)
        clock = ~process.pid << 3 | 2  # Linux: the processor time of another process
        for _ in range(rounds):
            before, spent, at = time.clock_gettime(clock), _spent(dsn), time.monotonic()
            await asyncio.sleep(ROUND_S)
            elapsed = time.monotonic() - at
            shares.append(100 * (time.clock_gettime(clock) - before) / elapsed)
            after = _spent(dsn)
            each = [after[pid] - spent[pid] for pid in spent if pid in after]
            asked_ms.append(1000 * statistics.mean(each) / (elapsed / INTERVAL_S) if each else 0.0)
        assert process.stdout is not None
        told = [line.split() for line in process.stdout if line[:1].isdigit()]
    return shares, asked_ms, [float(age) for at, age in told if float(at) > UP_S]


def _spent(dsn: str) -> dict[int, float]:
    """The processor time in seconds of each of the fleet's server processes."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'jobdesk fleet'"
        ).fetchall()
    return {pid: _used(pid) for (pid,) in found}


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def _questions(dsn: str, jobs: int, home: Path) -> AsyncIterator[Line]:
    """One question by itself: at rest, while 200 changes happen each second, and with a million due jobs."""
    async with _open(dsn) as connector:
        rest = await _costs(connector, 40)
        changing = asyncio.create_task(
            asyncio.to_thread(
                _output, _environment(home), "changes.py", dsn, str(CHANGES_PER_S), "20", str(home / "log")
            )
        )
        moving = await _costs(connector, 20, pause_s=0.9)
        await changing
        with psycopg.connect(dsn, autocommit=True) as connection:
            for text in _MANY:
                connection.execute(text.format(jobs).encode())
        many = await _costs(connector, 20)
    yield Line(f"a question, {CHANGES_PER_S} changes/s", "ms", moving, "at rest", rest, below(50))
    yield Line(f"a question, {jobs:,} due", "ms", many, "at rest", rest, below(50))


class _open:
    """A connector within a with block."""

    def __init__(self, dsn: str) -> None:
        self._connector = PsycopgConnector(conninfo=dsn)

    async def __aenter__(self) -> PsycopgConnector:
        await self._connector.open_async()
        return self._connector

    async def __aexit__(self, *_: object) -> None:
        await self._connector.close_async()


async def _costs(connector: PsycopgConnector, times: int, pause_s: float = 0.05) -> list[float]:
    """The server's processor time for a question, in milliseconds."""
    pulse = Pulse()
    async with connector.own_connection() as connection:
        await pulse.ask(connector, connection)
        before = _used(connection.info.backend_pid)
        for _ in range(times):
            await asyncio.sleep(pause_s)
            await pulse.ask(connector, connection)
        return [1000 * (_used(connection.info.backend_pid) - before) / times]


# The window's process


async def _child(profiles: Path, seconds: float, *, is_seen: bool) -> int:
    from jobdesk.connection.session import Session
    from jobdesk.fleet.board import FleetBoard
    from jobdesk.window.desks import Desks
    from jobdesk.window.main_window import MainWindow
    from jobdesk_core.journal import Journal

    store = ProfileStore(profiles)
    desks = Desks(lambda: MainWindow(Session(store, Journal(profiles.with_name("journal.sqlite")))))
    board = FleetBoard(store)
    desks.share(board)
    desks.open()
    desks.frames[0].show()
    desks.current.view.show_page("fleet")
    await asyncio.sleep(UP_S / 2)
    if not is_seen:
        desks.current.view.show_page("jobs")
    end, began = time.monotonic() + seconds - UP_S / 2, time.monotonic() - UP_S / 2
    while time.monotonic() < end:
        await asyncio.sleep(1)
        now = time.monotonic()
        ages = [member.age_s(now) for member in board.members if member.name not in ("db-00", "db-01")]
        known = [age if age is not None else now - began for age in ages]
        print(f"{now - began:.1f} {max(known):.2f}", flush=True)
    await board.stop()
    await desks.stop()
    return 0


@contextmanager
def _application() -> Iterator[object]:
    from jobdesk.kit.theme import theme
    from PySide6.QtWidgets import QApplication

    app = QApplication([])
    theme().install(app)
    yield app


if __name__ == "__main__":
    from jobdesk.runtime import loop

    with _application() as made:
        coroutine = _child(Path(sys.argv[2]), float(sys.argv[3]), is_seen=sys.argv[4] == "1")
        sys.exit(loop.run(made, coroutine))  # type: ignore[arg-type]
