"""Keys of arguments that look secret, by a pattern that a profile may change, and their hiding."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

DEFAULT_PATTERN = (
    r"passw|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|authorization|cookie"
)
HIDDEN = "••••••"
#: The pattern that hides the value of every key, whatever anyone has asked to see.
EVERYTHING = "^"
#: Where a value lies: the keys and positions that lead to it.
Path = tuple[str | int, ...]


def problem(pattern: str) -> str | None:
    """Why a pattern cannot be used, or None."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"This is not a regular expression: {error}."
    return None


@lru_cache(maxsize=16)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, in any case of letters; the default one for an empty one or one that cannot be used."""
    return re.compile(DEFAULT_PATTERN if not pattern or problem(pattern) else pattern, re.IGNORECASE)


def restored(value: Any, original: Any, pattern: str) -> Any:
    """A copy of a `masked` value, perhaps edited since, with what is still HIDDEN as it was in the original."""
    if isinstance(value, dict) and isinstance(original, dict):
        secret = compiled(pattern)
        return {
            key: original[key]
            if child == HIDDEN and key in original and secret.search(key)
            else restored(child, original.get(key), pattern)
            for key, child in value.items()
        }
    if isinstance(value, list) and isinstance(original, list) and len(value) == len(original):
        pairs = zip(value, original, strict=True)
        return [restored(child, before, pattern) for child, before in pairs]
    return value


def still_hidden(value: Any) -> bool:
    """Whether anywhere in it stands HIDDEN instead of a value."""
    if isinstance(value, dict):
        return any(still_hidden(child) for child in value.values())
    if isinstance(value, list):
        return any(still_hidden(child) for child in value)
    return bool(value == HIDDEN)


def masked(value: Any, pattern: str, revealed: Collection[Path] = (), path: Path = ()) -> Any:
    """A copy of a JSON value in which whatever stands under a secret key is HIDDEN, unless it was revealed."""
    if pattern == EVERYTHING and not isinstance(value, dict):
        return HIDDEN
    if isinstance(value, dict):
        secret = compiled(pattern)
        return {
            key: HIDDEN
            if secret.search(key) and (pattern == EVERYTHING or (*path, key) not in revealed)
            else masked(child, pattern, revealed, (*path, key))
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [masked(child, pattern, revealed, (*path, position)) for position, child in enumerate(value)]
    return value
