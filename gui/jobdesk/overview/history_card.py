"""The chart of the overview with its head: which range, of what, what the colours mean, and the way to the jobs."""

from __future__ import annotations

from typing import Any, cast

from jobdesk_core.watching.live_hour import KINDS, Kind
from jobdesk_core.watching.spans import Span, Wish
from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.chart.chart import NOTHING, Chart
from jobdesk.kit.chart.data import ChartData
from jobdesk.kit.chart.legend import MOST_BUTTONS, Legend, curves_of, layers_of
from jobdesk.kit.chart.scales import span_text
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.remembered import Remembered
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.theme import theme
from jobdesk.overview.charted import BELOW, REST, Below, outcome_names
from jobdesk.overview.choice import BelowChoice, Choice
from jobdesk.overview.ranges import MINUTES, USUAL, bounds_words, filled_words, jobs_filter, recorded_words, short_name

#: What the title and its note take at least, in logical pixels at the usual size of text.
TITLE_WIDTH = 330


class HistoryCard(QFrame):
    """Asks by `wished` for what it is to show, and says by `jobs_asked_for` which jobs a column leads to."""

    wished = Signal()
    jobs_asked_for = Signal(str, int)  # the jobs of so many runs

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAccessibleName(self.tr("Finished per minute"))
        self.chart = Chart()
        self.title, self.note = QLabel(), OneLine("secondary")
        self.title.setProperty("strong", "true")
        self.ranges = Segmented([short_name(minutes) for minutes in MINUTES])
        self.ranges.choose(MINUTES.index(USUAL))
        self.choice, self.layers, self.curves = Choice(), Legend(), Legend()
        self.below_choice = BelowChoice()
        self.back = QPushButton(self.tr("Back"))
        self.back.setToolTip(self.tr("Back to the range before (Esc)"))
        self._dragged: list[tuple[int, int]] = []
        self.remembered = Remembered("overview", self)
        self._build()
        self._connect()
        self.show_reading()

    # What is asked for

    @property
    def below(self) -> Below:
        """What stands below the counts."""
        return self.below_choice.below

    @property
    def minutes(self) -> int:
        """The length of the range of the buttons that is chosen, or was before one was dragged."""
        return self._minutes

    def wish(self, queues: tuple[str, ...]) -> Wish:
        """What it is to show, with these queues one by one."""
        first, end = self._dragged[-1] if self._dragged else (None, None)
        return Wish(self._minutes, first, end, self.choice.kind, self.choice.name, queues)

    # What is shown

    def show_reading(self) -> None:
        """Nothing has been read yet."""
        self._show_title()
        self.note.set_whole("")
        self.chart.set_data(NOTHING, self.tr("reading …"))

    def show_span(self, span: Span, data: ChartData) -> None:
        """Show this, which `charted` has made of the span."""
        self.choice.set_names(span.names)
        self._show_title()
        known = recorded_words(span)
        bounds = "" if known and not self._dragged else bounds_words(span)
        self.note.set_whole(" · ".join(part for part in (bounds, known, filled_words(span)) if part))
        nothing = self.tr("No run has finished in this time.") if span.whole.recorded else ""
        self.chart.set_data(data, nothing)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    # Within

    def _show_title(self) -> None:
        words = self.tr("Finished per minute")
        name = self.choice.name
        self.title.setText(words if name is None else f"{words}: {formats.cut(name, 40)}")
        self.chart.setAccessibleName(f"{self.title.text()}, {self._range_words()}")

    def _range_words(self) -> str:
        return span_text(*self._dragged[-1]) if self._dragged else short_name(self._minutes)

    def _choose_range(self, position: int) -> None:
        self._minutes = MINUTES[position]
        self._dragged.clear()
        self._wish()

    def _drag(self, first: int, end: int) -> None:
        if end > first and (first, end) not in self._dragged[-1:]:
            self._dragged.append((first, end))
            self.ranges.choose(None)
            self._wish()

    def _go_back(self) -> None:
        if not self._dragged:
            return
        self._dragged.pop()
        if not self._dragged:
            self.ranges.choose(MINUTES.index(self._minutes))  # which asks for it
        else:
            self._wish()
        self.chart.setFocus()

    def _wish(self) -> None:
        self.back.setVisible(bool(self._dragged))
        self.chart.has_back = bool(self._dragged)
        self._keep()
        self._fit()
        self.wished.emit()

    def _hide_series(self) -> None:
        self.chart.set_hidden(self.layers.hidden | self.curves.hidden)
        self._keep()

    def _open_jobs(self, first: int, end: int, key: str) -> None:
        kind, name = self.choice.kind, self.choice.name
        outcomes, column = list(outcome_names()), self.chart.data.column_at(first)
        hidden = self.layers.hidden if self.chart.shown.layers else frozenset[str]()  # all hidden is none hidden
        layers = [each for each in self.chart.data.layers if (each.key == key if key else each.key not in hidden)]
        runs = sum(layer.values[column] for layer in layers)
        if kind is not None and name is None:
            names, is_without = self._named(key, hidden)
            self.jobs_asked_for.emit(jobs_filter(first, end, outcomes, kind, names, is_without=is_without), runs)
            return
        statuses = [key] if key in outcomes else [each for each in outcomes if each not in hidden]
        found = jobs_filter(first, end, statuses or outcomes, kind, () if name is None else (name,))
        self.jobs_asked_for.emit(found, runs)

    def _named(self, key: str, hidden: frozenset[str]) -> tuple[list[str], bool]:
        """The names that a click on a part, or beside all of them, means; or those without which it means all."""
        named = [layer.key for layer in self.chart.data.layers if layer.key != REST]
        if key:
            return (named, True) if key == REST else ([key], False)
        if REST in hidden:
            return [each for each in named if each not in hidden], False
        return [each for each in named if each in hidden], True

    # What is remembered

    def _keep(self) -> None:
        hidden = sorted(self.layers.hidden & set(outcome_names()) | self.curves.hidden)
        self.remembered.keep(
            minutes=self._minutes, kind=self.choice.kind, name=self.choice.name, below=self.below, hidden=hidden
        )

    def _take_remembered(self, kept: dict[str, Any]) -> None:
        """What was remembered is back, as far as it can be understood; the rest is as at first."""
        minutes, kind, name, hidden = (kept.get(key) for key in ("minutes", "kind", "name", "hidden"))
        self._minutes = minutes if minutes in MINUTES else USUAL
        self._dragged.clear()
        is_known = kind in KINDS
        self.choice.choose(
            cast("Kind", kind) if is_known else None, name if is_known and isinstance(name, str) else None
        )
        keys = {each for each in hidden if isinstance(each, str)} if isinstance(hidden, list) else set()
        for legend in (self.layers, self.curves):
            legend.set_hidden(keys)
        self.chart.set_hidden(keys)
        self.below_choice.choose(next((each for each in BELOW if each == kept.get("below")), "wait"))
        self.ranges.blockSignals(True)
        self.ranges.choose(MINUTES.index(self._minutes))
        self.ranges.blockSignals(False)
        self.back.hide()
        self.wished.emit()

    # Layout

    def _connect(self) -> None:
        self._minutes = USUAL
        self.ranges.changed.connect(self._choose_range)
        self.below_choice.changed.connect(self._wish)
        self.choice.changed.connect(self._wish)
        self.back.clicked.connect(self._go_back)
        self.layers.changed.connect(self._hide_series)
        self.curves.changed.connect(self._hide_series)
        self.chart.range_chosen.connect(self._drag)
        self.chart.back_asked_for.connect(self._go_back)
        self.chart.column_chosen.connect(self._open_jobs)
        self.remembered.chosen.connect(self._take_remembered)
        theme().changed.connect(self._fit)

    def _build(self) -> None:
        titles, self._tools, self._ways = QWidget(), QWidget(), QWidget()
        for holder, parts in (
            (titles, (self.title, self.note)),
            (self._tools, (self.layers, self.below_choice, self.curves)),
            (self._ways, (self.choice, self.back, self.ranges)),
        ):
            row = QHBoxLayout(holder)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(10)
            for part in parts:
                row.addWidget(part, int(part is self.note))
            if holder is self._tools:
                row.addStretch()
        self.back.hide()
        self._head = QGridLayout()
        self._head.setContentsMargins(15, 8, 12, 2)
        self._head.setHorizontalSpacing(14)
        self._head.setVerticalSpacing(6)
        self._head.setColumnStretch(0, 1)
        self._head.addWidget(titles, 0, 0)
        self._head.addWidget(self._ways, 0, 2)
        self._fit()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addLayout(self._head)
        layout.addWidget(self.chart, 1)

    def _fit(self) -> None:
        """The legend beside the title, with the curves' values if there is room; or in a line of its own.

        There as many series have a button as there is room for.
        """
        titles = max(theme().grown(TITLE_WIDTH), self.title.sizeHint().width() + self.note.sizeHint().width() + 10)
        beside, line = self.width() - self._ways.sizeHint().width() - titles - 60, self.width() - 30
        layers = layers_of(self.chart.data)
        curves = {is_short: curves_of(self.chart.data, is_short=is_short) for is_short in (False, True)}
        ways = [
            (room, place, most, is_short)
            for room, place, most in (
                (beside, (0, 1), MOST_BUTTONS),
                *((line, (1, 0), most) for most in range(MOST_BUTTONS, -1, -1)),
            )
            for is_short in curves
        ]

        def fits(way: tuple[int, tuple[int, int], int, bool]) -> bool:
            room, _, most, is_short = way
            needed = self.layers.room_of(layers, most) + self.curves.room_of(curves[is_short])
            return needed + self.below_choice.sizeHint().width() + 20 <= room

        _, place, most, is_short = next(filter(fits, ways), ways[-1])
        if place == (1, 0):
            self._place(place)  # before it is filled: a line that is too long for its place widens the page at once
        self.layers.show_series(layers, most)
        self.curves.show_series(curves[is_short])
        self._place(place)

    def _place(self, place: tuple[int, int]) -> None:
        there = self._head.itemAtPosition(*place)
        if there is None or there.widget() is not self._tools:
            self._head.removeWidget(self._tools)
            self._head.addWidget(self._tools, *place, 1, 1 if place == (0, 1) else 3)
