"""Finding out, as soon as the link is back, what became of an act whose answer was lost: done, not done, or why that
can never be known. Until then nobody should do it once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobdesk_core.database.marks import Runner
from jobdesk_core.exceptions import InDoubt
from jobdesk_core.jobs import Job
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.record import Verdict
from jobdesk_core.journal.settling import CANNOT_KNOW, settle_entry
from jobdesk_core.operations import DeferLedger, Ledger, Outcome, Result, SetLedger
from jobdesk_core.operations.deferring.one import settled

#: Why it can never be known, where the journal does not tell of it.
NOT_WRITTEN = "the journal could not be written"
NOT_KEPT = "the journal no longer has its entry"


@dataclass(frozen=True, slots=True)
class Found:
    """What has become of it; `reason`: why that can never be known. `done` counts the jobs of all of its entry."""

    verdict: Verdict
    done: int = 0
    reason: str = ""


async def find_out(
    journal: Journal, run: Runner, entry_id: int | None, *, done: int = 0, patience_s: float | None = None
) -> Found | None:
    """What has become of an entry's transaction that was not answered; None while the server does not say.

    `done` is the number of the entry's jobs that are known to be done. Waits until the link is back, so many seconds
    at most (see settle_entry). Raises JournalTrouble.
    """
    if entry_id is None:
        return Found("unknown", done, NOT_WRITTEN)
    # Whoever else looks has perhaps been faster: so the entry tells, not the answer.
    await settle_entry(journal, run, entry_id, patience_s)
    entry = await journal.entry(entry_id)
    if entry is None:
        return Found("unknown", done, NOT_KEPT)
    if entry.in_doubt:
        return None
    reason = await journal.reason_unknown(entry_id)
    if reason is not None:
        before, after = CANNOT_KNOW.split("{reason}")
        return Found("unknown", entry.done, reason.removeprefix(before).removesuffix(after))
    return Found("done" if entry.done > done else "left", entry.done)


async def find_out_of(
    told: Ledger | DeferLedger | SetLedger, journal: Journal, run: Runner, *, patience_s: float | None = None
) -> bool:
    """Have a ledger tell what has become of the jobs that nobody knew of; whether that is known now.

    Where it never will be, its error tells the reason. Raises JournalTrouble.
    """
    error = told.error
    if not isinstance(error, InDoubt):
        return True
    known_done = told.counts[Result.DONE]
    found = await find_out(journal, run, error.entry_id, done=known_done, patience_s=patience_s)
    if found is None:
        return False
    if found.verdict == "unknown":
        error.reason = found.reason
    else:
        told.settle(is_done=found.verdict == "done")
        told.error = error.lost()
    return True


async def known_outcome(
    outcome: Outcome, job: Job, journal: Journal, run: Runner, *, patience_s: float | None = None
) -> Outcome:
    """An outcome that was unknown, as what it is known for now; the same while nothing is known yet.

    It stays unknown, with the `reason`, where it can never be known. Raises JournalTrouble.
    """
    if not outcome.is_unknown or outcome.reason:
        return outcome
    found = await find_out(journal, run, outcome.entry_id, patience_s=patience_s)
    if found is None:
        return outcome
    if found.verdict == "unknown":
        number = f" as job #{outcome.job_id:,}" if outcome.job_id is not None else ""
        sentence = f"Whether {job.task_name} was deferred{number} cannot be known, because {found.reason}."
        return replace(outcome, sentence=sentence, reason=found.reason)
    return settled(outcome, job, is_done=found.verdict == "done")
