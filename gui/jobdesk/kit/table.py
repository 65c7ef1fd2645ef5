"""The one look of every table, and the delegate that paints its cells from roles alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from jobdesk_core.files import not_a_formula
from PySide6.QtCore import QAbstractItemModel, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QKeyEvent, QKeySequence, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolTip,
    QWidget,
)

from jobdesk.kit import formats
from jobdesk.kit.columns import Columns
from jobdesk.kit.roles import (
    CELL_ROLE,
    CHANGED_ROLE,
    MONO_ROLE,
    SHAPE_ROLE,
    STATUS_ROLE,
    STRONG_ROLE,
    TONE_ROLE,
    AnyIndex,
    PaintedCell,
)
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.shapes import shape_pixmap
from jobdesk.kit.theme.tokens import STATUS_SHAPE

HEADER_HEIGHT = 30
PADDING = 10
SHAPE_SIDE = 12
SHAPE_GAP = 5
FADE_S, FADE_STEPS = 1.0, 16

#: What the mark of sorting takes of a column's head, and the widest a head's text may make its column.
ARROW, WIDEST_HEAD = 14, 240

#: What would end a cell or a line that is copied, and a number as it is shown.
_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_NUMBER = re.compile(r"#?-?[0-9][0-9,]*(\.[0-9]+)?")

_DISPLAY = Qt.ItemDataRole.DisplayRole
_TOOLTIP = Qt.ItemDataRole.ToolTipRole
_ALIGNMENT = Qt.ItemDataRole.TextAlignmentRole
_SELECTED = QStyle.StateFlag.State_Selected.value
_FOCUSED = QStyle.StateFlag.State_HasFocus.value
_RIGHT = int(Qt.AlignmentFlag.AlignRight)
_SINGLE_LINE = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)
#: Characters beyond which nothing of a cell is measured: no screen shows them in one line.
LONGEST = 1_000
#: Texts whose widths are kept; beyond it they are forgotten all at once.
_KEPT_WIDTHS = 8_192


class CellDelegate(QStyledItemDelegate):
    """Paints one cell: ground, shape, text, hairline. Fonts, pens and widths are made once, not per cell.

    The model is asked directly: going through QModelIndex.data() would turn every answer into a QVariant
    and back, which is what a repaint of a screenful mostly costs.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_faded = False
        theme().changed.connect(self._take_theme)
        self._take_theme()

    def _take_theme(self) -> None:
        tokens = theme().tokens
        self._tokens = tokens
        self._shape_side = theme().grown(SHAPE_SIDE)
        self._line = tokens.colour("line")
        self._selection = tokens.colour("selection")
        self._accent = tokens.colour("accent")
        self._pens: dict[str, QPen] = {}
        self._fonts = (
            theme().font(13),
            theme().mono_font(12),
            theme().font(13, QFont.Weight.DemiBold),
        )
        self._metrics = tuple(self._measure(font) for font in self._fonts)
        self._heights = tuple((metrics.height(), metrics.ascent()) for metrics in self._metrics)
        self._changed_grounds = [_fading(tokens.colour("changed"), step / FADE_STEPS) for step in range(FADE_STEPS)]
        self._widths: tuple[dict[str, int], ...] = ({}, {}, {})

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override QStyledItemDelegate.paint."""
        ask = index.model().data
        cell = ask(index, CELL_ROLE) or _cell(ask, index)
        text, tone, shape = cell.text, cell.tone, cell.shape
        x, y, width, height = _corner_and_size(option.rect)
        if option.state.value & _SELECTED:
            self._paint_selection(painter, x, y, width, height)
            if x <= self._left_edge():
                painter.fillRect(x, y, 2, height - 1, self._accent)
        elif cell.changed_at:
            age_s = time.monotonic() - cell.changed_at
            if age_s < FADE_S:
                painter.fillRect(x, y, width, height, self._changed_grounds[int(age_s / FADE_S * FADE_STEPS)])
        painter.fillRect(x, y + height - 1, width, 1, self._line)
        if option.state.value & _FOCUSED:
            self._paint_focus(painter, x, y, width, height)
        if self.is_faded:
            tone = "faint"
        left, room = x + PADDING, width - 2 * PADDING
        if shape:
            side = self._shape_side
            pixmap = shape_pixmap(shape, self._tokens.value(tone), side, painter.device().devicePixelRatioF())
            painter.drawPixmap(left, y + (height - 1 - side) // 2, pixmap)
            left += side + SHAPE_GAP
            room -= side + SHAPE_GAP
            tone = "" if cell.is_strong else tone
        if not text or room <= 0:
            return
        text = _shown(text)
        which = 1 if cell.is_mono else 2 if cell.is_strong else 0
        painter.setFont(self._fonts[which])
        painter.setPen(self._pens.get(tone) or self._pen(tone))
        advance = self._width(which, text)
        if advance > room:
            text = self._metrics[which].elidedText(text, Qt.TextElideMode.ElideRight, room)
        elif cell.is_right:
            left += room - advance
        if text.isprintable():
            # At a point: text in a rectangle takes half as long again (measured).
            high, ascent = self._heights[which]
            painter.drawText(left, y + (height - high) // 2 + ascent, text)
        else:
            painter.drawText(left, y, room, height - 1, _SINGLE_LINE, text)

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: AnyIndex
    ) -> bool:
        """Override QStyledItemDelegate.helpEvent: what is elided is told in full, unless the model tells more."""
        if index.isValid() and not index.data(_TOOLTIP) and self._is_elided(option.rect.width(), index):
            QToolTip.showText(event.globalPos(), as_tooltip(self._text(index)), view.viewport())
            return True
        return super().helpEvent(event, view, option, index)

    def _is_elided(self, width: int, index: AnyIndex) -> bool:
        cell = index.data(CELL_ROLE) or _cell(index.model().data, index)
        which = 1 if cell.is_mono else 2 if cell.is_strong else 0
        room = width - 2 * PADDING - (self._shape_side + SHAPE_GAP if cell.shape else 0)
        return self._width(which, _shown(cell.text)) > room

    def _text(self, index: AnyIndex) -> str:
        return _shown(str(index.data(_DISPLAY) or ""))

    def paint_ground(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        """Paint what lies below a cell that draws its content itself: the selection and the hairline."""
        x, y, width, height = _corner_and_size(option.rect)
        if option.state.value & _SELECTED:
            self._paint_selection(painter, x, y, width, height)
        painter.fillRect(x, y + height - 1, width, 1, self._line)
        if option.state.value & _FOCUSED:
            self._paint_focus(painter, x, y, width, height)

    def _paint_selection(self, painter: QPainter, x: int, y: int, width: int, height: int) -> None:
        painter.fillRect(x, y, width, height, self._selection)
        if self._tokens.is_high_contrast:
            # There the ground alone would be too faint a mark.
            painter.fillRect(x, y, width, 1, self._accent)
            painter.fillRect(x, y + height - 2, width, 1, self._accent)

    def _paint_focus(self, painter: QPainter, x: int, y: int, width: int, height: int) -> None:
        """Frame the cell that the keys act upon, as long as they come here."""
        edge, colour = self._tokens.edge, self._tokens.colour("focus")
        for box in (
            (x, y, width, edge),
            (x, y + height - 1 - edge, width, edge),
            (x, y, edge, height - 1),
            (x + width - edge, y, edge, height - 1),
        ):
            painter.fillRect(*box, colour)

    def _left_edge(self) -> int:
        view = self.parent()
        return -view.horizontalHeader().offset() if isinstance(view, QTableView) else 0

    def _measure(self, font: QFont) -> QFontMetrics:
        # Letters are not equally wide on every screen: the widget's own decides.
        view = self.parent()
        return QFontMetrics(font, view) if isinstance(view, QWidget) else QFontMetrics(font)

    def _pen(self, tone: str) -> QPen:
        pen = self._pens[tone] = QPen(self._tokens.colour(tone))
        return pen

    def _width(self, which: int, text: str) -> int:
        widths = self._widths[which]
        width = widths.get(text)
        if width is None:
            if len(widths) > _KEPT_WIDTHS:
                widths.clear()
            width = widths[text] = self._metrics[which].horizontalAdvance(text)
        return width


def _cell(ask: Callable[[AnyIndex, int], Any], index: AnyIndex) -> PaintedCell:
    """What a model tells role by role."""
    status = ask(index, STATUS_ROLE)
    side = int(ask(index, _ALIGNMENT) or 0)
    text = status.value if status is not None else str(ask(index, _DISPLAY) or "")
    return PaintedCell(
        text=text,
        tone=status.value if status is not None else ask(index, TONE_ROLE) or "",
        shape=STATUS_SHAPE[status] if status is not None else ask(index, SHAPE_ROLE) or "",
        changed_at=ask(index, CHANGED_ROLE) or 0.0,
        is_mono=bool(ask(index, MONO_ROLE)),
        is_strong=bool(ask(index, STRONG_ROLE)),
        is_right=bool(side & _RIGHT),
    )


def _corner_and_size(box: QRect) -> tuple[int, int, int, int]:
    return box.x(), box.y(), box.width(), box.height()


def _shown(text: str) -> str:
    """What of a text is painted: nothing of it may be invisible or turn the direction of the rest."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    return text if formats.is_visible(text) else formats.visible(text)


def _fading(ground: QColor, age: float) -> QColor:
    """The ground of what has changed, gone to the part `age`."""
    colour = QColor(ground)
    colour.setAlphaF(1.0 - age)
    return colour


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
        self._fading.setInterval(90)
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

    def set_faded(self, is_faded: bool) -> None:
        """Grey every cell, or no longer."""
        self._cells.is_faded = is_faded
        self.viewport().update()

    def set_ground(self, ground: str) -> None:
        """Lay the table on `background` (as at first) or on `panel`."""
        self.setProperty("ground", ground)
        self.style().unpolish(self)
        self.style().polish(self)

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
            if changed_at and now - changed_at < FADE_S + 0.2:
                is_fading = True
                self.viewport().update(0, self.rowViewportPosition(row), width, theme().row_height)
        if not is_fading:
            self._fading.stop()
