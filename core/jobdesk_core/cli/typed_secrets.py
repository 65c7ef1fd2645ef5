"""Passwords that stand on the command line, wherever and however: whatever is said about them never shows them.

Nor does the list of the machine's processes, on Linux, from then on.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import itertools
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jobdesk_core import masking
from jobdesk_core.masking import SHORTEST, masked

_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:/+|//+", re.ASCII)
#: An address without its scheme, perhaps as the value of an option or in quotes.
_BARE = re.compile(r"(?:-{0,2}[\w-]+=)?[\"']?[\w.+%-]*:.+@[\w.\[\]:,%-]+([/?]\S*)?[\"']?")
#: What libpq, Jobdesk and other programs call a secret.
_NAME = r"\w*(?:pass(?:word|wd|phrase)?|pwd|secret|token|scram_(?:client|server)_key)"
_NAMED = re.compile(rf"(?i){_NAME}\s*[=:]\s*")
_NEXT_NAME = re.compile(r"(?:\s+|&)(?:[a-z_]+)\s*=", re.ASCII)
#: An option, or a name, whose secret is the next word: other programs have these.
_BEFORE_SECRET = re.compile(rf"(?i)--?(?:\w+-)*{_NAME}|--?(?:pw|auth)|{_NAME}\s*[=:]\s*")
_SHORT_BEFORE_SECRET = re.compile(r"-[pW]")
_WITH_SECRET = re.compile(r"-[pW](?=.)", re.DOTALL)
#: Whatever reads a word may take it apart at any sign, and tell one part.
_SEAMS = re.compile(r"[\W_]+")


def hide(arguments: Sequence[str]) -> None:
    """Never tell a password that stands among these words, and have no one read it in the list of processes."""
    masking.hide_typed(secrets_in(arguments))
    _hide_from_other_processes(set(_secrets(arguments)))


class Parser(argparse.ArgumentParser):
    """Tells what was not understood without any password in it."""

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(masked(message), file)


def secrets_in(arguments: Sequence[str]) -> list[str]:
    """The passwords in these words and the parts that one may be taken apart into, the longest first."""
    found: set[str] = set()
    for secret in _secrets(arguments):
        for spelling in (secret, unquote(secret)):
            parts = [part for part in _SEAMS.split(spelling) if len(part) >= SHORTEST]
            found.update((spelling, *parts))
    return sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True)


def _secrets(arguments: Sequence[str]) -> Iterator[str]:
    is_secret = False
    for word, following in itertools.pairwise([*arguments, ""]):
        if is_secret and word == "=":
            continue
        if is_secret:
            yield word
        is_named = following == "=" and re.fullmatch(f"(?i){_NAME}", word) is not None
        is_secret = is_named or any(each.fullmatch(word) for each in (_BEFORE_SECRET, _SHORT_BEFORE_SECRET))
        yield from _in_address(word)
        yield from _named(word)
        if (match := _WITH_SECRET.match(word)) is not None:
            yield word[match.end() :]


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


def _hide_from_other_processes(secrets: Iterable[str]) -> None:
    """Overwrite the secrets where the kernel reads this process's command line: everybody may read that."""
    if sys.platform != "linux":
        return
    spelled = [each for each in (secret.encode("utf-8", "surrogateescape") for secret in secrets) if each]
    with contextlib.suppress(OSError, ValueError, IndexError, UnicodeError):
        place = Path("/proc/self")
        command_line = (place / "cmdline").read_bytes()
        fields = (place / "stat").read_bytes().rpartition(b")")[2].split()
        start, end = int(fields[45]), int(fields[46])
        hidden = command_line
        for each in sorted(spelled, key=len, reverse=True):
            hidden = hidden.replace(each, b"x" * len(each))
        if hidden != command_line and end - start == len(command_line):
            ctypes.memmove(start, hidden, len(hidden))
