"""The line above the table of jobs: actions, what is selected or found, what has arrived, order and columns."""

from __future__ import annotations

from functools import partial

from jobdesk_core.reading.pages import Order
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMenu, QPushButton, QToolButton, QWidget

from jobdesk.jobs.table import JobsTable
from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.areas import toolbar_row
from jobdesk.kit.core_words import order_label
from jobdesk.kit.dress import show_words
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import icon

ACTIONS = ("job.defer", "job.retry", "job.cancel", "job.abort")
#: A page narrower than these has room for the columns' icon alone, and for the actions' icons alone.
ROOMY_WIDTH, NARROW_WIDTH = 1_200, 1_000
BESIDE = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
ALONE = Qt.ToolButtonStyle.ToolButtonIconOnly


class JobsToolbar(QWidget):
    """Only shows and asks; the page decides."""

    order_asked_for = Signal(Order)
    top_asked_for = Signal()
    refresh_asked_for = Signal()  # let go of what no longer matches
    stop_asked_for = Signal()  # stop the search, or go on with it
    index_asked_for = Signal()  # make the search fast

    def __init__(self, table: JobsTable) -> None:
        super().__init__()
        self._table = table
        self._buttons: list[QToolButton] = []
        self._page_width = ROOMY_WIDTH
        self._given_up: list[str] = []
        self._new = self._lost = 0
        self._search = (False, False)
        table.given_up.connect(self.show_given_up)
        self._count = OneLine("secondary")
        self.stop = QPushButton()
        self.stop.setObjectName("link")
        self.stop.hide()
        self.stop.clicked.connect(self.stop_asked_for)
        self.faster = QPushButton(self.tr("Make it fast…"))
        self.faster.setObjectName("link")
        self.faster.setToolTip(self.tr("An index would make this filter fast. Nothing is created until you say so."))
        self.faster.hide()
        self.faster.clicked.connect(self.index_asked_for)
        self.arrived = QPushButton()
        self.arrived.setObjectName("pill")
        self.arrived.hide()
        self.arrived.clicked.connect(self.top_asked_for)
        self.lost = QPushButton()
        self.lost.setObjectName("pill")
        self.lost.hide()
        self.lost.clicked.connect(self.refresh_asked_for)
        self._order = QToolButton()
        self._columns = QToolButton()
        self._bar = toolbar_row(self)
        for widget in (self._count, self.stop, self.faster, self.lost, self.arrived):
            self._bar.addWidget(widget)
        self._bar.addStretch()
        self._bar.addWidget(self._order)
        self._bar.addWidget(self._columns)
        self._fill_order()
        self._fill_columns()

    def set_actions(self, actions: Actions, menu: QMenu) -> None:
        """Put the actions first, and behind them the menu of all."""
        self._buttons = [_action_button(actions, key) for key in ACTIONS]
        defer = self._buttons[0]
        defer.setObjectName("primary")
        # The button takes its icon from the action anew whenever that changes.
        actions[ACTIONS[0]].changed.connect(lambda: defer.setIcon(icon("defer", "on_accent")))
        defer.setIcon(icon("defer", "on_accent"))
        more = QToolButton()
        more.setIcon(icon("more"))
        more.setAccessibleName(self.tr("More actions"))
        more.setToolTip(self.tr("More actions"))
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        more.setMenu(menu)
        for position, button in enumerate([*self._buttons, more]):
            self._bar.insertWidget(position, button)

    def show_order(self, order: Order) -> None:
        """Name the order in force."""
        self._order.setText(order_label(order))

    def show_count(self, text: str) -> None:
        """Say what is selected and what matches."""
        self._count.set_whole(text)

    def show_search(self, is_under_way: bool, is_stopped: bool) -> None:
        """Offer to stop a search, or to go on with one that was stopped."""
        if (is_under_way, is_stopped) == self._search:
            return  # laying the buttons out lays the whole window out
        self._search = is_under_way, is_stopped
        self.stop.setText(self.tr("Go on") if is_stopped else self.tr("Stop"))
        self.stop.setVisible(is_under_way or is_stopped)
        self._fit_buttons()

    def show_arrived(self, count: int) -> None:
        """Say how many jobs have come in before the first row; a click goes there."""
        self._new = count
        self.arrived.setVisible(count > 0)
        self._name_arrived()

    def _name_arrived(self) -> None:
        """In a page that is not roomy the number alone: the words beside it need the room more."""
        words = self.tr("↑ {count} new").format(count=formats.number(self._new))
        is_roomy = self._page_width >= theme().grown(ROOMY_WIDTH)
        self.arrived.setText(words if is_roomy else f"↑ {formats.number(self._new)}")
        self.arrived.setToolTip("" if is_roomy else words)
        self.arrived.setAccessibleName(words)
        # Its words are set in semibold, which the layout has not measured yet.
        self.arrived.setMinimumWidth(self.arrived.sizeHint().width())

    def show_lost(self, count: int) -> None:
        """Say how many rows no longer match; a click lets them go."""
        if count != self._lost:
            self._lost = count
            self.lost.setVisible(count > 0)
            self._name_lost()

    def _name_lost(self) -> None:
        """In a page that is not roomy the verb and the number alone, as otherwise it lies over the order."""
        count, number = self._lost, formats.number(self._lost)
        one, more = self.tr("1 no longer matches · Refresh"), self.tr("{count} no longer match · Refresh")
        words = one if count == 1 else more.format(count=number)
        is_roomy = self._page_width >= theme().grown(ROOMY_WIDTH)
        self.lost.setText(words if is_roomy else self.tr("Refresh · {count}").format(count=number))
        why = self.tr("These jobs changed while they were selected. Refresh to take them off the list.")
        self.lost.setToolTip(why if is_roomy else f"{words}. {why}")
        self.lost.setAccessibleName(words)
        self.lost.setMinimumWidth(self.lost.sizeHint().width())

    def fit(self, page_width: int) -> None:
        """Give up words where there is no room for them."""
        self._page_width = page_width
        is_roomy = page_width >= theme().grown(ROOMY_WIDTH)
        self._show_columns(is_roomy=is_roomy)
        self._name_arrived()
        self._name_lost()
        self._order.setMinimumWidth(self._order.sizeHint().width())
        self._fit_buttons()

    def show_given_up(self, titles: list[str]) -> None:
        """Say at the columns' button how many there is no room for, and on hover which."""
        if titles != self._given_up:
            self._given_up = titles
            self.fit(self._page_width)

    def _show_columns(self, *, is_roomy: bool) -> None:
        button, count = self._columns, len(self._given_up)
        button.setText(self.tr("Columns"))
        button.setToolTip(self.tr("Columns"))
        style = Qt.ToolButtonStyle.ToolButtonTextOnly if is_roomy else ALONE
        if count:
            button.setText(f"{self.tr('Columns')} +{count}" if is_roomy else f"+{count}")
            told = self.tr("No room for: {columns}. What is ticked here shows all the same; the table then scrolls.")
            button.setToolTip(told.format(columns=", ".join(self._given_up)))
            # In a narrow page the number of jobs needs the room more.
            is_narrow = self._page_width < theme().grown(NARROW_WIDTH)
            style = Qt.ToolButtonStyle.ToolButtonTextOnly if is_roomy else ALONE if is_narrow else BESIDE
        button.setToolButtonStyle(style)
        button.setAccessibleDescription(button.toolTip() if count else "")

    def _fit_buttons(self) -> None:
        """In a narrow page only icons; what a search has to say takes their place, and the menu still has them."""
        is_narrow = self._page_width < theme().grown(NARROW_WIDTH)
        self._bar.setSpacing(4 if is_narrow else 8)
        for button in self._buttons:
            show_words(button, not is_narrow)
        is_giving_way = self._page_width < theme().grown(ROOMY_WIDTH) and self.stop.isVisibleTo(self)
        for button in self._buttons[1:]:
            button.setVisible(not is_giving_way)

    def _fill_order(self) -> None:
        menu = QMenu(self)
        for order in Order:
            menu.addAction(order_label(order), partial(self.order_asked_for.emit, order))
        self._order.setObjectName("plain")
        self._order.setAccessibleName(self.tr("Order of the jobs"))
        self._order.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._order.setMenu(menu)

    def _fill_columns(self) -> None:
        menu = QMenu(self)
        menu.aboutToShow.connect(lambda: self._table.choice.fill_menu(menu))
        self._columns.setText(self.tr("Columns"))
        self._columns.setIcon(icon("columns"))
        self._columns.setToolTip(self.tr("Columns"))
        self._columns.setAccessibleName(self.tr("Columns"))
        self._columns.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._columns.setMenu(menu)


def _action_button(actions: Actions, key: str) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(actions[key])
    show_words(button, True)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
