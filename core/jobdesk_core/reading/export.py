"""Writes every job that a filter finds, or every one of some ids: of one moment, each once, counted.

Into a file, or wherever a program that waits for each answer wants them.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TextIO, TypeVar

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.asking import ask, ask_async
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import limited, limited_transaction
from jobdesk_core.database.rows import JobRow, jobs_table, rows_by_id
from jobdesk_core.exceptions import ConnectorException, NothingReported
from jobdesk_core.files import whole_file
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.reading.pages import Order, PageReading
from jobdesk_core.reading.records import JobRecord, Path, RecordLines, portions, records_of

T = TypeVar("T")

PAGE_ROWS = 500
#: So long one statement may take, in seconds: it has no second try within the moment that is read.
LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is exported: all that a filter finds, or, with `ids`, these jobs only, in their order.

    `kind` is csv, json or ndjson; in CSV each of `paths` has a column of its own beside the arguments.
    With a `limit` only the first so many are wanted.
    Arguments under a key that matches `secret_keys` are HIDDEN; None writes them all as they are.
    """

    job_filter: JobFilter
    order: Order
    kind: str
    ids: Sequence[int] | None = None
    paths: Sequence[Path] = ()
    has_bom: bool = False
    secret_keys: str | None = None
    limit: int | None = None
    #: Only these columns, as RecordLines knows them, in this order; None: everything.
    columns: Sequence[str] | None = None
    #: Whether each job's last error and its progress are wanted, as workers report them.
    has_reports: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """How many jobs were written, the moment, in UTC, as of which they are, and whether there are more than that."""

    jobs: int
    as_of: dt.datetime
    has_more: bool = False


class ExportIncomplete(ConnectorException):
    """The database counts other jobs than were written: the file was not kept."""


async def export_jobs(
    connector: PsycopgConnector,
    capabilities: Capabilities,
    wanted: Wanted,
    path: FilePath,
    on_progress: Callable[[int], None] = lambda jobs: None,
) -> Exported:
    """Write the file; cancelled, or when anything fails, what was at `path` stays as it was.

    All is read in one transaction, as of one moment, a page at a time. At the end the database counts what should
    have been written. A cancellation that comes when the whole file is just getting its name comes too late.
    Raises ExportIncomplete, ConnectorException, OSError; NothingReported where reports are wanted and there are none.
    """
    async with (
        connector.transaction(snapshot=True) as connection,
        _whole_file(path, has_bom=wanted.has_bom and wanted.kind == "csv") as file,
    ):
        lines = record_lines(file.write, wanted)

        async def do(step: _Step) -> Any:
            if isinstance(step, Statement):
                return await limited(connector, step, LIMIT_S, connection)
            await _in_thread(lines.add, step.jobs)
            on_progress(lines.written)

        exported = await ask_async(_records(capabilities, wanted), do)
        await _in_thread(lines.end)
    return exported


def record_lines(write: Callable[[str], object], wanted: Wanted) -> RecordLines:
    """What writes the records as they are wanted."""
    return RecordLines(
        write,
        wanted.kind,
        wanted.paths,
        secret_keys=wanted.secret_keys,
        has_reports=wanted.has_reports,
        columns=wanted.columns,
    )


def read_records_now(
    connector: SyncPsycopgConnector,
    capabilities: Capabilities,
    wanted: Wanted,
    add: Callable[[Sequence[JobRecord]], object],
) -> Exported:
    """Read as `export_jobs` does, waiting for each answer; `add` takes the records as they come.

    Raises ExportIncomplete, when all of them have been given away, and ConnectorException.
    """
    return _read_now(connector, _records(capabilities, wanted), add)


def read_rows_now(
    connector: SyncPsycopgConnector,
    capabilities: Capabilities,
    wanted: Wanted,
    add: Callable[[list[JobRow]], object],
) -> Exported:
    """As `read_records_now`, the rows alone, without their arguments and times."""
    return _read_now(connector, _every_row(capabilities, wanted, _given), add)


def _read_now(connector: SyncPsycopgConnector, steps: _Steps[Exported], add: Callable[[Any], object]) -> Exported:
    with limited_transaction(connector, LIMIT_S, snapshot=True) as connection:
        return ask(
            steps,
            lambda step: connector.run(step, connection=connection) if isinstance(step, Statement) else add(step.jobs),
        )


@dataclass(frozen=True, slots=True)
class _Given:
    """What has been read, rows or records: it is taken before more is read."""

    jobs: list[Any]


_Step = Statement[Any] | _Given
_Steps = Generator[_Step, Any, T]


def _given(jobs: list[Any]) -> _Steps[None]:
    yield _Given(jobs)


def _records(capabilities: Capabilities, wanted: Wanted) -> _Steps[Exported]:
    reported = capabilities.reported if wanted.has_reports else None
    if reported is not None and (refusal := reported.refusal("errors")) and reported.refusal("progress"):
        raise NothingReported(refusal)

    def give(rows: list[JobRow]) -> _Steps[None]:
        for portion in (yield from portions(rows)):
            yield _Given((yield from records_of(portion, wanted.paths, reported)))

    return (yield from _every_row(capabilities, wanted, give))


def _every_row(
    capabilities: Capabilities, wanted: Wanted, give: Callable[[list[JobRow]], _Steps[None]]
) -> _Steps[Exported]:
    """Every row, of the one moment that all statements see; of those without a limit the database counts how many."""
    as_of = yield _NOW
    if wanted.ids is not None:
        written, has_more = (yield from _rows_of(capabilities, wanted.ids, give)), False
    else:
        written, has_more = yield from _pages(capabilities, wanted, give)
    if wanted.limit is None and (expected := (yield _count(capabilities, wanted))) != written:
        raise ExportIncomplete(f"{written:,} jobs were written, and the database counts {expected:,}.")
    return Exported(written, as_of, has_more)


def _rows_of(
    capabilities: Capabilities, job_ids: Sequence[int], give: Callable[[list[JobRow]], _Steps[None]]
) -> _Steps[int]:
    """Gives the rows of these jobs, as far as they are there, and returns how many."""
    written = 0
    for start in range(0, len(job_ids), PAGE_ROWS):
        ids = job_ids[start : start + PAGE_ROWS]
        found = yield rows_by_id(capabilities, list(ids))
        rows = [found[job_id] for job_id in ids if job_id in found]
        yield from give(rows)
        written += len(rows)
    return written


def _pages(
    capabilities: Capabilities, wanted: Wanted, give: Callable[[list[JobRow]], _Steps[None]]
) -> _Steps[tuple[int, bool]]:
    """Gives the rows in their order, some at a time; returns how many, and whether there are more than the limit."""
    # A statement that took too long has ended the transaction: then no other is tried.
    reading = PageReading(capabilities, tries_again=False)
    after, written = None, 0
    while True:
        # One more than is wanted tells whether there are more.
        left = None if wanted.limit is None else wanted.limit - written
        width = PAGE_ROWS if left is None else min(PAGE_ROWS, left + 1)
        page = yield from reading.read(wanted.job_filter, wanted.order, after=after, limit=width)
        rows, after = page.rows[:left], page.next_key
        yield from give(rows)
        written += len(rows)
        if page.is_last or len(page.rows) > len(rows):
            return written, len(page.rows) > len(rows)


@contextlib.asynccontextmanager
async def _whole_file(path: FilePath, *, has_bom: bool) -> AsyncIterator[TextIO]:
    """A `whole_file` whose bytes are put on the disk in a thread: that may take seconds."""
    whole = whole_file(path, has_bom=has_bom)
    file = whole.__enter__()
    try:
        yield file
    except BaseException as error:
        whole.__exit__(type(error), error, error.__traceback__)
        raise
    await _in_thread(whole.__exit__, None, None, None, is_last=True)


async def _in_thread(function: Callable[..., Any], *values: Any, is_last: bool = False) -> None:
    """Call it in a thread. Cancelled meanwhile, its end is waited for: nothing writes into a file that is closed.

    `is_last`: when it is done nothing is left to cancel.
    """
    running = asyncio.ensure_future(asyncio.to_thread(function, *values))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not is_last:
            raise
        running.result()


_NOW: Statement[dt.datetime] = Statement("SELECT now() AS now", lambda rows: rows[0]["now"])


def _count(capabilities: Capabilities, wanted: Wanted) -> Statement[int]:
    if wanted.ids is not None:
        condition, values = "job.id = ANY (%(wanted_ids)s)", {"wanted_ids": list(wanted.ids)}
    else:
        condition, given = wanted.job_filter.condition(capabilities)
        values = dict(given)
        if wanted.order is Order.NEXT_TO_RUN:
            condition = f"({condition}) AND job.status = 'todo'"
    return Statement(
        f"SELECT count(*) AS jobs FROM {jobs_table(capabilities)} WHERE {condition}",
        lambda rows: int(rows[0]["jobs"]),
        values,
    )
