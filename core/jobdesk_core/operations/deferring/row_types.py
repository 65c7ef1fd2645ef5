"""What the cells of a CSV's columns are: as someone chose, as the header says, as is usual, or as the column reads.

A column is of numbers, or of true and false, or of JSON lists and objects only when every cell of it is; else it is
text, every digit as it stands. Numbers with leading zeros, a plus sign or more than 15 digits are numbers (of postal
codes, telephones, accounts) and stay text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jobdesk_core import exact_json
from jobdesk_core.operations.deferring.json_objects import exactly, unstorable

#: The types that a column may be given.
TYPES = ("text", "number", "boolean", "json")
#: As the types of JSON are called elsewhere.
_USUAL = {"text": "text", "number": "number", "boolean": "boolean", "list": "json", "object": "json"}
_BOOLEANS = {"true": True, "false": False}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,4})?")
#: What people would call a number: it counts as a mixture when it stands among texts.
_LIKE_A_NUMBER = re.compile(r"[-+]?[0-9][0-9 .,']*(?:[eE][-+]?[0-9]+)?")
#: A whole number of more digits is the name of something.
_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name, its type (one of TYPES), what decided that, and what is odd about it (a sentence, or empty)."""

    name: str
    kind: str
    origin: Literal["chosen", "header", "usual", "read"]
    remark: str = ""


def decided(
    names: Sequence[tuple[str, str | None]],
    rows: Sequence[Sequence[str]],
    usual: Mapping[str, str],
    chosen: Mapping[str, str],
) -> tuple[Column, ...]:
    """The columns of these rows: a name with the type that the first line gives it, if any."""
    found = []
    for place, (name, kind) in enumerate(names):
        if name in chosen:
            found.append(Column(name, chosen[name], "chosen"))
        elif kind is not None:
            found.append(Column(name, kind, "header"))
        elif usual.get(name) in _USUAL:
            found.append(Column(name, _USUAL[usual[name]], "usual"))
        else:
            found.append(_read(name, (cells[place] for cells in rows if place < len(cells))))
    return tuple(found)


def _read(name: str, cells: Iterable[str]) -> Column:
    """What the whole column reads as."""
    counted: Counter[str] = Counter()
    for cell in cells:
        if cell != "":
            counted[_looks(cell.strip())] += 1
    nulls = counted.pop("null", 0)
    kinds = [kind for kind, number in counted.items() if number]
    if not kinds:
        return Column(name, "json" if nulls else "text", "read")
    if len(kinds) == 1 and kinds[0] in ("number", "boolean", "json"):
        return Column(name, kinds[0], "read")
    remark = ""
    if "digits" in counted and not counted.keys() - {"digits", "number"}:
        remark = f"{name} is kept as text: some of its numbers have leading zeros, a plus sign or many digits."
    elif counted.keys() - {"text"} or nulls:
        parts = {"number": "numbers", "digits": "numbers", "boolean": "true or false", "json": "JSON", "text": "texts"}
        mixed = dict.fromkeys(parts[kind] for kind in ("number", "digits", "boolean", "json", "text") if counted[kind])
        mixture = " and ".join((*mixed, *(("null",) if nulls else ())))
        remark = f"{name} is mixed ({mixture}): all of it is taken as text."
    return Column(name, "text", "read", remark)


def _looks(cell: str) -> str:
    if cell == "null":
        return "null"
    if cell.lower() in _BOOLEANS:
        return "boolean"
    if match := _NUMBER.fullmatch(cell):
        is_whole = match[1] is None and match[2] is None
        return "digits" if is_whole and len(cell.lstrip("-")) > _MOST_DIGITS else "number"
    if cell[:1] in ("[", "{"):
        try:
            exactly(cell)
        except (ValueError, RecursionError):
            return "text"
        return "json"
    return (
        "digits" if _LIKE_A_NUMBER.fullmatch(cell) and not re.fullmatch(r"[0-9]+[-.][0-9]+[-.][0-9]+", cell) else "text"
    )


def value_of_cell(cell: str, kind: str) -> Any:
    """The value of a cell that is not empty. Raises ValueError with what is wrong."""
    if (problem := unstorable(cell)) is not None:
        raise ValueError(problem)
    if kind == "text":
        return cell
    bare = cell.strip()
    if bare == "null":
        return None
    if kind == "boolean":
        if bare.lower() not in _BOOLEANS:
            raise ValueError(f"“{_short(cell)}” is neither true nor false.")
        return _BOOLEANS[bare.lower()]
    if kind == "json":
        try:
            value = exactly(bare)
            problem = unstorable(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"“{_short(cell)}” is not JSON: {str(error)[:80]}") from error
        if problem is not None:
            raise ValueError(problem)
        return value
    match = _NUMBER.fullmatch(bare)
    if match is None:
        raise ValueError(f"“{_short(cell)}” is not a number.")
    return exact_json.integer(bare) if match[1] is None and match[2] is None else exact_json.number(bare)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
