"""The command `watch`: reads the events after a cursor, again and again, and prints a line for each.

A notification wakes it, where the database sends any: of new jobs and of aborts, not of starts and ends. Events
name no deletion, and go with their job: it is told of the jobs that are known here, the latest ones.

A lost link is told and made again, for as long as it takes. The cursor stays, so that what has happened meanwhile
follows, once.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from jobdesk_core.cli import exit_codes, output, words
from jobdesk_core.cli.connection import LIMIT_S, Opened, connected_again
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.limited import limited_transaction
from jobdesk_core.database.rows import EventRow, JobRow, job_row, jobs_table, row_columns
from jobdesk_core.durations import in_words
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.feed.events import BATCH_EVENTS, events_after, events_of
from jobdesk_core.feed.gaps import Gaps, recent_events
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.reading.pages import Order, SyncJobPages
from jobdesk_core.troubles import LINK_LOST, Trouble, explain

#: Matching jobs whose deletion is noticed: the newest at the start, and those that have changed since.
MOST_KNOWN = 5_000
#: After a notification so many seconds pass before the next look: many jobs may be deferred at once.
BREATH_S = 0.1
#: Seconds before the first attempt to connect again, and between two of them after that.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 15.0
#: The troubles that pass, a lost link foremost, and those of a database that is being brought back.
_PASSING = (*LINK_LOST, "busy", "locked", "timeout")
_NOT_YET = ("no_database", "no_schema")
#: A gap that is asked for in one look at most; the rest has its turn at the next one.
MOST_DUE = 5_000


def add_watch(parser: argparse.ArgumentParser) -> None:
    """The options of `watch`."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="only jobs that match it after the change")
    parser.add_argument(
        "--interval", type=float, metavar="S", help="seconds between polls (default: 1; with --rules: 5)"
    )
    parser.add_argument("--rules", metavar="FILE", help="watch by the rules of alerts in this file instead")
    parser.add_argument(
        "--once",
        action="store_true",
        help="with --rules: look once; exit code 0 fine, 1 warning, 2 critical, 3 unknown",
    )
    parser.add_argument("--state", metavar="FILE", help="with --rules: where what was told is kept")
    parser.add_argument(
        "--allow-commands", action="store_true", help="with --rules: let the commands of the file run on this machine"
    )
    parser.set_defaults(run=watch)


def watch(desk: Opened, options: argparse.Namespace) -> int:
    """Print each change until Ctrl+C."""
    options.interval = 1.0 if options.interval is None else options.interval
    if not 0.1 <= options.interval <= 3600:
        raise Ended(exit_codes.USAGE, "--interval is between 0.1 and 3600 seconds.")
    watching = Watching(desk, words.read_filter(options.filter))
    watching.start()
    output.note(f"Watching {desk.place}. Press Ctrl+C to stop.")
    try:
        while True:
            try:
                _follow(watching, options)
            except ConnectorException as error:
                trouble = explain(error)
                if trouble.kind not in _PASSING:
                    raise
                _connect_again(watching, trouble, is_json=options.json)
    finally:
        watching.close()


def _follow(watching: Watching, options: argparse.Namespace) -> None:
    """Print each change until the link is lost."""
    with _ears(watching.desk) as rest:
        while True:
            if not _look(watching, watching.read(), is_json=options.json):
                rest(options.interval)


def _look(watching: Watching, found: Look, *, is_json: bool) -> bool:
    """Print what a look has found; returns whether more waits."""
    for event, row in found.changes:
        _tell(event, row, is_json=is_json)
    for row in watching.deleted():
        _tell_deleted(row, watching.now(), is_json=is_json)
    output.flush()
    return found.has_more


def _connect_again(watching: Watching, trouble: Trouble, *, is_json: bool) -> None:
    """Try until the database is there again, then print what was missed. Raises what no waiting mends."""
    began = time.monotonic()
    _note_now(watching, f"{trouble.sentence} Trying to connect again.")
    told, pause_s = "", FIRST_PAUSE_S
    while True:
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        try:
            watching.resume(connected_again(watching.desk))
            found = watching.read()
        except ConnectorException as error:
            why = explain(error)
            if why.kind not in (*_PASSING, *_NOT_YET):
                raise
            sentence = why.sentence
        except Ended as end:  # the database is there, and not yet whole
            sentence = " ".join(filter(None, end.sentences))
        else:
            break
        if sentence != told:
            _note_now(watching, sentence)
            told = sentence
    missed = _missed(found, watching.deleted())
    _note_now(watching, f"Connected again after {in_words(time.monotonic() - began)}. {missed}")
    _look(watching, found, is_json=is_json)


def _missed(found: Look, deleted: list[JobRow]) -> str:
    number = len(found.changes) + len(deleted)
    if not number:
        return "Nothing has changed meanwhile."
    changes = "1 change" if number == 1 else f"{'more than ' if found.has_more else ''}{number:,} changes"
    return f"Meanwhile there {'was' if number == 1 else 'were'} {changes}:"


def _note_now(watching: Watching, sentence: str) -> None:
    output.note(f"{output.moment(watching.now())}  {sentence}")


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


@dataclass(frozen=True, slots=True)
class Look:
    """The events of a look whose jobs match, in their order, each with its job; and whether more wait."""

    changes: list[tuple[EventRow, JobRow]]
    has_more: bool


class Watching:
    """Follows the events of one database. What a transaction in flight has left out is asked for until it appears."""

    def __init__(self, desk: Opened, job_filter: JobFilter) -> None:
        self.desk = desk
        self._filter = job_filter
        self._gaps = Gaps()
        self._cursor = 0
        self._known: dict[int, JobRow] = {}
        self._gone: list[JobRow] = []

    def start(self) -> None:
        """Begin after the newest event. Raises CapabilityMissing for a filter that this release cannot answer."""
        self._filter.condition(self.desk.capabilities)
        run = self.desk.connector.run
        with limited_transaction(self.desk.connector, LIMIT_S, snapshot=True) as connection:
            _, xmax = run(_BOUNDS, connection=connection)
            present = run(recent_events(), connection=connection)
        pages = SyncJobPages(self.desk.connector, self.desk.capabilities, limit_s=LIMIT_S)
        self._know([], pages.read_now(self._filter, Order.NEWEST, limit=MOST_KNOWN).rows[::-1])
        self._cursor = max(present, default=0)
        self._gaps.start(present, xmax, time.monotonic())

    def resume(self, desk: Opened) -> None:
        """Go on with another connection to the same database; the one before is closed."""
        self.close()
        self.desk = desk
        self._filter.condition(desk.capabilities)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(ConnectorException):
            self.desk.connector.close()

    def read(self) -> Look:
        """What has happened since the last look. Raises ConnectorException: then it is as if there was none."""
        run = self.desk.connector.run
        with limited_transaction(self.desk.connector, LIMIT_S, snapshot=True) as connection:
            xmin, xmax = run(_BOUNDS, connection=connection)
            newest = run(_NEWEST, connection=connection)
            cursor = min(self._cursor, newest)
            events = run(events_after(cursor, BATCH_EVENTS), connection=connection)
            asked = [each for each in self._gaps.due(time.monotonic(), xmin) if each <= cursor][:MOST_DUE]
            late = run(events_of(asked), connection=connection) if asked else []
            happened = sorted([*late, *events], key=lambda event: event.id)
            named = sorted({event.job_id for event in happened})
            rows = run(self._matching(named), connection=connection) if named else []
            there = run(_there(list(self._known)), connection=connection) if self._known else set()
        if cursor < self._cursor:
            # Deleted with their jobs, or the database is of an earlier day: their ids may come again.
            self._gaps.forget_after(cursor)
        self._gone = [row for job_id, row in self._known.items() if job_id not in there]
        self._know([*named, *(row.id for row in self._gone)], rows)
        self._gaps.close(asked, late, xmin, time.monotonic())
        self._cursor = self._gaps.follow(events, cursor, xmax, time.monotonic())
        found = {row.id: row for row in rows}
        changes = [(event, found[event.job_id]) for event in happened if event.job_id in found]
        return Look(changes, len(events) == BATCH_EVENTS)

    def now(self) -> dt.datetime:
        """The time by the server's clock (UTC)."""
        return self.desk.connector.clock.now()

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
        capabilities = self.desk.capabilities
        condition, parameters = self._filter.condition(capabilities)
        return Statement(
            f"SELECT {row_columns(capabilities)} FROM {jobs_table(capabilities)} "
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


_NEWEST: Statement[int] = Statement(
    "SELECT coalesce(max(id), 0) AS newest FROM procrastinate_events", lambda rows: int(rows[0]["newest"])
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


def _tell_deleted(row: JobRow, at: dt.datetime, *, is_json: bool) -> None:
    """The time is that of the look, and the job as it was last seen."""
    if is_json:
        output.json_line({"event_id": None, "event": "deleted", "at": at, "job": row})
        return
    output.line(f"{output.moment(at)}  {'deleted':<18}  {_named(row)}  was {row.status.value}")


def _named(row: JobRow) -> str:
    return f"#{row.id} {output.cell(row.task_name)} in {output.cell(row.queue_name)}"
