"""Places the parts of the Schedules page: toolbar, list with its legend, the next hour, and the side."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QLineEdit,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.areas import side_area, split, stacked, toolbar_row
from jobdesk.kit.empty_state import Action, EmptyState
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.labels import plain_label
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme
from jobdesk.schedules.band import NextHour
from jobdesk.schedules.model import KEYS, SchedulesModel
from jobdesk.schedules.side import ScheduleSide
from jobdesk.schedules.strip import Legend, ScheduleDelegate

SIDE_WIDTH, LEAST_SIDE = 372, 340
#: Narrower, the side stands below the list; lower then, the list has the room of the next hour.
NARROW_WIDTH, LOW_HEIGHT = 860, 660
#: Columns that are given up where there is no room, the first one first.
OPTIONAL = ("last", "next", "runs")


class Layout:
    """The widgets of one page, whose slots they are not: the page connects them."""

    def __init__(self, page: QWidget, model: SchedulesModel) -> None:
        self._page, self._model, self._is_narrow = page, model, False
        self._has_ahead = self._is_low = False
        self.kinds = Segmented([page.tr("All"), page.tr("Not on time")])
        self.find_field = QLineEdit()
        self.note = OneLine("secondary", is_right=True)
        self.table = Table(page.tr("Schedules"))
        self.below = plain_label("secondary")
        self.ahead = NextHour()
        self.side = ScheduleSide()
        self.empty = EmptyState("schedules", "", "")
        self._set_table(model)
        self._place()

    def set_actions(self, actions: Actions) -> None:
        """Put the one action on all schedules into the toolbar, and those on one beside it."""
        self._ask.setDefaultAction(actions["schedule.ask"])
        self.side.set_actions(actions)

    def show_ask(self, is_shown: bool) -> None:
        """Offer to ask the application, where the connection names one."""
        self._ask.setVisible(is_shown)

    def show_counts(self, count: int, late: int | None) -> None:
        """Say how many there are, and how many are not on time (None: not read yet)."""
        words = (self._page.tr("All"), self._page.tr("Not on time"))
        numbers = ("", "") if late is None else (f" {formats.number(count)}", f" {formats.number(late)}")
        self.kinds.set_texts([f"{word}{number}" for word, number in zip(words, numbers, strict=True)])

    def show_empty(self, told: tuple[str, str, list[Action]] | None, *, is_reading: bool) -> None:
        """Show the rows, or why there are none."""
        if told is not None:
            self.empty.set_content("schedules", *told)
        self._stack.setCurrentWidget(self.empty if told is not None else self._list)
        for part in (self._legend, self.below):
            part.setVisible(told is None and not is_reading)
        self._has_ahead = told is None and self.ahead.rows() > 0
        self.ahead.setVisible(self._has_ahead and not self._is_low)

    def fit(self) -> None:
        """Put the side below the list where there is no room beside it."""
        grown, width, height = theme().grown, self._page.width(), self._page.height()
        is_narrow = width < grown(NARROW_WIDTH)
        self._across.turn(is_narrow)
        if is_narrow:
            self._across.set_first_sizes([round(height * part) for part in (0.55, 0.45)])
        self._is_low = is_narrow and height < grown(LOW_HEIGHT)
        self.ahead.setVisible(self._has_ahead and not self._is_low)

    def show_side(self, is_shown: bool) -> None:
        """Show the side of the selected schedule, or no longer."""
        self._side.setVisible(is_shown)

    def _set_table(self, model: SchedulesModel) -> None:
        table = self.table
        table.setModel(model)
        table.setItemDelegate(ScheduleDelegate(table))
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.lay_columns(model.titles)
        table.name_columns("schedules", KEYS, growing="task", optional=OPTIONAL)
        table.resized.connect(self._fit_columns)

    def _fit_columns(self) -> None:
        """Make the columns narrow before one is given up."""
        model, table = self._model, self.table
        needed = sum(table.width_of(title, place) for place, title in enumerate(model.titles))
        is_narrow = table.viewport().width() < needed
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            table.lay_columns(model.narrow_titles if is_narrow else model.titles)

    def _toolbar(self) -> QWidget:
        self.find_field.setPlaceholderText(self._page.tr("Find a schedule"))
        self.find_field.setAccessibleName(self._page.tr("Find a schedule"))
        self.find_field.setClearButtonEnabled(True)
        keep_sizes(self.find_field, least_width=110, most_width=220)
        self._ask = QToolButton()
        self._ask.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._ask.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        bar = QWidget()
        row = toolbar_row(bar)
        row.addWidget(self.kinds)
        row.addWidget(self.find_field)
        row.addWidget(self.note, 1)
        row.addWidget(self._ask)
        return bar

    def _place(self) -> None:
        self._list = QWidget()
        self._legend = Legend()
        below = QVBoxLayout()
        below.setContentsMargins(12, 8, 12, 10)
        below.setSpacing(8)
        below.addWidget(self._legend)
        below.addWidget(self.below)
        column = QVBoxLayout(self._list)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.table, 1)
        column.addLayout(below)
        column.addWidget(self.ahead)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._list)
        self._stack.addWidget(self.empty)
        left = stacked(self._toolbar(), self._stack)
        self._side = side_area(self.side, self._page.tr("About the selected schedule"), LEAST_SIDE)
        sizes = [900, theme().grown(SIDE_WIDTH)]
        self._across = split(Qt.Orientation.Horizontal, "schedules", left, self._side, sizes)
        stacked(self._across, within=self._page)
        self.show_side(False)
