"""What both connectors over psycopg 3 keep of their pool and its sessions, and what goes to the server by that."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import psycopg

from jobdesk_core.clock import ServerClock
from jobdesk_core.connector import JsonDumps, JsonLoads
from jobdesk_core.connectors.access import Access
from jobdesk_core.connectors.psycopg_adapters import adapted, bounded_pool, keeps_connections, pool_arguments
from jobdesk_core.connectors.settings import Route, SessionSettings
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import ConnectorException

AnyConnection = psycopg.BaseConnection[Any]


class Pooled:
    """How a connector connects, and the way each of its connections took to the server."""

    def _take(
        self,
        arguments: dict[str, Any],
        pool_factory: Callable[..., Any],
        session: SessionSettings,
        access: Access | None,
        json: tuple[JsonDumps | None, JsonLoads | None],
        limited: type[AnyConnection],
    ) -> None:
        """Take what a connector was made with; `limited` are connections whose waits end."""
        self.json_dumps, self.json_loads = json
        self._pool_factory = pool_factory
        self._pool_arguments = pool_arguments(arguments)
        if session.ends_waits:
            self._pool_arguments.setdefault("connection_class", limited)
            if access is not None:
                self._pool_arguments["kwargs"] = {**self._pool_arguments.get("kwargs", {}), "access": access}
        self._session, self._access = session, access
        self._routes: weakref.WeakKeyDictionary[AnyConnection, Route] = weakref.WeakKeyDictionary()
        #: What stands between us and the server, as our newest connection has found; None before.
        self.route: Route | None = None
        self.clock = ServerClock()

    def _new_pool(self, check: Callable[..., Any], null_pool: type, configuring: Callable[[Any], Any]) -> Any:
        """A pool that is not open yet; `null_pool` keeps no connections, `configuring` makes what pins a new one."""
        arguments: dict[str, Any] = {"timeout": 5.0, "check": check, "open": False} | self._pool_arguments
        if keeps_connections(self._pool_factory, null_pool):
            arguments.setdefault("min_size", 1)
        arguments["configure"] = configuring(arguments.get("configure"))
        return self._pool_factory(**bounded_pool(arguments))

    def _sent(self, statement: Statement[Any], connection: AnyConnection) -> tuple[Any, bool]:
        """A statement's parameters as the driver takes them, and whether its rows come in binary.

        Raises ConnectorException for what a session behind a pooler cannot do.
        """
        if statement.is_bare and self._session.role and self._routes.get(connection) is Route.POOLED:
            raise ConnectorException(
                "Behind a pooler this cannot be done as another role: connect to the server itself."
            )
        parameters = {name: adapted(value, self.json_dumps) for name, value in statement.parameters.items()}
        # In binary, what comes depends on no setting; several commands at once cannot ask for that.
        is_binary = statement.is_page or (bool(parameters) and not statement.is_given)
        # Without parameters the text goes as it is, and may hold several commands.
        return parameters if statement.is_given else parameters or None, is_binary

    def _is_to_be_settled(self, connection: AnyConnection, statement: Statement[Any]) -> bool:
        """Whether a statement would be alone in a session of which nobody knows what it has been told before."""
        return (
            self.route is Route.POOLED
            and self._routes.get(connection) is Route.POOLED
            and not statement.is_bare
            and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        )
