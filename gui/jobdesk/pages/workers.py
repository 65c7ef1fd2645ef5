"""The Workers page: who is registered, when each was heard of, and what it is running."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.monitor.rows import WorkerRow
from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from jobdesk import formats
from jobdesk.desk import Desk
from jobdesk.models.values import Cell, Title, ValuesModel
from jobdesk.widgets.empty_state import EmptyState
from jobdesk.widgets.table import Table


class WorkersPage(QWidget):
    """A double click or Enter shows the jobs of a worker."""

    filter_asked_for = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._desk: Desk | None = None
        titles = [
            Title(self.tr("worker"), 120),
            Title(self.tr("state"), 160, is_right=False),
            Title(self.tr("running"), 96),
            Title(self.tr("last heartbeat"), 180),
        ]
        self.model = ValuesModel(titles, self)
        self.table = Table(self.tr("Workers"))
        self.table.setModel(self.model)
        for position, title in enumerate(titles):
            self.table.setColumnWidth(position, title.width)
        self.table.activated.connect(self._open)
        self._note = QLabel()
        self._note.setProperty("tone", "secondary")
        self._empty = EmptyState("workers", "", "")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._empty)
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

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's workers."""
        self._desk = desk
        self.refresh()

    def refresh(self) -> None:
        """Show the workers as last read."""
        workers = self._desk.workers if self._desk is not None else []
        now = dt.datetime.now(dt.UTC)
        self.model.set_rows([(str(worker.id), _cells(worker, now)) for worker in workers])
        self._stack.setCurrentIndex(0 if workers else 1)
        live = len(self._desk.live_worker_ids) if self._desk is not None else 0
        self._note.setText(
            self.tr("{live} of {all} alive").format(live=formats.number(live), all=formats.number(len(workers)))
        )
        if self._desk is not None and not workers:
            self._show_why_none(self._desk)

    def _show_why_none(self, desk: Desk) -> None:
        if desk.capabilities.has_workers:
            self._empty.set_content(
                "workers",
                self.tr("No worker is registered"),
                self.tr("Waiting jobs stay where they are until one starts: procrastinate worker"),
            )
        else:
            release = desk.capabilities.release
            self._empty.set_content(
                "workers",
                self.tr("This release keeps no record of its workers"),
                self.tr("Procrastinate {release}: releases from 3.1 on register them.").format(release=release),
            )

    def _open(self, index: QModelIndex) -> None:
        self.filter_asked_for.emit(f"worker:{self.model.key_at(index.row())}")


def _cells(worker: WorkerRow, now: dt.datetime) -> list[Cell]:
    state = Cell("alive", "good") if worker.is_alive(now) else Cell("silent: its jobs have stalled", "bad")
    return [
        Cell(f"#{worker.id:,}", is_mono=True),
        state,
        Cell(formats.number(worker.running), "" if worker.running else "secondary"),
        Cell(formats.relative(worker.last_heartbeat, now), "secondary"),
    ]
