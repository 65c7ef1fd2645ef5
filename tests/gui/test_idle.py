"""A window at rest rests: what it shows goes on, and nothing is laid out or painted for more than that."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from jobdesk.kit.theme import theme
from jobdesk.window.footer import SteadyLabel
from jobdesk.window.live_indicator import LiveIndicator
from opened import Others, live
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget
from waiting import until


class Heard(QObject):
    """Counts the events of the whole program by their type and by what they go to."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[tuple[str, str]] = Counter()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.counts[event.type().name, type(watched).__name__] += 1
        return False


async def test_a_window_at_rest_is_not_laid_out_anew_and_paints_nothing_below_its_rows(
    dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, dsn) as window:
            session = window.session
            await until(lambda: session.desk is not None and session.desk.monitor.counts.is_exact)
            await until(lambda: window.jobs.model.rowCount() == 1 and not window.jobs.table._fading.isActive())
            await asyncio.sleep(1)
            heard, app = Heard(), QApplication.instance()
            assert app is not None
            app.installEventFilter(heard)
            try:
                await asyncio.sleep(3)
                at_rest = heard.counts.copy()
                heard.counts.clear()
                job_id = others.defer()
                await until(lambda: window.jobs.model.row(job_id) is not None)
                heard.counts.clear()
                others.start(job_id)
                await until(lambda: heard.counts["Timer", "JobsTable"] or not window.jobs.table._fading.isActive())
                await until(lambda: not window.jobs.table._fading.isActive())
            finally:
                app.removeEventFilter(heard)
            # Three seconds go by: the time in the footer three times, and none of it moves anything.
            assert at_rest["LayoutRequest", "MainWindow"] <= 1, at_rest
            # The loop is woken to ask the database once a second, and ten times a second by nobody.
            assert at_rest["Timer", "_Turns"] < 60, at_rest
            # A row that fades is painted on the ground of its table: not the page below, nor what lies below that.
            assert heard.counts["Paint", "JobsPage"] < heard.counts["Paint", "QWidget"], heard.counts


async def test_a_table_lies_on_its_own_ground(run_coroutine: object) -> None:
    from jobdesk.kit.table import Table

    table = Table("Names")
    table.setModel(QStandardItemModel(0, 1))
    table.resize(300, 200)
    try:
        for mode in ("light", "dark"):
            theme().set_mode(mode)
            for ground in ("background", "panel"):
                table.set_ground(ground)
                shown = table.viewport().grab().toImage().pixelColor(150, 100)
                assert shown == theme().tokens.colour(ground), (mode, ground)
    finally:
        theme().set_mode("light")


async def test_what_the_footer_says_moves_its_neighbours_only_when_its_width_changes() -> None:
    row = QWidget()
    layout = QHBoxLayout(row)
    label = SteadyLabel()
    layout.addWidget(label)
    layout.addStretch()
    row.show()
    heard = Heard()
    row.installEventFilter(heard)
    line = row.fontMetrics().height()

    def fits() -> bool:
        over = label.width() - label.fontMetrics().horizontalAdvance(label.text())
        return 0 <= over <= 2 and label.height() < 2 * line

    try:
        for text in ("as of 12:00:00", "as of a much longer time than that", "short", "", "as of 12:00:00"):
            label.setText(text)
            await until(fits, what=f"the room for {text!r}")
        await asyncio.sleep(0.05)
        heard.counts.clear()
        label.setText("as of 12:00:01")
        await asyncio.sleep(0.05)
        assert not heard.counts["LayoutRequest", "QWidget"] and fits()
        before = label.width()
        theme().set_text_percent(150)
        line *= 2
        await until(lambda: fits() and label.width() > before, what="the room for larger text")
    finally:
        theme().set_text_percent(100)


async def test_the_live_indicator_keeps_its_width_while_milliseconds_come_and_go() -> None:
    live_indicator = LiveIndicator()
    live_indicator.set_state("live", "Live · 12 ms", "")
    wide = live_indicator.sizeHint().width()
    live_indicator.set_state("live", "Live · 3 ms", "")
    assert live_indicator.sizeHint().width() == wide and live_indicator.text == "Live · 3 ms"
    live_indicator.set_state("live", "Live · 1,234 ms", "")
    assert live_indicator.sizeHint().width() > wide
    live_indicator.set_state("closed", "Off", "why")
    assert live_indicator.sizeHint().width() < wide and "why" in live_indicator.toolTip()
