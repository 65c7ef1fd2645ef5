"""The passwords that this program has in hand, so that no text that it shows or writes tells one.

Servers, libraries and the system quote what they were given, each in a spelling of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

MASK = "•••"
#: Shorter ones tell nothing, and would blot out half of every sentence.
SHORTEST = 3

#: From so many characters on it is told apart from a part of another word.
_UNMISTAKABLE = 8

#: By where they came from: what was typed at the start, and what connections were opened with.
_known: dict[str, set[str]] = {}
_NOTHING = re.compile(r"(?!)")
_pattern = _typed_pattern = _NOTHING


def hide_typed(secrets: Iterable[str]) -> None:
    """Never tell what was typed on the command line; what was typed there before is forgotten."""
    _hide("typed", set(secrets))


def hide(secrets: Iterable[str], *, names: Collection[str] = ()) -> None:
    """Never tell these from now on, but for one that is a `name`, too, and could not be told from it."""
    found = {each for secret in secrets if secret not in names for each in spellings(secret)}
    _hide("connections", _known.get("connections", set()) | found)


def _hide(source: str, secrets: set[str]) -> None:
    global _pattern, _typed_pattern
    if secrets != _known.get(source):
        _known[source] = {each for each in secrets if len(each) >= SHORTEST}
        _pattern = _pattern_of(set().union(*_known.values()))
        _typed_pattern = _pattern_of(_known.get("typed", set()))


def _pattern_of(secrets: set[str]) -> re.Pattern[str]:
    ordered = sorted(secrets, key=len, reverse=True)
    return re.compile("|".join(map(_seen, ordered))) if ordered else _NOTHING


def masked(text: str) -> str:
    """The text with every known secret as a mask."""
    return _pattern.sub(MASK, text)


def masked_typed(text: str) -> str:
    """A sentence of our own, with what was typed on the command line as a mask.

    What others say is `masked` before it is quoted in one. In our own words a password that is a word would be told by
    its mask.
    """
    return _typed_pattern.sub(MASK, text)


def _seen(secret: str) -> str:
    text = re.escape(secret)
    return text if len(secret) >= _UNMISTAKABLE else rf"(?<![^\W_]){text}(?![^\W_])"


def spellings(secret: str) -> Iterator[str]:
    """A secret as it may stand in a text: in an address, in a connection string, in JSON, and as Python writes it."""
    for each in {secret, unquote(secret)}:
        yield each
        yield quote(each, safe="", errors="replace")
        yield quote_plus(each, errors="replace")
        yield each.replace("\\", "\\\\").replace("'", "\\'")
        yield repr(each)[1:-1]
        yield ascii(each)[1:-1]
        yield json.dumps(each)[1:-1]


#: What libpq quotes of a connection string that it cannot read may be a part of the password.
_QUOTED = (
    r"(percent-encoded token: |unexpected spaces found in |missing \"=\" after |invalid port number: )\".*\"",
    r"(invalid integer value )\".*\"(?= for)",
    r"(host (?:name )?)[\"'].*@[^@\s]*[\"']",
)


#: A name by which libpq and others know a secret, and its value: bare, in quotes, or in quotes after a quoted name.
_NAMED = re.compile(
    r"((?:pass(?:word|wd|phrase)|scram_(?:client|server)_key|client_secret)(?:\s*=|[\"']\s*:)\s*)"
    r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&]+)",
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """The text with every password of a connection string, and every one that is known, blotted out."""
    text = masked(text)
    text = re.sub(r"(://[^:/@\s]*):\S*@", r"\1:•••@", text)
    # An address that was cut short has no @ any more; what is no port may be a password.
    text = re.sub(r"(://[^:/@\s\[]+):(?![\d,]*(?:[/?\s\"',;.]|$))(?!•••)[^\s\"']+", r"\1:•••", text)
    text = _NAMED.sub(r"\1•••", text)
    for pattern in _QUOTED:
        text = re.sub(pattern, r'\1"•••"', text)
    return text
