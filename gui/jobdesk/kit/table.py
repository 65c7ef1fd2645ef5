"""The one look of every table."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Protocol

from jobdesk_core.files import not_a_formula
from PySide6.QtCore import QAbstractItemModel, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QTableView,
    QWidget,
)

from jobdesk.kit.cells import FADE_S, PADDING, CellDelegate
from jobdesk.kit.columns import Columns
from jobdesk.kit.dress import dress
from jobdesk.kit.roles import (
    CHANGED_ROLE,
    AnyIndex,
)
from jobdesk.kit.theme import theme

HEADER_HEIGHT = 30
#: Milliseconds between two repaints of what fades.
FADE_MS = 200

#: What the mark of sorting takes of a column's head, and the widest a head's text may make its column.
ARROW, WIDEST_HEAD = 14, 240

#: What would end a cell or a line that is copied, and a number as it is shown.
_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_NUMBER = re.compile(r"#?-?[0-9][0-9,]*(\.[0-9]+)?")


class Sized(Protocol):
    """What a column says of its width: pixels at the usual size of text, and a text that it always has room for."""

    @property
    def width(self) -> int: ...

    @property
    def sample(self) -> str: ...


class Table(QTableView):
    """A table of rows of one height that is moved through row by row and marks what has just changed."""

    resized = Signal()

    def __init__(self, accessible_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(accessible_name)
        #: What a person chose of the columns, where that can be chosen.
        self.columns: Columns | None = None
        self._sized: Sequence[Sized] = ()
        self._cells = CellDelegate(self)
        self._take_ground()
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        theme().changed.connect(self._take_ground)
        self.setItemDelegate(self._cells)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        # Tab leaves the table: the arrows move within it.
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self._set_headers()
        self._fading = QTimer(self)
        self._fading.setInterval(FADE_MS)
        self._fading.timeout.connect(self._fade)
        theme().changed.connect(self._take_density)

    def _take_density(self) -> None:
        rows = self.verticalHeader()
        rows.setMinimumSectionSize(theme().row_height)
        rows.setDefaultSectionSize(theme().row_height)
        self.horizontalHeader().setFixedHeight(theme().grown(HEADER_HEIGHT))
        self._lay()
        self.viewport().update()

    def lay_columns(self, columns: Sequence[Sized]) -> None:
        """Make the columns as wide as they say, and as their title and their sample need, in any size of text."""
        self._sized = columns
        self._lay()

    def _lay(self) -> None:
        if not self._sized:
            return
        widths = [self.width_of(each, place) for place, each in enumerate(self._sized)]
        if self.columns is not None:
            self.columns.set_first_widths(widths)
            return
        for place, width in enumerate(widths):
            self.setColumnWidth(place, width)

    def width_of(self, column: Sized, place: int) -> int:
        """The width in pixels that a column needs."""
        title = str(self.model().headerData(place, Qt.Orientation.Horizontal))
        head = QFontMetrics(theme().font(12, QFont.Weight.Medium), self).horizontalAdvance(title)
        if self.isSortingEnabled():
            head += theme().grown(ARROW)
        text = QFontMetrics(theme().font(13), self).horizontalAdvance(column.sample)
        return max(theme().grown(column.width), min(theme().grown(WIDEST_HEAD), max(head, text)) + 2 * PADDING + 4)

    def selected_text(self) -> str:
        """The selected rows, a line each: the cells of the columns shown, as they stand, with tabs between."""
        return "\n".join(self.text_of_row(place) for place in self.selected_places())

    def selected_places(self) -> list[int]:
        """Where the selected rows stand, from top to bottom."""
        chosen = self.selectionModel().selection()
        ranges = (chosen.at(number) for number in range(chosen.count()))
        return sorted({place for each in ranges for place in range(each.top(), each.bottom() + 1)})

    def text_of_row(self, place: int) -> str:
        """The line of a row: none of its cells is a formula where it is pasted."""
        head, model = self.horizontalHeader(), self.model()
        columns = (head.logicalIndex(visual) for visual in range(head.count()))
        cells = (self.copied(model.index(place, column)) for column in columns if not self.isColumnHidden(column))
        lines = (_BREAKS.sub(" ", text) for text in cells)
        return "\t".join(text if _NUMBER.fullmatch(text) else not_a_formula(text) for text in lines)

    def copied(self, index: AnyIndex) -> str:
        """What is copied of a cell: its text, but of a number only the digits."""
        text = str(index.data() or "")
        is_number = Qt.AlignmentFlag.AlignRight & Qt.AlignmentFlag(index.data(Qt.ItemDataRole.TextAlignmentRole) or 0)
        return text.removeprefix("#").replace(",", "") if is_number and _NUMBER.fullmatch(text) else text

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Override QTableView.keyPressEvent: copy the rows, not the one cell that is the current one."""
        if event.matches(QKeySequence.StandardKey.Copy) and self.selectionModel().hasSelection():
            QApplication.clipboard().setText(self.selected_text())
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Override QTableView.resizeEvent: tell it."""
        super().resizeEvent(event)
        self.resized.emit()

    def name_columns(
        self, name: str, keys: Sequence[str], *, growing: str = "", optional: Sequence[str] = ()
    ) -> Columns:
        """Let the columns, as they are now, be chosen, and the choice be remembered by a name.

        With `growing` they fill the width: see Columns.fill.
        """
        self.setObjectName(name)
        self.columns = Columns(self, keys)
        if growing:
            # Not the header's own stretching: without room it makes a column as wide as its longest text.
            self.horizontalHeader().setStretchLastSection(False)
            self.columns.fill(growing, optional)
            self.resized.connect(self.columns.fit)
        return self.columns

    def paintEvent(self, event: QPaintEvent) -> None:
        """Override QTableView.paintEvent: lay the ground, so that nothing below the rows is painted for them."""
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self._ground)
        painter.end()
        super().paintEvent(event)

    @property
    def is_faded(self) -> bool:
        """Whether every cell is greyed: what they say is old."""
        return self._cells.is_faded

    def set_faded(self, is_faded: bool) -> None:
        """Grey every cell, or no longer."""
        self._cells.is_faded = is_faded
        self.viewport().update()

    def set_ground(self, ground: str) -> None:
        """Lay the table on `background` (as at first) or on `panel`."""
        dress(self, ground=ground)
        self._take_ground()

    def _take_ground(self) -> None:
        self._ground = theme().tokens.colour(self.property("ground") or "background")

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Override QTableView.setModel: follow what changes in it."""
        before = self.model()
        if before is not None:
            before.dataChanged.disconnect(self._start_fading)
            before.rowsInserted.disconnect(self._start_fading)
        super().setModel(model)
        if model is not None:
            model.dataChanged.connect(self._start_fading)
            model.rowsInserted.connect(self._start_fading)

    def _set_headers(self) -> None:
        rows = self.verticalHeader()
        rows.setVisible(False)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._take_density()
        columns = self.horizontalHeader()
        columns.setHighlightSections(False)
        columns.setSectionsMovable(True)
        columns.setMinimumSectionSize(48)
        columns.setStretchLastSection(True)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        columns.setTextElideMode(Qt.TextElideMode.ElideRight)

    def _start_fading(self, *_: object) -> None:
        if not self._fading.isActive() and self.isVisible():
            self._fading.start()

    def _fade(self) -> None:
        """Repaint the rows in sight that changed within the last second; stop when there are none."""
        model = self.model()
        first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        if model is None or first < 0:
            self._fading.stop()
            return
        now = time.monotonic()
        is_fading = False
        width = self.viewport().width()
        for row in range(first, (last if last >= 0 else model.rowCount() - 1) + 1):
            changed_at = model.data(model.index(row, 0), CHANGED_ROLE)
            # One repaint more than the fade lasts, so that nothing of it stays.
            if changed_at and now - changed_at < FADE_S + 2 * FADE_MS / 1000:
                is_fading = True
                self.viewport().update(0, self.rowViewportPosition(row), width, theme().row_height)
        if not is_fading:
            self._fading.stop()
