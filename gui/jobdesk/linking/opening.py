"""Opens links in the window: the connection that one names, and then its page, its filter or its job."""

from __future__ import annotations

from jobdesk_core.profiles import UnreadableProfiles
from jobdesk_core.troubles import Trouble
from PySide6.QtCore import QObject, Qt

from jobdesk.connection.session import Session
from jobdesk.kit.window import Window
from jobdesk.linking.link import Link, LinkNotUnderstood, read_link


class LinkOpening(QObject):
    """Waits with what is to be shown until its connection is open."""

    def __init__(self, window: Window, session: Session, pages: tuple[str, ...]) -> None:
        super().__init__(window.frame)
        self._window, self._session, self._pages = window, session, pages
        self._wanted: Link | None = None
        session.desk_changed.connect(self._desk_changed)

    def open(self, text: str) -> bool:
        """Show what a link names, and the window with it. Whether it is understood, and its connection known."""
        frame = self._window.frame.window()
        frame.setWindowState(frame.windowState() & ~Qt.WindowState.WindowMinimized)
        frame.show()
        frame.raise_()
        frame.activateWindow()
        try:
            link = read_link(text, self._pages)
            profile = self._session.store.get(link.profile)
        except (LinkNotUnderstood, UnreadableProfiles) as error:
            self._window.show_trouble(Trouble("bad_input", str(error)))
            return False
        current = self._session.profile
        if current is not None and current.name == link.profile and self._session.desk is not None:
            self._show(link)
            return True
        if profile is None:
            said = self.tr("This link leads to the connection {name}, which is not saved here.")
            self._window.show_trouble(Trouble("bad_input", said.format(name=link.profile)))
            return False
        self._wanted = link
        self._session.open(profile)
        return True

    def _desk_changed(self) -> None:
        session, wanted = self._session, self._wanted
        if wanted is None or session.desk is None or session.profile is None:
            return
        self._wanted = None
        if session.profile.name == wanted.profile and session.desk.capabilities.has_schema:
            self._show(wanted)

    def _show(self, link: Link) -> None:
        if link.job is not None:
            self._window.show_job(link.job)
        elif link.filter_text:
            self._window.ask_for(link.filter_text)
        else:
            self._window.show_page(link.page)
