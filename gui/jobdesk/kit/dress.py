"""How a widget looks by the sheet: properties that its rules ask for."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget


def dress(widget: QWidget, **looks: object) -> None:
    """Have a widget look as the sheet says for these properties; one that looks so already costs nothing."""
    new = {name: look for name, look in looks.items() if widget.property(name) != look}
    for name, look in new.items():
        widget.setProperty(name, look)
    if new:
        widget.style().unpolish(widget)
        widget.style().polish(widget)
