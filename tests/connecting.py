"""Every connector in one table, and one way to call the synchronous and the asynchronous ones alike."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import psycopg_pool
from aiopg import create_pool
from jobdesk_core import App, PsycopgConnector, SyncPsycopgConnector
from jobdesk_core.contrib.aiopg import AiopgConnector
from jobdesk_core.contrib.psycopg2 import Psycopg2Connector
from jobdesk_core.contrib.sqlalchemy import SQLAlchemyPsycopg2Connector
from psycopg.conninfo import conninfo_to_dict
from psycopg2.pool import ThreadedConnectionPool
from sqlalchemy import create_engine


def _by_conninfo(dsn: str) -> dict[str, Any]:
    return {"conninfo": dsn}


def _by_dsn(dsn: str) -> dict[str, Any]:
    return {"dsn": dsn}


def _by_connect_args(dsn: str) -> dict[str, Any]:
    return {"connect_args": conninfo_to_dict(dsn)}


@dataclass(frozen=True)
class Kind:
    """A connector and the side of it that is used: an asynchronous one also has a synchronous side."""

    connector: Callable[..., Any]
    arguments: Callable[[str], dict[str, Any]]
    is_async: bool = False

    def app(self, dsn: str, **options: Any) -> App:
        """A closed app on the database."""
        return App(connector=self.connector(**self.arguments(dsn), **options))


KINDS = {
    "psycopg": Kind(PsycopgConnector, _by_conninfo, is_async=True),
    "aiopg": Kind(AiopgConnector, _by_dsn, is_async=True),
    "sync psycopg": Kind(SyncPsycopgConnector, _by_conninfo),
    "psycopg2": Kind(Psycopg2Connector, _by_dsn),
    "sqlalchemy": Kind(SQLAlchemyPsycopg2Connector, _by_connect_args),
    "psycopg, synchronously": Kind(PsycopgConnector, _by_conninfo),
    "aiopg, synchronously": Kind(AiopgConnector, _by_dsn),
}


@contextlib.asynccontextmanager
async def opened(kind: Kind, app: App, pool: Any = None) -> AsyncIterator[App]:
    """The app, open for its side."""
    if kind.is_async:
        async with app.open_async(pool):
            yield app
    else:
        with app.open(pool):
            yield app


async def call(kind: Kind, app: App, name: str, *arguments: Any, **options: Any) -> Any:
    """Call a method of the app's job manager, or its asynchronous twin."""
    if kind.is_async:
        return await getattr(app.job_manager, f"{name}_async")(*arguments, **options)
    return getattr(app.job_manager, name)(*arguments, **options)


@contextlib.asynccontextmanager
async def pool_for(kind: Kind, dsn: str) -> AsyncIterator[tuple[Any, Callable[[], bool]]]:
    """A pool or engine that the application owns, and whether it still works."""
    if kind.connector is SQLAlchemyPsycopg2Connector:
        engine = create_engine("postgresql+psycopg2://", connect_args=conninfo_to_dict(dsn))
        yield engine, lambda: bool(engine.pool.checkedin())
        engine.dispose()
    elif kind.connector is Psycopg2Connector or (kind.connector is AiopgConnector and not kind.is_async):
        threaded = ThreadedConnectionPool(1, 3, dsn=dsn)
        yield threaded, lambda: not threaded.closed
        threaded.closeall()
    elif kind.connector is AiopgConnector:
        async with create_pool(dsn) as pool:
            yield pool, lambda: not pool.closed
    elif kind.is_async:
        async with psycopg_pool.AsyncConnectionPool(dsn, min_size=1, open=False) as own:
            yield own, lambda: not own.closed
    else:
        with psycopg_pool.ConnectionPool(dsn, min_size=1, open=False) as synchronous:
            yield synchronous, lambda: not synchronous.closed
