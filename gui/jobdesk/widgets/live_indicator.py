"""The dot and the word that tell whether what is shown is live."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from jobdesk.theme import theme

_TONES = {"live": "good", "polling": "info", "connecting": "secondary", "stale": "bad", "closed": "secondary"}


class LiveIndicator(QWidget):
    """Shows the mode of the feed; its tooltip says why."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mode, self._text = "closed", ""
        theme().changed.connect(self.update)

    @property
    def text(self) -> str:
        """What it says."""
        return self._text

    def set_state(self, mode: str, text: str, reason: str) -> None:
        """Show another state."""
        if (mode, text) != (self._mode, self._text):
            self._mode, self._text = mode, text
            self.updateGeometry()
            self.update()
        self.setAccessibleName(text)
        self.setToolTip(reason or text)

    def sizeHint(self) -> QSize:
        # Wide enough for four digits of milliseconds, so that the header does not shift with each answer.
        fixed = self.fontMetrics().horizontalAdvance("Live · 0000 ms")
        return QSize(16 + max(fixed, self.fontMetrics().horizontalAdvance(self._text)) + 2, 24)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour(_TONES[self._mode]))
        painter.drawEllipse(QPointF(5, self.height() / 2), 4, 4)
        word, separator, rest = self._text.partition(" · ")
        tone = "bad" if self._mode == "stale" else "text"
        painter.setPen(theme().colour(tone))
        box = QRectF(16, 0, self.width() - 16, self.height())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), word)
        offset = self.fontMetrics().horizontalAdvance(word)
        painter.setPen(theme().colour("secondary"))
        painter.drawText(box.adjusted(offset, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), separator + rest)
