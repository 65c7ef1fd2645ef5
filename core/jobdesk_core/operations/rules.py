"""Whether an action is possible on a job, and if not, why. Asked for every click, and again in the act."""

from __future__ import annotations

import enum

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.jobs import Status
from jobdesk_core.monitor.rows import JobRow


class Action(enum.Enum):
    """What can be done to jobs."""

    DEFER = "defer"
    CANCEL = "cancel"
    ABORT = "abort"
    DELETE = "delete"
    RETRY = "retry"


READ_ONLY = "This connection is read-only. Its profile says so."


def refusal(
    action: Action,
    row: JobRow | None,
    capabilities: Capabilities,
    *,
    live_worker_ids: frozenset[int] = frozenset(),
    is_read_only: bool = False,
) -> str | None:
    """The reason why `action` is not possible on `row`, or None. `row` is None for a new job only.

    The rules are the state table of the database functions, and one of ours: a running job whose worker
    is alive is not retried, for it would run twice at once.
    """
    if is_read_only:
        return READ_ONLY
    missing = missing_right(action, capabilities)
    if missing is not None or action is Action.DEFER:
        return missing
    assert row is not None
    if action is Action.RETRY:
        return _retry_refusal(row, capabilities, live_worker_ids)
    return _cancel_refusal(action, row)


def missing_right(action: Action, capabilities: Capabilities) -> str | None:
    """Why this role or this database does not allow the action on any job, or None."""
    if capabilities.is_standby:
        return "This server is a read-only standby."
    rights = capabilities.rights
    if action is Action.DEFER:
        return rights.defer
    if action is Action.RETRY:
        return rights.read or rights.retry
    if not capabilities.can_cancel:
        return f"Procrastinate {capabilities.release} cannot cancel jobs; releases from 2.7 on can."
    return rights.read or rights.cancel or (rights.delete if action is Action.DELETE else None)


def _cancel_refusal(action: Action, row: JobRow) -> str | None:
    if action is Action.ABORT:
        if row.status is Status.TODO:
            return f"Job {row.id} has not started. Use Cancel."
        if row.status is Status.ABORTING or (row.abort_requested and row.status is Status.DOING):
            return f"Job {row.id} was asked to abort already."
        if row.status is not Status.DOING:
            return f"Job {row.id} is over: {row.status.value}."
        return None
    if row.status is Status.TODO:
        return None
    if row.status in (Status.DOING, Status.ABORTING):
        return f"Job {row.id} is running. Use Abort to stop it."
    if action is Action.DELETE:
        return f"Job {row.id} is over: {row.status.value}. Only waiting jobs can be cancelled and deleted."
    return f"Job {row.id} is over: {row.status.value}."


def _retry_refusal(row: JobRow, capabilities: Capabilities, live_worker_ids: frozenset[int]) -> str | None:
    if row.status is Status.FAILED:
        if capabilities.can_retry_failed:
            return None
        return f"Procrastinate {capabilities.release} cannot retry failed jobs; releases from 3.4 on can."
    if row.status is Status.TODO:
        return f"Job {row.id} is waiting already."
    if row.status is Status.ABORTING:
        return f"Job {row.id} is aborting: it was asked to stop and is still running."
    if row.status is not Status.DOING:
        return f"Job {row.id} is over: {row.status.value}. Only failed and stalled jobs can be retried; defer it again."
    if not capabilities.has_workers:
        return f"Job {row.id} is running, and this release does not record whether its worker lives."
    if row.worker_id is not None and row.worker_id in live_worker_ids:
        return f"Job {row.id} is running and its worker is alive: it would run twice at once."
    if row.abort_requested:
        return f"Job {row.id} was asked to abort: the database would end it as failed. Retry it then."
    return None
