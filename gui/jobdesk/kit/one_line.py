"""A label of one line that gives way: what does not fit is left out, and told on hover."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from jobdesk.kit import formats
from jobdesk.kit.dress import dress
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme.tokens import Look

#: Characters beyond which nothing is measured: no screen shows them in one line.
LONGEST = 1_000


class OneLine(QLabel):
    """Text from the database is data: it is never read as markup, and may be of any length."""

    def __init__(self, tone: Look = "", parent: QWidget | None = None, *, is_right: bool = False) -> None:
        super().__init__(parent)
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        side = Qt.AlignmentFlag.AlignRight if is_right else Qt.AlignmentFlag.AlignLeft
        self.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.set_tone(tone)

    @property
    def whole(self) -> str:
        """The text, also what of it does not fit."""
        return self._whole

    def set_whole(self, text: str) -> None:
        """Show this."""
        if text != self._whole:
            self._whole = text
            self.setAccessibleName(text[:LONGEST])
            self.updateGeometry()
            self._fit()

    def set_tone(self, tone: Look) -> None:
        """Write it in a tone."""
        dress(self, tone=tone)

    def sizeHint(self) -> QSize:
        line = self._line()
        return QSize(self.fontMetrics().horizontalAdvance(line) + 4, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(20, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _line(self) -> str:
        return formats.visible(" ".join(self._whole[:LONGEST].split()))

    def _fit(self) -> None:
        line = self._line()
        shown = self.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, self.width())
        self.setText(shown)
        self.setToolTip(as_tooltip(self._whole[:LONGEST]) if shown != line else "")
