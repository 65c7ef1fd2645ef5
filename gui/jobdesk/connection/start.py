"""What the window shows without a database: the ways in, an attempt under way, or why one failed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.schema import refusal
from jobdesk_core.profiles import Profile, UnreadableProfiles
from jobdesk_core.troubles import Trouble
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QMenu, QWidget

from jobdesk.connection.session import Session
from jobdesk.kit import formats
from jobdesk.kit.empty_state import Action, EmptyState
from jobdesk.kit.layouts import in_column
from jobdesk.kit.work import Work

if TYPE_CHECKING:
    from jobdesk_core.profiles.found import Proposal

#: So many schemas are offered by a button each; more of them are named, and written into the connection.
MOST_OFFERED = 4
#: So many of the connections that lie about get a button each.
MOST_PROPOSED = 4
#: Milliseconds between two looks at how long an attempt has taken.
TICK_MS = 500


class StartPage(QWidget):
    """One sentence and the buttons that lead on."""

    choose_asked_for = Signal()
    demo_asked_for = Signal()
    install_asked_for = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._session = session
        self.state = EmptyState("plug", "", "")
        self._work = Work(self)
        self._opening: tuple[Profile, float] | None = None
        #: Whether the ways in are on show.
        self._is_start = False
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._tick)
        in_column(self.state, within=self)
        self.show_start()

    def show_start(self) -> None:
        """Offer the ways in; to someone who has saved no connection, also what lies about on this machine."""
        self._say_start(())
        if not self._has_saved():
            from jobdesk_core.profiles.found import found_here

            self._work.start(asyncio.to_thread(found_here), name="look about", then=self._propose, replaces=True)

    def _has_saved(self) -> bool:
        try:
            return bool(self._session.store.all())
        except UnreadableProfiles:
            return True

    def _propose(self, found: list[Proposal]) -> None:
        if found and self._is_start:
            self._say_start(found)

    def _say_start(self, found: Sequence[Proposal]) -> None:
        proposed = [
            (
                self.tr("Connect to {name}, found in {source}").format(
                    name=formats.cut(proposal.profile.name, 30), source=formats.cut(proposal.source, 30)
                ),
                partial(self._session.open, proposal.profile, proposal.password),
            )
            for proposal in found[:MOST_PROPOSED]
        ]
        self._say(
            "plug",
            self.tr("Connect to your job queue"),
            self.tr("Jobdesk shows the jobs of any database that Procrastinate uses, from release 1.1 on."),
            [
                (self.tr("Connect…"), self.choose_asked_for.emit),
                (self.tr("Try the demo"), self.demo_asked_for.emit),
            ],
            proposed,
        )
        self._is_start = True

    def show_opening(self, profile: Profile) -> None:
        """Say that an attempt is under way, and once it takes long what it waits for."""
        self._say_opening(profile, profile.display_dsn)
        self._opening = profile, time.monotonic()
        self._clock.start(TICK_MS)

    def _say_opening(self, profile: Profile, sentence: str) -> None:
        title = self.tr("Connecting to {name}…").format(name=profile.name)
        self._say("plug", title, sentence, [(self.tr("Stop"), self._session.close)])

    def _tick(self) -> None:
        if self._opening is None or not self.isVisible():
            self._clock.stop()
            return
        profile, since = self._opening
        seconds = int(time.monotonic() - since)
        if seconds:
            asked = {
                "password": self.tr("Waiting for the password's keyring or command for {seconds} s…"),
                "server": self.tr("Waiting for the server's answer for {seconds} s…"),
            }
            told = asked[self._session.waits_for].format(seconds=seconds)
            self._say_opening(profile, f"{profile.display_dsn}\n{told}")
            self._opening = profile, since
            self._clock.start(TICK_MS)

    def show_progress(self, sentence: str) -> None:
        """Say how the demo's start goes."""
        self._say("refresh", self.tr("The demo is starting"), sentence)

    def show_trouble(self, trouble: Trouble, profile: Profile) -> None:
        """Say why an attempt failed, and what to do."""
        self._say(
            "warning",
            trouble.sentence,
            f"{trouble.remedy}\n{profile.name}: {profile.display_dsn}".strip(),
            [
                (self.tr("Try again"), partial(self._session.open, profile)),
                (self.tr("Change the connection…"), self.choose_asked_for.emit),
            ],
        )

    def show_no_schema(self, capabilities: Capabilities) -> None:
        """Say that the database has no schema, and offer to install it where that is possible."""
        reason = refusal(capabilities)
        actions = [(self.tr("Choose another database…"), self.choose_asked_for.emit)]
        # The one after the other: a button for each place where the tables are.
        actions[:0] = [
            (self.tr("Use schema {name}").format(name=formats.cut(name, 40)), partial(self._session.use_schema, name))
            for name in capabilities.elsewhere[:MOST_OFFERED]
        ]
        if reason is None:
            actions.insert(0, (self.tr("Install the schema…"), self.install_asked_for.emit))
        self._say(
            "queues",
            self.tr("Procrastinate is in another schema")
            if capabilities.elsewhere
            else self.tr("This database has no Procrastinate schema"),
            reason
            or self.tr("{database} has no jobs table. Is it the right database? The schema can be installed.").format(
                database=capabilities.database
            ),
            actions,
        )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.state.focus_first()

    def _say(
        self, icon_name: str, title: str, sentence: str, actions: Sequence[Action] = (), others: Sequence[Action] = ()
    ) -> None:
        self._opening, self._is_start = None, False
        self._clock.stop()
        self.state.set_content(icon_name, title, sentence, actions, others)
        if self.isVisible():
            self.state.focus_first()

    def fill_menu(self, menu: QMenu) -> None:
        """List the saved connections."""
        menu.clear()
        try:
            profiles = self._session.store.all()
        except UnreadableProfiles as error:
            menu.addAction(str(error)).setEnabled(False)
            return
        for profile in profiles:
            text = profile.name.replace("&", "&&")
            menu.addAction(text, partial(self._session.open, profile))
        if not profiles:
            menu.addAction(self.tr("No saved connections")).setEnabled(False)
