"""What the window's own commands, palette and memory use of it, beside what every feature may ask."""

from __future__ import annotations

from typing import Protocol

from jobdesk.alerts.panel import AlertsPanel
from jobdesk.connection.session import Session
from jobdesk.filtering.finding import Finding
from jobdesk.jobs.page import JobsPage
from jobdesk.kit.actions import Actions
from jobdesk.kit.navigation import Navigation
from jobdesk.kit.window import Window
from jobdesk.window.arrangement import Arrangement
from jobdesk.window.header import Header
from jobdesk.window.pages import PageStack
from jobdesk.window.panes import Panes


class Shown(Window, Protocol):
    """Everything of one connection that is in sight."""

    session: Session
    header: Header
    navigation: Navigation
    pages: PageStack
    jobs: JobsPage
    finding: Finding
    panes: Panes
    arrangement: Arrangement
    alerts: AlertsPanel
    all_actions: Actions

    def show_place(self, key: str, name: str) -> None:
        """Show a page, and what is to be looked at there by its name."""

    def reasons(self) -> dict[str, str | None]:
        """Why each action that is not possible now is not, by key."""
