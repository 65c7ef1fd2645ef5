"""Waiting for something to come true, instead of sleeping and hoping; what never does is told with what was seen."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import textwrap
import time
from collections.abc import Callable, Iterator
from typing import Any


async def until(condition: Callable[[], Any], *, timeout_s: float = 60.0, what: str = "the condition") -> Any:
    """Return the condition's first true value. The condition may be a coroutine function."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(_told(what, timeout_s, condition, value))
        await asyncio.sleep(0.02)


def until_true(condition: Callable[[], Any], timeout_s: float = 60.0, what: str = "the condition") -> Any:
    """As `until`, for a test that is no coroutine, or in a thread. What cannot be asked yet is not true."""
    deadline = time.monotonic() + timeout_s
    while True:
        value: Any = None
        with contextlib.suppress(IndexError):
            value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(_told(what, timeout_s, condition, value))
        time.sleep(0.02)


def _told(what: str, timeout_s: float, condition: Callable[[], Any], value: Any) -> str:
    seen = [f"last seen: {value!r}", *(f"{text} was {repr(held)[:2000]}" for text, held in _parts(condition))]
    return "\n".join([f"{what} did not come true within {timeout_s} s", *seen])


def _parts(condition: Callable[[], Any]) -> Iterator[tuple[str, Any]]:
    """What a lambda compares, calls or asks for, each with its value now: `rows(dsn) == []` is told by `rows(dsn)`."""
    try:
        text = textwrap.dedent(inspect.getsource(condition)).strip()
        names = {**condition.__globals__, **inspect.getclosurevars(condition).nonlocals}
    except (AttributeError, OSError, TypeError, ValueError):
        return
    body = _lambda_in(text)
    if body is None:
        return
    for part in _operands(body):
        shown = ast.unparse(part)
        try:
            held = eval(compile(ast.Expression(part), "<what was waited for>", "eval"), names)
        except Exception as error:  # noqa: BLE001 - it is told instead
            held = error
        if not inspect.isawaitable(held):
            yield shown, held
        elif inspect.iscoroutine(held):
            held.close()


def _lambda_in(text: str) -> ast.expr | None:
    """The body of the only lambda in a piece of a file: a statement, or a part of a call that goes on elsewhere."""
    start = text.find("lambda")
    for piece in (text, f"({text})", *(text[start:end] for end in range(len(text), start, -1) if start >= 0)):
        try:
            found = [node for node in ast.walk(ast.parse(piece)) if isinstance(node, ast.Lambda)]
        except SyntaxError:
            continue
        return found[0].body if len(found) == 1 else None
    return None


def _operands(body: ast.expr) -> Iterator[ast.expr]:
    """What a truth is made of, without what is written out in it."""
    if isinstance(body, ast.BoolOp):
        for value in body.values:
            yield from _operands(value)
    elif isinstance(body, ast.UnaryOp):
        yield from _operands(body.operand)
    elif isinstance(body, ast.Compare):
        for each in (body.left, *body.comparators):
            if not isinstance(each, ast.Constant | ast.List | ast.Dict | ast.Set | ast.Tuple):
                yield each
    else:
        yield body
