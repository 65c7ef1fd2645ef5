"""What the window asks of one database: pages, counts, details, and a feed of what changes."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from jobdesk_core.connectors import limits
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.settings import Route
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.database.limited import ask_limited_async, limited
from jobdesk_core.database.rows import JobRow, WorkerRow
from jobdesk_core.database.schema import found_elsewhere
from jobdesk_core.exceptions import ConnectorException, SchemaChanged
from jobdesk_core.feed.counts import Counts
from jobdesk_core.feed.feed import Feed
from jobdesk_core.feed.listening import Listener, place_of, trouble_of
from jobdesk_core.feed.state import Changes, FeedState, Mode
from jobdesk_core.history.history import History
from jobdesk_core.history.recording import Recording
from jobdesk_core.job import arguments, comparison, details, related_jobs, typical_arguments
from jobdesk_core.job.arguments import MOST_WHOLE, Part
from jobdesk_core.job.comparison import Comparison
from jobdesk_core.job.details import JobDetail
from jobdesk_core.job.related_jobs import Others, UsualTimes
from jobdesk_core.job.typical_arguments import UsualArguments
from jobdesk_core.locks.locks import Locks
from jobdesk_core.reading import running, workers
from jobdesk_core.reading.moment import Moment
from jobdesk_core.reading.name_rows import boards
from jobdesk_core.reading.pages import JobPages
from jobdesk_core.reading.records import JobTimes, Path, times_by_id, times_of
from jobdesk_core.reading.running import RunningJob
from jobdesk_core.reading.series import Series
from jobdesk_core.reported.detection import detect
from jobdesk_core.reported.reports import Reports
from jobdesk_core.schedules.following import ScheduleFollower
from jobdesk_core.troubles import Trouble
from jobdesk_core.watching.overview import Overview, overview
from jobdesk_core.watching.situation import Situation
from jobdesk_core.watching.watch import Watch

#: Seconds between two looks: while things move, at rest, and at least.
MOVING_S, REST_S, SHORTEST_S = 0.25, 0.98, 0.1
#: Seconds between two questions while nobody looks.
OUT_OF_SIGHT_S = 5.0
#: An answer that takes longer than this means that the link is in trouble.
ANSWER_S = 4.0
#: What is locked for longer than this is told as that: see `_be_patient`.
LOCKED_S = 3.0
#: One that takes longer than this is told to be waited for.
WAIT_TOLD_S = 1.5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
#: What was asked for by a click and takes its time, such as unpacking 100 MB of arguments.
SLOW_LIMIT_S = 30.0
#: For how many seconds after it was asked for the overview is made at each count.
WANTED_S = 5.0
#: How long a task's newest jobs are looked for.
USUAL_S = 2.0


class Monitor:
    """Watches one database until `run` is cancelled. Statements are limited to `limit_s` seconds."""

    def __init__(self, connector: PsycopgConnector, capabilities: Capabilities, *, limit_s: float = 5.0) -> None:
        capabilities = replace(capabilities, clock=connector.clock)
        self._connector = connector
        self._capabilities = capabilities
        self.limit_s = limit_s
        self.counts = Counts()
        self.series = Series()
        self.recording = Recording(connector)
        self.pages = JobPages(connector, capabilities, limit_s=limit_s)
        self.locks = Locks(connector, capabilities, limit_s=limit_s)
        self.reports = Reports(connector, capabilities, limit_s=limit_s)
        self.schedules = ScheduleFollower(connector, capabilities, limit_s=limit_s)
        self.state = FeedState()
        self._feed = Feed(connector, capabilities, self.counts, self.series, limit_s=limit_s)
        self._feed.follower = self.recording.recorder
        self.queues, self.tasks = boards(lambda: self.moment, self.series)
        self.watching = Watch(connector, capabilities, self.series, self.schedules, limit_s=limit_s)
        self.watching.usual = self.recording.usual
        #: Is told what the database can do when that has changed: after a migration, a promotion, a failover.
        self.on_capabilities: Callable[[Capabilities], object] = lambda capabilities: None
        self._overview: Overview | None = None
        self._overview_asked_at = 0.0
        self._wake, self._hurry = asyncio.Event(), asyncio.Event()
        #: When a lost link is tried anew (`time.monotonic`).
        self._tries_at: float | None = None
        self._is_in_sight, self._sight = True, asyncio.Event()
        self._on_state: Callable[[FeedState], None] = lambda state: None
        self._on_workers: Callable[[list[WorkerRow]], None] = lambda workers: None
        self._listener = Listener(connector, self._wake.set, lambda reason: self._turn("polling", reason))

    @property
    def moment(self) -> Moment | None:
        """What was known when the open jobs were counted last; None before the first read."""
        return self._feed.moment

    @property
    def history(self) -> History:
        """What happened per minute over days. To be asked in a thread of its own."""
        return self.recording.history

    def now(self) -> dt.datetime:
        """The time by the server's clock (UTC)."""
        return self._connector.clock.now()

    def overview(self) -> Overview | None:
        """All that the overview shows, of one moment; None before the first read."""
        self._overview_asked_at = time.monotonic()
        # What has happened since the open jobs were counted is in the series already: it waits for the next count.
        if self.moment is not None and self.moment.last_event_id == self._feed.last_event_id:
            self._make_overview()
        return self._overview

    def situation(self) -> Situation | None:
        """All that the rules of attention may know of the latest moment; None before the first read."""
        if self.moment is None:
            return None
        trouble = self.history.trouble
        return replace(
            self.watching.situation(self.moment, self.now()),
            unrecorded=str(trouble or "") if self.history.path is not None else None,
            unrecorded_since=self.recording.trouble_since,
        )

    def _make_overview(self) -> None:
        situation = self.situation()
        assert self.moment is not None and situation is not None
        self._overview = overview(self.moment, self.series, self.queues, situation)
        self.watching.note(self._overview.attention, situation.now)
        self._overview = replace(self._overview, last=self.watching.last)

    def watch(self, job_ids: Iterable[int]) -> None:
        """Name the jobs on the screen: whatever anyone does to them shows within a second."""
        self._feed.watch(job_ids)

    def wake(self) -> None:
        """Read now rather than at the next tick."""
        self._wake.set()

    @property
    def next_try_s(self) -> float | None:
        """In how many seconds a lost link is tried anew; None while it is there, or being tried."""
        return max(0.0, self._tries_at - time.monotonic()) if self._tries_at is not None else None

    def try_now(self) -> None:
        """Try a lost link at once."""
        self._hurry.set()

    async def run(
        self,
        on_changes: Callable[[Changes], None],
        on_state: Callable[[FeedState], None],
        on_workers: Callable[[list[WorkerRow]], None] = lambda workers: None,
    ) -> None:
        """Follow the database until cancelled: reconnects by itself, and says what it is doing.

        `on_workers` is told of the registered workers a few times a minute, and soon when there were none.
        """
        self._on_state, self._on_workers = on_state, on_workers
        self._turn("connecting")
        pause, is_known = FIRST_PAUSE_S, True
        while True:
            is_outdated, listener = False, asyncio.create_task(_nothing())
            try:
                async with self._connector.own_connection() as self._feed.connection:
                    await self._be_patient()
                    await self.recording.find()
                    if not is_known:
                        await self._detect()
                    is_known, listener = False, asyncio.create_task(self._listener.listen(self._capabilities))
                    await self._begun()
                    self._overview = None
                    pause = FIRST_PAUSE_S
                    self.state = replace(self.state, server=place_of(self._feed.connection))
                    self._turn(*self._listener.mode)
                    on_changes(Changes({}, [], frozenset(), is_refresh=True))
                    # Once more: it may have changed between the detection and the start.
                    if not await self._answered(self._detect()):
                        await self._follow(on_changes, listener)
                is_outdated = True
            except ConnectorException as error:
                trouble = trouble_of(error, listener)
                self._turn("stale", trouble.detail or trouble.sentence, trouble)
            finally:
                listener.cancel()
                await asyncio.gather(listener, return_exceptions=True)
            if is_outdated:
                continue
            await self._rest(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
            # Dead pool connections would each fail one question more.
            with contextlib.suppress(ConnectorException):
                await self._connector.check_async()

    async def detail(self, job_id: int) -> JobDetail | None:
        """Everything about one job, or None when it is not there."""
        return await details.read_detail(self._connector, self._capabilities, job_id, limit_s=self.limit_s)

    async def argument_part(self, job_id: int, path: Sequence[str | int], start: int) -> Part | None:
        """Some entries of the object or list at a path of large arguments; None when it is gone."""
        return await limited(self._connector, arguments.part(job_id, path, start), SLOW_LIMIT_S)

    async def argument_text(self, job_id: int, path: Sequence[str | int]) -> str | None:
        """A long text within the arguments, up to 16 million characters; None when it is gone."""
        return await limited(self._connector, arguments.text(job_id, path), SLOW_LIMIT_S)

    async def others(self, row: JobRow) -> list[Others]:
        """How many other jobs have the job's locks, task and worker. Raises StatementTooLong."""
        return await limited(self._connector, related_jobs.others(self._capabilities, row), self.limit_s)

    async def usual_times(self, task_name: str) -> UsualTimes | None:
        """The task's latest runs and how long it usually waits and runs; None without any. Raises StatementTooLong."""
        return await limited(self._connector, related_jobs.usual_times(task_name), self.limit_s)

    async def compare(self, job_ids: Sequence[int]) -> Comparison:
        """What the arguments of several jobs share and where they differ. Raises StatementTooLong."""
        return await limited(self._connector, comparison.compare(job_ids), self.limit_s)

    async def arguments(self, job_ids: Sequence[int], most: int = MOST_WHOLE) -> dict[int, str | None]:
        """The arguments of these jobs as JSON texts, by id, without those that are not there.

        None stands for arguments that go beyond `most` bytes in all. Raises StatementTooLong.
        """
        return await ask_limited_async(arguments.whole_of(job_ids, most), self._connector, SLOW_LIMIT_S)

    async def times(self, job_ids: Sequence[int]) -> dict[int, JobTimes]:
        """When these jobs started and ended, by id, without those that are not there. Raises StatementTooLong."""
        return await ask_limited_async(times_of(job_ids), self._connector, SLOW_LIMIT_S)

    async def shown_times(self, job_ids: Sequence[int], paths: Sequence[Path]) -> dict[int, JobTimes]:
        """The times of the jobs in sight, and what their arguments hold at these paths. Raises StatementTooLong."""
        return await limited(self._connector, times_by_id(job_ids, paths), self.limit_s)

    async def workers(self) -> list[WorkerRow]:
        """The registered workers; none on releases before 3.1, which keep no record of them."""
        if not self._capabilities.has_workers:
            return []
        return await self._connector.run_async(workers.WORKERS)

    async def running_jobs(self, worker_id: int | None) -> list[RunningJob]:
        """The jobs that a worker is running, or those running without one (None); at most running.MOST_JOBS."""
        return await limited(self._connector, running.jobs_of(self._capabilities, worker_id), self.limit_s)

    async def usual_arguments(self, task: str) -> UsualArguments:
        """What the newest jobs of a task have been given, as far as a few short stretches hold some."""
        steps = typical_arguments.of_task(self._capabilities, task, USUAL_S)
        return await ask_limited_async(steps, self._connector, self.limit_s)

    # Following

    async def _be_patient(self) -> None:
        """Have the server say what a lock holds up, before the limits of ours end the wait."""
        if self._connector.route is not Route.POOLED:
            await self._connector.run_async(_PATIENCE, connection=self._feed.connection)

    async def _detect(self) -> bool:
        """Read anew what the database can do, for it may have been migrated, restored, or be another one.

        Returns whether that has changed.
        """
        found = await self._connector.run_async(DETECT, connection=self._feed.connection)
        reported = await self._connector.run_async(detect(), connection=self._feed.connection)
        found = replace(found, clock=self._connector.clock, reported=reported)
        if not found.has_schema:
            raise SchemaChanged(found_elsewhere(found) or f"Database {found.database} has no Procrastinate schema.")
        if found == self._capabilities:
            return False
        self._capabilities = found
        for part in (self.pages, self.locks, self.reports, self.schedules, self.watching, self._feed):
            part.adopt(found)
        self.on_capabilities(found)
        return True

    async def _follow(self, on_changes: Callable[[Changes], None], listener: asyncio.Task[None]) -> None:
        """Hand on what happens, until what was read is no longer of this database."""
        watching = self.watching.follow(lambda: self.moment, lambda: self._is_in_sight)
        beside = asyncio.gather(
            self._feed.fill_history(), self.recording.keep_filled(), watching, return_exceptions=True
        )
        is_moving = True
        try:
            while True:
                await self._wait(MOVING_S if is_moving else REST_S)
                if listener.done() and not listener.cancelled() and not self._listener.is_deaf:
                    listener.result()
                    raise ConnectorException("The listening connection has ended.")
                started = self.watching.latencies.ask()
                workers = self._feed.workers
                has_news = await self._answered(self._feed.has_news())
                if self._feed.workers != workers:
                    self._on_workers(self._feed.workers)
                milliseconds = (time.monotonic() - started) * 1000
                self._saw(milliseconds)
                if self._feed.is_outdated:
                    return
                is_moving = self._feed.is_counting
                has_more = has_news
                while has_more:
                    moment = self.moment
                    changes, has_more = await self._answered(self._feed.read())
                    if self.moment is not moment and time.monotonic() - self._overview_asked_at < WANTED_S:
                        self._make_overview()
                    is_moving = is_moving or bool(changes.events)
                    on_changes(changes)
        finally:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)

    async def _rest(self, seconds: float) -> None:
        """Between two attempts at a lost link; cut short by `try_now`."""
        self._hurry.clear()
        self._tries_at = time.monotonic() + seconds
        try:
            # Not wait_for, as below.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._hurry.wait()
        finally:
            self._tries_at = None

    def set_in_sight(self, is_in_sight: bool) -> None:
        """Whether anybody looks at what is read. If not, one small question every few seconds is all that is asked."""
        self._is_in_sight = is_in_sight
        self._sight.set()
        if is_in_sight:
            self._wake.set()

    async def _wait(self, seconds: float) -> None:
        self._sight.clear()
        if not self._is_in_sight:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OUT_OF_SIGHT_S):
                    await self._sight.wait()
        await asyncio.sleep(SHORTEST_S)
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the waking.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds - SHORTEST_S):
                await self._wake.wait()
        self._wake.clear()

    async def _begun(self) -> None:
        """Read all that is read at first, which may take its time, and say so."""
        task = asyncio.ensure_future(self._feed.start())
        try:
            answered, _ = await asyncio.wait({task}, timeout=WAIT_TOLD_S)
            if not answered:
                self._tell(replace(self.state, is_waiting=True))
            await task
        finally:
            await limits.ended(task)

    async def _answered(self, question: Any) -> Any:
        """Wait for an answer, and say so at once when it does not come: cancelling may take long itself."""
        task = asyncio.ensure_future(question)
        try:
            answered, _ = await asyncio.wait({task}, timeout=WAIT_TOLD_S)
            if not answered:
                self._tell(replace(self.state, is_waiting=True))
                answered, _ = await asyncio.wait({task}, timeout=ANSWER_S - WAIT_TOLD_S)
            if not answered:
                self._turn("stale", f"The server has not answered for {ANSWER_S:.0f} s.")
                answered, _ = await asyncio.wait({task}, timeout=3 * ANSWER_S)
                if not answered:
                    raise ConnectorException("The server has stopped answering.")
                if task.exception() is None:
                    self._turn(*self._listener.mode)
            return task.result()
        finally:
            await limits.ended(task)

    def _saw(self, milliseconds: float) -> None:
        now = self.now()
        self.watching.latencies.note(milliseconds / 1000, now)
        state = replace(self.state, latency_ms=milliseconds, last_event_id=self._feed.last_event_id, read_at=now)
        self._tell(state.into(*self._listener.mode, now))

    def _turn(self, mode: Mode, reason: str = "", trouble: Trouble | None = None) -> None:
        self._tell(self.state.into(mode, reason, self.now(), trouble))

    def _tell(self, state: FeedState) -> None:
        if state != self.state:
            self.state = state
            self._on_state(state)


async def _nothing() -> None:
    """No listener yet."""


_PATIENCE = Statement("SELECT set_config('lock_timeout', %(limit)s, false)", nothing, {"limit": f"{LOCKED_S:.0f}s"})
