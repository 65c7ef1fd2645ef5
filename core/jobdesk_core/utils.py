"""Small helpers: paths to objects, moments, names, and what can be awaited or entered."""

from __future__ import annotations

import datetime as dt
import functools
import importlib
import inspect
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jobdesk_core import exceptions
from jobdesk_core.types import TimeDeltaParams

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")


def load_from_path(path: str, allowed_type: type[T] | None = None) -> Any:
    """The object at `package.module.name`. Raises LoadFromPathError when there is none, or none of that type.

    What the module itself raises while it is imported, other than ImportError, passes.
    """
    module_name, dot, name = path.rpartition(".")
    if not dot:
        raise exceptions.LoadFromPathError(f"{path} is not a valid path")
    if not module_name:
        raise ValueError("Empty module name")
    try:
        loaded = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise exceptions.LoadFromPathError(str(error)) from error
    if allowed_type is not None and not isinstance(loaded, allowed_type):
        raise exceptions.LoadFromPathError(
            f"Object at {path} is not of type {allowed_type.__name__} but {type(loaded).__name__}"
        )
    return loaded


def import_all(import_paths: Iterable[str]) -> None:
    """Import modules by their names."""
    for path in import_paths:
        importlib.import_module(path)


def get_full_path(obj: Any) -> str:
    """The name of a function by its module, `package.module.name`. Raises FunctionPathError when it has none."""
    try:
        return f"{obj.__module__}.{obj.__name__}"
    except AttributeError as error:
        raise exceptions.FunctionPathError(
            f"No name for a task can be made of {obj!r}. Give it one: task(name=...)"
        ) from error


def is_async(middleware: Any) -> bool:
    """Whether it is a coroutine function, also within a `functools.partial`, or an object whose call is one."""
    function = middleware
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def add_namespace(name: str, namespace: str) -> str:
    """A task's name within a namespace."""
    return f"{namespace}:{name}"


def queues_display(queues: Iterable[str] | None) -> str:
    """The queues of a worker in words; None and none at all are all."""
    return f"queues {', '.join(queues)}" if queues else "all queues"


def causes(exc: BaseException | None) -> Iterator[BaseException]:
    """An exception, its cause, the cause of that, and so on."""
    while exc is not None:
        yield exc
        exc = exc.__cause__


def utcnow() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def utcmax() -> dt.datetime:
    """The last moment that there is, aware, in UTC."""
    return dt.datetime.max.replace(tzinfo=dt.UTC)


def parse_datetime(raw: str) -> dt.datetime:
    """An ISO 8601 time, aware: UTC where it names no zone. Raises ValueError."""
    moment = dt.datetime.fromisoformat(raw)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def datetime_from_timedelta_params(params: TimeDeltaParams) -> dt.datetime:
    """So much time from now, aware, in UTC."""
    return utcnow() + dt.timedelta(**params)


class AwaitableContext(Generic[T]):
    """Opens when awaited, or as an asynchronous context manager, which closes at its end."""

    def __init__(
        self, open_coro: Callable[[], Awaitable[Any]], close_coro: Callable[[], Awaitable[Any]], return_value: T
    ) -> None:
        self._open = open_coro
        self._close = close_coro
        self._value = return_value

    def __await__(self) -> Generator[Any, None, T]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> T:
        await self._open()
        return self._value

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()
