"""What of the frame is another while the Fleet is on show, which stands above the tabs and belongs to no connection."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QObject, Signal

from jobdesk.fleet.commands import FleetCommands
from jobdesk.fleet.rows import is_urgent
from jobdesk.kit import formats
from jobdesk.kit.theme.tokens import Tone
from jobdesk.window.badges import show_badges
from jobdesk.window.footer import Footer
from jobdesk.window.header import EnvironmentStrip
from jobdesk.window.pages import ABOVE
from jobdesk.window.shown import Shown


class Above(QObject):
    """Neutral strip, how many databases answer, and no badges at the pages of a connection."""

    changed = Signal()

    def __init__(self, view: Shown, strip: EnvironmentStrip, footer: Footer, fleet: FleetCommands) -> None:
        super().__init__(view.frame)
        self._view, self._strip, self._footer, self._fleet = view, strip, footer, fleet
        #: Whether the Fleet is on show, and the page that a click on the tab goes back to.
        self.is_shown, self.last_page = False, "jobs"

    def page_chosen(self, key: str) -> None:
        """Another page is on show."""
        was_shown, self.is_shown = self.is_shown, key == ABOVE
        if not self.is_shown:
            self.last_page = key
        if self.is_shown is not was_shown:
            self.show_strip()
            self._view.header.show_above(self.is_shown)
            self.changed.emit()
        self.show_numbers()

    def leave(self) -> None:
        """Go back to the page of the connection."""
        if self.is_shown:
            self._view.show_page(self.last_page)

    def show_strip(self) -> None:
        """The colour of the connection's environment, and none above them."""
        session = self._view.session
        has_colour = session.profile is not None and session.desk is not None and not self.is_shown
        self._strip.set_colour(session.profile.colour if has_colour and session.profile is not None else "")

    def refresh(self) -> None:
        """Let time pass on the page."""
        page = self._fleet.page
        if page is not None and page.tick():
            self.show_numbers()

    def show_numbers(self) -> None:
        """Badge, header and footer by what is known now."""
        board = self._fleet.board
        if not board.has_begun:
            return
        sums, members = board.totals, board.members
        number = len(sums.unreachable) + len(sums.attention)
        is_bad = any(member.rank < 2 and is_urgent(member.profile) for member in members)
        tone: Tone = "bad" if is_bad else "warning"
        self._view.navigation.set_badge(ABOVE, formats.number(number) if number else "", tone)
        if not self.is_shown:
            return
        show_badges(self._view.navigation, None)
        answering = sums.databases - len(sums.left_out)
        told = _tr("{count} of {all} answer").format(count=answering, all=sums.databases)
        mode = (
            "live"
            if answering == sums.databases
            else "stale"
            if any(is_urgent(each.profile) for each in sums.unreachable)
            else "connecting"
        )
        self._view.header.show_answering(mode, told)
        if (page := self._fleet.page) is not None:
            self._footer.show_note(page.footnote() or "", page.watched())


def _tr(text: str) -> str:
    return QCoreApplication.translate("Above", text)
