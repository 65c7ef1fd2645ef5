"""What the window asks of every page of an open connection."""

from __future__ import annotations

from jobdesk_core.database.rows import JobRow
from jobdesk_core.feed.state import Changes
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from jobdesk.connection.desk import Desk
from jobdesk.kit.actions import Actions


class Page(QWidget):
    """Says by signals what it asks for. A page overrides what concerns it; the rest does nothing."""

    filter_asked_for = Signal(str)
    page_asked_for = Signal(str)  # a page by its key
    place_asked_for = Signal(str, str)  # a page by its key, and what is to be looked at there by its name
    help_asked_for = Signal(str)  # a topic by its key
    selection_changed = Signal()
    footnote_changed = Signal()
    told = Signal(str)  # a sentence about what was done
    failed = Signal(Exception)

    def set_actions(self, actions: Actions) -> None:
        """Offer the actions that belong here; once, when the page is made."""

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection, or none."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Let time pass: asked for once a second while the page is on show."""

    def look_at(self, name: str) -> None:
        """Bring what has this name into sight: a task, a queue, a lock, whatever the page lists."""

    def apply(self, changes: Changes) -> None:
        """Take over a batch of the feed, on show or not."""

    def read_again(self) -> None:
        """Read everything shown again."""

    def retell(self) -> None:
        """Moments are told in another zone."""

    def selected_rows(self) -> list[JobRow] | None:
        """The jobs that actions act upon, from top to bottom; None for those of the page of jobs."""
        return None

    def selected_text(self) -> str | None:
        """The selected rows with tabs between the cells; None for those of the page of jobs."""
        return None

    def footnote(self) -> str | None:
        """What the footer says of this page; None for how far the feed has read."""
        return None
