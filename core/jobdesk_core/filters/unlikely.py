"""What could be searched for as it stands and is hardly meant so: it is marked, never silently a text."""

from __future__ import annotations

import re

from jobdesk_core.filters.qualifiers import ANY_VALUES, KEYS, LIKELY_WORDS, NO_VALUES, ODD_STARTS
from jobdesk_core.filters.syntax import Token, Value

_TEXTS = ("queue", "task", "lock", "queueing_lock", "error", "host")
_LIKE_A_CONDITION = re.compile(
    r"[:=<>|&,;~'\[\]{}]|^[!+?$]|^#?[0-9]+-#?[0-9]+$|\.\.|^[-.]?[0-9]+(?:[.][0-9]+)?[a-z%]{0,3}$"
)
_INNER = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\s*[:=<>].")
_QUOTE = "Put text in quotation marks."


def doubt(token: Token, value: Value) -> str | None:
    """Why this value of a condition is not taken as it stands; None when it is. Quoted, everything is a text."""
    if not token.key and value.is_quoted and not value.starts_quoted and _LIKE_A_CONDITION.search(value.text):
        return _of_free_text(value.text)
    if value.starts_quoted or (value.is_quoted and value.text[:1] not in ODD_STARTS):
        return None
    if not token.key:
        return _of_free_text(value.text)
    has_path = bool(token.path) or token.key == "result"
    if token.key in _TEXTS or has_path:
        return _of_text(token, value.text, has_path=has_path, is_none=value.is_none)
    if token.key == "args" and (_INNER.match(value.text) or value.text[:1] in ODD_STARTS):
        return f"This would search the arguments for the text {value.text[:60]}. {_QUOTE}"
    return None


def _of_free_text(text: str) -> str | None:
    word = text.lower()
    if word in KEYS:
        return f"What should {word} be? Write {word}: and a value, or put the word in quotation marks to search for it."
    if word in LIKELY_WORDS:
        return f"{text} is not a filter word. In quotation marks, it is searched for in names."
    if word.startswith("args."):
        return f"What should {text[:60]} be? Write a colon and a value after it."
    if _LIKE_A_CONDITION.search(text):
        return f"{text[:60]} is not understood as a condition. In quotation marks, it is searched for in names."
    return None


def _of_text(token: Token, text: str, *, has_path: bool, is_none: bool) -> str | None:
    is_nullable = has_path or token.key in ("lock", "queueing_lock", "error", "host")
    if is_nullable and not is_none and text.lower() in (*NO_VALUES, *ANY_VALUES):
        return f"{text} would be the text “{text}”. Write none for no value at all, * for any value."
    is_compared = has_path and text[:1] in "<>"
    if (text[:1] in ODD_STARTS and not is_compared) or re.search("[|;]", text):
        return f"This would search for the text {text[:60]}. {_QUOTE}"
    return None
