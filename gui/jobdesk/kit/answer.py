"""What is said in a dialog, to whoever waits for it without keeping the loop waiting."""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar

T = TypeVar("T")


class Asks(Protocol[T]):
    """A dialog with its answer to come."""

    answer: asyncio.Future[T]

    def open(self) -> None: ...

    def reject(self) -> None: ...


async def answer_of(dialog: Asks[T]) -> T:
    """Open a dialog and wait for its answer. It is closed where nobody waits for that any more."""
    dialog.open()
    try:
        return await dialog.answer
    except asyncio.CancelledError:
        dialog.reject()
        raise
