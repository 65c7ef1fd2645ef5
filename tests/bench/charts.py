"""The chart: the longest turn of the window's thread while it is opened, hovered over and dragged in.

Offscreen, which paints as a screen without a graphics card does. A frame is whatever is done between two turns of the
loop: new data is taken over in one, and painted in the next.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from jobdesk.kit.chart.chart import Chart
from jobdesk.kit.chart.data import ChartData, Curve, Layer
from jobdesk.kit.theme import theme
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from table import Line, below

#: The size of the chart on a large screen, and a frame at 60 Hz.
WIDTH, HEIGHT, FRAME_MS = 2_300, 600, 16.0
FIRST = 29_000_000


async def chart_lines(rounds: int) -> AsyncIterator[Line]:
    """An hour of fifty series, and a week of minutes."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    theme().install(app)
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
    known = [0 if 3_000 <= minute < 3_060 else 1 for minute in range(7 * 24 * 60)]
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
