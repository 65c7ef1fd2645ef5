"""Carrying out a plan: in chunks that hold no lock for long, each a transaction, or all in one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jobdesk_core.chunk_size import ChunkSize
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.exceptions import (
    ConnectorException,
    InDoubt,
    NotWritten,
    UniqueViolation,
    cause_text,
)
from jobdesk_core.operations.change.action_sql import chunk, kept
from jobdesk_core.operations.change.brake import Brake
from jobdesk_core.operations.change.changes import Retry
from jobdesk_core.operations.change.job_facts import facts_of
from jobdesk_core.operations.change.plan import Plan
from jobdesk_core.operations.change.rules import BUSY, CHANGED, GONE, TAKEN, Facts, Reason, verdict
from jobdesk_core.operations.change.sample_rows import lock_holders
from jobdesk_core.operations.commits import Write
from jobdesk_core.operations.ledger import Ledger, Result
from jobdesk_core.operations.outcomes import NothingDone, Outcomes
from jobdesk_core.operations.rate import Rate, Speed
from jobdesk_core.operations.steps import Progress, Steps

#: Jobs in the first chunk, in one at most while they are fast, and at least when they take longer than SLOW_S seconds:
#: a stop waits for the chunk under way.
CHUNK, LARGEST_CHUNK, SMALLEST_CHUNK, SLOW_S = 100, 2_000, 10, 0.1
#: How many times as many the next chunk has at most when the last one was fast.
GROWTH = 4
#: What the server refuses of single jobs: a constraint, a lock that others hold, a conflict, a function's own words.
_OF_A_JOB = ("23", "55P03", "40", "P0001")
_BUSY = ("55P03", "40")
NOT_REACHED = Reason("was not reached.", "not reached")
LEFT = Reason(
    "was left as it was: the connection was lost before anything could be changed.",
    "left as they were: the connection was lost before anything could be changed",
)
NOT_WRITTEN = Reason(
    "was left as it was: the journal could not be written.",
    "left as they were: the journal could not be written",
)


class RolledBack(NothingDone):
    """Nothing was changed: the one transaction was rolled back."""

    ledger: Ledger


def apply(
    plan: Plan,
    *,
    chunk_size: int = LARGEST_CHUNK,
    is_one_transaction: bool = False,
    rate: Rate | None = None,
    brake: Brake | None = None,
    ledger: Ledger | None = None,
) -> Steps[Ledger]:
    """Carry the plan out and tell what became of each job, in `ledger` when it is given: it can be read meanwhile.

    What happens to single jobs is in the ledger, and so is what broke it off: a connection lost at the end of a chunk
    leaves its jobs `unknown`, one lost before that leaves them as they were. In one transaction, or in the caller's,
    any error raises RolledBack instead, whose `ledger` tells. Its progress counts jobs. A `brake` holds a retry that
    has a rate while too many of its jobs fail again: the progress says so by `held`. Raises ValueError for a plan that
    is not complete, for a `rate` in one transaction, which would be held open, and for a brake without a rate.
    """
    if not plan.is_complete:
        raise ValueError("This plan was stopped before every job was checked.")
    if is_one_transaction and rate is not None:
        raise ValueError("One transaction has no rate.")
    if brake is not None and (rate is None or not isinstance(plan.change, Retry)):
        raise ValueError("A brake is for a retry that has a rate: without one all are retried before any can fail.")
    ledger = ledger if ledger is not None else Ledger(plan)
    rate = rate or Rate()
    most = rate.most(chunk_size)
    size = ChunkSize(min(CHUNK, most), min(SMALLEST_CHUNK, most), most, SLOW_S)
    return (yield from _Act(plan, size, is_one_transaction, rate, brake, ledger).run())


def first_statement(plan: Plan, *, rate: Rate | None = None) -> Statement[Rows] | None:
    """What would be sent first, to be shown; the chunks after it differ by their jobs only. None: nothing would."""
    for _, batch in plan.acted():
        if batch.ids:
            first = slice(0, (rate or Rate()).most(CHUNK))
            return chunk(plan.change, plan.capabilities, batch.ids[first], batch.versions[first])
    return None


@dataclass(slots=True)
class _Alike:
    """Jobs with the same facts, and the versions of their rows."""

    facts: Facts
    ids: Sequence[int]
    versions: Sequence[int]

    def part(self, start: int, end: int) -> _Alike:
        return _Alike(self.facts, self.ids[start:end], self.versions[start:end])


@dataclass(slots=True)
class _Act:
    plan: Plan
    size: ChunkSize
    is_one_transaction: bool
    rate: Rate
    brake: Brake | None
    ledger: Ledger
    busy: list[_Alike] = field(default_factory=list)
    at: int = 0
    speed: Speed = field(default_factory=Speed)
    #: Jobs that the preflight skipped: of these the progress tells nothing.
    foreseen: int = field(init=False)

    def __post_init__(self) -> None:
        self.foreseen = self.ledger.counts[Result.SKIPPED]

    def run(self) -> Steps[Ledger]:
        rounds = [[_Alike(facts, batch.ids, batch.versions) for facts, batch in self.plan.acted()], self.busy]
        is_going, is_last = True, False
        for some_of_round in rounds:
            for alike in list(some_of_round):
                start = 0
                while is_going and start < len(alike.ids):
                    part = alike.part(start, start + self.size.size)
                    is_going = yield from self.rate.turn(len(part.ids), self._progress())
                    if not is_going:
                        self.ledger.is_stopped = True
                        break
                    started = time.monotonic()
                    is_going = yield from self._carry_out(part, is_last=is_last)
                    start += len(part.ids)
                    self.rate.note(len(part.ids))
                    self.speed.note(len(part.ids))
                    self._adapt(time.monotonic() - started)
                    if is_going:
                        is_going = yield from self._asked()
                        self.ledger.is_stopped = not is_going
                self._note_rest(alike, start)
            is_last = True
        if self.is_one_transaction and (self.ledger.is_stopped or self.ledger.error is not None):
            self._roll_back()
        return self.ledger

    def _progress(self, held: str = "") -> Progress:
        counts, pace = self.ledger.counts, self.speed.per_second
        skipped = counts[Result.SKIPPED] + counts[Result.REFUSED] - self.foreseen
        return Progress(self.at, self.plan.ready, counts[Result.DONE], 0.0, skipped, pace, held)

    def _asked(self) -> Steps[bool]:
        """Whether to go on, as whoever watches it says; held by the brake, it asks once more with the reason."""
        is_going = yield self._progress()
        retried = self.ledger.done_ids
        if not is_going or self.brake is None or self.at >= self.plan.ready or not self.brake.is_due():
            return bool(is_going)
        ended, failed = yield self.brake.look(retried)
        held = self.brake.reason(ended, failed)
        if held:
            is_going = yield self._progress(held)
            self.ledger.held = "" if is_going else held
            self.brake.release(len(retried))
        return bool(is_going)

    def _carry_out(self, alike: _Alike, *, is_last: bool) -> Steps[bool]:
        """Act on the jobs; when the server refuses one, on ever smaller parts of them. Returns whether to go on."""
        statement = chunk(self.plan.change, self.plan.capabilities, alike.ids, alike.versions)
        try:
            rows = yield Write(statement, lambda rows: self._done(alike, rows), self._expected(alike))
        except InDoubt as error:
            self._note_unknown(alike, error)
            return False
        except ConnectorException as error:
            if self.is_one_transaction or not is_of_a_job(error):
                return self._break_off(alike, error)
            if len(alike.ids) == 1:
                yield from self._note_refused(alike, error, is_last=is_last)
                return True
            half = len(alike.ids) // 2
            is_going = yield from self._carry_out(alike.part(0, half), is_last=is_last)
            if not is_going:
                self._note_rest(alike, half)
                return False
            return (yield from self._carry_out(alike.part(half, len(alike.ids)), is_last=is_last))
        yield from self._note(alike, rows, is_last=is_last)
        return True

    def _expected(self, alike: _Alike) -> Outcomes | None:
        """What will have been done unless others are faster; None where their rows have to tell what they had."""
        if kept(self.plan.change.action):
            return None
        return self.ledger.outcomes_of(list(alike.ids), None, alike.facts.status)

    def _done(self, alike: _Alike, rows: Rows) -> Outcomes:
        names = kept(self.plan.change.action)
        left = {row["id"] for row in rows if not row["is_done"]}
        done = [job_id for job_id in alike.ids if job_id not in left] if left else list(alike.ids)
        if not names:
            return self.ledger.outcomes_of(done, None, alike.facts.status)
        before = {row["id"]: [row[f"{name}_before"] for name in names] for row in rows if row["is_done"]}
        return self.ledger.outcomes_of(done, [before[job_id] for job_id in done], alike.facts.status)

    def _note_left(self, rows: Rows) -> dict[int, Any]:
        """Note the jobs that have changed since the preflight; by job what was found of each that was left alone."""
        exceptions = {row["id"]: row["left_alone"] for row in rows if not row["is_done"]}
        for job_id, left_alone in exceptions.items():
            if left_alone is not None:
                facts = facts_of(left_alone)
                self.ledger.add([job_id], Result.SKIPPED, self._left_alone(facts), facts.status)
        return exceptions

    def _note_unknown(self, alike: _Alike, error: InDoubt) -> None:
        self.ledger.error = error
        self.ledger.add_unknown(self._done(alike, error.value), alike.facts.status)
        missing = [job_id for job_id, left_alone in self._note_left(error.value).items() if left_alone is None]
        self.ledger.add(missing, Result.NOT_REACHED, NOT_REACHED, alike.facts.status)

    def _note(self, alike: _Alike, rows: Rows, *, is_last: bool) -> Steps[None]:
        self.ledger.add_done(self._done(alike, rows), alike.facts.status)
        exceptions = self._note_left(rows)
        missing = {job_id for job_id, left_alone in exceptions.items() if left_alone is None}
        self.at += len(alike.ids) - len(missing)
        if missing:
            there = yield _still_there(sorted(missing))
            self.at += len(missing) - len(there)
            self.ledger.add(sorted(missing - there), Result.SKIPPED, GONE, alike.facts.status)
            self._note_busy(alike, there, is_last=is_last)

    def _left_alone(self, facts: Facts) -> Reason:
        """Why a job that was ready in the preflight was skipped in the act."""
        change = self.plan.change
        reason = verdict(change.action, facts, self.plan.capabilities, change=change)
        if reason is None or reason.kind == "conflict":
            return reason or CHANGED
        return Reason(f"has changed meanwhile: it {reason.one}", f"changed meanwhile: {reason.many}", "change")

    def _note_busy(self, alike: _Alike, ids: set[int], *, is_last: bool) -> None:
        if is_last or self.is_one_transaction:
            self.ledger.add(sorted(ids), Result.SKIPPED, BUSY, alike.facts.status)
            self.at += len(ids)
        elif ids:
            # Once more when all the others are through.
            pairs = [pair for pair in zip(alike.ids, alike.versions, strict=True) if pair[0] in ids]
            self.busy.append(_Alike(alike.facts, [pair[0] for pair in pairs], [pair[1] for pair in pairs]))

    def _note_refused(self, alike: _Alike, error: ConnectorException, *, is_last: bool) -> Steps[None]:
        if (error.sqlstate or "").startswith(_BUSY):
            self._note_busy(alike, set(alike.ids), is_last=is_last)
            return
        self.at += 1
        reason = Reason(f"was refused by the database: {cause_text(error)}", f"refused: {cause_text(error)}")
        if isinstance(error, UniqueViolation):
            holder = (yield lock_holders(alike.ids)).get(alike.ids[0])
            reason = TAKEN if holder is None else taken_by(holder)
        self.ledger.add(alike.ids, Result.REFUSED, reason, alike.facts.status)

    def _note_rest(self, alike: _Alike, start: int) -> None:
        result = Result.ROLLED_BACK if self.is_one_transaction else Result.NOT_REACHED
        self.ledger.add(alike.ids[start:], result, NOT_REACHED, alike.facts.status)

    def _break_off(self, alike: _Alike, error: ConnectorException) -> bool:
        self.ledger.error = error
        result, reason = Result.ROLLED_BACK, NOT_WRITTEN if isinstance(error, NotWritten) else LEFT
        if error.sqlstate is not None:
            result = Result.REFUSED
            reason = Reason(f"was refused by the database: {cause_text(error)}", f"refused: {cause_text(error)}")
        self.ledger.add(alike.ids, result, reason, alike.facts.status)
        return False

    def _roll_back(self) -> None:
        self.ledger.roll_back()
        raise RolledBack(self.ledger) from self.ledger.error

    def _adapt(self, seconds: float) -> None:
        """In proportion: a first chunk is small beside what a fast server can do in that time."""
        if seconds > SLOW_S:
            self.size.shrink(seconds / SLOW_S)
        else:
            self.size.grow(min(GROWTH, 0.8 * SLOW_S / max(seconds, 1e-6)))


def taken_by(holder: int) -> Reason:
    """That a waiting job has the queueing lock."""
    return Reason(
        f"would wait with a queueing lock that job #{holder:,} has, which is waiting. Cancel that one first.",
        TAKEN.many,
        "conflict",
    )


def is_of_a_job(error: ConnectorException) -> bool:
    """Whether the server refused because of a single job, so that the others may pass."""
    return (error.sqlstate or "").startswith(_OF_A_JOB)


def _still_there(ids: list[int]) -> Statement[set[int]]:
    return Statement(
        "SELECT id FROM procrastinate_jobs WHERE id = ANY (%(ids)s::bigint[])",
        lambda rows: {row["id"] for row in rows},
        {"ids": ids},
    )
