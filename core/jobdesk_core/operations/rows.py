"""Arguments of many jobs from a text: NDJSON, or CSV whose first line names them. Every mistake has its line.

The columns of a CSV have types: as their name says (`user_id:number`), else as the task's usual ones, else each
cell is a number, true, false or null when it reads as one, and otherwise a text. An empty cell is left out.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.operations.json_objects import check_object

#: Beyond these a file is to be split, and one field of it is no argument any more.
MOST_ROWS, MOST_BYTES, LARGEST_FIELD = 500_000, 128 * 1024 * 1024, 16 * 1024 * 1024
#: The types that a column of a CSV may be given.
TYPES = ("text", "number", "boolean", "json")
#: As the types of JSON are called elsewhere.
_USUAL = {"text": "text", "number": "number", "boolean": "boolean", "list": "json", "object": "json"}
_BOOLEANS = {"true": True, "false": False}


class RowsNotUnderstood(JobdeskException):
    """This text is neither NDJSON nor CSV."""


@dataclass(frozen=True, slots=True)
class Row:
    """The arguments of one job and the line, from 1, at which they begin; or what is wrong there."""

    line: int
    args: dict[str, Any] | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What a text holds. `columns` has the names of a CSV's columns and their types, `guess` where none is known."""

    form: Literal["csv", "ndjson"]
    rows: tuple[Row, ...]
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def mistakes(self) -> list[Row]:
        """The rows that cannot be taken."""
        return [row for row in self.rows if row.problem is not None]


@dataclass(frozen=True, slots=True)
class Reader:
    """Rows that are read while one goes through them, once."""

    form: Literal["csv", "ndjson"]
    rows: Iterator[Row]
    columns: tuple[tuple[str, str], ...] = ()


def decoded(content: bytes) -> str:
    """The text of a file. Raises RowsNotUnderstood for one that is too large, or not in UTF-8."""
    if len(content) > MOST_BYTES:
        raise RowsNotUnderstood(f"This file has more than {MOST_BYTES >> 20} MB. Split it.")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RowsNotUnderstood(f"Line {line} is not in UTF-8. Save the file in UTF-8.") from error


def parse_rows(text: str, types: Mapping[str, str] | None = None) -> Rows:
    """Read the rows at once; see `open_rows`."""
    reader = open_rows(text, types)
    return Rows(reader.form, tuple(reader.rows), reader.columns)


def open_rows(text: str, types: Mapping[str, str] | None = None) -> Reader:
    """Begin to read. `types` are the usual JSON types of the arguments by their keys.

    This, and every step of the reading, raises RowsNotUnderstood.
    """
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if not start:
        return Reader("ndjson", iter(()))
    if start == "[":
        raise RowsNotUnderstood("This is a JSON list. Put each object on a line of its own, without the brackets.")
    if start == "{":
        return Reader("ndjson", _bounded(_ndjson(text)))
    return _csv(text, types or {})


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number >= MOST_ROWS:
            raise RowsNotUnderstood(f"These are more than {MOST_ROWS:,} rows. Split them.")
        yield row


def _ndjson(text: str) -> Iterator[Row]:
    # Not splitlines(): within a JSON text other separators than these may stand.
    for number, line in enumerate(io.StringIO(text.removeprefix("\ufeff")), 1):
        if line.strip():
            value, problem, _ = check_object(line.rstrip("\r\n"))
            yield Row(number, value, _without_line(problem))


def _without_line(problem: str | None) -> str | None:
    said = (problem or "").removeprefix("Line 1, ")
    return f"{said[:1].upper()}{said[1:]}" if problem is not None else None


def _csv(text: str, types: Mapping[str, str]) -> Reader:
    csv.field_size_limit(LARGEST_FIELD)
    text = text.removeprefix("\ufeff").replace("\0", "\ufffd")
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(row for row in reader if any(cell.strip() for cell in row))
    except (csv.Error, StopIteration) as error:
        raise RowsNotUnderstood(f"The first line cannot be read: {error}.") from error
    columns = tuple(_column(cell, types) for cell in header)
    names = [name for name, _ in columns]
    for position, name in enumerate(names):
        if not name:
            raise RowsNotUnderstood(f"Column {position + 1} has no name. The first line names the arguments.")
        if name in names[:position]:
            raise RowsNotUnderstood(f"Two columns are called {name}.")
    return Reader("csv", _bounded(_cells(reader, columns)), columns)


def _column(cell: str, types: Mapping[str, str]) -> tuple[str, str]:
    name, colon, kind = cell.strip().rpartition(":")
    if colon and kind.strip() in TYPES:
        return name.strip(), kind.strip()
    return cell.strip(), _USUAL.get(types.get(cell.strip(), ""), "guess")


def _cells(reader: Any, columns: tuple[tuple[str, str], ...]) -> Iterator[Row]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # The reader cannot tell where the next row would begin.
            yield Row(line, None, f"The rest cannot be read: {error}.")
            return
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(columns):
            yield Row(line, None, f"There are {len(cells)} cells for {len(columns)} columns.")
            continue
        yield _row(line, cells, columns)


def _row(line: int, cells: list[str], columns: tuple[tuple[str, str], ...]) -> Row:
    found = {}
    for cell, (name, kind) in zip(cells, columns, strict=False):
        if cell == "":
            continue
        try:
            found[name] = _value(cell, kind)
        except ValueError as error:
            return Row(line, None, f"{name}: {error}")
    return Row(line, found)


def _value(cell: str, kind: str) -> Any:
    """Raises ValueError with what is wrong."""
    if kind == "text":
        return cell
    if kind == "boolean":
        if cell.strip().lower() not in _BOOLEANS:
            raise ValueError(f"“{_short(cell)}” is neither true nor false.")
        return _BOOLEANS[cell.strip().lower()]
    if kind == "json":
        value, problem, _ = check_object(f'{{"value": {cell}}}')
        if value is None or set(value) != {"value"}:
            raise ValueError(f"“{_short(cell)}” is not JSON." if problem is None else f"“{_short(cell)}”: {problem}")
        return value["value"]
    plain = _plain(cell.strip())
    is_number = isinstance(plain, int | float) and not isinstance(plain, bool)
    if kind == "number":
        if not is_number:
            raise ValueError(f"“{_short(cell)}” is not a number.")
        return plain
    return cell if plain is None and cell.strip() != "null" else plain


def _plain(text: str) -> Any:
    """The number, true, false or null in a text; None, too, for any other text, and where digits would be lost."""
    if len(text) > 40 or text[:1] not in "-0123456789tfn":
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, bool | int) or value is None:
        return value
    return value if isinstance(value, float) and abs(value) < float("inf") else None


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
