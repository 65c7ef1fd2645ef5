"""The preflight of staged changes: each as the database is now, and all of them together. Changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.jobs import Job
from jobdesk_core.operations.change.apply import taken_by
from jobdesk_core.operations.change.changes import Action, Retry
from jobdesk_core.operations.change.plan import IDS_AT_ONCE, Batch, Group, Plan, plan
from jobdesk_core.operations.change.rules import CHANGED, GONE, Facts, Reason, impossible, verdict
from jobdesk_core.operations.change.sample_rows import lock_holders
from jobdesk_core.operations.change.targets import Chosen
from jobdesk_core.operations.staged.changes import FREES, ChangeSet, Staged, StagedChange, StagedDefer
from jobdesk_core.operations.steps import Progress, Step, Steps, relayed
from jobdesk_core.troubles import check_queue_name

TWICE = Reason(
    "is in an earlier one of the staged changes, too. Exclude it from one of them.",
    "in an earlier one of the staged changes, too",
    "conflict",
)
SHARED = Reason(
    "has the same queueing lock as another of the staged jobs. Only one of them can wait.",
    "another of the staged jobs has the same queueing lock, and only one can wait",
    "conflict",
)


@dataclass(frozen=True, slots=True)
class Part:
    """What becomes of one entry, at `position` in the set.

    `plan` has the jobs that can be acted upon, `left` the others with the reasons. `problem`: why none can, or why
    a new job cannot be deferred.
    """

    position: int
    entry: Staged
    plan: Plan | None = None
    left: tuple[Group, ...] = ()
    problem: str | None = None

    @property
    def ready(self) -> int:
        """How many of its jobs can be acted upon."""
        if isinstance(self.entry, StagedDefer):
            return int(self.problem is None)
        return self.plan.total if self.plan is not None else 0

    @property
    def is_ready(self) -> bool:
        """Whether all of them can."""
        return self.problem is None and self.ready == self.entry.count

    def as_they_are(self) -> Staged:
        """The entry, without the jobs that cannot be acted upon, and with those that have changed as they are now."""
        if self.plan is None or isinstance(self.entry, StagedDefer):
            return self.entry
        changed = (batch for group in self.left if group.reason == CHANGED for batch in group.batches)
        batches = (*self.plan.batches.values(), *changed)
        versions = {
            job_id: version for batch in batches for job_id, version in zip(batch.ids, batch.versions, strict=True)
        }
        return StagedChange(self.entry.change, versions)


@dataclass(frozen=True, slots=True)
class SetPlan:
    """What a set would do as of `as_of` (the server's clock, aware). `parts` are in the set's order."""

    staged: ChangeSet
    capabilities: Capabilities
    parts: tuple[Part, ...]
    as_of: dt.datetime | None = None
    is_complete: bool = True

    @property
    def is_ready(self) -> bool:
        """Whether everything can be done. Only then it can be applied."""
        return self.is_complete and bool(self.parts) and all(part.is_ready for part in self.parts)

    @property
    def ready(self) -> int:
        """How many jobs can be acted upon, the new ones included."""
        return sum(part.ready for part in self.parts)

    @property
    def at_risk(self) -> int:
        """How many of them may still be running."""
        return sum(part.plan.at_risk for part in self.parts if part.plan is not None)

    def in_order(self) -> list[Part]:
        """The parts in the order in which they are applied."""
        return [self.parts[position] for position in self.staged.order()]

    def as_they_are(self) -> ChangeSet:
        """The set with what can be done of it now; new jobs that cannot be deferred stay, to be edited."""
        return ChangeSet(tuple(entry for part in self.parts if (entry := part.as_they_are()).count))


def look(staged: ChangeSet, capabilities: Capabilities, *, is_read_only: bool = False) -> Steps[SetPlan]:
    """Look at every job of the set and tell what would be done. Its progress counts jobs. Raises ConnectorException."""
    return (yield from _Look(staged, capabilities, is_read_only).run())


@dataclass(slots=True)
class _Look:
    staged: ChangeSet
    capabilities: Capabilities
    is_read_only: bool
    parts: dict[int, Part] = field(default_factory=dict)
    #: Jobs that cease to wait, and the queueing locks that staged jobs will wait with.
    freed: set[int] = field(default_factory=set)
    locks: set[str] = field(default_factory=set)
    as_of: dt.datetime | None = None
    at: int = 0
    is_going: bool = True

    def run(self) -> Steps[SetPlan]:
        first = self._first_positions()
        holders = yield _waiting_with(self._new_locks())
        for position in self.staged.order():
            entry = self.staged.entries[position]
            if isinstance(entry, StagedChange):
                part = yield from self._change(position, entry, first)
            else:
                part = Part(position, entry, problem=self._problem(entry.job, holders))
            self.parts[position] = part
            if not self.is_going:
                return SetPlan(self.staged, self.capabilities, (), is_complete=False)
            self.at += entry.count
        parts = tuple(self.parts[position] for position in range(len(self.staged.entries)))
        return SetPlan(self.staged, self.capabilities, parts, self.as_of)

    def _first_positions(self) -> dict[int, int]:
        """By job the first entry that has it."""
        found: dict[int, int] = {}
        for position, entry in enumerate(self.staged.entries):
            if isinstance(entry, StagedChange):
                for job_id in entry.versions:
                    found.setdefault(job_id, position)
        return found

    def _new_locks(self) -> list[str]:
        locks = {entry.job.queueing_lock for entry in self.staged.entries if isinstance(entry, StagedDefer)}
        return sorted(lock for lock in locks if lock is not None)

    # Changes

    def _change(self, position: int, entry: StagedChange, first: dict[int, int]) -> Steps[Part]:
        looking = plan(Chosen(tuple(entry.versions)), entry.change, self.capabilities, is_read_only=self.is_read_only)
        fresh = yield from relayed(looking, self._send)
        self.is_going = self.is_going and fresh.is_complete
        if fresh.problem is not None or not self.is_going:
            return Part(position, entry, problem=fresh.problem)
        self.as_of = fresh.as_of
        locks, holders = yield from self._locks_of(fresh)
        possible = replace(fresh, batches={})
        left: dict[tuple[Facts | None, Reason], Batch] = {}
        for facts, job_id, version in _jobs(fresh):
            now, reason = self._judge(entry, facts, holders.get(job_id))
            if reason is None and version != entry.versions[job_id]:
                reason = CHANGED
            if reason is None and first[job_id] != position:
                reason = TWICE
            lock = locks.get(job_id)
            if reason is None and lock is not None and lock in self.locks:
                reason = SHARED
            if reason is not None:
                left.setdefault((now, reason), Batch()).add([job_id], [version])
                continue
            possible.batches.setdefault(now, Batch()).add([job_id], [version])
            if lock is not None:
                self.locks.add(lock)
        if entry.action in FREES:
            self.freed.update(job_id for batch in possible.batches.values() for job_id in batch.ids)
        groups = tuple(
            Group(facts.status if facts else None, reason, (batch,)) for (facts, reason), batch in left.items()
        )
        return Part(position, entry, possible, groups)

    def _judge(
        self, entry: StagedChange, facts: Facts | None, holder: int | None
    ) -> tuple[Facts | None, Reason | None]:
        """A job's facts as they will be once earlier entries are applied, and why it cannot be acted upon."""
        if facts is None:
            return None, GONE
        if facts.is_lock_taken and holder in self.freed:
            facts = replace(facts, is_lock_taken=False)
        reason = verdict(entry.action, facts, self.capabilities, change=entry.change)
        if facts.is_lock_taken and holder is not None and reason is not None and reason.kind == "conflict":
            reason = taken_by(holder)
        return facts, reason

    def _locks_of(self, fresh: Plan) -> Steps[tuple[dict[int, str], dict[int, int]]]:
        """The queueing locks of jobs to be retried, and by job the waiting one that has its lock."""
        locks: dict[int, str] = {}
        holders: dict[int, int] = {}
        if not isinstance(fresh.change, Retry):
            return locks, holders
        for facts, batch in fresh.batches.items():
            for start in range(0, len(batch.ids) if facts is not None else 0, IDS_AT_ONCE):
                ids = list(batch.ids[start : start + IDS_AT_ONCE])
                locks.update((yield _queueing_locks(ids)))
                if facts is not None and facts.is_lock_taken:
                    holders.update((yield lock_holders(ids)))
        return locks, holders

    def _send(self, step: Step) -> Steps[Any]:
        if isinstance(step, Progress):
            step = Progress(self.at + step.at, self.staged.jobs)
        return (yield step)

    # New jobs

    def _problem(self, job: Job, holders: dict[str, int]) -> str | None:
        problem = impossible(Action.DEFER, self.capabilities, is_read_only=self.is_read_only)
        problem = problem or check_queue_name(job.queue, self.capabilities.queue_name_limit_bytes)
        if problem is not None:
            return problem
        try:
            statements.defer(self.capabilities, [job])
        except JobdeskException as error:
            return str(error)
        lock = job.queueing_lock
        if lock is None:
            return None
        if lock in self.locks:
            return f"Another of the staged jobs has the queueing lock {lock}, and only one can wait."
        holder = holders.get(lock)
        if holder is not None and holder not in self.freed:
            return (
                f"The queueing lock {lock} was taken by job #{holder:,}, which is waiting. "
                "Stage its cancellation too, or choose another queueing lock."
            )
        self.locks.add(lock)
        return None


def _jobs(fresh: Plan) -> Iterator[tuple[Facts | None, int, int]]:
    """Every job with its facts and the version of its row; -1 for those that are never acted upon."""
    for facts, batch in fresh.batches.items():
        versions: Iterable[int] = batch.versions if batch.versions else [-1] * len(batch.ids)
        for job_id, version in zip(batch.ids, versions, strict=True):
            yield facts, job_id, version


def _queueing_locks(ids: Sequence[int]) -> Statement[dict[int, str]]:
    return Statement(
        "SELECT id, queueing_lock FROM procrastinate_jobs "
        "WHERE id = ANY (%(ids)s::bigint[]) AND queueing_lock IS NOT NULL",
        lambda rows: {row["id"]: row["queueing_lock"] for row in rows},
        {"ids": list(ids)},
    )


def _waiting_with(locks: Sequence[str]) -> Statement[dict[str, int]]:
    """By queueing lock the waiting job that has it."""
    return Statement(
        "SELECT id, queueing_lock FROM procrastinate_jobs "
        "WHERE queueing_lock = ANY (%(locks)s::text[]) AND status = 'todo'",
        lambda rows: {row["queueing_lock"]: row["id"] for row in rows},
        {"locks": list(locks)},
    )
