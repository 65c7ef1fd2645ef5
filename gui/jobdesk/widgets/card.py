"""A number that matters, with what it is above and what it means below."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from jobdesk.theme import theme


class Card(QFrame):
    """A titled number with a note."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._title = QLabel(title)
        self._title.setProperty("tone", "secondary")
        self._value = QLabel("–")
        self._value.setObjectName("big")
        self._value.setTextFormat(Qt.TextFormat.PlainText)
        self._note = QLabel(" ")
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setProperty("tone", "small")
        self._tone = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(2)
        for label in (self._title, self._value, self._note):
            layout.addWidget(label)
        theme().changed.connect(self._paint)

    @property
    def value(self) -> str:
        """The number as shown."""
        return self._value.text()

    def set_value(self, text: str, note: str = "", tone: str = "") -> None:
        """Show another number."""
        self._value.setText(text)
        self._note.setText(note or " ")
        self.setAccessibleName(f"{self._title.text()}: {text}. {note}")
        if tone != self._tone:
            self._tone = tone
            self._paint()

    def _paint(self) -> None:
        colour = theme().tokens.tone(self._tone)
        self._value.setStyleSheet(f"color: {colour};" if self._tone else "")
