"""Which database the window is connected to: opening, closing, passwords, and what went wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal

from jobdesk_core.database.schema import install
from jobdesk_core.exceptions import PasswordCommandFailed
from jobdesk_core.journal import Journal
from jobdesk_core.profiles import Profile, ProfileStore, UnreadableProfiles, UnsavableProfile
from jobdesk_core.profiles.places import Secret
from jobdesk_core.profiles.profile import place_of
from jobdesk_core.profiles.secrets import Passwords, about_refusal
from jobdesk_core.troubles import Trouble, explain
from PySide6.QtCore import QObject, Signal

from jobdesk.connection.desk import Desk
from jobdesk.connection.ssh_question import AskSsh, asking
from jobdesk.kit import clock
from jobdesk.kit.work import Work
from jobdesk.runtime.logs import fault, logger

OPEN = "open the connection"
#: Seconds that an act waits for a lost link before it says that nobody knows what became of it.
PATIENCE_S = 1.5
AskPassword = Callable[[Profile, str], Awaitable[str | None]]
AskCommand = Callable[[Profile], Awaitable[bool]]


class Unreached(Exception):
    """A database could not be connected to."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.sentence)
        self.trouble = trouble


class Session(QObject):
    """Holds at most one desk. A connection attempt replaces the one before; the newest wins."""

    desk_changed = Signal()
    opening = Signal(Profile)
    trouble = Signal(Trouble, Profile)
    renamed = Signal(str, str)  # the name that a saved connection had, and the one that it has

    def __init__(self, store: ProfileStore, journal: Journal | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.store = store
        self.journal = journal or Journal()
        # What is not answered is told soon, and looked up for as long as that takes.
        self.journal.patience_s = PATIENCE_S
        self.desk: Desk | None = None
        self.profile: Profile | None = None
        #: Whether the last attempt to connect failed.
        self.is_refused = False
        #: Asked before the desk on show is closed: calls on at once, later, or never.
        self.before_close: Callable[[Desk | None, Callable[[], object]], object] = lambda desk, go_on: go_on()
        #: Asks the operator for a password: the profile and why, to the password or None.
        self.ask_password: AskPassword | None = None
        #: Asks the operator whether a profile's password command may be run.
        self.ask_command: AskCommand | None = None
        #: Asks the operator what ssh asks.
        self.ask_ssh: AskSsh | None = None
        self._passwords = Passwords(self.allows_command)
        #: Connections beside the one on show, such as to where jobs are replayed.
        self._reached: set[Desk] = set()
        self._work = Work(self)
        #: What the attempt under way waits for.
        self.waits_for: Literal["password", "server"] = "server"

    @property
    def is_opening(self) -> bool:
        """Whether an attempt to connect is under way."""
        return self._work.is_running(OPEN)

    def open(self, profile: Profile, password: str | None = None) -> None:
        """Connect to this profile's database; the desk on show is closed first."""

        def go_on() -> None:
            if password is not None:
                self._passwords.hold(profile, password)
            self._work.start(self._open(profile), name=OPEN, replaces=True)

        self.before_close(self.desk, go_on)

    def close(self) -> None:
        """Disconnect."""

        def go_on() -> None:
            was_opening = self.desk is None
            self._work.start(self._close(), name=OPEN, replaces=True)
            if was_opening:
                self.desk_changed.emit()  # the attempt is shown no longer, however long its end may take

        self.before_close(self.desk, go_on)

    def reopen(self) -> None:
        """Connect again as last time."""
        if self.profile is not None:
            self.open(self.profile)

    def use_schema(self, schema: str) -> None:
        """Connect again as now, with the tables of this schema; a saved connection keeps it."""
        if self.profile is None:
            return
        wanted = replace(self.profile, schema=schema)
        # What cannot be saved is connected to all the same.
        with contextlib.suppress(OSError, UnreadableProfiles, UnsavableProfile):
            if self.store.get(wanted.name) == self.profile and not self.profile.is_shared:
                self.store.save(wanted)
        self.open(wanted)

    def rename(self, old: str, new: str) -> None:
        """A saved connection has another name: what is open and what is remembered of it go by that."""
        self._passwords.rename(old, new)
        if self.profile is not None and self.profile.name == old:
            self.profile = _renamed(self.profile, new)
        for desk in {*self._reached, *([self.desk] if self.desk is not None else [])}:
            if desk.profile.name == old:
                desk.profile = _renamed(desk.profile, new)
        self.renamed.emit(old, new)

    async def install_schema(self) -> None:
        """Create the schema in the connected database, then connect anew. Raises what prevents it."""
        if self.desk is not None:
            await install(self.desk.connector)
            self.reopen()

    async def reach(self, profile: Profile) -> Desk:
        """Connect to a database beside the one on show; `release` it in the end. Raises Unreached."""
        desk = await self._signed_in(profile)
        self._reached.add(desk)
        return desk

    def release(self, desk: Desk) -> None:
        """Close a connection that `reach` opened."""
        self._work.start(self._let_go(desk), name="let go")

    async def stop(self) -> None:
        """Close everything before the program ends."""
        await self._work.stop()
        await self._close()
        for desk in list(self._reached):
            await self._let_go(desk)

    async def _open(self, profile: Profile) -> None:
        await self._close()
        self.profile, self.is_refused = profile, False
        self.opening.emit(profile)
        try:
            desk = await self._signed_in(profile)
        except Unreached as error:
            self.is_refused = True
            self.trouble.emit(error.trouble, profile)
            return
        missing = desk.capabilities.rights.read
        if desk.capabilities.has_schema and missing is not None:
            await desk.close()
            self.trouble.emit(Trouble("rights", self.tr("This role may not read the jobs."), missing), profile)
            return
        desk.setParent(self)
        self._remember(profile)
        logger.info("Connected to PostgreSQL %s", desk.capabilities.server_version)
        self.desk = desk
        clock.follow(desk.connector.clock)
        self.desk_changed.emit()
        if desk.capabilities.has_schema:
            desk.start()

    async def allows_command(self, profile: Profile) -> bool:
        """Whether a password command that has not run on this machine yet may be run."""
        return self.ask_command is not None and await self.ask_command(profile)

    async def _signed_in(self, profile: Profile) -> Desk:
        """Connect with the password that is known, or asked for as long as it is wrong. Raises Unreached."""
        place = place_of(profile)
        # A server behind a socket seldom wants one, and the keyring takes its time: it is asked once the server has.
        is_asked = place is None or not place.is_by_socket
        secret = await self._known(profile, asks_keyring=is_asked)
        ask = asking(profile, self.ask_ssh) if self.ask_ssh is not None else None
        while True:
            self.waits_for = "server"
            try:
                return await Desk.open(profile, secret, journal=self.journal, ask=ask)
            except Exception as error:  # noqa: BLE001 - whatever keeps us out is told in one sentence
                trouble = about_refusal(explain(error), secret, profile)
                fault(f"Not connected: {trouble.kind}", error)
            if trouble.kind != "password" or (secret is not None and secret.source is not None):
                raise Unreached(trouble)
            if secret is None and not is_asked:
                is_asked, secret = True, await self._known(profile)
                if secret is not None:
                    continue
            self._passwords.drop(profile)
            password = await self.ask_password(profile, trouble.sentence) if self.ask_password is not None else None
            if password is None:
                raise Unreached(trouble)
            secret = self._passwords.hold(profile, password)

    async def _known(self, profile: Profile, *, asks_keyring: bool = True) -> Secret | None:
        """The password that is known. Raises Unreached."""
        self.waits_for = "password"
        try:
            return await self._passwords.of(profile, asks_keyring=asks_keyring)
        except PasswordCommandFailed as error:
            raise Unreached(explain(error)) from error

    async def _let_go(self, desk: Desk) -> None:
        await desk.close()
        self._reached.discard(desk)
        desk.deleteLater()

    def _remember(self, profile: Profile) -> None:
        # Not worth a message: the profile itself works.
        with contextlib.suppress(OSError, UnreadableProfiles):
            if self.store.get(profile.name) is not None:
                self.store.remember(profile.name)

    async def _close(self) -> None:
        desk, self.desk = self.desk, None
        clock.follow(None)
        if desk is not None:
            self.desk_changed.emit()
            await desk.close()
            desk.deleteLater()


def _renamed(profile: Profile, name: str) -> Profile:
    return replace(profile, name=name, saved_as=name if profile.saved_as else "")
