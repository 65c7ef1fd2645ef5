"""The command `journal`: what was done from here, without a server, or with one that is asked what became of it.

Every command that connects settles first what the journal does not know of that database.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from typing import Any

from jobdesk_core.cli import exit_codes, forms, output
from jobdesk_core.cli.connection import Opened, opened
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.journal import Entry, Journal, JournalTrouble, Record, Search
from jobdesk_core.journal.settling import settle
from jobdesk_core.profiles import where


def add_journal(parser: argparse.ArgumentParser) -> None:
    """The options of `journal`."""
    parser.add_argument("entry", nargs="?", type=int, help="an entry's number: what became of each of its jobs")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="the newest N entries (20)")
    forms.add_forms(parser)
    parser.add_argument(
        "--settle",
        action="store_true",
        help="connect, and ask the server what became of what nobody knows; so do --profile and --dsn",
    )


def is_meant(options: argparse.Namespace) -> bool:
    """Whether this command is: it needs no server."""
    return bool(options.command == "journal")


def run(options: argparse.Namespace) -> int:
    """List the newest entries, or the jobs of one."""
    if options.limit < 1:
        raise Ended(exit_codes.USAGE, "--limit is a number of entries, 1 or more.")
    journal = Journal()
    try:
        if options.settle or options.profile is not None or options.dsn is not None:
            with opened(options) as desk:
                asyncio.run(settle(journal, _runner(desk), where(desk.profile)))
        elif journal.is_unsettled():
            asyncio.run(journal.close_dead())
        if options.entry is not None:
            return asyncio.run(_show_one(journal, options))
        return asyncio.run(_show(journal, options))
    except JournalTrouble as trouble:
        raise Ended(exit_codes.FAULT, str(trouble)) from trouble


def settle_quietly(desk: Opened) -> None:
    """Settle what the journal does not know of this database; what cannot be, the next one will."""
    journal = Journal()
    if journal.is_unsettled():
        with contextlib.suppress(JobdeskException):
            asyncio.run(settle(journal, _runner(desk), where(desk.profile)))


def outcome_of(entry: Entry) -> str:
    """What came of an act, in a few words."""
    if entry.ended_at is None:
        return "in progress"
    parts = [f"{entry.done:,} done"] if entry.done else []
    if entry.in_doubt:
        parts.append(f"{entry.in_doubt:,} not known yet")
    if entry.left:
        parts.append(f"{entry.left:,} not")
    if entry.undone:
        parts.append("undone" if entry.undone >= entry.done else f"{entry.undone:,} undone")
    return ", ".join(parts) or "nothing done"


async def _show(journal: Journal, options: argparse.Namespace) -> int:
    entries = await journal.entries(Search(), limit=options.limit)
    if forms.form_of(options) is not None:
        forms.write(options, [_as_json(entry) for entry in entries], "entry")
    elif entries:
        table = output.Table("entry", "when", "action", "outcome", "profile", "user")
        table.rows(
            [
                (entry.id, entry.at, entry.header.sentence, outcome_of(entry), entry.header.profile, entry.os_user)
                for entry in entries
            ]
        )
        if any(entry.in_doubt and entry.ended_at is not None for entry in entries):
            output.note("To look up what is not known yet: jobdesk journal --settle, with --profile NAME or --dsn DSN.")
    if not entries:
        output.note("Nothing has been done from here.")
    return exit_codes.DONE if entries else exit_codes.NOT_ALL


async def _show_one(journal: Journal, options: argparse.Namespace) -> int:
    entry_id, form = options.entry, forms.form_of(options)
    entry = await journal.entry(entry_id)
    if entry is None:
        output.note(f"The journal has no entry {entry_id:,}.")
        return exit_codes.NOT_ALL
    if form is None:
        output.line(output.plain(f"{entry.header.sentence}: {outcome_of(entry)}"))
        when = f"{output.moment(entry.at)}, by {entry.os_user} as {entry.header.role} on {entry.header.place}"
        output.line(output.plain(when))
        if entry.error:
            output.line(output.plain(entry.error))
    records: list[dict[str, Any]] = []
    held = await journal.every_record(entry_id)
    while held:
        for _, record in held:
            if form is None:
                output.line(output.plain(f"{record.outcome}: {record.sentence}"))
            else:
                records.append(_record_as_json(entry_id, record))
        held = await journal.every_record(entry_id, held[-1][0])
    if form is not None:
        # The rows of one table are of one kind: there the entry itself is left to its list.
        rows = records if form == "csv" else [_as_json(entry), *records]
        forms.write(options, rows, "job", count=len(records))
    return exit_codes.DONE


def _as_json(entry: Entry) -> dict[str, Any]:
    header = entry.header
    return {
        "entry": entry.id,
        "at": entry.at,
        "ended_at": entry.ended_at,
        "action": header.action,
        "sentence": header.sentence,
        "done": entry.done,
        "not_done": entry.left,
        "not_known": entry.in_doubt,
        "undone": entry.undone,
        "undoes": header.undoes,
        "error": entry.error,
        "profile": header.profile,
        "place": header.place,
        "role": header.role,
        "user": entry.os_user,
    }


def _record_as_json(entry_id: int, record: Record) -> dict[str, Any]:
    return {
        "entry": entry_id,
        "job_id": record.job_id,
        "outcome": record.outcome,
        "sentence": record.sentence,
        "new_id": record.new_id,
        "undone_by": record.undone_by,
    }


def _runner(desk: Opened) -> Any:
    async def run_one(statement: Statement[Any]) -> Any:
        return desk.connector.run(statement)

    return run_one
