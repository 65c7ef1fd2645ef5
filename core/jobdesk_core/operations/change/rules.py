"""Whether an action is possible on a job, and if not, why. One source for the click, the preflight and the act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow
from jobdesk_core.jobs import Status
from jobdesk_core.operations.change.changes import Action, Change, Fail, Purge, Reprioritise, Retry
from jobdesk_core.troubles import check_queue_name

READ_ONLY = "This connection is read-only. Its profile says so."
_RUNNING = (Status.DOING, Status.ABORTING)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules ask of a job.

    `is_worker_unresponsive`: its worker is registered, but has sent no heartbeat for long. It may run the job all the
    same: one that is shutting down sends none until its jobs have ended. A running job whose worker is neither alive
    nor unresponsive has none: it is orphaned.
    `is_lock_taken`: another waiting job has its queueing lock; `is_lock_shared`: another of the jobs meant does.
    `is_moot`: nothing would change, or for a purge the job is too young.
    """

    status: Status
    is_aborting: bool = False
    is_worker_alive: bool = False
    is_lock_taken: bool = False
    is_moot: bool = False
    is_lock_shared: bool = False
    is_worker_unresponsive: bool = False

    def may_run(self, capabilities: Capabilities) -> bool:
        """Whether a worker may be running the job, as far as the database knows."""
        is_known = capabilities.has_workers and not (self.is_worker_alive or self.is_worker_unresponsive)
        return self.status in _RUNNING and not is_known


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job is skipped: said of one job, after its name, and of many, after their number.

    A `danger` can be forced. A `conflict` is with another job. A `change` is one that came in between.
    """

    one: str
    many: str
    kind: Literal["skipped", "change", "conflict", "danger"] = "skipped"

    def of(self, job_id: int) -> str:
        """The reason as a sentence about one job."""
        return f"Job {job_id} {self.one}"


GONE = Reason("is no longer there: someone deleted it.", "no longer there: deleted, or never been", "change")
CHANGED = Reason("has changed since it was listed. It was skipped.", "changed since they were listed", "change")
BUSY = Reason(
    "is held by another transaction just now. Try again in a moment.", "held by another transaction just now", "change"
)
TAKEN = Reason(
    "would wait with a queueing lock that another waiting job has. Cancel that one first.",
    "their queueing lock is taken by a waiting job",
    "conflict",
)
SHARED = Reason(
    "has the same queueing lock as another of these jobs. Only one of them can wait.",
    "another of these jobs has the same queueing lock, and only one can wait",
    "conflict",
)
ALIVE = Reason(
    "is running and its worker is alive: it would run twice at once.",
    "running on a live worker: would run twice",
    "danger",
)
UNRESPONSIVE = Reason(
    "is running on an unresponsive worker, which may still run it.",
    "on an unresponsive worker, possibly still running",
    "danger",
)
UNRECORDED = Reason(
    "is running, and this release does not record whether its worker lives: it may run twice at once.",
    "running, and this release does not record whether their worker lives",
    "danger",
)


def impossible(
    action: Action, capabilities: Capabilities, *, change: Change | None = None, is_read_only: bool = False
) -> str | None:
    """Why this profile, role or database does not allow the action, with the options of `change`, on any job."""
    if is_read_only:
        return READ_ONLY
    if capabilities.is_standby:
        return "This server is a read-only standby."
    rights = capabilities.rights
    if action is Action.DEFER:
        return rights.defer
    release = f"Procrastinate {capabilities.release}"
    if action in (Action.CANCEL, Action.ABORT, Action.DELETE):
        if not capabilities.can_cancel:
            # Both came later than the function.
            is_missing = capabilities.has_workers or capabilities.can_change_on_retry
            why = " here: its function is missing." if is_missing else "; releases from 2.7 on can."
            return f"{release} cannot cancel jobs{why}"
        return rights.read or rights.cancel or (rights.delete if action is Action.DELETE else None)
    if action is Action.PURGE:
        return rights.read or rights.retry or rights.delete
    if action is Action.RESCUE and not capabilities.has_workers:
        return f"{release} does not record which workers live; releases from 3.1 on do."
    if action is Action.FAIL and capabilities.function("finish") is None:
        return f"{release} cannot finish jobs here: its function is missing."
    if action is Action.REPRIORITISE and not capabilities.has_priority:
        return f"{release} has no priorities; releases from 2.5 on do."
    return rights.read or rights.retry or _option_refusal(change, capabilities)


def _option_refusal(change: Change | None, capabilities: Capabilities) -> str | None:
    if isinstance(change, Retry) and change.has_changes and not capabilities.can_change_on_retry:
        return (
            f"Procrastinate {capabilities.release} cannot change a priority, queue or lock on a retry; "
            "releases from 2.9 on can."
        )
    if isinstance(change, Retry) and change.queue is not None:
        return check_queue_name(change.queue, capabilities.queue_name_limit_bytes)
    return None


def refusal(
    action: Action,
    row: JobRow | None,
    capabilities: Capabilities,
    *,
    live_worker_ids: frozenset[int] = frozenset(),
    is_read_only: bool = False,
) -> str | None:
    """The reason why `action` is not possible on `row`, or None. `row` is None for a new job only.

    What can be forced is possible: the preflight shows the danger.
    """
    missing = impossible(action, capabilities, is_read_only=is_read_only)
    if missing is not None or action is Action.DEFER:
        return missing
    assert row is not None
    is_alive = row.worker_id is not None and row.worker_id in live_worker_ids
    is_aborting = row.status is Status.ABORTING or (row.abort_requested and row.status is Status.DOING)
    facts = Facts(row.status, is_aborting, is_alive, is_moot=action is Action.RUN_NOW and row.scheduled_at is None)
    reason = verdict(action, facts, capabilities)
    return None if reason is None or reason.kind == "danger" else reason.of(row.id)


def verdict(action: Action, facts: Facts, capabilities: Capabilities, *, change: Change | None = None) -> Reason | None:
    """Why a job of these facts is skipped, or None when it is acted upon.

    The rules are the state table of the database functions, and one of ours: a running job whose worker is alive, or
    may be, is retried only by force, for it would run twice at once.
    """
    if not facts.status.is_known:
        words = f"a status that Jobdesk does not know: {facts.status.value}"
        return Reason(f"has {words}.", words)
    if action is Action.RETRY:
        return _retry_verdict(facts, capabilities, isinstance(change, Retry) and change.is_forced)
    if action is Action.RESCUE:
        return _rescue_verdict(facts, isinstance(change, Retry) and change.is_forced)
    if action is Action.FAIL:
        return _fail_verdict(facts, capabilities, isinstance(change, Fail) and change.is_forced)
    if action is Action.ABORT:
        return _abort_verdict(facts)
    if action is Action.PURGE:
        statuses = change.statuses if isinstance(change, Purge) else None
        return _purge_verdict(facts, statuses)
    if action in (Action.CANCEL, Action.DELETE):
        return _cancel_verdict(action, facts)
    return _waiting_verdict(action, facts, change)


def _cancel_verdict(action: Action, facts: Facts) -> Reason | None:
    if facts.status is Status.TODO:
        return None
    if facts.status in _RUNNING:
        return Reason("is running. Use Abort to stop it.", "running: use Abort to stop them")
    if action is Action.DELETE:
        return _over(facts, "Only waiting jobs can be cancelled and deleted; purge removes finished ones.")
    return _over(facts)


def _abort_verdict(facts: Facts) -> Reason | None:
    if facts.status is Status.TODO:
        return Reason("has not started. Use Cancel.", "not started yet: use Cancel")
    if facts.is_aborting:
        return Reason("was asked to abort already.", "asked to abort already")
    return None if facts.status is Status.DOING else _over(facts)


def _retry_verdict(facts: Facts, capabilities: Capabilities, is_forced: bool) -> Reason | None:
    if facts.status is Status.TODO:
        return Reason("is waiting already.", "waiting already")
    if facts.status is Status.FAILED:
        if not capabilities.can_retry_failed:
            cannot = f"Procrastinate {capabilities.release} cannot retry failed jobs; releases from 3.4 on can."
            return Reason(f"has failed. {cannot}", f"failed: {cannot}")
        return _lock_verdict(facts)
    if facts.status is not Status.DOING and facts.status is not Status.ABORTING:
        return _over(facts, "Only failed and stalled jobs can be retried; defer it again.")
    if facts.is_aborting:
        return Reason(
            "was asked to abort, and would end as failed. Retry it then.",
            "asked to abort: they would end as failed; retry them then",
        )
    if not is_forced and not capabilities.has_workers:
        return UNRECORDED
    if not is_forced and facts.is_worker_alive:
        return ALIVE
    if not is_forced and facts.is_worker_unresponsive:
        return UNRESPONSIVE
    return _lock_verdict(facts)


def _lock_verdict(facts: Facts) -> Reason | None:
    return TAKEN if facts.is_lock_taken else SHARED if facts.is_lock_shared else None


def _rescue_verdict(facts: Facts, is_forced: bool) -> Reason | None:
    reason = _stalled_verdict(facts, is_forced)
    if reason is not None and reason.kind != "danger":
        return reason
    if facts.is_aborting:
        return Reason(
            "was asked to abort, and would end as failed. Retry it then.",
            "asked to abort: they would end as failed; retry them then",
        )
    return reason or _lock_verdict(facts)


def _fail_verdict(facts: Facts, capabilities: Capabilities, is_forced: bool) -> Reason | None:
    reason = _stalled_verdict(facts, is_forced)
    if reason is None and not is_forced and not capabilities.has_workers:
        return UNRECORDED
    return reason


def _stalled_verdict(facts: Facts, is_forced: bool) -> Reason | None:
    """What is for stalled jobs only: never for those of a living worker, and by force for an unresponsive one's."""
    if facts.status not in _RUNNING:
        return Reason(f"is not running: {facts.status.value}.", f"not running: {facts.status.value}")
    if facts.is_worker_alive:
        return Reason("is running and its worker is alive.", "running on a live worker")
    return UNRESPONSIVE if facts.is_worker_unresponsive and not is_forced else None


def _purge_verdict(facts: Facts, statuses: Iterable[Status] | None) -> Reason | None:
    if not facts.status.is_final:
        return Reason(f"has not finished: {facts.status.value}.", f"not finished: {facts.status.value}")
    if statuses is not None and facts.status not in statuses:
        return Reason(f"is {facts.status.value}, which was not asked for.", f"{facts.status.value}: not asked for")
    if facts.is_moot:
        return Reason("ended too recently for this purge.", f"{facts.status.value}, but too recently")
    return None


def _waiting_verdict(action: Action, facts: Facts, change: Change | None) -> Reason | None:
    if facts.status in _RUNNING:
        return Reason("is running. Only waiting jobs can be changed.", "running: only waiting jobs can be changed")
    if facts.status is not Status.TODO:
        return _over(facts)
    if not facts.is_moot:
        return None
    if action is Action.RUN_NOW:
        return Reason("is due already.", "due already")
    if isinstance(change, Reprioritise):
        words = f"has priority {change.priority} already"
        return Reason(f"{words}.", words.removeprefix("has "))
    return Reason("is scheduled for that time already.", "scheduled for that time already")


def _over(facts: Facts, hint: str = "") -> Reason:
    words = f"finished: {facts.status.value}"
    return Reason(f"has {words}. {hint}".strip(), words)
