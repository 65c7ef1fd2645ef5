"""Opens links in the window: the connection that one names, and then its page, its filter or its job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobdesk_core.profiles import UnreadableProfiles
from jobdesk_core.troubles import Trouble
from PySide6.QtCore import QObject

from jobdesk.linking.link import Link, LinkNotUnderstood, read_link
from jobdesk.window.pages import KEYS

if TYPE_CHECKING:
    from jobdesk.window.main_window import MainWindow


class LinkOpening(QObject):
    """Waits with what is to be shown until its connection is open."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._wanted: Link | None = None
        window.session.desk_changed.connect(self._desk_changed)

    def open(self, text: str) -> bool:
        """Show what a link names, and the window with it. Whether it is understood, and its connection known."""
        window = self._window
        window.setWindowState(window.windowState() & ~window.windowState().WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()
        try:
            link = read_link(text, KEYS)
            profile = window.session.store.get(link.profile)
        except (LinkNotUnderstood, UnreadableProfiles) as error:
            window.show_trouble(Trouble("bad_input", str(error)))
            return False
        current = window.session.profile
        if current is not None and current.name == link.profile and window.session.desk is not None:
            self._show(link)
            return True
        if profile is None:
            said = self.tr("This link leads to the connection {name}, which is not saved here.")
            window.show_trouble(Trouble("bad_input", said.format(name=link.profile)))
            return False
        self._wanted = link
        window.session.open(profile)
        return True

    def _desk_changed(self) -> None:
        session, wanted = self._window.session, self._wanted
        if wanted is None or session.desk is None or session.profile is None:
            return
        self._wanted = None
        if session.profile.name == wanted.profile and session.desk.capabilities.has_schema:
            self._show(wanted)

    def _show(self, link: Link) -> None:
        if link.job is not None:
            self._window.finding.show_job(link.job)
        elif link.filter_text:
            self._window.ask_for(link.filter_text)
        else:
            self._window.show_page(link.page)
