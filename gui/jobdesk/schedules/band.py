"""The next hour: when which runs come, so that a crowd is seen. Hollow is inferred; a number is that many at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.schedules.spans import HOUR_S, Coming
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from jobdesk.kit import formats
from jobdesk.kit.theme import theme

ROW, HEAD, FOOT, NAMES = 26, 34, 24, 148
#: Rows that are drawn at most.
MOST_ROWS = 6
#: Marks closer than so many pixels are ticks of a band.
CLOSE = 16.0


class NextHour(QWidget):
    """Draws what is told; it does not work out anything."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._coming: Sequence[Coming] = ()
        self._now = dt.datetime.fromtimestamp(0, dt.UTC)
        self.setAccessibleName(self.tr("Next hour"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.updateGeometry)

    def show_coming(self, coming: Sequence[Coming], now: dt.datetime) -> None:
        """Show what comes from a moment on."""
        is_other = len(coming) != len(self._coming)
        self._coming, self._now = coming, now
        self.setAccessibleDescription(self.title())
        if is_other:
            self.updateGeometry()
        self.update()

    def title(self) -> str:
        """How many runs of how many schedules come."""
        runs, schedules = sum(each.runs for each in self._coming), sum(len(each.schedules) for each in self._coming)
        more = self.tr("more than {count}") if any(each.are_many for each in self._coming) else "{count}"
        count = more.format(count=formats.number(runs))
        if schedules == 1:
            return self.tr("{runs} runs of 1 schedule").format(runs=count)
        return self.tr("{runs} runs of {count} schedules; hollow is inferred").format(
            runs=count, count=formats.number(schedules)
        )

    def rows(self) -> int:
        """How many rows are drawn."""
        return min(MOST_ROWS, len(self._coming))

    def sizeHint(self) -> QSize:
        return QSize(400, theme().grown(HEAD + FOOT + ROW * self.rows()))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, painter = theme().tokens, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), tokens.colour("panel"))
        painter.fillRect(0, 0, self.width(), 1, tokens.colour("line"))
        self._paint_head(painter)
        left, right = float(theme().grown(NAMES) + 12), self.width() - 24.0
        top, row = float(theme().grown(HEAD)), theme().grown(ROW)
        bottom = top + row * self.rows()
        self._paint_scale(painter, left, right, top, bottom)
        for place, each in enumerate(self._coming[: self.rows()]):
            middle = top + row * (place + 0.5)
            painter.fillRect(QRectF(left, middle, right - left, 1), tokens.colour("line"))
            painter.setFont(theme().font(13))
            painter.setPen(tokens.colour("text"))
            name = QFontMetrics(theme().font(13)).elidedText(
                formats.visible(each.name), Qt.TextElideMode.ElideRight, theme().grown(NAMES) - 12
            )
            flags = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)
            painter.drawText(QRectF(12, middle - row / 2, theme().grown(NAMES) - 8, row), flags, name)
            self._paint_row(painter, each, left, right, middle)
        painter.end()

    def _paint_head(self, painter: QPainter) -> None:
        tokens = theme().tokens
        bold = theme().font(13, QFont.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(tokens.colour("text"))
        title = self.tr("Next hour")
        height, flags = theme().grown(HEAD), int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(QRectF(12, 0, 300, height), flags, title)
        painter.setFont(theme().font(12))
        painter.setPen(tokens.colour("secondary"))
        hidden = len(self._coming) - self.rows()
        told = self.title() + (self.tr(" · {count} more tasks not drawn").format(count=hidden) if hidden else "")
        left = 12 + QFontMetrics(bold).horizontalAdvance(title) + 10
        room = QRectF(left, 0, self.width() - left - 12, height)
        text = QFontMetrics(theme().font(12)).elidedText(told, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, flags, text)

    def _paint_scale(self, painter: QPainter, left: float, right: float, top: float, bottom: float) -> None:
        """Lines at the quarters of an hour by the clock, and now."""
        tokens = theme().tokens
        painter.setFont(theme().font(11))
        begin = self._now.timestamp()
        offset = (formats.here(self._now).utcoffset() or dt.timedelta()).total_seconds()
        at = (begin + offset) // 900 * 900 + 900 - offset
        wide, high = 60.0, float(theme().grown(FOOT))
        while at <= begin + HOUR_S:
            x = left + (right - left) * (at - begin) / HOUR_S
            painter.fillRect(QRectF(x, top, 1, bottom - top), tokens.colour("line"))
            if x - left > 40:
                painter.setPen(tokens.colour("secondary"))
                told = f"{formats.here(dt.datetime.fromtimestamp(at, dt.UTC)):%H:%M}"
                # At the edge it stays within.
                box = QRectF(min(x - wide / 2, self.width() - wide + 8), bottom, wide, high)
                painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), told)
            at += 900
        painter.fillRect(QRectF(left, top, 1, bottom - top), tokens.colour("accent"))
        painter.setPen(tokens.colour("accent"))
        painter.drawText(QRectF(left - 4, bottom, wide, high), int(Qt.AlignmentFlag.AlignVCenter), self.tr("now"))

    def _paint_row(self, painter: QPainter, each: Coming, left: float, right: float, middle: float) -> None:
        tokens = theme().tokens
        mark = QColor(tokens.colour("todo"))
        scale, begin = (right - left) / HOUR_S, self._now.timestamp()
        if each.are_many:
            mark.setAlphaF(0.6)
            painter.fillRect(QRectF(left, middle - 4, right - left, 8), mark)
            return
        times = sorted(at for at in each.times if begin < at <= begin + HOUR_S)
        is_band = len(times) > 1 and (times[-1] - times[0]) / (len(times) - 1) * scale < CLOSE
        for at in times:
            x, count = left + (at - begin) * scale, each.times[at]
            if is_band:
                painter.fillRect(QRectF(x - 0.75, middle - 5, 1.5, 10), mark)
            elif count > 1:
                self._paint_crowd(painter, x, middle, count)
            else:
                painter.setPen(QPen(mark, 1.4))
                painter.setBrush(tokens.colour("panel") if each.is_inferred else mark)
                painter.drawEllipse(QPointF(x, middle), 4, 4)
        if each.late:
            painter.setPen(QPen(tokens.colour("warning"), 1.6))
            painter.setBrush(tokens.colour("panel"))
            painter.drawEllipse(QPointF(left + 5, middle), 4.2, 4.2)
            painter.setFont(theme().font(11, QFont.Weight.DemiBold))
            painter.drawText(QPointF(left + 14, middle + 4), self.tr("late"))

    def _paint_crowd(self, painter: QPainter, x: float, middle: float, count: int) -> None:
        tokens = theme().tokens
        font = theme().font(11, QFont.Weight.DemiBold)
        wide = max(16.0, QFontMetrics(font).horizontalAdvance(str(count)) + 8.0)
        box = QRectF(x - wide / 2, middle - 8, wide, 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.colour("todo"))
        painter.drawRoundedRect(box, 4, 4)
        painter.setFont(font)
        painter.setPen(tokens.colour("panel"))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), str(count))
