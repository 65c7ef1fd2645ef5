"""The last hour of one database: what ended per minute, and what failed below it."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.watching.pulse import Look
from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from jobdesk.kit import formats
from jobdesk.kit.theme import theme

HEIGHT, FAILED_HEIGHT, GAP, TEXT_HEIGHT = 52, 26, 6, 20


class HourChart(QWidget):
    """Columns of one look; minutes that nobody has seen are left empty."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self.setAccessibleName(self.tr("Last hour"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)
        theme().changed.connect(self.updateGeometry)

    @property
    def text(self) -> str:
        """The rates, in words."""
        look = self._look
        if look is None or look.ended_per_minute is None or look.failed_per_minute is None:
            return self.tr("not watched for long enough")
        more = "+" if look.is_rate_at_least else ""
        return self.tr("finished {ended}, failed {failed} per min").format(
            ended=f"{look.ended_per_minute:,.0f}{more}", failed=f"{look.failed_per_minute:,.1f}{more}"
        )

    def show_look(self, look: Look | None) -> None:
        """Show this one."""
        if self._look is None or look is None or look.ended != self._look.ended or look.failed != self._look.failed:
            self.update()
        self._look = look
        self.setAccessibleDescription(self.text)

    def sizeHint(self) -> QSize:
        return QSize(240, theme().grown(HEIGHT + GAP + FAILED_HEIGHT + TEXT_HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        look, grown, tokens = self._look, theme().grown, theme().tokens
        painter = QPainter(self)
        good = QColor(tokens.colour("succeeded"))
        good.setAlphaF(0.55)
        if look is not None:
            _columns(painter, QRect(0, 0, self.width(), grown(HEIGHT)), look.ended, good)
            below = QRect(0, grown(HEIGHT + GAP), self.width(), grown(FAILED_HEIGHT))
            _columns(painter, below, look.failed, tokens.colour("failed"))
            painter.setFont(theme().font(11))
            painter.setPen(tokens.colour("secondary"))
            at, base = look.server_time, self.height() - 5
            end = int(at.timestamp()) // 60
            last = formats.minute_of_day(end)
            metrics = painter.fontMetrics()
            wide, told = metrics.horizontalAdvance(last), metrics.horizontalAdvance(self.text)
            # Which hour it is says the head, too.
            if told + 2 * (wide + 8) <= self.width():
                painter.drawText(0, base, formats.minute_of_day(end - len(look.ended)))
                painter.drawText(self.width() - wide, base, last)
            painter.drawText((self.width() - told) // 2, base, self.text)
        painter.end()


def _columns(painter: QPainter, box: QRect, minutes: Sequence[int | None], colour: QColor) -> None:
    highest, number = max((count or 0 for count in minutes), default=0), max(1, len(minutes))
    painter.fillRect(box.left(), box.bottom(), box.width(), 1, theme().tokens.colour("line"))
    for place, count in enumerate(minutes):
        if count:
            left, right = place * box.width() // number, (place + 1) * box.width() // number
            high = max(1, round(box.height() * count / highest))
            painter.fillRect(left, box.bottom() - high + 1, max(1, right - left - 1), high, colour)
