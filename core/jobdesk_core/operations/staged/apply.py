"""Applying staged changes: all of them in the caller's one transaction, or none, and what became of each job."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement, nothing
from jobdesk_core.database import statements
from jobdesk_core.exceptions import (
    CapabilityMissing,
    ConnectorException,
    InDoubt,
    cause_text,
)
from jobdesk_core.operations.change.action_sql import LOCK_TIMEOUT
from jobdesk_core.operations.change.apply import apply, first_statement
from jobdesk_core.operations.change.changes import set_to
from jobdesk_core.operations.deferring.one import Outcome, defer
from jobdesk_core.operations.ledger import IN_DOUBT, JobOutcome, Ledger, Result, write_csv, write_ndjson
from jobdesk_core.operations.outcomes import NothingDone, Outcomes
from jobdesk_core.operations.staged.changes import StagedChange, StagedDefer
from jobdesk_core.operations.staged.plan import Part, SetPlan
from jobdesk_core.operations.steps import Progress, Step, Steps, relayed

_LEFT = "was left as it was: everything was rolled back."


class NotApplied(NothingDone):
    """Nothing was changed: the one transaction was rolled back."""

    ledger: SetLedger


class SetLedger:
    """What became of each job of a set: by position the ledger of a change, and the outcome of a new job."""

    def __init__(self, plan: SetPlan) -> None:
        self.plan = plan
        self.ledgers: dict[int, Ledger] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.error: Exception | None = None
        self.is_stopped = False
        #: Its entry's number in the journal, once it has one.
        self.entry_id: int | None = None
        #: What became of all that had been done: it was rolled back, or the link broke at the commit.
        self.fate: Result | None = None

    @property
    def is_applied(self) -> bool:
        """Whether everything was done, and stays."""
        return self.fate is None and not self.refused_positions()

    def refused_positions(self) -> list[int]:
        """The entries that were not carried out on each of their jobs."""
        return [part.position for part in self.plan.parts if self._done(part) < part.entry.count]

    @property
    def counts(self) -> Counter[Result]:
        """How many jobs came to which end."""
        found: Counter[Result] = Counter()
        for part in self.plan.parts:
            for result, _, number, _ in self.lines(part.position):
                found[result] += number
        return found

    def lines(self, position: int) -> list[tuple[Result, str, int, list[int]]]:
        """An entry's ends: result, words, how many jobs, and the ids of the first."""
        part, ledger, outcome = self.plan.parts[position], self.ledgers.get(position), self.outcomes.get(position)
        if outcome is not None:
            result = Result.DONE if outcome.is_done else Result.REFUSED
            ids = [outcome.job_id] if outcome.job_id is not None and self.fate is None else []
            return [(self._now(result), "" if outcome.is_done else outcome.sentence, 1, ids)]
        if ledger is None:
            return [(Result.NOT_REACHED, "", part.entry.count, [])]
        return [
            (self._now(result), words if result is self._now(result) else "", number, ledger.first_ids[result, words])
            for (result, words), number in ledger.numbers.items()
        ]

    def entries(self) -> Iterator[JobOutcome]:
        """Every job's outcome, in the set's order; a new job that was not deferred has the number 0."""
        for part in self.plan.parts:
            yield from self.entries_of(part)

    def entries_of(self, part: Part) -> Iterator[JobOutcome]:
        """The outcomes of one entry's jobs."""
        outcome, ledger = self.outcomes.get(part.position), self.ledgers.get(part.position)
        if isinstance(part.entry, StagedDefer):
            yield self._deferred(part.entry, outcome)
        elif ledger is not None:
            for entry in ledger.entries():
                yield self._now_of(entry)
        else:
            for job_id in part.entry.versions:
                yield JobOutcome(job_id, Result.NOT_REACHED, f"Job {job_id} was not reached.")

    def done_outcomes(self) -> Iterator[Outcomes]:
        """The jobs that were acted upon, to be written down."""
        return self._outcomes(lambda result: result is Result.DONE)

    def left_outcomes(self) -> Iterator[Outcomes]:
        """All the others, to be written down, but for those that nobody knows of: what was staged tells of them."""
        return self._outcomes(lambda result: result not in (Result.DONE, Result.UNKNOWN))

    def _outcomes(self, wanted: Callable[[Result], bool]) -> Iterator[Outcomes]:
        for part in self.plan.parts:
            acted: dict[str, Any] = {"act": part.entry.action.value}
            if isinstance(part.entry, StagedChange):
                given = set_to(part.entry.change).items()
                acted["set_to"] = {name: _plain(value) for name, value in given}
            for job in filter(lambda job: wanted(job.result), self.entries_of(part)):
                before = {"status": job.status.value} if job.status is not None else {}
                yield Outcomes([job.job_id], job.result.value, [job.sentence], before | (job.before or {}) | acted)

    def lose(self, error: Exception) -> None:
        """Note that the transaction ended with an error: nothing was done; only of a lost commit nobody knows."""
        self.error = self.error or error
        self.fate = Result.UNKNOWN if isinstance(error, InDoubt) else Result.ROLLED_BACK

    def settle(self, *, is_done: bool) -> None:
        """Note what was found out of a set that nobody knew of."""
        self.fate = None if is_done else Result.ROLLED_BACK

    def write_csv(self, path: Path) -> None:
        """Write one line for each job. Raises OSError."""
        write_csv(path, self.entries)

    def write_ndjson(self, path: Path) -> None:
        """Write one JSON object for each job, on a line of its own. Raises OSError."""
        write_ndjson(path, self.entries())

    def _done(self, part: Part) -> int:
        ledger, outcome = self.ledgers.get(part.position), self.outcomes.get(part.position)
        return ledger.counts[Result.DONE] if ledger is not None else int(outcome is not None and outcome.is_done)

    def _now(self, result: Result) -> Result:
        """What a result has become in the end: what had been done, or was in doubt, shares the set's fate."""
        return self.fate if self.fate is not None and result in (Result.DONE, Result.UNKNOWN) else result

    def _now_of(self, entry: JobOutcome) -> JobOutcome:
        result = self._now(entry.result)
        if result is entry.result:
            return entry
        words = _LEFT if result is Result.ROLLED_BACK else IN_DOUBT.one
        return replace(entry, result=result, sentence=f"Job {entry.job_id} {words}")

    def _deferred(self, entry: StagedDefer, outcome: Outcome | None) -> JobOutcome:
        name = f"The new job of {entry.job.task_name}"
        if outcome is None:
            return JobOutcome(0, Result.NOT_REACHED, f"{name} was not reached.")
        result = self._now(Result.DONE if outcome.is_done else Result.REFUSED)
        if result is Result.ROLLED_BACK:
            return JobOutcome(0, result, f"{name} was not deferred: everything was rolled back.")
        if result is Result.UNKNOWN:
            return JobOutcome(0, result, f"{name} may have been deferred or not: the connection broke.")
        return JobOutcome(outcome.job_id or 0, result, outcome.sentence)


def apply_staged(plan: SetPlan, ledger: SetLedger | None = None) -> Steps[SetLedger]:
    """Carry out all of a set, and nothing when one job of it is refused, has changed since, or is gone.

    Run it on a connection in a transaction, of its own or of the caller's. Raises NotApplied, whose ledger tells
    every job that stood in the way; then the transaction is as it was before, and can go on. `ledger` is filled
    when it is given. Its progress counts jobs. Raises ValueError for a plan that is not ready.
    """
    if not plan.is_ready:
        raise ValueError("Not everything in this set can be done.")
    ledger = ledger or SetLedger(plan)
    try:
        yield _save("jobdesk_staged")
        yield _PATIENCE
        yield from _Applying(ledger).run()
        if not ledger.is_stopped and not ledger.refused_positions():
            yield Statement("RELEASE SAVEPOINT jobdesk_staged", nothing)
            return ledger
        yield _back("jobdesk_staged")
    except ConnectorException as error:
        # The link is lost, and with it the transaction; or there is none.
        ledger.error = error
    ledger.fate = Result.ROLLED_BACK
    raise NotApplied(ledger) from ledger.error


def first_statements(plan: SetPlan) -> list[Statement[Rows] | Statement[list[int]]]:
    """What would be sent first for each entry, in the order of application, to be shown."""
    found: list[Statement[Rows] | Statement[list[int]]] = []
    for part in plan.in_order():
        if isinstance(part.entry, StagedDefer):
            if part.problem is None:
                found.append(statements.defer(plan.capabilities, [part.entry.job]))
        elif part.plan is not None and (first := first_statement(part.plan)) is not None:
            found.append(first)
    return found


class _Applying:
    def __init__(self, ledger: SetLedger) -> None:
        self._ledger, self._plan = ledger, ledger.plan
        self._of = self._plan.staged.jobs
        self._before = 0

    def run(self) -> Steps[None]:
        """Carry out every part, also after one was refused: so each job that stands in the way is told."""
        for part in self._plan.in_order():
            if isinstance(part.entry, StagedDefer):
                yield from self._defer(part.position, part.entry)
            else:
                yield from self._change(part)
            self._before += part.entry.count
            if self._ledger.is_stopped or _is_link_lost(self._ledger.error):
                return

    def _change(self, part: Part) -> Steps[None]:
        assert part.plan is not None
        # Not as its one transaction: each savepoint bears a refusal, and so the refused are found one by one.
        ledger = yield from relayed(apply(part.plan), self._guarded)
        self._ledger.ledgers[part.position] = ledger
        self._ledger.is_stopped = ledger.is_stopped
        self._ledger.error = self._ledger.error or ledger.error

    def _defer(self, position: int, entry: StagedDefer) -> Steps[None]:
        try:
            outcome = yield from relayed(
                defer(entry.job, self._plan.capabilities, again_of=entry.again_of), self._guarded
            )
        except ConnectorException as error:
            if error.sqlstate is None:
                raise
            outcome = Outcome(None, False, f"The database refused the new job: {cause_text(error)}")
        self._ledger.outcomes[position] = outcome
        self._ledger.is_stopped = not (yield Progress(self._before + 1, self._of))

    def _guarded(self, step: Step) -> Steps[Any]:
        """Within a savepoint: a statement that fails undoes itself only."""
        if isinstance(step, Progress):
            return (yield Progress(self._before + step.at, self._of))
        yield _save("jobdesk_step")
        try:
            value = yield step
        except ConnectorException as error:
            if not _is_link_lost(error):
                yield _back("jobdesk_step")
            raise
        except CapabilityMissing:
            yield _back("jobdesk_step")
            raise
        yield Statement("RELEASE SAVEPOINT jobdesk_step", nothing)
        return value


#: How long a statement waits for a lock, such as a queueing lock that others are just taking.
_PATIENCE = Statement("SELECT set_config('lock_timeout', %(patience)s, true)", nothing, {"patience": LOCK_TIMEOUT})


def _save(name: str) -> Statement[None]:
    return Statement(f"SAVEPOINT {name}", nothing)


def _back(name: str) -> Statement[None]:
    return Statement(f"ROLLBACK TO SAVEPOINT {name}", nothing)


def _is_link_lost(error: Exception | None) -> bool:
    return isinstance(error, ConnectorException) and error.sqlstate is None


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value
