"""What the pages of queues, tasks and workers share: a toolbar, a table or why it is empty, and a side of one row."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QPoint, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from jobdesk.connection.page import Page
from jobdesk.kit.actions import Actions
from jobdesk.kit.areas import side_area, split, stacked, toolbar_row
from jobdesk.kit.dress import show_words
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.navigation import Navigation
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme

SIDE_WIDTH = 300
#: Narrower, the buttons show their icons alone.
NARROW_WIDTH = 1_000


class ListPage(Page):
    """One row per key. A double click or Enter asks for the jobs of that row."""

    def __init__(self, key: str, name: str, model: QAbstractItemModel, empty: EmptyState, side: QWidget) -> None:
        super().__init__()
        self.key = key
        self.setObjectName("page")
        self.empty = empty
        self.side = side
        self.table = Table(name)
        self.table.setModel(model)
        self.table.activated.connect(lambda index: self.filter_asked_for.emit(self.filter_at(index.row())))
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._follow_selection()
        # What follows has its selection model reset with the rows.
        model.modelReset.connect(self.selection_changed)
        self.note = QLabel()
        self.note.setProperty("tone", "secondary")
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setMinimumWidth(40)
        self._toolbar = QWidget()
        self.bar = toolbar_row(self._toolbar)
        self._buttons: list[QToolButton] = []
        self._place()
        self.table.resized.connect(self.fit)
        theme().changed.connect(self.fit)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # Not when the page was chosen by the arrows: they go on through the pages.
        if not isinstance(QApplication.focusWidget(), Navigation):
            self.table.setFocus()

    def filter_at(self, position: int) -> str:
        """The text of the filter for the jobs of the row at a position; each page says."""
        raise NotImplementedError

    def selected_positions(self) -> list[int]:
        """Where the selected rows stand, from top to bottom."""
        return sorted(index.row() for index in self.table.selectionModel().selectedRows())

    def set_actions(self, actions: Actions) -> None:
        """Offer the actions of the page's noun as buttons and in the rows' menu."""
        keys = actions.of(self.key.removesuffix("s"))
        menu = actions.menu_of(keys, self)
        self.table.customContextMenuRequested.connect(lambda at: self._open_menu(menu.popup, at))
        for position, key in enumerate(keys):
            button = QToolButton()
            button.setDefaultAction(actions[key])
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._buttons.append(button)
            self.bar.insertWidget(position, button)

    def show_empty(self, is_empty: bool) -> None:
        """Show the rows, or why there are none."""
        self._stack.setCurrentIndex(1 if is_empty else 0)

    def fit(self) -> None:
        """Give up words where there is no room for them."""
        is_narrow = self.width() < theme().grown(NARROW_WIDTH)
        for button in self._buttons:
            show_words(button, not is_narrow)

    def _open_menu(self, popup: object, at: QPoint) -> None:
        index = self.table.indexAt(at)
        if index.isValid() and callable(popup):
            if not self.table.selectionModel().isRowSelected(index.row(), index.parent()):
                self.table.selectRow(index.row())
            popup(self.table.viewport().mapToGlobal(at))

    def _follow_selection(self) -> None:
        self.table.selectionModel().selectionChanged.connect(lambda *_: self.selection_changed.emit())

    def _place(self) -> None:
        self.bar.addStretch()
        self.bar.addWidget(self.note)
        self._side = side_area(self.side, self.tr("About the selected row"), SIDE_WIDTH - 60)
        splitter = split(Qt.Orientation.Horizontal, self.key, self.table, self._side, [900, SIDE_WIDTH])
        self._stack = QStackedWidget()
        self._stack.addWidget(splitter)
        self._stack.addWidget(self.empty)
        stacked(self._toolbar, self._stack, within=self)
        self.show_side(False)

    def show_side(self, is_shown: bool) -> None:
        """Show the side of the selected row, or no longer."""
        self._side.setVisible(is_shown)
