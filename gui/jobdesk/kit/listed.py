"""What a table shows, as a list of raw values: its columns in their order, its rows, or those selected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobdesk_core import number as numbers
from jobdesk_core.number import Number
from PySide6.QtCore import Qt

from jobdesk.kit import formats
from jobdesk.kit.roles import LINE_ROLE, VALUE_ROLE, AnyIndex
from jobdesk.kit.table import Table

_NUMBER = re.compile(r"#?(-?[0-9][0-9,]*)(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Listed:
    """A list ready to be written: the titles of the columns, and a value for each in every row."""

    titles: list[str]
    rows: list[list[Any]]


def listed(table: Table, places: Sequence[int] | None = None, *, is_as_shown: bool = False) -> Listed:
    """The rows at these places, or all, from top to bottom; a line that only sums up is left out.

    `is_as_shown`: only the columns on show; otherwise every column, in the order chosen.

    Behind a column with a number that is not exact comes one that says what each is worth.
    """
    head, model = table.horizontalHeader(), table.model()
    visual = [head.logicalIndex(place) for place in range(head.count())]
    columns = [column for column in visual if not (is_as_shown and table.isColumnHidden(column))]
    titles = [str(model.headerData(column, Qt.Orientation.Horizontal) or "") for column in columns]
    chosen = places if places is not None else range(model.rowCount())
    rows = [
        [value_of(model.index(place, column)) for column in columns]
        for place in chosen
        if model.flags(model.index(place, 0)) & Qt.ItemFlag.ItemIsSelectable
    ]
    for column in reversed(range(len(titles))):
        _spread(titles, rows, column)
    return Listed(titles, rows)


def value_of(index: AnyIndex) -> Any:
    """What a cell stands for: what its model says, the numbers of a line, or else its text, as a number if it is one.

    None for a dash.
    """
    value = index.data(VALUE_ROLE)
    if value is not None:
        return value
    if (drawn := index.data(LINE_ROLE)) is not None:
        return list(drawn[0])
    text = str(index.data() or "")
    if text in ("", formats.DASH):
        return None
    right = Qt.AlignmentFlag.AlignRight & Qt.AlignmentFlag(index.data(Qt.ItemDataRole.TextAlignmentRole) or 0)
    found = _NUMBER.fullmatch(text) if right else None
    if found is None:
        return text
    whole = found[1].replace(",", "")
    return float(whole + found[2]) if found[2] else int(whole)


def _spread(titles: list[str], rows: list[list[Any]], column: int) -> None:
    """Each number of a column by itself, and beside it what it is worth, where one is not exact."""
    held = [row[column] for row in rows]
    if not any(isinstance(value, Number) for value in held):
        return
    is_said = any(isinstance(value, Number) and not value.is_exact for value in held)
    if is_said:
        titles.insert(column + 1, f"{titles[column]} is")
    for row, value in zip(rows, held, strict=True):
        is_number = isinstance(value, Number)
        row[column] = value.value if is_number else value
        if is_said:
            row.insert(column + 1, numbers.worth(value) if is_number else None)
