"""The order of Tab is that of reading: Qt's is the order in which the widgets were made."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QScrollArea, QWidget


def set_tab_order(window: QWidget) -> None:
    """Let Tab go through the window as its layouts place what can take the focus."""
    before: QWidget | None = None
    for widget in _in_layout(window.layout()):
        if before is not None:
            QWidget.setTabOrder(before, widget)
        before = widget


def _in_layout(layout: QLayout | None) -> Iterator[QWidget]:
    for position in range(layout.count() if layout is not None else 0):
        item = layout.itemAt(position) if layout is not None else None
        if item is None:
            continue
        widget = item.widget()
        yield from _in_widget(widget) if widget is not None else _in_layout(item.layout())


def _in_widget(widget: QWidget) -> Iterator[QWidget]:
    scrolled = widget.widget() if isinstance(widget, QScrollArea) else None
    if scrolled is not None:
        inside = list(_in_widget(scrolled))
        if inside:
            # What is in it brings itself into sight.
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        yield from inside or [widget]
    elif widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
        yield widget
    else:
        yield from _in_layout(widget.layout())
