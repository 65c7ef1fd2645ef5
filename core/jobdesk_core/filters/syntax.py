"""How a filter is written: conditions apart by spaces, `-key:value,value`, every text quotable.

In quotation marks every character is itself, and a quotation mark is doubled: `queue:"night, ""B"" shift"`.
Outside them a comma separates values, `*` stands for any text, and `none` for no value. Between conditions
stand `and`, `or`, `not` and brackets, which tree.py puts together; within a value brackets come in pairs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobdesk_core.filters.qualifiers import ANY_VALUES, FLAGS, KEYS, NO_VALUES, ODD_STARTS, OWN_WORDS

__all__ = ["DUE", "FLAGS", "KEYS", "FilterError", "Sign", "Token", "Value", "argument_term", "in_quotes", "lex", "term"]

_QUOTED = r'"(?:[^"]|"")*"'
_PATH = rf'((?:\.(?:{_QUOTED}|[^\s:".=<>!]+))*)'
_KEY = re.compile(rf"([A-Za-z_]+){_PATH}(:=|:|!=|==|=|>=|<=|>|<)")
#: With spaces around the sign of one of our own keys, as in `priority > 5` and `status: failed`.
_NAMES = "|".join(sorted((key for key in KEYS if "." not in key), key=len, reverse=True))
_APART = re.compile(
    rf"({_NAMES}){_PATH}\s*(:|!=|==|=|>=|<=|>|<)\s*(?=[^\s()])(?!(?:and|or|not)\b|-?[A-Za-z_.]+[:=<>])", re.IGNORECASE
)
_SEGMENT = re.compile(rf'\.({_QUOTED}|[^\s:".=<>!]+)')
_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_SIGN = re.compile(r"[()]|[-!](?=\()|(?:and|or|not)(?![^\s()])", re.IGNORECASE)
_ESCAPED_LIKE = re.compile(r"([\\%_])")


class FilterError(ValueError):
    """A filter that cannot be understood: what is wrong, where in its text, and what may have been meant instead.

    `suggestions` are texts for what lies between the two ends of `replaced`.
    """

    def __init__(
        self,
        message: str,
        position: int,
        length: int,
        suggestions: tuple[str, ...] = (),
        replaced: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__(f"{message} Did you mean {' or '.join(suggestions)}?" if suggestions else message)
        self.message = message
        self.position = position
        self.length = length
        self.suggestions = suggestions
        self.replaced = replaced


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a condition: the literal texts between its wildcards, one text when it has none."""

    parts: tuple[str, ...]
    is_quoted: bool = False
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)
    starts_quoted: bool = False

    @property
    def text(self) -> str:
        """The value as text, wildcards as stars."""
        return "*".join(self.parts)

    @property
    def is_pattern(self) -> bool:
        """Whether the value has a wildcard."""
        return len(self.parts) > 1

    @property
    def is_none(self) -> bool:
        """Whether the value is the word `none`, not the text."""
        return self.parts == ("none",) and not self.is_quoted

    @property
    def contained(self) -> Value:
        """The value as a pattern for what contains it."""
        return Value(("", *self.parts, ""))

    @property
    def like(self) -> str:
        """The value as a pattern for LIKE."""
        return "%".join(_ESCAPED_LIKE.sub(r"\\\1", part) for part in self.parts)

    def matches(self, held: str) -> bool:
        """Whether a text is the value, or meets the pattern. Its time is linear for every pattern."""
        if not self.is_pattern:
            return held == self.parts[0]
        first, *between, last = self.parts
        if len(held) < len(first) + len(last) or not (held.startswith(first) and held.endswith(last)):
            return False
        position, end = len(first), len(held) - len(last)
        for part in between:
            position = held.find(part, position, end)
            if position < 0:
                return False
            position += len(part)
        return True


@dataclass(frozen=True, slots=True)
class Sign:
    """What stands between conditions: `and`, `or`, `not` or a bracket, at `start` in the text."""

    start: int
    end: int
    text: str

    def error(self, message: str) -> FilterError:
        """That this is out of place."""
        return FilterError(message, self.start, self.end - self.start)


@dataclass(frozen=True, slots=True)
class Token:
    """One condition of a filter as it was typed, from `start` to `end`. `key` is empty for free text.

    `path` leads to a value in the arguments (`args.user.id:7`); `json` is an object that they contain.
    """

    start: int
    end: int
    text: str
    key: str
    value: str
    values: tuple[Value, ...]
    path: tuple[str, ...] = ()
    json: dict[str, Any] | None = None
    is_negated: bool = False

    def error(self, message: str, value: Value | None = None) -> FilterError:
        """That this condition, or one value of it, cannot be understood."""
        start, end = (value.start, value.end) if value is not None and value.end else (self.start, self.end)
        return FilterError(message, start, end - start)

    @property
    def opposite(self) -> str:
        """The text of the opposite condition."""
        if not self.is_negated:
            return f"-{self.text}"
        text = self.text[1:]
        # Without its minus a free text may be one of the grammar's own words, or another minus.
        if _SIGN.fullmatch(text) or text.startswith(("-", "!")):
            return f'"{text[0]}"{text[1:]}'
        return text


#: The text of a filter for jobs that a worker might take now, but for their locks.
DUE = "status:todo -is:scheduled"


def term(key: str, value: str) -> str:
    """The text of a filter for exactly this value, such as `queue:"night shift"`; free text when `key` is empty."""
    if key:
        # In the text of all arguments a colon makes it look like an argument's name.
        is_odd = key == "args" and any(sign in value for sign in ":=<>")
        return f"{key}:{in_quotes(value) if is_odd else _as_value(value)}"
    return value if _PLAIN_WORD.fullmatch(value) and is_free(value) else in_quotes(value)


def argument_term(path: Sequence[str], value: str) -> str:
    """The text of a filter for exactly this value at a path of the arguments: `args.user."e-mail":a@b`."""
    return term(
        "args" + "".join(f".{each if _PLAIN_SEGMENT.fullmatch(each) else in_quotes(each)}" for each in path), value
    )


def is_free(word: str) -> bool:
    """Whether a word alone is a text to be searched for, and no word of the filter's own."""
    return word.lower() not in OWN_WORDS and not word.lower().startswith("args.")


def _as_value(value: str) -> str:
    is_odd = value.lower() in NO_VALUES or value.lower() in ANY_VALUES or value[:1] in ODD_STARTS or ".." in value
    is_plain = value != "" and not is_odd and not any(c.isspace() or c in '",*()|;' for c in value)
    return value if is_plain else in_quotes(value)


def in_quotes(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def lex(text: str) -> list[Token | Sign]:
    """Split a filter's text into conditions and signs. Raises FilterError with the place of what is wrong."""
    found: list[Token | Sign] = []
    position = 0
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if position == len(text):
            return found
        if match := _SIGN.match(text, position):
            found.append(Sign(position, match.end(), "not" if match[0] in "-!" else match[0].lower()))
        else:
            found.append(_token(text, position))
        position = found[-1].end


def _token(text: str, start: int) -> Token:
    position = start
    is_negated = text[position] in "-!" and text[position + 1 : position + 2].strip() not in ("", ")")
    position += is_negated
    match = _KEY.match(text, position) or _APART.match(text, position)
    if match is not None and not text[match.end() : match.end() + 1].strip():
        match = _APART.match(text, position) or match
    key, sign = "", ""
    path: tuple[str, ...] = ()
    if match is not None:
        key, path, sign = match[1].lower(), tuple(_unquoted(each) for each in _SEGMENT.findall(match[2])), match[3]
        position = match.end()
    contained = None
    values: tuple[Value, ...] = ()
    if key == "args" and not path and text[position : position + 1] == "{":
        contained, end = _json(text, position)
    else:
        values, end = _values(text, position, is_set=bool(key))
    value, whole = text[position:end], text[start:end]
    is_negated ^= sign == "!="
    if match is not None and (match[0] != f"{key}{match[2]}:" or whole[0] == "!"):
        # As it is always written, with the comparison as the beginning of the value.
        bound = sign if sign[0] in "<>" else ""
        value = f"{bound}{value}"
        whole = f"{'-' if is_negated else ''}{key}{match[2]}:{value}"
        if bound:
            first = values[0]
            values = (
                replace(first, parts=(bound + first.parts[0], *first.parts[1:]), starts_quoted=False),
                *values[1:],
            )
    token = Token(start, end, whole, key, value, values, path, contained, is_negated)
    _check(token)
    return token


def _unquoted(segment: str) -> str:
    return segment[1:-1].replace('""', '"') if segment.startswith('"') else segment


def _values(text: str, position: int, *, is_set: bool) -> tuple[tuple[Value, ...], int]:
    """The values from here on, apart by commas when it is a set, and where they end."""
    found: list[Value] = []
    parts, is_quoted, begun = [""], False, position
    brackets: list[int] = []
    while position < len(text) and not text[position].isspace():
        character = text[position]
        if character == ")" and not brackets:
            break
        if character == '"':
            start, position = position, _closing(text, position)
            parts[-1] += text[start + 1 : position].replace('""', '"')
            is_quoted = True
        elif character == "," and is_set:
            found.append(Value(tuple(parts), is_quoted, begun, position, text[begun] == '"'))
            parts, is_quoted, begun = [""], False, position + 1
        elif character == "*":
            parts.append("")
        else:
            if character == "(":
                brackets.append(position)
            elif character == ")":
                brackets.pop()
            parts[-1] += character
        position += 1
    if brackets:
        raise FilterError(
            "A bracket is not closed. If it belongs to a text, put that in quotation marks.", brackets[-1], 1
        )
    return (*found, Value(tuple(parts), is_quoted, begun, position, text[begun : begun + 1] == '"')), position


def _closing(text: str, start: int) -> int:
    """Where the quotation that starts here is closed."""
    position = start
    while (position := text.find('"', position + 1)) >= 0:
        if text[position + 1 : position + 2] != '"':
            return position
        position += 1
    raise FilterError("A quotation mark is not closed.", start, 1)


def _json(text: str, start: int) -> tuple[dict[str, Any], int]:
    try:
        found, end = json.JSONDecoder(parse_constant=_refused, parse_float=_finite).raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise FilterError(f"This is not a JSON object: {error.msg}.", error.pos, 1) from error
    except (ValueError, RecursionError) as error:
        raise FilterError("This JSON cannot be read: a number or its depth is too large.", start, 1) from error
    if text[end : end + 1].strip() not in ("", ")"):
        raise FilterError("A space must follow the JSON object.", end, 1)
    return found, end


def _refused(constant: str) -> Any:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError(digits)
    return number


def _check(token: Token) -> None:
    """Refuse what no PostgreSQL text can be."""
    strings = [part for value in token.values for part in value.parts] + list(token.path)
    if token.json is not None:
        strings += _strings(token.json)
    for each in strings:
        if "\0" in each or any("\ud800" <= character <= "\udfff" for character in each):
            raise token.error("Text in a database contains neither the character NUL nor half a character.")
    if token.key and token.json is None:
        if token.value == "":
            raise token.error(f"What should {token.key} be? Type it after the colon.")
        if any(value.parts == ("",) and not value.is_quoted for value in token.values):
            raise token.error('A value is missing next to the comma. Write "" for an empty text.')


def _strings(held: Any) -> list[str]:
    found, waiting = [], [held]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            found.append(each)
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each
    return found
