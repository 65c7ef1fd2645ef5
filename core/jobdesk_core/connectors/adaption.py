"""How values travel to psycopg and how its errors come back: shared by every connector on psycopg 3."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import psycopg.conninfo
from psycopg.types.json import Jsonb

from jobdesk_core.exceptions import ConnectorException, UniqueViolation

JsonDumps = Callable[[Any], str]
JsonLoads = Callable[[str | bytes], Any]

#: Seconds a connection attempt may take unless the caller or PGCONNECT_TIMEOUT says otherwise.
CONNECT_TIMEOUT_S = 5

#: Notice a link that silently drops packets within about eleven seconds instead of hours (measured).
KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def adapted(value: Any, dumps: JsonDumps | None) -> Any:
    """Return `value` as psycopg is to bind it: dicts as jsonb, lists and tuples item by item."""
    if isinstance(value, dict):
        return Jsonb(value, dumps=dumps or functools.partial(json.dumps, allow_nan=False))
    if isinstance(value, list | tuple):
        return type(value)(adapted(item, dumps) for item in value)
    return value


@contextlib.contextmanager
def driver_errors() -> Iterator[None]:
    """Turn psycopg's errors into ours, with the driver's error as the cause."""
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise UniqueViolation(constraint_name=error.diag.constraint_name) from error
    except psycopg.Error as error:
        raise ConnectorException() from error


def with_defaults(conninfo: str, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the connection arguments with autocommit and bounded waiting, where nothing else is said.

    Raises ConnectorException for a connection string that libpq cannot parse.
    """
    with driver_errors():
        said = set(psycopg.conninfo.conninfo_to_dict(conninfo or "")) | set(arguments or {})
    defaults: dict[str, Any] = {"autocommit": True}
    if "connect_timeout" not in said and "PGCONNECT_TIMEOUT" not in os.environ:
        defaults["connect_timeout"] = CONNECT_TIMEOUT_S
    defaults.update({name: value for name, value in KEEPALIVE.items() if name not in said})
    return defaults | dict(arguments or {})
