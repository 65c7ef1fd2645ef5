"""One chunk of an act as one statement: locks the jobs that are free, looks again, calls the schema's functions.

A job whose row has changed since the preflight, or that others hold, is skipped.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import VERSION, jobs_table
from jobdesk_core.operations.change.changes import Action, Cancel, Change, Fail, Purge, Reprioritise, Reschedule, Retry
from jobdesk_core.operations.change.job_facts import facts_columns, facts_parameters

#: How long the statement waits for a lock that others hold, such as a queueing lock that is just being taken.
LOCK_TIMEOUT = "500ms"
#: Arguments larger than this many bytes, as stored, are not kept in the ledger.
ARGUMENTS_KEPT_BYTES = 65_536

#: As an array, for which an index is read; for a join the planner may read the whole table for each chunk.
_READY_IDS = "ARRAY(SELECT id FROM ready)"

#: What the ledger keeps of a job before the act, beside its status: what the act changes, or all that is lost.
_BEFORE = {
    Action.RETRY: ("priority", "queue_name", "lock", "scheduled_at", "attempts"),
    Action.RESCUE: ("queue_name", "scheduled_at", "attempts"),
    Action.FAIL: ("attempts",),
    Action.RUN_NOW: ("scheduled_at",),
    Action.RESCHEDULE: ("scheduled_at",),
    Action.REPRIORITISE: ("priority",),
    Action.PURGE: ("task_name", "queue_name"),
    Action.DELETE: ("task_name", "queue_name", "priority", "lock", "queueing_lock", "scheduled_at", "args"),
}


def kept(action: Action) -> tuple[str, ...]:
    """The columns that the ledger keeps of a job before the act."""
    return _BEFORE.get(action, ())


def chunk(change: Change, capabilities: Capabilities, ids: Sequence[int], versions: Sequence[int]) -> Statement[Rows]:
    """Carry `change` out on those of the jobs whose rows are still of these versions, as the preflight saw them.

    A row for each job that was not acted upon: its `id`, `is_done` false, and `left_alone`: the columns of its
    facts as they are now, or None when it is gone or others hold it. Those that were have a row only where there
    are columns of `kept` to tell: of 10,000 cancelled jobs, their ids alone cost a tenth of the time (measured).
    """
    action = change.action
    before = "".join(f", {_kept_sql(name)}" for name in kept(action))
    shown = "".join(f", held.{name}_before" for name in kept(action))
    allowed = _allowed(change)
    steps, parameters = _steps(change, capabilities)
    told, told_parameters = _told(change, capabilities)
    count = ", (SELECT count(*) FROM told) AS told" if told else ""
    # The versions are compared after the rows are found by an index: for a join of both the planner may read the
    # whole table for each chunk (measured: a third of the time).
    sql = (
        "WITH wanted (id, version) AS (SELECT * FROM unnest(%(ids)s::bigint[], %(versions)s::bigint[])),\n"
        "patience AS MATERIALIZED (SELECT set_config('lock_timeout', %(patience)s, true)),\n"
        f"held AS MATERIALIZED (SELECT job.id, job.task_name, job.queue_name, job.{VERSION} AS version, "
        f"{facts_columns(change, capabilities)}{before}\n"
        f"FROM patience, {jobs_table(capabilities)} WHERE job.id = ANY (%(ids)s::bigint[]) "
        "FOR UPDATE OF job SKIP LOCKED),\n"
        "ready AS (SELECT held.* FROM held JOIN wanted ON wanted.id = held.id AND wanted.version = held.version"
        f"{allowed}),\n{steps}{told}\n"
        f"SELECT wanted.id{shown}, done.id IS NOT NULL AS is_done, "
        f"CASE WHEN done.id IS NULL THEN to_jsonb(held) END AS left_alone{count}\n"
        "FROM wanted LEFT JOIN held ON held.id = wanted.id LEFT JOIN done ON done.id = wanted.id"
        f"{'' if before else ' WHERE done.id IS NULL'}"
    )
    common = {"ids": array("q", ids), "versions": array("q", versions), "patience": LOCK_TIMEOUT}
    return Statement(sql, lambda rows: rows, common | facts_parameters(change) | parameters | told_parameters)


def _kept_sql(name: str) -> str:
    if name == "args":
        return f"CASE WHEN pg_column_size(job.args) <= {ARGUMENTS_KEPT_BYTES} THEN job.args::text END AS args_before"
    return f"job.{name} AS {name}_before"


def _allowed(change: Change) -> str:
    """What must still hold beyond the row itself."""
    if not isinstance(change, Retry | Fail):
        return ""
    found = ["NOT is_lock_taken"]
    if not (change.is_forced and change.action is Action.RETRY):
        found.append("NOT is_worker_alive")
    if not change.is_forced:
        found.append("NOT is_worker_unresponsive")
    return f" WHERE {' AND '.join(found)}"


def _steps(change: Change, capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
    """The steps of the act, of which `done` gives the ids of the jobs that it was carried out on."""
    if isinstance(change, Cancel):
        return _cancel(change, capabilities)
    if isinstance(change, Retry):
        return _retry(change, capabilities)
    if isinstance(change, Fail):
        return _fail(capabilities), {}
    if isinstance(change, Purge):
        return _purge(capabilities), {}
    column, value = _column(change)
    return _update(column), value


def _update(column: str) -> str:
    return (
        f"done AS (UPDATE procrastinate_jobs AS job SET {column} "
        f"WHERE job.id = ANY ({_READY_IDS}) AND job.status = 'todo' RETURNING job.id)"
    )


def _column(change: Reschedule | Reprioritise) -> tuple[str, dict[str, Any]]:
    if isinstance(change, Reprioritise):
        return "priority = %(priority)s::integer", {"priority": change.priority}
    if change.at is None:
        return "scheduled_at = now()", {}
    return "scheduled_at = %(at)s::timestamptz", {"at": change.at}


def _cancel(change: Cancel, capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
    if change.action is Action.CANCEL and capabilities.has_plain_cancel:
        # What the function would do to each, in half the time (measured).
        return _update("status = 'cancelled'"), {}
    call = statements.cancel_call(capabilities, "ready.id", "%(abort)s::boolean", "%(delete)s::boolean")
    events = _orphans(capabilities) if change.delete else ""
    return (
        f"done AS MATERIALIZED (SELECT called.id FROM (SELECT {call} AS id FROM ready) AS called "
        f"WHERE called.id IS NOT NULL){events}"
    ), {"abort": change.abort, "delete": change.delete}


def _retry(change: Retry, capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
    call = statements.retry_call(capabilities, "ready.id")
    # A stuck abort flag would violate a CHECK. The count makes sure that it is cleared before the call.
    prepared = (
        "UPDATE procrastinate_jobs SET abort_requested = false WHERE id IN (SELECT id FROM ready) "
        "AND status = 'failed' AND abort_requested RETURNING id"
        if capabilities.can_retry_failed
        else "SELECT id FROM ready WHERE false"
    )
    return (
        f"prepared AS ({prepared}),\n"
        f"done AS MATERIALIZED (SELECT ready.id, {call}::text FROM ready, "
        "(SELECT count(*) AS number FROM prepared) AS first WHERE first.number >= 0)"
    ), {
        "at": change.at or capabilities.clock.now(),
        "priority": change.priority,
        "queue": change.queue,
        "lock": change.lock,
    }


def _fail(capabilities: Capabilities) -> str:
    call = statements.finish_call(capabilities, "ready.id", "'failed'::procrastinate_job_status", "false")
    return f"done AS MATERIALIZED (SELECT ready.id, {call} FROM ready)"


def _purge(capabilities: Capabilities) -> str:
    freed = "" if capabilities.frees_periodic_defers else _FREED
    return (
        f"{freed}done AS (DELETE FROM procrastinate_jobs AS job WHERE job.id = ANY ({_READY_IDS}) "
        f"RETURNING job.id){_orphans(capabilities)}"
    )


#: Where no trigger does it, the periodic defers let go of the jobs.
_FREED = (
    "freed AS (UPDATE procrastinate_periodic_defers SET job_id = NULL "
    "WHERE job_id IN (SELECT id FROM ready) RETURNING id),\n"
)


def _orphans(capabilities: Capabilities) -> str:
    """Where no foreign key does it, the events go with their jobs."""
    if capabilities.deletes_events:
        return ""
    return ",\norphans AS (DELETE FROM procrastinate_events WHERE job_id IN (SELECT id FROM done) RETURNING id)"


def _told(change: Change, capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
    """Wake the workers of each queue once, for what the schema notifies of by itself are new jobs only."""
    wakes = isinstance(change, Retry) or (isinstance(change, Reschedule) and change.at is None)
    if not wakes or not capabilities.channels:
        return "", {}
    sent, parameters = statements.notifications(capabilities)
    return (
        f",\ntold AS MATERIALIZED (SELECT {sent} FROM (SELECT DISTINCT ON (held.queue_name) held.* FROM held "
        "JOIN done ON done.id = held.id ORDER BY held.queue_name, held.id) AS job)"
    ), {"queue": None} | parameters | ({"queue": change.queue} if isinstance(change, Retry) else {})
