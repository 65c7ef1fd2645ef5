"""Several connections at once: new tabs, the next one, and a window of its own for one."""

from __future__ import annotations

from PySide6.QtCore import Signal

from jobdesk.connection.command_group import CommandGroup
from jobdesk.kit.action_spec import Spec


class TabCommands(CommandGroup):
    """Asks whoever holds the tabs; a window outside of tabs stays as it is."""

    new_asked_for = Signal()
    closing_asked_for = Signal()
    own_window_asked_for = Signal()
    step_asked_for = Signal(int)

    def new(self) -> None:
        """Open a tab in which a connection is chosen."""
        self.new_asked_for.emit()

    def close(self) -> None:
        """Close this tab; with the last one the program ends."""
        self.closing_asked_for.emit()

    def own_window(self) -> None:
        """Move this tab into a window of its own."""
        self.own_window_asked_for.emit()

    def next(self) -> None:
        """Show the next tab."""
        self.step_asked_for.emit(1)

    def previous(self) -> None:
        """Show the tab before."""
        self.step_asked_for.emit(-1)

    specs = (
        Spec(
            "tab.new",
            "New &tab",
            "desk",
            new,
            shortcut="Ctrl+T",
            tip="Another connection beside this one",
            starts_group=True,
            after="connection.close",
        ),
        Spec("tab.own_window", "Move tab to a new &window", "desk", own_window, tip="A window for this tab alone"),
        Spec("tab.next", "Ne&xt tab", "desk", next, shortcut="Ctrl+Tab", tip="Show the next tab"),
        Spec("tab.previous", "Pre&vious tab", "desk", previous, shortcut="Ctrl+Shift+Tab", tip="Show the tab before"),
        Spec("tab.close", "Close ta&b", "desk", close, shortcut="Ctrl+W", tip="Close this tab and its connection"),
    )
