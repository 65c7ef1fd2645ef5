"""How values travel to psycopg2 and how its errors come back: shared by every connector on that driver."""

from __future__ import annotations

import contextlib
import json
from array import array
from collections.abc import Iterator
from typing import Any

import psycopg2
import psycopg2.extensions
import psycopg2.extras

from jobdesk_core.connector import JsonDumps, JsonLoads
from jobdesk_core.connectors import settings
from jobdesk_core.connectors.psycopg_adapters import json_text, translated
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.exceptions import ConnectorException

_JSON_OIDS = (114, 3802)  # json and jsonb, as in pg_type


class _Jsonb(psycopg2.extras.Json):  # type: ignore[misc] # the driver has no types
    """JSON text that is a jsonb wherever it stands, also within a row of an array."""

    def dumps(self, obj: Any) -> Any:
        return obj

    def getquoted(self) -> bytes:
        return bytes(super().getquoted()) + b"::jsonb"


def adapted(value: Any, dumps: JsonDumps | None) -> Any:
    """Return `value` as psycopg2 is to bind it: dicts as jsonb, lists and tuples item by item, arrays as their text.

    Raises TypeError or ValueError for what JSON cannot hold, before anything is sent.
    """
    if isinstance(value, dict):
        return _Jsonb(json_text(value, dumps))
    if isinstance(value, array):
        return f"{{{','.join(map(str, value))}}}"
    if isinstance(value, list | tuple):
        return type(value)(adapted(item, dumps) for item in value)
    return value


def adapted_parameters(statement: Statement[Any], dumps: JsonDumps | None) -> dict[str, Any] | None:
    """A statement's parameters, or None when it has none and its text is to be sent as it is."""
    parameters = {name: adapted(value, dumps) for name, value in statement.parameters.items()}
    return parameters if statement.is_given else parameters or None


def first_row(rows: Rows) -> Any:
    """The first row, or None when there is none."""
    return rows[0] if rows else None


class JsonReading:
    """Reads JSON by one function, on the cursors that are told so and on no others."""

    def __init__(self, loads: JsonLoads | None) -> None:
        read = loads or json.loads
        self._type = psycopg2.extensions.new_type(
            _JSON_OIDS, "JOBDESK_JSON", lambda text, _: None if text is None else read(text)
        )

    def use_on(self, cursor: Any) -> None:
        """Let a cursor of psycopg2 read JSON so, whatever its connection says."""
        psycopg2.extensions.register_type(self._type, cursor)


class PinnedConnection(psycopg2.extensions.connection):  # type: ignore[misc] # the driver has no types
    """A connection whose session is pinned when it begins, where it is ours alone (see `settings`)."""

    def __init__(self, dsn: str, async_: int = 0) -> None:
        super().__init__(dsn, async_)
        if not async_:
            pin(self)


def pin(connection: Any) -> None:
    """Pin the session of a new connection: a synchronous one, in whatever mode it is."""
    with connection.cursor() as cursor:
        cursor.execute(*pinning(connection))
    connection.commit()


def pinning(connection: Any) -> tuple[str, dict[str, Any]]:
    """The command that pins a session, and its parameters. Behind a pooler it does nothing."""
    return settings.PIN, settings.pin_parameters(settings.DEFAULT, connection.get_backend_pid())


def rows_of(cursor: Any) -> Rows:
    """What a RealDictCursor has found, or nothing when its command has no rows."""
    return [dict(row) for row in cursor.fetchall()] if cursor.description else []


@contextlib.contextmanager
def driver_errors() -> Iterator[None]:
    """Turn psycopg2's errors into ours, with the driver's error as the cause."""
    try:
        yield
    except psycopg2.Error as error:
        raise translated(error) from error
    except ValueError as error:
        if "NUL" not in str(error):
            raise
        raise ConnectorException(f"Database error: {error}") from error
