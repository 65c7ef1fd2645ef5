"""Arguments as people type them: a JSON object, or what is wrong with it, and where."""

from __future__ import annotations

import json
import re
from typing import Any

from jobdesk_core import exact_json

_WORDS = {
    "Expecting ',' delimiter": "a comma or a closing bracket is missing",
    "Expecting property name enclosed in double quotes": "a key in double quotes is missing",
    "Expecting ':' delimiter": "a colon is missing after the key",
    "Expecting value": "a value is missing, or it is not in JSON's spelling",
    "Unterminated string starting at": "a string is not closed",
    "Invalid control character at": "a string holds a line break or a control character",
    "Invalid \\escape": "a backslash is not doubled",
    "Extra data": "something follows the end",
    "Illegal trailing comma before end of object": "there is a comma before the closing bracket",
    "Illegal trailing comma before end of array": "there is a comma before the closing bracket",
}


#: The character NUL as JSON writes it, and not a backslash before the text u0000.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_HALF = re.compile("[\ud800-\udfff]")


class NotExact(ValueError):
    """Valid JSON that does not say one thing: a key twice, or what only Python calls a number."""


def exactly(text: str) -> Any:
    """Any JSON value, every digit kept. Raises ValueError (NotExact has a sentence) and RecursionError."""
    return exact_json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)


def check_object(text: str) -> tuple[dict[str, Any] | None, str | None, int | None]:
    """The JSON object in a text; or else what is wrong with it, and in which line (from 1) if in any."""
    try:
        value = exactly(text)
    except json.JSONDecodeError as error:
        what = _WORDS.get(error.msg, error.msg)
        return None, f"Line {error.lineno}, column {error.colno}: {what}.", error.lineno
    except (NotExact, RecursionError) as error:
        what = "It is nested too deeply." if isinstance(error, RecursionError) else str(error)
        return None, what, None
    if not isinstance(value, dict):
        kinds = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
        kind = kinds.get(type(value), "a number")
        return None, f'Arguments are a JSON object, such as {{"user_id": 42}}; this is {kind}.', 1
    problem = unstorable(value)
    return (None, problem, None) if problem is not None else (value, None, None)


def unstorable(value: Any) -> str | None:
    """Why PostgreSQL cannot store this JSON value, or text; None when it can."""
    written = exact_json.dumps(value, ensure_ascii=False)
    if _NUL.search(written):
        return "PostgreSQL cannot store the character NUL (\\u0000)."
    if _HALF.search(written):
        return "PostgreSQL cannot store half of a surrogate pair."
    return None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NotExact(f'The key "{key}" appears twice.')
        found[key] = value
    return found


def _constant(name: str) -> Any:
    raise NotExact(f"{name} is not JSON.")
