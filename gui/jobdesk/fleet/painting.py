"""Paints the rows of the board: folders, environments' colours, marks of trouble, and an hour as a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionViewItem

from jobdesk.fleet.rows import ROW_ROLE, Row
from jobdesk.kit import formats
from jobdesk.kit.cells import PADDING, SHAPE_GAP, SHAPE_SIDE, CellDelegate
from jobdesk.kit.roles import AnyIndex
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import icon
from jobdesk.kit.theme.shapes import paint_shape

SQUARE, CHEVRON, WITHIN = 10, 16, 20
_NAME, _STATE, _LAST = 0, 1, 9
_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)


class FleetDelegate(CellDelegate):
    """The first column and the last in its own way, the others as in every table."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override CellDelegate.paint."""
        row = cast("Row", index.model().data(index, ROW_ROLE))
        if row.kind == "folder":
            painter.fillRect(option.rect, theme().tokens.colour("background"))
        if index.column() == _NAME and row.kind != "reason":
            self.paint_ground(painter, option)
            self._paint_name(painter, option.rect, row)
        elif index.column() == _STATE and row.cells[_STATE].tone == "good":
            self.paint_ground(painter, option)
            _paint_well(painter, option.rect, row.cells[_STATE].text)
        elif index.column() == _LAST and row.member is not None and row.kind == "member":
            self.paint_ground(painter, option)
            paint_hour(painter, option.rect.adjusted(PADDING, 6, -PADDING, -7), row)
        else:
            super().paint(painter, option, index)

    def _paint_name(self, painter: QPainter, box: QRect, row: Row) -> None:
        tokens, side = theme().tokens, theme().grown(CHEVRON)
        left, middle = box.left() + PADDING, box.center().y()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.kind == "folder":
            for name in ("chevron-down" if row.is_open else "chevron-right", "folder"):
                picture = icon(name, "secondary")
                picture.paint(painter, QRect(left, middle - side // 2, side, side))
                left += side + 4
        else:
            left += theme().grown(WITHIN) if row.is_within else 0
            square = theme().grown(SQUARE)
            is_known = bool(row.colour) and QColor.isValidColorName(row.colour)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(row.colour) if is_known else tokens.colour("neutral"))
            painter.drawRoundedRect(QRectF(left, middle - square / 2, square, square), 2, 2)
            left += square + 8
        cell = row.cells[0]
        mark = theme().grown(10) if row.mark else 0
        count = f" {row.count}" if row.kind == "folder" else ""
        painter.setFont(theme().font(13, is_bold=cell.is_strong))
        metrics = painter.fontMetrics()
        room = box.right() - PADDING - left - (mark + 8 if mark else 0) - metrics.horizontalAdvance(count)
        text = metrics.elidedText(formats.visible(row.name), Qt.TextElideMode.ElideRight, max(10, room))
        painter.setPen(tokens.colour(cell.tone or "text"))
        painter.drawText(QRect(left, box.top(), max(10, room), box.height() - 1), _MIDDLE, text)
        left += metrics.horizontalAdvance(text)
        if count:
            painter.setFont(theme().font(12))
            painter.setPen(tokens.colour("secondary"))
            painter.drawText(QRect(left + 4, box.top(), 60, box.height() - 1), _MIDDLE, count)
        if row.mark:
            paint_shape(painter, "triangle", QRectF(left + 7, middle - mark / 2, mark, mark), tokens.colour(row.mark))
        painter.restore()


def _paint_well(painter: QPainter, box: QRect, text: str) -> None:
    """All is well: the dot alone is coloured."""
    tokens, side = theme().tokens, theme().grown(SHAPE_SIDE)
    left = box.left() + PADDING
    dot = QRectF(left, box.top() + (box.height() - 1 - side) / 2, side, side)
    paint_shape(painter, "dot", dot, tokens.colour("good"))
    painter.setFont(theme().font(13))
    painter.setPen(tokens.colour("text"))
    room = box.adjusted(PADDING + side + SHAPE_GAP, 0, -PADDING, -1)
    painter.drawText(room, _MIDDLE, painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width()))


def paint_hour(painter: QPainter, box: QRect, row: Row) -> None:
    """What ended in each minute of the last hour, as far as somebody looked; of one that is gone it breaks off."""
    member = row.member
    if member is None or member.look is None:
        return
    is_gone = not member.is_answering
    paint_line(painter, QRectF(box), member.look.ended, is_gone=is_gone)


def paint_line(painter: QPainter, box: QRectF, minutes: Sequence[int | None], *, is_gone: bool = False) -> None:
    """A line over its ground with a dot at its end. Minutes that nobody has seen have none."""
    tokens = theme().tokens
    seen = [(place, count) for place, count in enumerate(minutes) if count is not None]
    if len(seen) < 2:
        return
    highest, width = max(1, max(count for _, count in seen)), box.width() * (0.86 if is_gone else 1.0) - 3
    step = width / max(1, len(minutes) - 1)
    points = [QPointF(box.left() + place * step, box.bottom() - box.height() * n / highest) for place, n in seen]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    ground = QColor(tokens.colour("secondary"))
    ground.setAlpha(44)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    bottom = box.bottom() + 1
    painter.drawPolygon(QPolygonF([QPointF(points[0].x(), bottom), *points, QPointF(points[-1].x(), bottom)]))
    painter.setPen(QPen(tokens.colour("secondary"), 1.2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(QPolygonF(points))
    if is_gone:
        painter.setPen(QPen(tokens.colour("bad"), 1.2, Qt.PenStyle.DotLine))
        x = points[-1].x() + 2
        painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
        painter.drawLine(QPointF(x, box.bottom()), QPointF(box.right(), box.bottom()))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.colour("secondary"))
        painter.drawEllipse(points[-1], 1.8, 1.8)
    painter.restore()
