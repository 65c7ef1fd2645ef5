"""The periodic tasks of an open database, for whoever asks: one reading at a time, and one memory of past runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import limited
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.schedules.judging import Told
from jobdesk_core.schedules.reader import ScheduleReader, Schedules

T = TypeVar("T")


class ScheduleFollower:
    """Reads when asked. No statement runs longer than `limit_s` seconds."""

    def __init__(self, connector: PsycopgConnector, capabilities: Capabilities, *, limit_s: float = 5.0) -> None:
        self._connector = connector
        self._limit_s = limit_s
        self._reader = ScheduleReader(capabilities)
        self._one = asyncio.Lock()
        self._read_at = 0.0
        #: What was read last; None before, and when the database is another.
        self.last: Schedules | None = None

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on the database can do this, and may be another: what was found is forgotten."""
        self._reader = ScheduleReader(capabilities, self._reader.told_here)
        self.last = None

    def tell(self, told: Sequence[Told]) -> None:
        """What the application tells that was asked from here. It counts where workers report nothing."""
        self._reader.told_here = told
        self._read_at = 0.0

    async def read(self, max_age_s: float = 0.0) -> Schedules:
        """The periodic tasks, or what was read of them less than `max_age_s` seconds ago. Raises ConnectorException.

        Each reading knows more of past runs, until it `is_whole`.
        """
        async with self._one:
            if self.last is not None and time.monotonic() - self._read_at < max_age_s:
                return self.last
            reader = self._reader
            found = await aside(reader.more(), lambda asked: limited(self._connector, asked, self._limit_s))
            if reader is self._reader:
                self.last, self._read_at = found, time.monotonic()
            return found


async def aside(steps: Asking[T], run: Callable[[Statement[Any]], Awaitable[Any]]) -> T:
    """As `ask_async`; what is worked out between two statements is so in another thread: crons take their time."""
    go_on: Callable[[], Any] = partial(steps.send, None)
    while True:
        statement, found = await asyncio.to_thread(_resumed, go_on)
        if statement is None:
            value: T = found
            return value
        try:
            go_on = partial(steps.send, await run(statement))
        except JobdeskException as error:
            go_on = partial(steps.throw, error)


def _resumed(go_on: Callable[[], Any]) -> tuple[Any, Any]:
    """The next statement, or None and the value."""
    try:
        return go_on(), None
    except StopIteration as end:
        return None, end.value
