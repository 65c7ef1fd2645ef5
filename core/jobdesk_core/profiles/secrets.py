"""Passwords in the system's keyring, where there is one. Every call is made in a thread: it may ask or hang.

The library is imported when it is first asked, so that a start that needs no password does not pay for it.
"""

from __future__ import annotations

import asyncio
import secrets as random
from typing import Any

SERVICE = "jobdesk"
#: Seconds that a keyring may take; it may be waiting for someone to unlock it.
TIMEOUT_S = 20.0


class NoKeyring(Exception):
    """There is no keyring, or it refuses. The text is the kind of its error."""


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


async def get_password(profile_name: str) -> str | None:
    """The saved password of a profile, or None when there is none or no keyring."""
    try:
        password: str | None = await _ask("get_password", profile_name)
    except (NoKeyring, TimeoutError):
        return None
    return password


async def set_password(profile_name: str, password: str) -> bool:
    """Save a profile's password. False when there is no keyring to take it."""
    try:
        await _ask("set_password", profile_name, password)
    except (NoKeyring, TimeoutError):
        return False
    return True


async def delete_password(profile_name: str) -> None:
    """Forget a profile's password."""
    try:
        await _ask("delete_password", profile_name)
    except (NoKeyring, TimeoutError):
        return


async def rename_password(old: str, new: str) -> None:
    """Keep a renamed profile's password under its new name; whatever was kept there before is forgotten.

    It was another profile's, and must not go to this one's server.
    """
    password = await get_password(old)
    if password is None:
        await delete_password(new)
    elif await set_password(new, password):
        await delete_password(old)


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
