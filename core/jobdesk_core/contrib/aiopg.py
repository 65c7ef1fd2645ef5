"""The asynchronous connector over aiopg. Needs the extra `aiopg`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

import psycopg.conninfo

from jobdesk_core.connector import JsonDumps, JsonLoads, tell
from jobdesk_core.connectors.contract import AsyncConnector
from jobdesk_core.connectors.psycopg import CLOSE_TIMEOUT_S, LISTEN_CHECK_INTERVAL_S, LISTEN_CHECK_TIMEOUT_S
from jobdesk_core.connectors.psycopg_adapters import CONNECT_TIMEOUT_S, bounded
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import (
    AppNotOpen,
    ConnectorException,
    ExtraMissing,
    SyncConnectorConfigurationError,
)

try:
    import aiopg
    import psycopg2
    from psycopg2 import sql
    from psycopg2.extras import RealDictCursor

    from jobdesk_core.contrib import values
    from jobdesk_core.contrib.psycopg2 import Psycopg2Connector
except ImportError as error:
    raise ExtraMissing("aiopg", "AiopgConnector") from error

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: The parameters of an aiopg pool, by the names that they have in a synchronous one; None: it has no such.
_OF_THE_POOL = {
    "dsn": "dsn",
    "minsize": "minconn",
    "maxsize": "maxconn",
    "timeout": None,
    "pool_recycle": None,
    "echo": None,
    "enable_json": None,
    "enable_hstore": None,
    "enable_uuid": None,
    "on_connect": None,
}
#: aiopg asks the server for these types on every new connection; no statement needs them.
_TYPES: dict[str, Any] = {"enable_json": False, "enable_hstore": False, "enable_uuid": False}


class AiopgConnector(AsyncConnector):
    """Asynchronous connector for PostgreSQL over `aiopg.create_pool`.

    Connects as libpq's environment says, by `dsn=`, or by arguments (`host=`, `dbname=`); the pool's
    parameters are `minsize`, `maxsize`, `timeout`, `pool_recycle`, `on_connect` and those that aiopg has
    besides. It takes no external connections.
    """

    _first_row = staticmethod(values.first_row)

    def __init__(
        self, *, json_dumps: JsonDumps | None = None, json_loads: JsonLoads | None = None, **arguments: Any
    ) -> None:
        super().__init__()
        self.json_dumps, self.json_loads = json_dumps, json_loads
        self._json = values.JsonReading(json_loads)
        self._dsn = arguments.pop("dsn", "")
        self._arguments = arguments

    async def run_async(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Run one statement and return its decoded value. Raises ConnectorException, also for a `connection`."""
        if connection is not None:
            raise ConnectorException("AiopgConnector does not support external connections.")
        parameters = values.adapted_parameters(statement, self.json_dumps)
        async with (
            _driver_errors(),
            self._borrowed() as borrowed,
            borrowed.cursor(cursor_factory=RealDictCursor) as cursor,
        ):
            self._json.use_on(cursor.raw)
            await cursor.execute(statement.sql, parameters)
            rows = values.rows_of(cursor.raw)
        return statement.decoded(rows)

    async def listen_notify(
        self,
        on_notification: Callable[..., Any],
        channels: Iterable[str],
        *,
        on_listening: Callable[[], None] | None = None,
    ) -> None:
        """LISTEN until cancelled; see AsyncConnector. In a given pool it occupies one connection.

        Where that is the only one, nothing is listened to: nothing else could be asked for any more.
        """
        if not self._owns_pool and self.pool.maxsize == 1:
            logger.warning("The given pool has one connection: nothing is listened to, changes are polled for.")
            if on_listening is not None:
                await asyncio.Event().wait()
            return
        async with _driver_errors(), self._listening_connection() as connection:
            for channel in channels:
                command = sql.SQL("LISTEN {}").format(sql.Identifier(channel)).as_string(connection.raw)
                await _execute(connection, command)
            if on_listening is not None:
                on_listening()
            await _listen(connection, on_notification)

    # Within

    async def _open_pool(self) -> Any:
        arguments = _TYPES | bounded(self._dsn, self._arguments)
        arguments["on_connect"] = _pinning_then(self._arguments.get("on_connect"))
        async with _driver_errors(), asyncio.timeout(self._connect_timeout_s()):
            return await aiopg.create_pool(self._dsn, **arguments)

    async def _close_pool(self, pool: Any) -> None:
        pool.close()
        # A connection still in use is closed when it comes back.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await pool.wait_closed()

    def _synchronous(self) -> Psycopg2Connector:
        if self._arguments.get("on_connect") is not None:
            raise SyncConnectorConfigurationError(
                "No synchronous connector can be made of this one: its on_connect= is asynchronous. "
                "Give the synchronous code an app of its own: app.with_connector(Psycopg2Connector(...))."
            )
        arguments = {_OF_THE_POOL.get(name, name): value for name, value in self._arguments.items()}
        arguments.pop(None, None)
        if not arguments.get("maxconn", 1):
            del arguments["maxconn"]  # in aiopg 0 means any number
        return Psycopg2Connector(
            json_dumps=self.json_dumps,
            json_loads=self.json_loads,
            dsn=self._dsn,
            **{str(name): value for name, value in arguments.items()},
        )

    def _connect_timeout_s(self) -> float:
        """The driver ignores libpq's own timeout when it connects asynchronously."""
        said = psycopg.conninfo.conninfo_to_dict(self._dsn) | self._arguments
        timeout_s = said.get("connect_timeout") or os.environ.get("PGCONNECT_TIMEOUT") or CONNECT_TIMEOUT_S
        return float(timeout_s)

    @contextlib.asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Any]:
        """Lend a connection of the pool that answers; those that died there are dropped."""
        if self._pool is None:
            raise AppNotOpen()
        pool = self._pool
        connection = await self._living(pool)
        try:
            yield connection
        finally:
            await pool.release(connection)

    async def _living(self, pool: Any) -> Any:
        for tries_left in range(pool.size, -1, -1):
            async with asyncio.timeout(self._connect_timeout_s()):
                connection = await pool.acquire()
            try:
                await _execute(connection, "SELECT 1")
                return connection
            except BaseException as error:
                connection.close()
                await pool.release(connection)
                if not tries_left or not isinstance(error, psycopg2.Error):
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    @contextlib.asynccontextmanager
    async def _listening_connection(self) -> AsyncIterator[Any]:
        if self._pool is None:
            raise AppNotOpen()
        if not self._owns_pool:
            async with self._borrowed() as connection:
                try:
                    yield connection
                finally:
                    connection.close()  # or the pool would go on listening
            return
        arguments = {name: value for name, value in self._arguments.items() if name not in _OF_THE_POOL}
        async with asyncio.timeout(self._connect_timeout_s()):
            connection = await aiopg.connect(self._dsn, **_TYPES, **bounded(self._dsn, arguments))
            await _pin(connection)
        try:
            yield connection
        finally:
            connection.close()


async def _pin(connection: Any) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute(*values.pinning(connection.raw))


def _pinning_then(given: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    async def on_connect(connection: Any) -> None:
        await _pin(connection)
        if given is not None:
            await given(connection)

    return on_connect


async def _execute(connection: Any, command: str, *, timeout_s: float | None = None) -> None:
    async with connection.cursor(timeout=timeout_s) as cursor:
        await cursor.execute(command)


async def _listen(connection: Any, on_notification: Callable[..., Any]) -> None:
    """Hand on notifications for ever; when there were none for a while, ask the server for a sign of life."""
    getting = asyncio.ensure_future(connection.notifies.get())
    try:
        while True:
            done, _ = await asyncio.wait({getting}, timeout=LISTEN_CHECK_INTERVAL_S)
            if not done:
                await _execute(connection, "SELECT 1", timeout_s=LISTEN_CHECK_TIMEOUT_S)
                continue
            notification = getting.result()
            getting = asyncio.ensure_future(connection.notifies.get())
            await tell(on_notification, notification.channel, notification.payload)
    finally:
        getting.cancel()
        await asyncio.gather(getting, return_exceptions=True)


@contextlib.asynccontextmanager
async def _driver_errors() -> AsyncIterator[None]:
    """Turn the driver's errors into ours, and a timeout of its own too."""
    with values.driver_errors():
        try:
            yield
        except TimeoutError as error:
            raise ConnectorException("The server did not answer in time.") from error
        except RuntimeError as error:
            if "closing pool" not in str(error):
                raise
            raise ConnectorException(f"Database error: {error}") from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # aiopg says so when the server has cancelled the statement, and nobody cancelled us.
            raise ConnectorException("The server has cancelled the statement.") from None
