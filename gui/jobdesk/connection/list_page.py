"""What the pages of queues, tasks and workers share: a toolbar, a table or why it is empty, and a side of one row."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QPoint, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from jobdesk.connection.page import Page
from jobdesk.kit.actions import Actions
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.navigation import Navigation
from jobdesk.kit.splitter import Splitter
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
        self.bar = QHBoxLayout()
        self.bar.setContentsMargins(12, 4, 12, 4)
        self.bar.setSpacing(8)
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
        style = Qt.ToolButtonStyle
        for button in self._buttons:
            button.setToolButtonStyle(style.ToolButtonIconOnly if is_narrow else style.ToolButtonTextBesideIcon)

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
        bar = QWidget()
        bar.setObjectName("toolbar")
        bar.setProperty("pane", True)
        bar.setLayout(self.bar)
        scroll = QScrollArea()
        scroll.setObjectName("panel")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setProperty("pane", True)
        scroll.setAccessibleName(self.tr("About the selected row"))
        scroll.setWidget(self.side)
        keep_sizes(scroll, least_width=SIDE_WIDTH - 60)
        self._side_scroll = scroll
        splitter = Splitter(Qt.Orientation.Horizontal, self.key)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.table)
        splitter.addWidget(scroll)
        splitter.setStretchFactor(0, 1)
        splitter.set_first_sizes([900, SIDE_WIDTH])
        self._stack = QStackedWidget()
        self._stack.addWidget(splitter)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(bar)
        layout.addWidget(self._stack)
        self.show_side(False)

    def show_side(self, is_shown: bool) -> None:
        """Show the side of the selected row, or no longer."""
        self._side_scroll.setVisible(is_shown)
