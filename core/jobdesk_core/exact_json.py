"""JSON whose numbers keep their digits: 1.10 stays 1.10, and 1e999 is no infinity.

What Python's float tells exactly is a float; any other number is an ExactNumber, a float that knows its digits.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable
from typing import Any


class ExactNumber(float):
    """A number with its digits; as a float the nearest one, or infinity."""

    text: str

    def __new__(cls, text: str) -> ExactNumber:
        """The number that JSON writes so."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, ExactNumber) else super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return ExactNumber, (self.text,)

    def __copy__(self) -> ExactNumber:
        return self

    def __deepcopy__(self, memo: Any) -> ExactNumber:
        return self


def number(text: str) -> float:
    """A JSON number with a fraction or an exponent: a float when that writes it the same way."""
    nearest = float(text)
    return nearest if repr(nearest) == text else ExactNumber(text)


def integer(text: str) -> int | float:
    """A JSON number without either, of any length: Python itself reads some thousand digits at most."""
    try:
        return int(text)
    except ValueError:
        return ExactNumber(text)


def loads(
    text: str | bytes,
    *,
    object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None,
    parse_constant: Callable[[str], Any] | None = None,
) -> Any:
    """Read JSON as `json.loads` does, every number exactly."""
    return json.loads(
        text,
        parse_float=number,
        parse_int=integer,
        object_pairs_hook=object_pairs_hook,
        parse_constant=parse_constant,
    )


def dumps(value: Any, *, indent: int | None = None, ensure_ascii: bool = True, default: Any = None) -> str:
    """Write JSON as `json.dumps` does, every ExactNumber with its digits.

    Raises ValueError for NaN and the infinities, which JSON does not have, and TypeError for what it cannot hold.
    """
    encoder = _Encoder if _has_exact(value) else json.JSONEncoder
    return encoder(indent=indent, ensure_ascii=ensure_ascii, default=default, allow_nan=False).encode(value)


def _has_exact(value: Any) -> bool:
    level = [value]
    for _ in range(10_000):
        if not level:
            return False
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list | tuple):
                inner.extend(each)
            elif isinstance(each, ExactNumber):
                return True
        level = inner
    return False  # nested without an end: the encoder says so


class _Encoder(json.JSONEncoder):
    """Python's own, with another way to write a float: the one in C asks no subclass."""

    def encode(self, o: Any) -> str:
        return o.text if isinstance(o, ExactNumber) else super().encode(o)

    def iterencode(self, o: Any, _one_shot: bool = False) -> Any:
        escape = json.encoder.encode_basestring_ascii if self.ensure_ascii else json.encoder.encode_basestring
        made = json.encoder._make_iterencode(  # type: ignore[attr-defined] # the one place that asks how
            {},
            self.default,
            escape,
            self.indent if self.indent is None or isinstance(self.indent, str) else " " * self.indent,
            _float_text,
            self.key_separator,
            self.item_separator,
            self.sort_keys,
            self.skipkeys,
            _one_shot,
        )
        return made(o, 0)


def _float_text(value: float) -> str:
    if isinstance(value, ExactNumber):
        return value.text
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{value!r} is not JSON.")
    return float.__repr__(value)
