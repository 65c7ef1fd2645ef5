"""The passwords that are known: in memory, in the system's keyring, where there is one, or from a profile's command.

Each is known by the saved connection (none for what was only typed) and by the place that it was typed for: the
servers, the role and the database. A name alone finds nothing. Every call to the keyring is made in a thread: it may
ask or hang. The library is imported when it is first asked, so that a start that needs no password does not pay for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets as random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from jobdesk_core.exceptions import PasswordCommandNotAllowed
from jobdesk_core.profiles import allowed_commands, passfile
from jobdesk_core.profiles.password_command import PasswordSource
from jobdesk_core.profiles.places import Place, Secret
from jobdesk_core.profiles.profile import Profile, is_own_place, parameters_of, place_of, words_of
from jobdesk_core.troubles import Trouble

SERVICE = "jobdesk"
#: Seconds that a keyring may take; it may be waiting for someone to unlock it.
TIMEOUT_S = 20.0


#: Asks the owner whether a profile's password command may be run for where it leads.
Allow = Callable[[Profile], Awaitable[bool]]


class NoKeyring(Exception):
    """There is no keyring, or it refuses. The text is the kind of its error."""


class Passwords:
    """Those that were typed since the program began, and behind them what a command prints, or the keyring holds.

    `allow` asks about a command that has not run on this machine yet; without it none is run that was not allowed.
    """

    def __init__(self, allow: Allow | None = None) -> None:
        self._held: dict[tuple[str, Place], str] = {}
        self._sources: dict[tuple[Place, tuple[str, ...], int], PasswordSource] = {}
        self._allow = allow

    async def of(self, profile: Profile, *, asks_keyring: bool = True) -> Secret | None:
        """The password for this connection and for where it leads now, if there is one.

        Raises PasswordCommandFailed.
        """
        place = place_of(profile)
        if place is None:
            return None
        held = self._held.get((profile.saved_as, place))
        if held is None and profile.password_command:
            return await self._of_command(profile, place)
        if held is None and not asks_keyring:
            return None
        text = held if held is not None else await kept_password(profile)
        return Secret(place, text) if text is not None else None

    async def _of_command(self, profile: Profile, place: Place) -> Secret:
        words = profile.password_command
        if not allowed_commands.is_allowed(words, place):
            if self._allow is None or not await self._allow(profile):
                raise PasswordCommandNotAllowed()
            allowed_commands.allow(words, place)
        key = (place, words, profile.password_lifetime_s)
        source = self._sources.setdefault(
            key, PasswordSource(words, lifetime_s=profile.password_lifetime_s, names=place.names)
        )
        is_given_up = threading.Event()
        try:
            text = await asyncio.to_thread(source.password, is_given_up=is_given_up)
        finally:
            is_given_up.set()
        return Secret(place, text, source)

    def hold(self, profile: Profile, password: str) -> Secret | None:
        """Keep in memory what was typed for where this connection leads now; None if that is nowhere."""
        place = place_of(profile)
        if place is None:
            return None
        self._held[profile.saved_as, place] = password
        return Secret(place, password)

    def drop(self, profile: Profile) -> None:
        """Forget what is held of a connection: it was refused."""
        place = place_of(profile)
        if place is not None:
            self._held.pop((profile.saved_as, place), None)

    def rename(self, old: str, new: str) -> None:
        """A saved connection has another name."""
        self._held = {(new if name == old else name, place): text for (name, place), text in self._held.items()}


def about_refusal(trouble: Trouble, secret: Secret | None, profile: Profile) -> Trouble:
    """What a server says of a password, with the remedy for where the password came from, or should have."""
    if trouble.kind != "password":
        return trouble
    if secret is None:
        conninfo, arguments = words_of(profile)
        named = parameters_of(conninfo) | arguments
        unread = passfile.problem(passfile.place_of_passfile(named.get("passfile", "")))
        return trouble if unread is None else replace(trouble, remedy=unread)
    if secret.source is None:
        return trouble
    remedy = "It came from the password command: run that in a terminal, and see whether it gives the right one."
    return replace(trouble, remedy=remedy)


def typed(profile: Profile, password: str | None) -> Secret | None:
    """A password as typed for where this connection leads now."""
    place = place_of(profile) if password is not None else None
    return Secret(place, password) if place is not None and password is not None else None


async def unavailable() -> str | None:
    """Why passwords cannot be kept on this machine, or None when they can. Tried with a throw-away secret."""
    probe = f"probe-{random.token_hex(4)}"

    def attempt() -> str | None:
        _call("set_password", probe, "probe")
        kept = _call("get_password", probe)
        _call("delete_password", probe)
        return None if kept == "probe" else "This machine's keyring does not keep what it is given."

    try:
        return await asyncio.wait_for(asyncio.to_thread(attempt), TIMEOUT_S)
    except NoKeyring as error:
        return f"This machine offers no keyring ({error})."
    except TimeoutError:
        return "This machine's keyring does not answer."


async def kept_password(profile: Profile) -> str | None:
    """What the keyring holds for this connection and for where it leads now; None without a keyring."""
    key = _key(profile)
    if key is None:
        return None
    with contextlib.suppress(NoKeyring, TimeoutError):
        kept: str | None = await _ask("get_password", key)
        return kept if kept is not None else await _of_an_earlier_release(profile, key)
    return None


async def keep_password(profile: Profile, password: str) -> bool:
    """Have the keyring keep it for where this connection leads now. False when there is none to take it."""
    key = _key(profile)
    if key is None:
        return False
    with contextlib.suppress(NoKeyring, TimeoutError):
        await _ask("set_password", key, password)
        return True
    return False


async def forget_password(profile: Profile) -> None:
    """Have the keyring forget what it holds for a saved connection, as earlier releases kept it, too."""
    for key in (_key(profile), profile.saved_as):
        if key:
            with contextlib.suppress(NoKeyring, TimeoutError):
                await _ask("delete_password", key)


async def move_password(before: Profile, after: Profile) -> None:
    """A saved connection was saved anew: its password follows to the new name, and never to another place."""
    if _key(before) == _key(after):
        return
    kept = await kept_password(before) if place_of(before) == place_of(after) else None
    if kept is None or await keep_password(after, kept):
        await forget_password(before)


async def _of_an_earlier_release(profile: Profile, key: str) -> str | None:
    """What was kept by the connection's name alone, moved to its place: only if the connection itself names that."""
    if not profile.saved_as or not is_own_place(profile):
        return None
    kept: str | None = await _ask("get_password", profile.saved_as)
    if kept is not None:
        await _ask("set_password", key, kept)
        with contextlib.suppress(NoKeyring):
            await _ask("delete_password", profile.saved_as)
    return kept


def _key(profile: Profile) -> str | None:
    """What the keyring knows a connection's password by: where it leads, and the name that it is saved under."""
    place = place_of(profile)
    if place is None:
        return None
    return f"{place.label}#{quote(profile.saved_as, safe='')}" if profile.saved_as else place.label


async def _ask(verb: str, *arguments: str) -> Any:
    return await asyncio.wait_for(asyncio.to_thread(_call, verb, *arguments), TIMEOUT_S)


def _call(verb: str, *arguments: str) -> Any:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:  # comes by an extra of the core
        raise NoKeyring("jobdesk-core[keyring] is not installed") from error
    try:
        return getattr(keyring, verb)(SERVICE, *arguments)
    except (KeyringError, RuntimeError, OSError) as error:
        raise NoKeyring(type(error).__name__) from error
