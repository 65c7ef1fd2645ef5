"""The command `watch`: reads the events after a cursor, again and again, and prints a line for each.

A notification wakes it, where the database sends any: of new jobs and of aborts, not of starts and ends. Events
name no deletion, and go with their job: it is told of the jobs that are known here, the latest ones.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator

from jobdesk_core.cli import codes, output, words
from jobdesk_core.cli.codes import Ended
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.monitor.feed import BATCH_EVENTS, events_after, events_of
from jobdesk_core.monitor.filters import JobFilter
from jobdesk_core.monitor.gaps import Gaps, recent_events
from jobdesk_core.monitor.pages import Order
from jobdesk_core.monitor.rows import EventRow, JobRow, job_row, jobs_table, row_columns
from jobdesk_core.monitor.synchronous import SyncJobPages, limited_transaction

#: Matching jobs whose deletion is noticed: the newest at the start, and those that have changed since.
MOST_KNOWN = 5_000
#: After a notification so many seconds pass before the next look: many jobs may be deferred at once.
BREATH_S = 0.1
#: A gap that is asked for in one look at most; the rest has its turn at the next one.
MOST_DUE = 5_000


def add_watch(parser: argparse.ArgumentParser) -> None:
    """The options of `watch`."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="only jobs that match it after the change")
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="S", help="seconds between two looks (default: 1)"
    )
    parser.set_defaults(run=watch)


def watch(desk: Opened, options: argparse.Namespace) -> int:
    """Print each change until Ctrl+C."""
    if not 0.1 <= options.interval <= 3600:
        raise Ended(codes.USAGE, "--interval is between 0.1 and 3600 seconds.")
    watching = Watching(desk, words.read_filter(options.filter))
    with _ears(desk) as rest:
        watching.start()
        output.note(f"Watching {desk.place}. Ctrl+C ends it.")
        while True:
            events, rows, has_more = watching.read()
            for event in events:
                row = rows.get(event.job_id)
                if row is not None:
                    _tell(event, row, is_json=options.json)
            for row in watching.deleted():
                _tell_deleted(row, is_json=options.json)
            output.flush()
            if not has_more:
                rest(options.interval)


@contextlib.contextmanager
def _ears(desk: Opened) -> Iterator[Callable[[float], object]]:
    """What waits so many seconds, or until the database notifies of something, where it can."""
    with contextlib.ExitStack() as stack:
        heard = None
        if desk.capabilities.channels and not desk.capabilities.is_standby:
            with contextlib.suppress(ConnectorException):
                heard = stack.enter_context(desk.connector.listening(desk.capabilities.channels))

        def rest(seconds: float) -> None:
            if heard is None:
                time.sleep(seconds)
            elif heard(seconds):
                time.sleep(min(BREATH_S, seconds))

        yield rest


class Watching:
    """Follows the events of one database. What a transaction in flight has left out is asked for until it appears."""

    def __init__(self, desk: Opened, job_filter: JobFilter) -> None:
        self._desk = desk
        self._filter = job_filter
        self._gaps = Gaps()
        self._cursor = 0
        self._known: dict[int, JobRow] = {}
        self._gone: list[JobRow] = []

    def start(self) -> None:
        """Begin after the newest event. Raises CapabilityMissing for a filter that this release cannot answer."""
        self._filter.condition(self._desk.capabilities)
        run = self._desk.connector.run
        with limited_transaction(self._desk.connector, LIMIT_S, snapshot=True) as connection:
            _, xmax = run(_BOUNDS, connection=connection)
            present = run(recent_events(), connection=connection)
        pages = SyncJobPages(self._desk.connector, self._desk.capabilities, limit_s=LIMIT_S)
        self._know([], pages.read_now(self._filter, Order.NEWEST, limit=MOST_KNOWN).rows[::-1])
        self._cursor = max(present, default=0)
        self._gaps.start(present, xmax, time.monotonic())

    def read(self) -> tuple[list[EventRow], dict[int, JobRow], bool]:
        """The events since the last look, the jobs among theirs that match the filter, and whether more wait."""
        run = self._desk.connector.run
        with limited_transaction(self._desk.connector, LIMIT_S, snapshot=True) as connection:
            xmin, xmax = run(_BOUNDS, connection=connection)
            events = run(events_after(self._cursor, BATCH_EVENTS), connection=connection)
            asked = self._gaps.due(time.monotonic(), xmin)[:MOST_DUE]
            late = run(events_of(asked), connection=connection) if asked else []
            happened = sorted([*late, *events], key=lambda event: event.id)
            named = sorted({event.job_id for event in happened})
            rows = run(self._matching(named), connection=connection) if named else []
            there = run(_there(list(self._known)), connection=connection) if self._known else set()
        self._gone = [row for job_id, row in self._known.items() if job_id not in there]
        self._know([*named, *(row.id for row in self._gone)], rows)
        self._gaps.close(asked, late, xmin, time.monotonic())
        self._cursor = self._gaps.follow(events, self._cursor, xmax, time.monotonic())
        return happened, {row.id: row for row in rows}, len(events) == BATCH_EVENTS

    def deleted(self) -> list[JobRow]:
        """The jobs that were found deleted at the last look, as they were when they were last seen."""
        return self._gone

    def _know(self, forgotten: Iterable[int], rows: Iterable[JobRow]) -> None:
        for job_id in forgotten:
            self._known.pop(job_id, None)
        for row in rows:
            self._known[row.id] = row
        for job_id in list(self._known)[:-MOST_KNOWN]:
            del self._known[job_id]

    def _matching(self, job_ids: list[int]) -> Statement[list[JobRow]]:
        able = self._desk.capabilities
        condition, parameters = self._filter.condition(able)
        return Statement(
            f"SELECT {row_columns(able)} FROM {jobs_table(able)} "
            f"WHERE job.id = ANY (%(ids)s::bigint[]) AND {condition}",
            lambda rows: [job_row(row) for row in rows],
            {**parameters, "ids": job_ids},
        )


def _there(job_ids: list[int]) -> Statement[set[int]]:
    """Which of these jobs there are."""
    return Statement(
        "SELECT id FROM procrastinate_jobs WHERE id = ANY (%(ids)s::bigint[])",
        lambda rows: {row["id"] for row in rows},
        {"ids": job_ids},
    )


_BOUNDS: Statement[tuple[int, int]] = Statement(
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin, "
    "pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xmax",
    lambda rows: (rows[0]["xmin"], rows[0]["xmax"]),
)


def _tell(event: EventRow, row: JobRow, *, is_json: bool) -> None:
    if is_json:
        output.json_line({"event_id": event.id, "event": event.type, "at": event.at, "job": row})
        return
    told = f"{output.moment(event.at)}  {event.type.value:<18}  {_named(row)}  now {row.status.value}"
    output.line(output.coloured(told, row.status))


def _tell_deleted(row: JobRow, *, is_json: bool) -> None:
    """The time is that of the look, and the job as it was last seen."""
    at = dt.datetime.now(dt.UTC)
    if is_json:
        output.json_line({"event_id": None, "event": "deleted", "at": at, "job": row})
        return
    output.line(f"{output.moment(at)}  {'deleted':<18}  {_named(row)}  was {row.status.value}")


def _named(row: JobRow) -> str:
    return f"#{row.id} {output.cell(row.task_name)} in {output.cell(row.queue_name)}"
