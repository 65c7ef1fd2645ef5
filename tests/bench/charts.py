"""The chart: the longest turn of the window's thread while it is opened, hovered over and dragged in, and while a week
is read beside it.

Offscreen, which paints as a screen without a graphics card does. A frame is whatever is done between two turns of the
loop: new data is taken over in one, and painted in the next. A gap is the time between two turns of a timer of 1 ms,
and what the whole program has computed in it, the reading thread too.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from jobdesk.kit.chart.chart import Chart
from jobdesk.kit.chart.data import ChartData, Curve, Layer
from jobdesk.kit.theme import theme
from jobdesk.overview.charted import charted
from jobdesk.runtime.loop import SWITCH_S
from jobdesk_core import EventType
from jobdesk_core.history.histogram import bucket_of
from jobdesk_core.history.history import History
from jobdesk_core.history.minutes import Minute
from jobdesk_core.watching.spans import Wish, read_span
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from table import Line, below

#: The size of the chart on a large screen, and a frame at 60 Hz.
WIDTH, HEIGHT, FRAME_MS = 2_300, 600, 16.0
FIRST, WEEK = 29_000_000, 7 * 24 * 60
#: Of the history that is read.
QUEUES, TASKS, TOLD = 20, 40, 10


async def chart_lines(rounds: int) -> AsyncIterator[Line]:
    """An hour of fifty series, and a week of minutes; then a week as it is read."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    theme().install(app)
    gc.freeze()
    gc.disable()  # as the window has it, which collects between frames
    sys.setswitchinterval(SWITCH_S)
    for title, data in (("chart, 60 × 50 series", _hour_of(50)), ("chart, a week of minutes", _week())):
        worst: dict[str, list[float]] = {"opened": [], "hovered": [], "dragged": []}
        computed: dict[str, list[float]] = {name: [] for name in worst}
        for _ in range(rounds):
            chart = Chart()
            chart.resize(WIDTH, HEIGHT)
            chart.show()
            app.processEvents()
            acts: dict[str, Callable[[Chart], list[Callable[[], object]]]] = {
                "opened": partial(_opening, data),
                "hovered": _moves,
                "dragged": _drag,
            }
            for name, frames in acts.items():
                turns = [_turn(frame) for frame in frames(chart)]
                worst[name].append(max(wall for wall, _ in turns))
                computed[name].append(max(cpu for _, cpu in turns))
            chart.deleteLater()
        for name in worst:
            measure = f"{title} {name}"
            yield Line(measure, "ms", worst[name], "of it computing", computed[name], below(FRAME_MS))
    with tempfile.TemporaryDirectory(prefix="jobdesk-bench-") as folder:
        history = _recorded(Path(folder) / "week.sqlite")
        gaps = [_gap_while(partial(_read_week, history), app) for _ in range(rounds)]
    walls, computing = [wall for wall, _ in gaps], [cpu for _, cpu in gaps]
    yield Line("longest gap while a week is read", "ms", walls, "the program computing", computing, below(FRAME_MS))


def _gap_while(work: Callable[[], object], app: QApplication) -> tuple[float, float]:
    """The longest gap between two turns of the loop while something is done in a thread."""
    gaps, last = [(0.0, 0.0)], [time.perf_counter(), time.process_time()]

    def turn() -> None:
        now = [time.perf_counter(), time.process_time()]
        gaps.append((1000 * (now[0] - last[0]), 1000 * (now[1] - last[1])))
        last[:] = now

    timer, thread = QTimer(), threading.Thread(target=work, daemon=True)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(turn)
    timer.start(1)
    thread.start()
    while thread.is_alive():
        app.processEvents()
    timer.stop()
    return max(wall for wall, _ in gaps), max(cpu for _, cpu in gaps)


def _read_week(history: History) -> None:
    """As the overview reads it."""
    span = read_span(history, Wish(WEEK, queues=tuple(f"q{each}" for each in range(TOLD))), FIRST + WEEK)
    charted(span, "wait")


def _recorded(path: Path) -> History:
    """A week of minutes of some queues and tasks."""
    chance, history = random.Random(3), History(path)
    for first in range(FIRST, FIRST + WEEK, 720):
        minutes = {minute: Minute() for minute in range(first, first + 720)}
        for minute in minutes.values():
            for task in chance.sample(range(TASKS), TASKS // 2):
                cell, number = minute.cell(f"q{task % QUEUES}", f"t{task}"), chance.randint(1, 9)
                for kind in (EventType.STARTED, EventType.SUCCEEDED):
                    cell.add(kind, number)
                    for _ in range(number):
                        cell.add_duration(kind, bucket_of(chance.expovariate(0.3)))
        history.keep(minutes)
        history.save(FIRST + WEEK)
    return history


def _turn(frame: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.thread_time()
    frame()
    return 1000 * (time.perf_counter() - wall), 1000 * (time.thread_time() - cpu)


def _opening(data: ChartData, chart: Chart) -> list[Callable[[], object]]:
    return [lambda: chart.set_data(data), chart.repaint]


def _moves(chart: Chart) -> list[Callable[[], object]]:
    return [partial(_move, chart, x, Qt.MouseButton.NoButton) for x in range(60, WIDTH - 20, 9)]


def _drag(chart: Chart) -> list[Callable[[], object]]:
    press = _mouse(QEvent.Type.MouseButtonPress, 100, Qt.MouseButton.LeftButton)
    QApplication.sendEvent(chart, press)
    return [partial(_move, chart, x, Qt.MouseButton.LeftButton) for x in range(110, WIDTH - 100, 17)]


def _move(chart: Chart, x: int, button: Qt.MouseButton) -> None:
    QApplication.sendEvent(chart, _mouse(QEvent.Type.MouseMove, x, button))
    chart.repaint()


def _mouse(kind: QEvent.Type, x: int, button: Qt.MouseButton) -> QMouseEvent:
    at = QPointF(x, HEIGHT / 3)
    return QMouseEvent(kind, at, at, button, button, Qt.KeyboardModifier.NoModifier)


def _hour_of(series: int) -> ChartData:
    """Fifty queues upon each other."""
    chance = random.Random(1)
    layers = [
        Layer(f"q{each}", f"queue-{each}", [chance.randint(0, 9) for _ in range(60)], each) for each in range(series)
    ]
    return ChartData(FIRST, 1, [1] * 60, layers, _curves(chance, [1] * 60), "wait")


def _week() -> ChartData:
    """10,080 minutes of outcomes, an hour of which was not recorded."""
    chance = random.Random(2)
    known = [0 if 3_000 <= minute < 3_060 else 1 for minute in range(WEEK)]
    outcomes = (("succeeded", 80, 120, True), ("failed", -20, 4, False), ("aborted", -50, 1, False))
    layers = [
        Layer(
            name,
            name,
            [max(0, chance.randint(low, high)) * minutes for minutes in known],
            "failed" if name == "failed" else "succeeded",
            is_ground=is_ground,
            is_marked=not is_ground,
        )
        for name, low, high, is_ground in outcomes
    ]
    return ChartData(FIRST, 1, known, layers, _curves(chance, known), "wait")


def _curves(chance: random.Random, known: list[int]) -> list[Curve]:
    return [
        Curve(key, key, [usual * (0.5 + chance.random()) if minutes else None for minutes in known], "accent")
        for key, usual in (("p50", 2.0), ("p95", 9.0), ("p99", 15.0))
    ]
