"""Which commands of files the owner of this machine has allowed to run, each for one place.

Kept on this machine and beside the profiles, so that none that comes with a file brings its own permission. A command
that is allowed for one server is asked about again for another, which would get the password otherwise.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import platformdirs

from jobdesk_core.files import text_of, whole_file

#: What was allowed and could not be kept: it holds until this program ends.
_unkept: set[str] = set()


class Labelled(Protocol):
    """What a command is allowed for: a place that gets the password it prints, or the alerts that it is told of."""

    @property
    def label(self) -> str:
        """Another one for each."""


def _file() -> Path:
    return platformdirs.user_state_path("jobdesk", appauthor=False) / "allowed-commands"


def is_allowed(words: Sequence[str], place: Labelled) -> bool:
    """Whether the owner has allowed this command for this place. What cannot be read allows nothing."""
    line = _line(words, place)
    return line in _unkept or line in _lines()


def allow(words: Sequence[str], place: Labelled) -> None:
    """The owner allows this command for this place from now on; what had been allowed before stays so.

    Where that cannot be kept, on a full disk for instance, it holds until this program ends.
    """
    line, lines = _line(words, place), _lines()
    if line in lines:
        return
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with whole_file(_file()) as file:
            file.write("".join(f"{each}\n" for each in dict.fromkeys([*lines, line])))
    except OSError:
        _unkept.add(line)


def _lines() -> list[str]:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return text_of(_file()).split()
    return []


def _line(words: Sequence[str], place: Labelled) -> str:
    return hashlib.sha256(json.dumps([list(words), place.label]).encode()).hexdigest()
