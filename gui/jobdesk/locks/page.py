"""The Locks page: the locks that matter most, and below them the jobs of the selected one with why each waits."""

from __future__ import annotations

import time

from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.database.rows import JobRow
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.feed.state import Changes
from jobdesk_core.filters.language import term
from jobdesk_core.locks.locks import Chain, LockKind, LockList, LockRow
from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QLineEdit,
    QStackedWidget,
    QWidget,
)

from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.kit import clock
from jobdesk.kit.actions import Actions
from jobdesk.kit.areas import stacked, toolbar_row
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.splitter import Splitter
from jobdesk.kit.table import Table
from jobdesk.kit.values_model import Cell, ValuesModel
from jobdesk.kit.work import Work
from jobdesk.locks.chain import LockChain
from jobdesk.locks.words import columns_of, empty_words, lock_cells, note_of

READ, READ_CHAIN = "read locks", "read a lock's jobs"
#: Seconds between two reads: after a change, and when only time has passed.
CHANGED_S, UNCHANGED_S = 1.5, 5.0
#: A read is not repeated before so many times what it took: a tenth of the server's time at most.
SHARE = 10
_SELECT = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
#: Columns that are given up where there is no room, the first one first.
OPTIONAL = ("later", "queue", "since", "task")
#: How long typing rests before it is looked for, in milliseconds.
TYPING_MS = 250


class LocksPage(Page):
    """Reads while it is shown only. Actions on jobs act on what is selected in the chain."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._desk: Desk | None = None
        self._list: LockList | None = None
        self._problem = ""
        self._is_dirty = False
        self._read_at, self._took_s = 0.0, 0.0
        self._work = Work(self)
        self._work.failed.connect(self.failed)
        self.kinds = Segmented([self.tr("Locks"), self.tr("Queueing locks")])
        self.search = QLineEdit()
        self.note = OneLine("secondary", is_right=True)
        self._tables = {
            LockKind.LOCK: Table(self.tr("Locks")),
            LockKind.QUEUEING_LOCK: Table(self.tr("Queueing locks")),
        }
        self.chain = LockChain()
        self.empty = EmptyState("locks", "", "")
        self._typing = QTimer(self)
        self._build()
        self._connect()

    # What the window asks

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's locks, or none."""
        self._desk = desk
        self._start_over()

    def set_actions(self, actions: Actions) -> None:
        """Put the actions on jobs beside the chain and into the context menus."""
        self._menu = actions.job_menu(self)
        self.chain.set_actions(actions, self._menu)

    def apply(self, changes: Changes) -> None:
        """Something has changed: locks are read again soon, if they are shown."""
        self._is_dirty = self._is_dirty or bool(changes.rows or changes.removed or changes.is_refresh)

    def refresh(self) -> None:
        """Let time pass in what is shown, and read anew when it is due."""
        if self._desk is None or not self.isVisible():
            return
        self._show()
        rest_s = max(CHANGED_S if self._is_dirty else UNCHANGED_S, SHARE * self._took_s)
        is_reading = self._work.is_running(READ) or self._work.is_running(READ_CHAIN)
        if not is_reading and time.monotonic() - self._read_at >= rest_s:
            self.read_again()

    def read_again(self) -> None:
        """Read the locks now, and with them the chain on show."""
        if self._desk is not None and self.isVisible():
            self._work.start(
                self._read(self._desk),
                name=READ,
                then=self._take,
                failed=self._failed,
                replaces=True,
                says=self.tr("Reading the locks…"),
            )

    def look_at(self, name: str) -> None:
        """List the locks with this in their name."""
        self.kinds.choose(list(LockKind).index(LockKind.LOCK))
        self.search.setText(name)

    def selected_rows(self) -> list[JobRow]:
        """The jobs that actions act upon: those selected in the chain, or the heads of several locks."""
        chosen = self.selected_locks()
        return self.chain.selected_rows() if len(chosen) == 1 else [lock.head for lock in chosen]

    def selected_text(self) -> str:
        """The selected rows of the chain, or of several locks, with tabs between the cells."""
        return (self.chain.table if len(self.selected_locks()) == 1 else self.table).selected_text()

    def selected_locks(self) -> list[LockRow]:
        """The selected locks as last read, top to bottom."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self._list.rows[row] for row in rows] if self._list is not None else []

    @property
    def kind(self) -> LockKind:
        """Which of the two is on show."""
        return list(LockKind)[self.kinds.current()]

    @property
    def table(self) -> Table:
        """The list of the kind on show."""
        return self._tables[self.kind]

    # Reading

    async def _read(self, desk: Desk) -> tuple[LockList, float]:
        started = time.monotonic()
        found = await desk.monitor.locks.read(self.kind, self.search.text().strip())
        return found, time.monotonic() - started

    def _take(self, answer: tuple[LockList, float]) -> None:
        self._list, self._took_s = answer
        self._read_at, self._is_dirty, self._problem = time.monotonic(), False, ""
        self._show()
        self._read_chain()

    def _failed(self, error: Exception) -> None:
        self._read_at = time.monotonic()
        if isinstance(error, StatementTooLong):
            self._took_s = UNCHANGED_S
            self._problem = self.tr("Reading the locks is taking too long on this database. What you see is older.")
            self._show()
        elif not isinstance(error, ConnectorException):  # a broken link is told by the feed
            self.failed.emit(error)

    def _read_chain(self) -> None:
        chosen = self.selected_locks()
        if self._desk is None or len(chosen) != 1:
            self._work.cancel(READ_CHAIN)
            self.chain.show_lock(None, len(chosen))
            return
        lock = chosen[0]
        self.chain.show_lock(lock, 1)

        def take(chain: Chain) -> None:
            self.chain.show_chain(lock, chain)

        self._work.start(
            self._desk.monitor.locks.chain(lock), name=READ_CHAIN, then=take, failed=self._failed, replaces=True
        )

    def _start_over(self) -> None:
        self._work.cancel(READ)
        self._work.cancel(READ_CHAIN)
        self._list, self._problem, self._read_at, self._took_s = None, "", 0.0, 0.0
        self._show()
        self.chain.show_lock(None, 0)
        self.read_again()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.read_again()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._work.cancel(READ)
        self._work.cancel(READ_CHAIN)

    # Showing

    def _show(self) -> None:
        rows = self._list.rows if self._list is not None else []
        now = clock.now()
        self._show_rows([(lock.name, lock_cells(lock, now)) for lock in rows])
        is_empty = self._list is not None and not rows
        self._stack.setCurrentWidget(self.empty if is_empty else self.table)
        if is_empty:
            text = self.search.text().strip()
            way_on = (self.tr("Show all"), self.search.clear) if text else (self.tr("Show the jobs"), self._show_jobs)
            self.empty.set_content("locks", *empty_words(self.kind, text), [way_on])
        self.note.set_tone("warning" if self._problem else "secondary")
        self.note.set_whole(self._problem or (note_of(self.kind, self._list) if self._list is not None else ""))
        self.chain.tick(now)

    def _show_rows(self, rows: list[tuple[str, list[Cell]]]) -> None:
        """Show these, the same locks selected and the same rows in sight as before."""
        model, bar = self._model, self.table.verticalScrollBar()
        if [key for key, _ in rows] == [model.key_at(row) for row in range(model.rowCount())]:
            model.set_rows(rows)
            return
        chosen = {model.key_at(index.row()) for index in self.table.selectionModel().selectedRows()}
        place = bar.value()
        self._is_filling = True
        model.set_rows(rows)
        kept = [row for row, (key, _) in enumerate(rows) if key in chosen]
        for row in kept:
            self.table.selectionModel().select(model.index(row, 0), _SELECT)
        if kept:
            self.table.selectionModel().setCurrentIndex(
                model.index(kept[0], 0), QItemSelectionModel.SelectionFlag.NoUpdate
            )
        bar.setValue(place)
        self._is_filling = False
        if len(kept) != len(chosen):
            self._chosen()

    def _chosen(self) -> None:
        if not self._is_filling:
            self._read_chain()
            self.selection_changed.emit()

    @property
    def _model(self) -> ValuesModel:
        model = self.table.model()
        assert isinstance(model, ValuesModel), "every list was given one"
        return model

    def _open(self, index: QModelIndex) -> None:
        key = "lock" if self.kind is LockKind.LOCK else "queueing_lock"
        self.filter_asked_for.emit(term(key, self._model.key_at(index.row())))

    def _show_jobs(self) -> None:
        self.filter_asked_for.emit("status:todo,doing")

    def _open_menu(self, position: QPoint) -> None:
        if self.selected_rows():
            self._menu.popup(self.table.viewport().mapToGlobal(position))

    def _build(self) -> None:
        self._is_filling = False
        self.search.setPlaceholderText(self.tr("Find a lock"))
        self.search.setAccessibleName(self.tr("Find a lock"))
        self.search.setClearButtonEnabled(True)
        keep_sizes(self.search, least_width=140, most_width=280)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        bar = QWidget()
        row = toolbar_row(bar, 12)
        row.addWidget(self.kinds)
        row.addWidget(self.search)
        row.addWidget(self.note, 1)
        self._stack = QStackedWidget()
        for kind, table in self._tables.items():
            self._set_table(kind, table)
            self._stack.addWidget(table)
        self._stack.addWidget(self.empty)
        splitter = Splitter(Qt.Orientation.Vertical, "locks")
        splitter.addWidget(self._stack)
        splitter.addWidget(self.chain)
        splitter.set_first_sizes([420, 300])
        splitter.setCollapsible(0, False)
        stacked(bar, splitter, within=self)

    def _set_table(self, kind: LockKind, table: Table) -> None:
        columns = columns_of(kind)
        table.setModel(ValuesModel(list(columns.values()), self))
        table.lay_columns(list(columns.values()))
        name = "locks" if kind is LockKind.LOCK else "queueing-locks"
        table.name_columns(name, list(columns), growing="name", optional=OPTIONAL)
        table.selectionModel().selectionChanged.connect(self._chosen)
        table.activated.connect(self._open)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._open_menu)

    def _connect(self) -> None:
        self.kinds.changed.connect(lambda _: self._start_over())
        self.search.textChanged.connect(lambda _: self._typing.start())
        self._typing.timeout.connect(self._start_over)
        self.chain.selection_changed.connect(self.selection_changed)
        self.chain.filter_asked_for.connect(self.filter_asked_for)
