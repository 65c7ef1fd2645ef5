"""A shape and a word beside it in one colour, so that no meaning hangs on the colour alone."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from jobdesk.kit.theme import theme
from jobdesk.kit.theme.shapes import paint_shape
from jobdesk.kit.theme.tokens import Tone

SIDE = 12
GAP = 5


class ShapeLabel(QWidget):
    """Paints a shape, a word in its colour, and perhaps a secondary word after it. Text is data, never markup."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shape = self._text = self._note = ""
        self._tone: Tone = ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)
        theme().changed.connect(self.updateGeometry)

    def set_content(self, shape: str, text: str, tone: Tone, note: str = "") -> None:
        """Show a shape of theme.shapes and a word in a token's colour; `note` follows in the secondary colour."""
        if (shape, text, tone, note) == (self._shape, self._text, self._tone, self._note):
            return
        before = self.sizeHint()
        self._shape, self._text, self._tone, self._note = shape, text, tone, note
        self.setAccessibleName(f"{text} {note}".strip())
        if self.sizeHint() != before:
            self.updateGeometry()  # lays the whole window out
        self.update()

    @property
    def text(self) -> str:
        """The word on show."""
        return self._text

    def text_tone(self) -> Tone:
        """The token that the word is written in."""
        return self._tone

    @property
    def _font(self) -> QFont:
        return theme().font(13)

    def sizeHint(self) -> QSize:
        metrics = self._metrics()
        words = self._text + (f" {self._note}" if self._note else "")
        shape = theme().grown(SIDE) + GAP if self._shape else 0
        return QSize(shape + metrics.horizontalAdvance(words) + 2, max(theme().grown(20), metrics.height()))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        left = 0
        if self._shape:
            side = theme().grown(SIDE)
            top = (self.height() - side) / 2
            paint_shape(painter, self._shape, QRectF(0, top, side, side), tokens.colour(self._tone))
            left = side + GAP
        painter.setFont(self._font)
        flags = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)
        painter.setPen(tokens.colour(self.text_tone()))
        painter.drawText(left, 0, self.width() - left, self.height(), flags, self._text)
        if self._note:
            left += self._metrics().horizontalAdvance(f"{self._text} ")
            painter.setPen(tokens.colour("secondary"))
            painter.drawText(left, 0, self.width() - left, self.height(), flags, self._note)
        painter.end()

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(self._font, self)
