"""A switch: on or off, at once."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from jobdesk.kit.theme import theme

#: Its width and height, in logical pixels at the usual size of text.
SIZE = (28, 16)


class Switch(QAbstractButton):
    """Space turns it; a frame shows the focus."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme().changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(theme().grown(SIZE[0]) + 4, theme().grown(SIZE[1]) + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = theme().grown(SIZE[0]), theme().grown(SIZE[1])
        box = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
        if self.hasFocus():
            painter.setPen(QPen(tokens.colour("focus"), 1.5))
            painter.drawRoundedRect(box.adjusted(-1.2, -1.2, 1.2, 1.2), height / 2 + 1, height / 2 + 1)
        painter.setPen(Qt.PenStyle.NoPen if self.isChecked() else QPen(tokens.colour("faint"), 1.2))
        painter.setBrush(tokens.colour("accent" if self.isChecked() else "panel"))
        painter.drawRoundedRect(box.adjusted(0.6, 0.6, -0.6, -0.6), height / 2, height / 2)
        side = height - 6
        left = box.right() - side - 3 if self.isChecked() else box.left() + 3
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.colour("on_accent" if self.isChecked() else "secondary"))
        painter.drawEllipse(QRectF(left, box.top() + 3, side, side))
        painter.end()
