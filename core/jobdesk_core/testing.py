"""A connector for the tests of a program: it keeps its jobs in memory, and needs no database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Literal, TypeVar

from jobdesk_core import connector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT, FUNCTIONS, STAMP, Capabilities
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.in_memory import JobsInMemory
from jobdesk_core.jobs import EventType, Status

T = TypeVar("T")
JobRow = dict[str, Any]
EventRow = dict[str, Any]

_ANY_QUEUE, _QUEUE = "procrastinate_any_queue_v1", "procrastinate_queue_v1#"


class InMemoryConnector(JobsInMemory, connector.TellsWhenListening, connector.BaseAsyncConnector):
    """Stands for a database: `with app.replace_connector(InMemoryConnector()) as app: ...`, then look at `jobs`.

    It works opened or not, synchronously and asynchronously, with a worker or without. A test may change what it
    finds here, and a subclass replace any of the methods `<name>_run`, `<name>_one` and `<name>_all`.
    """

    def __init__(self) -> None:
        self.reset()
        self._loop: asyncio.AbstractEventLoop | None = None

    def reset(self) -> None:
        """Forget everything, as if no job had ever been."""
        super().reset()
        #: What was asked for: names and arguments, in order.
        self.queries: list[tuple[str, dict[str, Any]]] = []
        self.on_notification: Callable[..., Any] | None = None
        self.notify_channels: list[str] = []
        #: How it was opened and closed, in order.
        self.states: list[str] = []

    # Opening

    def get_sync_connector(self) -> connector.BaseConnector:
        return self

    def open(self, pool: Any = None) -> None:
        self.states.append("open")

    def close(self) -> None:
        self.states.append("closed")

    async def open_async(self, pool: Any = None) -> None:
        self.states.append("open_async")

    async def close_async(self) -> None:
        self.states.append("closed_async")

    # Asking

    async def generic_execute(self, query: str, suffix: Literal["run", "one", "all"], **arguments: Any) -> Any:
        """Note an operation and do it: the method of this name and suffix. Raises KeyError when there is none."""
        method = getattr(self, f"{query}_{suffix}", None) if query.isidentifier() else None
        if method is None:
            raise KeyError(query)
        self.queries.append((query, arguments))
        return await method(**arguments)

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        """Do an operation by its name: there is no SQL here."""
        await self.generic_execute(query, "run", **arguments)

    async def execute_query_one_async(self, query: str, **arguments: Any) -> dict[str, Any]:
        """Do an operation by its name: there is no SQL here."""
        row: dict[str, Any] = await self.generic_execute(query, "one", **arguments)
        return row

    async def execute_query_all_async(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """Do an operation by its name: there is no SQL here."""
        return list(await self.generic_execute(query, "all", **arguments))

    async def execute_query_one_async_with_connection(
        self, connection: Any, query: str, **arguments: Any
    ) -> dict[str, Any]:
        return await self.execute_query_one_async(query, **arguments)

    async def execute_query_all_async_with_connection(
        self, connection: Any, query: str, **arguments: Any
    ) -> list[dict[str, Any]]:
        return await self.execute_query_all_async(query, **arguments)

    async def run_async(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Do what a statement stands for; any connection is as good as none."""
        if statement is DETECT or statement is STAMP:
            answer: Any = self._capabilities() if statement is DETECT else ""
            return answer  # type: ignore[no-any-return]
        if statement.named is None:
            raise ConnectorException("An InMemoryConnector runs no SQL.")
        return await statement.named(self.generic_execute)

    def run(self, statement: Statement[T], *, connection: Any = None) -> T:
        """Do what a statement stands for, in any thread, beside a running loop too."""
        return _at_once(self.run_async(statement, connection=connection))

    def make_dynamic_query(self, query: str, **identifiers: str) -> str:
        """The query with these names filled in."""
        return query.format(**identifiers)

    def _capabilities(self) -> Capabilities:
        return _ALL if self.table_exists else _NONE

    # Notifications

    async def listen_notify(
        self,
        on_notification: Callable[..., Any],
        channels: Iterable[str],
        *,
        on_listening: Callable[[], None] | None = None,
    ) -> None:
        """Hand on what happens from now on. Returns at once, but with `on_listening` goes on until cancelled."""
        self.on_notification, self.notify_channels = on_notification, list(channels)
        self._loop = asyncio.get_running_loop()
        if on_listening is not None:
            on_listening()
            try:
                await asyncio.Event().wait()
            finally:
                if self.on_notification is on_notification:
                    self.on_notification = None

    async def _notify(self, queue_name: str, kind: str, job_id: int) -> None:
        told, loop = self.on_notification, self._loop
        if told is None or loop is None or loop.is_closed():
            return
        payload = json.dumps({"type": kind, "job_id": job_id})
        for channel in (_ANY_QUEUE, _QUEUE + queue_name):
            if channel in self.notify_channels:
                if asyncio._get_running_loop() is loop:
                    await connector.tell(told, channel, payload)
                else:  # of another thread, such as a synchronous task's
                    asyncio.run_coroutine_threadsafe(connector.tell(told, channel, payload), loop)


def _capabilities_of(has_schema: bool) -> Capabilities:
    return Capabilities(
        role="",
        database="memory",
        server_version=0,
        is_standby=False,
        has_schema=has_schema,
        has_remains=False,
        has_workers=True,
        has_priority=True,
        has_abort_requested=True,
        has_worker_id=True,
        has_priority_locks=True,
        statuses=tuple(status.value for status in Status),
        event_types=tuple(kind.value for kind in EventType),
        functions=frozenset(f"{name}({types})" for functions in FUNCTIONS.values() for name, types in functions),
        channels=(_ANY_QUEUE,),
    )


_ALL, _NONE = _capabilities_of(True), _capabilities_of(False)


def _at_once(call: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that waits for nothing. Raises RuntimeError for one that does."""
    try:
        call.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    call.close()
    raise RuntimeError("A method of this InMemoryConnector waits for something: use it asynchronously.")
