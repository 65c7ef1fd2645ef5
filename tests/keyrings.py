"""A keyring that lasts as long as a test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class Held(KeyringBackend):
    """Keeps its passwords in memory, by their keys."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.words: dict[str, str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.words.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.words[username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.words.pop(username, None) is None:
            raise PasswordDeleteError(username)


@contextlib.contextmanager
def own_keyring(held: Held | None = None) -> Iterator[dict[str, str]]:
    """The passwords in a keyring that stands in for the machine's, by their keys."""
    before, held = keyring.get_keyring(), held or Held()
    keyring.set_keyring(held)
    try:
        yield held.words
    finally:
        keyring.set_keyring(before)
