"""What a transaction is known by for ever, and what the server says later of whether it was committed.

A mark is the transaction's id (64 bits), the server's timeline, by which a standby that was promoted, and may have
lost it, is told apart, and since when the server has not crashed: after a crash the ids that were not on its disk yet
are given out again, and another transaction may be the one that was committed (measured on 15 and 18). Which cluster
and database it belongs to is the server's identity.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking, ask_async
from jobdesk_core.exceptions import ConnectorException

Runner = Callable[[Statement[Any]], Awaitable[Any]]
Fate = Literal["committed", "aborted", "in progress", "unknown"]

_TIMELINE = (
    "CASE WHEN pg_catalog.pg_is_in_recovery() THEN '' "
    "ELSE pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8) END"
)
_DATABASE = "(SELECT oid::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
#: Every recovery from a crash forgets the statistics; in microseconds. The postmaster may well have outlived it.
_SINCE = (
    "(SELECT coalesce((extract(epoch FROM stats_reset) * 1000000)::bigint::text, '') FROM pg_catalog.pg_stat_bgwriter)"
)
#: From the most to the least that a server, or a role, may let us know.
_IDENTITIES = (
    ("(SELECT system_identifier::text FROM pg_catalog.pg_control_system())", _TIMELINE, _SINCE),
    ("''", _TIMELINE, _SINCE),
    ("''", "''", _SINCE),
    ("''", "''", "''"),
)
#: What is told as done is on the server's disk, whatever its settings are. More than that stays as it is.
_DURABLE = (
    "CASE WHEN pg_catalog.current_setting('synchronous_commit') = 'off' "
    "THEN pg_catalog.set_config('synchronous_commit', 'local', true) END"
)
#: That a transaction's id is beyond the last one that was given out.
_NEVER_HAD = "22023"


@dataclass(frozen=True, slots=True)
class Server:
    """Which cluster and database is connected to, and its timeline; parts are empty where the server does not tell.

    `since` it has not crashed, in microseconds. `name` is what is kept of it beside a mark.
    """

    system: str
    database: str
    timeline: str
    since: str
    has_xid8: bool
    is_standby: bool

    @property
    def name(self) -> str:
        """The same for two connections only when they lead to the same database of the same cluster."""
        return f"{self.system}/{self.database}"

    @property
    def mark(self) -> Statement[str]:
        """Tells the mark of the transaction that it is part of, and has its COMMIT answered only once it will last."""
        xid = "pg_catalog.pg_current_xact_id()" if self.has_xid8 else "pg_catalog.txid_current()"
        timeline = _TIMELINE if self.timeline else "''"
        return Statement(
            f"SELECT {xid}::text || ':' || {timeline} || ':' || %(since)s::text AS mark, {_DURABLE} AS durable",
            lambda rows: str(rows[0]["mark"]),
            {"since": self.since},
        )

    def keeps(self, name: str, mark: str) -> bool:
        """Whether this server's word on a transaction counts: it is the same one, with nothing lost in between."""
        return bool(self.system) and name == self.name and mark.split(":")[1:2] == [self.timeline]

    def has_crashed_since(self, mark: str) -> bool:
        """Whether the id may be another transaction's by now. So it is, too, when someone has reset the statistics."""
        return not self.since or mark.split(":")[2:] != [self.since]

    def fate(self, mark: str) -> Statement[Fate]:
        """What has become of the transaction of this server that has the id; see `fate_of`."""
        xid = mark.partition(":")[0]
        call = "pg_catalog.pg_xact_status(%(xid)s::text::pg_catalog.xid8)"
        old = "pg_catalog.txid_status(%(xid)s::text::bigint)"
        return Statement(
            f"SELECT {call if self.has_xid8 else old} AS fate",
            lambda rows: rows[0]["fate"] or "unknown",
            {"xid": xid},
        )


#: Before any server has told.
NOWHERE = Server("", "", "", "", has_xid8=False, is_standby=False)


async def fate_of(run: Runner, server: Server, mark: str) -> Fate:
    """What has become of a transaction that this server keeps. Raises ConnectorException when it does not answer."""
    try:
        fate: Fate = await run(server.fate(mark))
    except ConnectorException as error:
        if error.sqlstate is None:
            raise
        # One that it has never had on disk is over: its changes are not there, and will never be.
        return "aborted" if error.sqlstate == _NEVER_HAD else "unknown"
    return fate


async def read_server(run: Runner) -> Server:
    """As `which_server`, asked by the function that runs a statement."""
    return await ask_async(which_server(), run)


def which_server() -> Asking[Server]:
    """Which server is connected to. Raises ConnectorException when it does not answer."""
    error: ConnectorException | None = None
    for system, timeline, since in _IDENTITIES:
        statement = Statement(
            f"SELECT {system} AS system, {_DATABASE} AS database, {timeline} AS timeline, {since} AS since, "
            "pg_catalog.current_setting('server_version_num')::integer >= 130000 AS has_xid8, "
            "pg_catalog.pg_is_in_recovery() AS is_standby",
            lambda rows: Server(**rows[0]),
        )
        try:
            found: Server = yield statement
        except ConnectorException as refused:
            if refused.sqlstate is None:
                raise
            error = refused
        else:
            return found
    assert error is not None
    raise error
