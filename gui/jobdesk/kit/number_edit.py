"""A field for a whole number that looks like the other fields."""

from __future__ import annotations

from PySide6.QtWidgets import QSpinBox, QWidget

#: Pixels before the number. A style sheet does not reach the line within a spin box.
PADDING = 6


class NumberEdit(QSpinBox):
    """A spin box whose number stands as far from the frame as a text does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lineEdit().setTextMargins(PADDING, 0, 0, 0)
