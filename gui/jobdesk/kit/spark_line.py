"""A line of some numbers without a scale, in a card or in a table's cell: how something went, with a dot for now."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionViewItem

from jobdesk.kit.cells import CellDelegate
from jobdesk.kit.roles import LINE_ROLE, AnyIndex
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

MARGIN_X, MARGIN_Y, DOT = 10, 6, 2.0
#: Points that a line has at most; of more the highest of neighbours are taken.
MOST = 60


class LineDelegate(CellDelegate):
    """Paints a cell's ground as all others, and its line on it."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override QStyledItemDelegate.paint."""
        self.paint_ground(painter, option)
        found = index.model().data(index, LINE_ROLE)
        if found is not None:
            values, tone = found
            box = QRectF(option.rect).adjusted(MARGIN_X, MARGIN_Y, -MARGIN_X, -MARGIN_Y)
            paint_line(painter, box, values, tone)


def paint_line(painter: QPainter, box: QRectF, values: Sequence[float | None], tone: Tone) -> None:
    """Draw the values, the oldest at the left; None is not known, and the line ends there."""
    points = _thinned(values)
    highest = max((value for value in points if value is not None), default=0.0)
    colour, ground = theme().colour(tone), QColor(theme().colour(tone))
    ground.setAlphaF(0.14)
    across, scale = box.width() / max(1, len(points) - 1), (box.height() - 2) / (highest or 1)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    stroke: list[QPointF] = []
    for place, value in enumerate([*points, None]):
        if value is not None:
            stroke.append(QPointF(box.left() + place * across, box.bottom() - 1 - value * scale))
            continue
        if len(stroke) > 1:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            ends = [QPointF(stroke[-1].x(), box.bottom()), QPointF(stroke[0].x(), box.bottom())]
            painter.drawPolygon(QPolygonF(stroke + ends))
            painter.setPen(QPen(colour, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF(stroke))
        stroke = []
    if points and points[-1] is not None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(box.right(), box.bottom() - 1 - points[-1] * scale), DOT, DOT)
    painter.restore()


def _thinned(values: Sequence[float | None]) -> Sequence[float | None]:
    number = len(values)
    if number <= MOST:
        return values
    bounds = [place * number // MOST for place in range(MOST + 1)]
    groups = [values[low:high] for low, high in itertools.pairwise(bounds)]
    return [max((value for value in group if value is not None), default=None) for group in groups]
