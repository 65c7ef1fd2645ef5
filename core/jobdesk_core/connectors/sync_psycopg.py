"""The synchronous connector over psycopg 3: to defer, to cancel, and to read a job's status."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

import psycopg
import psycopg_pool
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from jobdesk_core.connectors.adaption import JsonDumps, JsonLoads, adapted, driver_errors, with_defaults
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import AppNotOpen, SyncConnectorConfigurationError

T = TypeVar("T")
Connection = psycopg.Connection[Any]
Pool = psycopg_pool.ConnectionPool[Connection]


class SyncPsycopgConnector:
    """Synchronous connector for PostgreSQL over `psycopg_pool.ConnectionPool`.

    Takes the pool's parameters as PsycopgConnector does. Whatever needs an event loop raises
    SyncConnectorConfigurationError.
    """

    def __init__(
        self,
        *,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        **pool_arguments: Any,
    ) -> None:
        self._json_dumps = json_dumps
        self._json_loads = json_loads
        self._pool_arguments = pool_arguments
        self._pool: Pool | None = None
        self._owns_pool = True

    def get_sync_connector(self) -> SyncPsycopgConnector:
        """This connector."""
        return self

    def open(self, pool: Pool | None = None) -> None:
        """Open the pool, or use the given one, which stays open at `close`."""
        if self._pool is not None:
            return
        if pool is not None:
            self._owns_pool, self._pool = False, pool
            return
        arguments: dict[str, Any] = {
            "min_size": 1,
            "timeout": 5.0,
            "check": psycopg_pool.ConnectionPool.check_connection,
            "open": False,
        } | self._pool_arguments
        conninfo, kwargs = arguments.get("conninfo", ""), arguments.get("kwargs")
        if not callable(conninfo) and not callable(kwargs):
            arguments["kwargs"] = kwargs = with_defaults(conninfo, kwargs)
            with driver_errors():
                # Tried first, for an error with its reason instead of the pool's timeout.
                psycopg.connect(conninfo, **kwargs).close()
        own: Pool = psycopg_pool.ConnectionPool(**arguments)
        try:
            with driver_errors():
                own.open(wait=True)
        except BaseException:
            own.close(timeout=0)
            raise
        self._owns_pool, self._pool = True, own

    def close(self) -> None:
        """Close our own pool; a second call is fine."""
        pool, self._pool = self._pool, None
        if pool is not None and self._owns_pool:
            pool.close()

    def run(self, statement: Statement[T], *, connection: Connection | None = None) -> T:
        """Run one statement and return its decoded value; on `connection` in the caller's transaction."""
        with driver_errors():
            if connection is not None:
                rows = self._execute(statement, connection)
            else:
                if self._pool is None:
                    raise AppNotOpen()
                with self._pool.connection() as pooled:
                    rows = self._execute(statement, pooled)
        return statement.decode(rows)

    async def open_async(self, pool: Any = None) -> NoReturn:
        """Not possible on a synchronous connector."""
        raise SyncConnectorConfigurationError()

    async def close_async(self) -> NoReturn:
        """Not possible on a synchronous connector."""
        raise SyncConnectorConfigurationError()

    async def run_async(self, statement: Statement[T], *, connection: Any = None) -> NoReturn:
        """Not possible on a synchronous connector."""
        raise SyncConnectorConfigurationError()

    def _execute(self, statement: Statement[T], connection: Connection) -> list[dict[str, Any]]:
        parameters = {name: adapted(value, self._json_dumps) for name, value in statement.parameters.items()}
        with connection.cursor(row_factory=dict_row) as cursor:
            if self._json_loads is not None:
                set_json_loads(self._json_loads, cursor)
            cursor.execute(statement.sql, parameters or None)
            return cursor.fetchall() if cursor.description else []
