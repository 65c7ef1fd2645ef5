"""The jobs of one lock: its holder, then those waiting in the order in which workers take them, each with why."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.database.rows import JobRow
from jobdesk_core.locks.locks import Chain, LockRow
from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QToolButton, QWidget

from jobdesk.kit import clock, formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.areas import stacked, toolbar_row
from jobdesk.kit.dress import show_words
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme
from jobdesk.kit.values_model import ValuesModel
from jobdesk.locks.words import chain_cells, chain_note, chain_titles, short

#: The actions with a button; those that a window has not are left out.
BUTTONS = ("job.cancel", "job.retry", "job.reprioritise", "job.reschedule", "job.abort")
#: Narrower, the buttons show their icons alone.
NARROW_WIDTH = 1_000
SELECT = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows


class LockChain(QWidget):
    """A table with a line above it. The first job, the one that blocks, is selected as the lock is shown."""

    selection_changed = Signal()
    filter_asked_for = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lock: LockRow | None = None
        self._chain = Chain([], False)
        self._is_filling = False
        self.title = OneLine()
        self.title.setProperty("strong", "true")
        self.note = OneLine("secondary")
        self.go = QPushButton(self.tr("Show in Jobs"))
        self.go.clicked.connect(self._go_to_selected)
        self.model = ValuesModel(chain_titles(), self)
        self.table = Table(self.tr("The jobs of the lock"))
        self._build()
        self.show_lock(None, 0)

    def set_actions(self, actions: Actions, menu: QMenu) -> None:
        """Put the actions on jobs beside the title and into the context menu."""
        self._menu = menu
        known = {spec.key for spec in actions.specs}
        for action in (actions[key] for key in BUTTONS if key in known):
            button = QToolButton()
            button.setDefaultAction(action)
            self._buttons.addWidget(button)
        self._fit()

    def show_lock(self, lock: LockRow | None, chosen: int) -> None:
        """Name the lock whose jobs will show; None when `chosen` locks are selected, none or several."""
        before, self._lock = self._lock, lock
        is_same = lock is not None and before is not None and (lock.kind, lock.name) == (before.kind, before.name)
        if lock is not None:
            self.title.set_whole(short(lock.name))
        elif chosen:
            text = self.tr("{count} locks selected: actions act on their first jobs.")
            self.title.set_whole(text.format(count=formats.number(chosen)))
        else:
            self.title.set_whole(self.tr("Select a lock to see who holds it and who waits."))
        if not is_same:
            self._show(Chain([], False))
            self.note.set_whole("")

    def show_chain(self, lock: LockRow, chain: Chain) -> None:
        """Show a lock's jobs as they are now."""
        is_new = not self._chain.links
        self._show(chain)
        self.note.set_whole(chain_note(lock, chain) if chain.links else self.tr("The lock is free by now."))
        if is_new and chain.links:
            self.table.selectRow(0)

    def selected_rows(self) -> list[JobRow]:
        """The selected jobs, top to bottom."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self._chain.links[row].row for row in rows]

    def tick(self, now: dt.datetime) -> None:
        """Let time pass."""
        self.model.set_rows(
            [(str(link.row.id), chain_cells(link.row, link.why_at(now), now)) for link in self._chain.links]
        )

    def _show(self, chain: Chain) -> None:
        chosen = {row.id for row in self.selected_rows()}
        self._chain = chain
        self._is_filling = True
        self.tick(clock.now())
        self.table.clearSelection()
        for position, link in enumerate(chain.links):
            if link.row.id in chosen:
                self.table.selectionModel().select(self.model.index(position, 0), SELECT)
        self._is_filling = False
        self._changed()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Where there is no room for it, the buttons give up their words: what stands beside them tells more."""
        for button in self.findChildren(QToolButton):
            show_words(button, self.width() >= theme().grown(NARROW_WIDTH))

    def _changed(self) -> None:
        if not self._is_filling:
            self.go.setEnabled(bool(self.selected_rows()))
            self.selection_changed.emit()

    def _go_to_selected(self) -> None:
        ids = ",".join(str(row.id) for row in self.selected_rows())
        self.filter_asked_for.emit(f"id:{ids}")

    def _open(self, index: QModelIndex) -> None:
        self.filter_asked_for.emit(f"id:{self.model.key_at(index.row())}")

    def _open_menu(self, position: QPoint) -> None:
        if self.selected_rows():
            self._menu.popup(self.table.viewport().mapToGlobal(position))

    def _build(self) -> None:
        self.table.setModel(self.model)
        self.table.set_ground("panel")
        self.table.lay_columns(self.model.titles)
        keys = ["job", "status", "priority", "due", "why", "task", "queue", "age"]
        self.table.name_columns("lock-chain", keys, growing="why", optional=("queue", "age", "due", "task"))
        self.table.activated.connect(self._open)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.selectionModel().selectionChanged.connect(self._changed)
        bar = QWidget()
        row = toolbar_row(bar)
        row.addWidget(self.title)
        row.addWidget(self.note, 1)
        row.addWidget(self.go)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        row.addLayout(self._buttons)
        stacked(bar, self.table, within=self)
