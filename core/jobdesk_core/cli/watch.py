"""The command `watch`: reads the events after a cursor, again and again, and prints a line for each.

Events name no deletion: of a job that is deleted nothing is told.
"""

from __future__ import annotations

import argparse
import time

from jobdesk_core.cli import codes, output, words
from jobdesk_core.cli.codes import Ended
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.monitor.feed import BATCH_EVENTS, events_after, events_of
from jobdesk_core.monitor.filters import JobFilter
from jobdesk_core.monitor.gaps import Gaps, recent_events
from jobdesk_core.monitor.rows import EventRow, JobRow, job_row, jobs_table, row_columns
from jobdesk_core.monitor.synchronous import limited_transaction

#: A gap that is asked for in one look at most; the rest has its turn at the next one.
MOST_DUE = 5_000


def add_watch(parser: argparse.ArgumentParser) -> None:
    """The options of `watch`."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="only jobs that match it after the change")
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="seconds between two looks (usual: 1)")
    parser.set_defaults(run=watch)


def watch(desk: Opened, options: argparse.Namespace) -> int:
    """Print each change until Ctrl+C."""
    if not 0.1 <= options.interval <= 3600:
        raise Ended(codes.USAGE, "--interval is between 0.1 and 3600 seconds.")
    watching = Watching(desk, words.read_filter(options.filter))
    watching.start()
    output.note(f"Watching {desk.place}. Ctrl+C ends it.")
    while True:
        events, rows, has_more = watching.read()
        for event in events:
            row = rows.get(event.job_id)
            if row is not None:
                _tell(event, row, is_json=options.json)
        output.flush()
        if not has_more:
            time.sleep(options.interval)


class Watching:
    """Follows the events of one database. What a transaction in flight has left out is asked for until it appears."""

    def __init__(self, desk: Opened, job_filter: JobFilter) -> None:
        self._desk = desk
        self._filter = job_filter
        self._gaps = Gaps()
        self._cursor = 0

    def start(self) -> None:
        """Begin after the newest event. Raises CapabilityMissing for a filter that this release cannot answer."""
        self._filter.condition(self._desk.capabilities)
        run = self._desk.connector.run
        with limited_transaction(self._desk.connector, LIMIT_S, snapshot=True) as connection:
            _, xmax = run(_BOUNDS, connection=connection)
            present = run(recent_events(), connection=connection)
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
        self._gaps.close(asked, late, xmin, time.monotonic())
        self._cursor = self._gaps.follow(events, self._cursor, xmax, time.monotonic())
        return happened, {row.id: row for row in rows}, len(events) == BATCH_EVENTS

    def _matching(self, job_ids: list[int]) -> Statement[list[JobRow]]:
        able = self._desk.capabilities
        condition, parameters = self._filter.condition(able)
        return Statement(
            f"SELECT {row_columns(able)} FROM {jobs_table(able)} "
            f"WHERE job.id = ANY (%(ids)s::bigint[]) AND {condition}",
            lambda rows: [job_row(row) for row in rows],
            {**parameters, "ids": job_ids},
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
    job = f"#{row.id} {output.cell(row.task_name)} in {output.cell(row.queue_name)}"
    told = f"{output.moment(event.at)}  {event.type.value:<18}  {job}  now {row.status.value}"
    output.line(output.coloured(told, row.status))
