"""One open connection as the window sees it: the core's events in, Qt's signals out."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from jobdesk_core.clock import TOLD_S
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.ssh.askpass import Ask
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.database.rows import JobRow, WorkerRow
from jobdesk_core.exceptions import ConnectorException, InDoubt, JobdeskException
from jobdesk_core.feed.state import Changes, FeedState
from jobdesk_core.filters.completion_values import KnownValues, Question
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.history.place import history_path
from jobdesk_core.jobs import Job
from jobdesk_core.journal import Entry, Header, Journal, doubts, recorded
from jobdesk_core.journal import undo as journal_undo
from jobdesk_core.journal.headers import noted
from jobdesk_core.journal.settling import settle
from jobdesk_core.journal.undo import UndoPlan
from jobdesk_core.journal.undo_apply import undo
from jobdesk_core.monitor import Monitor
from jobdesk_core.number import Number
from jobdesk_core.operations import (
    MOST_EDITED_BYTES,
    Action,
    Brake,
    Change,
    ChangeSet,
    DeferLedger,
    DeferPlan,
    Ledger,
    NewJob,
    Outcome,
    Plan,
    Progress,
    Rate,
    SetLedger,
    SetPlan,
    Target,
    first_defer,
    impossible,
    look,
    plan,
    plan_defers,
    read_jobs,
    refusal,
    run_async,
)
from jobdesk_core.operations.deferring.many import LINE
from jobdesk_core.profiles import Profile, connection_parameters, where
from jobdesk_core.profiles.places import Secret
from jobdesk_core.reading.view_count import ViewCount
from jobdesk_core.reported.detection import detect
from PySide6.QtCore import QObject, Signal

from jobdesk.connection.act_access import ActAccess
from jobdesk.connection.boards import Boards
from jobdesk.connection.broken_link import leave_to_feed
from jobdesk.kit import clock
from jobdesk.kit.work import Work
from jobdesk.runtime.logs import logger

OnProgress = Callable[[Progress], Awaitable[bool]]


class Desk(QObject):
    """A connector, what its database can do, and the monitor that watches it."""

    changed = Signal(Changes)
    state_changed = Signal(FeedState)
    workers_changed = Signal(list)  # list[WorkerRow]
    trouble = Signal(Exception)
    adopted = Signal(Capabilities, Capabilities)  # before and after

    def __init__(
        self,
        profile: Profile,
        connector: PsycopgConnector,
        capabilities: Capabilities,
        journal: Journal,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.profile = profile
        self.connector = connector
        self.capabilities = capabilities
        self.journal = journal
        self.access = ActAccess(lambda: self.profile, connector, self)
        self.access.when_unused(lambda: self.work.start(self.access.lock(), name="lock"))
        self.monitor = Monitor(connector, capabilities)
        if profile.records_history:
            self.monitor.recording.path_of = partial(history_path, profile, folder=journal.path.parent / "history")
        self.monitor.recording.on_trouble = self.trouble.emit
        self.monitor.on_capabilities = self._adopt
        self.workers: list[WorkerRow] = []
        #: How many faults the Health page has found to be mended.
        self.advised = 0
        self._has_told_clock = False
        self.known = KnownValues(connector, secret_pattern=profile.hidden_keys)
        self.view_count = ViewCount(connector, capabilities)
        self.boards = Boards(self.monitor, self)
        self.work = Work(self)
        self.work.failed.connect(self.trouble)
        self._is_up = False
        self.state_changed.connect(self._settle_when_up)

    @classmethod
    async def open(
        cls, profile: Profile, secret: Secret | None = None, *, journal: Journal, ask: Ask | None = None
    ) -> Desk:
        """Connect and read what the database can do. Raises ConnectorException; nothing stays open then."""
        connector = PsycopgConnector(**connection_parameters(profile, secret, ask))
        await connector.open_async()
        try:
            capabilities = replace(
                await connector.run_async(DETECT),
                clock=connector.clock,
                reported=await connector.run_async(detect()),
            )
        except BaseException:
            await connector.close_async()
            raise
        desk = cls(profile, connector, capabilities, journal)
        # Known from the start: without it every running job would look as if its worker were dead.
        with contextlib.suppress(ConnectorException):
            desk.workers = await desk.monitor.workers() if capabilities.has_schema else []
        return desk

    def start(self) -> None:
        """Begin to watch. Needs a database that has the schema."""
        self.state_changed.connect(self._look_at_clock)
        self.work.start(self.monitor.run(self.changed.emit, self.state_changed.emit, self._take_workers), name="feed")
        self.work.start(self.monitor.recording.keep_saved(), name="record the history")
        self.boards.start()

    def set_in_sight(self, is_in_sight: bool) -> None:
        """Whether anybody looks at this desk; if not, its server is asked little. Times go by its clock if so."""
        self.monitor.set_in_sight(is_in_sight)
        if self.capabilities.has_schema:
            self.boards.set_in_sight(is_in_sight)
        if is_in_sight:
            clock.follow(self.connector.clock)

    def _settle_when_up(self, state: FeedState) -> None:
        """Look up what the journal does not know of earlier acts, once connected and whenever the link is back."""
        was_up, self._is_up = self._is_up, state.mode in ("live", "polling")
        if self._is_up and not was_up:
            self.work.start(self._settle(), name="settle the journal")

    async def _settle(self) -> None:
        with contextlib.suppress(JobdeskException):  # the next act tries again, and tells
            await settle(self.journal, self.connector.run_async, where(self.profile))

    async def close(self) -> None:
        """Stop watching and close the pool, within a few seconds whatever the server does."""
        await self.work.stop()
        await self.monitor.recording.close()
        await self.access.lock()
        await self.connector.close_async()

    @contextlib.asynccontextmanager
    async def _for_act(self) -> AsyncIterator[tuple[PsycopgConnector, Profile]]:
        """What one act is done by; what it has changed is looked for at once."""
        try:
            async with self.access.for_act() as held:
                yield held
        finally:
            self.monitor.wake()

    async def plan(self, target: Target, change: Change, on_progress: OnProgress) -> Plan:
        """Look at what the operator wants done; nothing is changed. `on_progress` returns whether to go on."""
        steps = plan(target, change, self.capabilities, is_read_only=self.access.profile.is_read_only)
        return await run_async(steps, self.connector, on_progress=on_progress, limit_s=self.monitor.limit_s)

    async def apply(
        self,
        made: Plan,
        on_progress: OnProgress,
        *,
        is_one_transaction: bool = False,
        rate: Rate | None = None,
        brake: Brake | None = None,
        ledger: Ledger | None = None,
    ) -> Ledger:
        """Carry a plan out, and write it down; what it changed arrives by the feed like all else.

        A `ledger` that is given is filled meanwhile: `what_became` tells what became of its jobs.

        A journal that cannot be written is told, and does not keep the operator from acting.
        """
        async with self._for_act() as (connector, profile):
            return await recorded.act(
                made,
                connector,
                profile,
                self.journal,
                on_trouble=self.trouble.emit,
                on_progress=on_progress,
                is_one_transaction=is_one_transaction,
                rate=rate,
                brake=brake,
                ledger=ledger,
            )

    async def defer(self, job: Job, *, again_of: int | None = None) -> Outcome:
        """Defer a new job, which may repeat another one, and write it down."""
        async with self._for_act() as (connector, profile):
            return await recorded.defer_one(
                job,
                connector,
                self.capabilities,
                profile,
                self.journal,
                on_trouble=self.trouble.emit,
                again_of=again_of,
            )

    # What nobody knew, once the link is back

    async def find_out(self, error: InDoubt) -> doubts.Found | None:
        """What has become of an act that was not answered; None while nobody knows."""
        return await doubts.find_out(self.journal, self.connector.run_async, error.entry_id)

    async def find_out_of(self, ledger: Ledger | DeferLedger | SetLedger) -> bool:
        """Have a ledger tell what has become of the jobs that nobody knew of; whether that is known now."""
        return await doubts.find_out_of(ledger, self.journal, self.connector.run_async)

    async def known_outcome(self, outcome: Outcome, job: Job) -> Outcome:
        """What has become of a new job that nobody knew of; the same while nobody does."""
        return await doubts.known_outcome(outcome, job, self.journal, self.connector.run_async)

    async def prune_workers(self) -> list[int]:
        """Remove the workers that are silent now, and write it down; their ids."""
        async with self._for_act() as (connector, profile):
            return await recorded.prune(
                connector, self.capabilities, profile, self.journal, on_trouble=self.trouble.emit
            )

    def defer_sql(self, job: Job) -> Statement[list[int]] | None:
        """What deferring a job would send, to be shown; None when this database cannot."""
        with contextlib.suppress(JobdeskException):
            return first_defer(DeferPlan([NewJob(0, job)], self.capabilities), self.profile.hidden_keys)
        return None

    async def read_jobs(self, job_ids: Sequence[int], on_progress: OnProgress) -> list[NewJob]:
        """These jobs as new ones for another database."""
        steps = read_jobs(job_ids, self.capabilities, now=self.monitor.now())
        return await run_async(steps, self.connector, on_progress=on_progress, limit_s=self.monitor.limit_s)

    async def read_to_edit(self, job_id: int) -> NewJob:
        """A job as a new one, due at once; with a problem when its arguments cannot be edited as they are."""
        steps = read_jobs([job_id], self.capabilities, now=self.monitor.now(), most_bytes=MOST_EDITED_BYTES)
        (found,) = await run_async(steps, self.connector, limit_s=self.monitor.limit_s)
        return replace(found, job=replace(found.job, scheduled_at=None))

    async def plan_defers(self, jobs: Sequence[NewJob], on_progress: OnProgress, *, origin: str = LINE) -> DeferPlan:
        """Look at which of many new jobs could be deferred here; nothing is changed."""
        steps = plan_defers(jobs, self.capabilities, is_read_only=self.access.profile.is_read_only, origin=origin)
        return await run_async(steps, self.connector, on_progress=on_progress, limit_s=self.monitor.limit_s)

    async def defer_many(
        self,
        made: DeferPlan,
        on_progress: OnProgress,
        *,
        is_one_transaction: bool = False,
        rate: Rate | None = None,
        source: str = "",
    ) -> DeferLedger:
        """Defer the jobs of a plan, and write it down. `source` says where replayed ones come from."""
        async with self._for_act() as (connector, profile):
            return await recorded.defer_many(
                made,
                connector,
                profile,
                self.journal,
                on_trouble=self.trouble.emit,
                on_progress=on_progress,
                is_one_transaction=is_one_transaction,
                rate=rate,
                source=source,
            )

    async def look_staged(self, staged: ChangeSet, on_progress: OnProgress) -> SetPlan:
        """Look at what staged changes would do together; nothing is changed."""
        steps = look(staged, self.capabilities, is_read_only=self.access.profile.is_read_only)
        return await run_async(steps, self.connector, on_progress=on_progress, limit_s=self.monitor.limit_s)

    async def apply_staged(self, made: SetPlan, on_progress: OnProgress) -> SetLedger:
        """Apply staged changes in one transaction, and write it down; the ledger tells, too, when none was."""
        async with self._for_act() as (connector, profile):
            return await recorded.staged(
                made, connector, profile, self.journal, on_trouble=self.trouble.emit, on_progress=on_progress
            )

    async def plan_undo(self, entry: Entry) -> UndoPlan:
        """Look at what undoing an entry of the journal would do; nothing is changed."""
        return await journal_undo.plan(self.journal, self.connector, self.capabilities, entry)

    async def undo(self, entry: Entry, on_progress: OnProgress) -> tuple[int, Counter[str], bool]:
        """Undo an entry of the journal: how many jobs, why the others were left alone, and whether it was stopped."""
        is_stopped = False

        async def go_on(progress: Progress) -> bool:
            nonlocal is_stopped
            is_stopped = not await on_progress(progress)
            return not is_stopped

        async with self._for_act() as (connector, profile):
            header = Header(
                action="undo",
                sentence=noted(self.tr("Undo: {act}").format(act=entry.header.sentence), profile),
                profile=profile.name,
                place=where(profile),
                role=self.capabilities.role,
                undoes=entry.id,
            )
            done, left = await undo(self.journal, connector, self.capabilities, entry, header, go_on)
            return done, left, is_stopped

    def impossible(self, action: Action) -> str | None:
        """Why this action is not possible on any job here, or None."""
        return impossible(action, self.capabilities, is_read_only=self.access.profile.is_read_only)

    def refusal(self, action: Action, row: JobRow | None) -> str | None:
        """Why this action is not possible on this job now, or None when it is."""
        return refusal(
            action,
            row,
            self.capabilities,
            live_worker_ids=self.live_worker_ids,
            is_read_only=self.access.profile.is_read_only,
        )

    @property
    def state(self) -> FeedState:
        """How the feed is doing."""
        return self.monitor.state

    @property
    def live_worker_ids(self) -> frozenset[int]:
        """The workers whose heartbeat is fresh, as of the last look (at most some seconds ago)."""
        now = self.monitor.now()
        return frozenset(worker.id for worker in self.workers if worker.is_alive(now))

    @property
    def stalled(self) -> int:
        """How many running jobs no living worker has, as last read."""
        return self.monitor.moment.open.all.stalled if self.monitor.moment is not None else 0

    @property
    def orphans(self) -> int:
        """How many jobs run without any worker, as last read."""
        return self.monitor.moment.open.all.orphans if self.monitor.moment is not None else 0

    def task_names(self) -> Sequence[str]:
        """The tasks that the database holds jobs of, for completion."""
        return [task.name for task in self.monitor.counts.tasks()]

    def queue_names(self) -> Sequence[str]:
        """The queues that the database holds jobs of, for completion."""
        return [queue.name for queue in self.monitor.counts.queues()]

    def read_known(self, question: Question, then: Callable[[], None]) -> None:
        """Ask for values to complete by, unless they are known or being asked for; `then` when they have come."""
        if self.state.mode in ("live", "polling") and self.known.is_due(question):
            self.work.start(self.known.read(question), name="known values", then=lambda _: then(), failed=leave_to_feed)

    def count_view(self, job_filter: JobFilter, then: Callable[[Number | None], None]) -> None:
        """Count a filter's jobs as far as one small question does; nothing is asked while the last is under way."""
        if self.state.mode in ("live", "polling") and not self.work.is_running("view count"):
            self.work.start(self.view_count.read(job_filter), name="view count", then=then, failed=leave_to_feed)

    def _adopt(self, capabilities: Capabilities) -> None:
        """What the database can do has changed while it was watched."""
        before, self.capabilities = self.capabilities, capabilities
        self.view_count.adopt(capabilities)
        self.adopted.emit(before, capabilities)
        logger.info("The database has changed: schema %s. Everything is read again.", capabilities.release)

    def _look_at_clock(self) -> None:
        """Tell once in the log that the clocks differ."""
        clock = self.connector.clock
        if not self._has_told_clock and clock.differs_by(TOLD_S):
            self._has_told_clock = True
            logger.warning("%s", clock.difference())

    def _take_workers(self, workers: list[WorkerRow]) -> None:
        self.workers = workers
        self.workers_changed.emit(workers)
