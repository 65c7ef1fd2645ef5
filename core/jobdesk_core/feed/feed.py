"""The change feed: reads what happened after a cursor, misses nothing and hands on nothing twice.

A notification only means "read soon"; events are what is read. An event id left out by a transaction in
flight is asked for again until it appears, or until no such transaction can be running any more.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from jobdesk_core.connectors.psycopg import Connection, PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import EVENT_COLUMNS, EventRow, JobRow, WorkerRow, event_tuples, rows_by_id
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.feed import row_count_check
from jobdesk_core.feed.counts import INHABITED, Counts, aborting_jobs, count_ended, count_stretch
from jobdesk_core.feed.gaps import Gaps, recent_events
from jobdesk_core.feed.history import HistoryReader
from jobdesk_core.feed.job_counts import Group
from jobdesk_core.feed.moment import Moment
from jobdesk_core.feed.report_news import Mark, ReportNews
from jobdesk_core.feed.row_count_check import Balance, TableStatistics
from jobdesk_core.feed.series import Series
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.reading import open_jobs, workers
from jobdesk_core.reading.open_jobs import OpenJobs
from jobdesk_core.reading.pages import limited
from jobdesk_core.troubles import LINK_LOST, Trouble

#: Events read at once. With more, the next read follows immediately.
BATCH_EVENTS = 5_000
#: The share of the time that counting the open jobs, and looking for deletions, may take at most.
OPEN_SHARE, CHECK_SHARE = 0.1, 0.05
#: What has happened is handed on before the open jobs are counted anew, unless it has gone on for so many seconds.
OPEN_LATEST_S = 1.0
#: Open jobs are counted anew after so many seconds: by the clock alone they become due, and workers fall silent.
OPEN_AGAIN_S = 4.0
#: Counting open jobs that took longer than this is done so that it may fail.
LONG_COUNT_S = 0.5
#: Stretches compared with the table in one snapshot. One takes some three milliseconds.
CHECKS_AT_ONCE = 8
QUERY_CANCELED = "57014"

Mode = Literal["connecting", "live", "polling", "stale", "closed"]


@dataclass(frozen=True, slots=True)
class FeedState:
    """How the feed is doing. `latency_ms` is the last question's round trip, `read_at` its time (UTC).

    `is_waiting`: an answer takes long, though not so long yet that the link is believed to be in trouble.
    `trouble`: why it is stale. `server`: the host and port that answer.
    """

    mode: Mode = "connecting"
    reason: str = ""
    since: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    latency_ms: float | None = None
    last_event_id: int = 0
    read_at: dt.datetime | None = None
    is_waiting: bool = False
    trouble: Trouble | None = None
    server: str = ""

    @property
    def is_link_lost(self) -> bool:
        """Whether the server is not to be reached, rather than that it refuses to answer."""
        return self.mode == "stale" and (self.trouble is None or self.trouble.kind in LINK_LOST)

    def into(self, mode: Mode, reason: str, now: dt.datetime, trouble: Trouble | None = None) -> FeedState:
        """The state after a change of mode at this time."""
        if (mode, reason, False) == (self.mode, self.reason, self.is_waiting):
            return self
        since = self.since if mode == self.mode else now
        return replace(self, mode=mode, reason=reason, since=since, is_waiting=False, trouble=trouble)


@dataclass(frozen=True, slots=True)
class Changes:
    """One batch: the new rows of the jobs that changed, the events, the watched jobs that have gone.

    `is_refresh`: something may have been missed, and whatever is shown must be read anew.
    """

    rows: dict[int, JobRow]
    events: list[EventRow]
    removed: frozenset[int]
    is_refresh: bool = False


@dataclass(frozen=True, slots=True)
class _Glance:
    """The answer to the one small question asked at rest. `storage` changes when a table is emptied or rewritten."""

    last_event_id: int
    statistics: TableStatistics
    storage: str
    watched: str
    workers: list[WorkerRow] | None
    server_time: dt.datetime
    #: Of whom is asked, and what it can do.
    identity: str
    #: The newest event that was read, as a number, and the last id that its sequence gave; None where not to be had.
    newest: int | None
    last_value: int | None
    newest_id: int
    reported: Mark


class _Share:
    """Has something that takes time done so rarely that it takes a share of the time."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._next_at = 0.0
        self.last_s = LONG_COUNT_S

    def is_due(self) -> bool:
        return time.monotonic() >= self._next_at

    def has_taken(self, seconds: float) -> None:
        self.last_s = seconds
        self._next_at = time.monotonic() + seconds * (1 / self._share - 1)


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
        self._connector = connector
        self._clock = connector.clock
        #: Where `has_news` and `read` ask; None: on a connection of the pool.
        self.connection: Connection | None = None
        #: What was known when the open jobs were counted last; None before that.
        self.moment: Moment | None = None
        self._deferred_at: dict[int, dt.datetime] = {}
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
        self._last: _Glance | None = None
        #: Whether the database is no longer what it was at the start: all is to be read anew, by `start`.
        self.is_outdated = False
        self._balance = Balance(is_blind=capabilities.is_standby or capabilities.is_view)
        self._moved_at = 0.0
        #: When all began to be counted or checked, and the statistics at that time; None when that is done.
        self._began: tuple[TableStatistics, dt.datetime] | None = None
        self._is_open_stale = False
        self._open_stale_at = 0.0
        self._open_share, self._check_share = _Share(OPEN_SHARE), _Share(CHECK_SHARE)
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
            counted = await self._count_open(connection)
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

    async def has_news(self) -> bool:
        """Ask the one small question: is there anything to read?"""
        asked_at = time.monotonic()
        glance = await limited(self._connector, self._question(), self._limit_s, self.connection)
        self._clock.note(glance.server_time, asked_at, time.monotonic())
        if glance.workers is not None:
            self.workers, self._asked_workers_at = glance.workers, time.monotonic()
        if self._is_other(glance):
            self.is_outdated = True
            return True
        has_deletions = self._balance.seen is not None and self._balance.seen.deleted != glance.statistics.deleted
        is_changed, has_reports = glance.watched != self._fingerprint, self._reports.see(glance.reported)
        if has_deletions or (is_changed and self._fingerprint is not None) or self._is_open_old():
            self._doubt_open()
        if not self._is_open_stale and glance.last_event_id <= self._cursor:
            self._see(glance.statistics)
        self._fingerprint = glance.watched
        if self._counts.is_checking and self._balance.has_found_all:
            self._counts.stop_checking()
            self._began = None
        if self._counts.is_exact and self._balance.is_doubtful(time.monotonic(), self._quiet_s):
            inhabited = await limited(self._connector, INHABITED, self._limit_s, self.connection)
            self._counts.check(inhabited)
            self._began = (glance.statistics, self._clock.now())
        self._settle()
        if self.moment is not None and self.moment.is_exact != self._counts.is_exact:
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
        watched = self._watched  # others may be named while this is read
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
            named = {event.job_id for event in happened}
            if (told := self._reports.to_ask(self._capabilities.reported, watched)) is not None:
                newly: set[int] = await run(told, connection=connection)
                named |= newly
            wanted = list(named | watched | self._aborting)
            rows = await run(rows_by_id(self._capabilities, wanted), connection=connection) if wanted else {}
            if happened:
                self._doubt_open()
            counted: OpenJobs | None = None
            is_pressing = not happened or time.monotonic() - self._open_stale_at >= OPEN_LATEST_S
            if self._is_open_stale and is_pressing and self._open_share.is_due() and not has_more:
                counted = await self._count_open(connection)
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
        self._series.add_events(happened, rows, self._clock.now())
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

    async def fill_history(self) -> None:
        """Read the last hour of events before the cursor, a short stretch at a time, newest first."""
        # What was missing at the start is read as a late event, should it appear.
        reading = HistoryReader(self._series, self._cursor, self._missing_at_start)
        while not reading.is_done:
            # Beside what is read at the same time: on a connection of the pool.
            async with self._connector.transaction(snapshot=True) as connection:
                await self._connector.run_async(self._begin(), connection=connection)
                await reading.read(self._connector, connection)
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

    def _is_other(self, glance: _Glance) -> bool:
        """Whether the tables are no longer those that were read: truncated, restored, migrated, or another server's.

        Events whose ids were given before would never be seen: those of a sequence that was set back.
        """
        last, self._last = self._last, glance
        if last is None:
            return False
        is_another = (
            last.newest_id == self._cursor
            and None not in (last.newest, glance.newest)
            and (last.newest != glance.newest)
        )
        is_set_back = glance.last_value is not None and glance.last_value < self._cursor
        is_below = glance.last_event_id < self._cursor and glance.last_event_id > last.last_event_id
        return (
            (glance.storage, glance.identity) != (last.storage, last.identity)
            or is_another
            or is_below
            or (is_set_back and glance.last_value != last.last_value)
        )

    def _doubt_open(self) -> None:
        if not self._is_open_stale:
            self._is_open_stale, self._open_stale_at = True, time.monotonic()

    def _has_counting(self) -> bool:
        """Whether something may be counted now."""
        if self._is_open_stale and self._open_share.is_due():
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
        if moment is None or not moment.open.groups:
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
            self._counts.has_uncounted,
            self._counts.is_exact,
            self._cursor,
            taken_at,
        )

    async def _count_open(self, connection: Any) -> OpenJobs | None:
        """Count the open jobs; None where they are too many to be counted within the limit."""
        started = time.monotonic()
        is_long = self._open_share.last_s >= LONG_COUNT_S
        run = self._connector.run_async
        try:
            async with self._connector.transaction(connection=connection) if is_long else contextlib.nullcontext():
                heads = await run(open_jobs.heads(self._capabilities), connection=connection)
                wanted = heads.first_ids
                known = {job_id: at for job_id in wanted if (at := self._deferred_at.get(job_id)) is not None}
                missing = [job_id for job_id in wanted if job_id not in known]
                if missing:
                    found = await run(open_jobs.deferred(missing), connection=connection)
                    known |= found
                self._deferred_at = known
            return heads.with_deferred(known)
        except ConnectorException as error:
            if not is_long or getattr(error.__cause__, "sqlstate", None) != QUERY_CANCELED:
                raise
            return None
        finally:
            self._open_share.has_taken(time.monotonic() - started)

    async def _count_stretch(self, stretch: int, connection: Any) -> None:
        run, started = self._connector.run_async, time.monotonic()
        counted: Counter[Group] = await run(count_stretch(stretch), connection=connection)
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

    def _question(self) -> Statement[_Glance]:
        worker = "job.worker_id" if self._capabilities.has_worker_id else "NULL"
        abort = "job.abort_requested" if self._capabilities.has_abort_requested else "NULL"
        priority = "job.priority" if self._capabilities.has_priority else "NULL"
        return Statement(
            "SELECT coalesce((SELECT max(id) FROM procrastinate_events), 0) AS last_event_id, "
            "clock_timestamp() AS server_time, "
            f"{_IDENTITY} AS identity, "
            "(SELECT hashtextextended(event::text, 0) FROM procrastinate_events AS event WHERE id = %(cursor)s) "
            f"AS newest, {_LAST_VALUE} AS last_value, "
            f"{row_count_check.COLUMNS}, {self._reports.columns(self._capabilities.reported)}, "
            "concat_ws(' ', pg_relation_filenode('procrastinate_jobs'), pg_relation_filenode('procrastinate_events'), "
            "pg_relation_filenode(pg_get_serial_sequence('procrastinate_events', 'id')::regclass), "
            # That of the reports: it was installed, removed, or somebody's rights to it have changed.
            "(SELECT oid || '.' || xmin FROM pg_namespace WHERE nspname = 'jobdesk')) AS storage, "
            "coalesce((SELECT sum(hashtextextended(ROW(job.id, job.status, job.queue_name, job.task_name, "
            f"job.attempts, job.scheduled_at, job.lock, job.queueing_lock, {worker}, {abort}, {priority})::text, 0)) "
            "FROM procrastinate_jobs AS job WHERE job.id = ANY (%(watched)s)), 0)::text AS watched"
            f"{workers.BESIDE if self._are_workers_due else ''}",
            partial(_glance, cursor=self._cursor),
            {"watched": list(self._watched | self._aborting), "cursor": self._cursor},
        )

    def _begin(self) -> Statement[tuple[int, int, TableStatistics]]:
        """The first statement of a snapshot: its bounds, the statistics, and a limit for all that follow."""
        return Statement(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin, "
            "pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xmax, "
            f"set_config('statement_timeout', %(limit_ms)s, true), {row_count_check.COLUMNS}",
            lambda rows: (rows[0]["xmin"], rows[0]["xmax"], row_count_check.statistics(rows)),
            {"limit_ms": str(round(1000 * self._limit_s))},
        )

    def _snapshot(self) -> Any:
        return self._connector.transaction(snapshot=True, connection=self.connection)


#: What changes when another server answers, when a standby is promoted, and with every migration or grant.
_TABLES = ", ".join(f"to_regclass('procrastinate_{name}')" for name in ("jobs", "events", "workers", "periodic_defers"))
_IDENTITY = (
    "concat_ws(' ', pg_is_in_recovery(), pg_postmaster_start_time(), "
    f"(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_class WHERE oid IN ({_TABLES})), "
    f"(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_trigger WHERE tgrelid IN ({_TABLES})), "
    "(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_proc "
    "WHERE proname >= 'procrastinate_' AND proname < 'procrastinate`'), "
    "(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_enum WHERE enumtypid IN "
    "(to_regtype('procrastinate_job_status'), to_regtype('procrastinate_job_event_type'))))"
)
_SEQUENCE = "pg_get_serial_sequence('procrastinate_events', 'id')"
# Before PostgreSQL 17 it fails without the right.
_LAST_VALUE = (
    f"CASE WHEN has_sequence_privilege({_SEQUENCE}, 'USAGE, SELECT') "
    f"THEN coalesce(pg_sequence_last_value({_SEQUENCE}::regclass), 0) END"
)


def _glance(rows: Rows, cursor: int) -> _Glance:
    row = rows[0]
    return _Glance(
        row["last_event_id"],
        row_count_check.statistics(rows),
        row["storage"],
        row["watched"],
        workers.workers_in(row),
        row["server_time"],
        row["identity"],
        row["newest"],
        row["last_value"],
        cursor,
        (row["reported_error"], row["reported_progress"]),
    )


def events_after(cursor: int, limit: int) -> Statement[list[EventRow]]:
    """The first events beyond the cursor."""
    return Statement(
        f"SELECT {EVENT_COLUMNS} FROM procrastinate_events WHERE id > %(cursor)s ORDER BY id LIMIT %(limit)s",
        event_tuples,
        {"cursor": cursor, "limit": limit},
        is_page=True,
    )


def events_of(event_ids: list[int]) -> Statement[list[EventRow]]:
    """The events of these ids that are there."""
    return Statement(
        f"SELECT {EVENT_COLUMNS} FROM procrastinate_events WHERE id = ANY (%(ids)s) ORDER BY id",
        event_tuples,
        {"ids": event_ids},
        is_page=True,
    )
