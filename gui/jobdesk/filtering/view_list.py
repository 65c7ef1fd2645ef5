"""The saved views below the list of pages, each with its count."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.profiles.finding import SavedView
from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QLabel, QListWidgetItem, QWidget

from jobdesk.kit.layouts import in_column
from jobdesk.kit.navigation import Navigation
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme

LONGEST = 300
#: In a narrower window the pages show as icons.
FOLDING_WIDTH = 900


class ViewList(Navigation):
    """Entries by the names of views. None is current unless it is marked."""

    menu_asked_for = Signal(str, QPoint)  # a view's name, and where on the screen
    filled = Signal(bool)  # whether there are views

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__((), parent)
        self.setAccessibleName(self.tr("Saved views"))
        self._filters: dict[str, str] = {}
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._ask_for_menu)
        # Not by moving through them: each would start a search of its own.
        self.itemClicked.connect(lambda _: self.chosen.emit(self.current))
        self.itemActivated.connect(lambda _: self.chosen.emit(self.current))

    def show_views(self, views: Sequence[SavedView]) -> None:
        """List these views."""
        self.set_entries([(view.name, view.name[:LONGEST], "") for view in views])
        self._filters = {view.name: view.filter_text for view in views}
        self.mark(None)
        for view in views:
            self.show_count(view.name, "", "")
        self.filled.emit(bool(views))

    def show_count(self, name: str, text: str, note: str, *, is_wrong: bool = False) -> None:
        """Show a view's count, with what is to be said about it on hover. A view that is gone is passed over."""
        if name not in self._filters:
            return
        self.set_badge(name, text, "bad" if is_wrong else "")
        place = list(self._filters).index(name)
        keys = f"Alt+{place + 1}" if place < 9 else ""
        lines = [self._filters[name][:LONGEST] or self.tr("all jobs"), keys, note]
        self.item(place).setToolTip(as_tooltip(" · ".join(line for line in lines if line)))

    def mark(self, name: str | None) -> None:
        """Mark the view that is on show, or none; says nothing back."""
        if name is not None:
            self.choose(name)
            return
        self.blockSignals(True)
        self.setCurrentRow(-1)
        self.clearSelection()
        self.blockSignals(False)
        self.viewport().update()

    def _moved(self, item: QListWidgetItem | None) -> None:
        """Override Navigation._moved: only a click or Enter chooses a view."""

    def _ask_for_menu(self, position: QPoint) -> None:
        item = self.itemAt(position) or self.currentItem()
        if item is not None:
            name = list(self._filters)[self.row(item)]
            self.menu_asked_for.emit(name, self.viewport().mapToGlobal(position))


class SideBar(QFrame):
    """Pages above, saved views below them when there are any. Both fold in a narrow window."""

    def __init__(self, pages: Navigation, views: ViewList) -> None:
        super().__init__()
        self._pages, self._views = pages, views
        self._caption = QLabel(self.tr("SAVED VIEWS"))
        self._caption.setObjectName("navigationCaption")
        in_column(pages, self._caption, (views, 1), within=self, margins=0, spacing=0)
        views.filled.connect(self.show_views)
        theme().changed.connect(self._take_size)
        self.show_views(False)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.window().installEventFilter(self)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Override QObject.eventFilter: follow the window's width."""
        if event.type() == QEvent.Type.Resize and watched is self.window():
            self._fit()
        return False

    def _take_size(self) -> None:
        self._fit()
        self.show_views(not self._views.isHidden())

    def _fit(self) -> None:
        is_folded = self.window().width() < theme().grown(FOLDING_WIDTH)
        for part in (self._pages, self._views):
            part.fold(is_folded)
        self._caption.setVisible(self._views.isVisibleTo(self) and not is_folded)

    def show_views(self, has_views: bool) -> None:
        """Make room for views, or leave all of it to the pages."""
        self._caption.setVisible(has_views and not self._pages.is_folded)
        self._views.setVisible(has_views)
        height = sum(map(self._pages.sizeHintForRow, range(self._pages.count()))) + 18
        self._pages.setFixedHeight(height) if has_views else self._pages.setMaximumHeight(16_777_215)
        if not has_views:
            self._pages.setMinimumHeight(0)
