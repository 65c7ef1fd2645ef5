"""How connection parameters and values travel to psycopg and how its errors come back."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from array import array
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import psycopg.conninfo
from psycopg.types.json import Jsonb

from jobdesk_core import exact_json
from jobdesk_core.connector import JsonDumps
from jobdesk_core.exceptions import ConnectorException, SchemaChanged, UniqueViolation
from jobdesk_core.masking import masked

#: Seconds a connection attempt may take unless the caller or PGCONNECT_TIMEOUT says otherwise.
CONNECT_TIMEOUT_S = 5

#: Notice a link that silently drops packets within about eleven seconds instead of hours (measured).
KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

#: The connection parameters of libpq, which may be given beside those of the pool.
_LIBPQ = frozenset(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())
_UNIQUE_VIOLATION = "23505"
#: In the server's detail of a unique violation, in any language. A role that may not read the table is not told.
_TAKEN_LOCK = re.compile(r"\(queueing_lock\)=\((.*)\)", re.DOTALL)
_DATA_EXCEPTION = "22"
#: A function, a table, a column, or a type that is not there.
_UNDEFINED = ("42883", "42P01", "42703", "42704")

#: What is bound as it is.
_PLAIN = frozenset((int, str, bool, float, type(None)))


def json_text(value: Any, dumps: JsonDumps | None) -> str:
    """The value as JSON. Raises TypeError or ValueError for what JSON cannot hold."""
    return dumps(value) if dumps is not None else exact_json.dumps(value)


def adapted(value: Any, dumps: JsonDumps | None) -> Any:
    """Return `value` as psycopg is to bind it: dicts as jsonb, lists and tuples item by item, arrays as their text.

    Of thousands of ids the driver looks at each; that alone took a quarter of an act's time on our side (measured).
    """
    if isinstance(value, dict):
        return Jsonb(value, dumps=functools.partial(json_text, dumps=dumps))
    if isinstance(value, array):
        return f"{{{','.join(map(str, value))}}}"
    if isinstance(value, list | tuple):
        if _PLAIN.issuperset(map(type, value)):
            return value
        return type(value)(adapted(item, dumps) for item in value)
    return value


@contextlib.contextmanager
def driver_errors() -> Iterator[None]:
    """Turn psycopg's errors into ours, with the driver's error as the cause."""
    try:
        yield
    except psycopg.Error as error:
        raise translated(error) from error


def translated(error: Any) -> ConnectorException:
    """Our exception for an error of psycopg or psycopg2; the caller makes that error its cause."""
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if state == _UNIQUE_VIOLATION:
        taken = _TAKEN_LOCK.search(error.diag.message_detail or "")
        return UniqueViolation(
            constraint_name=error.diag.constraint_name, queueing_lock=taken.group(1) if taken is not None else None
        )
    reason = str(error).strip().partition("\n")[0]
    if str(state).startswith(_DATA_EXCEPTION) and error.diag.message_detail:
        # Of other errors the detail may show whole rows, arguments and all.
        reason = f"{reason}: {error.diag.message_detail}"
    kind = SchemaChanged if state in _UNDEFINED else ConnectorException
    return kind(f"Database error: {masked(reason)}" if reason else None)


def pool_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pool's arguments; connection parameters given by themselves (`host=`) go into `kwargs`."""
    parameters = {name: value for name, value in given.items() if name in _LIBPQ}
    arguments = {name: value for name, value in given.items() if name not in _LIBPQ}
    if parameters:
        kwargs = arguments.get("kwargs") or {}
        if callable(kwargs):
            raise TypeError(f"Where kwargs is a function, it returns {', '.join(parameters)} too.")
        arguments["kwargs"] = {**kwargs, **parameters}
    return arguments


def with_defaults(conninfo: str, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the connection arguments with autocommit and bounded waiting, where nothing else is said.

    Nothing is prepared on the server before a connection is known to be direct (see `settings`).

    Raises ConnectorException for a connection string that libpq cannot parse.
    """
    return {"autocommit": True, "prepare_threshold": None, **bounded(conninfo, arguments)}


def bounded(conninfo: str, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the connection arguments with a connect timeout and keepalives, where nothing else is said.

    Whatever the environment or the connection string says, the text that comes and goes is UTF-8.

    Raises ConnectorException for a connection string that libpq cannot parse.
    """
    with driver_errors():
        said = set(psycopg.conninfo.conninfo_to_dict(conninfo or "")) | set(arguments or {})
    defaults: dict[str, Any] = {}
    if "connect_timeout" not in said and "PGCONNECT_TIMEOUT" not in os.environ:
        defaults["connect_timeout"] = CONNECT_TIMEOUT_S
    defaults.update({name: value for name, value in KEEPALIVE.items() if name not in said})
    return defaults | {"client_encoding": "UTF8"} | dict(arguments or {})


def bounded_pool(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pool's arguments with the defaults for its connections, unless a function names those."""
    conninfo, kwargs = arguments.get("conninfo", ""), arguments.get("kwargs")
    if callable(conninfo) or callable(kwargs):
        return dict(arguments)
    return {**arguments, "kwargs": with_defaults(conninfo, kwargs)}


def keeps_connections(factory: Any, null_pool: type) -> bool:
    """Whether a pool's factory keeps connections, so that one may wait there; unsure of a mere function."""
    return isinstance(factory, type) and not issubclass(factory, null_pool)
