"""The storm: eight desks, workers of both engines and everything that can break, and then the reckoning.

    make storm MINUTES=10 SEED=7

Clocks are wrong, each desk's in another way from one act to the next. At the end the counts, the rows, the journals
and the tables must agree. The seed that failed is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import faulthandler
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer
from pgbouncer import PROGRAM as PGBOUNCER
from pgbouncer import pgbouncer
from reckoning import Live, reckon
from weather import Strikes, leaky

DESKS = 8
HANDS = ("ours", "theirs", "ours", "theirs")
#: By how many seconds a worker's clock may be wrong.
CLOCKS = (0, 0, 2, -70, 3_600)
#: What every check of the project goes through: two storms that are always the same, of so many seconds each.
SHORT_SEEDS, SHORT_S = (5, 11), 15.0
#: Whatever takes so long after a storm hangs.
HANGS_S = 600.0
#: How often something is struck, in seconds on the mean.
STRIKE_S = 2.0
#: How long everyone has to begin.
CALM_S = 5.0
#: How long a server takes to recover, and what ends in good order to end.
PATIENCE_S = 60.0


class Crew:
    """The desks and the workers: each is started again when it has ended."""

    def __init__(self, folder: Path, desk_dsns: list[str], hand_dsns: list[str], chance: random.Random) -> None:
        self._folder = folder
        self._desk_dsns, self._hand_dsns = desk_dsns, hand_dsns
        self._chance = chance
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.journals = [folder / f"desk{number}" for number in range(DESKS)]

    def keep_up(self) -> None:
        """Start whoever is not running."""
        for number in range(DESKS):
            name = f"desk{number}"
            dsns = [self._desk_dsns[number % len(self._desk_dsns)]]
            self._start(name, "desk.py", name, str(self._chance.randrange(2**31)), str(self._folder), *dsns)
        for number, engine in enumerate(HANDS):
            dsn = self._hand_dsns[number % len(self._hand_dsns)]
            self._start(f"hand{number}", "hand.py", engine, dsn, str(self._folder), str(self._chance.choice(CLOCKS)))

    def _start(self, name: str, *command: str) -> None:
        process = self._running.get(name)
        if process is not None and process.poll() is None:
            return
        home = self._folder / name
        home.mkdir(exist_ok=True)
        places = {f"XDG_{kind}_HOME": str(home) for kind in ("CONFIG", "STATE", "DATA", "CACHE")}
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, str(Path(__file__).parent / command[0]), *command[1:]],
                env={**os.environ, **places},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def pids(self) -> list[int]:
        return [process.pid for process in self._running.values() if process.poll() is None]

    def end(self) -> None:
        """Desks at once, workers in good order, and by force when they do not."""
        for name, process in self._running.items():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL if name.startswith("desk") else signal.SIGTERM)
        until = time.monotonic() + PATIENCE_S
        for process in self._running.values():
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """The connection string of an empty database with the schema, on a server that keeps what it commits."""
    with EmbeddedServer(folder / "server") as running:
        with psycopg.connect(running.dsn, autocommit=True) as connection:
            connection.execute("CREATE DATABASE storm")
        dsn = running.dsn_of("storm")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(schema_sql().encode())
        yield dsn


async def storm(folder: Path, seconds: float, seed: int) -> list[str]:
    """Let it rage for so long; the contradictions found at the end."""
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        dsn = stack.enter_context(server(folder))
        pooled = stack.enter_context(pgbouncer(dsn)) if PGBOUNCER else dsn
        (folder / "link").mkdir()
        async with leaky(dsn, folder / "link", chance) as lossy, Live(lossy) as live:
            crew = Crew(folder, [dsn, pooled, lossy, lossy], [dsn, lossy], chance)
            strikes = Strikes(dsn, chance)
            crew.keep_up()
            await asyncio.sleep(CALM_S)
            until = time.monotonic() + seconds
            try:
                while time.monotonic() < until:
                    crew.keep_up()
                    await asyncio.sleep(chance.expovariate(1 / STRIKE_S))
                    await asyncio.to_thread(strikes.strike, crew.pids())
            finally:
                await asyncio.to_thread(crew.end)
            sys.stdout.write(f"struck: {strikes.count}\n")
            await asyncio.to_thread(_wait_for, dsn)
            return await reckon(dsn, folder, crew.journals, live)


def _wait_for(dsn: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            psycopg.connect(dsn).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--short", action="store_true", help="the two short storms of `make check` instead")
    parser.add_argument("--keep", action="store_true", help="leave logs, journals and runs where they are")
    options = parser.parse_args()
    if options.short:
        return max([rage(SHORT_S, seed, options.keep) for seed in SHORT_SEEDS])
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    return rage(options.seconds, seed, options.keep)


def rage(seconds: float, seed: int, is_kept: bool) -> int:
    """One storm, told; 1 where it left contradictions."""
    folder = Path(tempfile.mkdtemp(prefix="jobdesk-storm-"))
    folder.chmod(0o755)
    sys.stdout.write(f"seed {seed}, {seconds:.0f} s\n")
    sys.stdout.flush()
    faulthandler.dump_traceback_later(seconds + HANGS_S, exit=True)
    wrong = asyncio.run(storm(folder, seconds, seed))
    faulthandler.cancel_dump_traceback_later()
    for line in wrong:
        sys.stdout.write(f"WRONG  {line}\n")
    if wrong:
        sys.stdout.write(f"The storm of seed {seed} left {len(wrong)} contradictions; its files are in {folder}.\n")
        return 1
    if not is_kept:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write("Counts, rows, journals and tables agree.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
