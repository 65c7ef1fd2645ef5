"""The list of groups: opened and closed by a click on its sign or by the arrows, and painted in parts."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QStyle, QStyleOptionViewItem, QWidget

from jobdesk.failures.model import FIRST, PARTS_ROLE, SECOND, TREND, TREND_ROLE, FailuresModel, Parts
from jobdesk.kit import formats
from jobdesk.kit.cells import PADDING, CellDelegate
from jobdesk.kit.roles import AnyIndex
from jobdesk.kit.sparkline import paint_columns
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import draw_icon

_SELECTED = QStyle.StateFlag.State_Selected.value
#: The sign to open and close, and the room between the parts of a cell.
SIGN, GAP = 14, 6
MARGIN_X, MARGIN_Y = 8, 5


class FailuresTable(Table):
    """Asks for what a person wants opened or closed."""

    toggled = Signal(int)  # the position of a line

    def __init__(self, name: str, model: FailuresModel, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.setModel(model)
        self._failures = model
        parts = PartsDelegate(self)
        self.setItemDelegateForColumn(FIRST, parts)
        self.setItemDelegateForColumn(SECOND, parts)
        self.setItemDelegateForColumn(TREND, TrendDelegate(self))
        self.setSelectionMode(Table.SelectionMode.SingleSelection)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Override Table.keyPressEvent: right and left open and close, and go in and out."""
        place = self.currentIndex().row()
        row = self._failures.row_at(place) if self.currentIndex().isValid() else None
        key = event.key()
        if row is None or event.modifiers() or key not in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            super().keyPressEvent(event)
            return
        if row.can_open and row.is_open is (key == Qt.Key.Key_Left):
            self.toggled.emit(place)
        elif key == Qt.Key.Key_Left and row.is_child:
            self.selectRow(next(at for at in range(place, -1, -1) if not self._failures.rows[at].is_child))
        elif key == Qt.Key.Key_Right and row.is_open:
            self.selectRow(place + 1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        row = self._failures.row_at(index.row()) if index.isValid() else None
        left = self.columnViewportPosition(FIRST)
        width = PADDING + theme().grown(SIGN) + 4
        if row is not None and row.can_open and left <= event.position().x() < left + width:
            self.toggled.emit(index.row())
            return
        super().mousePressEvent(event)


class PartsDelegate(CellDelegate):
    """Paints words, quieter words and a mark into one cell."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override CellDelegate.paint."""
        parts = index.model().data(index, PARTS_ROLE)
        if parts is None:
            super().paint(painter, option, index)
            return
        self.paint_ground(painter, option)
        box = option.rect.adjusted(PADDING, 0, -PADDING, -1)
        if index.column() == FIRST:
            if option.state.value & _SELECTED:
                painter.fillRect(
                    option.rect.x(), option.rect.y(), 2, option.rect.height() - 1, theme().colour("accent")
                )
            side = theme().grown(SIGN)
            if parts.can_open:
                sign = QRectF(box.left() - 4, box.top() + (box.height() - side) / 2, side, side)
                draw_icon(
                    painter, sign, "chevron-down" if parts.is_open else "chevron-right", theme().colour("secondary")
                )
            box.setLeft(box.left() + side)
        self._paint_parts(painter, box, parts)

    def _paint_parts(self, painter: QPainter, box: QRect, parts: Parts) -> None:
        if parts.mark:
            painter.setFont(theme().font(11, is_bold=True))
            width = painter.fontMetrics().horizontalAdvance(parts.mark)
            painter.setPen(theme().colour("secondary" if parts.tone == "secondary" else "warning"))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), parts.mark)
            box.setRight(box.right() - width - GAP)
        painter.setFont(theme().font(13, is_bold=parts.is_strong))
        painter.setPen(theme().colour(parts.tone))
        box.setLeft(box.left() + self._paint_words(painter, box, parts.text) + GAP)
        if parts.aside and box.width() > 2 * GAP:
            painter.setFont(theme().font(13))
            painter.setPen(theme().colour("secondary"))
            self._paint_words(painter, box, parts.aside)

    def _paint_words(self, painter: QPainter, box: QRect, text: str) -> int:
        """Paint as much as there is room for, and return its width."""
        shown = formats.visible(text[:300])
        shown = painter.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine), shown)
        return painter.fontMetrics().horizontalAdvance(shown)


class TrendDelegate(CellDelegate):
    """Paints failed runs per bucket as thin columns."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override CellDelegate.paint."""
        self.paint_ground(painter, option)
        found = index.model().data(index, TREND_ROLE)
        if found is not None:
            box = option.rect.adjusted(MARGIN_X, MARGIN_Y, -MARGIN_X, -MARGIN_Y - 1)
            paint_columns(painter, box, found[0], (), found[1])
