"""What the commands print: plain text without control characters, tables, colours on a terminal, JSON."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from jobdesk_core import exact_json
from jobdesk_core.jobs import Status
from jobdesk_core.lines import as_json as as_json
from jobdesk_core.masking import masked_typed
from jobdesk_core.moments import here

#: A cell of a table is cut after so many characters; --json and `show` have the whole.
WIDEST_CELL = 48
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
_COLOURS = {
    Status.TODO: "34",
    Status.DOING: "36",
    Status.SUCCEEDED: "32",
    Status.FAILED: "31",
    Status.CANCELLED: "90",
    Status.ABORTING: "33",
    Status.ABORTED: "35",
}


def prepare() -> None:
    """Have no character that the terminal's encoding lacks end the program, and the driver's log not among it."""
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def line(text: str = "") -> None:
    """Print a line of text that is ours, or that `plain` has made safe."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Print a line for people on the error stream, so that it is never taken for a result."""
    sys.stderr.write(f"{plain(masked_typed(text))}\n")


def flush() -> None:
    """Have what was printed be seen now."""
    sys.stdout.flush()


def plain(text: str) -> str:
    """The text with control characters and direction marks escaped: none of it can move the cursor or the words."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(sign) if unicodedata.category(sign) in _UNSEEN else sign for sign in text)


def _escaped(sign: str) -> str:
    number = ord(sign)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def has_colours(stream: TextIO) -> bool:
    """Whether colours are shown: on a terminal, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, status: Status | None) -> str:
    """The text in the colour of a status."""
    if status is None or not has_colours(sys.stdout):
        return text
    return f"\x1b[{_COLOURS.get(status, '')}m{text}\x1b[0m"


def moment(at: dt.datetime | None) -> str:
    """A time as people read it: local, with its offset."""
    return "-" if at is None else here(at).isoformat(" ", "seconds")


def cell(value: Any) -> str:
    """A value in a table: one line, without control characters, not too long."""
    if value is None:
        return "-"
    text = moment(value) if isinstance(value, dt.datetime) else str(value)
    text = plain(text if len(text) <= WIDEST_CELL else f"{text[: WIDEST_CELL - 1]}…")
    return text or '""'


class Table:
    """Prints rows in columns. The widths are those of the first rows: later ones are not waited for."""

    def __init__(self, *headings: str) -> None:
        self._headings = headings
        self._widths: list[int] | None = None
        self._are_numbers: list[bool] = []

    def rows(self, rows: Sequence[Sequence[Any]], statuses: Sequence[Status | None] = ()) -> None:
        """Print some more rows, each in the colour of its status."""
        cells = [[cell(value) for value in row] for row in rows]
        if self._widths is None:
            columns = zip(self._headings, *cells, strict=True)
            self._widths = [max(map(_width, column)) for column in columns]
            self._are_numbers = [isinstance(value, int) for value in rows[0]] if rows else [False] * len(self._headings)
            line(self._line(self._headings))
        for number, row in enumerate(cells):
            line(coloured(self._line(row), statuses[number] if statuses else None))

    def _line(self, cells: Iterable[str]) -> str:
        assert self._widths is not None
        padded = []
        for text, width, is_number in zip(cells, self._widths, self._are_numbers, strict=True):
            blanks = " " * (width - _width(text))
            padded.append(blanks + text if is_number else text + blanks)
        return "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """The columns that a text takes: East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def json_line(value: Any) -> None:
    """Print a value as JSON on one line."""
    line(json_text(value))


def json_text(value: Any) -> str:
    """A value as JSON, safe for a terminal."""
    return safe_json(exact_json.dumps(as_json(value), ensure_ascii=False))


def data(text: str) -> None:
    """Write text for a program; for a terminal without what could move its cursor or words, its lines as they are."""
    sys.stdout.write(text if not sys.stdout.isatty() else safe_lines(text.replace("\r\n", "\n")))


def json_data(text: str) -> None:
    """Write lines of JSON, safe for a terminal."""
    sys.stdout.write("\n".join(map(safe_json, text.split("\n"))))


def safe_json(text: str) -> str:
    """The same JSON, with whatever could move a terminal's cursor or words as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(json.dumps(sign)[1:-1] if unicodedata.category(sign) in _UNSEEN else sign for sign in text)


def safe_lines(text: str) -> str:
    """A text of several lines, each without control characters."""
    return "\n".join(map(plain, text.split("\n")))
