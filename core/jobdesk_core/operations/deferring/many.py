"""Deferring many jobs: `plan_defers` tells what would be, `apply_defers` does it, by the schema's batch function.

In chunks, each a transaction, whose refused jobs are found one by one; or all in one, all or nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from jobdesk_core.chunk_size import ChunkSize
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import (
    ConnectorException,
    InDoubt,
    NotWritten,
    UniqueViolation,
    cause_text,
)
from jobdesk_core.jobs import Job
from jobdesk_core.operations.change.apply import CHUNK, SLOW_S, SMALLEST_CHUNK, is_of_a_job
from jobdesk_core.operations.change.changes import Action
from jobdesk_core.operations.change.rules import impossible
from jobdesk_core.operations.commits import Write
from jobdesk_core.operations.deferring.ledger import DeferLedger
from jobdesk_core.operations.deferring.new_jobs import NewJob, problem_of
from jobdesk_core.operations.ledger import Result
from jobdesk_core.operations.outcomes import NothingDone
from jobdesk_core.operations.rate import Rate
from jobdesk_core.operations.steps import Progress, Steps
from jobdesk_core.profiles.secret_keys import masked

#: How a row's place, and a replayed job's, is said.
LINE, JOB = "line {number}", "job #{number}"
#: Queueing locks asked for at once.
LOCKS_AT_ONCE = 2_000
#: What the server says of values that it cannot store.
_BAD_VALUE = "22"
#: Bytes of arguments, roughly, in one statement.
CHUNK_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class DeferPlan:
    """What would be deferred. `refusals` has, by position, why a job would not be; `problem` why none at all."""

    jobs: Sequence[NewJob]
    capabilities: Capabilities
    refusals: dict[int, str] = field(default_factory=dict)
    #: By position, of the refused ones, the waiting job that has the queueing lock.
    holders: dict[int, int] = field(default_factory=dict)
    problem: str | None = None
    is_complete: bool = True
    #: Where a job comes from, in words with its {number}.
    origin: str = LINE

    @property
    def ready(self) -> int:
        """How many jobs will be deferred."""
        return 0 if self.problem is not None else len(self.jobs) - len(self.refusals)

    def positions(self) -> list[int]:
        """The places in `jobs` of those that will be deferred."""
        return [] if self.problem is not None else [n for n in range(len(self.jobs)) if n not in self.refusals]


class DefersRolledBack(NothingDone):
    """Nothing was deferred: the one transaction was rolled back."""

    what = "deferred"
    ledger: DeferLedger


def plan_defers(
    jobs: Sequence[NewJob], capabilities: Capabilities, *, is_read_only: bool = False, origin: str = LINE
) -> Steps[DeferPlan]:
    """Look at every job. Changes nothing. Its progress counts jobs. Raises ConnectorException.

    `origin` says in words where a job comes from.
    """
    problem = deferring_refusal(capabilities, is_read_only=is_read_only)
    draft = DeferPlan(jobs, capabilities, problem=problem, origin=origin)
    if problem is not None:
        return draft
    first: dict[str, int] = {}
    asked: dict[str, int] = {}
    for position, new in enumerate(jobs):
        refusal = new.problem or problem_of(new.job, capabilities)
        lock = new.job.queueing_lock
        if refusal is None and lock is not None:
            if lock in first:
                earlier = origin.format(number=f"{first[lock]:,}")
                refusal = f"Its queueing lock {_short(lock)} is that of {earlier}, too, which comes first."
            else:
                first[lock] = new.origin
                asked[lock] = position
        if refusal is not None:
            draft.refusals[position] = refusal
        is_due = (position + 1) % LOCKS_AT_ONCE == 0 or position + 1 == len(jobs)
        if is_due:
            yield from _ask_for_locks(draft, asked)
            asked = {}
            if not (yield Progress(position + 1, len(jobs), position + 1 - len(draft.refusals))):
                return replace(draft, is_complete=False)
    return draft


def deferring_refusal(capabilities: Capabilities, *, is_read_only: bool) -> str | None:
    """Why nothing can be deferred there at all, or None."""
    if not capabilities.has_schema:
        return f"The database {capabilities.database} has no Procrastinate schema."
    return impossible(Action.DEFER, capabilities, is_read_only=is_read_only)


def apply_defers(
    plan: DeferPlan,
    *,
    chunk_size: int = CHUNK,
    is_one_transaction: bool = False,
    rate: Rate | None = None,
    ledger: DeferLedger | None = None,
) -> Steps[DeferLedger]:
    """Defer the jobs of the plan in their order and tell what became of each.

    In one transaction, or in the caller's, any refusal and a stop raise DefersRolledBack instead, whose `ledger`
    tells. Its progress counts jobs. Raises ValueError for a plan that is not complete,
    and for a `rate` in one transaction, which would be held open. `ledger` is filled when it is given.
    """
    if not plan.is_complete:
        raise ValueError("This plan was stopped before every job was checked.")
    if is_one_transaction and rate is not None:
        raise ValueError("One transaction has no rate.")
    filled = ledger if ledger is not None else ledger_of(plan)
    return (yield from _Deferring(plan, chunk_size, is_one_transaction, rate or Rate(), filled).run())


def ledger_of(plan: DeferPlan) -> DeferLedger:
    """Tells of the jobs that are refused from the start."""
    ledger = DeferLedger([new.origin for new in plan.jobs], plan.origin)
    ledger.refuse(plan.refusals)
    return ledger


def first_defer(plan: DeferPlan, secret_keys: str = "") -> Statement[list[int]] | None:
    """What would be sent for the first few jobs, to be shown: what looks secret by that pattern is hidden.

    None: nothing would be sent.
    """
    jobs = [_shown(plan.jobs[position].job, secret_keys) for position in plan.positions()[:2]]
    return statements.defer(plan.capabilities, jobs) if jobs else None


class _Deferring:
    def __init__(self, plan: DeferPlan, size: int, is_one_transaction: bool, rate: Rate, ledger: DeferLedger) -> None:
        self.plan, self.is_one_transaction, self.rate, self.ledger = plan, is_one_transaction, rate, ledger
        most = rate.most(size)
        self.size = ChunkSize(most, min(SMALLEST_CHUNK, most), most, SLOW_S, 0.25)

    def run(self) -> Steps[DeferLedger]:
        ready = self.plan.positions()
        start, is_going = 0, True
        while is_going and start < len(ready):
            positions = self._chunk(ready, start)
            progress = Progress(start, len(ready), self.ledger.counts[Result.DONE])
            is_going = yield from self.rate.turn(len(positions), progress)
            if not is_going:
                self.ledger.is_stopped = True
                break
            started = time.monotonic()
            is_going = yield from self._defer(positions)
            start += len(positions)
            self.rate.note(len(positions))
            self.size.note(time.monotonic() - started)
            if is_going:
                is_going = yield replace(progress, at=start, done=self.ledger.counts[Result.DONE])
                self.ledger.is_stopped = not is_going
        self.ledger.note_rest()
        if self.is_one_transaction and (self.ledger.is_stopped or self.ledger.error is not None):
            self.ledger.roll_back()
            raise DefersRolledBack(self.ledger) from self.ledger.error
        return self.ledger

    def _chunk(self, ready: list[int], start: int) -> list[int]:
        """As many as fit into one statement."""
        positions: list[int] = []
        size = 0
        for position in ready[start : start + self.size.size]:
            size += _roughly(self.plan.jobs[position].job)
            if positions and size > CHUNK_BYTES:
                break
            positions.append(position)
        return positions

    def _defer(self, positions: list[int]) -> Steps[bool]:
        """Defer these; when the server refuses, ever smaller parts of them. Returns whether to go on."""
        jobs = [self.plan.jobs[position].job for position in positions]
        try:
            statement = statements.defer(self.plan.capabilities, jobs)
            ids = yield Write(statement, lambda ids: self.ledger.outcomes_of(positions, ids))
        except InDoubt as error:
            self.ledger.error = error
            self.ledger.doubt(positions, error.value)
            return False
        except ConnectorException as error:
            if self.is_one_transaction or not (is_of_a_job(error) or (error.sqlstate or "").startswith(_BAD_VALUE)):
                yield from self._break_off(positions, error)
                return False
            if len(positions) == 1:
                yield from self._refuse(positions[0], error)
                return True
            half = len(positions) // 2
            if not (yield from self._defer(positions[:half])):
                return False
            return (yield from self._defer(positions[half:]))
        self.ledger.defer(positions, ids)
        return True

    def _refuse(self, position: int, error: ConnectorException) -> Steps[None]:
        job = self.plan.jobs[position].job
        sentence = f"The database refused: {cause_text(error)}"
        if isinstance(error, UniqueViolation) and statements.already_enqueued(error, [job]) is not None:
            sentence = "Its queueing lock is taken."
            # Within a transaction that has failed nothing can be asked any more.
            if not self.is_one_transaction and job.queueing_lock is not None:
                holder_of = yield holders([job.queueing_lock])
                sentence = _taken(job.queueing_lock, holder_of.get(job.queueing_lock))
        self.ledger.refuse({position: sentence})

    def _break_off(self, positions: list[int], error: ConnectorException) -> Steps[None]:
        self.ledger.error = error
        if error.sqlstate is None:
            is_written = not isinstance(error, NotWritten)
            why = "the connection was lost before" if is_written else "the journal could not be written"
            self.ledger.note(positions, Result.ROLLED_BACK, f"Not deferred: {why}.")
        elif len(positions) == 1:
            yield from self._refuse(positions[0], error)
        else:
            self.ledger.refuse(dict.fromkeys(positions, f"The database refused one of these: {cause_text(error)}"))


def holders(locks: Sequence[str]) -> Statement[dict[str, int]]:
    """By queueing lock the waiting job that has it."""
    return Statement(
        "SELECT queueing_lock, id FROM procrastinate_jobs WHERE status = 'todo' "
        "AND queueing_lock = ANY (%(locks)s::text[])",
        lambda rows: {row["queueing_lock"]: row["id"] for row in rows},
        {"locks": list(locks)},
    )


def _ask_for_locks(plan: DeferPlan, asked: dict[str, int]) -> Steps[None]:
    if not asked:
        return
    holder_of = yield holders(list(asked))
    for lock, holder in holder_of.items():
        plan.refusals[asked[lock]] = _taken(lock, holder)
        plan.holders[asked[lock]] = holder


def _shown(job: Job, secret_keys: str) -> Job:
    return replace(job, task_kwargs=masked(dict(job.task_kwargs), secret_keys))


def _taken(lock: str, holder: int | None) -> str:
    if holder is None:
        return f"Its queueing lock {_short(lock)} was taken."
    return f"Its queueing lock {_short(lock)} is taken by job #{holder:,}, which is waiting."


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _roughly(job: Job) -> int:
    """About how many characters the arguments have; large ones are lists and texts, mostly."""
    return 100 + sum(_weights(job.task_kwargs))


def _weights(value: object) -> Iterator[int]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield len(value)
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        else:
            yield 8
