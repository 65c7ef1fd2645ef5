"""Paints the columns and curves of a chart with its scales, onto a screen or into a file. Pens are one wide: wider ones
cost a hundred times as much.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from jobdesk.kit.axis import round_up
from jobdesk.kit.chart.binning import Bins
from jobdesk.kit.chart.data import ChartData, Layer
from jobdesk.kit.chart.scales import LEFT, Frame, count_text, scale_end, ticks, value_text
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: The least height in pixels of what is marked, and the pixels between two lines of the hatching.
LEAST_MARK, HATCH = 3.0, 8
GROUND_PART, SERIES_PART = 0.17, 0.8
#: Corners of one piece of the ground: to fill one shape with a thousand takes fifteen times as long.
PIECE = 50
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_CENTRE = int(Qt.AlignmentFlag.AlignCenter)


class Painting:
    """One picture of some data in a frame."""

    def __init__(self, painter: QPainter, frame: Frame, data: ChartData, bins: Bins) -> None:
        self._painter, self._frame, self._data, self._bins = painter, frame, data, bins
        self._top = round_up(max(1, int(-(-bins.highest // 1))))
        self._end = scale_end(bins.highest_curve, data.unit)
        across = frame.upper.width() / max(1, len(bins.spans))
        ratio = painter.device().devicePixelRatioF()  # a screen's pixels: boxes leave no slits between them
        self._edges = [
            round(ratio * (frame.upper.left() + across * place)) / ratio for place in range(len(bins.spans) + 1)
        ]
        self._widths = [max(1, right - left) for left, right in itertools.pairwise(self._edges)]

    def paint(self) -> None:
        """All of it but what follows the pointer."""
        self._painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self._paint_scales()
        self._paint_gaps()
        self._paint_layers()
        if self._data.curves_name:
            self._painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_curves()
        self._paint_times()

    def height_of(self, count: float) -> float:
        """Where a count per minute stands in the upper plot."""
        upper = self._frame.upper
        return upper.bottom() - upper.height() * count / self._top

    def place_of(self, value: float) -> float:
        """Where a value stands in the lower plot."""
        lower = self._frame.lower
        return lower.bottom() - lower.height() * min(1.0, value / (self._end or 1))

    def layer_at(self, column: int, y: float) -> str:
        """The key of the layer that is drawn there, or of the one nearest below; empty above all of them."""
        place = next((at for at, (low, high) in enumerate(self._bins.spans) if low <= column < high), 0)
        top, scale = self._frame.upper.bottom(), self._frame.upper.height() / self._top
        for layer, heights in zip(self._data.layers, self._bins.heights, strict=True):
            if heights[place]:
                top -= max(LEAST_MARK if layer.is_marked else 1.0, heights[place] * scale)
                if y >= top - 1:
                    return layer.key if y <= self._frame.upper.bottom() else ""
        return ""

    # Within

    def _paint_scales(self) -> None:
        steps = 3 if self._frame.upper.height() < theme().grown(110) and self._top % 3 == 0 else 4
        steps = min(steps if self._top >= 4 else self._top, max(1, self._top))
        for step in range(steps + 1):
            count = self._top * step / steps
            self._paint_line(self.height_of(count), count_text(round(count)))
        if self._data.curves_name:
            self._paint_line(self._frame.lower.bottom(), "0")
            if self._end:
                self._paint_line(self._frame.lower.top(), value_text(self._end, self._data.unit))

    def _paint_line(self, y: float, text: str) -> None:
        painter, upper, now = self._painter, self._frame.upper, theme()
        painter.setPen(QPen(now.colour("line"), 1))
        painter.drawLine(QLineF(upper.left(), round(y), upper.right(), round(y)))
        painter.setFont(now.font(11))
        painter.setPen(now.colour("secondary"))
        wide, high = now.grown(LEFT), now.grown(16)
        painter.drawText(QRectF(upper.left() - wide, y - high / 2, wide - 8, high), _RIGHT, text)

    def _paint_times(self) -> None:
        painter, upper, now = self._painter, self._frame.upper, theme()
        painter.setFont(now.font(11))
        painter.setPen(now.colour("secondary"))
        bottom = self._frame.lower.bottom() if self._data.curves_name else upper.bottom()
        for minute, text in ticks(self._data, upper.width(), now.grown(84)):
            x = self._frame.left_of((minute - self._data.first) / self._data.step)
            half = painter.fontMetrics().horizontalAdvance(text) / 2 + 1
            x = min(max(x, upper.left() + half - 1), upper.right() - half + 1)  # the outermost stand at the edges
            painter.drawText(QRectF(x - half, bottom + 5, 2 * half, now.grown(16)), _CENTRE, text)

    def _paint_gaps(self) -> None:
        """Hatch what is not known: it is neither zero nor what lies beside it."""
        words = QCoreApplication.translate("Chart", "not recorded")
        for low, high in self._bins.runs(of_known=False):
            left, right = self._edges[low], max(self._edges[high], self._edges[low] + 1)
            for plot in (self._frame.upper, self._frame.lower) if self._data.curves_name else (self._frame.upper,):
                box = QRectF(left, plot.top(), right - left, plot.height())
                self._painter.fillRect(box, theme().colour("panel"))
                self._painter.setPen(QPen(theme().colour("line"), 1))
                self._painter.drawLines(_hatching(box))
            self._paint_words(QRectF(left, self._frame.upper.top(), right - left, self._frame.upper.height()), words)

    def _paint_words(self, box: QRectF, words: str) -> None:
        painter, now = self._painter, theme()
        painter.setFont(now.font(11))
        metrics = painter.fontMetrics()
        ground = QRectF(0, 0, metrics.horizontalAdvance(words) + 12, metrics.height() + 4)
        if ground.width() <= box.width():
            ground.moveCenter(box.center())
            painter.fillRect(ground, now.colour("panel"))
            painter.setPen(now.colour("secondary"))
            painter.drawText(ground, _CENTRE, words)

    def _paint_layers(self) -> None:
        below = [0.0] * len(self._bins.spans)
        for layer, heights in zip(self._data.layers, self._bins.heights, strict=True):
            if layer.is_ground:
                self._paint_ground(layer, heights)
                scale = self._frame.upper.height() / self._top
                below = [under + count * scale for under, count in zip(below, heights, strict=True)]
            else:
                below = self._paint_steps(layer, heights, below)

    def _paint_steps(self, layer: Layer, heights: Sequence[float], below: Sequence[float]) -> list[float]:
        """A box for each bin, upon what is `below` it; returns what is below the next layer. In pixels."""
        bottom, scale = self._frame.upper.bottom(), self._frame.upper.height() / self._top
        least = LEAST_MARK if layer.is_marked else 1.0
        tops = [  # max() would be a call for each of thousands
            (under + (high if (high := count * scale) > least else least) if count else under)
            for count, under in zip(heights, below, strict=True)
        ]
        boxes = [
            QRectF(left, bottom - top, width, top - under)
            for left, width, top, under in zip(self._edges, self._widths, tops, below, strict=False)
            if top > under
        ]
        colour = QColor(colour_of(layer.hue))
        if isinstance(layer.hue, int):
            colour.setAlphaF(SERIES_PART)
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(colour)
        self._painter.drawRects(boxes)
        return tops

    def _paint_ground(self, layer: Layer, heights: Sequence[float]) -> None:
        """A pale ground with an edge for each stretch that is known."""
        edge, bottom = colour_of(layer.hue), self._frame.upper.bottom()
        ground, pen, scale = QColor(edge), QPen(edge, 1), self._frame.upper.height() / self._top
        ground.setAlphaF(GROUND_PART)
        for low, high in self._bins.runs(of_known=True):
            points = [
                QPointF(x, bottom - heights[place] * scale)
                for place in range(low, high)
                for x in (self._edges[place], self._edges[place + 1])
            ]
            self._painter.setPen(Qt.PenStyle.NoPen)
            self._painter.setBrush(ground)
            for start in range(0, len(points), PIECE):
                piece = points[start : start + PIECE]
                ends = [QPointF(each.x(), bottom) for each in (piece[-1], piece[0])]
                self._painter.drawPolygon([*piece, *ends])
            self._painter.setPen(pen)
            self._painter.setBrush(Qt.BrushStyle.NoBrush)
            self._painter.drawPolyline(points)

    def _paint_curves(self) -> None:
        for curve, values in reversed(list(zip(self._data.curves, self._bins.curves, strict=True))):
            self._painter.setPen(QPen(theme().colour(curve.tone), 1))
            for points in self._strokes(values):
                self._painter.drawPolyline(points)

    def _strokes(self, values: Sequence[float | None]) -> list[list[QPointF]]:
        """The parts of a curve: where nothing is known, or nothing happened, it ends. A lone value is a dash."""
        bottom, scale = self._frame.lower.bottom(), self._frame.lower.height() / (self._end or 1)
        half = QPointF(max(2.0, (self._edges[1] - self._edges[0]) / 2 - 1), 0)
        strokes: list[list[QPointF]] = []
        columns = zip(self._edges, self._edges[1:], values, strict=False)
        for is_there, stretch in itertools.groupby(columns, lambda column: column[2] is not None):
            if is_there:
                points = [
                    QPointF((left + right) / 2, bottom - (value or 0.0) * scale) for left, right, value in stretch
                ]
                strokes.append(points if len(points) > 1 else [points[0] - half, points[0] + half])
        return strokes


def colour_of(hue: Tone | int) -> QColor:
    """The colour of a series, in the legend as in the plot."""
    return theme().tokens.series(hue) if isinstance(hue, int) else theme().colour(hue)


def _hatching(box: QRectF) -> list[QLineF]:
    lines, reach = [], box.width() + box.height()
    offset = HATCH - box.left() % HATCH
    while offset < reach:
        from_x, from_y = min(offset, box.width()), max(0.0, offset - box.width())
        to_x, to_y = max(0.0, offset - box.height()), min(offset, box.height())
        lines.append(QLineF(box.left() + from_x, box.top() + from_y, box.left() + to_x, box.top() + to_y))
        offset += HATCH
    return lines
