"""The synchronous connector over psycopg 3: for programs without an event loop, and for the command line."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import psycopg
import psycopg_pool
from psycopg import sql
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import set_json_loads

from jobdesk_core.connector import JsonDumps, JsonLoads
from jobdesk_core.connectors import limits, refusals, results, settings
from jobdesk_core.connectors.access import Access
from jobdesk_core.connectors.contract import SyncConnector
from jobdesk_core.connectors.pooled import Pooled
from jobdesk_core.connectors.psycopg_adapters import driver_errors
from jobdesk_core.connectors.settings import Route, SessionSettings
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import AppNotOpen, CannotListen

T = TypeVar("T")
Connection = psycopg.Connection[Any]
Pool = psycopg_pool.ConnectionPool[Connection]


class SyncPsycopgConnector(Pooled, SyncConnector):
    """Synchronous connector for PostgreSQL over `psycopg_pool.ConnectionPool`.

    Takes the pool's and the connection's parameters as PsycopgConnector does; an external connection is
    a `psycopg.Connection`. Whatever needs an event loop raises SyncConnectorConfigurationError.
    """

    def __init__(
        self,
        *,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        pool_factory: Callable[..., Any] = psycopg_pool.ConnectionPool,
        session: SessionSettings = settings.DEFAULT,
        access: Access | None = None,
        **arguments: Any,
    ) -> None:
        self._take(arguments, pool_factory, session, access, (json_dumps, json_loads), limits.LimitedConnection)
        self._pool: Pool | None = None
        self._owns_pool = True

    def open(self, pool: Pool | None = None) -> None:
        """Open the pool, or use the given one, which stays open at `close`.

        One connection is tried first, so that an unreachable server or a wrong password is a
        ConnectorException with its reason within the connect timeout.
        """
        if self._pool is not None:
            return
        self._owns_pool = pool is None
        self._pool = pool if pool is not None else self._open_pool()

    def close(self) -> None:
        """Close our own pool; a second call is fine."""
        pool, self._pool = self._pool, None
        if pool is not None and self._owns_pool:
            # Its threads may be about to connect to a server that does not answer.
            self._close_pool(pool, limits.CLOSE_LIMIT_S)

    @property
    def pool(self) -> Pool:
        """The open pool. Raises AppNotOpen before `open` and after `close`."""
        if self._pool is None:
            raise AppNotOpen()
        return self._pool

    def run(self, statement: Statement[T], *, connection: Connection | None = None) -> T:
        """Run one statement and return its decoded value; on `connection` in the caller's transaction."""
        with driver_errors():
            if connection is not None:
                rows = self._execute(statement, connection)
            else:
                with self.pool.connection() as pooled:
                    rows = self._execute(statement, pooled)
        return statement.decode(rows)

    @contextlib.contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Connection]:
        """Lend a pooled connection inside one transaction: committed at the end, or rolled back.

        With `snapshot` it is read-only, and every statement in it sees the same moment.
        """
        if self._pool is None:
            raise AppNotOpen()
        with driver_errors(), self._pool.connection() as connection, connection.transaction():
            if snapshot:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield self._settled(connection)

    @contextlib.contextmanager
    def listening(self, channels: Iterable[str]) -> Iterator[Callable[[float], bool]]:
        """LISTEN on a connection of its own.

        Yields what waits for a notification, so many seconds at most, and returns whether one has come.
        Raises ConnectorException, there too; CannotListen behind a pooler.
        """
        with driver_errors(), self._connection_like(self.pool) as connection:
            if self._routes.get(connection) is Route.POOLED:
                raise CannotListen()
            connection.autocommit = True
            for channel in channels:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))

            def heard(seconds: float) -> bool:
                with driver_errors(), limits.listening(connection):
                    return any(True for _ in connection.notifies(timeout=seconds, stop_after=1))

            yield heard

    def _open_pool(self) -> Pool:
        own: Pool = self._new_pool(_check, psycopg_pool.NullConnectionPool, self._configuring)
        if self._access is not None:
            self._access.open()
        try:
            with driver_errors():
                self._connection_like(own).close()
                own.open(wait=True, timeout=limits.OPEN_LIMIT_S)
        except BaseException:
            self._close_pool(own, 0)
            raise
        return own

    def _close_pool(self, pool: Pool, timeout_s: float) -> None:
        if self._access is not None:
            self._access.give_up()
        try:
            pool.close(timeout=timeout_s)
        finally:
            if self._access is not None:
                self._access.close()

    def _execute(self, statement: Statement[T], connection: Connection) -> list[Any]:
        if self._is_to_be_settled(connection, statement):
            with connection.transaction():
                return self._execute(statement, self._settled(connection))
        parameters, is_binary = self._sent(statement, connection)
        with connection.cursor(row_factory=tuple_row if statement.is_page else dict_row, binary=is_binary) as cursor:
            if self.json_loads is not None:
                set_json_loads(self.json_loads, cursor)
            with limits.patience(limits.BARE_LIMIT_S) if statement.is_bare else contextlib.nullcontext():
                cursor.execute(statement.sql, parameters)
            if not cursor.description:
                return []
            try:
                return cursor.fetchall()
            except results.UNREADABLE:
                return results.unreadable_rows(cursor, as_tuples=statement.is_page)

    # The session

    def _settled(self, connection: Connection) -> Connection:
        """Have the transaction that has just begun set what it needs, where a session keeps nothing."""
        if self._routes.get(connection) is Route.POOLED:
            connection.execute(settings.SET_LOCAL, settings.local_parameters(self._session))
        return connection

    def _configuring(self, given: Callable[[Connection], None] | None) -> Callable[[Connection], None]:
        def configure(connection: Connection) -> None:
            self._pin(connection)
            if given is not None:
                given(connection)

        return configure

    def _pin(self, connection: Connection) -> None:
        """Pin a new connection's session, or learn that it is none of ours. Raises psycopg's errors."""
        info, chosen = connection.info, connection.prepare_threshold
        connection.prepare_threshold = None
        with limits.patience(limits.SIGN_LIMIT_S):
            with connection.cursor(row_factory=tuple_row) as cursor:
                asked_at = time.monotonic()
                cursor.execute(settings.PIN, settings.pin_parameters(self._session, info.backend_pid))
                pid, port, now, _ = cursor.fetchall()[0]
                self.clock.note(now, asked_at, time.monotonic())
            connection.commit()
        self.route = self._routes[connection] = settings.route(connection.fileno(), info.backend_pid, pid, port)
        connection.prepare_threshold = settings.prepare_threshold(self.route, chosen, self._pool_arguments)
        if self.route is Route.POOLED:
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            connection.read_only, connection.deferrable = self._session.is_read_only, False
            with connection.transaction():
                self._settled(connection)

    def _connection_like(self, pool: Pool) -> Connection:
        conninfo: Any = pool.conninfo() if callable(pool.conninfo) else pool.conninfo
        kwargs: Any = pool.kwargs() if callable(pool.kwargs) else pool.kwargs
        try:
            connection = pool.connection_class.connect(conninfo or "", **(kwargs or {}))
        except psycopg.OperationalError as error:
            raise refusals.with_reason(error) from None
        try:
            if self._owns_pool:
                self._pin(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _check(connection: Connection) -> None:
    """Ask a connection for a sign of life before it is lent."""
    with limits.patience(limits.SIGN_LIMIT_S):
        psycopg_pool.ConnectionPool.check_connection(connection)
