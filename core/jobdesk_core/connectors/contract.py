"""What every connector can do: the contract, and what the two kinds of connectors share."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from jobdesk_core.connector import BaseAsyncConnector, BaseConnector, TellsWhenListening
from jobdesk_core.connectors.statement import Rows, Statement, nothing
from jobdesk_core.exceptions import AppNotOpen, NoResult, SyncConnectorConfigurationError

T = TypeVar("T")

_WRONG_THREAD = (
    "The app is open asynchronously, and an event loop runs in this thread, which must not wait: call the "
    "asynchronous method (such as defer_async), or wrap the synchronous code in asgiref.sync.sync_to_async."
)
_LOOP_STOPPED = (
    "The app is open asynchronously, and the event loop that opened it does not run: close the app there "
    "and open it with app.open() to use it synchronously."
)


def first_row(rows: Rows) -> dict[str, Any]:
    """The first row. Raises NoResult when there is none."""
    if not rows:
        raise NoResult()
    return rows[0]


def all_rows(rows: Rows) -> Rows:
    """The rows as they are."""
    return rows


class _Queries(BaseConnector):
    """Queries of the program's own: each becomes a statement, which `run` runs."""

    _first_row: Callable[[Rows], Any] = staticmethod(first_row)

    def _given(self, query: str, arguments: dict[str, Any], decode: Callable[[Any], T]) -> Statement[T]:
        return Statement(query, decode, arguments, is_given=True)

    def execute_query(self, query: str, **arguments: Any) -> None:
        self.run(self._given(query, arguments, nothing))

    def execute_query_one(self, query: str, **arguments: Any) -> Any:
        return self.run(self._given(query, arguments, self._first_row))

    def execute_query_all(self, query: str, **arguments: Any) -> Rows:
        return self.run(self._given(query, arguments, all_rows))

    def execute_query_one_with_connection(self, connection: Any, query: str, **arguments: Any) -> Any:
        return self.run(self._given(query, arguments, self._first_row), connection=connection)

    def execute_query_all_with_connection(self, connection: Any, query: str, **arguments: Any) -> Rows:
        return self.run(self._given(query, arguments, all_rows), connection=connection)


class SyncConnector(_Queries, TellsWhenListening, abc.ABC):
    """Runs statements without an event loop, and refuses what needs one."""

    def get_sync_connector(self) -> SyncConnector:
        """This connector."""
        return self

    @abc.abstractmethod
    def run(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Run one statement and return its decoded value; on `connection` in the caller's transaction.

        Raises AppNotOpen, ConnectorException, or what the statement's decoding raises.
        """

    async def run_async(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Not possible on a synchronous connector."""
        raise SyncConnectorConfigurationError()

    async def listen_notify(self, on_notification: Callable[..., Any], channels: Iterable[str], **_: Any) -> None:
        """Not possible on a synchronous connector."""
        raise SyncConnectorConfigurationError()


class AsyncConnector(_Queries, TellsWhenListening, BaseAsyncConnector, abc.ABC):
    """Runs statements on an event loop, and from threads beside it; before that, through a counterpart."""

    def __init__(self) -> None:
        self._pool: Any = None
        self._owns_pool = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._counterpart: SyncConnector | None = None

    # What a driver brings

    @abc.abstractmethod
    async def _open_pool(self) -> Any:
        """Open a pool of our own. Raises ConnectorException within the connect timeout."""

    @abc.abstractmethod
    async def _close_pool(self, pool: Any) -> None:
        """Close a pool of our own."""

    @abc.abstractmethod
    def _synchronous(self) -> SyncConnector:
        """Make a synchronous connector with the same parameters."""

    @abc.abstractmethod
    async def run_async(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Run one statement and return its decoded value; on `connection` in the caller's transaction.

        Raises AppNotOpen, ConnectorException, or what the statement's decoding raises.
        """

    @abc.abstractmethod
    async def listen_notify(
        self,
        on_notification: Callable[..., Any],
        channels: Iterable[str],
        *,
        on_listening: Callable[[], None] | None = None,
    ) -> None:
        """LISTEN on a connection of its own until cancelled, and hand on each notification; see `connector.tell`.

        `on_listening` is called once every channel is listened to. Raises ConnectorException when the
        link breaks or the server stops answering; notifications sent meanwhile are lost, so the caller
        connects again and then reads everything anew.
        """

    # What they share

    async def open_async(self, pool: Any = None) -> None:
        """Open an own pool, or use the given one, which stays open at `close_async`. Twice is fine.

        An own pool is tried first: an unreachable server or a wrong password is a ConnectorException
        with its reason, within the connect timeout.
        """
        if self._is_open():
            return
        if self._counterpart is not None:
            self._counterpart.close()
        self._owns_pool = pool is None
        self._pool = pool if pool is not None else await self._open_pool()
        self._loop = asyncio.get_running_loop()

    async def close_async(self) -> None:
        """Close an own pool. Twice is fine, and so is opening again."""
        is_ours = self._is_open() and self._owns_pool
        pool, self._pool = self._pool, None
        if is_ours:
            await self._close_pool(pool)

    @property
    def pool(self) -> Any:
        """The open pool. Raises AppNotOpen before `open_async` and after `close_async`."""
        if self._pool is None:
            raise AppNotOpen()
        return self._pool

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        await self.run_async(self._given(query, arguments, nothing))

    async def execute_query_one_async(self, query: str, **arguments: Any) -> Any:
        return await self.run_async(self._given(query, arguments, self._first_row))

    async def execute_query_all_async(self, query: str, **arguments: Any) -> Rows:
        return await self.run_async(self._given(query, arguments, all_rows))

    async def execute_query_one_async_with_connection(self, connection: Any, query: str, **arguments: Any) -> Any:
        return await self.run_async(self._given(query, arguments, self._first_row), connection=connection)

    async def execute_query_all_async_with_connection(self, connection: Any, query: str, **arguments: Any) -> Rows:
        return await self.run_async(self._given(query, arguments, all_rows), connection=connection)

    def get_sync_connector(self) -> SyncConnector | AsyncConnector:
        """Before `open_async` a synchronous connector with the same parameters; after it this connector.

        This connector then works synchronously in threads beside its event loop, such as in a function
        run by `asgiref.sync.sync_to_async`; where a loop runs, it raises RuntimeError.
        """
        if self._is_open():
            return self
        if self._counterpart is None:
            self._counterpart = self._synchronous()
        return self._counterpart

    def open(self, pool: Any = None) -> None:
        """Open the synchronous counterpart; nothing is to be done while open asynchronously."""
        if not self._is_open():
            self.get_sync_connector().open(pool)

    def close(self) -> None:
        """Close the synchronous counterpart."""
        if self._counterpart is not None:
            self._counterpart.close()

    def run(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Run one statement from a thread beside the loop's, or through the synchronous counterpart."""
        if not self._is_open():
            return self.get_sync_connector().run(statement, connection=connection)
        return self._wait_for(lambda: self.run_async(statement, connection=connection))

    def _is_open(self) -> bool:
        if self._loop is not None and self._loop.is_closed():
            self._pool = self._loop = None  # the pool ended with its loop, and nothing can close it any more
        return self._pool is not None

    def _wait_for(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if _is_in_a_loop():
            raise RuntimeError(_WRONG_THREAD)
        if self._loop is None or not self._loop.is_running():
            raise RuntimeError(_LOOP_STOPPED)
        # On the loop that the pool belongs to: a loop of this thread's own cannot share its locks.
        future = asyncio.run_coroutine_threadsafe(call(), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
