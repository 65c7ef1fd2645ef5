"""Tells above the page when what it shows is old and why, when it is current again, and what the database has become.

Why is what the server says: that the connection is lost is said only of a connection that is lost.
"""

from __future__ import annotations

import math
from dataclasses import replace

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.feed.state import FeedState
from jobdesk_core.monitor import Monitor
from PySide6.QtCore import QObject, QTimer

from jobdesk.kit import formats
from jobdesk.kit.message_bar import MessageBar

#: The troubles that no trying again mends.
_NEEDS_SOMEBODY = ("rights", "limit")


class Freshness(QObject):
    """Follows one desk after the other; `begin` with each."""

    def __init__(self, message: MessageBar) -> None:
        super().__init__(message)
        self._message = message
        self._counting = QTimer(self)
        self._counting.setInterval(1_000)
        self._counting.timeout.connect(self._count)
        self.begin(None)

    def begin(self, monitor: Monitor | None, name: str = "") -> None:
        """Nothing is known yet of the desk that is followed from now on. `name` is its connection's.

        It is named, for what is told also stands above the Fleet, where others are on show.
        """
        self._monitor = monitor
        self._name = formats.cut(name, 60) or self.tr("this database")
        self._counting.stop()
        self._stale: FeedState | None = None
        #: What the message bar says of it; another message may have come in its place.
        self._told = ""
        self._server = ""
        self._change = ""

    def show_state(self, state: FeedState) -> None:
        """Tell of a feed that cannot read, and of one that can again."""
        if state.mode == "stale":
            self._stale = state
            self._tell_stale(state)
        elif state.mode in ("live", "polling"):
            self._tell_current(state)

    def show_change(self, before: Capabilities, after: Capabilities) -> None:
        """Tell that the database can do something else than before."""
        if replace(before, reported=after.reported) == after:
            return  # what workers report of themselves has its own places to be told
        self._change = self._what_changed(before, after)
        if self._stale is None:
            self._tell_change()

    def _tell_stale(self, state: FeedState) -> None:
        since = formats.local(state.since)
        if state.trouble is None or state.is_link_lost:
            told = self.tr("Connection lost; what you see of {name} has been stale since {time}.")
            self._told = told.format(name=self._name, time=since)
            remedy = self.tr("Jobdesk reconnects by itself. {reason}").format(reason=state.reason.partition("\n")[0])
        else:
            self._told = state.trouble.sentence
            remedy = self.tr("What you see of {name} is as of {time}; Jobdesk tries again by itself. {remedy}").format(
                name=self._name,
                time=since,
                remedy=state.trouble.remedy if state.trouble.kind in _NEEDS_SOMEBODY else "",
            )
        if self._message.sentence == self._told and self._counting.isActive():
            return  # the same trouble once more: the button, and the focus on it, stay
        self._message.show_message("bad", self._told, remedy.strip(), [(self.tr("Try now"), self._try_now)])
        self._counting.start()
        self._count()

    def _try_now(self) -> None:
        if self._monitor is not None:
            self._monitor.try_now()
        self._message.rename_action(self.tr("trying …"))

    def _count(self) -> None:
        """Say on the button in how many seconds it would be tried without it."""
        if self._stale is None or self._message.sentence != self._told:
            self._counting.stop()
            return
        left = self._monitor.next_try_s if self._monitor is not None else None
        told = self.tr("trying …") if left is None else self.tr("Try now ({n} s)").format(n=math.ceil(left))
        self._message.rename_action(told)

    def _tell_current(self, state: FeedState) -> None:
        stale, self._stale = self._stale, None
        self._counting.stop()
        before, self._server = self._server, state.server
        is_other = bool(before and state.server and before != state.server)
        if self._change and (stale is not None or is_other):
            self._tell_change()
        elif is_other:
            sentence = self.tr("Connected to {server} now, before to {before}.").format(
                server=state.server, before=before
            )
            self._message.show_message("info", sentence, self.tr("Everything has been read again."))
        elif stale is not None and self._message.sentence == self._told:
            self._message.show_good_news(
                self.tr("Reconnected; everything has been read again.")
                if stale.is_link_lost
                else self.tr("The database answers again; everything has been read again.")
            )

    def _tell_change(self) -> None:
        self._message.show_message("info", self._change, self.tr("Everything has been read again."))
        self._change = ""

    def _what_changed(self, before: Capabilities, after: Capabilities) -> str:
        if before.release != after.release:
            return self.tr("The schema has changed from Procrastinate {before} to {after}.").format(
                before=before.release, after=after.release
            )
        if before.is_standby and not after.is_standby:
            return self.tr("This server was a standby, and is the primary now: it takes changes.")
        if after.is_standby and not before.is_standby:
            return self.tr("The server that answers now is a read-only standby: nothing can be changed.")
        if before.server_version != after.server_version:
            return self.tr("Another server answers now: PostgreSQL {after} instead of {before}.").format(
                after=after.server_version // 10_000, before=before.server_version // 10_000
            )
        if before.rights != after.rights:
            return self.tr("The rights of role {role} have changed.").format(role=after.role)
        return self.tr("The schema has changed; it is of Procrastinate {release}, as before.").format(
            release=after.release
        )
