"""The synchronous connector over an engine of SQLAlchemy and psycopg2. Needs the extra `sqlalchemy`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from jobdesk_core.connector import JsonDumps, JsonLoads
from jobdesk_core.connectors.contract import SyncConnector
from jobdesk_core.connectors.psycopg_adapters import bounded
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.exceptions import AppNotOpen, ConnectorException, ExtraMissing

try:
    import psycopg2
    from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

    from jobdesk_core.contrib import values
except ImportError as error:
    raise ExtraMissing("sqlalchemy", "SQLAlchemyPsycopg2Connector") from error

T = TypeVar("T")

DRIVER = "postgresql+psycopg2"
#: A percent sign that begins no placeholder: in a program's own queries it need not be doubled.
_LITERAL_PERCENT = re.compile(r"%(?![(s])")


class SQLAlchemyPsycopg2Connector(SyncConnector):
    """Synchronous connector for PostgreSQL over an engine of SQLAlchemy, an application's own or one of ours.

    `app.open(engine)` shares the application's; otherwise `dsn` and every further keyword make one, as
    `sqlalchemy.create_engine` takes them. An external connection is a `sqlalchemy.Connection`. Whatever
    needs an event loop raises SyncConnectorConfigurationError.
    """

    _first_row = staticmethod(values.first_row)

    def __init__(
        self,
        *,
        dsn: str = "postgresql://",
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        **arguments: Any,
    ) -> None:
        self._dsn = dsn
        self.json_dumps = json_dumps
        self.json_loads = json_loads
        self._json = values.JsonReading(json_loads)
        self._arguments = arguments
        self._engine: Engine | None = None
        self._owns_engine = True

    @property
    def engine(self) -> Engine:
        """The engine in use. Raises AppNotOpen before `open` and after `close`."""
        if self._engine is None:
            raise AppNotOpen()
        return self._engine

    def open(self, engine: Engine | None = None) -> None:
        """Make an engine, or use the given one, which is not disposed of at `close`.

        One connection of an own engine is tried first: an unreachable server or a wrong password is a
        ConnectorException with its reason, within the connect timeout.
        """
        if self._engine is not None:
            return
        self._owns_engine = engine is None
        self._engine = engine if engine is not None else self._made_engine()

    def close(self) -> None:
        """Dispose of our own engine; a second call is fine."""
        engine, self._engine = self._engine, None
        if engine is not None and self._owns_engine:
            engine.dispose()

    def run(self, statement: Statement[T], *, connection: Connection | None = None) -> T:
        """Run one statement and return its decoded value; on `connection` in the caller's transaction."""
        parameters = values.adapted_parameters(statement, self.json_dumps)
        with _driver_errors():
            if connection is not None:
                rows = self._execute(statement.sql, parameters, connection)
            else:
                with self.engine.connect() as own:
                    rows = self._execute(statement.sql, parameters, own.execution_options(isolation_level="AUTOCOMMIT"))
        return statement.decoded(rows)

    def _given(self, query: str, arguments: dict[str, Any], decode: Callable[[Any], T]) -> Statement[T]:
        return super()._given(_LITERAL_PERCENT.sub("%%", query), arguments, decode)

    def _execute(self, text: str, parameters: dict[str, Any] | None, connection: Connection) -> Rows:
        execute = connection.exec_driver_sql
        with self._reading_json(connection):
            # Without parameters the text goes as it is: the driver would look for placeholders in it.
            options = {"no_parameters": True} if parameters is None else {}
            result = execute(text, parameters, execution_options=options)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    @contextlib.contextmanager
    def _reading_json(self, connection: Connection) -> Iterator[None]:
        """Read JSON by our function, for the engine may have another one, and leave the engine as it is."""

        def prepare(_connection: Any, cursor: Any, *_: Any) -> None:
            self._json.use_on(cursor)

        event.listen(connection, "before_cursor_execute", prepare)
        try:
            yield
        finally:
            event.remove(connection, "before_cursor_execute", prepare)

    def _made_engine(self) -> Engine:
        with _driver_errors():
            url = make_url(self._dsn)
            if url.drivername == "postgresql":
                # Which driver that means depends on SQLAlchemy's release.
                url = url.set(drivername=DRIVER)
            engine = create_engine(url, **({"pool_pre_ping": True} | self._arguments | self._connecting(url)))
            event.listen(engine, "connect", lambda connection, _: values.pin(connection))
            try:
                engine.connect().close()
            except BaseException:
                engine.dispose()
                raise
        return engine

    def _connecting(self, url: URL) -> dict[str, Any]:
        if "creator" in self._arguments:
            return {}
        given = bounded("", self._arguments.get("connect_args"))
        return {"connect_args": {name: value for name, value in given.items() if name not in url.query}}


@contextlib.contextmanager
def _driver_errors() -> Iterator[None]:
    """Turn SQLAlchemy's and the driver's errors into ours, with the driver's error as the cause if there is one."""
    with values.driver_errors():
        try:
            yield
        except exc.DBAPIError as error:
            if isinstance(error.orig, psycopg2.Error):
                raise error.orig from None
            raise ConnectorException(f"Database error: {error}") from error
        except exc.SQLAlchemyError as error:
            raise ConnectorException(f"Database error: {error}") from error
