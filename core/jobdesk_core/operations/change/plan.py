"""The preflight: what an action would do to which jobs, counted exactly, and nothing changed yet.

It fixes the jobs: what comes to match later is not acted upon, and what changes meanwhile is skipped.
"""

from __future__ import annotations

import datetime as dt
import time
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobdesk_core.chunk_size import ChunkSize
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.database.rows import VERSION, jobs_table
from jobdesk_core.jobs import Status
from jobdesk_core.operations.change.changes import Change, Fail, Purge, Retry
from jobdesk_core.operations.change.job_facts import FACTS, facts_columns, facts_of, facts_parameters
from jobdesk_core.operations.change.rules import GONE, Facts, Reason, impossible, verdict
from jobdesk_core.operations.change.targets import Chosen, Target
from jobdesk_core.operations.steps import Progress, Steps

#: How long one stretch of ids should take, in seconds, and how wide it is at first, at most and at least.
AIM_S = 0.3
FIRST_IDS, MOST_IDS, FEWEST_IDS = 100_000, 2_000_000, 50
#: Jobs of one fate that a stretch hands over, for the window's thread reads them; a fuller one is asked anew, narrower.
MOST_AT_ONCE = 100_000
#: How many times wider the next stretch is at most, when the last one was fast.
FASTEST_GROWTH = 8
#: Chosen ids in one statement.
IDS_AT_ONCE = 5_000


@dataclass(slots=True)
class Batch:
    """Jobs of the same facts: their ids, and beside each the version of its row; none for those never acted upon."""

    ids: array[int] = field(default_factory=lambda: array("q"))
    versions: array[int] = field(default_factory=lambda: array("q"))

    def add(self, ids: Iterable[int], versions: Iterable[int]) -> None:
        """Take more jobs in."""
        self.ids.extend(ids)
        self.versions.extend(versions)


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs with one fate. `reason` is None for those that will be acted upon, `status` None for those not there."""

    status: Status | None
    reason: Reason | None
    batches: tuple[Batch, ...]

    @property
    def count(self) -> int:
        """How many jobs."""
        return sum(len(batch.ids) for batch in self.batches)

    def first_ids(self, limit: int = 50) -> list[int]:
        """The ids of the first jobs."""
        return [job_id for batch in self.batches for job_id in batch.ids[:limit]][:limit]


@dataclass(frozen=True, slots=True)
class Plan:
    """What `change` would do to the jobs of `target`, as of `as_of` (the server's clock, aware).

    `problem`: why nothing can be done at all. One that was stopped is not complete, and cannot be carried out.
    """

    target: Target
    change: Change
    capabilities: Capabilities
    as_of: dt.datetime | None = None
    batches: dict[Facts | None, Batch] = field(default_factory=dict)
    is_complete: bool = True
    problem: str | None = None

    @property
    def groups(self) -> list[Group]:
        """The jobs by status and fate: first those that will be acted upon, then the most numerous."""
        found: dict[tuple[Status | None, Reason | None], list[Batch]] = {}
        for facts, batch in self.batches.items():
            reason = GONE if facts is None else self.verdict_on(facts)
            found.setdefault((facts.status if facts else None, reason), []).append(batch)
        groups = [Group(status, reason, tuple(batches)) for (status, reason), batches in found.items()]
        return sorted(groups, key=lambda group: (group.reason is not None, -group.count))

    @property
    def ready(self) -> int:
        """How many jobs will be acted upon."""
        return sum(group.count for group in self.groups if group.reason is None)

    @property
    def total(self) -> int:
        """How many jobs are meant."""
        return sum(len(batch.ids) for batch in self.batches.values())

    @property
    def at_risk(self) -> int:
        """How many of the jobs to be retried, or marked as failed, a worker may be running."""
        if not isinstance(self.change, Retry | Fail):
            return 0
        return sum(len(batch.ids) for facts, batch in self.acted() if facts.may_run(self.capabilities))

    @property
    def endangered(self) -> int:
        """How many jobs will be skipped unless the act is forced."""
        return sum(group.count for group in self.groups if group.reason is not None and group.reason.kind == "danger")

    def acted(self) -> list[tuple[Facts, Batch]]:
        """The jobs that will be acted upon, by their facts."""
        held = [(facts, batch) for facts, batch in self.batches.items() if facts is not None]
        return [(facts, batch) for facts, batch in held if self.verdict_on(facts) is None and self.problem is None]

    def with_change(self, change: Change) -> Plan | None:
        """The plan with other options of the same action, or None when the jobs must be looked at anew for them."""
        if not (isinstance(change, Retry | Fail) and change.action is self.change.action):
            return self if change == self.change else None
        problem = impossible(change.action, self.capabilities, change=change)
        return replace(self, change=change, problem=problem)

    def verdict_on(self, facts: Facts) -> Reason | None:
        """Why jobs of these facts are skipped, or None when they will be acted upon."""
        return verdict(self.change.action, facts, self.capabilities, change=self.change)


def plan(target: Target, change: Change, capabilities: Capabilities, *, is_read_only: bool = False) -> Steps[Plan]:
    """Look at every job that is meant and tell what would be done. Changes nothing.

    Its progress counts ids. Raises ConnectorException, or CapabilityMissing for a filter that this release
    cannot answer.
    """
    draft = Plan(target, change, capabilities)
    problem = impossible(change.action, capabilities, change=change, is_read_only=is_read_only)
    if problem is not None:
        return replace(draft, problem=problem)
    preflight = _Preflight(draft)
    is_complete = yield from (preflight.chosen(target) if isinstance(target, Chosen) else preflight.matching())
    return replace(draft, is_complete=is_complete, as_of=preflight.as_of)


class _Preflight:
    def __init__(self, draft: Plan) -> None:
        self._plan = draft
        self.as_of: dt.datetime | None = None
        #: Hashes of the queueing locks that jobs to be acted upon will have.
        self._locks: set[int] = set()

    def chosen(self, target: Chosen) -> Steps[bool]:
        ids = list(dict.fromkeys(target.job_ids))
        _, _, self.as_of = yield _bounds(0, -1)
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = ids[start : start + IDS_AT_ONCE]
            found = yield self._stretch("job.id = ANY (%(ids)s::bigint[])", {"ids": some})
            self._take(found)
            held = {job_id for row in found for job_id in row["ids"]}
            gone = [job_id for job_id in some if job_id not in held]
            if gone:
                self._plan.batches.setdefault(None, Batch()).add(gone, ())
            if not (yield Progress(start + len(some), len(ids))):
                return False
        return True

    def matching(self) -> Steps[bool]:
        assert not isinstance(self._plan.target, Chosen)
        job_filter = self._plan.target.job_filter
        condition, parameters = job_filter.condition(self._plan.capabilities)
        first, last, self.as_of = yield _bounds(*job_filter.ids.ends)
        low, width = first, ChunkSize(FIRST_IDS, FEWEST_IDS, MOST_IDS, AIM_S)
        while low is not None and low <= last:
            high = min(last, low + width.size - 1)
            started = time.monotonic()
            try:
                found = yield self._stretch(
                    f"job.id BETWEEN %(low)s::bigint AND %(high)s::bigint AND ({condition})",
                    parameters | {"low": low, "high": high},
                )
            except StatementTooLong:
                if width.is_least:
                    raise
                width.shrink(16)
                continue
            if any(row["ids"] is None for row in found):
                width.size = MOST_AT_ONCE
                continue
            self._take(found)
            # No gap is looked through, neither of the filter nor of the table; narrow ones are not worth the question.
            low = job_filter.ids.nearest(high + 1, is_down=False)
            if not found and width.size == MOST_IDS and low is not None:
                low = (yield _bounds(low, last))[0]
            _adapt(width, time.monotonic() - started, sum(len(row["ids"]) for row in found))
            if not (yield Progress(high - first + 1, last - first + 1)):
                return False
        return True

    def _stretch(self, condition: str, parameters: dict[str, Any]) -> Statement[Rows]:
        change, capabilities = self._plan.change, self._plan.capabilities
        lock = "hashtextextended(job.queueing_lock, 0)" if isinstance(change, Retry) else "NULL::bigint"
        facts = ", ".join(FACTS)
        arrays = {
            # Both in the same order, whichever it is: to sort here, by texts of the facts first, took most of the time.
            "ids": "array_agg(id)",
            "versions": "array_agg(version) FILTER (WHERE status = ANY (%(acted)s::text[]))",
            "locks": "array_agg(lock) FILTER (WHERE lock IS NOT NULL)",
            "locked": "array_agg(id) FILTER (WHERE lock IS NOT NULL)",
        }
        names = (*FACTS, *arrays)
        few = ", ".join(f"CASE WHEN count(*) <= %(most)s THEN {sql} END AS {name}" for name, sql in arrays.items())
        return Statement(
            f"SELECT {facts}, {few} "
            f"FROM (SELECT job.id, job.{VERSION} AS version, {lock} AS lock, {facts_columns(change, capabilities)} "
            f"FROM {jobs_table(capabilities)} WHERE {condition}) AS found GROUP BY {facts}",
            lambda rows: [dict(zip(names, row, strict=True)) for row in rows],
            parameters | facts_parameters(change) | {"acted": _acted(change, capabilities), "most": MOST_AT_ONCE},
            is_page=True,
        )

    def _take(self, rows: Rows) -> None:
        """Sort the jobs of one stretch in."""
        draft = self._plan
        for row in rows:
            facts, (ids, versions) = facts_of(row), _sorted(row["ids"], row["versions"] or [])
            shared: set[int] = set()
            if row["locks"] and verdict(draft.change.action, facts, draft.capabilities, change=draft.change) is None:
                shared = self._shared(row["locked"], row["locks"])
            if not shared:
                draft.batches.setdefault(facts, Batch()).add(ids, versions)
                continue
            for is_shared in (False, True):
                pairs = [pair for pair in zip(ids, versions, strict=True) if (pair[0] in shared) is is_shared]
                batch = draft.batches.setdefault(replace(facts, is_lock_shared=is_shared), Batch())
                batch.add((job_id for job_id, _ in pairs), (version for _, version in pairs))

    def _shared(self, ids: Sequence[int], locks: Sequence[int]) -> set[int]:
        """Those whose queueing lock an earlier one of the jobs will have."""
        found = set()
        for job_id, lock in sorted(zip(ids, locks, strict=True)):
            if lock in self._locks:
                found.add(job_id)
            self._locks.add(lock)
        return found


def _sorted(ids: list[int], versions: list[int]) -> tuple[list[int], list[int]]:
    """By id, in which order they mostly come."""
    in_order = sorted(ids)
    if in_order == ids:
        return ids, versions
    by_id = dict(zip(ids, versions, strict=True)) if versions else {}
    return in_order, [by_id[job_id] for job_id in in_order] if versions else versions


def _acted(change: Change, capabilities: Capabilities) -> list[str]:
    """The statuses in which a job may be acted upon, if need be by force."""
    if isinstance(change, Purge):
        return [status.value for status in change.statuses]
    found = []
    for status in Status:
        reason = verdict(change.action, Facts(status), capabilities, change=change)
        if reason is None or reason.kind == "danger":
            found.append(status.value)
    return found


def _adapt(width: ChunkSize, seconds: float, found: int) -> None:
    """Choose the width of the next stretch, after one that took so long and held so many jobs."""
    if seconds > AIM_S:
        width.shrink(2)
    else:
        width.grow(min(FASTEST_GROWTH, AIM_S / 2 / seconds, MOST_AT_ONCE / max(found, 1)))


def _bounds(low: int, high: int) -> Statement[tuple[int | None, int, dt.datetime]]:
    """The lowest and the highest id within these, and the server's time."""
    return Statement(
        "SELECT min(id) AS low, max(id) AS high, now() AS now FROM procrastinate_jobs "
        "WHERE id BETWEEN %(low)s::bigint AND %(high)s::bigint",
        lambda rows: (rows[0][0], rows[0][1] or 0, rows[0][2]),
        {"low": low, "high": high},
        is_page=True,
    )
