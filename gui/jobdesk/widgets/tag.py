"""A filled label with the environment's name."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QWidget


class Tag(QLabel):
    """White or dark text on a colour of the operator's choice, whichever reads better."""

    def __init__(self, text: str = "", colour: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.set_content(text, colour)

    def set_content(self, text: str, colour: str) -> None:
        """Show another text on another colour."""
        self.setText(text)
        ground = QColor(colour) if QColor.isValidColorName(colour) else QColor("#5c6779")
        text_colour = "#ffffff" if _contrast_with_white(ground) >= 4.5 else "#10151d"
        self.setStyleSheet(
            f"background: {ground.name()}; color: {text_colour}; border-radius: 4px; padding: 3px 8px;"
            "font-size: 12px; font-weight: 600;"
        )


def _contrast_with_white(colour: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    light = 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())
    return 1.05 / (light + 0.05)
