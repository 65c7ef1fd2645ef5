"""The commands that read jobs: `jobs`, `show` and `why`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jobdesk_core.cli import exit_codes, forms, output, words
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.database.limited import limited_now
from jobdesk_core.database.rows import JobRow
from jobdesk_core.job.details import JobDetail, read_detail_now
from jobdesk_core.job.why import Explanation
from jobdesk_core.profiles.secret_keys import EVERYTHING, masked
from jobdesk_core.reading.export import (
    Exported,
    ExportIncomplete,
    Wanted,
    read_records_now,
    read_rows_now,
    record_lines,
)
from jobdesk_core.reading.pages import Order
from jobdesk_core.reading.records import JobRecord, path_of, times_by_id
from jobdesk_core.reported.shown import Shown

ORDERS = {"newest": Order.NEWEST, "oldest": Order.OLDEST, "next": Order.NEXT_TO_RUN}
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
        "--limit",
        type=int,
        metavar="N",
        help="at most this many; 0 for all (default: 100; with --csv, --ndjson and --output all)",
    )
    forms.add_forms(parser)
    parser.add_argument(
        "--column", action="append", default=[], metavar="args.PATH", help="with --csv: also this argument as a column"
    )
    parser.add_argument(
        "--reports", action="store_true", help="also each job's last error and its progress, where workers report"
    )
    parser.set_defaults(run=jobs)


def add_one(parser: argparse.ArgumentParser, run: Any) -> None:
    """The options of `show` and `why`."""
    parser.add_argument("id", type=words.job_id, help="the job's id")
    parser.set_defaults(run=run)


def jobs(desk: Opened, options: argparse.Namespace) -> int:
    """List jobs as of one moment, as they come."""
    job_filter = words.read_filter(options.filter)
    kind = forms.form_of(options)
    is_whole = options.csv or options.ndjson or options.output is not None
    limit = options.limit if options.limit is not None else 0 if is_whole else 100
    if limit < 0:
        raise Ended(exit_codes.USAGE, "--limit is a number of jobs, 0 for all.")
    try:
        paths = [path_of(text) for text in options.column]
    except ValueError as error:
        raise Ended(exit_codes.USAGE, str(error)) from None
    wanted = Wanted(
        job_filter, ORDERS[options.order], kind or "", paths=paths, limit=limit or None, has_reports=options.reports
    )
    try:
        shown = _write_reports if wanted.has_reports else _write_table
        read = shown(desk, wanted) if kind is None else _write_records(desk, wanted)
    except ExportIncomplete as error:
        raise Ended(exit_codes.FAULT, str(error)) from error
    if read.has_more:
        verb = "is" if read.jobs == 1 else "are"
        output.note(f"There {verb} more than {words.count(read.jobs)}: --limit 0 lists all.")
    else:
        forms.tell(options, read.jobs, "job", read.as_of)
    if not read.jobs:
        words.tell_nothing(job_filter)
    return exit_codes.DONE if read.jobs else exit_codes.NOT_ALL


def _write_records(desk: Opened, wanted: Wanted) -> Exported:
    hidden = EVERYTHING if desk.profile.hides_arguments else None
    lines = record_lines(forms.writer(wanted.kind), replace(wanted, secret_keys=hidden))

    def add(records: Sequence[JobRecord]) -> None:
        lines.add(records)
        output.flush()

    read = read_records_now(desk.connector, desk.capabilities, wanted, add)
    lines.end()
    return read


def _write_table(desk: Opened, wanted: Wanted) -> Exported:
    table = output.Table(*_HEADINGS)

    def add(rows: list[JobRow]) -> None:
        if rows:
            table.rows([_cells(row) for row in rows], [row.status for row in rows])
            output.flush()

    return read_rows_now(desk.connector, desk.capabilities, wanted, add)


def _write_reports(desk: Opened, wanted: Wanted) -> Exported:
    table = output.Table(*_HEADINGS, "progress", "error")

    def add(records: Sequence[JobRecord]) -> None:
        rows = [
            (*_cells(record.row), _progress(record.shown), record.shown and record.shown.error) for record in records
        ]
        table.rows(rows, [record.row.status for record in records])
        output.flush()

    return read_records_now(desk.connector, desk.capabilities, wanted, add)


def _progress(held: Shown | None) -> str | None:
    told = held.progress if held is not None else None
    if told is None:
        return None
    share = f"{told.share:.0%}" if told.share is not None else f"{told.done:,g}"
    return f"{share} {told.note}" if told.note else share


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
        raise Ended(exit_codes.NOT_ALL, f"There is no job #{job_id:,}.")
    if desk.profile.hides_arguments and detail.args is not None:
        return replace(detail, args=masked(detail.args, EVERYTHING))
    return detail


def show(desk: Opened, options: argparse.Namespace) -> int:
    """Show one job: its columns, its arguments, its events and why it is there."""
    detail = _detail(desk, options.id)
    if options.json:
        output.json_line(output.as_json(detail) | {"times": _times(desk, detail)})
        return exit_codes.DONE
    row = detail.row
    output.line(output.coloured(f"Job #{row.id:,}  {row.status.value}", row.status))
    for heading, value in zip(_HEADINGS[2:], _cells(row)[2:], strict=True):
        output.line(f"  {heading:<14} {_whole(value)}")
    output.line(f"  {'worker':<14} {_whole(row.worker_id)}")
    if (schedule := detail.around.reports.schedule) is not None:
        output.line(f"  {'schedule':<14} {_whole(' '.join(filter(None, schedule)))}")
    for name, text in detail.added:
        output.line(f"  {output.plain(name):<14} {_whole(text)}")
    _tell(detail.reason)
    output.line("Events")
    for event in detail.events:
        output.line(f"  {output.moment(event.at)}  {event.type.value}")
    _show_arguments(detail)
    return exit_codes.DONE


def _times(desk: Opened, detail: JobDetail) -> Any:
    """When the job ran and how long that took, as in the lines of `jobs --json`."""
    job_id = detail.row.id
    times = limited_now(desk.connector, times_by_id([job_id]), LIMIT_S).get(job_id)
    return output.as_json({name: value for name, value in times._asdict().items() if name != "values"} if times else {})


def _show_arguments(detail: JobDetail) -> None:
    output.line("Arguments")
    if detail.args is None and not detail.args_bytes:
        output.line("  none: the column is NULL")
    elif detail.args is None and detail.args_bytes <= len("null"):
        output.line("  null")
    elif detail.args is None:
        output.line(f"  too large or too deep to show here: {detail.args_bytes:,} bytes")
    elif not isinstance(detail.args, dict):
        # No release writes such arguments, and no column forbids them.
        output.line(f"  {output.json_text(detail.args)}")
    else:
        for name, value in detail.args.items():
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
        return exit_codes.DONE
    output.line(output.coloured(f"Job #{detail.row.id:,}  {detail.row.status.value}", detail.row.status))
    _tell(detail.reason)
    return exit_codes.DONE


def _tell(reason: Explanation) -> None:
    output.line(output.plain(reason.headline))
    for sentence in reason.sentences:
        output.line(f"  {output.plain(sentence)}")
