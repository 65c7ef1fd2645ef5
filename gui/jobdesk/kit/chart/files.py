"""A chart as a file of its own: with a heading, a legend, and the size of a page's width."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QImageWriter, QPaintDevice, QPainter

from jobdesk.kit.chart.binning import bins_of
from jobdesk.kit.chart.data import ChartData
from jobdesk.kit.chart.painting import Painting, colour_of
from jobdesk.kit.chart.scales import frame_of
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.shapes import paint_shape

#: In logical pixels; a picture of pixels has twice as many.
SIZE, RATIO = QSize(1200, 480), 2.0
HEAD, SIDE = 64, 12


def write_png(path: str, data: ChartData, heading: str) -> None:
    """Write a picture. Raises OSError."""
    image = QImage(SIZE * RATIO, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(RATIO)
    _paint(image, data, heading)
    if not QImageWriter(path, QByteArray(b"png")).write(image):
        raise OSError(f"{path} could not be written.")


def write_svg(path: str, data: ChartData, heading: str) -> None:
    """Write a drawing. Raises OSError."""
    from PySide6.QtSvg import QSvgGenerator

    Path(path).write_bytes(b"")  # Qt would say nothing of a place that cannot be written
    device = QSvgGenerator()
    device.setFileName(path)
    device.setSize(SIZE)
    device.setViewBox(QRectF(0, 0, SIZE.width(), SIZE.height()))
    device.setTitle(heading)
    _paint(device, data, heading)


def _paint(device: QPaintDevice, data: ChartData, heading: str) -> None:
    painter, now = QPainter(device), theme()
    painter.fillRect(QRectF(0, 0, SIZE.width(), SIZE.height()), now.colour("panel"))
    painter.setPen(now.colour("text"))
    painter.setFont(now.font(15, is_bold=True))
    painter.drawText(QPointF(16, 26), heading)
    _paint_legend(painter, data)
    frame = frame_of(QRectF(0, HEAD, SIZE.width(), SIZE.height() - HEAD), data)
    if len(data):
        Painting(painter, frame, data, bins_of(data, int(frame.upper.width()))).paint()
    painter.end()


def _paint_legend(painter: QPainter, data: ChartData) -> None:
    left, baseline, now = 16.0, 50.0, theme()
    painter.setFont(now.font(12))
    curves = [(f"{data.curves_name} {curve.name}", "dash", now.colour(curve.tone)) for curve in data.curves]
    for name, shape, colour in [*((each.name, each.shape, colour_of(each.hue)) for each in data.layers), *curves]:
        wide = painter.fontMetrics().horizontalAdvance(name)
        if left + wide + SIDE + 6 > SIZE.width() - 40:
            painter.setPen(now.colour("secondary"))
            painter.drawText(QPointF(left, baseline), "…")
            return
        paint_shape(painter, shape, QRectF(left, baseline - SIDE + 1, SIDE, SIDE), colour)
        painter.setPen(now.colour("text") if shape == "square" else colour)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawText(QPointF(left + SIDE + 5, baseline), name)
        left += SIDE + 5 + wide + 16
