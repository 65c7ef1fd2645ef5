"""Reading and small acts as generators of statements, and what runs them: one runner for each kind of connector.

A generator yields a Statement (or another step that whoever runs it knows) and gets its value, or has its error raised
where it yielded. So nothing is written twice, and whoever runs it decides where and for how long each may run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import JobdeskException

T = TypeVar("T")
S = TypeVar("S")
#: A generator of statements that returns a value.
Asking = Generator[Statement[Any], Any, T]


def alone(statement: Statement[T]) -> Asking[T]:
    """One statement as a generator of them."""
    value: T = yield statement
    return value


def ask(steps: Generator[S, Any, T], run: Callable[[S], Any]) -> T:
    """The value of a generator, each of whose steps `run` answers."""
    resume, answer = steps.send, None
    while True:
        try:
            step = resume(answer)
        except StopIteration as end:
            value: T = end.value
            return value
        resume = steps.send
        try:
            answer = run(step)
        except JobdeskException as error:
            resume, answer = steps.throw, error


async def ask_async(steps: Generator[S, Any, T], run: Callable[[S], Awaitable[Any]]) -> T:
    """As `ask`, with answers that are awaited."""
    resume, answer = steps.send, None
    while True:
        try:
            step = resume(answer)
        except StopIteration as end:
            value: T = end.value
            return value
        resume = steps.send
        try:
            answer = await run(step)
        except JobdeskException as error:
            resume, answer = steps.throw, error
