"""Why a server does not let anyone in, where the driver does not say: a certificate's fault, and the SQLSTATE.

Of a refused connection the driver tells the server's words only, which may be of any language. The server is asked once
more then, and its error read as the protocol has it. Linux alone can; elsewhere the words are all there is.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from jobdesk_core.connectors import certificates

_LIMIT_S = 3.0
#: After "failed: " a server's own words begin with their severity and two spaces; libpq's do not.
_OF_A_SERVER = re.compile(r"failed: [^:\n]{1,40}:  ")
#: What is understood without asking again: nobody is to be locked out for a password sent twice.
_ENGLISH = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|is not permitted to log in|"
    r"permission denied|too many (?:clients|connections)|remaining connection slots|"
    r"system is (?:starting up|shutting down|in recovery|not )"
)
_ERROR_RESPONSE = re.compile(rb'\tErrorResponse\t S "[^"]*"(?: V "[A-Z]+")? C "([0-9A-Z]{5})"')


class ConnectionRefused(psycopg.OperationalError):
    """The server has let nobody in, for the reason of this SQLSTATE."""

    def __init__(self, error: psycopg.Error, sqlstate: str) -> None:
        super().__init__(str(error), pgconn=error.pgconn)
        self.sqlstate = sqlstate


def is_unexplained(error: BaseException) -> bool:
    """Whether more can be found out about why a connection failed."""
    return certificates.is_refused(error) or _is_foreign(error)


def with_reason(error: psycopg.OperationalError) -> psycopg.OperationalError:
    """The error with its reason, as far as that can be found out. Takes seconds at worst."""
    if certificates.is_refused(error):
        return certificates.with_reason(error)
    sqlstate = None
    # Whatever hinders the look: what libpq has said stays.
    with contextlib.suppress(OSError, ValueError, AttributeError, psycopg.Error):
        sqlstate = _sqlstate(error.pgconn) if _is_foreign(error) else None
    return ConnectionRefused(error, sqlstate) if sqlstate is not None else error


def _is_foreign(error: BaseException) -> bool:
    if not isinstance(error, psycopg.OperationalError) or error.pgconn is None:
        return False
    return _OF_A_SERVER.search(str(error)) is not None and _ENGLISH.search(str(error)) is None


def _sqlstate(refused: Any) -> str | None:
    """The SQLSTATE by which a server refuses the connection that it has just refused; None when it does not."""
    options = {option.keyword.decode(): option.val.decode() for option in refused.info if option.val}
    # In memory alone: the protocol has the password in it.
    with os.fdopen(os.memfd_create("protocol"), "w+b") as protocol:
        connection = pq.PGconn.connect_start(make_conninfo(**options).encode())
        try:
            connection.trace(protocol.fileno())
            connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
            _connect(connection)
            connection.untrace()
        finally:
            connection.finish()
        protocol.seek(0)
        found = _ERROR_RESPONSE.findall(protocol.read())
    return found[-1].decode() if found else None


def _connect(connection: pq.abc.PGconn) -> None:
    """Go on until the connection is made or refused, or the time is over."""
    ends_at = time.monotonic() + _LIMIT_S
    state: int = pq.PollingStatus.WRITING
    while state in (pq.PollingStatus.READING, pq.PollingStatus.WRITING):
        poll = select.poll()
        poll.register(connection.socket, select.POLLIN if state == pq.PollingStatus.READING else select.POLLOUT)
        if not poll.poll(max(0.0, ends_at - time.monotonic()) * 1000):
            return
        state = connection.connect_poll()
