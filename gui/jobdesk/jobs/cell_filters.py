"""What a cell offers the filter: to find only jobs with its value, or to exclude these."""

from __future__ import annotations

from jobdesk_core.database.rows import JobRow
from jobdesk_core.filters.language import term
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

LONGEST_SHOWN = 60


class CellFilters(QObject):
    """Two entries at the top of the menu of jobs, for the cell that it was opened on."""

    narrowing_asked_for = Signal(str)  # a condition

    def __init__(self, menu: QMenu) -> None:
        super().__init__(menu)
        self._keep, self._exclude = QAction(self), QAction(self)
        self._separator = QAction(self)
        self._separator.setSeparator(True)
        self._condition = ""
        self._keep.triggered.connect(lambda: self.narrowing_asked_for.emit(self._condition))
        self._exclude.triggered.connect(lambda: self.narrowing_asked_for.emit(f"-{self._condition}"))
        first = menu.actions()[0] if menu.actions() else None
        for action in (self._keep, self._exclude, self._separator):
            menu.insertAction(first, action) if first is not None else menu.addAction(action)

    def show_cell(self, row: JobRow | None, key: str) -> None:
        """Offer the value of this column of a row; nothing when it is none to filter by."""
        self._condition = condition_of_cell(row, key) if row is not None else ""
        shown = self._condition
        if len(shown) > LONGEST_SHOWN:
            shown = f"{shown[:LONGEST_SHOWN]}…"
        shown = shown.replace("&", "&&")
        self._keep.setText(self.tr("Filter by {condition}").format(condition=shown))
        self._exclude.setText(self.tr("Exclude {condition}").format(condition=shown))
        for action in (self._keep, self._exclude, self._separator):
            action.setVisible(bool(self._condition))


def condition_of_cell(row: JobRow, key: str) -> str:
    """The condition that the value in this column meets, empty for a column that has none."""
    held = {
        "task": row.task_name,
        "queue": row.queue_name,
        "status": row.status.value,
        "lock": row.lock,
        "queueing_lock": row.queueing_lock,
        "worker": row.worker_id,
        "priority": row.priority,
    }
    if key not in held:
        return ""
    value = held[key]
    return f"{key}:none" if value is None else term(key, str(value))
