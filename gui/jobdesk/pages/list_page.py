"""What the pages of queues, tasks and workers share: a line that says how many, a table, or why it is empty."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.monitor.filters import term
from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from jobdesk.models.values import Cell, Title, ValuesModel
from jobdesk.widgets.empty_state import EmptyState
from jobdesk.widgets.table import Table


class ListPage(QWidget):
    """One row per name. A double click or Enter asks for the jobs whose `filter_key` is that row's."""

    filter_asked_for = Signal(str)

    def __init__(self, name: str, titles: Sequence[Title], filter_key: str, empty: EmptyState) -> None:
        super().__init__()
        self.setObjectName("page")
        self._filter_key = filter_key
        self.empty = empty
        self.model = ValuesModel(list(titles), self)
        self.table = Table(name)
        self.table.setModel(self.model)
        for position, title in enumerate(titles):
            self.table.setColumnWidth(position, title.width)
        self.table.activated.connect(self._open)
        self._note = QLabel()
        self._note.setProperty("tone", "secondary")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(empty)
        bar = QWidget()
        bar.setObjectName("toolbar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 8, 12, 8)
        row.addWidget(self._note)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(bar)
        layout.addWidget(self._stack)

    def show_rows(self, rows: Sequence[tuple[str, Sequence[Cell]]], note: str) -> None:
        """Show these, each by its key, and the line above them."""
        self.model.set_rows(rows)
        self._stack.setCurrentIndex(0 if rows else 1)
        self._note.setText(note)

    def _open(self, index: QModelIndex) -> None:
        self.filter_asked_for.emit(term(self._filter_key, self.model.key_at(index.row())))
