"""Labels of the panels that tell of one thing: wrapped text that is data, and headings."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy

from jobdesk.kit.theme.tokens import Look


def plain_label(tone: Look) -> QLabel:
    """A wrapped label for text that is data."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("tone", tone)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def caption(text: str) -> QLabel:
    """The heading of a panel."""
    label = QLabel(text)
    label.setObjectName("caption")
    label.setContentsMargins(0, 14, 0, 4)
    return label
