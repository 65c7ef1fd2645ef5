"""The shapes that tell a status, an event or a kind of message without its colour, painted rather than typed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

#: The side of the square that every shape is drawn in, before scaling.
_SIDE = 12.0


def paint_shape(painter: QPainter, name: str, box: QRectF, colour: QColor) -> None:
    """Paint a shape into a square box. An unknown name paints a dot."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(box.topLeft())
    painter.scale(box.width() / _SIDE, box.height() / _SIDE)
    pen = QPen(colour, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    _SHAPES.get(name, _dot)(painter, colour)
    painter.restore()


@lru_cache(maxsize=256)
def shape_pixmap(name: str, colour: str, side: int, ratio: float) -> QPixmap:
    """A shape as a pixmap of `side` logical pixels, kept, because tables paint the same few all the time."""
    pixmap = QPixmap(round(side * ratio), round(side * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    paint_shape(painter, name, QRectF(0, 0, side, side), QColor(colour))
    painter.end()
    return pixmap


def _circle(painter: QPainter, _colour: QColor) -> None:
    painter.drawEllipse(QPointF(6, 6), 4.2, 4.2)


def _half_circle(painter: QPainter, colour: QColor) -> None:
    painter.drawEllipse(QPointF(6, 6), 4.2, 4.2)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPie(QRectF(1.8, 1.8, 8.4, 8.4), 90 * 16, 180 * 16)


def _check(painter: QPainter, _colour: QColor) -> None:
    painter.drawPolyline(QPolygonF([QPointF(1.9, 6.6), QPointF(4.7, 9.5), QPointF(10.2, 2.9)]))


def _cross(painter: QPainter, _colour: QColor) -> None:
    painter.drawLine(QPointF(2.6, 2.6), QPointF(9.4, 9.4))
    painter.drawLine(QPointF(9.4, 2.6), QPointF(2.6, 9.4))


def _slashed_circle(painter: QPainter, _colour: QColor) -> None:
    painter.drawEllipse(QPointF(6, 6), 4.2, 4.2)
    painter.drawLine(QPointF(3.1, 8.9), QPointF(8.9, 3.1))


def _square(painter: QPainter, colour: QColor) -> None:
    painter.fillRect(QRectF(2, 2, 8, 8), colour)


def _half_square(painter: QPainter, colour: QColor) -> None:
    painter.drawRect(QRectF(2.4, 2.4, 7.2, 7.2))
    painter.fillRect(QRectF(2.4, 2.4, 3.6, 7.2), colour)


def _triangle(painter: QPainter, colour: QColor) -> None:
    painter.setBrush(colour)
    painter.drawPolygon(QPolygonF([QPointF(6, 2), QPointF(10.6, 10), QPointF(1.4, 10)]))


def _dash(painter: QPainter, _colour: QColor) -> None:
    painter.drawLine(QPointF(3, 6), QPointF(9, 6))


def _dot(painter: QPainter, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(QPointF(6, 6), 4, 4)


def _arrow(painter: QPainter, _colour: QColor) -> None:
    path = QPainterPath(QPointF(9.9, 4.6))
    path.arcTo(QRectF(1.8, 1.8, 8.4, 8.4), 20, 300)
    painter.drawPath(path)
    painter.drawPolyline(QPolygonF([QPointF(10.6, 1.6), QPointF(10.1, 4.8), QPointF(6.9, 4.4)]))


_SHAPES: dict[str, Callable[[QPainter, QColor], None]] = {
    "circle": _circle,
    "half-circle": _half_circle,
    "check": _check,
    "cross": _cross,
    "slashed-circle": _slashed_circle,
    "square": _square,
    "half-square": _half_square,
    "triangle": _triangle,
    "dash": _dash,
    "dot": _dot,
    "arrow": _arrow,
}
