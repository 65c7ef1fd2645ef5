"""Writes every job that a filter finds, or every one of some ids, into a file: of one moment, each once, counted."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TextIO, TypeVar

from jobdesk_core.connectors.psycopg import Connection, PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.files import whole_file
from jobdesk_core.monitor.counts import Counts
from jobdesk_core.monitor.filters import JobFilter
from jobdesk_core.monitor.pages import JobPages, Order, limited
from jobdesk_core.monitor.records import Path, RecordLines, portions, records_of
from jobdesk_core.monitor.rows import JobRow, jobs_table, rows_by_id

T = TypeVar("T")

PAGE_ROWS = 500
#: So long one statement may take, in seconds: it has no second try within the moment that is read.
LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is exported: all that a filter finds, or, with `ids`, these jobs only, in their order.

    `kind` is csv, json or ndjson; in CSV each of `paths` has a column of its own beside the arguments.
    Arguments under a key that matches `secret_keys` are HIDDEN; None writes them all as they are.
    """

    job_filter: JobFilter
    order: Order
    kind: str
    ids: Sequence[int] | None = None
    paths: Sequence[Path] = ()
    has_bom: bool = False
    secret_keys: str | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """How many jobs were written, and the moment, in UTC, as of which they are."""

    jobs: int
    as_of: dt.datetime


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
    Raises ExportIncomplete, ConnectorException, OSError.
    """
    async with connector.transaction(snapshot=True) as connection:
        pages = _Pages(connector, capabilities, connection)
        as_of = await pages.run(_NOW)
        async with _whole_file(path, has_bom=wanted.has_bom and wanted.kind == "csv") as file:
            lines = RecordLines(file.write, wanted.kind, wanted.paths, secret_keys=wanted.secret_keys)
            async for rows in pages.all_rows(wanted):
                for portion in await portions(pages.run, rows):
                    records = await records_of(pages.run, portion, wanted.paths)
                    await _in_thread(lines.add, records)
                on_progress(lines.written)
            await _in_thread(lines.end)
            expected = await pages.run(_count(capabilities, wanted))
            if expected != lines.written:
                raise ExportIncomplete(f"{lines.written:,} jobs were written, and the database counts {expected:,}.")
    return Exported(lines.written, as_of)


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
    """Reads every page on one connection, within its transaction."""

    def __init__(self, connector: PsycopgConnector, capabilities: Capabilities, connection: Connection) -> None:
        super().__init__(connector, capabilities, Counts(), limit_s=LIMIT_S)
        self._connection = connection

    async def all_rows(self, wanted: Wanted) -> AsyncIterator[list[JobRow]]:
        """The rows in their order, some at a time."""
        if wanted.ids is not None:
            for start in range(0, len(wanted.ids), PAGE_ROWS):
                ids = wanted.ids[start : start + PAGE_ROWS]
                found = await self.run(rows_by_id(self._capabilities, list(ids)))
                yield [found[job_id] for job_id in ids if job_id in found]
            return
        after = None
        while True:
            page = await self.read(wanted.job_filter, wanted.order, after=after, limit=PAGE_ROWS)
            yield page.rows
            after = page.next_key
            if page.is_last:
                return

    async def run(self, statement: Statement[T], /) -> T:
        """Run a statement in the transaction."""
        return await limited(self._connector, statement, self._limit_s, self._connection)

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
