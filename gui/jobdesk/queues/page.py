"""The Queues and the Tasks page: one row per name, its jobs by status, how fast they go, and what is wrong."""

from __future__ import annotations

import time
from typing import Literal

from jobdesk_core.filters.language import term
from jobdesk_core.job.typical_arguments import UsualArguments
from jobdesk_core.jobs import Status
from jobdesk_core.reading.name_rows import Board, NameRow
from jobdesk_core.reading.pace import Pace
from PySide6.QtCore import QCoreApplication, QItemSelectionModel, Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLineEdit

from jobdesk.connection.desk import Desk
from jobdesk.connection.list_page import ListPage
from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.sparkline import SparkDelegate
from jobdesk.kit.work import Work
from jobdesk.queues.columns import COLUMNS, HOUR_COLUMN
from jobdesk.queues.model import NamesModel
from jobdesk.queues.reported_task import read_task, runs_of
from jobdesk.queues.side import NamesSide

Kind = Literal["queue", "task"]
#: Seconds between two sortings by values that change; none while a row is selected.
SORT_AGAIN_S = 5.0
#: How long a row is selected before its usual arguments are read.
SETTLE_MS = 200
#: Columns that are given up where there is no room, the first one first.
OPTIONAL = ("aborted", "cancelled", "started", "scheduled", "ran", "waited", "succeeded", "hour", "course")


class NamesPage(ListPage):
    """Queues or tasks."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind
        self._desk: Desk | None = None
        self._stamp, self._sorted_at = 0, 0.0
        #: A name that was to be selected before it had been read.
        self._wanted: str | None = None
        #: What the newest jobs of the selected task have been given, once it has been read.
        self.usual: UsualArguments | None = None
        self._kept: tuple[list[str], int] = ([], 0)
        self.model = NamesModel(_tr("queue") if kind == "queue" else _tr("task"))
        empty = EmptyState(
            "queues" if kind == "queue" else "tasks",
            "",
            "",
        )
        self._names_side = NamesSide()
        title = _tr("Queues") if kind == "queue" else _tr("Tasks")
        super().__init__(f"{kind}s", title, self.model, empty, self._names_side)
        self.model.setParent(self)
        self._work = Work(self)
        self._settling = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settling.timeout.connect(self._read_usual)
        self.find_field = QLineEdit()
        self._place_find()
        self._set_table()
        self.model.modelAboutToBeReset.connect(self._keep)
        self.model.modelReset.connect(self._restore)
        self.selection_changed.connect(self._selected)

    # What the window asks

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's names."""
        self._desk, self._stamp, self._wanted = desk, 0, None
        self._names_side.secret_keys = desk.profile.hidden_keys if desk is not None else ""
        self._work.cancel("usual")
        self.model.clear()
        if desk is not None:
            desk.boards.changed.connect(self._take_if_shown)
        self.refresh()

    def refresh(self) -> None:
        """Show what the boards say now."""
        board = self._board()
        if board is None or self._desk is None:
            return
        monitor, moment = self._desk.monitor, self._desk.monitor.moment
        if self._desk.state.mode == "stale" and moment is not None:
            self.model.show_clock(lambda: moment.open.read_at, is_stale=True)
        else:
            self.model.show_clock(monitor.now, is_stale=False)
        counts = monitor.counts
        self.model.show_worth(counts.number(0))
        self._take(board)
        self._arrange()
        if self._wanted is not None:
            self.select(self._wanted)
        self._show_note()
        self._show_side()
        # Ages are told by the clock.
        self.table.viewport().update()

    def selected_names(self) -> list[str]:
        """The names of the selected rows, from top to bottom."""
        return [self.model.key_at(position) for position in self.selected_positions()]

    def look_at(self, name: str) -> None:
        """Select it."""
        self.select(name)

    def select(self, name: str) -> None:
        """Select one name, as soon as it is there."""
        place = self.model.position(name)
        self._wanted = name if place is None else None
        if place is not None:
            self.table.selectRow(place)
            self.table.scrollTo(self.model.index(place, 0))

    def count(self, status: Status) -> int:
        """How many jobs of a status the selected names have."""
        rows = (self.model.row(name) for name in self.selected_names())
        return sum(row.count(status) for row in rows if row is not None)

    def filter_at(self, position: int) -> str:
        return term(self.kind, self.model.key_at(position))

    def set_actions(self, actions: Actions) -> None:
        super().set_actions(actions)
        defer = actions["job.defer"]
        self.empty.set_content(
            self.key,
            _tr("Nothing here yet"),
            _tr("Queues and tasks appear here as soon as the database has jobs of them."),
            [(defer.text().replace("&", ""), defer.trigger)],
        )
        self.fit()

    # Following

    def _board(self) -> Board | None:
        if self._desk is None:
            return None
        monitor = self._desk.monitor
        return monitor.queues if self.kind == "queue" else monitor.tasks

    def _pace(self) -> Pace | None:
        if self._desk is None:
            return None
        series = self._desk.monitor.series
        return series if self.kind == "queue" else series.tasks

    def _take_if_shown(self) -> None:
        board = self._board()
        if board is not None and self.isVisible():
            self._take(board)

    def _take(self, board: Board) -> None:
        changed, self._stamp = board.changes.since(self._stamp)
        if changed:
            self.model.apply(changed, board.rows)

    def _arrange(self) -> None:
        now = time.monotonic()
        is_time = self.model.sort_column and now - self._sorted_at > SORT_AGAIN_S and not self.selected_positions()
        if self.model.must_arrange or is_time:
            self._sorted_at = now
            self.model.arrange()
        is_read = self._desk is not None and self._desk.monitor.moment is not None
        self.show_empty(is_read and not self.model.total)

    def _show_note(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        desk = self._desk
        if desk is not None and desk.monitor.moment is None:
            self.note.setText(_tr("reading …"))
            return
        if self.kind == "queue":
            words = _tr("1 queue") if total == 1 else _tr("{count} queues")
        else:
            words = _tr("1 task") if total == 1 else _tr("{count} tasks")
        text = words.format(count=formats.number(total))
        if shown != total:
            text = _tr("{shown} of {all}").format(shown=formats.number(shown), all=text)
        if desk is not None and desk.state.mode == "stale" and desk.monitor.moment is not None:
            as_of = formats.local(desk.monitor.moment.open.read_at)
            text = _tr("{count} · as of {time}").format(count=text, time=as_of)
        counts = desk.monitor.counts if desk is not None else None
        if counts is not None and not counts.is_exact:
            _, worth = formats.count_worth(counts.number(0))
            text = _tr("{count} · counts of ended jobs {worth}").format(count=text, worth=worth)
        self.note.setText(text)

    def _keep(self) -> None:
        self._kept = self.selected_names(), self.table.verticalScrollBar().value()

    def _restore(self) -> None:
        names, scrolled = self._kept
        chosen, flags = self.table.selectionModel(), QItemSelectionModel.SelectionFlag
        for number, name in enumerate(names):
            place = self.model.position(name)
            if place is not None:
                index = self.model.index(place, 0)
                chosen.select(index, flags.Select | flags.Rows)
                if not number:
                    chosen.setCurrentIndex(index, flags.NoUpdate)
        self.table.verticalScrollBar().setValue(scrolled)

    # The side

    def _selected(self) -> None:
        if self.selected_positions():
            self._wanted = None
        self._work.cancel("usual")
        self.usual = None
        self._names_side.show_usual(None)
        self._work.cancel("reports")
        self._names_side.show_reported([])
        self._show_side()
        if self.kind == "task" and len(self.selected_positions()) == 1:
            self._settling.start()

    def _show_side(self) -> None:
        row, pace = self._single(), self._pace()
        self.show_side(row is not None)
        if row is not None and pace is not None and self._desk is not None:
            self._names_side.show_row(row, pace, self._desk.monitor.now())

    def _single(self) -> NameRow | None:
        names = self.selected_names()
        return self.model.row(names[0]) if len(names) == 1 else None

    def _read_usual(self) -> None:
        row, desk = self._single(), self._desk
        if row is None or desk is None:
            return
        self._names_side.show_usual_note(_tr("Reading its latest jobs…"))
        self._work.start(
            desk.monitor.usual_arguments(row.name),
            name="usual",
            then=self._take_usual,
            failed=lambda error: self._names_side.show_usual_note(_tr("Its latest jobs could not be read.")),
            replaces=True,
            says=_tr("Reading the task's latest jobs…"),
        )
        self._work.start(
            read_task(desk, row.name),
            name="reports",
            then=lambda reports: self._names_side.show_reported(runs_of(row.name, reports)),
            failed=lambda error: self._names_side.show_reported([]),
            replaces=True,
        )

    def _take_usual(self, usual: UsualArguments) -> None:
        self.usual = usual
        self._names_side.show_usual(usual)

    # Placing

    def _place_find(self) -> None:
        self.find_field.setPlaceholderText(_tr("Find a queue") if self.kind == "queue" else _tr("Find a task"))
        self.find_field.setAccessibleName(self.find_field.placeholderText())
        self.find_field.setClearButtonEnabled(True)
        keep_sizes(self.find_field, most_width=220)
        self.find_field.textChanged.connect(self._find)
        self.bar.insertWidget(0, self.find_field)
        slash = QShortcut(QKeySequence("/"), self)
        slash.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        slash.activated.connect(self.find_field.setFocus)

    def _find(self, text: str) -> None:
        self.model.find(text)
        self._show_note()

    def _set_table(self) -> None:
        self.table.setItemDelegateForColumn(HOUR_COLUMN, SparkDelegate(self.table))
        self.table.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.table.setSortingEnabled(True)
        self.table.lay_columns(COLUMNS)
        keys = [column.key for column in COLUMNS]
        self.table.name_columns(self.key, keys, growing=keys[0], optional=OPTIONAL)


def _tr(text: str) -> str:
    return QCoreApplication.translate("NamesPage", text)
