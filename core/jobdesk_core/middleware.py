"""What stands around the run of a job: middleware of a task, and of a worker.

A middleware gets `call_next`, the JobContext and the Worker, and returns what the job's result is to be, as a rule
that of `call_next()`. One of a task runs where the task does, so it is asynchronous or not as the task is; one of a
worker is always asynchronous, on the event loop, around everything else.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Union

from jobdesk_core.exceptions import MiddlewareKindMismatch
from jobdesk_core.utils import is_async

if TYPE_CHECKING:
    from jobdesk_core.job_context import JobContext
    from jobdesk_core.worker import Worker

SyncCallNext = Callable[[], Any]
AsyncCallNext = Callable[[], Awaitable[Any]]
SyncTaskMiddleware = Callable[[SyncCallNext, "JobContext", "Worker"], Any]
AsyncTaskMiddleware = Callable[[AsyncCallNext, "JobContext", "Worker"], Awaitable[Any]]
TaskMiddleware = Union[SyncTaskMiddleware, AsyncTaskMiddleware]  # noqa: UP007 - of names that are known later
WorkerMiddleware = Callable[[AsyncCallNext, "JobContext", "Worker"], Awaitable[Any]]

#: By its other name.
is_async_middleware = is_async


def compose(
    middlewares: Sequence[Callable[..., Any]],
    run_task: Callable[[], Any],
    context: JobContext | None,
    worker: Worker | None,
) -> Callable[[], Any]:
    """`run_task` within the middlewares, the first of them outermost."""
    call = run_task
    for middleware in reversed(middlewares):
        call = functools.partial(middleware, call, context, worker)
    return call


def checked_task_middleware(given: Iterable[TaskMiddleware] | None) -> list[TaskMiddleware]:
    """A worker's `task_middleware` as a list: each kind goes around the tasks of its own. Raises TypeError."""
    middlewares = list(given or ())
    for middleware in middlewares:
        _check_callable("Task", middleware)
    return middlewares


def checked_worker_middleware(given: Iterable[WorkerMiddleware] | None) -> list[WorkerMiddleware]:
    """A worker's `worker_middleware` as a list. Raises TypeError, or MiddlewareKindMismatch for what is not async."""
    middlewares = list(given or ())
    for middleware in middlewares:
        _check_callable("Worker", middleware)
        if not is_async(middleware):
            raise MiddlewareKindMismatch(
                f"Worker middleware {name_of(middleware)!r} must be async (async def): it runs on the event loop."
            )
    return middlewares


def _check_callable(kind: str, middleware: Any) -> None:
    if not callable(middleware):
        raise TypeError(f"{kind} middleware {middleware!r} is not callable.")


def name_of(middleware: Any) -> str:
    """What to call a middleware by."""
    return getattr(middleware, "__name__", None) or repr(middleware)
