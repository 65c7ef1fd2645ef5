"""The two engines under test, ours and the released library, driven by the names that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import procrastinate
import psycopg
from jobdesk_core import App, PsycopgConnector, SyncPsycopgConnector
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer
from procrastinate.schema import SchemaManager
from psycopg import sql


@dataclass(frozen=True, slots=True)
class Engine:
    """One implementation: its app and its connectors, all with default options."""

    name: str
    app: Callable[..., App]
    connector: Callable[..., Any]
    sync_connector: Callable[..., Any]

    def asynchronous(self, dsn: str) -> App:
        """A closed app on psycopg's asynchronous connector."""
        return self.app(connector=self.connector(conninfo=dsn))

    def synchronous(self, dsn: str) -> App:
        """A closed app on psycopg's synchronous connector."""
        return self.app(connector=self.sync_connector(conninfo=dsn))


OURS = Engine("jobdesk_core", App, PsycopgConnector, SyncPsycopgConnector)
THEIRS = Engine(
    "procrastinate",
    # It has every name of ours that is used here.
    cast("Callable[..., App]", procrastinate.App),
    procrastinate.PsycopgConnector,
    procrastinate.SyncPsycopgConnector,
)

SCHEMAS: dict[str, Callable[[], str]] = {"procrastinate": SchemaManager.get_schema, "jobdesk": schema_sql}


def create_database(server: EmbeddedServer, schema: str) -> str:
    """A database with one of SCHEMAS for both engines; returns its connection string."""
    name = f"bench_{schema}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    dsn = server.dsn_of(name)
    run(dsn, SCHEMAS[schema]())
    return dsn


def clear(dsn: str) -> None:
    """An empty queue, and nothing left for the server to write that an earlier measure caused."""
    run(
        dsn,
        "TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers",
        "CHECKPOINT",
    )


def run(dsn: str, *commands: str) -> None:
    """Run commands, each in a transaction of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for command in commands:
            connection.execute(command.encode())
