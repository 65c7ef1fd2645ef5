"""Staged changes: collected, looked at together, and carried out in one transaction, all of them or none.

changes = ChangeSet()
changes.add(made)  # a plan, or a new job
result = await run_async(apply_staged(changes.all, capabilities), connector, is_one_transaction=True)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import ConnectorException, JobdeskException, cause_text
from jobdesk_core.jobs import Job, Status
from jobdesk_core.operations.apply import apply
from jobdesk_core.operations.defer import defer
from jobdesk_core.operations.ledger import Entry, Ledger, Result
from jobdesk_core.operations.plan import Plan, plan
from jobdesk_core.operations.rules import CHANGED, GONE, SHARED
from jobdesk_core.operations.steps import Progress, Steps, T
from jobdesk_core.operations.targets import Chosen

#: Jobs told one by one in a preview, of each change; the rest is a number.
TOLD = 50
_IDS_AT_ONCE = 5_000
_NOT_REACHED = "It was not reached, and is as it was."
_ROLLED_BACK = "It was not deferred: everything was rolled back."


@dataclass(frozen=True, slots=True)
class Staged:
    """A change of jobs, with the versions that their rows had when it was staged; or a new job."""

    number: int
    content: Plan | Job

    @property
    def count(self) -> int:
        """How many jobs it is about."""
        return self.content.ready if isinstance(self.content, Plan) else 1

    def ids(self) -> Iterator[int]:
        """The jobs that it changes."""
        for job_id, _ in self.versions():
            yield job_id

    def versions(self) -> Iterator[tuple[int, int]]:
        """The jobs that it changes, each with the version of its row."""
        if isinstance(self.content, Plan):
            for _, batch in self.content.acted():
                yield from zip(batch.ids, batch.versions, strict=True)


class ChangeSet:
    """The changes that are staged on one connection, in the order in which they will be carried out."""

    def __init__(self) -> None:
        self.all: list[Staged] = []
        self._last = 0

    def add(self, content: Plan | Job) -> Staged:
        """Stage what is ready in a plan, or a new job. Raises ValueError for a plan with nothing to do."""
        if isinstance(content, Plan):
            if not content.is_complete or not content.ready or content.problem is not None:
                raise ValueError("This plan has nothing that can be staged.")
            # What its preflight leaves alone is no part of it.
            content = replace(content, batches=dict(content.acted()))
        self._last += 1
        staged = Staged(self._last, content)
        self.all.append(staged)
        return staged

    def remove(self, number: int) -> None:
        """Take one change out."""
        self.all = [staged for staged in self.all if staged.number != number]

    def clear(self) -> None:
        """Throw all of them away."""
        self.all = []


@dataclass(slots=True)
class Outlook:
    """What would become of a staged change now: `troubles` are its jobs that would keep the set from being applied.

    Of them `entries` holds the first ones.
    """

    staged: Staged
    troubles: int = 0
    entries: list[Entry] = field(default_factory=list)

    def add(self, job_id: int, sentence: str, status: Status | None = None) -> None:
        """Note a job that stands in the way."""
        self.troubles += 1
        if len(self.entries) < TOLD:
            self.entries.append(Entry(job_id, Result.REFUSED, sentence, status))


def preview(
    staged: Sequence[Staged], capabilities: Capabilities, *, is_read_only: bool = False
) -> Steps[list[Outlook]]:
    """Look at every change again, and at all of them together; nothing is changed.

    Raises ConnectorException. A preview that is stopped tells what it has seen.
    """
    outlooks = [Outlook(each) for each in staged]
    _tell_twice(outlooks)
    for outlook in outlooks:
        content = outlook.staged.content
        if isinstance(content, Plan):
            ids = tuple(outlook.staged.ids())
            now = yield from plan(Chosen(ids), content.change, capabilities, is_read_only=is_read_only)
            _tell_changed(outlook, now)
    yield from _tell_locks(outlooks)
    return outlooks


def _tell_twice(outlooks: Sequence[Outlook]) -> None:
    """The same job in two changes: after the first it is no longer what the second was staged for."""
    meant: dict[int, int] = {}
    for position, outlook in enumerate(outlooks, 1):
        for job_id in outlook.staged.ids():
            first = meant.setdefault(job_id, position)
            if first != position:
                outlook.add(job_id, f"Job {job_id} is in change {first} too. Remove one of the two.")


def _tell_changed(outlook: Outlook, now: Plan) -> None:
    if now.problem is not None:
        outlook.add(0, now.problem)
        return
    seen = dict(outlook.staged.versions())
    for group in now.groups:
        for batch in group.batches:
            if group.status is None:
                for job_id in batch.ids:
                    outlook.add(job_id, GONE.of(job_id))
                continue
            # Of jobs that are never acted upon the plan reads no versions.
            versions = batch.versions or [None] * len(batch.ids)
            for job_id, version in zip(batch.ids, versions, strict=True):
                if group.reason is not None and group.reason.kind != "skipped":
                    outlook.add(job_id, group.reason.of(job_id), group.status)
                elif version != seen[job_id]:
                    reason = group.reason or CHANGED
                    outlook.add(job_id, reason.of(job_id), group.status)


def _tell_locks(outlooks: Sequence[Outlook]) -> Steps[None]:
    """Queueing locks that two of the set would wait with, or that a waiting job outside the set has."""
    taken: dict[str, int | None] = {}
    freed: set[int] = set()
    for outlook in outlooks:
        content = outlook.staged.content
        if isinstance(content, Job):
            yield from _tell_new_job(outlook, content, taken, freed)
        elif content.change.action.value in ("retry", "rescue"):
            for job_id, lock in (yield from _locks_of(outlook.staged)):
                if lock in taken:
                    outlook.add(job_id, SHARED.of(job_id))
                taken.setdefault(lock, job_id)
        elif content.change.action.value in ("cancel", "delete"):
            freed.update(outlook.staged.ids())


def _tell_new_job(outlook: Outlook, job: Job, taken: dict[str, int | None], freed: set[int]) -> Steps[None]:
    lock = job.queueing_lock
    if lock is None:
        return
    holder = yield _waiting_with(lock)
    if lock in taken:
        outlook.add(0, f"Another of these changes takes the queueing lock {lock}. Only one job can wait with it.")
    elif holder is not None and holder not in freed:
        outlook.add(0, f"The queueing lock {lock} is taken by job #{holder:,}, which is waiting.")
    taken.setdefault(lock, None)


def _waiting_with(lock: str) -> Statement[int | None]:
    return Statement(
        "SELECT id FROM procrastinate_jobs WHERE queueing_lock = %(lock)s AND status = 'todo'",
        lambda rows: rows[0]["id"] if rows else None,
        {"lock": lock},
    )


def _locks_of(staged: Staged) -> Steps[list[tuple[int, str]]]:
    ids, found = list(staged.ids()), []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        found += yield Statement(
            "SELECT id, queueing_lock FROM procrastinate_jobs "
            "WHERE id = ANY (%(ids)s::bigint[]) AND queueing_lock IS NOT NULL ORDER BY id",
            lambda rows: [(row["id"], row["queueing_lock"]) for row in rows],
            {"ids": ids[start : start + _IDS_AT_ONCE]},
        )
    return found


@dataclass(slots=True)
class Part:
    """What became of one staged change: the ledger of its jobs, or the one entry of a new job (0 without an id)."""

    staged: Staged
    ledger: Ledger | None = None
    new_job: Entry | None = None
    conflicts: list[Entry] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether all of it was done."""
        if self.ledger is not None:
            return self.ledger.counts[Result.DONE] == self.staged.count
        return self.new_job is not None and self.new_job.result is Result.DONE

    def entries(self) -> Iterator[Entry]:
        """Every job's outcome."""
        if self.ledger is not None:
            yield from self.ledger.entries()
        elif self.new_job is not None:
            yield self.new_job
        else:
            yield from self.conflicts
            told = {entry.job_id for entry in self.conflicts}
            for job_id in self.staged.ids() if isinstance(self.staged.content, Plan) else (0,):
                if job_id not in told:
                    yield Entry(job_id, Result.NOT_REACHED, _NOT_REACHED)


@dataclass(slots=True)
class StagedResult:
    """What became of the set. When it `is_applied` all of it was done, or else nothing was changed."""

    parts: list[Part]
    is_applied: bool = False
    error: Exception | None = None

    def roll_back(self) -> None:
        """Note that whatever had been done is undone."""
        for part in self.parts:
            if part.ledger is not None:
                part.ledger.roll_back()
            elif part.new_job is not None and part.new_job.result is Result.DONE:
                part.new_job = Entry(0, Result.ROLLED_BACK, _ROLLED_BACK)

    def refused(self) -> Iterator[tuple[Staged, Entry]]:
        """The jobs that kept the set from being applied, each with its reason."""
        harmless = (Result.DONE, Result.ROLLED_BACK, Result.NOT_REACHED)
        for part in self.parts:
            yield from ((part.staged, entry) for entry in part.entries() if entry.result not in harmless)


class NotApplied(JobdeskException):
    """Nothing was changed: the transaction of the staged changes was rolled back. `result` tells of each job."""

    def __init__(self, result: StagedResult) -> None:
        cause = f" {cause_text(result.error)}" if result.error is not None else ""
        super().__init__(f"Nothing was changed: everything was rolled back.{cause}")
        self.result = result


def apply_staged(
    staged: Sequence[Staged], capabilities: Capabilities, *, is_read_only: bool = False
) -> Steps[StagedResult]:
    """Carry all of it out. To be run in one transaction, which has to end with NotApplied when that is raised.

    What the database refuses is told for each job, for it goes on to the end; unless the link breaks. Its
    progress counts jobs, and a stop rolls back. Workers are told at the commit.
    """
    result = StagedResult([Part(each) for each in staged])
    twice = [Outlook(each) for each in staged]
    _tell_twice(twice)
    if any(outlook.troubles for outlook in twice):
        for part, outlook in zip(result.parts, twice, strict=True):
            part.conflicts = outlook.entries
        raise NotApplied(result)
    try:
        yield from _carry_out_all(result, capabilities, is_read_only)
    except ConnectorException as error:
        result.error = error  # the link broke before the commit
    if not all(part.is_done for part in result.parts):
        result.roll_back()
        raise NotApplied(result) from result.error
    result.is_applied = True
    return result


def _carry_out_all(result: StagedResult, capabilities: Capabilities, is_read_only: bool) -> Steps[None]:
    of, at = sum(part.staged.count for part in result.parts), 0
    for part in result.parts:
        yield from _shifted(_carry_out(part, capabilities, is_read_only), at, of)
        at += part.staged.count
        if part.ledger is not None and (part.ledger.error is not None or part.ledger.is_stopped):
            result.error = part.ledger.error
            return


def _carry_out(part: Part, capabilities: Capabilities, is_read_only: bool) -> Steps[None]:
    content = part.staged.content
    if isinstance(content, Plan):
        part.ledger = yield from _on_savepoints(apply(content))
        return
    try:
        outcome = yield from _on_savepoints(defer(content, capabilities, is_read_only=is_read_only))
    except ConnectorException as error:
        if error.sqlstate is None:
            raise
        part.new_job = Entry(0, Result.REFUSED, f"The new job was refused by the database: {cause_text(error)}")
        return
    result = Result.DONE if outcome.is_done else Result.REFUSED
    part.new_job = Entry(outcome.job_id or 0, result, outcome.sentence)


def _on_savepoints(steps: Steps[T]) -> Steps[T]:
    """The same, with each statement on a savepoint: one that is refused leaves the transaction alive."""
    resume, value = steps.send, None
    while True:
        try:
            step = resume(value)
        except StopIteration as end:
            result: T = end.value
            return result
        resume = steps.send
        if isinstance(step, Progress):
            value = yield step
            continue
        yield _command("SAVEPOINT jobdesk_staged")
        try:
            value = yield step
        except ConnectorException as error:
            if error.sqlstate is not None:
                yield _command("ROLLBACK TO SAVEPOINT jobdesk_staged")
            resume, value = steps.throw, error
        else:
            yield _command("RELEASE SAVEPOINT jobdesk_staged")


def _command(sql: str) -> Statement[None]:
    return Statement(sql, nothing)


def _shifted(steps: Steps[T], before: int, of: int) -> Steps[T]:
    """The same, with its progress counted in the whole set."""
    resume, value = steps.send, None
    while True:
        try:
            step = resume(value)
        except StopIteration as end:
            result: T = end.value
            return result
        resume = steps.send
        try:
            value = yield Progress(before + step.at, of, before + step.done) if isinstance(step, Progress) else step
        except JobdeskException as error:
            resume, value = steps.throw, error
