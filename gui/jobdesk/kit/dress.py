"""How a widget looks by the sheet: properties that its rules ask for."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton, QWidget


def dress(widget: QWidget, **looks: object) -> None:
    """Have a widget look as the sheet says for these properties; one that looks so already costs nothing."""
    new = {name: look for name, look in looks.items() if widget.property(name) != look}
    for name, look in new.items():
        widget.setProperty(name, look)
    if new:
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def show_words(button: QToolButton, are_shown: bool) -> None:
    """Show a button's text beside its icon, or its icon alone: as far from the left edge as from the right one."""
    style = Qt.ToolButtonStyle
    button.setToolButtonStyle(style.ToolButtonTextBesideIcon if are_shown else style.ToolButtonIconOnly)
    # Qt keeps two blanks free behind the text.
    dress(button, beside=are_shown and not button.icon().isNull())
