"""The delegate that paints a table's cells from roles alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolTip,
    QWidget,
)

from jobdesk.kit import formats
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
from jobdesk.kit.theme.tokens import STATUS_SHAPE, Tone

PADDING = 10
SHAPE_SIDE = 12
SHAPE_GAP = 5
FADE_S, FADE_STEPS = 1.0, 16

#: What QRect.getRect returns, which is quicker than asking four times; the stub has no type of it.
_Box = tuple[int, int, int, int]
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
        x, y, width, height = cast("_Box", option.rect.getRect())
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
        x, y, width, height = cast("_Box", option.rect.getRect())
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

    def _pen(self, tone: Tone) -> QPen:
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
