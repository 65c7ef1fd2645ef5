"""Operations as generators of statements, and what runs them: one runner for each kind of connector.

An operation yields a Statement and gets its value, or has its error raised where it yielded; it yields a Progress
and gets whether to go on. So no operation is written twice, and whoever runs it decides on pace, pause and stop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.monitor.pages import limited
from jobdesk_core.monitor.synchronous import limited_now

T = TypeVar("T")
#: While an operation waits, whoever watches it is asked so often whether to go on, in seconds.
ASK_S = 0.05


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation has come: jobs (or ids) looked at, or acted on, of how many.

    Of these `done` were done, and `skipped` were skipped or refused. `per_second` is the pace of the last seconds, in
    jobs; 0 while it is not known. Before it goes on, `wait_s` seconds have to pass, in which it can be stopped or
    paused at any time. `held` is why a brake holds it, in a sentence: to go on from there releases the brake.
    """

    at: int
    of: int
    done: int = 0
    wait_s: float = 0.0
    skipped: int = 0
    per_second: float = 0.0
    held: str = ""


Steps = Generator[Statement[Any] | Progress, Any, T]


def run(
    steps: Steps[T],
    connector: SyncPsycopgConnector,
    *,
    connection: Any = None,
    is_one_transaction: bool = False,
    on_progress: Callable[[Progress], bool] = lambda progress: True,
    limit_s: float | None = None,
) -> T:
    """Run an operation and return its value.

    On `connection` it is part of the caller's transaction; with `is_one_transaction` it is all done in one of its
    own, which an exception rolls back. `on_progress` may take its time, which is a pause, and returns whether to go on.

    With `limit_s` no statement takes longer, in seconds. Only for what reads: of a change that is broken off
    nobody knows whether it was made.
    """
    if is_one_transaction:
        with connector.transaction() as own:
            return run(steps, connector, connection=own, on_progress=on_progress)
    resume, value = steps.send, None
    while True:
        try:
            step = resume(value)
        except StopIteration as end:
            result: T = end.value
            return result
        resume = steps.send
        if isinstance(step, Progress):
            value = _waited(step, on_progress)
            continue
        try:
            if limit_s is None:
                value = connector.run(step, connection=connection)
            else:
                value = limited_now(connector, step, limit_s)
        except JobdeskException as error:
            resume, value = steps.throw, error  # type: ignore[assignment]


async def run_async(
    steps: Steps[T],
    connector: PsycopgConnector,
    *,
    connection: Any = None,
    is_one_transaction: bool = False,
    on_progress: Callable[[Progress], Awaitable[bool]] | None = None,
    limit_s: float | None = None,
) -> T:
    """Run an operation and return its value; as `run`, with an asynchronous `on_progress`."""
    if is_one_transaction:
        async with connector.transaction() as own:
            return await run_async(steps, connector, connection=own, on_progress=on_progress)
    resume, value = steps.send, None
    while True:
        try:
            step = resume(value)
        except StopIteration as end:
            result: T = end.value
            return result
        resume = steps.send
        if isinstance(step, Progress):
            value = await _waited_async(step, on_progress)
            continue
        try:
            if limit_s is None:
                value = await connector.run_async(step, connection=connection)
            else:
                value = await limited(connector, step, limit_s)
        except JobdeskException as error:
            resume, value = steps.throw, error  # type: ignore[assignment]


def _waited(step: Progress, on_progress: Callable[[Progress], bool]) -> bool:
    due = time.monotonic() + step.wait_s
    while on_progress(step):
        left_s = due - time.monotonic()
        if left_s <= 0:
            return True
        time.sleep(min(left_s, ASK_S))
    return False


async def _waited_async(step: Progress, on_progress: Callable[[Progress], Awaitable[bool]] | None) -> bool:
    due = time.monotonic() + step.wait_s
    while on_progress is None or await on_progress(step):
        left_s = due - time.monotonic()
        # A fast server never lets us wait: the loop must have its turn.
        await asyncio.sleep(max(0.0, min(left_s, ASK_S)))
        if left_s <= 0:
            return True
    return False


def relayed(steps: Steps[T], send: Callable[[Statement[Any] | Progress], Steps[Any]]) -> Steps[T]:
    """An operation with each of its steps sent by `send`, whose value or error it gets."""
    resume, value = steps.send, None
    while True:
        try:
            step = resume(value)
        except StopIteration as end:
            result: T = end.value
            return result
        resume = steps.send
        try:
            value = yield from send(step)
        except JobdeskException as error:
            resume, value = steps.throw, error
