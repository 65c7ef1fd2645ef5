"""Which kind of pooler stands before a server: it does not say so itself, but whom it gives a server to shows it."""

from __future__ import annotations

import contextlib
from typing import Literal

from jobdesk_core.connectors import limits
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import ConnectorException

Mode = Literal["transaction", "session"]

_WHO: Statement[int] = Statement("SELECT pg_catalog.pg_backend_pid() AS pid", lambda rows: int(rows[0]["pid"]))
_ROUNDS = 5
#: Seconds for each question: a pooler that has no server to spare lets wait.
_LIMIT_S = 2.0


async def pool_mode(connector: PsycopgConnector) -> Mode | None:
    """How long a pooler lends a server: for a transaction or for a session; None when that cannot be found out.

    Of two connections one asks, and the other begins a transaction: in transaction mode it is given the server that
    has just become free. One that gets no other server from then on has it for its session.
    """
    with contextlib.suppress(ConnectorException), limits.patience(_LIMIT_S):
        async with connector.own_connection() as asking, connector.own_connection() as holding:
            for _ in range(_ROUNDS):
                before = await connector.run_async(_WHO, connection=asking)
                async with connector.transaction(connection=holding):
                    held = await connector.run_async(_WHO, connection=holding)
                    if held == before or await connector.run_async(_WHO, connection=asking) != before:
                        return "transaction"
            return "session"
    return None
