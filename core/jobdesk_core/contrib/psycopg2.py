"""The synchronous connector over psycopg2. Needs the extra `psycopg2`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

from jobdesk_core.connector import JsonDumps, JsonLoads
from jobdesk_core.connectors.contract import SyncConnector
from jobdesk_core.connectors.psycopg_adapters import bounded
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import AppNotOpen, ConnectorException, ExtraMissing

try:
    import psycopg2
    from psycopg2.extras import RealDictCursor
    from psycopg2.pool import ThreadedConnectionPool

    from jobdesk_core.contrib.values import (
        JsonReading,
        PinnedConnection,
        adapted_parameters,
        driver_errors,
        first_row,
        rows_of,
    )
except ImportError as error:
    raise ExtraMissing("psycopg2", "Psycopg2Connector") from error

T = TypeVar("T")

#: Seconds that a thread waits for a connection when the pool has none to spare.
CHECKOUT_TIMEOUT_S = 5.0


class Psycopg2Connector(SyncConnector):
    """Synchronous connector for PostgreSQL over `psycopg2.pool.ThreadedConnectionPool`.

    Connects as libpq's environment says, by `dsn=`, or by arguments (`host=`, `dbname=`); `minconn` and
    `maxconn` are the pool's. It takes no external connections. Whatever needs an event loop raises
    SyncConnectorConfigurationError.
    """

    _first_row = staticmethod(first_row)

    def __init__(
        self,
        *,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        minconn: int = 1,
        maxconn: int = 10,
        dsn: str = "",
        **arguments: Any,
    ) -> None:
        self.json_dumps, self.json_loads = json_dumps, json_loads
        self._json = JsonReading(json_loads)
        self._minconn, self._maxconn = minconn, maxconn
        self._dsn, self._arguments = dsn, arguments
        self._pool: Any = None
        self._owns_pool = True
        self._free = threading.BoundedSemaphore(maxconn)

    def open(self, pool: Any = None) -> None:
        """Open the pool, or use the given one, which stays open at `close`."""
        if self._pool is not None:
            return
        self._owns_pool = pool is None
        if pool is None:
            arguments = {"connection_factory": PinnedConnection} | bounded(self._dsn, self._arguments)
            with driver_errors():
                pool = ThreadedConnectionPool(self._minconn, self._maxconn, dsn=self._dsn, **arguments)
        self._pool, self._free = pool, threading.BoundedSemaphore(pool.maxconn)

    def close(self) -> None:
        """Close our own pool; a second call is fine."""
        pool, self._pool = self._pool, None
        if pool is not None and self._owns_pool:
            pool.closeall()

    @property
    def pool(self) -> Any:
        """The open pool. Raises AppNotOpen before `open` and after `close`."""
        if self._pool is None:
            raise AppNotOpen()
        return self._pool

    def run(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Run one statement and return its decoded value. Raises ConnectorException, also for a `connection`."""
        if connection is not None:
            raise ConnectorException("Psycopg2Connector does not support external connections.")
        parameters = adapted_parameters(statement, self.json_dumps)
        with driver_errors(), self._borrowed() as borrowed, borrowed.cursor(cursor_factory=RealDictCursor) as cursor:
            self._json.use_on(cursor)
            cursor.execute(statement.sql, parameters)
            rows = rows_of(cursor)
        return statement.decoded(rows)

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[Any]:
        """Lend a living connection of the pool; what was done on it is committed at the end."""
        pool, free = self.pool, self._free
        # The pool itself does not wait: it raises as soon as its last connection is in use.
        if not free.acquire(timeout=CHECKOUT_TIMEOUT_S):
            raise ConnectorException(f"No connection became free within {CHECKOUT_TIMEOUT_S:g} s.")
        try:
            connection = self._living(pool)
            try:
                yield connection
                connection.commit()  # a given pool's connections may open transactions
            finally:
                _put_back(pool, connection)
        finally:
            free.release()

    def _living(self, pool: Any) -> Any:
        """A connection that answers; those that died in the pool, for example by a restart, are dropped."""
        for tries_left in range(pool.maxconn, -1, -1):
            connection = pool.getconn()
            try:
                if self._owns_pool:
                    connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                return connection
            except psycopg2.Error:
                pool.putconn(connection, close=True)
                if not tries_left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")


def _put_back(pool: Any, connection: Any) -> None:
    if pool.closed:
        connection.close()
    else:
        pool.putconn(connection)
