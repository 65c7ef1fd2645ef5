"""Passwords in the system's keyring, where there is one. Every call is made in a thread: it may ask or hang."""

from __future__ import annotations

import asyncio
import secrets as random

import keyring
from keyring.errors import KeyringError

SERVICE = "jobdesk"
#: Seconds that a keyring may take; it may be waiting for someone to unlock it.
TIMEOUT_S = 20.0


async def unavailable() -> str | None:
    """Why passwords cannot be kept on this machine, or None when they can. Tried with a throw-away secret."""
    probe = f"probe-{random.token_hex(4)}"

    def attempt() -> str | None:
        try:
            keyring.set_password(SERVICE, probe, "probe")
            kept = keyring.get_password(SERVICE, probe)
            keyring.delete_password(SERVICE, probe)
        except (KeyringError, RuntimeError, OSError) as error:
            return f"This machine offers no keyring ({type(error).__name__})."
        return None if kept == "probe" else "This machine's keyring does not keep what it is given."

    try:
        return await asyncio.wait_for(asyncio.to_thread(attempt), TIMEOUT_S)
    except TimeoutError:
        return "This machine's keyring does not answer."


async def get_password(profile_name: str) -> str | None:
    """The saved password of a profile, or None when there is none or no keyring."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(keyring.get_password, SERVICE, profile_name), TIMEOUT_S)
    except (KeyringError, RuntimeError, OSError):
        return None


async def set_password(profile_name: str, password: str) -> bool:
    """Save a profile's password. False when there is no keyring to take it."""
    try:
        await asyncio.wait_for(asyncio.to_thread(keyring.set_password, SERVICE, profile_name, password), TIMEOUT_S)
    except (KeyringError, RuntimeError, OSError):
        return False
    return True


async def delete_password(profile_name: str) -> None:
    """Forget a profile's password."""
    try:
        await asyncio.wait_for(asyncio.to_thread(keyring.delete_password, SERVICE, profile_name), TIMEOUT_S)
    except (KeyringError, RuntimeError, OSError):
        return
