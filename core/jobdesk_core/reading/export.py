"""Writes every job that a filter finds, or every one of some ids: of one moment, each once, counted.

Into a file, or wherever a program that waits for each answer wants them.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TextIO, TypeVar, cast

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow, jobs_table, rows_by_id
from jobdesk_core.exceptions import ConnectorException, NothingReported
from jobdesk_core.feed.counts import Counts
from jobdesk_core.files import whole_file
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.reading.pages import JobPages, Order, StatementTooLong, limited
from jobdesk_core.reading.records import JobRecord, Path, RecordLines, Run, portions, records_of
from jobdesk_core.reading.synchronous import finished, limited_transaction

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
    async with connector.transaction(snapshot=True) as connection:
        run = cast(Run, lambda statement: limited(connector, statement, LIMIT_S, connection))
        async with _whole_file(path, has_bom=wanted.has_bom and wanted.kind == "csv") as file:
            lines = RecordLines(
                file.write, wanted.kind, wanted.paths, secret_keys=wanted.secret_keys, has_reports=wanted.has_reports
            )

            async def add(records: Sequence[JobRecord]) -> None:
                await _in_thread(lines.add, records)
                on_progress(lines.written)

            exported = await _read_records(capabilities, wanted, run, add)
            await _in_thread(lines.end)
    return exported


def read_records_now(
    connector: SyncPsycopgConnector,
    capabilities: Capabilities,
    wanted: Wanted,
    add: Callable[[Sequence[JobRecord]], object],
) -> Exported:
    """Read as `export_jobs` does, waiting for each answer; `add` takes the records as they come.

    Raises ExportIncomplete, when all of them have been given away, and ConnectorException.
    """

    async def added(records: Sequence[JobRecord]) -> None:
        add(records)

    with limited_transaction(connector, LIMIT_S, snapshot=True) as connection:

        async def run(statement: Statement[T], /) -> T:
            return connector.run(statement, connection=connection)

        return finished(_read_records(capabilities, wanted, run, added))


def read_rows_now(
    connector: SyncPsycopgConnector,
    capabilities: Capabilities,
    wanted: Wanted,
    add: Callable[[list[JobRow]], object],
) -> Exported:
    """As `read_records_now`, the rows alone, without their arguments and times."""

    async def added(rows: list[JobRow]) -> None:
        add(rows)

    with limited_transaction(connector, LIMIT_S, snapshot=True) as connection:

        async def run(statement: Statement[T], /) -> T:
            return connector.run(statement, connection=connection)

        return finished(_read(capabilities, wanted, run, added))


async def _read_records(
    capabilities: Capabilities, wanted: Wanted, run: Run, add: Callable[[Sequence[JobRecord]], Awaitable[None]]
) -> Exported:
    reported = capabilities.reported if wanted.has_reports else None
    if reported is not None and (refusal := reported.refusal("errors")) and reported.refusal("progress"):
        raise NothingReported(refusal)

    async def add_rows(rows: list[JobRow]) -> None:
        for portion in await portions(run, rows):
            await add(await records_of(run, portion, wanted.paths, reported))

    return await _read(capabilities, wanted, run, add_rows)


async def _read(
    capabilities: Capabilities, wanted: Wanted, run: Run, add: Callable[[list[JobRow]], Awaitable[None]]
) -> Exported:
    """Every row, of the one moment that all of `run` sees; of those without a limit the database counts how many."""
    pages = _Pages(capabilities, run)
    as_of = await pages.run(_NOW)
    written = 0
    async for rows in pages.all_rows(wanted):
        await add(rows)
        written += len(rows)
    if wanted.limit is None and (expected := await pages.run(_count(capabilities, wanted))) != written:
        raise ExportIncomplete(f"{written:,} jobs were written, and the database counts {expected:,}.")
    return Exported(written, as_of, pages.has_more)


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


class _Pages(JobPages):
    """Reads every page within the transaction that `run` goes on with."""

    def __init__(self, capabilities: Capabilities, run: Run) -> None:
        super().__init__(cast(Any, None), capabilities, Counts(), limit_s=LIMIT_S)
        self._run_there, self._is_over = run, False
        self.has_more = False

    async def all_rows(self, wanted: Wanted) -> AsyncIterator[list[JobRow]]:
        """The rows in their order, some at a time; with a limit as many, and whether there are more."""
        if wanted.ids is not None:
            for start in range(0, len(wanted.ids), PAGE_ROWS):
                ids = wanted.ids[start : start + PAGE_ROWS]
                found = await self.run(rows_by_id(self._capabilities, list(ids)))
                yield [found[job_id] for job_id in ids if job_id in found]
            return
        after, left = None, wanted.limit
        while not self.has_more:
            # One more than is wanted tells whether there are more.
            width = PAGE_ROWS if left is None else min(PAGE_ROWS, left + 1)
            page = await self.read(wanted.job_filter, wanted.order, after=after, limit=width)
            rows, after = page.rows, page.next_key
            if left is not None:
                rows, self.has_more = rows[:left], len(rows) > left
                left -= len(rows)
            yield rows
            if page.is_last:
                return

    async def run(self, statement: Statement[T], /) -> T:
        """Run a statement there. One that took too long ends the transaction: then no other is tried."""
        if self._is_over:
            raise StatementTooLong
        try:
            return await self._run_there(statement)
        except StatementTooLong:
            self._is_over = True
            raise

    async def _run(self, statement: Statement[T]) -> T:
        return await self.run(statement)


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
