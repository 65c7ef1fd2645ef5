"""What a session inherits (from the server, the database, the role, PG* variables, a DSN) never changes what is read
or done: the settings that we need, and how a connection gets them.

A connection that is ours alone is pinned once, in one round trip. Behind a pooler in transaction mode a session is
another one at every transaction: there each transaction sets what it needs, nothing is prepared on the server, and
nothing is listened to.
"""

from __future__ import annotations

import enum
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What decides how values are written and understood, what rows are seen, and what a transaction is.
MEANING: Mapping[str, str] = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "escape_string_warning": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "xmloption": "content",
    "xmlbinary": "base64",
    "row_security": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
}
#: Plans that one may have switched off.
_PLANS = (
    "enable_bitmapscan",
    "enable_hashagg",
    "enable_hashjoin",
    "enable_indexonlyscan",
    "enable_indexscan",
    "enable_material",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_seqscan",
    "enable_sort",
    "enable_tidscan",
)
#: Limits and plans of the server's that would break off or slow down what the desk limits by itself.
LIMITS: Mapping[str, str] = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "gin_fuzzy_search_limit": "0",
    "jit": "off",
    "plan_cache_mode": "auto",
    "geqo": "on",
    "from_collapse_limit": "8",
    "join_collapse_limit": "8",
    **dict.fromkeys(_PLANS, "on"),
}
#: psycopg's own default, for connections that are known to be direct.
PREPARE_THRESHOLD = 5


class Route(enum.Enum):
    """What stands between us and the server, as far as a connection can tell."""

    #: The server sees our own socket, or answers on a unix socket as itself.
    DIRECT = "direct"
    #: The session is ours, the address is not: a tunnel, NAT, or a proxy. Nothing is prepared on the server.
    RELAYED = "relayed"
    #: Who answers is not whom we signed in to: a pooler.
    POOLED = "pooled"


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """The settings of every session of a connector, by their names in PostgreSQL.

    `is_read_only` has the server refuse every change; None leaves that to what the session inherits. `ends_waits` is
    for connections that are given up when the server does not answer: see `limits`.
    """

    values: Mapping[str, str] = field(default_factory=lambda: MEANING)
    is_read_only: bool | None = None
    ends_waits: bool = False

    @property
    def role(self) -> str:
        """The role that each transaction takes on, empty for none."""
        return self.values.get("role", "")

    @property
    def all(self) -> dict[str, str]:
        """Every setting that is pinned."""
        read_only = {} if self.is_read_only is None else {"default_transaction_read_only": _word(self.is_read_only)}
        return {**self.values, **read_only}

    @property
    def of_a_transaction(self) -> dict[str, str]:
        """What a transaction behind a pooler sets for itself: its kind stands in BEGIN, the encoding in the login."""
        apart = ("client_encoding", "default_transaction")
        return {name: value for name, value in self.values.items() if not name.startswith(apart)}


#: The settings of a connector that nobody has told otherwise: the server's own limits stay as they are.
DEFAULT = SessionSettings()


def desk_settings(*, is_read_only: bool, schema: str = "", role: str = "") -> SessionSettings:
    """The settings of the desk's own sessions, whose limits are the desk's.

    With a `schema` every name is looked for there alone (and among PostgreSQL's own); otherwise where the session's
    search_path leads. With a `role` every transaction is that role's, as by SET ROLE.

    A role, a database or an operator that asks for read-only transactions is never overruled: that is a safeguard of
    somebody's, and a refused act says so.
    """
    quoted = '"' + schema.replace('"', '""') + '"'
    # The role comes last: the others are set by whoever has signed in.
    pinned = {**MEANING, **LIMITS, **({"search_path": quoted} if schema else {}), **({"role": role} if role else {})}
    return SessionSettings(pinned, is_read_only or None, ends_waits=True)


def _word(value: bool) -> str:
    return "on" if value else "off"


# Not through "SET": one command for settings of any number, and none fails that an older server does not have.
_SET = (
    "SELECT pg_catalog.count(pg_catalog.set_config(name, value, {is_local})) "
    "FROM ROWS FROM (pg_catalog.unnest(%(names)s::text[]), pg_catalog.unnest(%(values)s::text[])) "
    "AS setting (name, value) "
    "WHERE pg_catalog.current_setting(name, true) OPERATOR(pg_catalog.<>) value"
)
#: Asks who answers, and pins the session only where it is ours. The pid is the one that the login was told.
PIN = (
    "SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.inet_client_port() AS port, "
    "pg_catalog.clock_timestamp() AS now, "
    "CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %(pid)s::integer "
    f"THEN ({_SET.format(is_local='false')}) END AS pinned"
)
#: Sets what one transaction needs.
SET_LOCAL = _SET.format(is_local="true")


def prepare_threshold(found: Route, chosen: int | None, pool_arguments: Mapping[str, Any]) -> int | None:
    """After how many runs a statement is prepared on the server: as the user says, otherwise never if not direct."""
    kwargs = pool_arguments.get("kwargs")
    if isinstance(kwargs, Mapping) and "prepare_threshold" in kwargs:
        return chosen
    return PREPARE_THRESHOLD if found is Route.DIRECT else None


def pin_parameters(settings: SessionSettings, pid: int) -> dict[str, Any]:
    """The parameters of PIN."""
    return {"pid": pid, **_lists(settings.all)}


def local_parameters(settings: SessionSettings) -> dict[str, Any]:
    """The parameters of SET_LOCAL."""
    return _lists(settings.of_a_transaction)


def _lists(values: Mapping[str, str]) -> dict[str, list[str]]:
    return {"names": list(values), "values": list(values.values())}


def route(socket_number: int, own_pid: int, answered_pid: int, answered_port: int | None) -> Route:
    """What stands between, from whom the login was told of and who has answered."""
    if answered_pid != own_pid:
        return Route.POOLED
    return Route.DIRECT if _own_port(socket_number) == answered_port else Route.RELAYED


def _own_port(socket_number: int) -> int | None:
    """The port of our end of a connection; None of a unix socket, and -1 where it cannot be told."""
    try:
        # A duplicate: closing it leaves the connection's own open.
        with socket.fromfd(socket_number, socket.AF_INET, socket.SOCK_STREAM) as end:
            name = end.getsockname()
    except OSError:
        return -1
    return name[1] if isinstance(name, tuple) else None
