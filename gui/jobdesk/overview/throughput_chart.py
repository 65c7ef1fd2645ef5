"""Ended runs per minute over the last hour, failures on top. Pens are one wide: wider ones cost 100 times as much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobdesk_core.jobs import Status
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from jobdesk.kit import formats
from jobdesk.kit.axis import round_up
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import draw_status

LEFT, RIGHT, TOP, BOTTOM = 52, 16, 44, 28


class ThroughputChart(QWidget):
    """A step per minute, its statuses one upon the other, with a legend, and the numbers of the minute under the mouse.

    The running minute is left out until it is over: what is known of it would look like a drop.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chart")
        keep_sizes(self, least_height=200)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self._series: dict[Status, list[int]] = {}
        self._names: dict[Status, str] = {}
        self._minutes: list[int] = []
        self._hovered: int | None = None
        self._is_reading = True
        self.setAccessibleName(self.tr("Ended per minute over the last hour"))
        theme().changed.connect(self.update)

    def set_series(
        self, series: Mapping[Status, Sequence[int]], names: Mapping[Status, str], minutes: Sequence[int]
    ) -> None:
        """Show these counts, one for each of `minutes` (since 1970), the last one running; the first ones lowest."""
        self._is_reading = False
        self._series = {status: list(values[:-1]) for status, values in series.items()}
        self._names, self._minutes = dict(names), list(minutes[:-1])
        totals = ", ".join(f"{names[status]} {sum(values):,}" for status, values in self._series.items())
        self.setAccessibleDescription(totals)
        self.update()

    def show_reading(self) -> None:
        """The hour has not been read yet."""
        if not self._is_reading:
            self._is_reading, self._series, self._minutes = True, {}, []
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        now = theme()
        painter.setPen(QPen(now.colour("line"), 1))
        painter.setBrush(now.colour("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        self._paint_heading(painter)
        plot = self._plot()
        totals = [sum(values) for values in zip(*self._series.values(), strict=True)]
        highest = max(totals, default=0)
        top = round_up(highest)
        if highest == 0:
            painter.setFont(now.font(13))
            painter.setPen(now.colour("secondary"))
            nothing = self.tr("No run has ended in the last hour.")
            words = self.tr("reading …") if self._is_reading else nothing
            painter.drawText(plot, int(Qt.AlignmentFlag.AlignCenter), words)
            return
        self._paint_grid(painter, plot, top)
        self._paint_steps(painter, plot, top)
        if self._hovered is not None:
            self._paint_hovered(painter, plot, top)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        plot = self._plot()
        count = len(self._minutes)
        if not count or not plot.adjusted(-8, -20, 8, 20).contains(event.position()):
            hovered = None
        else:
            step = plot.width() / count
            hovered = min(count - 1, max(0, int((event.position().x() - plot.left()) / step)))
        if hovered != self._hovered:
            self._hovered = hovered
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self.update()

    def _plot(self) -> QRectF:
        left, top, bottom = (theme().grown(each) for each in (LEFT, TOP, BOTTOM))
        return QRectF(left, top, self.width() - left - RIGHT, self.height() - top - bottom)

    def _point(self, plot: QRectF, position: int, value: int, top: int) -> QPointF:
        """The middle of a minute's step, at the height of a value."""
        step = plot.width() / max(1, len(self._minutes))
        return QPointF(plot.left() + step * (position + 0.5), plot.bottom() - plot.height() * value / top)

    def _paint_steps(self, painter: QPainter, plot: QRectF, top: int) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        width = plot.width() / len(self._minutes)
        edge: list[QPointF] = []
        for position in range(len(self._minutes)):
            left, below = plot.left() + width * position, 0
            for place, (status, values) in enumerate(self._series.items()):
                low, high = (plot.bottom() - plot.height() * each / top for each in (below, below + values[position]))
                colour = QColor(theme().colour(status.value))
                if not place:
                    colour.setAlphaF(0.18)  # the ground of what is as it should be
                    edge += [QPointF(left, high), QPointF(left + width, high)]
                if values[position]:
                    painter.fillRect(QRectF(QPointF(left, min(high, low - 1)), QPointF(left + width, low)), colour)
                below += values[position]
        first = next(iter(self._series))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme().colour(first.value), 1))
        painter.drawPolyline(QPolygonF(edge))
        painter.restore()

    def _paint_heading(self, painter: QPainter) -> None:
        now = theme()
        painter.setFont(now.font(13, is_bold=True))
        painter.setPen(now.colour("text"))
        heading = self.tr("Ended per minute")
        painter.drawText(QPointF(16, now.grown(24)), heading)
        width = painter.fontMetrics().horizontalAdvance(heading)
        painter.setFont(now.font(12))
        painter.setPen(now.colour("secondary"))
        text = self.tr("last hour")
        if self._hovered is not None and self._minutes:
            text = formats.minute_of_day(self._minutes[self._hovered])
        painter.drawText(QPointF(16 + width + 14, now.grown(24)), text)
        right = self.width() - RIGHT
        for status in reversed(list(self._series)):
            text = self._names[status]
            if self._hovered is not None:
                text = f"{formats.number(self._series[status][self._hovered])} {text}"
            advance = painter.fontMetrics().horizontalAdvance(text)
            right -= advance
            painter.setPen(now.colour(status.value))
            painter.drawText(QPointF(right, now.grown(24)), text)
            centre = QPointF(right - now.grown(11), now.grown(24) - now.grown(4))
            draw_status(painter, centre, status, now.colour(status.value), now.grown(4))
            right -= now.grown(34)

    def _paint_grid(self, painter: QPainter, plot: QRectF, top: int) -> None:
        now = theme()
        painter.setFont(now.font(11))
        steps = 4 if top >= 4 else top
        for number in range(steps + 1):
            y = round(plot.bottom() - plot.height() * number / steps) + 0.5
            painter.setPen(QPen(now.colour("line"), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(now.colour("secondary"))
            box = QRectF(0, y - now.grown(8), now.grown(LEFT) - 10, now.grown(16))
            flags = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(box, flags, formats.number(top * number // steps))
        for position, minute in enumerate(self._minutes):
            if minute % 15 == 0:
                x = self._point(plot, position, 0, top).x()
                text = formats.minute_of_day(minute)
                half = painter.fontMetrics().horizontalAdvance(text) / 2 + 1
                x = min(x, plot.right() - half)  # the newest stands at the edge
                painter.drawText(
                    QRectF(x - half, plot.bottom() + 6, 2 * half, now.grown(16)),
                    int(Qt.AlignmentFlag.AlignCenter),
                    text,
                )

    def _paint_hovered(self, painter: QPainter, plot: QRectF, top: int) -> None:
        assert self._hovered is not None
        x = self._point(plot, self._hovered, 0, top).x()
        painter.setPen(QPen(theme().colour("secondary"), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
