"""Runs a reading of the core so that only its waiting is the window's: what it computes is done in another thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.limited import limited
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.operations.steps import Steps

from jobdesk.connection.desk import Desk

T = TypeVar("T")


async def run_aside(steps: Steps[T], desk: Desk) -> T:
    """Run steps that only read, and return their value; no statement runs longer than the monitor's limit."""
    go_on: Callable[[], Any] = partial(steps.send, None)
    while True:
        is_over, found = await asyncio.to_thread(_resumed, go_on)
        if is_over:
            result: T = found
            return result
        assert isinstance(found, Statement), "nothing but reading is done here"
        try:
            rows = await limited(desk.connector, replace(found, decode=_as_they_are), desk.monitor.limit_s)
            go_on = partial(_decoded, steps, found, rows)
        except JobdeskException as error:
            go_on = partial(steps.throw, error)


def _decoded(steps: Steps[Any], statement: Statement[Any], rows: Any) -> Any:
    try:
        value = statement.decode(rows)
    except JobdeskException as error:
        return steps.throw(error)
    return steps.send(value)


def _resumed(go_on: Callable[[], Any]) -> tuple[bool, Any]:
    """The next step; or that it is over, with the value."""
    try:
        return False, go_on()
    except StopIteration as end:
        return True, end.value


def _as_they_are(rows: Any) -> Any:
    return rows
