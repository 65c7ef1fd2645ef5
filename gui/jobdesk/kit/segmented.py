"""A few choices side by side, one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget


class Segmented(QWidget):
    """Exclusive buttons; the arrow keys move between them."""

    changed = Signal(int)

    def __init__(self, choices: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for number, text in enumerate(choices):
            button = QPushButton(text)
            button.setObjectName("segment")
            place = "first" if number == 0 else "last" if number == len(choices) - 1 else "middle"
            button.setProperty("place", place)
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setChecked(number == 0)
            self._group.addButton(button, number)
            layout.addWidget(button)
        layout.addStretch()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._group.idToggled.connect(lambda number, is_on: self.changed.emit(number) if is_on else None)

    def current(self) -> int:
        """The position of the chosen one, or -1."""
        return self._group.checkedId()

    def choose(self, position: int | None) -> None:
        """Choose one, or with None none of them."""
        if position is not None:
            self._group.button(position).setChecked(True)
            return
        self._group.setExclusive(False)
        for button in self._group.buttons():
            button.setChecked(False)
        self._group.setExclusive(True)

    def set_texts(self, texts: Sequence[str]) -> None:
        """Say something else on the same choices."""
        for number, text in enumerate(texts):
            button = self._group.button(number)
            if button.text() != text:
                button.setText(text)
