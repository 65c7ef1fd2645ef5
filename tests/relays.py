"""What a link between a client and its server consists of, whatever goes wrong in it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next message of PostgreSQL's protocol: its letter with its length, and its body."""
    head = await reader.readexactly(5)
    # The length counts itself.
    return head, await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


async def until_one_ends(*ways: Coroutine[Any, Any, None]) -> None:
    """Pass on in each direction until one of them is over: then so is the other."""
    passing = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(passing, return_when="FIRST_COMPLETED")
    finally:
        for each in passing:
            each.cancel()
        await asyncio.gather(*passing, return_exceptions=True)
