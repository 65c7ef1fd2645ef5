"""Files that people keep: whole or not at all under their name, readable by their owner only; and the one CSV.

Also how files of ours are read, which never waits for a pipe that stands in their place.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import enum
import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from jobdesk_core import exact_json
from jobdesk_core.moments import safe_local

#: What makes a spreadsheet take a text for a formula, also as Japanese keyboards write it; before it may stand what
#: some of them drop.
_SIGNS = "=+\\-@＝＋－＠﹢﹣﹦﹫"
_DROPPED = "\\s'\"\u200b-\u200f\u2060\ufeff"
_FORMULA = re.compile(rf"[\t\r\n]|[{_DROPPED}]*[{_SIGNS}](?=.)", re.DOTALL)
#: Where one begins a cell anew if the file is read by other separators than ours, as a German spreadsheet does.
_SEPARATOR = re.compile(r"[;\t\r\n]")
_LATER = re.compile(rf"([;\t\r\n][{_DROPPED}]*)([{_SIGNS}])")
#: How SQLite names a full disk: also where it makes no room for the memory that programs share.
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")


def text_of(path: Path) -> str:
    """The text of a file of ours, in UTF-8. Raises OSError, for a pipe or a device, too: nobody may ever write to it.

    Raises UnicodeDecodeError.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "It is not a file", str(path))
        return file.read().decode("utf-8")


def private_file(path: Path) -> BinaryIO:
    """An empty file to write into, for its owner alone, also if it was there before. Raises OSError."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    with contextlib.suppress(OSError, AttributeError):  # Windows has no modes, and before 3.13 no such function
        os.fchmod(number, 0o600)
    return os.fdopen(number, "wb")


def has_no_room(error: Exception) -> bool:
    """Whether a file could not be written since the disk, a quota or SQLite's own limit is full."""
    is_errno = getattr(error, "errno", None) in (errno.EFBIG, errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    return is_errno or getattr(error, "sqlite_errorname", "") in _FULL


@contextlib.contextmanager
def whole_file(path: Path, *, has_bom: bool = False) -> Iterator[TextIO]:
    """A UTF-8 file to write into; it gets its name (mode 0600) only when everything has been written.

    When the block raises, what is at `path` stays as it was. `has_bom`: begins with a byte order mark, by which
    Excel knows UTF-8. Raises OSError.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "Something else than a file has this name", str(path))
    number, name = tempfile.mkstemp(prefix=".jobdesk-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8-sig" if has_bom else "utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


@contextlib.contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """A place beside `path` for what writes files by itself; it gets that name (mode 0600) at the end of the block.

    When the block raises, what is at `path` stays as it was. Raises OSError.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "Something else than a file has this name", str(path))
    number, name = tempfile.mkstemp(prefix=".jobdesk-", suffix=".part", dir=path.parent)
    os.close(number)
    try:
        yield Path(name)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


class CsvLines:
    """Writes lines of CSV that spreadsheets take for data: no text in them becomes a formula."""

    def __init__(self, file: Any, headings: Iterable[str]) -> None:
        self._writer = csv.writer(file)
        self.write(headings)

    def write(self, values: Iterable[Any]) -> None:
        """Write one line. Times go as UTC, objects and lists as JSON, and None as nothing."""
        self._writer.writerow([csv_cell(value) for value in values])


def csv_cell(value: Any) -> Any:
    """A value as its cell holds it; an apostrophe before a text that would be a formula."""
    kind = type(value)
    if kind is str:
        return not_a_formula(value)
    if value is None or kind is int:
        return value
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        value = safe_local(value, dt.UTC).isoformat()
    elif isinstance(value, dict | list):
        # The same JSON: of these signs only strings have any behind a separator.
        return _LATER.sub(
            lambda match: f"{match[1]}\\u{ord(match[2]):04x}", exact_json.dumps(value, ensure_ascii=False)
        )
    return value if value is None or isinstance(value, int | float) else not_a_formula(str(value))


def not_a_formula(text: str) -> str:
    """The text as a cell: with an apostrophe before whatever a spreadsheet would take for a formula."""
    found = _FORMULA.match(text)
    if found is None and _SEPARATOR.search(text) is None:
        return text
    end = found.end() if found is not None else 0
    rest = _LATER.sub(r"\1'\2", text[end:])
    return f"'{text[:end]}{rest}" if found is not None else rest
