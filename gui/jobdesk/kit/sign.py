"""A small picture of how something went."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import draw_icon
from jobdesk.kit.theme.tokens import Kind


class Sign(QWidget):
    """A check or a warning sign in its tone: good, info, warning or bad."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind
        keep_sizes(self, width=18, height=18)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        name = {"good": "check", "info": "info"}.get(self._kind, "warning")
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        draw_icon(painter, box, name, theme().colour(self._kind))
