"""The real window under a probe: `window.py start DSN`, `memory DSN ROWS`, `export DSN FILE` or `watch DSN ORDER …`.

It is started as the command `jobdesk` starts it. `start` tells when the jobs are painted, `memory` scrolls through the
table and tells what that takes, `watch` notes lateness and news until the standard input is closed.
"""

# ruff: noqa: E402

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

gc.disable()  # as the command does

from jobdesk.application import Program, parse_arguments
from jobdesk.jobs.page import JobsPage
from jobdesk.kit.theme import theme
from jobdesk.runtime import loop
from phases import Phases
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication

PHASES = Phases()
PHASES.over("imports")
#: How long the window rests before it counts as being at rest, and how long anything may take, in seconds.
REST_S, TIMEOUT_S = 3.0, 300.0


class Painted(QObject):
    """Waits until the table has been painted with rows in it."""

    def __init__(self, page: JobsPage) -> None:
        super().__init__()
        self._page = page
        self._is_painted = False
        self.done = asyncio.Event()
        page.table.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and self._page.model.rowCount() and not self._is_painted:
            self._is_painted = True
            QTimer.singleShot(0, self._note)
        return False

    def _note(self) -> None:
        """The painting is over."""
        PHASES.over("page")
        self.done.set()


async def start(program: Program) -> None:
    """Say when each phase was over; the last one when the jobs are painted."""
    program.window.view.session.desk_changed.connect(lambda: PHASES.over("connection"))
    painted = Painted(program.window.view.jobs)
    await painted.done.wait()
    PHASES.tell()


async def memory(program: Program, rows: str) -> None:
    """Scroll down through so many rows and say, ten times, how many have been passed and what is held in memory."""
    from probe import resident_mb, say

    await _at_rest(program)
    page = program.window.view.jobs
    bar = page.table.verticalScrollBar()
    say(f"0 {resident_mb()}")
    first, told = page.model.row_at(0).id, 0
    while told < 10:
        bar.setValue(bar.maximum())
        await asyncio.sleep(0)
        passed = first - page.model.row_at(page.table.sight()[0]).id
        if passed >= int(rows) * (told + 1) / 10:
            told += 1
            say(f"{passed} {resident_mb()}")


async def export(program: Program, path: str) -> None:
    """Export every job and say how many seconds that took, the most held meanwhile, and what was held before, in MB."""
    from jobdesk.exporting.dialog import ExportDialog
    from probe import resident_mb, say

    await _at_rest(program)
    view = program.window.view
    view.all_actions["list.export"].trigger()
    await _until(lambda: view.findChildren(ExportDialog))
    before, started = resident_mb(), time.perf_counter()
    most = before
    view.findChildren(ExportDialog)[0].write_to(Path(path))
    while not view.banners.sentence:
        await asyncio.sleep(0.2)
        most = max(most, resident_mb())
    if not view.banners.sentence.startswith("Exported"):
        raise RuntimeError(view.banners.sentence)
    say(f"{time.perf_counter() - started} {most} {before}")


async def watch(program: Program, order: str, ticks: str, heard: str) -> None:
    """Note lateness and news until told to end; without a file for them only watch."""
    from jobdesk_core.reading.pages import Order
    from probe import Heard, Lateness, say, when_told_to_end

    await _at_rest(program)
    window = program.window.view
    window.jobs.set_order(Order[order])
    await _until(lambda: window.jobs.model.rowCount() and not window.jobs.reading.is_reading)
    await asyncio.sleep(REST_S)
    # A probe's timer would be most of what a window at rest does.
    lateness = Lateness(window) if ticks else None
    assert window.session.desk is not None
    news = Heard(window.session.desk.changed) if heard else None
    ending = asyncio.Event()
    when_told_to_end(window, ending.set)
    say("ready")
    await ending.wait()
    if lateness is not None and news is not None:
        lateness.write(Path(ticks))
        news.write(Path(heard))


async def _at_rest(program: Program) -> None:
    """Filled, everything counted, and some seconds more."""
    session, jobs = program.window.view.session, program.window.view.jobs
    await _until(lambda: session.desk is not None and session.desk.monitor.counts.is_exact and jobs.model.rowCount())
    await asyncio.sleep(REST_S)


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0.05)


def main(what: str, dsn: str, *rest: str) -> int:
    """Start the program as its command does, with a probe beside it."""
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Jobdesk")
    app.setQuitOnLastWindowClosed(False)
    theme().install(app)

    async def run() -> int:
        program = Program(parse_arguments(["--dsn", dsn, "--theme", "light"]), app)
        PHASES.over("window")
        probes: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
            **{"start": start, "memory": memory, "watch": watch, "export": export}
        }
        probe = asyncio.create_task(probes[what](program, *rest))
        # A probe that fails ends the program.
        probe.add_done_callback(lambda _: program.window.close())
        code = await program.main()
        await probe
        return code

    return loop.run(app, run())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
