"""How widgets are laid out: in a row, in a column, in an area that scrolls; and how a layout is emptied."""

from __future__ import annotations

from typing import Literal, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

#: Takes what room there is.
STRETCH: Literal["stretch"] = "stretch"
#: A widget or a layout as it is, or with its share of the room that is left and perhaps where it stands in it.
Item = QWidget | QLayout
Part = Item | tuple[Item, int] | tuple[Item, int, Qt.AlignmentFlag] | Literal["stretch"]
#: On all sides, or at the left, the top, the right and the bottom; None as the style has it.
Margins = int | tuple[int, int, int, int] | None
Box = TypeVar("Box", bound=QBoxLayout)
_ALL_OF_IT = Qt.AlignmentFlag(0)


def in_row(
    *parts: Part, within: QWidget | None = None, margins: Margins = None, spacing: int | None = None
) -> QHBoxLayout:
    """These side by side, from left to right; pixels. The layout of `within`, or one to be put into another."""
    return _filled(QHBoxLayout(within) if within is not None else QHBoxLayout(), parts, margins, spacing)


def in_column(
    *parts: Part, within: QWidget | None = None, margins: Margins = None, spacing: int | None = None
) -> QVBoxLayout:
    """These below one another, from top to bottom; pixels. The layout of `within`, or one to be put into another."""
    return _filled(QVBoxLayout(within) if within is not None else QVBoxLayout(), parts, margins, spacing)


def _filled(box: Box, parts: tuple[Part, ...], margins: Margins, spacing: int | None) -> Box:
    if margins is not None:
        box.setContentsMargins(*(margins if isinstance(margins, tuple) else (margins,) * 4))
    if spacing is not None:
        box.setSpacing(spacing)
    for part in parts:
        if isinstance(part, str):
            box.addStretch()
            continue
        item, share, place = (*part, _ALL_OF_IT)[:3] if isinstance(part, tuple) else (part, 0, _ALL_OF_IT)
        if isinstance(item, QLayout):
            box.addLayout(item, share)
        else:
            box.addWidget(item, share, place)
    return box


def empty_layout(layout: QLayout) -> None:
    """Take everything out of a layout and delete it."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            empty_layout(inner)
            inner.deleteLater()


def scrolled(content: QWidget) -> QScrollArea:
    """The content as wide as there is room, with a bar where it is higher."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area


def scrolling(*widgets: QWidget) -> QScrollArea:
    """These, one below the other, in as much room as there is."""
    inner = QWidget()
    in_column(*widgets, STRETCH, within=inner, margins=(0, 0, 6, 0), spacing=12)
    return scrolled(inner)
