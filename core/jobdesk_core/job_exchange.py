"""Gives a worker's ended jobs back to the database and takes new ones; outlives a server that goes away.

No job is lost and none is run twice: what the database did while its answer got lost is asked for.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Container, Iterable
from typing import Any

from jobdesk_core import deadlines
from jobdesk_core.database.exchange import Ending, Exchanged
from jobdesk_core.exceptions import CapabilityMissing, ConnectorException, JobdeskException, SchemaChanged
from jobdesk_core.jobs import Job, Status
from jobdesk_core.retry import RetryDecision

logger = logging.getLogger(__name__)

#: Seconds until an exchange that failed is tried again: doubled each time, within these bounds.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
WARNING_S = 60.0
#: A run: the job's id, and its attempts before it. A rescued job may run anew here while its first run goes on.
Key = tuple[int | None, int]
_FOREIGN_KEY, _UNIQUE = "23503", "23505"
#: No right, no such schema, a plan that knows the table from before.
_RESTORING = ("42501", "3F000", "0A000")


class Handover:
    """A worker's side of the jobs table.

    `on_news` is called when there is a reason to exchange again, `on_recorded` for each ending that is recorded.
    """

    def __init__(
        self,
        app: Any,
        queues: tuple[str, ...] | None,
        on_news: Callable[[], None],
        on_recorded: Callable[[Ending], None],
    ) -> None:
        self.worker_id: int | None = None
        self.pause_s = 0.0
        self._app = app
        self._queues = queues
        self._on_news = on_news
        self._on_recorded = on_recorded
        #: Whether an exchange has succeeded: then the database can do it, and what it cannot do now will pass.
        self._has_exchanged = False
        self._ended: dict[Key, Ending] = {}
        self._alone: dict[Key, asyncio.Task[None]] = {}
        self._is_doubtful = False
        self._warned_at = -WARNING_S

    @property
    def manager(self) -> Any:
        """The app's job manager."""
        return self._app.job_manager

    @property
    def is_due(self) -> bool:
        """Whether there is something to record or to find out."""
        return bool(self._ended) or self._is_doubtful

    @property
    def is_empty(self) -> bool:
        """Whether every ended job is recorded."""
        return not self.is_due and not self._alone

    @property
    def held_up(self) -> int:
        """How many ended jobs are being recorded one by one: their places are not free yet."""
        return len(self._alone)

    def add(self, ending: Ending) -> None:
        """Record at the next exchange how a job ended; put back at once what is to run again."""
        if ending.retry is None:
            self._ended[_key(ending)] = ending
            self._on_news()
        else:
            self._end_alone([ending])

    async def exchange(self, wanted: int, running: Iterable[int | None]) -> list[Job]:
        """Record what ended, and return up to `wanted` new jobs beside those `running`.

        While the server is away it returns nothing and sets `pause_s`, the seconds to wait before the next
        attempt. Raises ConnectorException when the database cannot fetch at all.
        """
        endings, self._ended = self._ended, {}
        try:
            if self._is_doubtful and (
                found := await self._found({*running, *(job_id for job_id, _ in (*endings, *self._alone))})
            ):
                self._ended = endings | self._ended
                return found
            done: Exchanged = await self.manager.exchange_jobs(
                list(endings.values()), wanted=wanted, queues=self._queues, worker_id=self.worker_id
            )
        except asyncio.CancelledError:
            self._ended = endings | self._ended
            raise
        except (ConnectorException, CapabilityMissing) as error:
            await self._failed(error, endings)
            return []
        except Exception as error:
            # A job's arguments that json_loads refuses, with whatever it raises: the jobs are running all the same.
            if self.worker_id is None or isinstance(error, JobdeskException):
                raise
            logger.exception("A job cannot be read.")
            self._try_again(endings)
            return []
        self.pause_s, self._has_exchanged = 0.0, True
        for ending in endings.values():
            if ending.job.id in done.finished:
                self._on_recorded(ending)
        self._end_alone(ending for ending in endings.values() if ending.job.id not in done.finished)
        freed = {ending.job.lock for ending in endings.values() if ending.job.id in done.finished}
        await self._notify(freed - {job.lock for job in done.jobs})
        return done.jobs

    async def give_up(self) -> None:
        """Leave what cannot be recorded to whoever rescues stalled jobs."""
        for job_id, _ in (*self._ended, *self._alone):
            logger.error("How job %s ended could not be recorded; it counts as stalled soon.", job_id)
        self._ended.clear()
        await deadlines.cancel(self._alone.values())

    # When things go wrong

    async def _failed(self, error: ConnectorException | CapabilityMissing, endings: dict[Key, Ending]) -> None:
        sqlstate = error.sqlstate if isinstance(error, ConnectorException) else None
        if is_outlasted(error) and (self._has_exchanged or not is_of_the_schema(error)):
            self._warn(error)
            if is_of_the_schema(error):
                # What cannot be fetched may be finished all the same.
                self._end_alone(endings.values())
                endings = {}
            self._try_again(endings)
        elif sqlstate in (_FOREIGN_KEY, _UNIQUE):
            self._try_again(endings)
            if sqlstate == _FOREIGN_KEY:
                await self._register_again()
        elif endings:
            logger.warning("Jobs cannot be finished together; trying one by one: %s", error.__cause__ or error)
            self._end_alone(endings.values())
        else:
            self._is_doubtful = False
            raise error

    def _warn(self, error: Exception) -> None:
        """Log why nothing is exchanged: when that begins, and every minute that it lasts."""
        now = time.monotonic()
        if self.pause_s == 0 or now - self._warned_at > WARNING_S:
            self._warned_at = now
            logger.warning("Jobs cannot be exchanged; trying again: %s", error.__cause__ or error)

    def _try_again(self, endings: dict[Key, Ending]) -> None:
        self._ended = endings | self._ended
        self._is_doubtful = True
        self.pause_s = min(LONGEST_PAUSE_S, 2 * self.pause_s or FIRST_PAUSE_S)

    async def _register_again(self) -> None:
        """Another worker took us for dead, for example while the server was away."""
        try:
            self.worker_id = await self.manager.register_worker()
        except (ConnectorException, CapabilityMissing) as error:
            if not is_outlasted(error):
                raise

    async def _found(self, known: Container[int | None]) -> list[Job]:
        """The jobs that were started in our name in an exchange whose answer got lost: those not known before."""
        jobs: list[Job] = []
        if self.worker_id is not None:
            for job_id, attempts in (await self.manager.list_running(self.worker_id)).items():
                if job_id not in known:
                    jobs += await self._read(job_id, attempts)
        self._is_doubtful = False
        return jobs

    async def _read(self, job_id: int, attempts: int) -> list[Job]:
        try:
            jobs: list[Job] = await self.manager.list_jobs_async(id=job_id)
        except ConnectorException:
            raise
        except Exception:  # whatever json_loads raises fails this one job
            logger.exception("Failed job %s: its arguments cannot be read.", job_id)
            job = Job(id=job_id, task_name="", attempts=attempts, worker_id=self.worker_id)
            self._end_alone([Ending(job, Status.FAILED)])
            return []
        return jobs

    # One by one: retries, rows that someone else has locked, and what the database refuses

    def _end_alone(self, endings: Iterable[Ending]) -> None:
        for ending in endings:
            task = asyncio.create_task(self._record(ending))
            self._alone[_key(ending)] = task
            task.add_done_callback(functools.partial(self._ended_alone, _key(ending)))

    def _ended_alone(self, key: Key, _: asyncio.Task[None]) -> None:
        self._alone.pop(key, None)
        self._on_news()

    async def _record(self, ending: Ending) -> None:
        is_doubtful = False
        while True:
            try:
                if not (ending.retry is not None and await self._retry(ending.job, ending.retry, is_doubtful)):
                    await self._finish(ending)
                self._on_recorded(ending)
                return
            except (ConnectorException, CapabilityMissing) as error:
                if not is_outlasted(error):
                    logger.exception("%s could not be ended.", ending.job)
                    return
            is_doubtful = True
            await asyncio.sleep(LONGEST_PAUSE_S)

    async def _finish(self, ending: Ending) -> None:
        done: Exchanged = await self.manager.exchange_jobs(
            [ending], wanted=0, queues=None, worker_id=self.worker_id, waits=True
        )
        if not done.finished:
            logger.warning(
                "%s, which ended as %s, is not run by this worker any more.", ending.job, ending.status.value
            )
        await self._notify({ending.job.lock})

    async def _retry(self, job: Job, decision: RetryDecision, is_doubtful: bool) -> bool:
        """Put a job back in its queue, unless an attempt whose answer got lost did so. False: it is refused."""
        if is_doubtful:
            jobs = await self.manager.list_jobs_async(id=job.id, status=Status.DOING)
            if not jobs or jobs[0].attempts != job.attempts or jobs[0].worker_id not in (None, job.worker_id):
                return True
        try:
            await self.manager.retry_job(
                job, decision.retry_at, priority=decision.priority, queue=decision.queue, lock=decision.lock
            )
        except (ConnectorException, CapabilityMissing) as error:
            if isinstance(error, ConnectorException) and is_outlasted(error):
                raise
            # Its queueing lock is taken, for example, or the release cannot change its priority on a retry.
            # Left as it is, it would be running for ever.
            logger.exception("%s cannot be retried.", job)
            return False
        return True

    async def _notify(self, locks: set[str | None]) -> None:
        """Wake the workers for the successors of locks."""
        freed = sorted(lock for lock in locks if lock is not None)
        if freed:
            try:
                await self.manager.notify_freed_locks(freed)
            except (ConnectorException, CapabilityMissing) as error:
                logger.warning("The successors of freed locks wait for the next poll: %s", error.__cause__)


def is_outlasted(error: ConnectorException | CapabilityMissing) -> bool:
    """Whether a running worker waits until the same succeeds: the server is away, or its schema is being restored."""
    return is_of_the_schema(error) or (isinstance(error, ConnectorException) and error.is_passing)


def is_of_the_schema(error: ConnectorException | CapabilityMissing) -> bool:
    """Whether what was there is not, or not for this role: tables are restored first, and their grants last."""
    if isinstance(error, CapabilityMissing | SchemaChanged):
        return True
    return isinstance(error, ConnectorException) and error.sqlstate in _RESTORING


def _key(ending: Ending) -> Key:
    return ending.job.id, ending.job.attempts
