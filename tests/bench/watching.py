"""What the real window costs and how it feels, offscreen: its start, its memory, its lag and its stalls."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from jobdesk_core.monitor import MOVING_S
from jobdesk_core.processes import die_with_parent
from phases import PHASES, told
from table import Line, below, percentile, take_rounds, within

HERE = Path(__file__).parent
SCROLLED_ROWS = 200_000
#: How long each round of the lag is, in seconds, and how long the last changes are waited for.
LAG_ROUND_S, SETTLE_S = 6.0, 2.0
IDLE_ROUND_S = 15.0
RATES = (200, 2_000)
ORDERS = ("NEWEST", "NEXT_TO_RUN")

Tick = tuple[float, float, float]  # when it came, milliseconds late, milliseconds computed before it
Ticks = list[Tick]
Period = tuple[float, float]


# Start


async def start_lines(dsn: str, rounds: int) -> AsyncIterator[Line]:
    """From the start of the process to painted jobs, beside a bare window and one connection; and where it goes."""
    spent: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    with _folder() as folder:
        environment = _environment(folder)

        def start(who: str, *command: str) -> float:
            started = time.perf_counter()
            phases = list(told(_output(environment, *command), started))
            for phase, milliseconds, computing in phases:
                of_all = spent.setdefault((who, phase), ([], []))
                of_all[0].append(milliseconds)
                of_all[1].append(computing)
            return sum(milliseconds for _, milliseconds, _ in phases)

        async def ours() -> float:
            return start("ours", "window.py", "start", dsn)

        async def bare() -> float:
            return start("bare", "bare.py", "start", dsn)

        taken = await take_rounds({"ours": ours, "bare": bare}, rounds)
    peer = "bare window, one connection"
    yield Line("start to a filled window", "ms", taken["ours"], peer, taken["bare"], within(1.5))
    for phase in PHASES:
        yield Line(f"start, {phase}", "ms", spent["ours", phase][0], peer, spent["bare", phase][0])
    computing = {
        who: [sum(round_) for round_ in zip(*(spent[who, each][1] for each in PHASES), strict=True)]
        for who in ("ours", "bare")
    }
    yield Line("start, computing in all", "ms", computing["ours"], peer, computing["bare"], within(1.5))
    for phase in PHASES:
        yield Line(f"start, {phase}, computing", "ms", spent["ours", phase][1], peer, spent["bare", phase][1])


# Memory


async def memory_lines(dsn: str, jobs: int, rounds: int) -> AsyncIterator[Line]:
    """What scrolling through 200,000 rows adds to the window at rest, and what its second half adds to the first."""
    rows = min(SCROLLED_ROWS, jobs * 9 // 10)
    at_rest, most, half, end = [], [], [], []
    with _folder() as folder:
        environment = _environment(folder)
        for _ in range(min(rounds, 3)):
            told = _output(environment, "window.py", "memory", dsn, str(rows)).splitlines()
            held = [float(line.split()[1]) for line in told]
            at_rest.append(held[0])
            most.append(max(held) - held[0])
            half.append(held[5] - held[0])
            end.append(held[-1] - held[0])
    title = f"memory, {rows:,} rows scrolled"
    yield Line(f"{title}, more", "MB", most, "window at rest, in all", at_rest, below(40))
    yield Line(f"{title}, flat", "MB", end, "more after half of them", half, below(statistics.median(half) + 5))


# Idle


async def idle_lines(dsn: str, rounds: int) -> AsyncIterator[Line]:
    """The share of one core that the window's process takes: with nothing happening, and with a job a second."""
    still: list[float] = []
    moving: list[float] = []
    with _folder() as folder:
        environment = _environment(folder)
        watch = ("window.py", "watch", dsn, "NEWEST", "", "")
        with _running(environment, *watch) as process:
            await asyncio.sleep(SETTLE_S)
            for _ in range(rounds):
                still.append(await _share_taken(process, asyncio.sleep(IDLE_ROUND_S)))
                # A job is deferred, started and finished: three changes, a third of a second apart.
                load = ("changes.py", dsn, "3", str(IDLE_ROUND_S), str(folder / "log"))
                moving.append(await _share_taken(process, asyncio.to_thread(_output, environment, *load)))
                await asyncio.sleep(SETTLE_S)
    yield Line("idle, nothing happens", "%", still, "one core", [100.0], below(1))
    yield Line("idle, a job a second", "%", moving, "one core", [100.0], below(3))


async def _share_taken(process: subprocess.Popen[str], waiting: Awaitable[object]) -> float:
    """The hundredths of one core that a process takes meanwhile, by its own clock: how busy others are is no matter."""
    clock = ~process.pid << 3 | 2  # Linux: the processor time of another process
    cpu, started = time.clock_gettime(clock), time.monotonic()
    await waiting
    return 100 * (time.clock_gettime(clock) - cpu) / (time.monotonic() - started)


# Lag


async def lag_lines(dsn: str, rounds: int) -> AsyncIterator[Line]:
    """From a change's commit to the desk's signal, beside the feed's tick."""
    with _folder() as folder:
        environment = _environment(folder)
        logs: list[tuple[int, Path]] = []
        with _running(environment, "window.py", "watch", dsn, "NEWEST", str(folder / "ticks"), str(folder / "heard")):
            for number in range(rounds):
                for rate in RATES if number % 2 else reversed(RATES):
                    logs.append((rate, folder / f"log-{number}-{rate}"))
                    _output(environment, "changes.py", dsn, str(rate), str(LAG_ROUND_S), str(logs[-1][1]))
            await asyncio.sleep(SETTLE_S)
        told = _told(dsn, folder / "heard")
        lags: dict[int, list[list[float]]] = {rate: [] for rate in RATES}
        for rate, log in logs:
            lags[rate].append(list(_lags(log, told)))
    for rate, taken in lags.items():
        for part, aim in ((0.5, None), (0.99, below(300))):
            figures = [percentile(lag, part) for lag in taken]
            title = f"lag to the signal, {rate:,}/s, p{100 * part:.0f}"
            yield Line(title, "ms", figures, "the tick while things move", [1000 * MOVING_S], aim)


def _told(dsn: str, heard: Path) -> dict[tuple[int, str], float]:
    """When each change was told, by its job and its event's type."""
    times = {int(event_id): float(told) for event_id, told in map(str.split, heard.read_text().splitlines())}
    with psycopg.connect(dsn) as connection:
        query = "SELECT id, job_id, type::text FROM procrastinate_events WHERE id BETWEEN %s AND %s"
        events = connection.execute(query, [min(times), max(times)]).fetchall()
    return {(job_id, kind): times[event_id] for event_id, job_id, kind in events if event_id in times}


def _lags(log: Path, told: dict[tuple[int, str], float]) -> Iterator[float]:
    """The milliseconds that each change of a log took. Each must have been told."""
    for job_id, kind, sent in map(str.split, log.read_text().splitlines()):
        yield 1000 * (told[int(job_id), kind] - float(sent))


# Stalls


async def stall_lines(dsn: str, rounds: int, seconds: float) -> AsyncIterator[Line]:
    """How late a timer of 5 ms comes in the window while 2,000 changes/s arrive, beside the same window at rest.

    And beside a bare window during the same seconds, which tells how busy the machine was.
    """
    for order in ORDERS:
        with _folder() as folder:
            environment = _environment(folder)
            window = ("window.py", "watch", dsn, order, str(folder / "window"), str(folder / "heard"))
            at_rest: list[Period] = []
            loaded: list[Period] = []
            with _running(environment, *window), _running(environment, "bare.py", "watch", str(folder / "bare")):
                for _ in range(rounds):
                    with _noted(at_rest):
                        await asyncio.sleep(seconds / rounds)
                    with _noted(loaded):
                        load = (str(RATES[-1]), str(seconds / rounds), str(folder / "log"))
                        _output(environment, "changes.py", dsn, *load)
                    await asyncio.sleep(SETTLE_S)
            ours, bare = _ticks(folder / "window"), _ticks(folder / "bare")
        for line in _compared(order.lower().replace("_", " "), ours, bare, at_rest, loaded):
            yield line


def _compared(order: str, ours: Ticks, bare: Ticks, at_rest: list[Period], loaded: list[Period]) -> Iterator[Line]:
    """p99 is the median of the rounds', the worst that of all of them."""
    title = f"stall, {order}"
    peers = {"at rest": [_late(ours, period) for period in at_rest], "bare window": [_late(bare, p) for p in loaded]}
    taken = [_late(ours, period) for period in loaded]
    for peer, theirs in peers.items():
        aims = (below(16), below(50)) if peer == "at rest" else (None, None)
        figures = [percentile(late, 0.99) for late in taken]
        yield Line(f"{title}, p99", "ms", figures, peer, [percentile(late, 0.99) for late in theirs], aims[0])
        yield Line(f"{title}, worst", "ms", [max(map(max, taken))], peer, [max(map(max, theirs))], aims[1])
    # Its own work alone, without what the machine did meanwhile: the thread's time between two ticks.
    own, idle = (sorted(busy for _, _, busy in _within(ours, periods)) for periods in (loaded, at_rest))
    yield Line(f"{title}, own computing, p99", "ms", [percentile(own, 0.99)], "at rest", [percentile(idle, 0.99)])
    yield Line(f"{title}, own computing, worst", "ms", own[-1:], "at rest", idle[-1:])


def _ticks(path: Path) -> Ticks:
    return [
        (float(came), float(late), float(busy)) for came, late, busy in map(str.split, path.read_text().splitlines())
    ]


def _within(ticks: Ticks, periods: list[Period]) -> Iterator[Tick]:
    for begin, end in periods:
        yield from ticks[bisect_left(ticks, (begin,)) : bisect_left(ticks, (end,))]


def _late(ticks: Ticks, period: Period) -> list[float]:
    return [late for _, late, _ in _within(ticks, [period])]


@contextmanager
def _noted(periods: list[Period]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    periods.append((started, time.perf_counter()))


# Processes


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="jobdesk-bench-") as folder:
        yield Path(folder)


def _environment(home: Path) -> dict[str, str]:
    """Offscreen, with compiled modules as an installed program has them, and nothing of the caller's own settings."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PG", "XDG_", "QT_", "PYTHONDONT"))
    }
    return kept | {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "default.warning=false", "HOME": str(home)}


def _die_with_us() -> None:
    die_with_parent(signal.SIGKILL)


def _output(environment: dict[str, str], script: str, *arguments: str) -> str:
    """What a program of this folder prints, once it has ended."""
    command = [sys.executable, str(HERE / script), *arguments]
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=environment, preexec_fn=_die_with_us
    ).stdout


@contextmanager
def _running(environment: dict[str, str], script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program of this folder that runs until its input is closed; it is ready when it says its first word."""
    command = [sys.executable, str(HERE / script), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=_die_with_us
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            if not process.stdout.readline():
                raise RuntimeError(f"{script} ended before it was ready")
            yield process
        finally:
            process.stdin.close()
            process.wait(60)
