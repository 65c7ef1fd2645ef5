"""The asynchronous connector over psycopg 3 and its pool."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, TypeVar

import psycopg
import psycopg_pool
from psycopg import sql
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import set_json_loads

from jobdesk_core.connector import JsonDumps, JsonLoads, tell
from jobdesk_core.connectors import limits, refusals, results, settings
from jobdesk_core.connectors.access import Access
from jobdesk_core.connectors.contract import AsyncConnector
from jobdesk_core.connectors.pooled import Pooled
from jobdesk_core.connectors.psycopg_adapters import bounded_pool, driver_errors
from jobdesk_core.connectors.settings import Route, SessionSettings
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.exceptions import ConnectorException, SyncConnectorConfigurationError

T = TypeVar("T")
logger = logging.getLogger(__name__)
Connection = psycopg.AsyncConnection[Any]
Pool = psycopg_pool.AsyncConnectionPool[Connection]

#: Seconds between two checks of a listening connection, and how long its answer may take.
LISTEN_CHECK_INTERVAL_S = 30.0
LISTEN_CHECK_TIMEOUT_S = 3.0
#: A connection that has answered within so many seconds reads a page without being asked for a sign of life.
FRESH_S = 5.0
#: Seconds that closing waits for the pool's workers.
CLOSE_TIMEOUT_S = 2.0

#: Whether the connection that is asked for is to read a page.
_is_for_page: ContextVar[bool] = ContextVar("is_for_page", default=False)

#: What only an asynchronous pool takes, and a synchronous one does well without.
_ASYNC_ONLY = ("connection_class", "check", "reset", "reconnect_failed")


class PsycopgConnector(Pooled, AsyncConnector):
    """Asynchronous connector for PostgreSQL over `psycopg_pool.AsyncConnectionPool`.

    Connects as libpq's environment says, by `conninfo=` (a DSN), or by arguments: in `kwargs=`, those of
    libpq also by themselves (`host=`). Every further keyword goes to what `pool_factory` makes, such as
    `psycopg_pool.AsyncNullConnectionPool` behind PgBouncer. Connections are in autocommit mode unless
    `kwargs` says otherwise. An external connection is a `psycopg.AsyncConnection`, for the synchronous
    methods a `psycopg.Connection`.
    """

    def __init__(
        self,
        *,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        pool_factory: Callable[..., Any] = psycopg_pool.AsyncConnectionPool,
        session: SessionSettings = settings.DEFAULT,
        access: Access | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__()
        self._take(arguments, pool_factory, session, access, (json_dumps, json_loads), limits.LimitedAsyncConnection)
        self._answered_at: weakref.WeakKeyDictionary[Connection, float] = weakref.WeakKeyDictionary()

    def writing(self) -> PsycopgConnector:
        """A closed connector that connects as this one does, and whose sessions may write as far as the role may."""
        return PsycopgConnector(
            json_dumps=self.json_dumps,
            json_loads=self.json_loads,
            pool_factory=self._pool_factory,
            session=replace(self._session, is_read_only=None),
            access=self._access,
            **self._pool_arguments,
        )

    async def run_async(self, statement: Statement[T], *, connection: Connection | None = None) -> T:
        """Run one statement and return its decoded value.

        On `connection` it is part of the caller's transaction. A cancelled call cancels the statement
        on the server too. Raises ConnectorException, or what the statement's decoding raises.
        """
        with driver_errors():
            if connection is not None:
                rows = await self._execute(statement, connection)
            else:
                rows = await self._run_pooled(statement)
        return statement.decode(rows)

    def run(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Run one statement from a thread beside the loop's, or on a synchronous external connection."""
        if isinstance(connection, psycopg.Connection):
            own = SyncPsycopgConnector(json_dumps=self.json_dumps, json_loads=self.json_loads)
            return own.run(statement, connection=connection)
        return super().run(statement, connection=connection)

    @contextlib.asynccontextmanager
    async def transaction(
        self, *, snapshot: bool = False, connection: Connection | None = None
    ) -> AsyncIterator[Connection]:
        """Lend a pooled connection, or `connection`, inside one transaction: committed at the end, or rolled back.

        With `snapshot` it is read-only, and every statement in it sees the same moment.
        """
        with driver_errors():
            pooled = self.pool.connection() if connection is None else contextlib.nullcontext(connection)
            async with pooled as lent, lent.transaction():
                if snapshot:
                    await lent.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield await self._settled(lent)

    @contextlib.asynccontextmanager
    async def own_connection(self) -> AsyncIterator[Connection]:
        """Open a connection like the pool's that does not belong to it, in autocommit mode. Raises ConnectorException.

        For what asks again and again: the pool asks every connection for a sign of life before it lends it.
        """
        async with self._connection_like(self.pool) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def lone_connection(self) -> AsyncIterator[Connection]:
        """Open one connection as the pool's would be, while this connector is closed: nothing else is opened.

        For what follows many databases with one connection each. Raises ConnectorException.
        """
        pool = self._pool_factory(**bounded_pool({"open": False, **self._pool_arguments}))
        if self._access is not None:
            self._access.open()
        try:
            async with self._connection_like(pool) as connection:
                yield connection
        finally:
            if self._access is not None:
                self._access.give_up()
                await asyncio.to_thread(self._access.close)

    async def check_async(self) -> None:
        """Replace every idle connection that has died, so that the next checkout does not fail."""
        with driver_errors():
            await self.pool.check()

    async def listen_notify(
        self,
        on_notification: Callable[..., Any],
        channels: Iterable[str],
        *,
        on_listening: Callable[[], None] | None = None,
    ) -> None:
        """LISTEN until cancelled; see AsyncConnector. Behind a pooler nothing is heard, and nothing is asked for."""
        async with self.own_connection() as connection:
            if self._routes.get(connection) is Route.POOLED:
                logger.info("Behind a pooler: nothing is listened to, changes are polled for.")
                await asyncio.Event().wait()
            with driver_errors():
                for channel in channels:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            if on_listening is not None:
                on_listening()
            while True:
                with driver_errors(), limits.listening(connection):
                    async for notification in connection.notifies(timeout=LISTEN_CHECK_INTERVAL_S):
                        await tell(on_notification, notification.channel, notification.payload)
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

    async def _run_pooled(self, statement: Statement[T]) -> list[Any]:
        token = _is_for_page.set(statement.is_page)
        pooled: Connection | None = None
        try:
            async with self.pool.connection() as pooled:
                rows = await self._execute(statement, pooled)
                self._answered_at[pooled] = time.monotonic()
                return rows
        except psycopg.OperationalError:
            if not (statement.is_page and pooled is not None and pooled.broken):
                raise
        finally:
            _is_for_page.reset(token)
        # It had died since its last answer, and what only reads may be asked again.
        async with self.pool.connection() as pooled:
            return await self._execute(statement, pooled)

    async def _check(self, connection: Connection) -> None:
        """Ask a connection for a sign of life before it is lent; for a page not when it has just given one."""
        is_fresh = time.monotonic() - self._answered_at.get(connection, 0.0) <= FRESH_S
        if not (is_fresh and _is_for_page.get()):
            with limits.patience(limits.SIGN_LIMIT_S):
                await psycopg_pool.AsyncConnectionPool.check_connection(connection)

    async def _execute(self, statement: Statement[T], connection: Connection) -> list[Any]:
        if self._is_to_be_settled(connection, statement):
            async with connection.transaction():
                return await self._execute(statement, await self._settled(connection))
        parameters, is_binary = self._sent(statement, connection)
        async with connection.cursor(
            row_factory=tuple_row if statement.is_page else dict_row, binary=is_binary
        ) as cursor:
            # Of a connection of ours it is set once, for each of its cursors.
            if self.json_loads is not None and connection not in self._routes:
                set_json_loads(self.json_loads, cursor)
            with limits.patience(limits.BARE_LIMIT_S) if statement.is_bare else contextlib.nullcontext():
                await cursor.execute(statement.sql, parameters)
            # Not `description`, which makes an object of every column.
            if cursor.pgresult is None or not cursor.pgresult.nfields:
                return []
            try:
                return await cursor.fetchall()
            except results.UNREADABLE:
                return results.unreadable_rows(cursor, as_tuples=statement.is_page)

    # The session

    async def _settled(self, connection: Connection) -> Connection:
        """Have the transaction that has just begun set what it needs, where a session keeps nothing."""
        if self._routes.get(connection) is Route.POOLED:
            await connection.execute(settings.SET_LOCAL, settings.local_parameters(self._session))
        return connection

    def _configuring(self, given: Callable[[Connection], Any] | None) -> Callable[[Connection], Any]:
        async def configure(connection: Connection) -> None:
            await self._pin(connection)
            if given is not None:
                await given(connection)

        return configure

    async def _pin(self, connection: Connection) -> None:
        """Pin a new connection's session, or learn that it is none of ours. Raises psycopg's errors."""
        if self.json_loads is not None:
            set_json_loads(self.json_loads, connection)
        info, chosen = connection.info, connection.prepare_threshold
        connection.prepare_threshold = None
        with limits.patience(limits.SIGN_LIMIT_S):
            async with connection.cursor(row_factory=tuple_row) as cursor:
                asked_at = time.monotonic()
                await cursor.execute(settings.PIN, settings.pin_parameters(self._session, info.backend_pid))
                pid, port, now, _ = (await cursor.fetchall())[0]
                self.clock.note(now, asked_at, time.monotonic())
            await connection.commit()
        self.route = self._routes[connection] = settings.route(connection.fileno(), info.backend_pid, pid, port)
        connection.prepare_threshold = settings.prepare_threshold(self.route, chosen, self._pool_arguments)
        if self.route is Route.POOLED:
            await connection.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
            await connection.set_read_only(self._session.is_read_only)
            await connection.set_deferrable(False)
            async with connection.transaction():
                await self._settled(connection)

    async def _open_pool(self) -> Pool:
        own: Pool = self._new_pool(self._check, psycopg_pool.AsyncNullConnectionPool, self._configuring)
        if self._access is not None:
            self._access.open()
        try:
            async with self._connection_like(own):
                pass
            with driver_errors():
                await own.open(wait=True, timeout=limits.OPEN_LIMIT_S)
        except BaseException:
            await self._close_pool(own, timeout_s=0)
            raise
        return own

    async def _close_pool(self, pool: Pool, *, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        if self._access is not None:
            self._access.give_up()
        try:
            await pool.close(timeout=timeout_s)
        finally:
            if self._access is not None:
                await asyncio.to_thread(self._access.close)

    def _synchronous(self) -> SyncPsycopgConnector:
        arguments = {name: value for name, value in self._pool_arguments.items() if name not in _ASYNC_ONLY}
        for name, value in arguments.items():
            if name == "configure" or inspect.iscoroutinefunction(value):
                raise SyncConnectorConfigurationError(
                    f"No synchronous connector can be made of this one: its {name}= is asynchronous. "
                    "Give the synchronous code an app of its own: app.with_connector(SyncPsycopgConnector(...))."
                )
        if self._pool_factory is psycopg_pool.AsyncNullConnectionPool:
            arguments["pool_factory"] = psycopg_pool.NullConnectionPool
        return SyncPsycopgConnector(
            json_dumps=self.json_dumps,
            json_loads=self.json_loads,
            session=self._session,
            access=self._access,
            **arguments,
        )

    @contextlib.asynccontextmanager
    async def _connection_like(self, pool: Pool) -> AsyncIterator[Connection]:
        """Open a connection with the pool's parameters that does not belong to it."""
        conninfo, kwargs = await _value(pool.conninfo), await _value(pool.kwargs)
        with driver_errors():
            try:
                connection = await pool.connection_class.connect(
                    conninfo or "", **{**(kwargs or {}), "autocommit": True}
                )
            except psycopg.OperationalError as error:
                if refusals.is_unexplained(error):
                    raise await asyncio.to_thread(refusals.with_reason, error) from None
                raise
        try:
            if self._owns_pool:
                with driver_errors():
                    await self._pin(connection)
            yield connection
        finally:
            await connection.close()


async def _value(given: Any) -> Any:
    """A pool's parameter: as it is, or what its function, which may be asynchronous, returns."""
    value = given() if callable(given) else given
    return await value if inspect.isawaitable(value) else value
