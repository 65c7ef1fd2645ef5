"""The commands that read jobs: `jobs`, `show` and `why`."""

from __future__ import annotations

import argparse
from typing import Any, TypeVar

from jobdesk_core.cli import codes, output, words
from jobdesk_core.cli.codes import Ended
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.monitor.details import JobDetail
from jobdesk_core.monitor.explain import Explanation
from jobdesk_core.monitor.filters import JobFilter
from jobdesk_core.monitor.pages import Order
from jobdesk_core.monitor.records import Path, RecordLines, path_of, portions, records_of, times_by_id
from jobdesk_core.monitor.rows import JobRow
from jobdesk_core.monitor.synchronous import SyncJobPages, finished, limited_now, read_detail_now

T = TypeVar("T")

ORDERS = {"newest": Order.NEWEST, "oldest": Order.OLDEST, "next": Order.NEXT_TO_RUN}
PAGE_ROWS = 500
_HEADINGS = ("id", "status", "queue", "task", "priority", "attempts", "scheduled", "lock", "queueing lock", "deferred")


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """The options of `jobs`."""
    parser.add_argument(
        "filter", nargs="*", metavar="FILTER", help="as in the window: status:failed queue:mail age:>1h"
    )
    parser.add_argument(
        "--order", choices=ORDERS, default="newest", help="newest first (the default), oldest, next to run"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="at most so many; 0 for all (default: 100; with --csv and --ndjson all)"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument(
        "--csv", action="store_true", help="CSV with every field and the arguments as JSON, times in UTC"
    )
    forms.add_argument("--ndjson", action="store_true", help="one JSON object on each line, as --json, of all jobs")
    parser.add_argument(
        "--column", action="append", default=[], metavar="args.PATH", help="with --csv: this argument as a column, too"
    )
    parser.set_defaults(run=jobs)


def add_one(parser: argparse.ArgumentParser, run: Any) -> None:
    """The options of `show` and `why`."""
    parser.add_argument("id", type=words.job_id, help="the job's id")
    parser.set_defaults(run=run)


def jobs(desk: Opened, options: argparse.Namespace) -> int:
    """List jobs, page by page."""
    job_filter = words.read_filter(options.filter)
    kind = "csv" if options.csv else "ndjson" if options.ndjson or options.json else None
    limit = options.limit if options.limit is not None else 0 if options.csv or options.ndjson else 100
    if limit < 0:
        raise Ended(codes.USAGE, "--limit is a number of jobs, 0 for all.")
    try:
        paths = [path_of(text) for text in options.column]
    except ValueError as error:
        raise Ended(codes.USAGE, str(error)) from None
    listing = _Listing(desk, kind, limit, paths)
    listing.read(desk, job_filter, ORDERS[options.order])
    if listing.has_more:
        output.note(f"There are more than {words.count(listing.printed)}: --limit 0 lists all.")
    if not listing.printed:
        output.note("No job matches." if job_filter.tokens else "There are no jobs yet.")
        for text in job_filter.texts:
            output.note(f"“{text}” was looked for in the names of tasks, queues and locks.")
    return codes.DONE if listing.printed else codes.NOT_ALL


class _Listing:
    def __init__(self, desk: Opened, kind: str | None, limit: int, paths: list[Path]) -> None:
        self._desk = desk
        self._limit = limit
        self._paths = paths
        self._lines = RecordLines(output.data if kind == "csv" else output.json_data, kind, paths) if kind else None
        self._table = output.Table(*_HEADINGS)
        self.printed = 0
        self.has_more = False

    def read(self, desk: Opened, job_filter: JobFilter, order: Order) -> None:
        pages = SyncJobPages(desk.connector, desk.capabilities, limit_s=LIMIT_S)
        after = None
        while not self.has_more:
            # One more than is printed tells whether there are more.
            wanted = PAGE_ROWS if not self._limit else min(PAGE_ROWS, self._limit - self.printed + 1)
            page = pages.read_now(job_filter, order, after=after, limit=wanted)
            self._print(page.rows)
            after = page.next_key
            if page.is_last:
                return

    def _print(self, rows: list[JobRow]) -> None:
        if self._limit and self.printed + len(rows) > self._limit:
            rows, self.has_more = rows[: self._limit - self.printed], True
        if self._lines is not None:
            for portion in finished(portions(self._run, rows)):
                self._lines.add(finished(records_of(self._run, portion, self._paths)))
        elif rows:
            self._table.rows([_cells(row) for row in rows], [row.status for row in rows])
        output.flush()
        self.printed += len(rows)

    async def _run(self, statement: Statement[T], /) -> T:
        return limited_now(self._desk.connector, statement, LIMIT_S)


def _cells(row: JobRow) -> tuple[Any, ...]:
    return (
        row.id,
        row.status.value,
        row.queue_name,
        row.task_name,
        row.priority,
        row.attempts,
        row.scheduled_at,
        row.lock,
        row.queueing_lock,
        row.deferred_at,
    )


def _detail(desk: Opened, job_id: int) -> JobDetail:
    detail = read_detail_now(desk.connector, desk.capabilities, job_id, limit_s=LIMIT_S)
    if detail is None:
        raise Ended(codes.NOT_ALL, f"There is no job #{job_id:,}.")
    return detail


def show(desk: Opened, options: argparse.Namespace) -> int:
    """Show one job: its columns, its arguments, its events and why it is there."""
    detail = _detail(desk, options.id)
    if options.json:
        output.json_line(output.as_json(detail) | {"times": _times(desk, detail)})
        return codes.DONE
    row = detail.row
    output.line(output.coloured(f"Job #{row.id:,}  {row.status.value}", row.status))
    for heading, value in zip(_HEADINGS[2:], _cells(row)[2:], strict=True):
        output.line(f"  {heading:<14} {_whole(value)}")
    output.line(f"  {'worker':<14} {_whole(row.worker_id)}")
    for name, text in detail.added:
        output.line(f"  {output.plain(name):<14} {_whole(text)}")
    _tell(detail.reason)
    output.line("Events")
    for event in detail.events:
        output.line(f"  {output.moment(event.at)}  {event.type.value}")
    _show_arguments(detail)
    return codes.DONE


def _times(desk: Opened, detail: JobDetail) -> Any:
    """When the job ran and how long that took, as in the lines of `jobs --json`."""
    job_id = detail.row.id
    times = limited_now(desk.connector, times_by_id([job_id]), LIMIT_S).get(job_id)
    return output.as_json({name: value for name, value in times._asdict().items() if name != "values"} if times else {})


def _show_arguments(detail: JobDetail) -> None:
    output.line("Arguments")
    if detail.args is None and not detail.args_bytes:
        output.line("  none: the column is NULL")
    elif detail.args is None:
        output.line(f"  too large or too deep to show here: {detail.args_bytes:,} bytes")
    for name, value in (detail.args or {}).items():
        output.line(f"  {output.plain(name)} = {output.json_text(value)}")


def _whole(value: Any) -> str:
    if value is None or hasattr(value, "astimezone"):
        return output.cell(value)
    return output.plain(str(value)) or '""'


def why(desk: Opened, options: argparse.Namespace) -> int:
    """Say why a job is where it is."""
    detail = _detail(desk, options.id)
    if options.json:
        output.json_line({"id": detail.row.id, "status": detail.row.status} | output.as_json(detail.reason))
        return codes.DONE
    output.line(output.coloured(f"Job #{detail.row.id:,}  {detail.row.status.value}", detail.row.status))
    _tell(detail.reason)
    return codes.DONE


def _tell(reason: Explanation) -> None:
    output.line(output.plain(reason.headline))
    for sentence in reason.sentences:
        output.line(f"  {output.plain(sentence)}")
