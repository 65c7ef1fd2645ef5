"""Connections on which every wait for the server ends: with its answer, at a limit of ours, or when told to stop.

No timeout of the server's is believed, nor its sign of life. A connection that was given up is closed, so that
nothing waits on it a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Generator, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg

from jobdesk_core import processes
from jobdesk_core.connectors.access import Access
from jobdesk_core.connectors.hosts import several

T = TypeVar("T")

#: Seconds that an answer may take, unless `patience` says otherwise.
ANSWER_LIMIT_S = 15.0
#: The same for a sign of life, before a connection is lent or while one is opened.
SIGN_LIMIT_S = 5.0
#: Seconds for the first connections of a pool, once one has been made.
OPEN_LIMIT_S = 12.0
#: Seconds that closing a synchronous pool waits for its threads.
CLOSE_LIMIT_S = 0.5
#: What no transaction may hold (CREATE INDEX CONCURRENTLY) may take so long.
BARE_LIMIT_S = 3600.0
#: Seconds that the server has to take note of a cancellation.
CANCEL_LIMIT_S = 1.0
#: What an answer may add to this program's memory, in bytes, before it is given up.
MOST_BYTES = 192 * 1024 * 1024
#: What a cancellation carries whose statement the server did not even stop.
GIVEN_UP = "the server did not answer"
#: Seconds between two looks at a connection that listens: what arrives is heard at once all the same.
LISTENING_LOOK_S = 30.0
#: After so many pieces of an answer its size is looked at, and counted from: a short one costs nothing.
_PIECES, _FEW_PIECES = 16, 4


class Unanswered(psycopg.OperationalError):
    """The server has not answered in time, and the connection was given up. `seconds` it was waited for."""

    def __init__(self, seconds: float, *, is_stopped: bool = False) -> None:
        told = "was not waited for any longer" if is_stopped else f"has not answered for {seconds:.0f} s"
        super().__init__(f"The server {told}.")
        self.is_stopped = is_stopped


class AnswerTooLarge(psycopg.OperationalError):
    """The server sends more than there is room for, and the connection was given up."""

    def __init__(self) -> None:
        super().__init__(f"The server's answer is larger than {MOST_BYTES // 1024 // 1024} MB.")


class Patience:
    """For how long each wait within a `patience` may last, and by when all of them have to end."""

    def __init__(self, limit_s: float, outer: Patience | None = None) -> None:
        self.limit_s = limit_s
        self._outer = outer
        self._ended_at, self._after_s = float("inf"), 0.0

    def end(self, after_s: float = 0.0) -> None:
        """Give up what is being waited for, in so many seconds, and have each later wait end as soon."""
        self._ended_at, self._after_s = min(self._ended_at, time.monotonic()), after_s

    def is_over(self, started: float) -> bool:
        """Whether a wait that began then (`time.monotonic`) is to end."""
        if time.monotonic() >= max(self._ended_at, started) + self._after_s:
            return True
        return self._outer is not None and self._outer.is_over(started)


_patience: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextlib.contextmanager
def patience(limit_s: float | None = None) -> Iterator[Patience]:
    """Have every wait within end once this patience, or one around it, is told to end, and after so many seconds.

    Without a limit that around it stays.
    """
    outer = _patience.get()
    own = Patience(limit_s or (outer.limit_s if outer is not None else ANSWER_LIMIT_S), outer)
    token = _patience.set(own)
    try:
        yield own
    finally:
        _patience.reset(token)


class _Limited:
    """What the two kinds of connections share."""

    pgconn: Any
    #: While it listens silence is no fault.
    is_listening = False
    _cancelled_until = float("inf")

    def _bounded(self, waiting: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """The driver's waiting, which it resumes with every piece that comes, and ten times a second without any."""
        allowed, started = _patience.get() or Patience(ANSWER_LIMIT_S), time.monotonic()
        self._cancelled_until = float("inf")
        pieces, memory = 0, 0
        try:
            step = next(waiting)
            while True:
                ready = yield step
                waited = time.monotonic() - started
                is_stopped = allowed.is_over(started)
                if waited > allowed.limit_s or started + waited > self._cancelled_until or is_stopped:
                    raise Unanswered(waited, is_stopped=is_stopped)
                pieces += bool(ready)
                if pieces == _FEW_PIECES:
                    memory = processes.most_memory()
                elif pieces % _PIECES == _PIECES - 1 and processes.most_memory() - memory > MOST_BYTES:
                    raise AnswerTooLarge()
                step = waiting.send(ready)
        except StopIteration as end:
            value: T = end.value
            return value
        except (Unanswered, AnswerTooLarge):
            self.pgconn.finish()
            raise

    def _note_cancelled(self) -> None:
        self._cancelled_until = time.monotonic() + CANCEL_LIMIT_S


class LimitedConnection(_Limited, psycopg.Connection[Any]):
    """A synchronous connection that is given up when the server does not answer. Raises Unanswered, AnswerTooLarge."""

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Any:
        """As the driver does, by what `access` says; of several hosts the one that answered last comes first."""
        access: Access | None = options.pop("access", None)
        if access is None:
            return cls._connect(conninfo, options)
        found = access.parameters()
        try:
            return cls._connect(conninfo, options | found)
        except psycopg.OperationalError as error:
            found = access.after(error, found)
        return cls._connect(conninfo, options | found)

    @classmethod
    def _connect(cls, conninfo: str, options: dict[str, Any]) -> Any:
        hosts = several(conninfo, options)
        connection = super().connect(conninfo, **options | (hosts.in_order if hosts is not None else {}))
        if hosts is not None:
            hosts.note(connection)
        return connection

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        return super().wait(gen if self.is_listening else self._bounded(gen), *arguments, **options)

    def cancel_safe(self, *, timeout: float = CANCEL_LIMIT_S) -> None:
        try:
            super().cancel_safe(timeout=min(timeout, CANCEL_LIMIT_S))
        finally:
            self._note_cancelled()


class LimitedAsyncConnection(_Limited, psycopg.AsyncConnection[Any]):
    """An asynchronous connection that is given up when the server does not answer; also to a cancellation."""

    @classmethod
    async def connect(cls, conninfo: str = "", **options: Any) -> Any:
        """As the driver does, by what `access` says; of several hosts the one that answered last comes first."""
        access: Access | None = options.pop("access", None)
        if access is None:
            return await cls._connect(conninfo, options)
        async with access.turn:
            found = await asyncio.to_thread(access.parameters)
        try:
            return await cls._connect(conninfo, options | found)
        except psycopg.OperationalError as error:
            async with access.turn:
                found = await asyncio.to_thread(access.after, error, found)
        return await cls._connect(conninfo, options | found)

    @classmethod
    async def _connect(cls, conninfo: str, options: dict[str, Any]) -> Any:
        hosts = several(conninfo, options)
        connection = await super().connect(conninfo, **options | (hosts.in_order if hosts is not None else {}))
        if hosts is not None:
            hosts.note(connection)
        return connection

    async def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        if self.is_listening:
            # The driver looks ten times a second, so that Ctrl-C is heard: a task is cancelled without that.
            options.setdefault("interval", LISTENING_LOOK_S)
        try:
            return await super().wait(gen if self.is_listening else self._bounded(gen), *arguments, **options)
        except asyncio.CancelledError as error:
            if self.closed:
                error.args = (GIVEN_UP,)
            raise

    async def cancel_safe(self, *, timeout: float = CANCEL_LIMIT_S) -> None:
        try:
            await super().cancel_safe(timeout=min(timeout, CANCEL_LIMIT_S))
        finally:
            self._note_cancelled()


@contextlib.contextmanager
def listening(connection: Any) -> Iterator[None]:
    """While notifications are waited for on a connection, however long none comes."""
    if not isinstance(connection, _Limited):
        yield
        return
    connection.is_listening = True
    try:
        yield
    finally:
        connection.is_listening = False


async def ended(task: asyncio.Future[Any]) -> None:
    """Cancel a task, and wait until it has left its connection, which is closed after that."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=3 * CANCEL_LIMIT_S)
        if task.done() and not task.cancelled():
            task.exception()  # mark as seen
