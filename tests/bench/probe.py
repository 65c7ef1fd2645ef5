"""What is noted within a window that is measured: how late a timer of 5 ms comes, and when the feed told what."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from pathlib import Path

from jobdesk_core.feed.state import Changes
from PySide6.QtCore import QObject, QSocketNotifier, Qt, QTimer, SignalInstance

INTERVAL_MS = 5


class Lateness:
    """A timer of 5 ms; notes when it came, how late, and what the UI thread computed since it came before.

    Arrays of numbers: a probe that kept objects would give the garbage collector more to look through.
    """

    def __init__(self, parent: QObject) -> None:
        self._came, self._late_ms, self._busy_ms = array("d"), array("d"), array("d")
        self._before, self._cpu_before = time.perf_counter(), time.thread_time()
        self._timer = QTimer(parent)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._note)
        self._timer.start()

    def _note(self) -> None:
        now, cpu = time.perf_counter(), time.thread_time()
        self._came.append(now)
        self._late_ms.append(max(0.0, 1000 * (now - self._before) - INTERVAL_MS))
        self._busy_ms.append(1000 * (cpu - self._cpu_before))
        self._before, self._cpu_before = now, cpu

    def write(self, path: Path) -> None:
        """A line per tick: its time, its lateness and the computing before it."""
        ticks = zip(self._came, self._late_ms, self._busy_ms, strict=True)
        path.write_text("\n".join(f"{came} {late} {busy}" for came, late, busy in ticks))


class Heard:
    """Which events the desk's signal told, and when (after the window's own slot has shown them)."""

    def __init__(self, signal: SignalInstance) -> None:
        self._ids, self._told = array("q"), array("d")
        signal.connect(self._note)

    def _note(self, changes: Changes) -> None:
        now = time.perf_counter()
        self._ids.extend(event.id for event in changes.events)
        self._told.extend([now] * len(changes.events))

    def write(self, path: Path) -> None:
        """A line per event: its id and the time."""
        path.write_text("\n".join(f"{event_id} {told}" for event_id, told in zip(self._ids, self._told, strict=True)))


def when_told_to_end(parent: QObject, end: Callable[[], object]) -> None:
    """Call `end` when the standard input is closed: by whoever measures, or because it has gone."""
    notifier = QSocketNotifier(0, QSocketNotifier.Type.Read, parent)

    def told() -> None:
        notifier.setEnabled(False)
        end()

    notifier.activated.connect(told)


def say(word: str) -> None:
    """Tell whoever measures."""
    print(word, flush=True)


def resident_mb() -> float:
    """What this process holds in memory, in MB. Linux only."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024
