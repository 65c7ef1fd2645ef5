"""Writes the applying of staged changes into the journal: one entry, whose records say what was done to each job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.exceptions import ConnectorException, cause_text
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.keeping import STOPPED, UNKNOWN, OnTrouble, kept, set_to
from jobdesk_core.journal.record import Header, Record
from jobdesk_core.journal.undo import STAGED
from jobdesk_core.operations import (
    NotApplied,
    Progress,
    SetLedger,
    SetPlan,
    StagedChange,
    apply_staged,
    first_statements,
    run_async,
)
from jobdesk_core.operations.changes import Action
from jobdesk_core.profiles import Profile


async def apply_staged_kept(
    made: SetPlan,
    connector: PsycopgConnector,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    on_progress: Callable[[Progress], Awaitable[bool]] | None = None,
) -> SetLedger:
    """Apply a set in one transaction and write it down; the ledger tells, too, when everything was rolled back."""
    ledger = SetLedger(made)
    async with kept(journal, _header(made, profile), on_trouble) as keeping:
        # What is known when it is broken off before the end.
        keeping.records = _lost(made)
        steps = apply_staged(made, ledger)
        try:
            await run_async(steps, connector, is_one_transaction=True, on_progress=on_progress)
        except NotApplied:
            pass  # the ledger tells
        except ConnectorException as error:
            ledger.lose(error)
        keeping.records = _records(ledger)
        keeping.error = cause_text(ledger.error) if ledger.error is not None else STOPPED if ledger.is_stopped else ""
    return ledger


def _header(made: SetPlan, profile: Profile) -> Header:
    return Header(
        action=STAGED,
        sentence=_sentence(made),
        profile=profile.name,
        place=profile.display_dsn,
        role=made.capabilities.role,
        sql="\n;\n".join(statement.sql for statement in first_statements(made)),
    )


def _sentence(made: SetPlan) -> str:
    acts: dict[str, int] = {}
    for entry in made.staged.entries:
        words = "cancel and delete" if entry.action is Action.DELETE else entry.action.value
        acts[words] = acts.get(words, 0) + entry.count
    told = ", ".join(f"{words} {count:,}" for words, count in acts.items())
    changes = len(made.staged.entries)
    return f"Apply {changes:,} staged {'change' if changes == 1 else 'changes'}: {told}"


def _records(ledger: SetLedger) -> Iterator[Record]:
    for part in ledger.made.parts:
        for entry in ledger.entries_of(part):
            before = {"status": entry.status.value} if entry.status is not None else {}
            acted: dict[str, Any] = {"act": part.entry.action.value}
            if isinstance(part.entry, StagedChange):
                acted["set_to"] = set_to(part.entry.change)
            yield Record(entry.job_id, entry.result.value, entry.sentence, before | (entry.before or {}) | acted)


def _lost(made: SetPlan) -> Iterator[Record]:
    for part in made.parts:
        ids = list(part.entry.versions) if isinstance(part.entry, StagedChange) else [0]
        for job_id in ids:
            yield Record(job_id, "unknown", UNKNOWN, {"act": part.entry.action.value})
