"""Operations as generators of statements, and what runs them: one runner for each kind of connector.

An operation yields a Statement and gets its value, or has its error raised where it yielded; it yields a Write, which
is committed by itself unless all of it is one transaction; it yields a Progress and gets whether to go on. So no
operation is written twice, and whoever runs it decides on pace, pause and stop.
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
from jobdesk_core.database.asking import ask, ask_async
from jobdesk_core.database.limited import limited, limited_now
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.operations.commits import Keeper, Write, committing, committing_now, staging
from jobdesk_core.operations.outcomes import Outcomes

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


Step = Statement[Any] | Write[Any] | Progress
Steps = Generator[Step, Any, T]


def run(
    steps: Steps[T],
    connector: SyncPsycopgConnector,
    *,
    connection: Any = None,
    is_one_transaction: bool = False,
    on_progress: Callable[[Progress], bool] = lambda progress: True,
    limit_s: float | None = None,
    keeper: Keeper | None = None,
    outcomes: Callable[[T], list[Outcomes]] = lambda value: [],
) -> T:
    """Run an operation and return its value.

    On `connection` it is part of the caller's transaction; with `is_one_transaction` it is all done in one of its
    own, which an exception rolls back. `on_progress` may take its time, which is a pause, and returns whether to go on.

    A `keeper` is told of every transaction before it is committed; of the one of all by what `outcomes` makes of the
    value. Raises InDoubt when nobody knows whether that one was committed.

    With `limit_s` no statement takes longer, in seconds. Only for what reads: of a change that is broken off
    nobody knows whether it was made.
    """
    if is_one_transaction:
        with committing_now(connector, keeper) as own:
            own.value = run(steps, connector, connection=own.connection, on_progress=on_progress)
            own.outcomes = outcomes(own.value)
        whole: T = own.value
        return whole

    def answer(step: Step) -> Any:
        if isinstance(step, Progress):
            return _waited(step, on_progress)
        if isinstance(step, Write):
            return _written(step, connector, connection, keeper)
        if limit_s is not None:
            return limited_now(connector, step, limit_s)
        return connector.run(step, connection=connection)

    return ask(steps, answer)


async def run_async(
    steps: Steps[T],
    connector: PsycopgConnector,
    *,
    connection: Any = None,
    is_one_transaction: bool = False,
    on_progress: Callable[[Progress], Awaitable[bool]] | None = None,
    limit_s: float | None = None,
    keeper: Keeper | None = None,
    outcomes: Callable[[T], list[Outcomes]] = lambda value: [],
) -> T:
    """Run an operation and return its value; as `run`, with an asynchronous `on_progress`."""
    if is_one_transaction:
        async with committing(connector, keeper) as own:
            own.value = await run_async(steps, connector, connection=own.connection, on_progress=on_progress)
            own.outcomes = await asyncio.to_thread(outcomes, own.value)
        whole: T = own.value
        return whole

    async def answer(step: Step) -> Any:
        if isinstance(step, Progress):
            return await _waited_async(step, on_progress)
        if isinstance(step, Write):
            return await _written_async(step, connector, connection, keeper)
        if limit_s is not None:
            return await limited(connector, step, limit_s)
        return await connector.run_async(step, connection=connection)

    return await ask_async(steps, answer)


def _written(step: Write[T], connector: SyncPsycopgConnector, connection: Any, keeper: Keeper | None) -> T:
    if connection is not None:
        return connector.run(step.statement, connection=connection)
    with committing_now(connector, keeper) as own:
        own.value = value = connector.run(step.statement, connection=own.connection)
        own.outcomes = [step.outcomes(value)]
    return value


async def _written_async(step: Write[T], connector: PsycopgConnector, connection: Any, keeper: Keeper | None) -> T:
    if connection is not None:
        return await connector.run_async(step.statement, connection=connection)
    async with committing(connector, keeper) as own:
        async with staging(own, connector, keeper, step.expected):
            own.value = value = await connector.run_async(step.statement, connection=own.connection)
        own.outcomes = [step.outcomes(value)]
    return value


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


def relayed(steps: Steps[T], send: Callable[[Step], Steps[Any]]) -> Steps[T]:
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
