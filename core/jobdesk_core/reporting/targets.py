"""Where to report to: the database of an application's connector, whichever kind it is, or one that was named."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jobdesk_core.connectors import psycopg_adapters

#: Seconds that a function may take which names the database.
_ASKING_S = 5.0
_LIBPQ = frozenset(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())
#: As psycopg2 and SQLAlchemy call them.
_OTHER_NAMES = {"database": "dbname", "username": "user", "db": "dbname"}


@dataclass(frozen=True, slots=True)
class Target:
    """A database as a connector has it: both values may be functions, also asynchronous ones of the worker's loop."""

    conninfo: Any = ""
    arguments: Any = None
    loop: asyncio.AbstractEventLoop | None = None

    def parameters(self) -> dict[str, Any]:
        """What libpq connects by, asked anew: a password may be one of the hour. Raises what the functions raise."""
        conninfo, arguments = self._value(self.conninfo) or "", self._value(self.arguments) or {}
        named = {_OTHER_NAMES.get(name, name): value for name, value in dict(arguments).items() if value is not None}
        own = {name: value for name, value in named.items() if name in _LIBPQ}
        bounded = psycopg_adapters.bounded(conninfo, own)
        found = conninfo_to_dict(make_conninfo(conninfo, **bounded))
        timeout = int(float(str(found.get("connect_timeout", 0) or 0)))
        limit = timeout if 0 < timeout < psycopg_adapters.CONNECT_TIMEOUT_S else psycopg_adapters.CONNECT_TIMEOUT_S
        return {**found, "connect_timeout": limit, "application_name": "jobdesk reporting"}

    def _value(self, given: Any) -> Any:
        value = given() if callable(given) else given
        if inspect.iscoroutine(value) and self.loop is not None:
            return asyncio.run_coroutine_threadsafe(value, self.loop).result(_ASKING_S)
        return value


def target_of(connector: Any) -> Target | None:
    """The database of a connector of Procrastinate's or ours, open or not; None for one that has none.

    A running event loop is remembered, for it may be what asynchronous functions need.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    pool = _attribute(connector, "pool") or _attribute(connector, "_pool")
    if hasattr(pool, "conninfo"):
        return Target(pool.conninfo, _attribute(pool, "kwargs"), loop)
    if hasattr(pool, "_conn_kwargs"):  # aiopg
        return Target(_attribute(pool, "_dsn") or "", pool._conn_kwargs, loop)
    engine = _attribute(connector, "engine") or _attribute(connector, "_engine")
    if hasattr(engine, "url"):
        return _of_url(engine.url, loop)
    given = _attribute(connector, "_pool_args") or _attribute(connector, "_pool_arguments")
    if isinstance(given, dict):
        kwargs = given.get("kwargs")
        arguments = kwargs if callable(kwargs) else {**given, **(kwargs or {})}
        return Target(given.get("conninfo") or given.get("dsn") or "", arguments, loop)
    dsn, arguments = _attribute(connector, "_dsn"), _attribute(connector, "_arguments")
    if isinstance(dsn, str):
        return _of_url(dsn, loop) if "+" in dsn.partition("://")[0] else Target(dsn, arguments, loop)
    return None


def _of_url(url: Any, loop: asyncio.AbstractEventLoop | None) -> Target:
    """Of an address of SQLAlchemy, whose scheme names a driver."""
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    scheme, _, rest = text.partition("://")
    return Target(f"{scheme.partition('+')[0]}://{rest}", None, loop)


def _attribute(thing: Any, name: str) -> Any:
    """An attribute, and None where there is none, or none yet: an unopened connector raises its own errors."""
    try:
        return getattr(thing, name, None)
    except Exception:  # noqa: BLE001
        return None
