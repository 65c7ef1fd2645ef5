"""Acts on jobs, each in a transaction of its own that looks at the job again before it acts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import AlreadyEnqueued, CapabilityMissing, UniqueViolation
from jobdesk_core.jobs import Job, Status
from jobdesk_core.monitor.rows import STALLED_AFTER_S, JobRow, job_row, row_columns
from jobdesk_core.operations.rules import READ_ONLY, Action, missing_right, refusal
from jobdesk_core.troubles import check_queue_name, explain


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel waiting jobs; with `abort` ask running ones to stop; with `delete` delete waiting ones."""

    job_ids: tuple[int, ...]
    abort: bool = False
    delete: bool = False

    @property
    def action(self) -> Action:
        """Which of the three it is."""
        return Action.DELETE if self.delete else Action.ABORT if self.abort else Action.CANCEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Put jobs back in their queue, due at `at` (aware; None: now). None leaves the rest unchanged."""

    job_ids: tuple[int, ...]
    at: dt.datetime | None = None
    priority: int | None = None
    queue: str | None = None
    lock: str | None = None


@dataclass(frozen=True, slots=True)
class Defer:
    """Defer a new job."""

    job: Job


Request = Cancel | Retry | Defer


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job: done or not, in a sentence. `before` is its status just before the act."""

    job_id: int | None
    is_done: bool
    sentence: str
    before: Status | None = None


async def perform(
    request: Request,
    connector: PsycopgConnector,
    capabilities: Capabilities,
    *,
    is_read_only: bool = False,
) -> list[Outcome]:
    """Carry out a request and tell what became of each job.

    What is expected to happen (a job changed meanwhile, a lock is taken, a right is missing) is an
    outcome; a database error is a ConnectorException.
    """
    if is_read_only:
        return [Outcome(None, False, READ_ONLY)]
    if isinstance(request, Defer):
        return [await _defer(request, connector, capabilities)]
    act = _cancel if isinstance(request, Cancel) else _retry
    outcomes = []
    for job_id in request.job_ids:
        try:
            outcomes.append(await act(job_id, request, connector, capabilities))  # type: ignore[arg-type]
        except UniqueViolation as error:
            outcomes.append(await _lock_taken(job_id, error, connector))
        except CapabilityMissing as error:
            outcomes.append(Outcome(job_id, False, str(error)))
    return outcomes


async def _defer(request: Defer, connector: PsycopgConnector, capabilities: Capabilities) -> Outcome:
    job = request.job
    problem = refusal(Action.DEFER, None, capabilities) or check_queue_name(
        job.queue, capabilities.queue_name_limit_bytes
    )
    if problem is not None:
        return Outcome(None, False, problem)
    try:
        job_id = (await connector.run_async(statements.defer(capabilities, [job])))[0]
    except UniqueViolation as error:
        taken = statements.already_enqueued(error, [job])
        if taken is None:
            raise
        return Outcome(None, False, await _who_holds(job.queueing_lock, connector, taken))
    except CapabilityMissing as error:
        return Outcome(None, False, str(error))
    when = ""
    if job.scheduled_at is not None:
        when = f" for {job.scheduled_at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    return Outcome(job_id, True, f"Deferred job #{job_id:,}{when}: {job.task_name} in queue {job.queue}.")


async def _cancel(job_id: int, request: Cancel, connector: PsycopgConnector, capabilities: Capabilities) -> Outcome:
    words = {
        Action.CANCEL: f"Cancelled job #{job_id:,}.",
        Action.ABORT: f"Asked job #{job_id:,} to abort.",
        Action.DELETE: f"Cancelled and deleted job #{job_id:,}.",
    }

    async def act(run: Callable[[Statement[Any]], Awaitable[Any]], row: JobRow) -> None:
        await run(statements.cancel(capabilities, job_id, abort=request.abort, delete_job=request.delete))

    return await _act(job_id, request.action, connector, capabilities, act, words[request.action])


async def _retry(job_id: int, request: Retry, connector: PsycopgConnector, capabilities: Capabilities) -> Outcome:
    if request.queue is not None:
        problem = check_queue_name(request.queue, capabilities.queue_name_limit_bytes)
        if problem is not None:
            return Outcome(job_id, False, problem)
    at = request.at or dt.datetime.now(dt.UTC)

    async def act(run: Callable[[Statement[Any]], Awaitable[Any]], row: JobRow) -> None:
        await run(
            statements.retry(
                capabilities,
                job_id,
                retry_at=at,
                priority=request.priority,
                queue=request.queue,
                lock=request.lock,
            )
        )

    when = "" if request.at is None else f" for {at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    return await _act(job_id, Action.RETRY, connector, capabilities, act, f"Job #{job_id:,} will run again{when}.")


async def _act(
    job_id: int,
    action: Action,
    connector: PsycopgConnector,
    capabilities: Capabilities,
    act: Callable[[Callable[[Statement[Any]], Awaitable[Any]], JobRow], Awaitable[None]],
    sentence: str,
) -> Outcome:
    missing = missing_right(action, capabilities)
    if missing is not None:
        return Outcome(job_id, False, missing)
    async with connector.transaction() as connection:

        async def run(statement: Statement[Any]) -> Any:
            return await connector.run_async(statement, connection=connection)

        found = await run(_locked_row(capabilities, job_id))
        if found is None:
            return Outcome(job_id, False, f"Job {job_id} is no longer there: someone deleted it.")
        row, is_worker_alive = found
        live = frozenset({row.worker_id}) if is_worker_alive and row.worker_id is not None else frozenset()
        reason = refusal(action, row, capabilities, live_worker_ids=live)
        if reason is not None:
            return Outcome(job_id, False, reason, row.status)
        await act(run, row)
        return Outcome(job_id, True, sentence, row.status)


def _locked_row(capabilities: Capabilities, job_id: int) -> Statement[tuple[JobRow, bool] | None]:
    alive = (
        "EXISTS (SELECT FROM procrastinate_workers AS worker WHERE worker.id = job.worker_id "
        "AND worker.last_heartbeat >= now() - %(stalled)s * interval '1 second')"
        if capabilities.has_workers
        else "false"
    )
    return Statement(
        f"SELECT {row_columns(capabilities)}, {alive} AS is_worker_alive FROM procrastinate_jobs AS job "
        "WHERE job.id = %(id)s FOR UPDATE OF job",
        lambda rows: (job_row(rows[0]), rows[0]["is_worker_alive"]) if rows else None,
        {"id": job_id, "stalled": STALLED_AFTER_S},
    )


async def _lock_taken(job_id: int, error: UniqueViolation, connector: PsycopgConnector) -> Outcome:
    if error.constraint_name not in statements.QUEUEING_LOCK_INDEXES:
        raise error
    lock = await connector.run_async(
        Statement(
            "SELECT queueing_lock FROM procrastinate_jobs WHERE id = %(id)s",
            lambda rows: rows[0]["queueing_lock"] if rows else None,
            {"id": job_id},
        )
    )
    return Outcome(job_id, False, await _who_holds(lock, connector, AlreadyEnqueued(queueing_lock=lock)))


async def _who_holds(queueing_lock: str | None, connector: PsycopgConnector, taken: AlreadyEnqueued) -> str:
    holder = await connector.run_async(
        Statement(
            "SELECT id FROM procrastinate_jobs WHERE queueing_lock = %(lock)s AND status = 'todo'",
            lambda rows: rows[0]["id"] if rows else None,
            {"lock": queueing_lock},
        )
    )
    if holder is None:
        return explain(taken).sentence
    return (
        f"The queueing lock {queueing_lock} was taken by job #{holder:,}, which is waiting. "
        "Cancel that one first, or choose another queueing lock."
    )
