"""Writes acts into the journal: before they begin, and what became of each job. The one place that does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import JobdeskException, cause_text
from jobdesk_core.jobs import Job
from jobdesk_core.journal.journal import Journal, JournalTrouble
from jobdesk_core.journal.record import DONE, Header, Record
from jobdesk_core.operations import (
    Action,
    Brake,
    Change,
    Ledger,
    Matching,
    Outcome,
    Plan,
    Progress,
    Rate,
    Reprioritise,
    Reschedule,
    Result,
    Retry,
    RolledBack,
    Steps,
    apply,
    defer,
    first_statement,
    not_served,
    run,
    run_async,
)
from jobdesk_core.operations import Entry as LedgerEntry
from jobdesk_core.profiles import Profile

UNKNOWN = "It may have been acted upon or not: look at the job."
STOPPED = "It was stopped."
OnTrouble = Callable[[JournalTrouble], object]


class Keeping:
    """An act that is being written down. Its `records` are written when it is over.

    `entry_id` is its number in the journal, or None when that cannot be written.
    """

    def __init__(self, entry_id: int | None) -> None:
        self.entry_id = entry_id
        self.records: Iterable[Record] = ()
        self.error = ""


@contextlib.asynccontextmanager
async def kept(journal: Journal, header: Header, on_trouble: OnTrouble) -> AsyncIterator[Keeping]:
    """Write down the act done within: that it begins, the records it leaves, its end and what broke it off.

    A journal that cannot be written is told, and does not keep anyone from acting.
    """
    error, entry_id = STOPPED, None
    try:
        entry_id = await journal.begin(header)
    except JournalTrouble as trouble:
        on_trouble(trouble)
    keeping = Keeping(entry_id)
    try:
        yield keeping
        error = keeping.error
    except Exception as broken:
        error = cause_text(broken)
        raise
    finally:
        if entry_id is not None:
            try:
                await journal.add(entry_id, keeping.records)
                await journal.end(entry_id, error)
            except JournalTrouble as trouble:
                on_trouble(trouble)


async def apply_kept(
    made: Plan,
    connector: PsycopgConnector,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    on_progress: Callable[[Progress], Awaitable[bool]] | None = None,
    is_one_transaction: bool = False,
    rate: Rate | None = None,
    brake: Brake | None = None,
    ledger: Ledger | None = None,
) -> Ledger:
    """Carry a plan out and write it down; the ledger tells, too, when everything was rolled back.

    A `ledger` that is given is filled meanwhile, and has its entry's number from the start.
    """
    told = ledger if ledger is not None else Ledger(made)

    async def carry_out(steps: Steps[Ledger]) -> Ledger:
        return await run_async(steps, connector, is_one_transaction=is_one_transaction, on_progress=on_progress)

    steps = apply(made, is_one_transaction=is_one_transaction, rate=rate, brake=brake, ledger=told)
    return await _apply_kept(told, steps, carry_out, connector.run_async, profile, journal, on_trouble)


def apply_kept_now(
    made: Plan,
    connector: SyncPsycopgConnector,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    on_progress: Callable[[Progress], bool] = lambda progress: True,
    is_one_transaction: bool = False,
    rate: Rate | None = None,
    brake: Brake | None = None,
) -> Ledger:
    """As `apply_kept`, where no event loop runs: the journal's own is for it alone."""

    async def carry_out(steps: Steps[Ledger]) -> Ledger:
        return run(steps, connector, is_one_transaction=is_one_transaction, on_progress=on_progress)

    async def read(statement: Statement[list[str]]) -> list[str]:
        return connector.run(statement)

    told = Ledger(made)
    steps = apply(made, is_one_transaction=is_one_transaction, rate=rate, brake=brake, ledger=told)
    return asyncio.run(_apply_kept(told, steps, carry_out, read, profile, journal, on_trouble))


async def _apply_kept(
    told: Ledger,
    steps: Steps[Ledger],
    carry_out: Callable[[Steps[Ledger]], Awaitable[Ledger]],
    read: Callable[[Statement[list[str]]], Awaitable[list[str]]],
    profile: Profile,
    journal: Journal,
    on_trouble: OnTrouble,
) -> Ledger:
    made = told.plan
    async with kept(journal, header_of(made, profile), on_trouble) as keeping:
        told.entry_id = keeping.entry_id
        # What is known when the operator breaks it off before there is a ledger.
        keeping.records = (Record(job_id, "unknown", UNKNOWN) for _, batch in made.acted() for job_id in batch.ids)
        try:
            ledger = await carry_out(steps)
        except RolledBack as error:
            ledger = error.ledger
        keeping.records = (_record(entry) for entry in ledger.entries())
        keeping.error = _error_of(ledger)
    if ledger.done_ids and ledger.error is None:
        with contextlib.suppress(JobdeskException):  # what was done was done
            ledger.not_served = await read(not_served(ledger, made.capabilities))
    return ledger


async def defer_kept(
    job: Job,
    connector: PsycopgConnector,
    capabilities: Capabilities,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    again_of: int | None = None,
) -> Outcome:
    """Defer a new job and write it down, without its arguments; `again_of` is the job that it repeats."""
    async with kept(journal, defer_header(job, capabilities, profile, again_of=again_of), on_trouble) as keeping:
        steps = defer(job, capabilities, is_read_only=profile.is_read_only, again_of=again_of)
        outcome = await run_async(steps, connector)
        keeping.records = [defer_record(outcome)]
    return outcome


def defer_header(
    job: Job, capabilities: Capabilities, profile: Profile, *, again_of: int | None = None, many: bool = False
) -> Header:
    """What is known before a job is deferred, or many like it; never its arguments."""
    of_job = f", again after job #{again_of:,}" if again_of is not None else ""
    return Header(
        action=Action.DEFER.value,
        sentence=f"Defer {'many jobs of ' if many else ''}{job.task_name} in queue {job.queue}{of_job}",
        profile=profile.name,
        place=profile.display_dsn,
        role=capabilities.role,
        sql=_defer_sql(job, capabilities),
    )


def defer_record(outcome: Outcome) -> Record:
    """What became of a new job."""
    return Record(outcome.job_id or 0, DONE if outcome.is_done else Result.REFUSED.value, outcome.sentence)


def header_of(made: Plan, profile: Profile) -> Header:
    """What is known of a plan before it is carried out."""
    first = first_statement(made)
    return Header(
        action=made.change.action.value,
        sentence=_sentence(made),
        profile=profile.name,
        place=profile.display_dsn,
        role=made.capabilities.role,
        sql=first.sql if first is not None else "",
        set_to=set_to(made.change),
    )


def _sentence(made: Plan) -> str:
    action = made.change.action
    words = "Cancel and delete" if action is Action.DELETE else action.value.capitalize()
    ids = [job_id for _, batch in made.acted() for job_id in batch.ids[:1]]
    text = f"{words} job #{ids[0]:,}" if made.ready == 1 else f"{words} {made.ready:,} jobs"
    asked = made.target.job_filter.text if isinstance(made.target, Matching) else ""
    # A filter by arguments would hold some of them.
    return f"{text} of those that match {asked}" if asked and "args" not in asked else text


def set_to(change: Change) -> dict[str, Any]:
    """What a change gives its jobs, by column."""
    if isinstance(change, Reprioritise):
        return {"priority": change.priority}
    if isinstance(change, Reschedule):
        return {"scheduled_at": change.at} if change.at is not None else {}
    if isinstance(change, Retry):
        given = {
            "scheduled_at": change.at,
            "priority": change.priority,
            "queue_name": change.queue,
            "lock": change.lock,
        }
        return {name: value for name, value in given.items() if value is not None}
    return {}


def _record(entry: LedgerEntry) -> Record:
    status = {"status": entry.status.value} if entry.status is not None else {}
    return Record(entry.job_id, entry.result.value, entry.sentence, status | (entry.before or {}))


def _error_of(ledger: Ledger) -> str:
    if ledger.error is not None:
        return cause_text(ledger.error)
    return f"{STOPPED} {ledger.held}".strip() if ledger.is_stopped else ""


def _defer_sql(job: Job, capabilities: Capabilities) -> str:
    """The SQL with its placeholders: the values, and with them the arguments, are left out."""
    with contextlib.suppress(JobdeskException, ValueError):
        return statements.defer(capabilities, [job]).sql
    return ""
