"""The table of the board: folders that fold, a line under what does not answer, and the worst first."""

from __future__ import annotations

import time
from collections.abc import Sequence

from jobdesk_core.watching.member import Member
from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QPushButton, QWidget

from jobdesk.fleet import words
from jobdesk.fleet.painting import FleetDelegate
from jobdesk.fleet.rows import FleetModel, Row
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme

_LEFT, _RIGHT = Qt.Key.Key_Left, Qt.Key.Key_Right
#: Seconds for which rows stay where they are after the pointer has moved over them.
POINTED_S = 3.0


class FleetTable(Table):
    """Says which database is chosen, is to be opened, tried, tested, or given its password; each by its name."""

    chosen = Signal(str)
    open_asked_for = Signal(str)
    try_asked_for = Signal(str)
    test_asked_for = Signal(str)
    password_asked_for = Signal(str)
    folded = Signal(str, bool)  # the folder, and whether its databases show

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Databases"), parent)
        self.fleet = FleetModel(self)
        self.setModel(self.fleet)
        self.set_ground("panel")
        self._painting = FleetDelegate(self)
        self.setItemDelegate(self._painting)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.lay_columns(self.fleet.titles)
        self.name_columns("fleet", words.KEYS, growing="database", optional=words.OPTIONAL)
        self._key = ""
        self._pointed_at = 0.0
        self.setMouseTracking(True)
        self._lines: dict[str, ReasonLine] = {}
        self.selectionModel().currentRowChanged.connect(self._moved)
        self.activated.connect(self._activated)

    @property
    def member(self) -> Member | None:
        """The database that is chosen: the arrow keys may stand on the line below it, too."""
        row = self._row(self.currentIndex())
        return row.member if row is not None else None

    @property
    def is_pointed_at(self) -> bool:
        """Whether somebody is about to click on a row."""
        return time.monotonic() - self._pointed_at < POINTED_S

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these; what was chosen stays so wherever it stands now, and the list where it was scrolled to."""
        before = [row.key for row in self.fleet.rows]
        key = self._key
        if self.fleet.show_rows(rows):
            column = words.KEYS.index("age")
            self.viewport().update(
                self.columnViewportPosition(column), 0, self.columnWidth(column), self.viewport().height()
            )
        if [row.key for row in rows] != before:
            self._place_lines()
            place, scrolled_to = self.fleet.place_of(key), self.verticalScrollBar().value()
            self.setAutoScroll(False)
            if place is not None:
                self.selectRow(place)
            self.setAutoScroll(True)
            self.verticalScrollBar().setValue(scrolled_to)
            self._key = key
        for row in rows:
            if row.kind == "reason" and row.member is not None:
                self._lines[row.key].show_member(row.member, row.reason)

    def show_reasons(self) -> None:
        """Let the seconds to the next try go by."""
        for row in self.fleet.rows:
            if row.kind == "reason" and row.member is not None:
                self._lines[row.key].show_member(row.member, words.reason(row.member))

    def choose(self, name: str) -> None:
        """Choose a database, if it is listed."""
        self._key = f"member:{name}"
        place = self.fleet.place_of(self._key)
        if place is not None:
            self.selectRow(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Override Table.keyPressEvent: the arrows to the sides fold and unfold a folder."""
        row = self._row(self.currentIndex())
        if row is not None and row.kind == "folder" and event.key() in (_LEFT, _RIGHT):
            self.folded.emit(row.key.removeprefix("folder:"), event.key() == _RIGHT)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Override Table.mouseMoveEvent: no row goes away from under the pointer."""
        self._pointed_at = time.monotonic()
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Override Table.mouseReleaseEvent: a click on a folder folds it."""
        super().mouseReleaseEvent(event)
        row = self._row(self.indexAt(event.position().toPoint()))
        if row is not None and row.kind == "folder" and event.button() == Qt.MouseButton.LeftButton:
            self.folded.emit(row.key.removeprefix("folder:"), not row.is_open)

    def _row(self, index: QModelIndex) -> Row | None:
        return self.fleet.rows[index.row()] if index.isValid() and index.row() < len(self.fleet.rows) else None

    def _moved(self, index: QModelIndex) -> None:
        row = self._row(index)
        if row is None:
            return
        self._key = row.key if row.kind != "reason" else f"member:{row.name}"
        if row.kind != "folder":
            self.chosen.emit(row.name)

    def _activated(self, index: QModelIndex) -> None:
        row = self._row(index)
        if row is None:
            return
        if row.kind == "folder":
            self.folded.emit(row.key.removeprefix("folder:"), not row.is_open)
        else:
            self.open_asked_for.emit(row.name)

    def _place_lines(self) -> None:
        """A widget over the whole width for each reason."""
        self.clearSpans()
        self._lines = {}
        for place, row in enumerate(self.fleet.rows):
            if row.kind == "reason":
                self.setSpan(place, 0, 1, len(words.KEYS))
                line = self._lines[row.key] = ReasonLine(self, is_within=row.is_within)
                self.setIndexWidget(self.fleet.index(place, 0), line)


class ReasonLine(QWidget):
    """Why a database does not answer, and the ways out."""

    def __init__(self, table: FleetTable, *, is_within: bool) -> None:
        super().__init__()
        self._name = ""
        self.text = OneLine("secondary")
        self.now, self.test, self.password = QPushButton(), QPushButton(), QPushButton()
        for button, text, asked in (
            (self.now, self.tr("Try now"), table.try_asked_for),
            (self.test, self.tr("Test…"), table.test_asked_for),
            (self.password, self.tr("Type it…"), table.password_asked_for),
        ):
            button.setObjectName("link")
            button.setText(text)
            button.clicked.connect(lambda _=False, asked=asked: asked.emit(self._name))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme().grown(48 if is_within else 28), 0, 12, 1)
        layout.setSpacing(4)
        layout.addWidget(self.text)
        for button in (self.password, self.now, self.test):
            layout.addWidget(button)
        layout.addStretch()

    def show_member(self, member: Member, reason: str) -> None:
        """Say this of a database."""
        self._name = member.name
        self.text.set_whole(reason)
        wants_password = member.state == "password"
        self.password.setVisible(wants_password)
        self.now.setVisible(not wants_password)
        self.now.setEnabled(member.tries_at is not None)
        self.now.setAccessibleName(self.tr("Try {name} now").format(name=member.name))
        self.test.setAccessibleName(self.tr("Test {name}").format(name=member.name))
        self.password.setAccessibleName(self.tr("Type the password of {name}").format(name=member.name))
