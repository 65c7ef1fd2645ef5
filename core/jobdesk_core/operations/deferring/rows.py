"""Arguments of many jobs from a file or a text: JSON objects, or CSV whose first line names them.

The one reader of the window and the command line: the same bytes are the same jobs. Every mistake has its line.
What the cells of a CSV are is decided column by column: see row_types.py. An empty cell is left out.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.operations.deferring.json_objects import check_object, unstorable
from jobdesk_core.operations.deferring.row_types import TYPES, Column, decided, value_of_cell

#: Beyond these a file is to be split, and one field of it is no argument any more.
MOST_ROWS, MOST_BYTES, LARGEST_FIELD = 500_000, 128 * 1024 * 1024, 16 * 1024 * 1024
_DELIMITERS = ",;\t|"
#: Records by which the delimiter is told.
_TRIED = 20
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n")
_GAP = re.compile(r"[\s,]*")
_SPACES = re.compile(r"[ \t\r\n]*")


class RowsNotUnderstood(JobdeskException):
    """This text has no rows that can be read."""


@dataclass(frozen=True, slots=True)
class Row:
    """The arguments of one job and the line, from 1, at which they begin; or what is wrong there."""

    line: int
    args: dict[str, Any] | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What a text holds. `columns` are those of a CSV, with their types."""

    form: Literal["csv", "ndjson"]
    rows: tuple[Row, ...]
    columns: tuple[Column, ...] = ()

    @property
    def mistakes(self) -> list[Row]:
        """The rows that cannot be taken."""
        return [row for row in self.rows if row.problem is not None]


@dataclass(frozen=True, slots=True)
class Reader:
    """Rows that are read while one goes through them, once."""

    form: Literal["csv", "ndjson"]
    rows: Iterator[Row]
    columns: tuple[Column, ...] = ()


def decoded(content: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 by its first bytes. Raises RowsNotUnderstood."""
    if len(content) > MOST_BYTES:
        raise RowsNotUnderstood(f"This file has more than {MOST_BYTES >> 20} MB. Split it.")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if encoding != "utf-16" and 0 in content[:2] and len(content) % 2 == 0:
        encoding = "utf-16-be" if content[0] == 0 else "utf-16-le"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise RowsNotUnderstood("This file begins like UTF-16 but is not. Save it as UTF-8.") from error
        line = content.count(b"\n", 0, error.start) + 1
        raise RowsNotUnderstood(f"Line {line} is not UTF-8. Save the file as UTF-8.") from error


def parse_rows(text: str, types: Mapping[str, str] | None = None, chosen: Mapping[str, str] | None = None) -> Rows:
    """Read the rows at once; see `open_rows`."""
    reader = open_rows(text, types, chosen)
    return Rows(reader.form, tuple(reader.rows), reader.columns)


def open_rows(
    text: str,
    types: Mapping[str, str] | None = None,
    chosen: Mapping[str, str] | None = None,
    form: Literal["csv", "ndjson"] | None = None,
) -> Reader:
    """Begin to read: of a CSV all of it is looked through, for the types of its columns.

    `types` are the usual JSON types of the arguments by their keys, `chosen` types of TYPES that someone chose;
    `form` is told by the text itself when it is None. This, and every step of the reading, raises RowsNotUnderstood.
    """
    text = text.removeprefix("\ufeff")
    start = text.lstrip("\ufeff \t\r\n")[:1]
    unknown = [kind for kind in (chosen or {}).values() if kind not in TYPES]
    if unknown:
        raise RowsNotUnderstood(f"There is no type {unknown[0]}. There are: {', '.join(TYPES)}.")
    if not start:
        return Reader(form or "ndjson", iter(()))
    if form != "csv" and start == "[":
        return Reader("ndjson", _bounded(_objects(text, text.index("[") + 1, is_list=True)))
    if form != "csv" and start == "{" and _is_spread(text):
        return Reader("ndjson", _bounded(_objects(text, 0, is_list=False)))
    if form == "ndjson" or (form is None and start == "{"):
        return Reader("ndjson", _bounded(_ndjson(text)))
    return _csv(text, types or {}, chosen or {})


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number >= MOST_ROWS:
            raise RowsNotUnderstood(f"These are more than {MOST_ROWS:,} rows. Split them.")
        yield row


# JSON


def _ndjson(text: str) -> Iterator[Row]:
    # Not splitlines(): within a JSON text other separators than these may stand.
    for number, line in enumerate(io.StringIO(text), 1):
        if line.strip():
            value, problem, _ = check_object(line.rstrip("\r\n"))
            yield Row(number, value, _without_line(problem))


def _is_spread(text: str) -> bool:
    """Whether the first object goes over several lines."""
    start = text.index("{")
    if check_object(text[start:].partition("\n")[0].rstrip("\r"))[0] is not None:
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[start:end]


def _objects(text: str, position: int, *, is_list: bool) -> Iterator[Row]:
    """Objects behind each other, or those of a list, wherever their lines end."""
    decoder, line, counted = json.JSONDecoder(), 1, 0
    gap = _GAP if is_list else _SPACES
    while True:
        position = gap.match(text, position).end()  # type: ignore[union-attr] # an empty gap is one, too
        line, counted = line + text.count("\n", counted, position), position
        if position == len(text):
            if is_list:
                yield Row(line, None, "The list is not closed.")
            return
        if is_list and text[position] == "]":
            if text[position + 1 :].strip():
                yield Row(line, None, "Something follows the list.")
            return
        try:
            _, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            _, problem, _ = check_object(text[position:])
            yield Row(line, None, problem or "This is not JSON.")
            return
        value, problem, _ = check_object(text[position:end])
        yield Row(line, value, _without_line(problem))
        position = end


def _without_line(problem: str | None) -> str | None:
    said = (problem or "").removeprefix("Line 1, ")
    return f"{said[:1].upper()}{said[1:]}" if problem is not None else None


# CSV


def _csv(text: str, types: Mapping[str, str], chosen: Mapping[str, str]) -> Reader:
    csv.field_size_limit(LARGEST_FIELD)
    named = _SEPARATOR_LINE.match(text)
    records = _records(text[named.end() :] if named else text, named[1] if named else _delimiter(text))
    first_line = 1 if named else 0
    try:
        header = next(cells for _, cells in records if any(cell.strip() for cell in cells))
    except (csv.Error, StopIteration) as error:
        raise RowsNotUnderstood(f"The first line cannot be read: {error}.") from error
    held: list[tuple[int, list[str]]] = []
    rest: Row | None = None
    while True:
        try:
            held.append(next(records))
        except StopIteration:
            break
        except csv.Error as error:
            # The reader cannot tell where the next row would begin.
            line = held[-1][0] + 1 + sum(cell.count("\n") for cell in held[-1][1]) if held else 2
            rest = Row(line + first_line, None, f"The rest cannot be read: {error}.")
            break
        if len(held) > MOST_ROWS:
            raise RowsNotUnderstood(f"These are more than {MOST_ROWS:,} rows. Split them.")
    held = [(line + first_line, cells) for line, cells in held if any(cell.strip() for cell in cells)]
    columns = decided(_names(header), [cells for _, cells in held], types, chosen)
    rows = (_row(line, cells, columns) for line, cells in held)
    return Reader("csv", itertools.chain(rows, (rest,) if rest is not None else ()), columns)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records and the lines, from 1, at which they begin."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


def _delimiter(text: str) -> str:
    """The sign that parts most records into as many cells as the first one has, which are more than one."""

    def fitness(delimiter: str) -> tuple[float, int]:
        records: list[list[str]] = []
        try:
            for _, cells in itertools.islice(_records(text, delimiter), _TRIED):
                records += [cells] if any(cell.strip() for cell in cells) else []
        except csv.Error:
            pass
        if not records or len(records[0]) < 2:
            return 0.0, 0
        alike = sum(len(cells) == len(records[0]) for cells in records)
        return alike / len(records), len(records[0])

    return max(_DELIMITERS, key=fitness)


def _names(header: list[str]) -> list[tuple[str, str | None]]:
    """The names of the columns, with the types that they say themselves."""
    found: list[tuple[str, str | None]] = []
    for position, cell in enumerate(header):
        name, colon, kind = cell.strip().rpartition(":")
        is_typed = bool(colon) and kind.strip() in TYPES
        name = name.strip() if is_typed else cell.strip()
        if not name:
            raise RowsNotUnderstood(f"Column {position + 1} has no name. The first line names the arguments.")
        if name in (other for other, _ in found):
            raise RowsNotUnderstood(f"Two columns are called {name}.")
        if (problem := unstorable(name)) is not None:
            raise RowsNotUnderstood(problem)
        found.append((name, kind.strip() if is_typed else None))
    return found


def _row(line: int, cells: list[str], columns: tuple[Column, ...]) -> Row:
    if len(cells) != len(columns):
        are = "There is 1 cell" if len(cells) == 1 else f"There are {len(cells)} cells"
        return Row(line, None, f"{are} for {len(columns)} columns.")
    found = {}
    for cell, column in zip(cells, columns, strict=True):
        if cell == "":
            continue
        try:
            found[column.name] = value_of_cell(cell, column.kind)
        except ValueError as error:
            return Row(line, None, f"{column.name}: {error}")
    return Row(line, found)
