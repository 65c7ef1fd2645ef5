"""Counts per minute as a row of thin columns, in a table's cell or alone. What failed stands in its colour below."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QStyleOptionViewItem, QWidget

from jobdesk.kit.cells import CellDelegate
from jobdesk.kit.roles import SPARK_ROLE, AnyIndex
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

MARGIN_X, MARGIN_Y = 8, 5


class SparkDelegate(CellDelegate):
    """Paints a cell's ground as all others, and its counts on it."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override QStyledItemDelegate.paint."""
        self.paint_ground(painter, option)
        found = index.model().data(index, SPARK_ROLE)
        if found is not None:
            box = option.rect.adjusted(MARGIN_X, MARGIN_Y, -MARGIN_X, -MARGIN_Y - 1)
            paint_columns(painter, box, found[0], found[1], "neutral")


class Sparkline(QWidget):
    """One series alone, such as a backlog over the last hour."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._values: list[int] = []
        theme().changed.connect(self.update)

    def set_values(self, values: Sequence[int]) -> None:
        """Show these, the oldest at the left."""
        if list(values) != self._values:
            self._values = list(values)
            if values:
                self.setAccessibleDescription(f"{values[0]:,} → {values[-1]:,}")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 44)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_columns(painter, self.rect(), self._values, (), "todo")


def paint_columns(painter: QPainter, box: QRect, counts: Sequence[int], failed: Sequence[int], tone: Tone) -> None:
    """Draw a column per count, as high as its share of the highest, above a line; zeros are left out."""
    tokens = theme().tokens
    x, y, width, height = box.x(), box.y(), box.width(), box.height()
    bottom = y + height
    painter.fillRect(x, bottom - 1, width, 1, tokens.colour("line"))
    highest, number = max(counts, default=0), len(counts)
    if not highest:
        return
    colour, bad = tokens.colour(tone), tokens.colour("failed")
    for place, count in enumerate(counts):
        if count:
            left, right = x + place * width // number, x + (place + 1) * width // number
            high = max(1, round(height * count / highest))
            thick = max(1, right - left - (1 if right - left > 2 else 0))
            painter.fillRect(left, bottom - high, thick, high, colour)
            if failed and failed[place]:
                below = min(high, max(2, round(height * failed[place] / highest)))
                painter.fillRect(left, bottom - below, thick, below, bad)
