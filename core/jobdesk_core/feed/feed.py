"""The change feed: reads what happened after a cursor, misses nothing and hands on nothing twice.

A notification only means "read soon"; events are what is read. An event id left out by a transaction in
flight is asked for again until it appears, or until no such transaction can be running any more.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from jobdesk_core.connectors.psycopg import Connection, PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import limited
from jobdesk_core.database.rows import EventRow, JobRow, WorkerRow, rows_by_id
from jobdesk_core.feed import row_count_check
from jobdesk_core.feed.counts import INHABITED, Counts, aborting_jobs, count_ended, count_stretch
from jobdesk_core.feed.events import BATCH_EVENTS, events_after, events_of
from jobdesk_core.feed.follower import Follower
from jobdesk_core.feed.gaps import Gaps, recent_events
from jobdesk_core.feed.glance import Glance, question
from jobdesk_core.feed.history import HistoryReader
from jobdesk_core.feed.open_counting import OpenCounting, Share
from jobdesk_core.feed.report_news import ReportNews
from jobdesk_core.feed.row_count_check import Balance, TableStatistics
from jobdesk_core.feed.state import Changes
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.reading import open_jobs, workers
from jobdesk_core.reading.job_counts import CountedGroup
from jobdesk_core.reading.moment import Moment
from jobdesk_core.reading.open_jobs import OpenJobs
from jobdesk_core.reading.series import Series

#: The share of the time that looking for deletions may take at most.
CHECK_SHARE = 0.05
#: What has happened is handed on before the open jobs are counted anew, unless it has gone on for so many seconds.
OPEN_LATEST_S = 1.0
#: Open jobs are counted anew after so many seconds: by the clock alone they become due, and workers fall silent.
OPEN_AGAIN_S = 4.0
#: Stretches compared with the table in one snapshot. One takes some three milliseconds.
CHECKS_AT_ONCE = 8


class Feed:
    """Follows one database. `read` is called again and again by the monitor; it never waits by itself.

    No statement takes longer than `limit_s` seconds.
    """

    def __init__(
        self,
        connector: PsycopgConnector,
        capabilities: Capabilities,
        counts: Counts,
        series: Series,
        *,
        limit_s: float = 5.0,
    ) -> None:
        self._connector, self._clock = connector, connector.clock
        self.follower = Follower()
        #: Where `has_news` and `read` ask; None: on a connection of the pool.
        self.connection: Connection | None = None
        #: What was known when the open jobs were counted last; None before that.
        self.moment: Moment | None = None
        #: The registered workers as last seen.
        self.workers: list[WorkerRow] = []
        self._asked_workers_at = 0.0
        self._capabilities = capabilities
        self._counts = counts
        self._series = series
        self._limit_s = limit_s
        self._cursor = 0
        self._gaps = Gaps()
        self._reports = ReportNews()
        self._missing_at_start: list[int] = []
        self._watched: frozenset[int] = frozenset()
        self._known: dict[int, JobRow] = {}
        self._fingerprint: str | None = None
        self._last: Glance | None = None
        #: Whether the database is no longer what it was at the start: all is to be read anew, by `start`.
        self.is_outdated = False
        self._balance = Balance(is_blind=capabilities.is_standby or capabilities.is_view)
        self._moved_at = 0.0
        #: When all began to be counted or checked, and the statistics at that time; None when that is done.
        self._began: tuple[TableStatistics, dt.datetime] | None = None
        self._is_open_stale = False
        self._open_stale_at = 0.0
        self._open_counting, self._check_share = OpenCounting(connector), Share(CHECK_SHARE)
        #: The jobs in the older status `aborting`, whose end may leave no event.
        self._aborting: set[int] = set()

    def adopt(self, capabilities: Capabilities) -> None:
        """From the next start on the database can do this."""
        self._capabilities = capabilities
        self._balance = Balance(is_blind=capabilities.is_standby or capabilities.is_view)

    @property
    def last_event_id(self) -> int:
        """The newest event that has been read."""
        return self._cursor

    @property
    def is_counting(self) -> bool:
        """Whether something is still to be counted, or jobs have gone that nobody knows yet."""
        return not self._counts.is_exact or self._is_open_stale or not self._balance.is_even

    def watch(self, job_ids: Iterable[int]) -> None:
        """Notice whatever happens to these jobs, also what leaves no event: deletion, another priority."""
        watched = frozenset(job_ids)
        if watched != self._watched:
            self._watched = watched
            self._known = {job_id: row for job_id, row in self._known.items() if job_id in watched}
            self._reports.forget_progress()
            self._fingerprint = None

    async def start(self) -> None:
        """Begin at the newest event; everything is to be counted."""
        async with self._snapshot() as connection:
            run = self._connector.run_async
            _, xmax, _ = await run(self._begin(), connection=connection)
            present = await run(recent_events(), connection=connection)
            self._cursor = max(present, default=0)
            self._missing_at_start = self._gaps.start(present, xmax, time.monotonic())
            inhabited = await run(INHABITED, connection=connection)
            glance = await run(self._question(), connection=connection)
            counted = await self._open_counting.count(self._capabilities, connection)
            started = await run(open_jobs.RUNNING_SINCE, connection=connection)
            self._counts.clear()
            self._counts.as_of = self._clock.now()
            self._counts.expect(inhabited)
        self._is_open_stale, self._open_stale_at = True, time.monotonic()
        self._series.clear()
        self._series.remember_starts(started)
        self.moment = None
        self._take_open(counted)
        self._known.clear()
        self._aborting.clear()
        self._balance.clear()
        self._last, self.is_outdated = glance, False
        self._reports.forget()
        self._reports.see(glance.reported)
        self._fingerprint = None
        self._see(glance.statistics)
        self._began = (glance.statistics, self._counts.as_of)
        self.follower.begin(glance.server_time)

    async def has_news(self) -> bool:
        """Ask the one small question: is there anything to read?"""
        asked_at = time.monotonic()
        glance = await limited(self._connector, self._question(), self._limit_s, self.connection)
        self._clock.note(glance.server_time, asked_at, time.monotonic())
        if glance.workers is not None:
            self.workers, self._asked_workers_at = glance.workers, time.monotonic()
        last, self._last = self._last, glance
        if last is not None and glance.is_other_than(last, self._cursor):
            self.is_outdated = True
            return True
        has_deletions = self._balance.seen is not None and self._balance.seen.deleted != glance.statistics.deleted
        is_changed, has_reports = glance.watched != self._fingerprint, self._reports.see(glance.reported)
        if has_deletions or (is_changed and self._fingerprint is not None) or self._is_open_old():
            self._doubt_open()
        if not self._is_open_stale and glance.last_event_id <= self._cursor:
            self._see(glance.statistics)
        if glance.last_event_id <= self._cursor:
            self.follower.see(glance.server_time, is_whole=True)
        self._fingerprint = glance.watched
        if self._counts.is_checking and self._balance.has_found_all:
            self._counts.stop_checking()
            self._began = None
        if self._counts.is_exact and self._balance.is_doubtful(time.monotonic(), self._quiet_s):
            inhabited = await limited(self._connector, INHABITED, self._limit_s, self.connection)
            self._counts.check(inhabited)
            self._began = (glance.statistics, self._clock.now())
        self._settle()
        if self.moment is not None and self.moment.worth.kind is not self._counts.number(0).kind:
            self._note_moment()
        return (
            glance.last_event_id > self._cursor
            or self._gaps.are_due(time.monotonic())
            or is_changed
            or has_reports
            or self._has_counting()
        )

    async def read(self) -> tuple[Changes, bool]:
        """Read one batch in one snapshot; also whether more is waiting."""
        run = self._connector.run_async
        watched, asked_at = self._watched, self._clock.now()  # others may be named while this is read
        async with self._snapshot() as connection:
            xmin, xmax, statistics = await run(self._begin(), connection=connection)
            events = await run(events_after(self._cursor, BATCH_EVENTS), connection=connection)
            has_more = len(events) == BATCH_EVENTS
            asked = self._gaps.due(time.monotonic(), xmin)
            late = await run(events_of(asked), connection=connection) if asked else []
            happened = sorted([*late, *events], key=lambda event: event.id)
            # A stretch is counted in a snapshot whose events have all been read.
            stretch = None if has_more else self._next_stretch()
            if stretch is not None:
                await self._count_stretch(stretch, connection)
            named = {event.job_id for event in happened} | await self._newly_reported(watched, connection)
            wanted = list(named | watched | self._aborting)
            rows = await run(rows_by_id(self._capabilities, wanted), connection=connection) if wanted else {}
            if happened:
                self._doubt_open()
            counted: OpenJobs | None = None
            is_pressing = not happened or time.monotonic() - self._open_stale_at >= OPEN_LATEST_S
            if self._is_open_stale and is_pressing and self._open_counting.share.is_due() and not has_more:
                counted = await self._open_counting.count(self._capabilities, connection)
            checked = {} if has_more else await self._check_stretches(connection)
        is_all_seen = self._gaps.close(asked, late, xmin, time.monotonic())
        if not is_all_seen:
            self._counts.expect(())
        self._cursor = self._gaps.follow(events, self._cursor, xmax, time.monotonic())
        self._counts.add_ends(happened, rows, except_stretch=stretch)
        if counted is None:
            self._counts.add_open(happened, rows)
        for each, ended in checked.items():
            self._counts.set_checked(each, ended)
        if self._capabilities.has_aborting_status:
            self._follow_aborting(happened, rows)
        self.follower.add(self._series.add_events(happened, rows, asked_at), asked_at)
        self.follower.see(None if has_more else asked_at, is_whole=is_all_seen)
        # Last, so that all the numbers of the moment are of this snapshot.
        self._take_open(counted)
        if happened:
            self._moved_at = time.monotonic()
        # Only what is believed of this very moment can be compared: otherwise new jobs hide others' deletion.
        if not self._is_open_stale and not has_more:
            self._see(statistics)
        self._settle()
        if stretch is not None or checked:
            self._note_moment()
        changes = self._changes(happened, named, watched, rows, is_refresh=not is_all_seen)
        return changes, has_more or self._counts.has_uncounted

    async def _newly_reported(self, watched: frozenset[int], connection: Any) -> set[int]:
        """The watched jobs of which something has been reported."""
        asked = self._reports.to_ask(self._capabilities.reported, watched)
        if asked is None:
            return set()
        newly: set[int] = await self._connector.run_async(asked, connection=connection)
        return newly

    async def fill_history(self) -> None:
        """Read the last hour of events before the cursor, a short stretch at a time, newest first."""
        # What was missing at the start is read as a late event, should it appear.
        reading = HistoryReader(self._series, self._cursor, self._missing_at_start)
        # Beside what is read at the same time: on a connection of the pool.
        await reading.read_all(self._connector, self._begin())
        self._series.is_whole = True

    def _changes(
        self,
        happened: list[EventRow],
        named: set[int],
        watched: frozenset[int],
        rows: dict[int, JobRow],
        *,
        is_refresh: bool,
    ) -> Changes:
        removed = watched - rows.keys()
        self._counts.doubt(removed & self._known.keys())
        changed = {job_id: row for job_id, row in rows.items() if job_id in named or self._known.get(job_id) != row}
        self._known = {job_id: rows[job_id] for job_id in self._watched if job_id in rows}
        return Changes(changed, happened, frozenset(removed), is_refresh)

    # Counting

    @property
    def _quiet_s(self) -> float:
        return time.monotonic() - self._moved_at

    def _see(self, statistics: TableStatistics) -> None:
        if self._balance.see(statistics, self._counts.total(), time.monotonic()):
            self._moved_at = time.monotonic()

    def _doubt_open(self) -> None:
        if not self._is_open_stale:
            self._is_open_stale, self._open_stale_at = True, time.monotonic()

    def _has_counting(self) -> bool:
        """Whether something may be counted now."""
        if self._is_open_stale and self._open_counting.share.is_due():
            return True
        return self._next_stretch() is not None or (self._counts.is_checking and self._check_share.is_due())

    def _next_stretch(self) -> int | None:
        if self._counts.has_uncounted or self._check_share.is_due():
            return self._counts.next_stretch()
        return None

    def _settle(self) -> None:
        """Take note of what is known now about what the counts are worth."""
        counts, now = self._counts, self._clock.now()
        if self._began is not None and counts.is_exact and not self._is_open_stale:
            before, began_at = self._began
            self._balance.check(before, counts.total(), time.monotonic(), self._quiet_s)
            self._began = None
            counts.as_of = began_at
        is_settled = self._balance.is_even and not self._balance.is_blind
        if counts.is_exact and not self._is_open_stale and is_settled:
            counts.as_of = now

    def _is_open_old(self) -> bool:
        """Whether open jobs may have become due, or their workers fallen silent, since they were counted."""
        moment = self.moment
        if moment is None or not (moment.open.groups or moment.open.workers or self.workers):
            return False
        next_due, now = moment.open.all.next_due, self._clock.now()
        return time.monotonic() - moment.taken_at >= OPEN_AGAIN_S or (next_due is not None and next_due <= now)

    def _take_open(self, counted: OpenJobs | None) -> None:
        """Take over a count of the open jobs, if there is one, and note what is known at that moment."""
        if counted is None:
            return
        self._is_open_stale = False
        self._counts.set_open(counted.counted())
        self._make_moment(counted, time.monotonic())

    def _note_moment(self) -> None:
        """Note what is known by now of ended jobs, as long as what is known of the open ones is of now, too."""
        moment = self.moment
        if moment is not None and not self._is_open_stale and moment.last_event_id == self._cursor:
            self._make_moment(moment.open, moment.taken_at)

    def _make_moment(self, counted: OpenJobs, taken_at: float) -> None:
        self.moment = Moment(
            counted,
            tuple(self._counts.queues()),
            tuple(self._counts.tasks()),
            self._counts.statuses(),
            self._counts.number(0),
            self._cursor,
            taken_at,
        )

    async def _count_stretch(self, stretch: int, connection: Any) -> None:
        run, started = self._connector.run_async, time.monotonic()
        counted: Counter[CountedGroup] = await run(count_stretch(stretch), connection=connection)
        self._counts.set_stretch(stretch, counted)
        if any(status is Status.ABORTING for _, _, status in counted):
            found = await run(aborting_jobs(stretch), connection=connection)
            self._aborting |= found
        self._check_share.has_taken(time.monotonic() - started)

    async def _check_stretches(self, connection: Any) -> dict[int, int]:
        """Count the ended jobs of as many stretches as there is time for."""
        checked: dict[int, int] = {}
        started = time.monotonic()
        if self._counts.is_checking and self._check_share.is_due():
            for stretch in self._counts.next_checks(CHECKS_AT_ONCE):
                checked[stretch] = await self._connector.run_async(count_ended(stretch), connection=connection)
            self._check_share.has_taken(time.monotonic() - started)
        return checked

    def _follow_aborting(self, events: list[EventRow], rows: dict[int, JobRow]) -> None:
        asked = {event.job_id for event in events if event.type is EventType.ABORT_REQUESTED}
        still = {
            job_id for job_id in asked | self._aborting if job_id in rows and rows[job_id].status is Status.ABORTING
        }
        self._counts.doubt(asked | (self._aborting - still))
        self._aborting = still

    @property
    def _are_workers_due(self) -> bool:
        if not self._capabilities.has_workers or self._capabilities.rights.read is not None:
            return False
        interval = workers.INTERVAL_S if self.workers else workers.FIRST_INTERVAL_S
        return time.monotonic() - self._asked_workers_at >= interval

    def _question(self) -> Statement[Glance]:
        return question(
            self._capabilities,
            self._cursor,
            self._watched | self._aborting,
            reported=self._reports.columns(self._capabilities.reported),
            has_workers=self._are_workers_due,
        )

    def _begin(self) -> Statement[tuple[int, int, TableStatistics]]:
        """The first statement of a snapshot: its bounds, the statistics, and a limit for all that follow."""
        return Statement(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin, "
            "pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xmax, "
            # Over a link that has died nobody ends it, and its locks would be in everyone's way.
            "set_config('idle_in_transaction_session_timeout', '1min', true), "
            f"set_config('statement_timeout', %(limit_ms)s, true), {row_count_check.COLUMNS}",
            lambda rows: (rows[0]["xmin"], rows[0]["xmax"], row_count_check.statistics(rows)),
            {"limit_ms": str(round(1000 * self._limit_s))},
        )

    def _snapshot(self) -> Any:
        return self._connector.transaction(snapshot=True, connection=self.connection)
