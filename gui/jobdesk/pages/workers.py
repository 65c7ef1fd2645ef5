"""The Workers page: who is registered, when each was heard of, and what it is running."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.monitor.rows import WorkerRow
from PySide6.QtCore import QCoreApplication

from jobdesk import formats
from jobdesk.desk import Desk
from jobdesk.models.values import Cell, Title
from jobdesk.pages.list_page import ListPage
from jobdesk.widgets.empty_state import EmptyState


class WorkersPage(ListPage):
    """The workers as last read."""

    def __init__(self) -> None:
        self._desk: Desk | None = None
        titles = [
            Title(_tr("worker"), 120),
            Title(_tr("state"), 260, is_right=False),
            Title(_tr("running"), 96),
            Title(_tr("last heartbeat"), 180),
        ]
        super().__init__(_tr("Workers"), titles, "worker", EmptyState("workers", "", ""))

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's workers."""
        self._desk = desk
        self.refresh()

    def refresh(self) -> None:
        """Show the workers as last read."""
        workers = self._desk.workers if self._desk is not None else []
        now = dt.datetime.now(dt.UTC)
        live = sum(worker.is_alive(now) for worker in workers)
        note = _tr("{live} of {all} alive").format(live=formats.number(live), all=formats.number(len(workers)))
        self.show_rows([(str(worker.id), _cells(worker, now)) for worker in workers], note)
        if self._desk is not None and not workers:
            self._show_why_none(self._desk)

    def _show_why_none(self, desk: Desk) -> None:
        if desk.capabilities.has_workers:
            self.empty.set_content(
                "workers",
                _tr("No worker is registered"),
                _tr("Waiting jobs stay where they are until one starts: procrastinate worker"),
            )
        else:
            release = desk.capabilities.release
            self.empty.set_content(
                "workers",
                _tr("This release keeps no record of its workers"),
                _tr("Procrastinate {release}: releases from 3.1 on register them.").format(release=release),
            )


def _cells(worker: WorkerRow, now: dt.datetime) -> list[Cell]:
    state = Cell(_tr("alive"), "good") if worker.is_alive(now) else Cell(_tr("silent: its jobs have stalled"), "bad")
    return [
        Cell(f"#{worker.id:,}", is_mono=True),
        state,
        Cell(formats.number(worker.running), "" if worker.running else "secondary"),
        Cell(formats.relative(worker.last_heartbeat, now), "secondary"),
    ]


def _tr(text: str) -> str:
    return QCoreApplication.translate("WorkersPage", text)
