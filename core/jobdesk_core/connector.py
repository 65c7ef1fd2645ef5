"""What a connector is: the base of ours, and of those that a program writes itself on top of another driver.

A connector of one's own has `execute_query`, `execute_query_one` and `execute_query_all`, or their asynchronous twins.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from asgiref.sync import async_to_sync

from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.exceptions import ConnectorException, SyncConnectorConfigurationError

T = TypeVar("T")
JsonDumps = Callable[[Any], str]
JsonLoads = Callable[[str | bytes], Any]
Rows = list[dict[str, Any]]


class Notify(Protocol):
    """Called with each notification. What can be awaited is."""

    def __call__(self, *, channel: str, payload: str) -> Any: ...


async def tell(on_notification: Callable[..., Any], channel: str, payload: str) -> None:
    """Hand a notification to an asynchronous function as keywords, to a plain one in this order."""
    if inspect.iscoroutinefunction(on_notification):
        await on_notification(channel=channel, payload=payload)
    else:
        on_notification(channel, payload)


class BaseConnector:
    """A connector that works synchronously, and refuses what needs an event loop.

    Queries have named placeholders (`%(name)s`), a literal percent sign doubled; dicts among the arguments are bound as
    jsonb. Rows are dicts. Raises AppNotOpen, ConnectorException; NoResult when one row was asked for and none came.
    """

    json_dumps: JsonDumps | None = None
    json_loads: JsonLoads | None = None

    def get_sync_connector(self) -> Any:
        """The connector for synchronous use: this one, or a counterpart."""
        raise NotImplementedError

    def open(self, pool: Any = None) -> None:
        """Open an own pool, or use the given one, which stays open at `close`."""
        raise NotImplementedError

    def close(self) -> None:
        """Close an own pool."""
        raise NotImplementedError

    def execute_query(self, query: str, **arguments: Any) -> None:
        """Run a query whose rows do not matter."""
        raise NotImplementedError

    def execute_query_one(self, query: str, **arguments: Any) -> dict[str, Any]:
        """Run a query and return its first row."""
        raise NotImplementedError

    def execute_query_all(self, query: str, **arguments: Any) -> Rows:
        """Run a query and return its rows."""
        raise NotImplementedError

    def execute_query_one_with_connection(self, connection: Any, query: str, **arguments: Any) -> dict[str, Any]:
        """Run a query on the caller's connection, in its transaction, and return its first row."""
        raise self._no_external_connections()

    def execute_query_all_with_connection(self, connection: Any, query: str, **arguments: Any) -> Rows:
        """Run a query on the caller's connection, in its transaction, and return its rows."""
        raise self._no_external_connections()

    async def open_async(self, pool: Any = None) -> None:
        """Open an own pool, or use the given one, which stays open at `close_async`."""
        raise SyncConnectorConfigurationError()

    async def close_async(self) -> None:
        """Close an own pool."""
        raise SyncConnectorConfigurationError()

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        """Run a query whose rows do not matter."""
        raise SyncConnectorConfigurationError()

    async def execute_query_one_async(self, query: str, **arguments: Any) -> dict[str, Any]:
        """Run a query and return its first row."""
        raise SyncConnectorConfigurationError()

    async def execute_query_all_async(self, query: str, **arguments: Any) -> Rows:
        """Run a query and return its rows."""
        raise SyncConnectorConfigurationError()

    async def execute_query_one_async_with_connection(
        self, connection: Any, query: str, **arguments: Any
    ) -> dict[str, Any]:
        """Run a query on the caller's connection, in its transaction, and return its first row."""
        raise self._no_external_connections()

    async def execute_query_all_async_with_connection(self, connection: Any, query: str, **arguments: Any) -> Rows:
        """Run a query on the caller's connection, in its transaction, and return its rows."""
        raise self._no_external_connections()

    async def listen_notify(self, on_notification: Callable[..., Any], channels: Iterable[str]) -> None:
        """LISTEN until cancelled, and hand on each notification; see `tell`."""
        raise SyncConnectorConfigurationError()

    # Statements: what the job manager runs. Ours have a way of their own.

    def run(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Run one statement and return its decoded value; on `connection` in the caller's transaction."""
        if statement.decode is nothing and connection is None:  # perhaps a command without rows
            self.execute_query(statement.query, **statement.parameters)
            return statement.decoded([])
        if connection is None:
            rows = self.execute_query_all(statement.query, **statement.parameters)
        else:
            rows = self.execute_query_all_with_connection(connection, statement.query, **statement.parameters)
        return statement.decoded(rows)

    async def run_async(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Run one statement and return its decoded value; on `connection` in the caller's transaction."""
        if statement.decode is nothing and connection is None:  # perhaps a command without rows
            await self.execute_query_async(statement.query, **statement.parameters)
            return statement.decoded([])
        if connection is None:
            rows = await self.execute_query_all_async(statement.query, **statement.parameters)
        else:
            rows = await self.execute_query_all_async_with_connection(
                connection, statement.query, **statement.parameters
            )
        return statement.decoded(rows)

    def _no_external_connections(self) -> ConnectorException:
        return ConnectorException(f"{type(self).__name__} does not support external connections.")


class TellsWhenListening:
    """A connector whose `listen_notify` takes `on_listening`, called once every channel is listened to."""

    async def listen_notify(
        self,
        on_notification: Callable[..., Any],
        channels: Iterable[str],
        *,
        on_listening: Callable[[], None] | None = None,
    ) -> None:
        raise NotImplementedError


class BaseAsyncConnector(BaseConnector):
    """A connector that works on an event loop, and from threads beside it."""

    async def open_async(self, pool: Any = None) -> None:
        raise NotImplementedError

    async def close_async(self) -> None:
        raise NotImplementedError

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        raise NotImplementedError

    async def execute_query_one_async(self, query: str, **arguments: Any) -> dict[str, Any]:
        raise NotImplementedError

    async def execute_query_all_async(self, query: str, **arguments: Any) -> Rows:
        raise NotImplementedError

    async def listen_notify(self, on_notification: Callable[..., Any], channels: Iterable[str]) -> None:
        raise NotImplementedError

    def execute_query(self, query: str, **arguments: Any) -> None:
        async_to_sync(self.execute_query_async)(query, **arguments)

    def execute_query_one(self, query: str, **arguments: Any) -> dict[str, Any]:
        return async_to_sync(self.execute_query_one_async)(query, **arguments)

    def execute_query_all(self, query: str, **arguments: Any) -> Rows:
        return async_to_sync(self.execute_query_all_async)(query, **arguments)

    def execute_query_one_with_connection(self, connection: Any, query: str, **arguments: Any) -> dict[str, Any]:
        return async_to_sync(self.execute_query_one_async_with_connection)(connection, query, **arguments)

    def execute_query_all_with_connection(self, connection: Any, query: str, **arguments: Any) -> Rows:
        return async_to_sync(self.execute_query_all_async_with_connection)(connection, query, **arguments)
