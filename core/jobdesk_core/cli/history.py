"""The command `history`: what the window has recorded of databases on this machine, hour by hour; and forgetting it."""

from __future__ import annotations

import argparse
import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

from jobdesk_core.cli import exit_codes, forms, output
from jobdesk_core.cli.connection import Opened, opened
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.database.asking import ask
from jobdesk_core.database.marks import which_server
from jobdesk_core.durations import in_words
from jobdesk_core.history.file import HistoryTrouble
from jobdesk_core.history.history import History
from jobdesk_core.history.place import histories, history_folder, history_path
from jobdesk_core.history.ranges import Column
from jobdesk_core.jobs import EventType
from jobdesk_core.number import at_least, short
from jobdesk_core.reading.pace import minute_of

HOUR = 60


def add_history(parser: argparse.ArgumentParser) -> None:
    """The options of `history`."""
    parser.add_argument("--hours", type=int, default=24, metavar="N", help="the last N hours (24)")
    parser.add_argument("--queue", help="of this queue")
    parser.add_argument("--task", help="of this task")
    parser.add_argument("--forget", action="store_true", help="delete what was recorded of this database")
    forms.add_forms(parser)
    parser.set_defaults(run_alone=run)


def run(options: argparse.Namespace) -> int:
    """List the files; of a database that is named, show its hours, or forget them."""
    if options.hours < 1:
        raise Ended(exit_codes.USAGE, "--hours is a number of hours, 1 or more.")
    if options.profile is None and options.dsn is None:
        if options.forget:
            raise Ended(exit_codes.USAGE, "What is to be forgotten? Name the database with --profile or --dsn.")
        return _list(options)
    with opened(options) as desk:
        path = path_of(desk)
        now = minute_of(desk.connector.clock.now())
    if options.forget:
        return _forget(path)
    return _show(History(path), now, options)


def path_of(desk: Opened) -> Path:
    """The file of the history of this database on this machine. Raises ConnectorException."""
    return history_path(desk.profile, ask(which_server(), desk.connector.run))


def _forget(path: Path) -> int:
    try:
        History(path).forget()
    except HistoryTrouble as trouble:
        raise Ended(exit_codes.FAULT, str(trouble)) from trouble
    except sqlite3.Error as error:
        raise Ended(exit_codes.FAULT, "Another program is writing into the history just now. Try again.") from error
    output.line(f"What was recorded of this database is forgotten: {path}")
    return exit_codes.DONE


def _list(options: argparse.Namespace) -> int:
    found, records, rows = histories(), [], []
    for path in found:
        since, status = History(path).recorded_since, path.stat()
        written = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
        begun = dt.datetime.fromtimestamp(since * 60, dt.UTC) if since is not None else None
        records.append({"file": str(path), "since": begun, "written": written, "bytes": status.st_size})
        rows.append((path.name, begun, written, f"{status.st_size / 1000:,.0f}"))
    if forms.form_of(options) is not None:
        return forms.write(options, records, "history")
    if rows:
        output.Table("file", "since", "written", "kB").rows(rows)
    output.note(f"In {history_folder()}" if found else f"Nothing has been recorded in {history_folder()}")
    return exit_codes.DONE if found else exit_codes.NOT_ALL


def _show(history: History, now: int, options: argparse.Namespace) -> int:
    end = (now // HOUR + 1) * HOUR
    hours = min(options.hours, 24 * (history.limits.days + 1))  # nothing older is kept
    found = history.read(end - hours * HOUR, end, HOUR, queue=options.queue, task=options.task)
    if forms.form_of(options) is not None:
        forms.write(options, [_as_json(column) for column in found.columns], "hour")
        return exit_codes.DONE
    heads = ("minutes", "came in", "succeeded", "failed", "waited p50", "p95", "ran p50", "p95 ")
    table = output.Table("hour", *heads)
    table.rows([_cells(column) for column in found.columns if column.recorded])
    if not found.recorded:
        output.note("Nothing was recorded in these hours.")
    elif found.filled:
        output.note("A number with + was filled in from events afterwards: at least that many.")
    return exit_codes.DONE if found.recorded else exit_codes.NOT_ALL


def _cells(column: Column) -> tuple[Any, ...]:
    kinds = (EventType.DEFERRED, EventType.SUCCEEDED, EventType.FAILED)
    counts = (column.counts[kind] for kind in kinds)
    return (
        _moment(column),
        column.recorded,
        *(short(at_least(count)) if column.filled else count for count in counts),
        *(_told(each.percentile(part)) for each in (column.waited, column.ran) for part in (0.5, 0.95)),
    )


def _moment(column: Column) -> dt.datetime:
    return dt.datetime.fromtimestamp(column.minute * 60, dt.UTC)


def _told(seconds: float | None) -> str | None:
    return in_words(seconds) if seconds is not None else None


def _as_json(column: Column) -> dict[str, Any]:
    """An hour; of one that was not recorded nothing is known, which is not zero."""
    numbers: dict[str, Any] = {kind.value: number for kind, number in column.counts.items()}
    for name, each in (("waited", column.waited), ("ran", column.ran)):
        numbers |= {f"{name}_p{round(part * 100)}_s": each.percentile(part) for part in (0.5, 0.95, 0.99)}
    if not column.recorded:
        numbers = dict.fromkeys(numbers)
    return {
        "hour": _moment(column),
        "minutes_recorded": column.recorded,
        "minutes_filled": column.filled,
        **numbers,
    }
