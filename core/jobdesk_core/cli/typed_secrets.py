"""Passwords that stand on the command line, wherever and however: whatever is said about them never shows them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

MASK = "•••"
_SCHEME = re.compile(r"[A-Za-z]\w*:/+", re.ASCII)
_BARE = re.compile(r"[\w.+-]*:\S+@[\w.\[\]:,%-]+(/\S*)?", re.ASCII)
_NAMED = re.compile(r"(?i)(?:ssl)?pass(?:word|wd)?\s*[=:]\s*")
_NEXT_NAME = re.compile(r"(?:\s+|&)(?:[a-z_]+)\s*=", re.ASCII)
#: Whatever reads a word may take it apart at any sign, and tell one part.
_SEAMS = re.compile(r"[\W_]+")
#: Shorter parts tell nothing, and would blot out half of every sentence.
_SHORTEST = 3


_typed: list[str] = []


def hide(arguments: Iterable[str]) -> None:
    """Never tell a password that stands among these words."""
    _typed[:] = secrets_in(arguments)


def without_typed(text: str) -> str:
    """The text with every password that was typed as a mask."""
    for secret in _typed:
        text = text.replace(secret, MASK)
    return text


class Parser(argparse.ArgumentParser):
    """Tells what was not understood without any password in it."""

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(without_typed(message), file)


def secrets_in(arguments: Iterable[str]) -> list[str]:
    """The passwords in these words and the parts that one may be taken apart into, the longest first."""
    found: set[str] = set()
    for word in arguments:
        for secret in (*_in_address(word), *_named(word)):
            for spelling in (secret, unquote(secret)):
                parts = [part for part in _SEAMS.split(spelling) if len(part) >= _SHORTEST]
                found.update((spelling, *parts))
    return sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)


def _in_address(word: str) -> Iterable[str]:
    """What stands between a user and a host."""
    match = _SCHEME.search(word)
    rest = word[match.end() :] if match else word if _BARE.fullmatch(word) else ""
    people, at, _ = rest.rpartition("@")
    _, colon, secret = people.partition(":")
    if at and colon:
        yield secret
    elif not at and ":" in rest:
        # Where the host is missing, the password stands where a port would.
        port = rest.partition(":")[2].partition("/")[0]
        if not port.isdecimal():
            yield port


def _named(word: str) -> Iterable[str]:
    for match in _NAMED.finditer(word):
        rest = word[match.end() :]
        end = _NEXT_NAME.search(rest)
        yield rest[: end.start()] if end else rest
        yield rest.partition("&")[2] if "&" in rest else ""
