"""How tests stage changes and apply them, on either kind of connector."""

from __future__ import annotations

from acting import Actor
from jobdesk_core import Job
from jobdesk_core.operations import (
    Change,
    ChangeSet,
    JobOutcome,
    NotApplied,
    SetLedger,
    SetPlan,
    apply_staged,
    look,
)

Wanted = tuple[Change, tuple[int, ...]] | Job


async def staged(actor: Actor, *wanted: Wanted) -> ChangeSet:
    """A set of these changes of jobs, as they are now, and of these new jobs."""
    held = ChangeSet()
    for each in wanted:
        held = held.with_defer(each) if isinstance(each, Job) else held.with_plan(await actor.plan(each[0], *each[1]))
    return held


async def looked(actor: Actor, held: ChangeSet) -> SetPlan:
    """The set's preflight."""
    return await actor.run(look(held, actor.able))


async def applied(actor: Actor, made: SetPlan) -> SetLedger:
    """Apply it in one transaction; the ledger also of one that was rolled back."""
    try:
        return await actor.run(apply_staged(made), whole=True)
    except NotApplied as error:
        return error.ledger


def by_job(ledger: SetLedger) -> dict[int, JobOutcome]:
    """The ledger's entries by job."""
    return {entry.job_id: entry for entry in ledger.entries()}


def left(made: SetPlan) -> list[str]:
    """Why jobs of a set cannot be acted upon."""
    reasons = [group.reason.one for part in made.parts for group in part.left if group.reason is not None]
    return [*reasons, *(part.problem for part in made.parts if part.problem is not None)]
