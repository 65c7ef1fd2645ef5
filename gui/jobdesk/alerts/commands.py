"""What is done about alerts: their panel shown, all of a database muted for an hour, a test sent."""

from __future__ import annotations

from jobdesk.alerts.panel import AlertsPanel
from jobdesk.connection.command_group import CommandGroup
from jobdesk.connection.session import Session
from jobdesk.kit.action_spec import Spec
from jobdesk.kit.window import Window


class AlertCommands(CommandGroup):
    """The actions of the panel."""

    def __init__(self, window: Window, session: Session, panel: AlertsPanel) -> None:
        super().__init__(window, session)
        self._panel = panel

    def show(self) -> None:
        """Show what is active, or close the panel."""
        if self._panel.isVisible() and self._panel.tabs.current() == 0:
            self._panel.put_away()
        else:
            self._panel.come(0)

    def rules(self) -> None:
        """Show the rules of alerts."""
        self._panel.come(1)

    def mute(self) -> None:
        """Nobody is told of anything of this database for an hour; or again."""
        self._panel.mute_all()

    def test(self) -> None:
        """Tell something by every way of the rules."""
        self._panel.rules.send_test()

    specs = (
        Spec(
            "alerts.show",
            "A&lerts",
            "view",
            show,
            "bell",
            shortcut="Ctrl+Shift+A",
            tip="Show what is active, or close the panel",
            starts_group=True,
        ),
        Spec("alerts.rules", "Rules of alerts", "view", rules, tip="Show when you are told, and how"),
        Spec(
            "alerts.mute", "Mute alerts for 1 h", "view", mute, tip="Tell nobody of this database for an hour, or again"
        ),
        Spec("alerts.test", "Send a test of the alerts", "view", test, tip="Tell something by every way of the rules"),
    )
