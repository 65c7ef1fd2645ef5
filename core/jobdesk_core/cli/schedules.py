"""The command `schedules`: the periodic tasks, when each ran last and runs next, and whether it is on time."""

from __future__ import annotations

import argparse
import time
from typing import Any

from jobdesk_core.cli import exit_codes, forms, output
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.database.limited import ask_limited
from jobdesk_core.durations import in_words, so_far
from jobdesk_core.moments import zone_told
from jobdesk_core.schedules.reader import ScheduleReader, Schedules
from jobdesk_core.schedules.schedule import Run, Schedule
from jobdesk_core.schedules.told import state_told

#: Seconds for which past runs are looked for.
PATIENCE_S = 5.0


def add_schedules(parser: argparse.ArgumentParser) -> None:
    """The options of `schedules`."""
    forms.add_forms(parser)
    parser.set_defaults(run=schedules)


def schedules(desk: Opened, options: argparse.Namespace) -> int:
    """List them, those not on time first. What is late is no failure of the command: the exit code is 0."""
    reader, started = ScheduleReader(desk.capabilities), time.monotonic()
    found = ask_limited(reader.more(PATIENCE_S), desk.connector, LIMIT_S)
    while not found.is_whole and time.monotonic() - started < PATIENCE_S:
        found = ask_limited(reader.more(PATIENCE_S), desk.connector, LIMIT_S)
    if forms.form_of(options) is not None:
        forms.write(options, [_as_json(each, found) for each in found.schedules], "schedule", found.read_at)
        return exit_codes.DONE
    _tell(found)
    return exit_codes.DONE


def _tell(found: Schedules) -> None:
    if not found.schedules:
        output.line("No periodic tasks: none has been deferred in this database.")
        return
    table = output.Table("task", "cadence", "last run", "how it ended", "next", "state")
    table.rows([_cells(each, found) for each in found.schedules])
    for each in found.schedules:
        if each.reason:
            gone = "The job of the last run is gone. " if each.is_on_time else ""
            output.line(f"{output.plain(each.name)}: {gone}{output.plain(each.reason)}")
    if found.clocks:
        output.line(found.clocks)
    if found.untold is not None and any(each.is_inferred for each in found.schedules):
        output.note(f"Cadences are inferred from past runs. {found.untold}")


def _cells(each: Schedule, found: Schedules) -> tuple[Any, ...]:
    words = each.words(found.read_at, zone_told())
    return (
        each.name,
        f"{words} (inferred)" if each.is_inferred else words or None,
        each.last.expected_at if each.last is not None else None,
        _outcome(each.last, found),
        _next(each, found),
        state_told(each, found.read_at),
    )


def _outcome(run: Run | None, found: Schedules) -> str | None:
    if run is None:
        return None
    if run.status is None:
        return "job deleted"
    if run.ran_s is not None:
        return f"{run.status.value}, {in_words(run.ran_s)}"
    if run.started_at is not None and not run.status.is_final:
        return f"{run.status.value}, {so_far(found.read_at - run.started_at)} so far"
    return run.status.value


def _next(each: Schedule, found: Schedules) -> str | None:
    if each.next_at is None:
        return None
    seconds = (each.next_at - found.read_at).total_seconds()
    return f"in {so_far(seconds)}" if seconds >= 0 else f"{so_far(-seconds)} ago"


def _as_json(each: Schedule, found: Schedules) -> dict[str, Any]:
    shown: dict[str, Any] = output.as_json(each)
    shown.pop("cadence")
    words = each.words(found.read_at, zone_told())
    return {"kind": "schedule", "read_at": output.as_json(found.read_at), "cadence": words or None} | shown
