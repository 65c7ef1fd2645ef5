"""Committing what an operation changes, so that whatever breaks it is known for what it was.

What breaks before COMMIT is sent has certainly changed nothing. Whoever keeps a journal writes the transaction's mark
and its outcomes down before COMMIT is sent, so that the server can be asked later whether it was committed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.exceptions import ConnectorException, InDoubt
from jobdesk_core.operations.outcomes import Outcomes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Write(Generic[T]):
    """A statement that changes jobs, in a transaction of its own; `outcomes` tells from its value what it has done.

    `expected` is what that will most likely be, where it can be told: it is written down while the server works.
    """

    statement: Statement[T]
    outcomes: Callable[[T], Outcomes]
    expected: Outcomes | None = None


class Keeper(Protocol):
    """Keeps what is about to be committed. Its methods may wait for a disk, and are called in any thread."""

    @property
    def mark(self) -> Statement[str]:
        """Tells the mark of the transaction that it is part of."""

    def stage(self, mark: str, outcomes: list[Outcomes]) -> None:
        """Have on disk what COMMIT is going to make true, in place of what the same transaction has staged before.

        What it raises rolls the transaction back.
        """

    def close(self, *, is_committed: bool) -> None:
        """The server has answered, or COMMIT was never sent. Called for what was staged, unless nobody knows.

        Of what was certainly not committed whoever acts tells what became of it.
        """


@dataclass(slots=True)
class Transaction:
    """The one under way: its `connection`, and what it is going to have done, which is told before it ends."""

    connection: Any = None
    outcomes: list[Outcomes] | None = None
    #: What InDoubt tells.
    value: Any = None
    #: What has been staged already.
    ahead: list[Outcomes] | None = None
    is_staged: bool = False
    is_sent: bool = False

    def is_to_be_staged(self, keeper: Keeper) -> bool:
        """Whether what it is going to have done is to be written down before COMMIT is sent."""
        if _has_jobs(self.outcomes):
            return self.outcomes != self.ahead
        if self.is_staged:  # nothing was done
            keeper.close(is_committed=False)
            self.is_staged = False
        return False

    def is_unknown(self, error: ConnectorException) -> bool:
        """Whether nobody knows what the server made of COMMIT: it was sent, and the connection has not outlived it.

        What acts on no job leaves nothing to be known.
        """
        changes_nothing = self.outcomes is not None and not _has_jobs(self.outcomes)
        is_lost = error.sqlstate is None or self.connection.closed
        return bool(self.is_sent and is_lost and not changes_nothing)


@contextlib.asynccontextmanager
async def committing(connector: PsycopgConnector, keeper: Keeper | None = None) -> AsyncIterator[Transaction]:
    """One transaction, committed at the end. Raises InDoubt when nobody knows whether it was.

    After any other exception, nothing was changed.
    """
    under_way = Transaction()
    try:
        async with connector.transaction() as connection:
            under_way.connection = connection
            yield under_way
            if keeper is not None and under_way.is_to_be_staged(keeper):
                mark = await connector.run_async(keeper.mark, connection=connection)
                under_way.is_staged = True
                await _to_its_end(asyncio.create_task(asyncio.to_thread(keeper.stage, mark, under_way.outcomes or [])))
            under_way.is_sent = True
    except ConnectorException as error:
        _raise_if_unknown(under_way, error, keeper)
        raise
    except BaseException:
        _close_if_certain(under_way, keeper)
        raise
    _close(under_way, keeper, is_committed=True)


@contextlib.contextmanager
def committing_now(connector: SyncPsycopgConnector, keeper: Keeper | None = None) -> Iterator[Transaction]:
    """As `committing`, where no event loop runs."""
    under_way = Transaction()
    try:
        with connector.transaction() as connection:
            under_way.connection = connection
            yield under_way
            if keeper is not None and under_way.is_to_be_staged(keeper):
                mark = connector.run(keeper.mark, connection=connection)
                under_way.is_staged = True
                keeper.stage(mark, under_way.outcomes or [])
            under_way.is_sent = True
    except ConnectorException as error:
        _raise_if_unknown(under_way, error, keeper)
        raise
    except BaseException:
        _close_if_certain(under_way, keeper)
        raise
    _close(under_way, keeper, is_committed=True)


@contextlib.asynccontextmanager
async def staging(
    under_way: Transaction, connector: PsycopgConnector, keeper: Keeper | None, expected: Outcomes | None
) -> AsyncIterator[None]:
    """Have on disk what a transaction is expected to do while the server does it: neither waits for the other."""
    if keeper is None or expected is None or not expected.ids:
        yield
        return
    mark = await connector.run_async(keeper.mark, connection=under_way.connection)
    under_way.is_staged = True
    writing = asyncio.create_task(asyncio.to_thread(keeper.stage, mark, [expected]))
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # what broke it off is told
            await _to_its_end(writing)
        raise
    await _to_its_end(writing)
    under_way.ahead = [expected]


async def _to_its_end(writing: asyncio.Task[None]) -> None:
    """Wait for it, also when we are cancelled meanwhile: what it writes is not to be overtaken."""
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing})
        raise


def _has_jobs(outcomes: list[Outcomes] | None) -> bool:
    return any(same.ids for same in outcomes or ())


def _raise_if_unknown(under_way: Transaction, error: ConnectorException, keeper: Keeper | None) -> None:
    if under_way.is_unknown(error):
        raise InDoubt(value=under_way.value) from (error.__cause__ or error)
    _close(under_way, keeper, is_committed=False)


def _close_if_certain(under_way: Transaction, keeper: Keeper | None) -> None:
    if not under_way.is_sent:
        _close(under_way, keeper, is_committed=False)


def _close(under_way: Transaction, keeper: Keeper | None, *, is_committed: bool) -> None:
    if keeper is not None and under_way.is_staged:
        keeper.close(is_committed=is_committed)
