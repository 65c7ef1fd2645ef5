"""Long work of the window's own, done a little at a time between its other turns.

Not in a thread: the two would take Python from each other at every call into Qt, and a repaint has hundreds
(measured: the window stood still for 0.4 s).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

#: Seconds of one slice.
SLICE_S = 0.008
#: Items between two looks at the clock.
_ITEMS = 50


async def in_slices(items: Iterable[T]) -> list[T]:
    """All the items, made in slices. Cancelled, it ends after the slice under way."""
    found: list[T] = []
    ends = time.monotonic() + SLICE_S
    for item in items:
        found.append(item)
        if len(found) % _ITEMS == 0 and time.monotonic() > ends:
            await asyncio.sleep(0)
            ends = time.monotonic() + SLICE_S
    return found
