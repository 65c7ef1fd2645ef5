"""The change feed: reads what happened after a cursor, misses nothing and hands on nothing twice.

A notification only means "read soon"; events are what is read. An event id left out by a transaction in
flight is asked for again until it appears, or until no such transaction can be running any more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.counts import Counts, aborting_jobs, count_open, count_stretch
from jobdesk_core.monitor.rows import EventRow, JobRow, rows_by_id
from jobdesk_core.monitor.series import STRETCH_EVENTS, Series, history

#: Events read at once. With more, the next read follows immediately.
BATCH_EVENTS = 5_000
#: How far below an event gaps are looked for.
GAP_IDS = 20_000

Mode = Literal["connecting", "live", "polling", "stale", "closed"]


@dataclass(frozen=True, slots=True)
class FeedState:
    """How the feed is doing. `latency_ms` is the last question's round trip, `read_at` its time (UTC)."""

    mode: Mode = "connecting"
    reason: str = ""
    since: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    latency_ms: float | None = None
    last_event_id: int = 0
    read_at: dt.datetime | None = None

    def into(self, mode: Mode, reason: str = "") -> FeedState:
        """The state after a change of mode; `since` is the time of the change."""
        if (mode, reason) == (self.mode, self.reason):
            return self
        since = self.since if mode == self.mode else dt.datetime.now(dt.UTC)
        return replace(self, mode=mode, reason=reason, since=since)


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
    """The answer to the one small question asked at rest."""

    last_event_id: int
    deleted: int
    watched: str


class Feed:
    """Follows one database. `read` is called again and again by the monitor; it never waits by itself."""

    def __init__(self, connector: PsycopgConnector, capabilities: Capabilities, counts: Counts, series: Series) -> None:
        self._connector = connector
        self._capabilities = capabilities
        self._counts = counts
        self._series = series
        self._cursor = 0
        self._gaps: dict[int, int] = {}  # event id -> pg_snapshot_xmax when it was first missed
        self._missing_at_start: list[int] = []
        self._watched: frozenset[int] = frozenset()
        self._known: dict[int, JobRow] = {}
        self._fingerprint: str | None = None
        self._deleted: int | None = None
        #: The jobs in the older status `aborting`, whose end may leave no event.
        self._aborting: set[int] = set()

    @property
    def last_event_id(self) -> int:
        """The newest event that has been read."""
        return self._cursor

    def watch(self, job_ids: Iterable[int]) -> None:
        """Notice whatever happens to these jobs, also what leaves no event: deletion, another priority."""
        watched = frozenset(job_ids)
        if watched != self._watched:
            self._watched = watched
            self._known = {job_id: row for job_id, row in self._known.items() if job_id in watched}
            self._fingerprint = None

    async def start(self) -> None:
        """Begin at the newest event; everything is to be counted."""
        async with self._snapshot() as connection:
            run = self._connector.run_async
            _, xmax, _ = await run(_SNAPSHOT, connection=connection)
            present = await run(_recent_events(GAP_IDS), connection=connection)
            self._cursor = max(present, default=0)
            lowest = max(1, self._cursor - GAP_IDS)
            self._gaps = dict.fromkeys(set(range(lowest, self._cursor)) - present, xmax)
            self._missing_at_start = list(self._gaps)
            low, high = await run(_ID_BOUNDS, connection=connection)
            self._counts.clear()
            self._counts.expect(low, high)
            self._counts.set_open(await run(count_open(), connection=connection), dt.datetime.now(dt.UTC))
        self._series.clear()
        self._known.clear()
        self._aborting.clear()
        self._fingerprint = self._deleted = None

    async def has_news(self) -> bool:
        """Ask the one small question: is there anything to read?"""
        glance = await self._connector.run_async(self._question())
        is_emptied = glance.last_event_id < self._cursor
        if is_emptied:
            # The newest jobs were deleted, or the tables truncated: then no deletion is reported and ids may restart.
            self._cursor = glance.last_event_id
            self._gaps = {event_id: noted for event_id, noted in self._gaps.items() if event_id <= self._cursor}
        if is_emptied or (self._deleted is not None and glance.deleted > self._deleted):
            low, high = await self._connector.run_async(_ID_BOUNDS)
            self._counts.expect(low, high)
        self._deleted = glance.deleted
        has_news = (
            glance.last_event_id > self._cursor
            or bool(self._gaps)
            or glance.watched != self._fingerprint
            or self._counts.next_stretch() is not None
        )
        self._fingerprint = glance.watched
        return has_news

    async def read(self) -> tuple[Changes, bool]:
        """Read one batch in one snapshot; also whether more is waiting."""
        run = self._connector.run_async
        async with self._snapshot() as connection:
            xmin, xmax, _ = await run(_SNAPSHOT, connection=connection)
            events = await run(_events_after(self._cursor, BATCH_EVENTS), connection=connection)
            has_more = len(events) == BATCH_EVENTS
            late = []
            if self._gaps:
                late = await run(_events_of(list(self._gaps)), connection=connection)
            stretch = None if has_more else self._counts.next_stretch()
            if stretch is not None:
                await self._count_stretch(stretch, connection)
            named = {event.job_id for event in events} | {event.job_id for event in late}
            wanted = list(named | self._watched | self._aborting)
            rows = await run(rows_by_id(self._capabilities, wanted), connection=connection)
            open_jobs = await run(count_open(), connection=connection)
        happened = sorted([*late, *events], key=lambda event: event.id)
        self._follow_gaps(events, late, xmin, xmax)
        self._counts.add_events(happened, rows, except_stretch=stretch)
        self._counts.set_open(open_jobs, dt.datetime.now(dt.UTC))
        if self._capabilities.has_aborting_status:
            self._follow_aborting(happened, rows)
        self._series.add_events(happened, rows)
        removed = self._watched - rows.keys()
        gone = removed & self._known.keys()
        if gone:
            self._counts.doubt(gone)
        changed = {job_id: row for job_id, row in rows.items() if job_id in named or self._known.get(job_id) != row}
        self._known = {job_id: rows[job_id] for job_id in self._watched if job_id in rows}
        return Changes(changed, happened, frozenset(removed)), has_more or self._counts.next_stretch() is not None

    async def fill_history(self) -> None:
        """Read the last hour of events before the cursor, a short stretch at a time, newest first."""
        high = self._cursor
        while high > 0:
            low = max(0, high - STRETCH_EVENTS)
            # What was missing at the start is read as a late event, should it appear.
            found, is_older = await self._connector.run_async(history(low, high, self._missing_at_start))
            self._series.add_history(found)
            if is_older:
                return
            high = low

    async def _count_stretch(self, stretch: int, connection: Any) -> None:
        run = self._connector.run_async
        counted = await run(count_stretch(stretch), connection=connection)
        self._counts.set_stretch(stretch, counted)
        if any(status is Status.ABORTING for _, _, status in counted):
            found = await run(aborting_jobs(stretch), connection=connection)
            self._aborting |= found

    def _follow_aborting(self, events: list[EventRow], rows: dict[int, JobRow]) -> None:
        asked = {event.job_id for event in events if event.type is EventType.ABORT_REQUESTED}
        still = {
            job_id for job_id in asked | self._aborting if job_id in rows and rows[job_id].status is Status.ABORTING
        }
        self._counts.doubt(asked | (self._aborting - still))
        self._aborting = still

    def _follow_gaps(self, events: list[EventRow], late: list[EventRow], xmin: int, xmax: int) -> None:
        for event in late:
            self._gaps.pop(event.id, None)
        # Whoever could fill a gap noted at xmax has ended once the oldest running transaction is as new.
        self._gaps = {event_id: noted for event_id, noted in self._gaps.items() if xmin < noted}
        expected = self._cursor + 1
        for event in events:
            for missing in range(max(expected, event.id - GAP_IDS), event.id):
                self._gaps[missing] = xmax
            expected = event.id + 1
        self._cursor = expected - 1

    def _question(self) -> Statement[_Glance]:
        worker = "job.worker_id" if self._capabilities.has_worker_id else "NULL"
        abort = "job.abort_requested" if self._capabilities.has_abort_requested else "NULL"
        priority = "job.priority" if self._capabilities.has_priority else "NULL"
        return Statement(
            "SELECT coalesce((SELECT max(id) FROM procrastinate_events), 0) AS last_event_id, "
            "coalesce(pg_stat_get_tuples_deleted('procrastinate_jobs'::regclass), 0) AS deleted, "
            "coalesce((SELECT sum(hashtextextended(ROW(job.id, job.status, job.queue_name, job.task_name, "
            f"job.attempts, job.scheduled_at, job.lock, job.queueing_lock, {worker}, {abort}, {priority})::text, 0)) "
            "FROM procrastinate_jobs AS job WHERE job.id = ANY (%(watched)s)), 0)::text AS watched",
            _glance,
            {"watched": list(self._watched | self._aborting)},
        )

    def _snapshot(self) -> Any:
        return self._connector.transaction(snapshot=True)


def _glance(rows: Rows) -> _Glance:
    row = rows[0]
    return _Glance(row["last_event_id"], row["deleted"], row["watched"])


_SNAPSHOT: Statement[tuple[int, int, dt.datetime]] = Statement(
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin, "
    "pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xmax, now() AS now",
    lambda rows: (rows[0]["xmin"], rows[0]["xmax"], rows[0]["now"]),
)
_ID_BOUNDS: Statement[tuple[int, int]] = Statement(
    "SELECT coalesce(min(id), 0) AS low, coalesce(max(id), 0) AS high FROM procrastinate_jobs",
    lambda rows: (rows[0]["low"], rows[0]["high"]),
)


def _recent_events(count: int) -> Statement[set[int]]:
    return Statement(
        "SELECT id FROM procrastinate_events "
        "WHERE id > (SELECT max(id) FROM procrastinate_events) - %(count)s ORDER BY id DESC",
        lambda rows: {row["id"] for row in rows},
        {"count": count},
    )


def _events_after(cursor: int, limit: int) -> Statement[list[EventRow]]:
    return Statement(
        "SELECT id, job_id, type::text AS type, at FROM procrastinate_events "
        "WHERE id > %(cursor)s ORDER BY id LIMIT %(limit)s",
        _event_rows,
        {"cursor": cursor, "limit": limit},
    )


def _events_of(event_ids: list[int]) -> Statement[list[EventRow]]:
    return Statement(
        "SELECT id, job_id, type::text AS type, at FROM procrastinate_events WHERE id = ANY (%(ids)s) ORDER BY id",
        _event_rows,
        {"ids": event_ids},
    )


def _event_rows(rows: Rows) -> list[EventRow]:
    return [EventRow(row["id"], row["job_id"], EventType(row["type"]), row["at"]) for row in rows]
