"""The forms of every list on the command line: a table, CSV, JSON and NDJSON; on the terminal, in a pipe, or in a file.

A file is whole or not there: interrupted, or when anything fails, what had its name before stays.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobdesk_core.cli import exit_codes, output
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.files import whole_file
from jobdesk_core.lines import Lines
from jobdesk_core.processes import ENDING_SIGNALS

#: What a file's name says of its form.
_BY_NAME = {".csv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"}


def add_forms(parser: argparse.ArgumentParser) -> None:
    """--csv, --ndjson and --output; --json every command has."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="CSV, safe for spreadsheets, times in UTC")
    forms.add_argument(
        "--ndjson", action="store_true", help="one JSON object per line, like --json, for all of the list"
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write into this file, whole or not at all; .csv, .json (one array) or .ndjson says the form, too",
    )


def form_of(options: argparse.Namespace) -> str | None:
    """The form that is asked for: csv, ndjson, json (one array); None for a table.

    Raises Ended for a file whose name says none.
    """
    if options.csv:
        return "csv"
    if options.ndjson or options.json:
        return "ndjson"
    if options.output is None:
        return None
    form = _BY_NAME.get(Path(options.output).suffix.lower())
    if form is None:
        raise Ended(
            exit_codes.USAGE, "Which form? Give --csv or --ndjson, or a FILE that ends in .csv, .json or .ndjson."
        )
    return form


@contextlib.contextmanager
def destination(options: argparse.Namespace) -> Iterator[None]:
    """Whatever is printed goes into the file that --output names, if any. Raises Ended when it cannot be written."""
    path = getattr(options, "output", None)
    if path is None:
        yield
        return
    form_of(options)
    try:
        with _asked_to_end(), whole_file(Path(path)) as file, contextlib.redirect_stdout(file):
            yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise Ended(exit_codes.FAULT, f"Nothing was written to {path}: {reason[:1].lower()}{reason[1:]}.") from error


@contextlib.contextmanager
def _asked_to_end() -> Iterator[None]:
    """Within the block a signal to end raises SystemExit, so that no part of a file stays behind."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    is_ours = threading.current_thread() is threading.main_thread()
    # One that is ignored, as by nohup, stays so.
    taken = [each for each in ENDING_SIGNALS if is_ours and signal.getsignal(each) is signal.SIG_DFL]
    for each in taken:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


def writer(form: str) -> Callable[[str], object]:
    """What writes texts of this form, safe for a terminal."""
    return output.data if form == "csv" else output.json_data


def write(
    options: argparse.Namespace,
    records: Sequence[Mapping[str, Any]],
    noun: str,
    as_of: dt.datetime | None = None,
    *,
    count: int | None = None,
    names: Sequence[str] = (),
) -> int:
    """Write records in the form that is asked for, and tell on the error stream how many: `count`, or all.

    In CSV a field of an object within has a column of its own: `error.type`; `names` are those of a list without
    records. Returns the exit code.
    """
    form = form_of(options)
    assert form is not None, "a table is the command's own"
    if form == "csv":
        _write_csv([_flat(record) for record in records] or [dict.fromkeys(names)], has_rows=bool(records))
    elif form == "json":
        output.data("[\n" if records else "[]\n")
        for place, record in enumerate(records):
            output.json_data(f"{output.json_text(record)}{',' if place + 1 < len(records) else ''}\n")
        output.data("]\n" if records else "")
    else:
        for record in records:
            output.json_line(record)
    tell(options, len(records) if count is None else count, noun, as_of)
    return exit_codes.DONE if records else exit_codes.NOT_ALL


def _write_csv(rows: Sequence[Mapping[str, Any]], *, has_rows: bool) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    # Of what is an object elsewhere, a row without one has nothing to say.
    inner = {name.partition(".")[0] for name in names if "." in name}
    names = [name for name in names if name not in inner]
    lines = Lines(writer("csv"), "csv", names) if names else None
    for row in rows if has_rows else ():
        if lines is not None:
            lines.add([row.get(name) for name in names])


def tell(options: argparse.Namespace, count: int, noun: str, as_of: dt.datetime | None = None) -> None:
    """Say how many were written, and as of when; --json alone stays silent, as it always was."""
    if options.csv or options.ndjson or options.output is not None:
        many = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
        moment = f", as of {output.moment(as_of)}" if as_of is not None else ""
        output.note(f"{f'1 {noun}' if count == 1 else f'{count:,} {many}'}{moment}.")


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        plain = output.as_json(value)
        if isinstance(plain, dict) and plain:
            flat |= {f"{name}.{inner}": held for inner, held in plain.items()}
        else:
            flat[name] = plain
    return flat
