"""Statements that may not take longer than a limit: then they are cancelled, on the server too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TypeVar

from jobdesk_core.connectors import limits
from jobdesk_core.connectors.psycopg import Connection, PsycopgConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.connectors.sync_psycopg import Connection as SyncConnection
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.asking import Asking, ask, ask_async
from jobdesk_core.exceptions import ConnectorException

T = TypeVar("T")
QUERY_CANCELED = "57014"
#: The server's codes for the end of a session.
LINK_LOST = ("08", "57P")


class StatementTooLong(ConnectorException):
    """The query took longer than the limit and was stopped, on the server too."""


def overdue(error: TimeoutError, limit_s: float) -> ConnectorException:
    """What it means that a statement has gone beyond its limit: too much was asked, or the server has fallen silent."""
    if limits.GIVEN_UP not in getattr(error.__cause__, "args", ()):
        found: ConnectorException = StatementTooLong()
        found.__cause__ = error
        return found
    unanswered = limits.Unanswered(limit_s)
    found = ConnectorException(str(unanswered))
    found.__cause__ = unanswered
    return found


async def limited(
    connector: PsycopgConnector, statement: Statement[T], limit_s: float, connection: Connection | None = None
) -> T:
    """Run a statement for at most `limit_s` seconds; then it is cancelled, on the server too."""
    try:
        with limits.patience(limit_s + limits.SIGN_LIMIT_S):
            async with asyncio.timeout(limit_s):
                answer = await connector.run_async(statement, connection=connection)
    except TimeoutError as error:
        raise overdue(error, limit_s)  # noqa: B904 - it names its cause itself
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        # Before Python 3.12 wait_for, with which the pool waits for a connection, may swallow a cancellation.
        raise asyncio.CancelledError
    return answer


def limited_now(connector: SyncPsycopgConnector, statement: Statement[T], limit_s: float) -> T:
    """Run a statement for at most `limit_s` seconds; then the server cancels it. Raises StatementTooLong."""
    with limited_transaction(connector, limit_s) as connection:
        return connector.run(statement, connection=connection)


@contextlib.contextmanager
def limited_transaction(
    connector: SyncPsycopgConnector, limit_s: float, *, snapshot: bool = False
) -> Iterator[SyncConnection]:
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


def _limit(limit_s: float) -> Statement[None]:
    return Statement(
        # A lock is told as one, and not as a question that takes too long.
        "SELECT set_config('statement_timeout', %(limit_ms)s, true), set_config('lock_timeout', %(lock_ms)s, true)",
        nothing,
        {"limit_ms": str(round(1000 * limit_s)), "lock_ms": str(round(700 * limit_s))},
    )


def attempted(steps: Asking[T]) -> Asking[T | None]:
    """The value of statements; None where they take too long or are refused. Raises when the link is lost."""
    try:
        return (yield from steps)
    except StatementTooLong:
        return None
    except ConnectorException as error:
        if is_link_lost(error):
            raise
        return None


def is_link_lost(error: ConnectorException) -> bool:
    """Whether there is nobody any more who could be asked something else."""
    return error.sqlstate is None or error.sqlstate.startswith(LINK_LOST)


def ask_limited(steps: Asking[T], connector: SyncPsycopgConnector, limit_s: float) -> T:
    """The value of a generator of statements, none of which takes longer than `limit_s` seconds."""
    return ask(steps, lambda statement: limited_now(connector, statement, limit_s))


async def ask_limited_async(steps: Asking[T], connector: PsycopgConnector, limit_s: float) -> T:
    """As `ask_limited`."""
    return await ask_async(steps, lambda statement: limited(connector, statement, limit_s))
