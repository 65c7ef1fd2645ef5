"""A status as its shape and its word, in its colour."""

from __future__ import annotations

from jobdesk_core.jobs import Status
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from jobdesk.theme import theme
from jobdesk.theme.icons import draw_status

GAP = 17


class StatusLabel(QWidget):
    """Shows one status."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._status: Status | None = None
        theme().changed.connect(self.update)

    def set_status(self, status: Status) -> None:
        """Show another status."""
        self._status = status
        self.setAccessibleName(status.value)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        word = self._status.value if self._status else ""
        return QSize(GAP + self.fontMetrics().horizontalAdvance(word) + 2, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._status is None:
            return
        painter = QPainter(self)
        colour = theme().colour(self._status.value)
        draw_status(painter, QPointF(6, self.height() / 2), self._status, colour)
        painter.setPen(colour)
        box = QRectF(GAP, 0, self.width() - GAP, self.height())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), self._status.value)
