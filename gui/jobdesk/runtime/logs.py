"""The program's log: a file in the platform's place, turned over at a megabyte, and the last faults in memory.

No message of an error is ever written: a server's messages and our own may hold arguments of jobs, names of hosts,
passwords. What is written of an error is its kind, its SQLSTATE and the places in the code. Of what libraries log,
the template is written without the values.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import logging
import traceback
from collections import deque
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs
from jobdesk_core.masking import without_secrets

LARGEST_BYTES, OLD_FILES = 1_000_000, 3
#: So many faults are kept for the diagnostics, and so many places in the code of each.
FAULTS, FRAMES = 20, 30
#: Only what the window itself says is written with its values.
OWN = "jobdesk"
_LONGEST = 2_000
logger = logging.getLogger(OWN)


def log_folder() -> Path:
    """Where the log is: XDG's state folder, ~/Library/Logs, or the local application data."""
    return platformdirs.user_log_path("jobdesk", appauthor=False)


def fault(what: str, error: BaseException, *, is_ours: bool = False) -> None:
    """Write down an error: an error of the program itself, or, as a warning, one that came from outside."""
    logger.log(logging.ERROR if is_ours else logging.WARNING, what, exc_info=error)


def install(folder: Path | None = None) -> logging.Handler | None:
    """Write the log from now on. None when its folder cannot be written to: the program goes on without."""
    root = logging.getLogger()
    logger.setLevel(logging.INFO)
    root.addHandler(recent)
    try:
        place = folder or log_folder()
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = _File(place / "jobdesk.log", maxBytes=LARGEST_BYTES, backupCount=OLD_FILES, encoding="utf-8")
    except OSError:
        return None
    handler.setFormatter(SafeFormatter())
    root.addHandler(handler)
    return handler


class SafeFormatter(logging.Formatter):
    """A line for each record and for each place in the code; see the module for what is left out."""

    def format(self, record: logging.LogRecord) -> str:
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        lines = [f"{at} {record.levelname} {record.name}: {_words(record)}"]
        if record.exc_info and record.exc_info[1] is not None:
            lines += [f"  {line}" for line in error_lines(record.exc_info[1])]
        return "\n".join(lines)


class _File(RotatingFileHandler):
    """For its owner alone. A full disk is no reason to disturb anyone."""

    def _open(self):  # type: ignore[no-untyped-def]
        place = Path(self.baseFilename)
        if place.exists() and not place.is_file():
            raise FileExistsError(errno.EEXIST, "It is not a file", self.baseFilename)
        stream = super()._open()
        with contextlib.suppress(OSError):
            place.chmod(0o600)
        return stream

    def handleError(self, record: logging.LogRecord) -> None:
        pass


class Recent(logging.Handler):
    """The last records, as they are written."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(SafeFormatter())
        self.lines: deque[str] = deque(maxlen=FAULTS)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


#: What went wrong lately.
recent = Recent()


def error_lines(error: BaseException) -> list[str]:
    """The kinds of an error and its causes, and where each came from; none of their words."""
    lines = []
    for each in _chain(error):
        lines.append(_kind(each))
        for frame in traceback.extract_tb(each.__traceback__)[-FRAMES:]:
            lines.append(f"  {_place(frame.filename)}:{frame.lineno} {frame.name}")
    return lines


def _words(record: logging.LogRecord) -> str:
    if record.name == OWN or record.name.startswith(f"{OWN}."):
        text = without_secrets(record.getMessage())
    elif record.args:
        text = str(record.msg)  # the template, without its values
    else:
        # Put together before it came here: nobody can tell the values from the words.
        text = f"(message left out) {_place(record.pathname)}:{record.lineno}"
    return " ".join(text[:_LONGEST].split())


def _kind(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    sqlstate, number = getattr(error, "sqlstate", None), getattr(error, "errno", None)
    return name + (f" SQLSTATE {sqlstate}" if sqlstate else "") + (f" errno {number}" if number else "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen and len(seen) < 8:
        seen.add(id(at))
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def _place(path: str) -> str:
    """A file by its last three parts: where it is installed is no one's business."""
    return "/".join(Path(path).parts[-3:])
