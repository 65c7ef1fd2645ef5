"""The environment's tag: white or black on the environment's own colour."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import readable_on

HEIGHT = 22
PADDING = 8


def paint_environment(painter: QPainter, box: QRectF, colour: QColor, radius: float) -> None:
    """Fill a box with an environment's colour and set the pen for text in it; with high contrast only a frame has it.

    On a colour of middle lightness neither black nor white has the contrast that is asked for then.
    """
    tokens = theme().tokens
    if tokens.is_high_contrast:
        painter.setPen(QPen(colour, 3))
        painter.setBrush(tokens.colour("panel"))
        painter.drawRoundedRect(box.adjusted(1.5, 1.5, -1.5, -1.5), radius, radius)
        painter.setPen(tokens.colour("text"))
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(box, radius, radius)
    painter.setPen(QColor(readable_on(colour.name())))


class Tag(QWidget):
    """A filled tag. `colour` is `#rrggbb` or any name Qt knows; one that it does not know gives a grey tag."""

    def __init__(self, text: str, colour: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self._ground = QColor()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)
        theme().changed.connect(self.updateGeometry)
        self.set_content(text, colour)

    @property
    def text(self) -> str:
        """The word on show."""
        return self._text

    def set_content(self, text: str, colour: str) -> None:
        """Show another environment."""
        self._text = text
        self._ground = QColor(colour) if colour and QColor.isValidColorName(colour) else QColor()
        self.setAccessibleName(self.tr("Environment: {name}").format(name=text))
        self.updateGeometry()
        self.update()

    @property
    def _font(self) -> QFont:
        return theme().font(12, QFont.Weight.DemiBold)

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(self._font, self).horizontalAdvance(self._text) + 2 * PADDING, theme().grown(HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        ground = self._ground if self._ground.isValid() else theme().tokens.colour("neutral")
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_environment(painter, QRectF(self.rect()), ground, radius=4)
        painter.setFont(self._font)
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self._text)
        painter.end()
