"""One big number with its title and a note."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from jobdesk.theme import theme
from jobdesk.widgets.one_line import OneLine


class Card(QFrame):
    """Shows a title, a value of 24 px and a note beneath it. A click or Enter asks for what is behind it."""

    chosen = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAccessibleName(title)
        self._title = _label("secondary", 13)
        self._title.setObjectName("cardTitle")
        self._title.setText(title)
        self._value = _label("", 24, QFont.Weight.DemiBold)
        self._value.setObjectName("cardValue")
        self._note = OneLine("secondary")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(15, 11, 15, 11)
        layout.setSpacing(1)
        for label in (self._title, self._value, self._note):
            layout.addWidget(label)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.chosen.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit()
        else:
            super().keyPressEvent(event)

    @property
    def note(self) -> str:
        """What stands beneath the number."""
        return self._note.whole

    @property
    def value(self) -> str:
        """The number on show, as text."""
        return self._value.text()

    def set_title(self, text: str) -> None:
        """Say what the number is of."""
        self._title.setText(text)
        self.setAccessibleName(text)

    @property
    def title(self) -> str:
        """What the number is of."""
        return self._title.text()

    def set_value(self, text: str, note: str = "", tone: str = "", is_note_bad: bool = False) -> None:
        """Show a number, a note, and the number's tone."""
        if is_note_bad is not (self._note.property("tone") == "bad"):
            self._note.set_tone("bad" if is_note_bad else "secondary")
        self._value.setText(text)
        self._note.set_whole(note)
        if self._value.property("tone") != tone:
            self._value.setProperty("tone", tone)
            self._value.style().unpolish(self._value)
            self._value.style().polish(self._value)
        self.setAccessibleDescription(f"{text} {note}".strip())


def _label(tone: str, size_px: int, weight: QFont.Weight = QFont.Weight.Normal) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setFont(theme().font(size_px, weight))
    label.setProperty("tone", tone)
    label.setMinimumWidth(40)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
