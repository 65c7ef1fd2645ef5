"""Staged changes: what an operator has collected, to be applied together or not at all. A value; nothing is read here.

held = ChangeSet().with_plan(made).with_defer(Job(task_name="mail.send"))
looked = await run_async(look(held, capabilities), connector)
ledger = await run_async(apply_staged(looked), connector, is_one_transaction=True)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.jobs import Job
from jobdesk_core.operations.change.changes import Action, Change
from jobdesk_core.operations.change.plan import Batch, Plan
from jobdesk_core.operations.change.rules import GONE
from jobdesk_core.operations.deferring.many import DeferPlan

#: Jobs in one set. It is one transaction, and as long as it lasts no worker can finish or start one of them.
MOST_JOBS = 100_000
#: New jobs of a list that are staged at once: each is an entry of its own, to be looked at and edited.
MOST_NEW = 1_000
#: What makes room for others with the same queueing lock.
FREES = (Action.CANCEL, Action.DELETE)
_TAKES = (Action.RETRY, Action.RESCUE)


class TooManyStaged(JobdeskException):
    """These are too many jobs for one transaction."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"Staged changes hold at most {MOST_JOBS:,} jobs, for they are applied in one transaction; "
            f"with these it would be {count:,}. Act on these at once instead, in chunks."
        )


class TooManyNewJobs(JobdeskException):
    """These are too many new jobs to be looked at one by one."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"At most {MOST_NEW:,} new jobs are staged at once, for each is a change of its own; these are {count:,}. "
            "Defer them at once instead."
        )


class NothingToStage(JobdeskException):
    """None of these jobs can be acted upon."""


@dataclass(frozen=True, slots=True)
class StagedChange:
    """A change, and the jobs that it is meant for: by id the version of the row that the preflight saw."""

    change: Change
    versions: Mapping[int, int]

    @property
    def action(self) -> Action:
        """What is done."""
        return self.change.action

    @property
    def count(self) -> int:
        """How many jobs."""
        return len(self.versions)


@dataclass(frozen=True, slots=True)
class StagedDefer:
    """A new job; `again_of` is the job that it repeats, if any."""

    job: Job
    again_of: int | None = None

    @property
    def action(self) -> Action:
        """Defer."""
        return Action.DEFER

    @property
    def count(self) -> int:
        """One."""
        return 1


Staged = StagedChange | StagedDefer


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Staged changes in the order in which they were staged."""

    entries: tuple[Staged, ...] = ()

    @property
    def jobs(self) -> int:
        """How many jobs, a job in two changes counted twice."""
        return sum(entry.count for entry in self.entries)

    def stageable(self, plan: Plan) -> int:
        """How many jobs of a preflight `with_plan` would take."""
        return sum(len(batch.ids) for batch in self._stageable(plan))

    def with_plan(self, plan: Plan) -> ChangeSet:
        """With the change of a preflight. Raises TooManyStaged or NothingToStage."""
        count = self.stageable(plan)
        if not count:
            raise NothingToStage
        self._check(count)
        batches = self._stageable(plan)
        versions = (zip(batch.ids, batch.versions, strict=True) for batch in batches)
        return self._with(StagedChange(plan.change, dict(chain.from_iterable(versions))))

    def with_defer(self, job: Job, *, again_of: int | None = None) -> ChangeSet:
        """With a new job, which may repeat another one. Raises TooManyStaged."""
        return self._with(StagedDefer(job, again_of))

    def with_defers(self, plan: DeferPlan) -> ChangeSet:
        """With the new jobs that a preflight found possible. Raises TooManyStaged, TooManyNewJobs or NothingToStage."""
        new = [plan.jobs[position] for position in plan.positions()]
        if not new:
            raise NothingToStage
        if len(new) > MOST_NEW:
            raise TooManyNewJobs(len(new))
        self._check(len(new))
        return ChangeSet((*self.entries, *(StagedDefer(each.job) for each in new)))

    def without(self, position: int) -> ChangeSet:
        """Without the entry at this position."""
        return ChangeSet(self.entries[:position] + self.entries[position + 1 :])

    def replaced(self, position: int, entry: Staged) -> ChangeSet:
        """With another entry at this position; without it when that has no jobs."""
        if not entry.count:
            return self.without(position)
        return ChangeSet((*self.entries[:position], entry, *self.entries[position + 1 :]))

    def order(self) -> list[int]:
        """The positions in the order in which they are applied: what frees queueing locks before what takes them."""
        return sorted(range(len(self.entries)), key=lambda position: _rank(self.entries[position].action))

    def _stageable(self, plan: Plan) -> list[Batch]:
        """The jobs that the preflight acts upon; and those whose queueing lock is taken, when this set cancels jobs.

        It may be the one that frees the lock, and `look` tells.
        """
        frees = any(entry.action in FREES for entry in self.entries)
        found = []
        for facts, batch in plan.batches.items() if plan.problem is None else ():
            reason = GONE if facts is None else plan.verdict_on(facts)
            is_waiting = facts is not None and facts.is_lock_taken and reason is not None and reason.kind == "conflict"
            if reason is None or (frees and is_waiting):
                found.append(batch)
        return found

    def _with(self, entry: Staged) -> ChangeSet:
        self._check(entry.count)
        return ChangeSet((*self.entries, entry))

    def _check(self, more: int) -> None:
        if self.jobs + more > MOST_JOBS:
            raise TooManyStaged(self.jobs + more)


def _rank(action: Action) -> int:
    return 0 if action in FREES else 2 if action in _TAKES else 3 if action is Action.DEFER else 1
