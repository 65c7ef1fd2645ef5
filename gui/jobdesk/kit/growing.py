"""Keeps the sizes of a widget that holds text in step with the size of text."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from jobdesk.kit.theme import theme


class _Kept(QObject):
    """Belongs to its widget, and goes with it."""

    def __init__(self, widget: QWidget, sizes: dict[str, int]) -> None:
        super().__init__(widget)
        self._widget, self._sizes = widget, sizes
        theme().changed.connect(self.take)
        self.take()

    def take(self) -> None:
        for setter, length_px in self._sizes.items():
            getattr(self._widget, setter)(theme().grown(length_px))


def keep_sizes(
    widget: QWidget,
    *,
    width: int | None = None,
    height: int | None = None,
    least_width: int | None = None,
    least_height: int | None = None,
    most_width: int | None = None,
    most_height: int | None = None,
) -> None:
    """Give a widget these sizes, in logical pixels at the usual size of text, and larger ones with larger text."""
    sizes = {
        "setFixedWidth": width,
        "setFixedHeight": height,
        "setMinimumWidth": least_width,
        "setMinimumHeight": least_height,
        "setMaximumWidth": most_width,
        "setMaximumHeight": most_height,
    }
    _Kept(widget, {setter: length for setter, length in sizes.items() if length is not None})
