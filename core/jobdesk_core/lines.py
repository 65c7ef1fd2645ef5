"""The one writer of lists: CSV, JSON (one array) or NDJSON (one object on each line), of raw values.

Numbers stay numbers, times go as ISO 8601 in UTC, durations as seconds; what is not known is empty, or null.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.files import CsvLines, whole_file
from jobdesk_core.moments import safe_local

KINDS = ("csv", "json", "ndjson")


def as_json(value: Any) -> Any:
    """Values of the core as JSON has them: times in UTC, spans in seconds, enums by their values."""
    if isinstance(value, dt.datetime):
        return safe_local(value, dt.UTC).isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr}
    if hasattr(value, "_asdict"):
        return as_json(value._asdict())
    if isinstance(value, Mapping):
        return {as_json(name): as_json(held) for name, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(held) for held in value]
    if type(value) is float and not math.isfinite(value):
        return None
    return value


class Lines:
    """Writes rows of the same columns; `write` takes texts. `kind` is one of KINDS."""

    def __init__(self, write: Callable[[str], object], kind: str, names: Sequence[str]) -> None:
        self.written = 0
        self._write_text, self._kind, self._names = write, kind, list(names)
        self._csv = CsvLines(self, names) if kind == "csv" else None

    def write(self, text: str) -> None:
        """Write a text as it is: CSV's lines go this way."""
        self._write_text(text)

    def add(self, values: Sequence[Any]) -> None:
        """Write one row, a value for each column."""
        plain = [as_json(value) for value in values]
        if self._csv is not None:
            self._csv.write(plain)
        else:
            line = exact_json.dumps(dict(zip(self._names, plain, strict=True)), ensure_ascii=False)
            self._write_text(f"{line}\n" if self._kind == "ndjson" else f"{',' if self.written else '['}\n{line}")
        self.written += 1

    def end(self) -> None:
        """Write what belongs behind the last row."""
        if self._kind == "json":
            self._write_text("\n]\n" if self.written else "[]\n")


def write_list(
    path: Path, kind: str, names: Sequence[str], rows: Iterable[Sequence[Any]], *, has_bom: bool = False
) -> int:
    """Write a whole list into a file, and return how many rows; when it fails, what was at `path` stays.

    Raises OSError.
    """
    with whole_file(path, has_bom=has_bom and kind == "csv") as file:
        lines = Lines(file.write, kind, names)
        for row in rows:
            lines.add(row)
        lines.end()
    return lines.written
