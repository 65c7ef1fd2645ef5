"""The areas of a page: its toolbar, what stands below one another, and beside a list the side that scrolls."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QWidget

from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.layouts import in_column, in_row, scrolled
from jobdesk.kit.splitter import Splitter


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
    return in_row(within=bar, margins=(12, 4, 12, 4), spacing=spacing)


def stacked(*parts: QWidget, within: QWidget | None = None) -> QWidget:
    """A widget with these below one another, without a gap; the last one takes what room there is."""
    whole = within or QWidget()
    *upper, last = parts
    in_column(*upper, (last, 1), within=whole, margins=0, spacing=0)
    return whole
