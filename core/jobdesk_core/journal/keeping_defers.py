"""Writes the deferring of many jobs into the journal, without their arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.exceptions import ConnectorException, cause_text
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.keeping import STOPPED, OnTrouble, kept
from jobdesk_core.journal.record import Header, Record
from jobdesk_core.operations import (
    Action,
    DeferLedger,
    DeferPlan,
    DefersRolledBack,
    Progress,
    Rate,
    apply_defers,
    first_defer,
    run_async,
)
from jobdesk_core.operations.ledger import Result
from jobdesk_core.profiles import Profile


async def defer_many_kept(
    plan: DeferPlan,
    connector: PsycopgConnector,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    on_progress: Callable[[Progress], Awaitable[bool]] | None = None,
    is_one_transaction: bool = False,
    rate: Rate | None = None,
    source: str = "",
) -> DeferLedger:
    """Defer the jobs of a plan and write it down; the ledger tells, too, when everything was rolled back.

    `source` is the connection that replayed jobs come from.
    """
    last: list[DeferLedger] = []
    async with kept(journal, _header(plan, profile, source), on_trouble) as keeping:
        keeping.records = _lost(plan)
        steps = apply_defers(plan, is_one_transaction=is_one_transaction, rate=rate, on_start=last.append)
        try:
            ledger = await run_async(steps, connector, is_one_transaction=is_one_transaction, on_progress=on_progress)
        except DefersRolledBack as error:
            ledger = error.ledger
        except ConnectorException as error:
            # The statements went through, and the commit was not answered.
            if not last or not last[0].counts[Result.DONE]:
                raise
            ledger = last[0]
            ledger.lose(error)
        keeping.records = _records(plan, ledger)
        keeping.error = cause_text(ledger.error) if ledger.error is not None else STOPPED if ledger.is_stopped else ""
    return ledger


def _header(plan: DeferPlan, profile: Profile, source: str) -> Header:
    first = first_defer(plan)
    names = {plan.jobs[position].job.task_name for position in plan.positions()[:1_000]}
    task = f" of {names.pop()}" if len(names) == 1 else ""
    count = "1 job" if plan.ready == 1 else f"{plan.ready:,} jobs"
    return Header(
        action=Action.DEFER.value,
        sentence=f"Replay {count}{task} from {source}" if source else f"Defer {count}{task}",
        profile=profile.name,
        place=profile.display_dsn,
        role=plan.capabilities.role,
        sql=first.sql if first is not None else "",
    )


def _records(plan: DeferPlan, ledger: DeferLedger) -> Iterator[Record]:
    for entry in ledger.entries():
        origin = plan.origin.format(number=f"{entry.origin:,}")
        if entry.job_id is not None:
            yield Record(entry.job_id, entry.result.value, f"Deferred job #{entry.job_id:,}, of {origin}.")
        else:
            yield Record(0, entry.result.value, f"Of {origin}: {entry.sentence}")


def _lost(plan: DeferPlan) -> Iterator[Record]:
    """What is known when it is broken off before there is a ledger."""
    for position in plan.positions():
        origin = plan.origin.format(number=f"{plan.jobs[position].origin:,}")
        yield Record(0, Result.UNKNOWN.value, f"Of {origin}: may have been deferred or not.")
