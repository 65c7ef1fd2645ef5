"""Connects once, and tells of each stage as it is passed: the name's address, TCP, TLS, signing in.

libpq itself goes through them, as for every other connection; its state says where it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import AsyncGenerator, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from psycopg import pq, waiting
from psycopg.conninfo import conninfo_to_dict, make_conninfo, timeout_from_conninfo

from jobdesk_core.connectors import certificates, refusals
from jobdesk_core.connectors.psycopg_adapters import bounded, driver_errors

Kind = Literal["settings", "name", "link", "encryption", "login"]
Attempt = dict[str, Any]

_CONNECTING = (pq.ConnStatus.STARTED,)
_ENCRYPTING = (
    *(pq.ConnStatus.STARTED, pq.ConnStatus.MADE, pq.ConnStatus.NEEDED),
    *(pq.ConnStatus.SSL_STARTUP, pq.ConnStatus.GSS_STARTUP),
)
_INTERVAL_S = 0.1
#: libpq begins what it says of a server so; what it says of parameters it does not.
_REFUSED, _AT_WORK = "connection failed: ", "connection to server"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that was passed, or with an `error` the one where it ended.

    `host` is a name, an address or a folder of sockets, `addresses` are the one that is spoken with, or all that the
    name stands for. `will_go_on` says that another server or address is tried after a failure.
    """

    kind: Kind
    milliseconds: float
    host: str
    addresses: tuple[str, ...] = ()
    port: str = ""
    #: Of the stage of encryption: what the server shows, where there is TLS.
    is_encrypted: bool = False
    sslmode: str = ""
    shown: certificates.Shown | None = None
    #: Of the stage of signing in.
    used_password: bool = False
    user: str = ""
    error: psycopg.Error | None = None
    will_go_on: bool = False

    @property
    def is_socket(self) -> bool:
        """Whether the server is reached by a socket of this machine's, without a network."""
        return self.host.startswith(("/", "@"))

    @property
    def is_local(self) -> bool:
        """Whether nothing leaves this machine."""
        with contextlib.suppress(ValueError):
            return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in self.addresses)
        return self.is_socket


@dataclass(slots=True)
class _Stopwatch:
    """When the present stage began."""

    since: float = field(default_factory=time.monotonic)

    def milliseconds(self) -> float:
        """How long it took; the next one begins."""
        now = time.monotonic()
        milliseconds, self.since = (now - self.since) * 1000, now
        return milliseconds


async def stages(conninfo: str, arguments: Mapping[str, Any]) -> AsyncGenerator[Stage, None]:
    """Yield each stage; the last is a login, or has an error that nothing follows. Nothing stays connected.

    Raises ConnectorException for a connection string that libpq cannot parse.
    """
    parameters = conninfo_to_dict(conninfo, **bounded(conninfo, arguments))
    attempts: list[Attempt] = []
    servers = list(_servers(parameters))
    for number, server in enumerate(servers):
        found: list[Attempt] = []
        async for stage in _resolved(server, found, is_last=number == len(servers) - 1 and not attempts):
            yield stage
        attempts += found
    wanted = str(parameters.get("target_session_attrs") or "")
    if wanted == "prefer-standby":
        # As the driver does, which asks one server at a time.
        attempts = [each | {"target_session_attrs": "standby"} for each in attempts] + [
            each | {"target_session_attrs": "any"} for each in attempts
        ]
    for number, attempt in enumerate(attempts):
        is_last = number == len(attempts) - 1
        async with contextlib.aclosing(_attempted(attempt, is_last=is_last)) as passing:
            async for stage in passing:
                yield stage
                if stage.kind == "login" and stage.error is None:
                    return


def _servers(parameters: Mapping[str, Any]) -> Iterator[Attempt]:
    """The parameters for each server by itself; resolved places have as many ports as hosts."""
    lists = {name: str(parameters.get(name) or "").split(",") for name in ("host", "hostaddr", "port")}
    count = max(map(len, lists.values()))
    if not {len(held) for held in lists.values()} <= {1, count}:
        yield {**dict.fromkeys(lists, ""), **parameters}  # libpq tells
        return
    for number in range(count):
        own = {name: held[number] if len(held) == count else held[0] for name, held in lists.items()}
        yield {**parameters, **own}


async def _resolved(server: Attempt, found: list[Attempt], *, is_last: bool) -> AsyncGenerator[Stage, None]:
    """Find the addresses of one server; nothing is told where there is nothing to look up."""
    host, stopwatch = str(server["host"]), _Stopwatch()
    if server["hostaddr"] or not host or "," in host or host.startswith(("/", "@")) or host[1:2] == ":":
        found.append(server)
        return
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host.partition("%")[0])
        found.append(server | {"hostaddr": host})
        return
    try:
        answer = await asyncio.get_running_loop().getaddrinfo(
            host, server["port"] or None, proto=socket.IPPROTO_TCP, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        failed = psycopg.OperationalError(f"failed to resolve host {host!r}: {error}")
        yield Stage("name", stopwatch.milliseconds(), host, error=failed, will_go_on=not is_last)
        return
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in answer))
    found += [server | {"hostaddr": address} for address in addresses]
    yield Stage("name", stopwatch.milliseconds(), host, addresses)


async def _attempted(attempt: Attempt, *, is_last: bool) -> AsyncGenerator[Stage, None]:
    stopwatch = _Stopwatch()
    connection = pq.PGconn.connect_start(make_conninfo("", **attempt).encode())
    with driver_errors():
        timeout = timeout_from_conninfo(attempt)
    host, address = str(attempt["host"]), str(attempt["hostaddr"])
    place: dict[str, Any] = {"host": host, "addresses": (address,) if address else (), "port": str(attempt["port"])}
    kind: Kind = "link"
    try:
        await _until_left(connection, _CONNECTING, timeout)
        yield Stage(kind, stopwatch.milliseconds(), **place)
        kind = "encryption"
        if not host.startswith(("/", "@")):
            await _until_left(connection, _ENCRYPTING, timeout)
            milliseconds, is_encrypted = stopwatch.milliseconds(), bool(connection.ssl_in_use)
            shown = await asyncio.to_thread(certificates.shown, connection) if is_encrypted else None
            sslmode = _parameter(connection, "sslmode")
            yield Stage(kind, milliseconds, **place, is_encrypted=is_encrypted, sslmode=sslmode, shown=shown)
            stopwatch.milliseconds()
        kind = "login"
        await _until_left(connection, (), timeout)
        user, used_password = connection.user.decode("utf-8", "replace"), bool(connection.used_password)
        yield Stage(kind, stopwatch.milliseconds(), **place, used_password=used_password, user=user)
    except psycopg.Error as error:
        milliseconds = stopwatch.milliseconds()
        if kind == "link" and str(error).startswith(_REFUSED) and _AT_WORK not in str(error):
            kind, is_last = "settings", True
        if isinstance(error, psycopg.OperationalError) and refusals.is_unexplained(error):
            error = await asyncio.to_thread(refusals.with_reason, error)
        yield Stage(kind, milliseconds, **place, error=error, will_go_on=not is_last)
    finally:
        connection.finish()


def _parameter(connection: pq.abc.PGconn, name: str) -> str:
    return next(((each.val or b"").decode() for each in connection.info if each.keyword.decode() == name), "")


async def _until_left(connection: pq.abc.PGconn, states: Collection[int], timeout: float) -> None:
    """Go on until the connection is in none of these states any more, or made. Raises psycopg's errors."""
    try:
        await waiting.wait_conn_async(_polling(connection, states), interval=_INTERVAL_S, timeout=timeout)
    except psycopg.errors._WaitTimeout:
        raise psycopg.errors.ConnectionTimeout("connection timeout expired") from None


def _polling(connection: pq.abc.PGconn, states: Collection[int]) -> Generator[tuple[int, Any], Any, Any]:
    polled: int = pq.PollingStatus.WRITING
    while polled != pq.PollingStatus.OK:
        if connection.status == pq.ConnStatus.BAD or polled == pq.PollingStatus.FAILED:
            words = f"connection failed: {connection.get_error_message('utf-8')}"
            raise psycopg.OperationalError(words, pgconn=psycopg.errors.finish_pgconn(connection))
        # Also before the first look: a socket that is still connecting looks as if it were connected.
        wait = waiting.WAIT_R if polled == pq.PollingStatus.READING else waiting.WAIT_W
        while not (yield connection.socket, wait):
            pass
        polled = connection.connect_poll()
        if states and connection.status not in (*states, pq.ConnStatus.BAD):
            break
    return connection
