"""Ending what waits for a server that may never answer: within a bound, whatever the driver waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds that cancelling may take. The driver asks the server to cancel and waits for its answer, and then for the
#: connection: each further cancellation, after so many seconds, ends one such wait.
CANCELLING_S, AGAIN_S = 2.0, 0.4


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, again and again, until they have ended; those that never do are left behind."""
    ends_at = time.monotonic() + CANCELLING_S
    pending = {task for task in tasks if not task.done()}
    while pending and time.monotonic() < ends_at:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)


async def within(limit_s: float, call: Coroutine[Any, Any, T]) -> T:
    """Return what the call returns. Raises TimeoutError when it takes longer, and what it raises."""
    task = asyncio.create_task(call)
    try:
        await asyncio.wait({task}, timeout=limit_s)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        await cancel({task})
