"""The asynchronous connector over psycopg 3 and its pool."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

import psycopg
import psycopg_pool
from asgiref.sync import async_to_sync
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from jobdesk_core.connectors.adaption import JsonDumps, JsonLoads, adapted, driver_errors, with_defaults
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.exceptions import AppNotOpen, ConnectorException

T = TypeVar("T")
Connection = psycopg.AsyncConnection[Any]
Pool = psycopg_pool.AsyncConnectionPool[Connection]

#: Seconds between two checks of a listening connection, and how long its answer may take.
LISTEN_CHECK_INTERVAL_S = 10.0
LISTEN_CHECK_TIMEOUT_S = 3.0


class PsycopgConnector:
    """Asynchronous connector for PostgreSQL over `psycopg_pool.AsyncConnectionPool`.

    Connects as libpq's environment says, by `conninfo=` (a DSN), or by `kwargs=` (arguments). Every
    further keyword goes to the pool. Connections are in autocommit mode unless `kwargs` says otherwise.
    """

    def __init__(
        self,
        *,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        pool_factory: Callable[..., Any] = psycopg_pool.AsyncConnectionPool,
        **pool_arguments: Any,
    ) -> None:
        self._json_dumps = json_dumps
        self._json_loads = json_loads
        self._pool_factory = pool_factory
        self._pool_arguments = pool_arguments
        self._pool: Pool | None = None
        self._owns_pool = True
        self._sync: SyncPsycopgConnector | None = None

    @property
    def pool(self) -> Pool:
        """The open pool. Raises AppNotOpen before `open_async` and after `close_async`."""
        if self._pool is None:
            raise AppNotOpen()
        return self._pool

    async def open_async(self, pool: Pool | None = None) -> None:
        """Open the pool, or use the given one, which stays open at `close_async`.

        One connection is tried first, so that an unreachable server or a wrong password is a
        ConnectorException with its reason within the connect timeout.
        """
        if self._pool is not None:
            return
        if self._sync is not None:
            self._sync.close()
        if pool is not None:
            self._owns_pool, self._pool = False, pool
            return
        own = self._create_pool()
        try:
            async with self._connection_like(own):
                pass
            with driver_errors():
                await own.open(wait=True)
        except BaseException:
            await own.close(timeout=0)
            raise
        self._owns_pool, self._pool = True, own

    async def close_async(self, *, timeout: float = 2.0) -> None:
        """Close our own pool, waiting at most `timeout` seconds for its threads; a second call is fine."""
        pool, self._pool = self._pool, None
        if pool is not None and self._owns_pool:
            await pool.close(timeout=timeout)

    async def run_async(self, statement: Statement[T], *, connection: Connection | None = None) -> T:
        """Run one statement and return its decoded value.

        On `connection` it is part of the caller's transaction. A cancelled call cancels the statement
        on the server too. Raises ConnectorException, or what the statement's decoding raises.
        """
        with driver_errors():
            if connection is not None:
                rows = await self._execute(statement, connection)
            else:
                async with self.pool.connection() as pooled:
                    rows = await self._execute(statement, pooled)
        return statement.decode(rows)

    def get_sync_connector(self) -> SyncPsycopgConnector | PsycopgConnector:
        """Before `open_async` a SyncPsycopgConnector with the same parameters; after it this connector.

        An open asynchronous connector works synchronously only in another thread than its loop's, such
        as in a function run by `asgiref.sync.sync_to_async`; elsewhere `run` raises RuntimeError.
        """
        if self._pool is not None:
            return self
        if self._sync is None:
            arguments = {**self._pool_arguments}
            self._sync = SyncPsycopgConnector(json_dumps=self._json_dumps, json_loads=self._json_loads, **arguments)
        return self._sync

    def run(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Run one statement from a thread beside the loop's."""
        if isinstance(connection, psycopg.Connection):
            return SyncPsycopgConnector(json_dumps=self._json_dumps, json_loads=self._json_loads).run(
                statement, connection=connection
            )
        try:
            return async_to_sync(self.run_async)(statement, connection=connection)
        except RuntimeError as error:
            if "same thread" not in str(error):
                raise
            raise RuntimeError(
                "The app is open asynchronously and this is its event loop's thread: call the "
                "asynchronous method (such as defer_async), or wrap the synchronous code in "
                "asgiref.sync.sync_to_async."
            ) from error

    @contextlib.asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        """Lend a pooled connection inside one transaction: committed at the end, or rolled back.

        With `snapshot` it is read-only, and every statement in it sees the same moment.
        """
        with driver_errors():
            async with self.pool.connection() as connection, connection.transaction():
                if snapshot:
                    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield connection

    async def check_async(self) -> None:
        """Replace every idle connection that has died, so that the next checkout does not fail."""
        with driver_errors():
            await self.pool.check()

    async def listen_notify(
        self,
        on_notification: Callable[[str, str], None],
        channels: Iterable[str],
        *,
        on_listening: Callable[[], None] | None = None,
    ) -> None:
        """LISTEN on a connection of its own until cancelled, calling back with channel and payload.

        `on_listening` is called once every channel is listened to. Raises ConnectorException when the
        link breaks or the server stops answering; notifications sent meanwhile are lost, so the caller
        connects again and then reads everything anew.
        """
        async with self._connection_like(self.pool) as connection:
            with driver_errors():
                for channel in channels:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            if on_listening is not None:
                on_listening()
            while True:
                with driver_errors():
                    async for notification in connection.notifies(timeout=LISTEN_CHECK_INTERVAL_S):
                        on_notification(notification.channel, notification.payload)
                await self._check_alive(connection)

    async def _check_alive(self, connection: Connection) -> None:
        """Ask the server for a sign of life: a frozen one is seen by no socket setting."""
        question = asyncio.create_task(connection.execute("SELECT 1"))
        answered, _ = await asyncio.wait({question}, timeout=LISTEN_CHECK_TIMEOUT_S)
        if not answered:
            question.cancel()
            raise ConnectorException("The server has stopped answering.")
        with driver_errors():
            question.result()

    async def _execute(self, statement: Statement[T], connection: Connection) -> list[dict[str, Any]]:
        parameters = {name: adapted(value, self._json_dumps) for name, value in statement.parameters.items()}
        async with connection.cursor(row_factory=dict_row) as cursor:
            if self._json_loads is not None:
                set_json_loads(self._json_loads, cursor)
            # Without parameters the text goes as it is, and may hold several commands.
            await cursor.execute(statement.sql, parameters or None)
            return await cursor.fetchall() if cursor.description else []

    def _create_pool(self) -> Pool:
        arguments: dict[str, Any] = {
            "min_size": 1,
            "timeout": 5.0,
            "check": psycopg_pool.AsyncConnectionPool.check_connection,
            "open": False,
        } | self._pool_arguments
        conninfo, kwargs = arguments.get("conninfo", ""), arguments.get("kwargs")
        if not callable(conninfo) and not callable(kwargs):
            arguments["kwargs"] = with_defaults(conninfo, kwargs)
        pool: Pool = self._pool_factory(**arguments)
        return pool

    @contextlib.asynccontextmanager
    async def _connection_like(self, pool: Pool) -> AsyncIterator[Connection]:
        """Open a connection with the pool's parameters that does not belong to it."""
        conninfo: Any = pool.conninfo
        kwargs: Any = pool.kwargs
        if callable(conninfo):
            conninfo = conninfo()
        if callable(kwargs):
            kwargs = kwargs()
        arguments = {**(kwargs or {}), "autocommit": True}
        with driver_errors():
            connection = await psycopg.AsyncConnection.connect(conninfo or "", **arguments)
        try:
            yield connection
        finally:
            await connection.close()
