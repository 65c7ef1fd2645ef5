"""Jobs in memory: each operation by its name, as the database does it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any

from jobdesk_core import utils
from jobdesk_core.exceptions import ConnectorException, UniqueViolation
from jobdesk_core.types import JobToDefer, JSONDict

JobRow = dict[str, Any]
EventRow = dict[str, Any]

_QUEUEING_LOCK = "procrastinate_jobs_queueing_lock_idx_v1"


class JobsInMemory:
    """The tables of the schema, and what its functions do with them: `<name>_run`, `<name>_one` or `<name>_all`."""

    def reset(self) -> None:
        """Forget everything, as if no job had ever been."""
        #: The rows of the jobs by their ids, with the columns of `procrastinate_jobs`.
        self.jobs: dict[int, JobRow] = {}
        #: What happened to each job: dicts with `type` and `at`.
        self.events: dict[int, list[EventRow]] = {}
        #: The last heartbeat of each worker, by its id.
        self.workers: dict[int, dt.datetime] = {}
        self.job_counter = itertools.count(1)
        #: The last time that each schedule was deferred for, by the task and the `periodic_id`.
        self.periodic_defers: dict[tuple[str, str], int] = {}
        #: Whether the schema is there.
        self.table_exists = True

    async def _notify(self, queue_name: str, kind: str, job_id: int) -> None:
        """Tell whoever listens what happened to a job."""

    # What a test looks at

    @property
    def current_locks(self) -> set[str]:
        """The locks of the running jobs."""
        return {job["lock"] for job in self._rows() if job["status"] == "doing" and job["lock"] is not None}

    @property
    def finished_jobs(self) -> list[JobRow]:
        """The jobs that succeeded or failed."""
        return [job for job in self._rows() if job["status"] in ("succeeded", "failed")]

    # Deferring

    async def defer_jobs_all(self, jobs: list[JobToDefer]) -> list[JobRow]:
        """Insert jobs, all or none. Raises UniqueViolation for a queueing lock that is taken."""
        if any(job.queueing_lock is not None for job in jobs):
            taken = {row["queueing_lock"] for row in self._rows() if row["status"] == "todo"}
            for job in jobs:
                if job.queueing_lock is not None and job.queueing_lock in taken:
                    raise UniqueViolation(constraint_name=_QUEUEING_LOCK, queueing_lock=job.queueing_lock)
                taken.add(job.queueing_lock)
        rows = [self._insert(job) for job in jobs]
        for row in rows:
            await self._notify(row["queue_name"], "job_inserted", row["id"])
        return rows

    def _insert(self, job: JobToDefer) -> JobRow:
        job_id = next(self.job_counter)
        row = self.jobs[job_id] = {
            "id": job_id,
            "queue_name": job.queue_name,
            "task_name": job.task_name,
            "priority": job.priority,
            "lock": job.lock,
            "queueing_lock": job.queueing_lock,
            "args": job.args,
            "status": "todo",
            "scheduled_at": job.scheduled_at,
            "attempts": 0,
            "abort_requested": False,
            "worker_id": None,
        }
        self.events[job_id] = []
        if job.scheduled_at is not None:
            self._note(job_id, "scheduled", job.scheduled_at)
        self._note(job_id, "deferred")
        return row

    async def defer_periodic_job_one(
        self,
        queue: str,
        task_name: str,
        priority: int,
        args: JSONDict,
        defer_timestamp: int,
        lock: str | None,
        queueing_lock: str | None,
        periodic_id: str,
    ) -> JobRow:
        """Insert the job of one due time; its `id` is None when this time, or a later one, was deferred already."""
        key = task_name, periodic_id
        if key in self.periodic_defers and self.periodic_defers[key] >= defer_timestamp:
            return {"id": None}
        new = JobToDefer(queue, task_name, priority, lock, queueing_lock, args, None)
        (row,) = await self.defer_jobs_all([new])
        self.periodic_defers[key] = defer_timestamp
        return row

    # Running

    async def fetch_job_one(self, queues: Iterable[str] | None, worker_id: int | None) -> JobRow:
        """Start the next due job: the highest priority, then the lowest id; its `id` is None when there is none."""
        wanted = None if queues is None else set(queues)
        waiting, held = [], set()
        for row in self._rows():
            if row["status"] == "todo":
                waiting.append(row)
            elif row["status"] == "doing":
                held.add(row["lock"])
        held.discard(None)
        waiting.sort(key=lambda row: (-row["priority"], row["id"]))
        now = utils.utcnow()
        for row in waiting:
            if row["lock"] not in held:
                is_due = row["scheduled_at"] is None or row["scheduled_at"] <= now
                if is_due and (wanted is None or row["queue_name"] in wanted):
                    row["status"], row["worker_id"] = "doing", worker_id
                    self._note(row["id"], "started")
                    return dict(row)
                if row["lock"] is not None:
                    held.add(row["lock"])  # whoever waits first for a lock goes first
        return {"id": None}

    async def finish_job_run(self, job_id: int, status: str, delete_job: bool) -> None:
        """End a job, or delete it."""
        row = self._row(job_id)
        if delete_job:
            self.jobs.pop(job_id)
            return
        row["status"] = status
        row["attempts"] += 1
        row["abort_requested"] = False
        self._note(job_id, status)

    async def retry_job_run(
        self,
        job_id: int,
        retry_at: dt.datetime,
        new_priority: int | None = None,
        new_queue_name: str | None = None,
        new_lock: str | None = None,
    ) -> None:
        """Put a job back in its queue."""
        row = self._row(job_id)
        row["status"], row["scheduled_at"] = "todo", retry_at
        row["attempts"] += 1
        changes = {"priority": new_priority, "queue_name": new_queue_name, "lock": new_lock}
        row.update({name: value for name, value in changes.items() if value is not None})
        self._note(job_id, "scheduled", retry_at)
        self._note(job_id, "deferred_for_retry")

    async def cancel_job_one(self, job_id: int, abort: bool, delete_job: bool) -> dict[str, Any]:
        """Cancel or delete a waiting job, or ask a running one to stop; the `id` is None when neither applied."""
        row = self.jobs.get(job_id, {})
        if row.get("status") == "todo":
            if delete_job:
                self.jobs.pop(job_id)
            else:
                row["status"] = "cancelled"
            return {"id": job_id}
        if row.get("status") == "doing" and abort:
            row["abort_requested"] = True
            await self._notify(row["queue_name"], "abort_job_requested", job_id)
            return {"id": job_id}
        return {"id": None}

    async def list_jobs_to_abort_all(self, queue_name: str | None) -> list[dict[str, Any]]:
        """The ids of the running jobs that are asked to stop."""
        return [
            {"id": row["id"]}
            for row in self._rows()
            if row["status"] == "doing" and row["abort_requested"] and queue_name in (None, row["queue_name"])
        ]

    async def set_job_status_run(self, id: int, status: str) -> None:
        """Set a job's status."""
        self._row(id)["status"] = status

    # Workers

    async def register_worker_one(self) -> dict[str, Any]:
        """Add a worker."""
        worker_id = max(self.workers, default=0) + 1
        self.workers[worker_id] = utils.utcnow()
        return {"worker_id": worker_id}

    async def unregister_worker_run(self, worker_id: int) -> None:
        """Remove a worker: its jobs have none any more."""
        self.workers.pop(worker_id, None)
        for row in self._rows():
            if row["worker_id"] == worker_id:
                row["worker_id"] = None

    async def update_heartbeat_run(self, worker_id: int) -> None:
        """Note that a worker lives."""
        self.workers[worker_id] = utils.utcnow()

    async def prune_stalled_workers_all(self, seconds_since_heartbeat: float) -> list[dict[str, Any]]:
        """Remove the workers that have been silent for so many seconds."""
        oldest = utils.utcnow() - dt.timedelta(seconds=seconds_since_heartbeat)
        silent = [worker_id for worker_id, at in self.workers.items() if at < oldest]
        for worker_id in silent:
            await self.unregister_worker_run(worker_id)
        return [{"worker_id": worker_id} for worker_id in silent]

    async def select_stalled_jobs_by_heartbeat_all(
        self, queue: str | None, task_name: str | None, seconds_since_heartbeat: float
    ) -> list[JobRow]:
        """The running jobs whose worker has been silent for so many seconds, or is gone."""
        oldest = utils.utcnow() - dt.timedelta(seconds=seconds_since_heartbeat)
        living = {worker_id for worker_id, at in self.workers.items() if at >= oldest}
        running = await self.list_jobs_all(queue_name=queue, task_name=task_name, status="doing")
        return [row for row in running if row["worker_id"] not in living]

    async def select_stalled_jobs_by_started_all(
        self, nb_seconds: float, queue: str | None, task_name: str | None
    ) -> list[JobRow]:
        """The running jobs whose latest start was more than so many seconds ago."""
        oldest = utils.utcnow() - dt.timedelta(seconds=nb_seconds)
        running = await self.list_jobs_all(queue_name=queue, task_name=task_name, status="doing")
        starts = {
            row["id"]: [each["at"] for each in self.events[row["id"]] if each["type"] == "started"] for row in running
        }
        return [row for row in running if starts[row["id"]] and max(starts[row["id"]]) < oldest]

    # Reading and deleting

    async def get_job_status_one(self, job_id: int) -> dict[str, Any] | None:
        """A job's status; None when there is no such job."""
        row = self.jobs.get(job_id)
        return None if row is None else {"status": row["status"]}

    async def list_jobs_all(self, **filters: Any) -> list[JobRow]:
        """The jobs that meet every filter, of their columns; None is any."""
        given = [(name, value) for name, value in filters.items() if value is not None]
        return [dict(row) for row in self._rows() if all(row[name] == value for name, value in given)]

    async def list_queues_all(self, **filters: Any) -> list[dict[str, Any]]:
        """Per queue its name, `jobs_count` and `stats`: how many of each status."""
        return await self._counts("queue_name", filters)

    async def list_tasks_all(self, **filters: Any) -> list[dict[str, Any]]:
        """Per task its name, `jobs_count` and `stats`: how many of each status."""
        return await self._counts("task_name", filters)

    async def list_locks_all(self, **filters: Any) -> list[dict[str, Any]]:
        """Per lock its name, `jobs_count` and `stats`: how many of each status."""
        return await self._counts("lock", filters)

    async def _counts(self, column: str, filters: dict[str, Any]) -> list[dict[str, Any]]:
        statuses: dict[str, Counter[str]] = {}
        for row in await self.list_jobs_all(**filters):
            if row[column] is not None:
                statuses.setdefault(row[column], Counter())[row["status"]] += 1
        return [
            {"name": name, "jobs_count": counted.total(), "stats": dict(counted)}
            for name, counted in sorted(statuses.items())
        ]

    async def delete_old_jobs_run(self, nb_hours: float, queue: str | None, statuses: Iterable[str]) -> int:
        """Delete the jobs of these statuses whose latest event is older than so many hours; return how many."""
        oldest, wanted = utils.utcnow() - dt.timedelta(hours=nb_hours), set(statuses)
        old = [
            row["id"]
            for row in self._rows()
            if row["status"] in wanted
            and queue in (None, row["queue_name"])
            and max(each["at"] for each in self.events[row["id"]]) < oldest
        ]
        for job_id in old:
            self.jobs.pop(job_id)
        return len(old)

    # The schema

    async def check_connection_one(self) -> dict[str, Any]:
        """Whether the schema is there."""
        return {"check": "procrastinate_jobs" if self.table_exists else None}

    async def apply_schema_run(self) -> None:
        """Let the schema be there."""
        self.table_exists = True

    async def listen_for_jobs_run(self) -> None:
        """Nothing is to be done."""

    # Within

    def _rows(self) -> list[JobRow]:
        # A copy, made in one step: a synchronous task may defer meanwhile, in its thread.
        return list(self.jobs.values())

    def _row(self, job_id: int) -> JobRow:
        row = self.jobs.get(job_id)
        if row is None:
            raise ConnectorException(f"Job was not found (job id: {job_id})")
        return row

    def _note(self, job_id: int, kind: str, at: dt.datetime | None = None) -> None:
        self.events[job_id].append({"type": kind, "at": at or utils.utcnow()})
