"""Runs what depends on the schema that a connector leads to: asked once, and anew when it turns out to have changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import partial, update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from jobdesk_core.connector import BaseConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking, ask, ask_async
from jobdesk_core.database.capabilities import DETECT, STAMP, Capabilities
from jobdesk_core.exceptions import CapabilityMissing, SchemaChanged

T = TypeVar("T")
M = TypeVar("M", bound="KnownSchema")
P = ParamSpec("P")
#: How many schemas of callers' connections are known at once.
MOST_KNOWN = 32


class KnownSchema:
    """A connector, and what the database behind it can do."""

    def __init__(self, connector: BaseConnector) -> None:
        self.connector = connector
        self._capabilities: Capabilities | None = None
        self._known: dict[str, Capabilities] = {}

    def use(self, connector: BaseConnector) -> None:
        """Act through another connector from now on."""
        self.connector, self._capabilities = connector, None

    def capabilities(self, *, connection: Any = None) -> Capabilities:
        """What the database can do: the app's asked once, that of a connection known by its schema's `stamp`."""
        return self._run(self._detected(is_given=connection is not None), connection)

    async def capabilities_async(self, *, connection: Any = None) -> Capabilities:
        """What the database can do: the app's asked once, that of a connection known by its schema's `stamp`."""
        return await self._run_async(self._detected(is_given=connection is not None), connection)

    def _detected(self, *, is_given: bool = False) -> Asking[Capabilities]:
        if is_given:
            stamp: str = yield STAMP
            if stamp not in self._known:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[stamp] = yield DETECT
            return self._known[stamp]
        if self._capabilities is None:
            self._capabilities = yield DETECT
        assert self._capabilities is not None
        return self._capabilities

    def _anew(self) -> Asking[Capabilities]:
        self._capabilities = None
        return self._detected()

    def _asked(self, statement: Callable[[Capabilities], Statement[T]], connection: Any = None) -> Asking[T]:
        """The value of a statement that depends on the schema. On a caller's connection it is tried once."""
        is_given = connection is not None
        is_kept = self._capabilities is not None
        capabilities = yield from self._detected(is_given=is_given)
        try:
            value: T = yield statement(capabilities)
        except (SchemaChanged, CapabilityMissing) as error:
            if is_given or (isinstance(error, CapabilityMissing) and not is_kept):
                raise
            capabilities = yield from self._anew()
            try:
                changed = statement(capabilities)
            except CapabilityMissing:
                raise error from error.__cause__
            value = yield changed
        return value

    def _run(self, steps: Asking[T], connection: Any = None) -> T:
        return ask(steps, partial(self.connector.get_sync_connector().run, connection=connection))

    async def _run_async(self, steps: Asking[T], connection: Any = None) -> T:
        return await ask_async(steps, partial(self.connector.run_async, connection=connection))


def twins(
    steps: Callable[Concatenate[M, P], Asking[T]],
) -> tuple[Callable[Concatenate[M, P], T], Callable[Concatenate[M, P], Coroutine[Any, Any, T]]]:
    """The synchronous and the asynchronous method of a generator method; its `connection` is where both run it."""
    names = [*inspect.signature(steps).parameters][1:]

    def connection_of(arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return dict(zip(names, arguments, strict=False)).get("connection", options.get("connection"))

    def now(schema: M, /, *arguments: P.args, **options: P.kwargs) -> T:
        return schema._run(steps(schema, *arguments, **options), connection_of(arguments, options))

    async def later(schema: M, /, *arguments: P.args, **options: P.kwargs) -> T:
        return await schema._run_async(steps(schema, *arguments, **options), connection_of(arguments, options))

    for method, ending in ((now, ""), (later, "_async")):
        _name_as(method, steps, ending)
    return now, later


def _name_as(method: Any, steps: Any, ending: str) -> None:
    """Let it be seen as what it stands for. Not by `__wrapped__`, which would hide whether it is asynchronous."""
    update_wrapper(method, steps)
    del method.__wrapped__
    method.__name__ = steps.__name__.removeprefix("_") + ending
    method.__qualname__ = f"{steps.__qualname__.rpartition('.')[0]}.{method.__name__}"
    method.__signature__ = inspect.signature(steps).replace(
        return_annotation=inspect.signature(steps).return_annotation.removeprefix("Asking[").removesuffix("]")
    )
