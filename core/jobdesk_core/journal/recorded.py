"""Carries acts out and writes them down. The one place that does, on either kind of connector.

Whatever breaks an act off, what the journal says is true: what nobody knows is in doubt there, and settled later.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TypeVar

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import ConnectorException, InDoubt, JobdeskException, cause_text
from jobdesk_core.jobs import Job
from jobdesk_core.journal import headers
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.record import DONE, Planned
from jobdesk_core.journal.recording import STOPPED, Connector, OnProgress, OnTrouble, Recording, recording
from jobdesk_core.operations import (
    Brake,
    DeferLedger,
    DeferPlan,
    Ledger,
    Outcome,
    Plan,
    Rate,
    Result,
    SetLedger,
    SetPlan,
    Steps,
    apply,
    apply_defers,
    apply_staged,
    defer,
    not_served,
)
from jobdesk_core.operations.change.prune import pruning
from jobdesk_core.operations.commits import Write
from jobdesk_core.operations.deferring.many import ledger_of
from jobdesk_core.operations.deferring.one import settled
from jobdesk_core.operations.outcomes import NothingDone, Outcomes
from jobdesk_core.profiles import Profile

L = TypeVar("L", Ledger, DeferLedger, SetLedger)
LOST = "The connection was lost before the server's answer came."


async def act(
    plan: Plan,
    connector: Connector,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    on_progress: OnProgress | None = None,
    is_one_transaction: bool = False,
    rate: Rate | None = None,
    brake: Brake | None = None,
    ledger: Ledger | None = None,
) -> Ledger:
    """Carry a plan out and write it down; the ledger tells, too, when everything was rolled back.

    A `ledger` that is given is filled meanwhile, and has its entry's number from the start. What was not answered is
    looked up when the link is back within seconds; else it stays unknown in the ledger until the journal settles it.
    """
    filled = ledger if ledger is not None else Ledger(plan)
    planned = Planned([job_id for _, batch in plan.acted() for job_id in batch.ids])
    async with recording(journal, headers.of_plan(plan, profile), connector, planned, on_trouble) as recorded:
        steps = apply(plan, is_one_transaction=is_one_transaction, rate=rate, brake=brake, ledger=filled)
        await _carried_out(recorded, steps, filled, on_progress, is_one_transaction=is_one_transaction)
        if filled.held:
            recorded.error = f"{STOPPED} {filled.held}"
    if filled.done_ids and filled.error is None:
        with contextlib.suppress(JobdeskException):  # what was done was done
            filled.not_served = await recorded.run(not_served(filled, plan.capabilities))
    return filled


async def defer_one(
    job: Job,
    connector: Connector,
    capabilities: Capabilities,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    again_of: int | None = None,
) -> Outcome:
    """Defer a new job and write it down, without its arguments; `again_of` is the job that it repeats.

    One whose answer was lost is looked up when the link is back within seconds; otherwise the outcome is unknown, and
    `doubts.known_outcome` tells later what has become of it.
    """
    header = headers.of_job(job, capabilities, profile, again_of=again_of)
    async with recording(journal, header, connector, Planned(jobs=1), on_trouble) as recorded:
        steps = defer(job, capabilities, is_read_only=profile.is_read_only, again_of=again_of)
        outcome = replace(await recorded.carry_out(steps), entry_id=recorded.entry_id)
        recorded.error, recorded.is_whole = "", True
        if outcome.is_unknown:
            recorded.error = LOST
            verdict = await recorded.settle()
            outcome = replace(outcome, entry_id=recorded.doubtful)
            if verdict in ("done", "left"):
                outcome = settled(outcome, job, is_done=verdict == "done")
        elif not outcome.is_done:
            recorded.left = [Outcomes([0], "refused", [outcome.sentence])]
    return outcome


async def defer_many(
    plan: DeferPlan,
    connector: Connector,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    on_progress: OnProgress | None = None,
    is_one_transaction: bool = False,
    rate: Rate | None = None,
    source: str = "",
) -> DeferLedger:
    """Defer the jobs of a plan and write it down; the ledger tells, too, when everything was rolled back.

    `source` is the connection that replayed jobs come from.
    """
    header, planned = headers.of_defers(plan, profile, source), Planned(jobs=plan.ready)
    async with recording(journal, header, connector, planned, on_trouble) as recorded:
        return await defer_into(
            recorded, plan, on_progress=on_progress, is_one_transaction=is_one_transaction, rate=rate
        )


async def defer_into(
    recorded: Recording,
    plan: DeferPlan,
    *,
    on_progress: OnProgress | None = None,
    is_one_transaction: bool = False,
    rate: Rate | None = None,
) -> DeferLedger:
    """Defer the jobs of a plan as a part of an act that is being written down."""
    ledger = ledger_of(plan)
    steps = apply_defers(plan, is_one_transaction=is_one_transaction, rate=rate, ledger=ledger)
    return await _carried_out(recorded, steps, ledger, on_progress, is_one_transaction=is_one_transaction)


async def staged(
    plan: SetPlan,
    connector: Connector,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    on_progress: OnProgress | None = None,
) -> SetLedger:
    """Apply a set in one transaction and write it down; the ledger tells, too, when everything was rolled back."""
    ledger = SetLedger(plan)
    header, planned = headers.of_set(plan, profile), headers.planned_of_set(plan)
    async with recording(journal, header, connector, planned, on_trouble) as recorded:
        return await _carried_out(recorded, apply_staged(plan, ledger), ledger, on_progress, is_one_transaction=True)


async def _carried_out(
    recorded: Recording, steps: Steps[L], ledger: L, on_progress: OnProgress | None, *, is_one_transaction: bool
) -> L:
    """Carry an act out, whatever breaks it off, and write its end down: its ledger tells."""
    ledger.entry_id = recorded.entry_id
    try:
        await recorded.carry_out(
            steps,
            on_progress,
            is_one_transaction=is_one_transaction,
            outcomes=lambda done: list(done.done_outcomes()),
        )
    except NothingDone:
        pass  # the ledger tells
    except ConnectorException as error:
        if isinstance(error, InDoubt) or isinstance(ledger, SetLedger):
            ledger.lose(error)
        elif is_one_transaction and ledger.counts[Result.DONE]:
            ledger.error = error
            ledger.roll_back()
        else:
            raise
    if isinstance(ledger.error, InDoubt):
        verdict = await recorded.settle()
        if verdict in ("done", "left"):
            ledger.settle(is_done=verdict == "done")
            ledger.error = ledger.error.lost()
        else:
            ledger.error.entry_id = recorded.doubtful
    recorded.left, recorded.is_whole = ledger.left_outcomes(), True
    recorded.error = cause_text(ledger.error) if ledger.error is not None else STOPPED if ledger.is_stopped else ""
    return ledger


async def prune(
    connector: Connector, capabilities: Capabilities, profile: Profile, journal: Journal, *, on_trouble: OnTrouble
) -> list[int]:
    """Remove the workers that are unresponsive now, and write it down; their ids.

    Raises CapabilityMissing, and InDoubt when nobody knows whether they were removed.
    """
    statement = pruning(capabilities)

    def removed(worker_ids: list[int]) -> Outcomes:
        # One record for all of them: a record's number is a job's.
        words = headers.removed_words(sorted(worker_ids))
        return Outcomes([0] if worker_ids else [], DONE, [words], {"workers": sorted(worker_ids)[: headers.NAMED]})

    def steps() -> Steps[list[int]]:
        found: list[int] = yield Write(statement, removed)
        return found

    header = headers.of_pruning(statement, capabilities, profile)
    async with recording(journal, header, connector, Planned(jobs=1), on_trouble) as recorded:
        try:
            found = await recorded.carry_out(steps())
        except InDoubt as error:
            verdict = await recorded.settle()
            if verdict == "left":
                raise error.lost() from error.__cause__
            if verdict != "done":
                raise
            found = list(error.value)
        recorded.error, recorded.is_whole = "", True
    return found
