"""The areas of a page: its toolbar, what stands below one another, and beside a list the side that scrolls."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.splitter import Splitter


def scrolled(content: QWidget) -> QScrollArea:
    """The content as wide as there is room, with a bar where it is higher."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area


def side_area(content: QWidget, name: str, least_width: int) -> QScrollArea:
    """A pane that scrolls, by this name for who does not see it; the width in logical pixels."""
    area = scrolled(content)
    area.setObjectName("panel")
    area.setProperty("pane", True)
    area.setAccessibleName(name)
    keep_sizes(area, least_width=least_width)
    return area


def split(orientation: Qt.Orientation, name: str, first: QWidget, second: QWidget, sizes: list[int]) -> Splitter:
    """Two panes, of which none can be closed; the first takes what room is added. No sizes: whoever asks sets them."""
    splitter = Splitter(orientation, name)
    splitter.setChildrenCollapsible(False)
    splitter.addWidget(first)
    splitter.addWidget(second)
    splitter.setStretchFactor(0, 1)
    if sizes:
        splitter.set_first_sizes(sizes)
    return splitter


def toolbar_row(bar: QWidget, spacing: int = 8) -> QHBoxLayout:
    """The row of what stands in a widget that is made the toolbar of a page or a pane."""
    bar.setObjectName("toolbar")
    bar.setProperty("pane", True)
    bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    row = QHBoxLayout(bar)
    row.setContentsMargins(12, 4, 12, 4)
    row.setSpacing(spacing)
    return row


def stacked(*parts: QWidget, within: QWidget | None = None) -> QWidget:
    """A widget with these below one another, without a gap; the last one takes what room there is."""
    whole = within or QWidget()
    column = QVBoxLayout(whole)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for part in parts:
        column.addWidget(part)
    column.setStretchFactor(parts[-1], 1)
    return whole
