"""The Fleet: every saved connection on one board, the worst first, and one of them at the right."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget

from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.connection.paste_field import PasteField
from jobdesk.fleet.board import FleetBoard
from jobdesk.fleet.latest import Latest
from jobdesk.fleet.rows import Order, rows
from jobdesk.fleet.side import FleetSide
from jobdesk.fleet.summary import SummaryStrip
from jobdesk.fleet.table import FleetTable
from jobdesk.fleet.toolbar import FleetToolbar
from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.areas import side_area, split, stacked
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.navigation import Navigation
from jobdesk.kit.theme import theme

#: Of the side panel: at first, and where the board would have to give up columns that say how a database is.
SIDE_WIDTH, LEAST_SIDE_WIDTH = 310, 230
#: What the board needs for all of its columns.
BOARD_WIDTH = 1032
#: Narrower, the side panel is left out: the board has the whole width.
NARROW_WIDTH = 900


class FleetPage(Page):
    """Says what is wanted of a database, by its name."""

    open_asked_for = Signal(str, str, str)  # with a page and the text of a filter, each empty for none
    test_asked_for = Signal(str)
    edit_asked_for = Signal(str)
    password_asked_for = Signal(str)
    add_asked_for = Signal()
    pasted = Signal(object)  # a Pasted

    def __init__(self, board: FleetBoard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.board = board
        self._order, self._closed = Order(), set[str]()
        self._is_odd, self._ranks = False, list[tuple[str, int, str]]()
        self.summary, self.toolbar = SummaryStrip(), FleetToolbar()
        self.table, self.latest, self.side = FleetTable(), Latest(), FleetSide()
        self.empty = EmptyState("fleet", self.tr("No databases yet."), self.tr("Paste a URL to add the first."))
        self.paste = PasteField(self.tr("It opens a new connection with its fields filled in."))
        self._place()
        self._connect()
        self.toolbar.show_interval(board.interval_s)

    def show_desk(self, desk: Desk | None) -> None:
        """Whatever is open: the board shows all of them."""

    def set_actions(self, actions: Actions) -> None:
        """Lead from the changes to the alerts."""
        self.latest.alerts.clicked.connect(actions["alerts.show"].trigger)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.board.set_seen_by(self, True)
        self.refresh()
        if not isinstance(QApplication.focusWidget(), Navigation):
            self.table.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.board.set_seen_by(self, False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def refresh(self) -> None:
        """Show what is known of every database now."""
        self.board.read_profiles()
        members = self.board.members
        self._stack.setCurrentIndex(0 if members else 1)
        if not members:
            self.empty.set_content(
                "fleet",
                self.tr("No databases yet.") if not self.board.problem else self.tr("No databases can be shown."),
                self.board.problem or self.tr("Paste a URL to add the first."),
                [(self.tr("Add a connection…"), self.add_asked_for.emit)],
            )
            return
        self.summary.show_totals(self.board.totals)
        self.toolbar.show_members(members)
        self.table.show_rows(
            rows(
                self._order.ordered(members, is_held=self.table.is_pointed_at),
                closed=self._closed,
                wait_s=self.board.interval_s,
                is_wanted=self.toolbar.is_wanted,
                before=self.table.fleet.rows,
            )
        )
        self.latest.show_changes(self.board.changes())
        if self.side.member is None or self.board.member(self.side.member.name) is None:
            first = next((row.name for row in self.table.fleet.rows if row.kind == "member"), "")
            self.table.choose(first)
        self._show_side()

    def tick(self) -> bool:
        """A second has gone by: all is shown every other second, and at once what has changed its rank or state.

        Returns whether all was shown.
        """
        ranks: list[tuple[str, int, str]] = [(member.name, member.rank, member.state) for member in self.board.members]
        self._is_odd = not self._is_odd
        if self._is_odd and ranks == self._ranks:
            self.table.show_reasons()
            return False
        self._ranks = ranks
        self.refresh()
        return True

    def retell(self) -> None:
        """Moments are told in another zone."""
        self.refresh()

    def selected_text(self) -> str | None:
        """The row that is chosen."""
        return self.table.selected_text()

    def footnote(self) -> str | None:
        """How often it is asked."""
        seconds = f"{self.board.interval_s:g}"
        return self.tr("counts read every {seconds} s; more is read once you open one").format(seconds=seconds)

    def watched(self) -> str:
        """How many are open, and how many are only watched."""
        is_open = sum(member.is_open for member in self.board.members)
        return self.tr("{open} open · {watched} watched").format(
            open=formats.number(is_open), watched=formats.number(len(self.board.members) - is_open)
        )

    def _show_side(self) -> None:
        chosen = self.table.member
        name = chosen.name if chosen is not None else self.side.member.name if self.side.member is not None else ""
        member = self.board.member(name)
        # One that does not answer counts down to the next try.
        if member is not self.side.member or member is None or not member.is_answering:
            self.side.show_member(member)

    def _choose(self, name: str) -> None:
        self.side.show_member(self.board.member(name))
        self.selection_changed.emit()

    def _fold(self, folder: str, is_open: bool) -> None:
        self._closed.discard(folder) if is_open else self._closed.add(folder)
        self.refresh()

    def _ask(self, signal: str) -> None:
        if self.side.member is not None:
            getattr(self, signal).emit(self.side.member.name)

    def _open_at(self, page: str, filter_text: str) -> None:
        if self.side.member is not None:
            self.open_asked_for.emit(self.side.member.name, page, filter_text)

    def _try(self, name: str) -> None:
        self.board.try_now(name)
        self.refresh()

    # Placing

    def _connect(self) -> None:
        self.summary.wanted.connect(self.toolbar.want)
        self.toolbar.changed.connect(self.refresh)
        self.toolbar.add_asked_for.connect(self.add_asked_for)
        self.toolbar.interval_chosen.connect(self.board.set_interval)
        self.board.interval_changed.connect(self.toolbar.show_interval)
        self.table.chosen.connect(self._choose)
        self.table.open_asked_for.connect(lambda name: self.open_asked_for.emit(name, "", ""))
        self.table.try_asked_for.connect(self._try)
        self.table.test_asked_for.connect(self.test_asked_for)
        self.table.password_asked_for.connect(self.password_asked_for)
        self.table.folded.connect(self._fold)
        self.latest.chosen.connect(self.table.choose)
        self.side.open_asked_for.connect(self._open_at)
        self.side.try_asked_for.connect(lambda: self._try(self.side.member.name if self.side.member else ""))
        self.side.edit_asked_for.connect(lambda: self._ask("edit_asked_for"))
        self.side.password_asked_for.connect(lambda: self._ask("password_asked_for"))
        self.paste.understood.connect(self.pasted)
        theme().changed.connect(self._fit)

    def _place(self) -> None:
        down = split(Qt.Orientation.Vertical, "fleet-changes", self.table, self.latest, [520, 220])
        left = stacked(self.summary, self.toolbar, down)
        self.side_area = side_area(self.side, self.tr("About the chosen database"), LEAST_SIDE_WIDTH)
        self._across = split(Qt.Orientation.Horizontal, "fleet-side", left, self.side_area, [])
        nothing = QWidget()
        below = QVBoxLayout(nothing)
        below.addWidget(self.empty, 1)
        below.addWidget(self.paste, 0, Qt.AlignmentFlag.AlignHCenter)
        below.addStretch(1)
        keep_sizes(self.paste, width=420)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._across)
        self._stack.addWidget(nothing)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    def _fit(self) -> None:
        grown = theme().grown
        side = max(grown(LEAST_SIDE_WIDTH), min(grown(SIDE_WIDTH), self.width() - grown(BOARD_WIDTH)))
        self._across.set_first_sizes([max(0, self.width() - side), side])
        self.side_area.setVisible(self.width() >= theme().grown(NARROW_WIDTH))
        self.toolbar.order.setVisible(self.width() >= theme().grown(NARROW_WIDTH + SIDE_WIDTH))
