"""Everything about one job: arguments, events, whoever holds its locks, its worker, and why it is there."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database import added_columns
from jobdesk_core.database.asking import Asking, ask, ask_async
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import StatementTooLong, ask_limited, ask_limited_async, limited_transaction, overdue
from jobdesk_core.database.rows import EVENT_COLUMNS, EventRow, JobRow, WorkerRow, event_tuples, job_row, row_columns
from jobdesk_core.exceptions import ArgumentsTooDeep, ConnectorException
from jobdesk_core.job import queue_context
from jobdesk_core.job.arguments import ARGS_LIMIT_BYTES, is_deep, parsed
from jobdesk_core.job.queue_context import Holder, Situation
from jobdesk_core.job.why import Explanation, Surroundings, explain
from jobdesk_core.jobs import Status
from jobdesk_core.reading import workers
from jobdesk_core.reported.around import Around
from jobdesk_core.reported.around import around as reported_around
from jobdesk_core.reported.reading import unreadable

#: The latest events of a job that are read.
EVENTS_LIMIT = 500


@dataclass(frozen=True, slots=True)
class JobDetail:
    """One job. `args` is None when they are large or nested too deeply; `args_bytes` is then what they take on disk.

    `added` holds the columns that this deployment has added, by name, as text.
    """

    row: JobRow
    args: dict[str, Any] | None
    args_bytes: int
    events: list[EventRow]
    lock_holder: JobRow | None
    queueing_lock_holder: JobRow | None
    worker: WorkerRow | None
    periodic: tuple[str, int] | None
    reason: Explanation
    added: tuple[tuple[str, str | None], ...] = ()
    #: What the reason was made of: with it the words of any later moment can be made.
    around: Surroundings = field(default_factory=Surroundings, repr=False)

    def as_of(self, now: dt.datetime, workers: Iterable[WorkerRow] = ()) -> JobDetail:
        """The same with the reason and the worker as of `now`; `workers` are what is known of them since."""
        around = self.around.heard_of(workers, now)
        reason = explain(self.row, self.events, around, now)
        return replace(self, reason=reason, worker=around.worker, around=around)


_Found = tuple[JobRow, dict[str, Any] | None, int, tuple[str, int] | None]


async def read_detail(
    connector: PsycopgConnector, capabilities: Capabilities, job_id: int, *, limit_s: float = 5.0
) -> JobDetail | None:
    """Read the job and those that it names in one snapshot, then how its queue is served.

    None when it is not there. Raises StatementTooLong when the job alone takes longer than `limit_s` seconds;
    when the queue does, the reason says so.
    """
    try:
        async with asyncio.timeout(limit_s), connector.transaction(snapshot=True) as connection:
            read = await ask_async(
                _in_a_snapshot(capabilities, job_id), partial(connector.run_async, connection=connection)
            )
    except TimeoutError as error:
        raise overdue(error, limit_s)  # noqa: B904 - it names its cause itself
    if read is None:
        return None
    return await ask_limited_async(_explained(capabilities, *read), connector, limit_s)


def read_detail_now(
    connector: SyncPsycopgConnector, capabilities: Capabilities, job_id: int, *, limit_s: float = 5.0
) -> JobDetail | None:
    """Read a job as `read_detail` does; the limit is for each statement."""
    with limited_transaction(connector, limit_s, snapshot=True) as connection:
        read = ask(_in_a_snapshot(capabilities, job_id), partial(connector.run, connection=connection))
    if read is None:
        return None
    return ask_limited(_explained(capabilities, *read), connector, limit_s)


def _explained(capabilities: Capabilities, detail: JobDetail, around: Surroundings) -> Asking[JobDetail]:
    """The detail with its reason, as of now, and what that takes beyond the snapshot."""
    question = _still_to_ask(capabilities, detail, around)
    if question is not None:
        situation: Situation | None = None
        with contextlib.suppress(StatementTooLong):
            situation = yield question
        around = replace(around, situation=situation)
    try:
        reported: Around = yield _reports_of(capabilities, detail)
    except ConnectorException as error:
        # Raises it when the link was lost.
        reported = Around(refusal=unreadable("errors", error), is_installed=True)
    around = replace(around, reports=reported)
    return replace(detail, around=around).as_of(capabilities.clock.now())


def _still_to_ask(capabilities: Capabilities, detail: JobDetail, around: Surroundings) -> Statement[Situation] | None:
    """What is asked of a waiting job's queue, outside the snapshot, for it may take long."""
    if detail.row.status is not Status.TODO:
        return None
    queues = {detail.row.queue_name, *([around.holder.row.queue_name] if around.holder else [])}
    return queue_context.situation(capabilities, detail.row, sorted(queues))


def _reports_of(capabilities: Capabilities, detail: JobDetail) -> Statement[Around]:
    """What workers have reported of a job and round it; asked outside the snapshot, which an error would end."""
    row = detail.row
    return reported_around(
        capabilities.reported,
        row.id,
        row.queue_name,
        row.task_name,
        has_workers_table=capabilities.has_workers,
        periodic_id=detail.periodic[0] if detail.periodic is not None else None,
    )


def _in_a_snapshot(capabilities: Capabilities, job_id: int) -> Asking[tuple[JobDetail, Surroundings] | None]:
    """The job, its reason still to come, and what it is explained from; None when it is not there."""
    found: _Found | None = yield _job(capabilities, job_id)
    if found is None:
        return None
    row, args, args_bytes, periodic = found
    events: list[EventRow] = yield _events(job_id)
    holder = queueing_holder = worker = None
    if row.lock is not None:
        holder = yield queue_context.lock_holder(capabilities, row)
    if row.queueing_lock is not None:
        queueing_holder = yield queue_context.queueing_lock_holder(capabilities, row)
    if row.worker_id is not None and capabilities.has_workers:
        worker = yield workers.worker(row.worker_id)
    names = yield added_columns.added_columns()
    added = (yield added_columns.added_values(job_id, names)) if names else {}
    around = Surroundings(
        holder=(yield from _holder(capabilities, holder)) if holder is not None and holder.id != row.id else None,
        queueing_lock_holder=queueing_holder,
        worker=worker,
        has_workers_table=capabilities.has_workers,
        can_retry_failed=capabilities.can_retry_failed,
        result=added.get("result"),
        is_rule_unknown=capabilities.is_fetch_unknown,
    )
    reason = Explanation("")
    detail = JobDetail(
        row, args, args_bytes, events, holder, queueing_holder, worker, periodic, reason, tuple(added.items())
    )
    return detail, around


def _holder(capabilities: Capabilities, row: JobRow) -> Asking[Holder]:
    if row.status is Status.TODO:
        return Holder(row)
    worker = None
    if row.worker_id is not None and capabilities.has_workers:
        worker = yield workers.worker(row.worker_id)
    return Holder(row, (yield queue_context.started_at(row.id)), worker)


def _job(capabilities: Capabilities, job_id: int) -> Statement[_Found | None]:
    def decode(rows: Rows) -> _Found | None:
        if not rows:
            return None
        row = rows[0]
        periodic = (row["periodic_id"], row["defer_timestamp"]) if row["defer_timestamp"] is not None else None
        args = None
        if row["args"] is not None:
            with contextlib.suppress(ArgumentsTooDeep):
                args = parsed(row["args"])
                args = None if is_deep(args) else args
        return job_row(row), args, row["args_bytes"] or 0, periodic

    # What takes more than the limit on disk is not even unpacked to be measured.
    return Statement(
        f"SELECT {row_columns(capabilities)}, coalesce(octet_length(small.args), small.stored) AS args_bytes, "
        "CASE WHEN octet_length(small.args) <= %(limit)s THEN small.args END AS args, "
        "periodic.periodic_id, periodic.defer_timestamp FROM procrastinate_jobs AS job "
        "LEFT JOIN procrastinate_periodic_defers AS periodic ON periodic.job_id = job.id, "
        "LATERAL (SELECT pg_column_size(job.args) AS stored, "
        "CASE WHEN pg_column_size(job.args) <= %(limit)s THEN job.args::text END AS args OFFSET 0) AS small "
        "WHERE job.id = %(id)s LIMIT 1",
        decode,
        {"id": job_id, "limit": ARGS_LIMIT_BYTES},
    )


def _events(job_id: int) -> Statement[list[EventRow]]:
    return Statement(
        f"SELECT {EVENT_COLUMNS} FROM (SELECT * FROM procrastinate_events "
        "WHERE job_id = %(id)s ORDER BY id DESC LIMIT %(limit)s) AS event ORDER BY id",
        event_tuples,
        {"id": job_id, "limit": EVENTS_LIMIT},
        is_page=True,
    )
