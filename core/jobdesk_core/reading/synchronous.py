"""The monitor's reading for whoever has no event loop: its coroutines, run to their end at once.

None of them waits here, for what they ask is answered before it returns. Not for those that read side by side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any, TypeVar, cast

from jobdesk_core.connectors import limits
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.connectors.sync_psycopg import Connection, SyncPsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.feed.counts import Counts
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.job.details import JobDetail, Reading, explained, reports_of, still_to_ask, unread
from jobdesk_core.job.queue_context import Situation
from jobdesk_core.reading.pages import JobPages, Order, Page, PageKey, StatementTooLong

T = TypeVar("T")
QUERY_CANCELED = "57014"


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that never waits. Raises RuntimeError for one that does."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    coroutine.close()
    raise RuntimeError("This coroutine waits for something.")


def limited_now(connector: SyncPsycopgConnector, statement: Statement[T], limit_s: float) -> T:
    """Run a statement for at most `limit_s` seconds; then the server cancels it. Raises StatementTooLong."""
    with limited_transaction(connector, limit_s) as connection:
        return connector.run(statement, connection=connection)


@contextlib.contextmanager
def limited_transaction(
    connector: SyncPsycopgConnector, limit_s: float, *, snapshot: bool = False
) -> Iterator[Connection]:
    """A transaction none of whose statements takes longer than `limit_s` seconds. Raises StatementTooLong.

    With `snapshot` it is read-only, and every statement in it sees the same moment.
    """
    try:
        patient = limits.patience(limit_s + limits.SIGN_LIMIT_S)
        with patient, connector.transaction(snapshot=snapshot) as connection:
            connector.run(_limit(limit_s), connection=connection)
            yield connection
    except ConnectorException as error:
        if error.sqlstate == QUERY_CANCELED:
            raise StatementTooLong() from error
        raise


class SyncJobPages(JobPages):
    """Reads pages as JobPages does, on a synchronous connector: by `read_now`."""

    def __init__(self, connector: SyncPsycopgConnector, capabilities: Capabilities, *, limit_s: float = 5.0) -> None:
        super().__init__(cast(Any, connector), capabilities, Counts(), limit_s=limit_s)
        self._sync = connector

    def read_now(self, job_filter: JobFilter, order: Order, *, after: PageKey | None = None, limit: int = 200) -> Page:
        """Read one stretch, as `read` does."""
        return finished(self.read(job_filter, order, after=after, limit=limit))

    async def _run(self, statement: Statement[T]) -> T:
        return limited_now(self._sync, statement, self._limit_s)


def read_detail_now(
    connector: SyncPsycopgConnector, capabilities: Capabilities, job_id: int, *, limit_s: float = 5.0
) -> JobDetail | None:
    """Read a job as `details.read_detail` does; the limit is for each statement."""
    with limited_transaction(connector, limit_s, snapshot=True) as connection:
        reading = Reading(cast(Any, _Asked(connector)), capabilities, cast(Any, connection))
        read = finished(reading.read(job_id))
    if read is None:
        return None
    detail, around = read
    question = still_to_ask(capabilities, detail, around)
    if question is not None:
        situation: Situation | None = None
        with contextlib.suppress(StatementTooLong):
            situation = limited_now(connector, question, limit_s)
        around = replace(around, situation=situation)
    try:
        told = limited_now(connector, reports_of(capabilities, detail), limit_s)
    except ConnectorException as error:
        told = unread(error)
    around = replace(around, reports=told)
    return explained(detail, around, capabilities.clock.now())


class _Asked:
    """What a coroutine asks, answered before it returns."""

    def __init__(self, connector: SyncPsycopgConnector) -> None:
        self._connector = connector

    async def run_async(self, statement: Statement[T], *, connection: Connection | None = None) -> T:
        return self._connector.run(statement, connection=connection)


def _limit(limit_s: float) -> Statement[None]:
    return Statement(
        # A lock is told as one, and not as a question that takes too long.
        "SELECT set_config('statement_timeout', %(limit_ms)s, true), set_config('lock_timeout', %(lock_ms)s, true)",
        nothing,
        {"limit_ms": str(round(1000 * limit_s)), "lock_ms": str(round(700 * limit_s))},
    )
