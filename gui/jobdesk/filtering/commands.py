"""Saved views: a filter and an order with a name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu

from jobdesk.kit.command_group import Noun

if TYPE_CHECKING:
    from jobdesk.window.main_window import MainWindow


class SavedViewCommands(Noun):
    """Saving, renaming, ordering and forgetting views."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        window.view_list.menu_asked_for.connect(self._open_menu)

    def reasons(self) -> dict[str, str | None]:
        if self._desk is None:
            return dict.fromkeys(("save", "arrange"), self._no_desk())
        none = self.tr("There are no saved views yet. Filter the jobs, then save the view.")
        return {"arrange": None if self._window.finding.views else none}

    def save(self) -> None:
        """Save the filter and the order in force by a name."""
        from jobdesk.filtering.save_view import SaveViewDialog

        SaveViewDialog(self._window).open()

    def arrange(self) -> None:
        """Rename, order and delete the saved views."""
        from jobdesk.filtering.saved_views import SavedViewsDialog

        SavedViewsDialog(self._window).open()

    def _open_menu(self, name: str, place: QPoint) -> None:
        from jobdesk.filtering.saved_views import SavedViewsDialog

        menu = QMenu(self._window)
        finding = self._window.finding
        menu.addAction(self.tr("Rename or order…"), lambda: SavedViewsDialog(self._window, name).open())
        text = self.tr("Change to the filter and order on show")
        menu.addAction(text, partial(finding.save_view, name))
        menu.addSeparator()
        rest = [view for view in finding.views if view.name != name]
        menu.addAction(self.tr("Delete the view"), partial(finding.set_views, rest))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)
