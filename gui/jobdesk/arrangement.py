"""How the window is arranged: page, order, columns and splitters as plain values, taken from it and put back.

It stores nothing: `remembered` does. Values that do not fit this window are passed over, each by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jobdesk_core.monitor.pages import Order
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QHeaderView, QSplitter

from jobdesk.pages.jobs_table import JobsTable
from jobdesk.widgets.table import Table

if TYPE_CHECKING:
    from jobdesk.main_window import MainWindow

#: A width or a height in pixels beyond these is nobody's wish.
LEAST_PX, MOST_PX = 20, 8_000


class Arrangement(QObject):
    """Reads and writes one window's arrangement; knows the first one, to go back to it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._tables = {
            f"{key}.{number}": table
            for key, page in window.pages.items()
            for number, table in enumerate(page.findChildren(Table))
        }
        self._splitters = {
            f"{key}.{number}": splitter
            for key, page in window.pages.items()
            for number, splitter in enumerate(page.findChildren(QSplitter))
        }
        #: The sizes that each splitter was given by hand, also while one of its parts is hidden.
        self._moved: dict[str, list[int]] = {}
        for key, splitter in self._splitters.items():
            splitter.splitterMoved.connect(lambda *_, key=key: self._keep_sizes(key))
        self._first_widths = {key: list(_widths(table)) for key, table in self._tables.items()}
        self._first_sizes = {key: splitter.sizes() for key, splitter in self._splitters.items()}
        self._first_hidden = _hidden(window.jobs.table)

    def take(self) -> dict[str, Any]:
        """What the operator has arranged, as JSON values; what is as at first is left out."""
        return {
            "page": self._window.navigation.current,
            "order": self._window.jobs.model.order.name,
            "tables": {key: self._columns(key, table) for key, table in self._tables.items()},
            "splitters": dict(self._moved),
        }

    def put(self, kept: Mapping[str, Any]) -> None:
        """Arrange the window as it was. Never raises: what makes no sense stays as it is."""
        for key, columns in _items(kept.get("tables")):
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                self._put_columns(key, columns)
        for key, sizes in _items(kept.get("splitters")):
            if key in self._splitters and _are_sizes(sizes, self._splitters[key].count()):
                self._move(key, sizes)
        order = kept.get("order")
        if isinstance(order, str) and order in Order.__members__ and Order[order] is not self._window.jobs.model.order:
            self._window.jobs.set_order(Order[order])
        page = kept.get("page")
        if isinstance(page, str) and page in self._window.pages:
            self._window.show_page(page)

    def reset(self) -> None:
        """Columns, splitters and the order as at first; the page stays."""
        for key, table in self._tables.items():
            _put_order(table.horizontalHeader(), list(range(table.horizontalHeader().count())))
            for place, width in enumerate(self._first_widths[key]):
                table.setColumnWidth(place, width)
            if isinstance(table, JobsTable):
                _hide(table, self._first_hidden)
                table.fit_by_itself()
            elif table.isSortingEnabled():
                table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
            table.resized.emit()
        for key in self._moved:
            self._splitters[key].setSizes(self._first_sizes[key])
        self._moved.clear()
        self._window.jobs.size_by_itself()
        if self._window.jobs.model.order is not Order.NEWEST:
            self._window.jobs.set_order(Order.NEWEST)

    def _columns(self, key: str, table: Table) -> dict[str, Any]:
        head = table.horizontalHeader()
        columns: dict[str, Any] = {"order": [head.logicalIndex(place) for place in range(head.count())]}
        first = self._first_widths[key]
        if isinstance(table, JobsTable):
            columns["hidden"] = _hidden(table)
            first = [-1] * head.count() if table.has_own_widths else list(_widths(table))
        elif table.isSortingEnabled():
            is_descending = head.sortIndicatorOrder() is Qt.SortOrder.DescendingOrder
            columns["sort"] = [head.sortIndicatorSection(), is_descending]
        columns["widths"] = {
            str(place): width
            for place, width in enumerate(_widths(table))
            if width and width != first[place] and head.sectionResizeMode(place) is QHeaderView.ResizeMode.Interactive
        }
        return columns

    def _put_columns(self, key: str, columns: Mapping[str, Any]) -> None:
        table = self._tables[key]
        count = table.horizontalHeader().count()
        if sorted(columns["order"]) != list(range(count)):
            return  # of another release: none of the rest would fit
        _put_order(table.horizontalHeader(), columns["order"])
        if isinstance(table, JobsTable):
            _hide(table, columns["hidden"])
            table.has_own_widths = bool(columns["widths"])
        for place, width in columns["widths"].items():
            if 0 <= int(place) < count and _are_sizes([width], 1):
                table.setColumnWidth(int(place), width)
        if table.isSortingEnabled() and 0 <= columns["sort"][0] < count:
            order = Qt.SortOrder.DescendingOrder if columns["sort"][1] else Qt.SortOrder.AscendingOrder
            table.sortByColumn(columns["sort"][0], order)

    def _move(self, key: str, sizes: list[int]) -> None:
        splitter = self._splitters[key]
        splitter.setSizes(sizes)
        # Said as if by hand, so that nothing sizes it by itself from here on.
        splitter.splitterMoved.emit(sizes[0], 1)
        self._moved[key] = sizes

    def _keep_sizes(self, key: str) -> None:
        self._moved[key] = self._splitters[key].sizes()


def _widths(table: Table) -> Iterator[int]:
    return (table.columnWidth(place) for place in range(table.horizontalHeader().count()))


def _hidden(table: Table) -> list[int]:
    return [place for place in range(table.horizontalHeader().count()) if table.isColumnHidden(place)]


def _hide(table: Table, hidden: list[int]) -> None:
    count = table.horizontalHeader().count()
    if set(hidden) < set(range(count)):
        for place in range(count):
            table.setColumnHidden(place, place in hidden)


def _put_order(head: QHeaderView, order: list[int]) -> None:
    for place, column in enumerate(order):
        head.moveSection(head.visualIndex(column), place)


def _items(kept: object) -> list[tuple[str, Any]]:
    return list(kept.items()) if isinstance(kept, dict) else []


def _are_sizes(sizes: object, count: int) -> bool:
    """Whether these are pixels for so many parts; a collapsed one has none."""
    return (
        isinstance(sizes, list)
        and len(sizes) == count
        and all(type(size) is int and (size == 0 or LEAST_PX <= size <= MOST_PX) for size in sizes)
        and any(sizes)
    )
