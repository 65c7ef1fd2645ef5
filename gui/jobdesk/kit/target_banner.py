"""Where something is about to be done, told large, on the environment's own colour."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from jobdesk.kit.tag import paint_environment
from jobdesk.kit.theme import theme

HEIGHT, PADDING = 56, 16


class TargetBanner(QWidget):
    """Two lines: the environment and the name, and below them where it leads."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._first, self._second = "", ""
        self._ground = QColor()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)

    @property
    def text(self) -> str:
        """What is said."""
        return f"{self._first} {self._second}".strip()

    def show_target(self, environment: str, name: str, where: str, colour: str) -> None:
        """Name another place. `colour` as the profile has it; without one the banner is grey."""
        self._first = f"{environment.upper()} · {name}" if environment else name
        self._second = where
        self._ground = QColor(colour) if colour and QColor.isValidColorName(colour) else QColor()
        self.setAccessibleName(self.tr("Target: {target}").format(target=self.text))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, theme().grown(HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        ground = self._ground if self._ground.isValid() else theme().tokens.colour("neutral")
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_environment(painter, QRectF(self.rect()), ground, radius=8)
        box = self.rect().adjusted(PADDING, 6, -PADDING, -6)
        for font, text, side in (
            (theme().font(18, QFont.Weight.DemiBold), self._first, Qt.AlignmentFlag.AlignTop),
            (theme().font(12), self._second, Qt.AlignmentFlag.AlignBottom),
        ):
            painter.setFont(font)
            shown = QFontMetrics(font, self).elidedText(text, Qt.TextElideMode.ElideRight, box.width())
            painter.drawText(box, int(side | Qt.AlignmentFlag.AlignLeft) | int(Qt.TextFlag.TextSingleLine), shown)
        painter.end()
