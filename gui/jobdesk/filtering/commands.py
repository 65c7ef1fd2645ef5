"""Saved views: a filter and an order with a name."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu

from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.filtering.finding import Finding
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window


class SavedViewCommands(CommandGroup):
    """Saving, renaming, ordering and forgetting views."""

    def __init__(self, window: Window, session: Session, finding: Finding) -> None:
        super().__init__(window, session)
        self._finding = finding
        finding.list.menu_asked_for.connect(self._open_menu)

    def _reasons_on(self, desk: Desk) -> Reasons:
        none = self.tr("There are no saved views yet. Filter the jobs, then save the view.")
        return {"arrange": None if self._finding.views else none}

    def save(self) -> None:
        """Save the filter and the order in force by a name."""
        from jobdesk.filtering.save_view import SaveViewDialog

        SaveViewDialog(self._window.frame, self._finding).open()

    def arrange(self) -> None:
        """Rename, order and delete the saved views."""
        from jobdesk.filtering.saved_views import SavedViewsDialog

        SavedViewsDialog(self._window.frame, self._finding).open()

    specs = (
        Spec(
            "saved_view.save",
            "&Save this view…",
            "view",
            save,
            shortcut="Ctrl+S",
            tip="Save the filter and the order under a name",
            needs=Needs.DESK,
            starts_group=True,
            after="view.palette",
        ),
        Spec(
            "saved_view.arrange",
            "Saved &views…",
            "view",
            arrange,
            tip="Rename, reorder and delete the saved views; Alt+1 to Alt+9 open them",
            needs=Needs.DESK,
        ),
    )

    def _open_menu(self, name: str, place: QPoint) -> None:
        from jobdesk.filtering.saved_views import SavedViewsDialog

        menu = QMenu(self._window.frame)
        finding = self._finding
        menu.addAction(self.tr("Rename or order…"), lambda: SavedViewsDialog(self._window.frame, finding, name).open())
        text = self.tr("Change to the filter and order on show")
        menu.addAction(text, partial(finding.save_view, name))
        menu.addSeparator()
        rest = [view for view in finding.views if view.name != name]
        menu.addAction(self.tr("Delete the view"), partial(finding.set_views, rest))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)
