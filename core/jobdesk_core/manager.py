"""Everything that can be done with jobs, synchronously and asynchronously, over one statement each."""

from __future__ import annotations

import datetime as dt
import inspect
import json
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from jobdesk_core.clock import ServerClock
from jobdesk_core.connector import TellsWhenListening
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database import listing, statements, workers
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.exchange import Ending, Exchanged, exchange, notify_freed, running
from jobdesk_core.exceptions import InvalidTimestamp, UniqueViolation, require_aware
from jobdesk_core.jobs import Job, Status
from jobdesk_core.known_schema import KnownSchema, twins

T = TypeVar("T")
Counts = list[dict[str, Any]]


class JobManager(KnownSchema):
    """Acts on jobs through a connector. A method and its `_async` twin run the same statement.

    `connection=` makes an operation part of the caller's own transaction. What a database's schema
    cannot do raises CapabilityMissing; a database error ConnectorException. On a synchronous connector
    whatever is asynchronous raises SyncConnectorConfigurationError.
    """

    def now(self) -> dt.datetime:
        """The time (UTC) by the server's clock, where the connector has measured it; else by this machine's."""
        clock = getattr(self.connector, "clock", None)
        return clock.now() if isinstance(clock, ServerClock) else dt.datetime.now(dt.UTC)

    # Deferring

    def _batch_defer_jobs(self, jobs: Iterable[Job], connection: Any = None) -> Asking[list[Job]]:
        """Insert jobs, all or none, and return them in order, with their ids.

        Raises AlreadyEnqueued when a queueing lock is taken.
        """
        wanted = list(jobs)
        if not wanted:
            return []
        ids = yield from self._deferred(lambda capabilities: statements.defer(capabilities, wanted), wanted, connection)
        return [replace(job, id=job_id, status=Status.TODO.value) for job, job_id in zip(wanted, ids, strict=True)]

    batch_defer_jobs, batch_defer_jobs_async = twins(_batch_defer_jobs)

    def _defer_job(self, job: Job, connection: Any = None) -> Asking[Job]:
        """Insert a job and return it with its id. Raises AlreadyEnqueued when its queueing lock is taken."""
        (deferred,) = yield from self._batch_defer_jobs([job], connection)
        return deferred

    defer_job, defer_job_async = twins(_defer_job)

    async def defer_periodic_job(self, job: Job, periodic_id: str, defer_timestamp: int) -> int | None:
        """Insert the job of one due time (seconds since 1970), or return None when it was done already.

        Raises InvalidTimestamp when the job's argument `timestamp` says another time.
        """
        if job.task_kwargs.get("timestamp", defer_timestamp) != defer_timestamp:
            raise InvalidTimestamp()
        due = partial(statements.defer_periodic, job=job, periodic_id=periodic_id, defer_timestamp=defer_timestamp)
        return await self._run_async(self._deferred(due, [job]))

    async def defer_due_job(self, job: Job, *, periodic_id: str, defer_timestamp: int) -> int | None:
        """As `defer_periodic_job`, but also None when a later time has been deferred: then this one was, too."""
        due = partial(statements.defer_due, job=job, periodic_id=periodic_id, defer_timestamp=defer_timestamp)
        while True:
            is_changing, job_id = await self._run_async(self._deferred(due, [job]))
            if not is_changing:
                return job_id

    def _deferred(
        self, statement: Callable[[Capabilities], Statement[T]], jobs: Sequence[Job], connection: Any = None
    ) -> Asking[T]:
        try:
            return (yield from self._asked(statement, connection))
        except UniqueViolation as error:
            taken = statements.already_enqueued(error, jobs)
            if taken is None:
                raise
            raise taken from error

    # Acting on a job

    def _cancel_job_by_id(
        self, job_id: int, abort: bool = False, delete_job: bool = False, connection: Any = None
    ) -> Asking[bool]:
        """Cancel a waiting job, or with `abort` ask a running one to stop. False when neither applied."""
        cancel = partial(statements.cancel, job_id=job_id, abort=abort, delete_job=delete_job)
        return (yield from self._asked(cancel, connection))

    cancel_job_by_id, cancel_job_by_id_async = twins(_cancel_job_by_id)

    def _get_job_status(self, job_id: int, connection: Any = None) -> Asking[Status]:
        """A job's status. Raises NoResult when there is no such job."""
        return (yield from self._asked(lambda _: statements.status(job_id), connection))

    get_job_status, get_job_status_async = twins(_get_job_status)

    def _retry_job_by_id(
        self,
        job_id: int,
        retry_at: dt.datetime,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
        *,
        connection: Any = None,
    ) -> Asking[None]:
        """Put a running or failed job back in its queue, due at `retry_at` (aware), and wake the workers."""
        changes = {"priority": priority, "queue": queue, "lock": lock}
        yield from self._asked(lambda capabilities: _retry(capabilities, job_id, retry_at, changes), connection)

    retry_job_by_id, retry_job_by_id_async = twins(_retry_job_by_id)

    async def retry_job(
        self,
        job: Job,
        retry_at: dt.datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Retry a job, by default now, by the server's clock."""
        job_id, changes = job.id, {"priority": priority, "queue": queue, "lock": lock}
        assert job_id is not None
        # Within, the server has been asked for its time.
        await self._do(lambda capabilities: _retry(capabilities, job_id, retry_at or self.now(), changes))

    # Listing: of a filter None means any.

    def _list_jobs(
        self,
        id: int | None = None,
        queue: str | None = None,
        task: str | None = None,
        status: str | Status | None = None,
        lock: str | None = None,
        queueing_lock: str | None = None,
        worker_id: int | None = None,
    ) -> Asking[list[Job]]:
        """The jobs that meet every filter, ids ascending."""
        filters = {"id": id, "queue": queue, "task": task, "status": status, "lock": lock}
        filters |= {"queueing_lock": queueing_lock, "worker_id": worker_id}
        return (yield from self._asked(lambda capabilities: listing.list_jobs(capabilities, **filters)))

    list_jobs, list_jobs_async = twins(_list_jobs)

    def _list_queues(
        self,
        queue: str | None = None,
        task: str | None = None,
        status: str | Status | None = None,
        lock: str | None = None,
    ) -> Asking[Counts]:
        """Per queue its name, jobs_count and a count for each status."""
        return (yield from self._counted("queue_name", queue=queue, task=task, status=status, lock=lock))

    list_queues, list_queues_async = twins(_list_queues)

    def _list_tasks(
        self,
        queue: str | None = None,
        task: str | None = None,
        status: str | Status | None = None,
        lock: str | None = None,
    ) -> Asking[Counts]:
        """Per task its name, jobs_count and a count for each status."""
        return (yield from self._counted("task_name", queue=queue, task=task, status=status, lock=lock))

    list_tasks, list_tasks_async = twins(_list_tasks)

    def _list_locks(
        self,
        queue: str | None = None,
        task: str | None = None,
        status: str | Status | None = None,
        lock: str | None = None,
    ) -> Asking[Counts]:
        """Per lock its name, jobs_count and a count for each status."""
        return (yield from self._counted("lock", queue=queue, task=task, status=status, lock=lock))

    list_locks, list_locks_async = twins(_list_locks)

    def _counted(self, column: str, **filters: Any) -> Asking[Counts]:
        return (yield from self._asked(lambda capabilities: listing.list_counts(capabilities, column, **filters)))

    def _check_connection(self) -> Asking[bool]:
        """Whether the database answers and has the schema, asked anew each time."""
        return (yield from self._anew()).has_schema

    check_connection, check_connection_async = twins(_check_connection)

    # Running jobs; asynchronous only

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int | None) -> Job | None:
        """Start the next due job of the queues (None: any) for a worker."""
        wanted = list(queues) if queues is not None else None
        return await self._do(lambda capabilities: workers.fetch(capabilities, wanted, worker_id))

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End a running job, and tell the workers of whoever waited for its lock."""
        assert job.id is not None
        await self.finish_job_by_id_async(job.id, status, delete_job)
        if job.lock is not None:
            await self.notify_freed_locks([job.lock])

    async def notify_freed_locks(self, locks: Iterable[str]) -> None:
        """Tell the workers of the first waiting job of each lock whose holder has ended."""
        await self._do(lambda capabilities: notify_freed(capabilities, locks))

    async def exchange_jobs(
        self,
        endings: Collection[Ending],
        *,
        wanted: int,
        queues: Sequence[str] | None,
        worker_id: int | None,
        waits: bool = False,
    ) -> Exchanged:
        """Finish the worker's jobs that ended, and start up to `wanted` due ones, in one round trip.

        What could not be finished is left out of the answer's `finished`; see `exchange`.
        """
        return await self._do(
            lambda capabilities: exchange(
                capabilities, endings, wanted=wanted, queues=queues, worker_id=worker_id, waits=waits
            )
        )

    async def list_running(self, worker_id: int) -> dict[int, int]:
        """The jobs that run in the name of a worker, as id and attempts."""
        return await self._do(lambda _: running(worker_id))

    async def finish_job_by_id_async(self, job_id: int, status: Status, delete_job: bool) -> None:
        """End a running or waiting job as succeeded, failed or aborted."""
        await self._do(lambda capabilities: statements.finish(capabilities, job_id, status, delete_job=delete_job))

    async def get_stalled_jobs(
        self,
        nb_seconds: float | None = None,
        queue: str | None = None,
        task_name: str | None = None,
        seconds_since_heartbeat: float = 30,
    ) -> list[Job]:
        """The running jobs whose worker has been silent for so many seconds, or is gone.

        With `nb_seconds`, those that were started longer ago than that, whatever their worker does: the only way on
        releases before 3.0, which know no workers. Elsewhere it is deprecated, as in the library, and warns.
        """
        if nb_seconds is not None:
            warnings.warn("nb_seconds is deprecated: heartbeats show which jobs have stalled.", DeprecationWarning, 2)
            return await self._do(
                lambda capabilities: workers.jobs_started_before(
                    capabilities, nb_seconds=nb_seconds, queue=queue, task_name=task_name
                )
            )
        return await self._do(
            lambda capabilities: workers.stalled_jobs(
                capabilities, seconds_since_heartbeat=seconds_since_heartbeat, queue=queue, task_name=task_name
            )
        )

    async def delete_old_jobs(
        self,
        nb_hours: float,
        queue: str | None = None,
        include_failed: bool | None = False,
        include_cancelled: bool | None = False,
        include_aborted: bool | None = False,
        *,
        limit: int | None = None,
    ) -> int:
        """Delete ended jobs whose latest event is older than `nb_hours`, at most `limit`; return how many."""
        ends = ["succeeded"]
        ends += ["failed"] * bool(include_failed) + ["cancelled"] * bool(include_cancelled)
        ends += ["aborted"] * bool(include_aborted)
        return await self._do(
            lambda _: listing.delete_old_jobs(nb_hours=nb_hours, queue=queue, statuses=ends, limit=limit)
        )

    async def list_jobs_to_abort_async(self, queue: str | None = None, *, worker_id: int | None = None) -> list[int]:
        """The running jobs, of the worker and of the queue when given, whose abort was requested."""
        return await self._do(lambda capabilities: workers.jobs_to_abort(capabilities, worker_id, queue=queue))

    async def register_worker(self) -> int:
        """Add a worker and return its id."""
        return await self._do(lambda capabilities: workers.register_worker(capabilities))

    async def unregister_worker(self, worker_id: int) -> None:
        """Remove a worker."""
        await self._do(lambda capabilities: workers.unregister_worker(capabilities, worker_id))

    async def update_heartbeat(self, worker_id: int) -> None:
        """Tell that a worker lives."""
        await self._do(lambda capabilities: workers.update_heartbeat(capabilities, worker_id))

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """Remove the workers that have been silent for so many seconds."""
        return await self._do(lambda capabilities: workers.prune_stalled_workers(capabilities, seconds_since_heartbeat))

    async def listen_for_jobs(
        self,
        *,
        on_notification: Callable[..., Any],
        queues: Iterable[str] | None = None,
        on_listening: Callable[[], None] | None = None,
    ) -> None:
        """Tell of each notification of the queues (None: of any), until cancelled.

        An asynchronous function is awaited with the keywords `channel` and `notification`, a dict with `type` and
        `job_id`; a plain one is called with the channel and the payload as they come.
        """
        capabilities = await self.capabilities_async()
        if queues is None:
            channels = list(capabilities.channels)
        else:
            wanted = list(queues)
            channels = [prefix + queue for prefix in capabilities.queue_channel_prefixes for queue in wanted]

        async def read(*, channel: str, payload: str) -> None:
            if inspect.iscoroutinefunction(on_notification):
                await on_notification(channel=channel, notification=json.loads(payload))
            else:
                on_notification(channel, payload)

        if isinstance(self.connector, TellsWhenListening):
            await self.connector.listen_notify(read, channels, on_listening=on_listening)
        else:  # of a program's own
            if on_listening is not None:
                on_listening()
            await self.connector.listen_notify(on_notification=read, channels=channels)

    async def _do(self, statement: Callable[[Capabilities], Statement[T]]) -> T:
        return await self._run_async(self._asked(statement))


def _retry(capabilities: Capabilities, job_id: int, retry_at: dt.datetime, changes: dict[str, Any]) -> Statement[None]:
    return statements.retry(capabilities, job_id, retry_at=require_aware(retry_at), **changes)
