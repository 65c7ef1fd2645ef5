"""Ctrl+C: between two steps of an act, not in the middle of one; and never lost."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

from jobdesk_core.cli import output


@contextlib.contextmanager
def kept() -> Iterator[Callable[[], None]]:
    """Ctrl+C ends at once, as ever. What this gives raises it again, should it have been lost on its way.

    Python raises it wherever the program happens to be, and drops it when that is, say, a finalizer.
    """
    is_set = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal is_set
        is_set = True
        raise KeyboardInterrupt

    def ask() -> None:
        if is_set:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield ask
    finally:
        signal.signal(signal.SIGINT, before)


class Interrupt:
    """Holds Ctrl+C back until the chunk is done. The second one ends at once."""

    def __init__(self) -> None:
        self.is_set = False
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    @contextlib.contextmanager
    def lifted(self) -> Iterator[None]:
        """While the operator is asked, Ctrl+C is an answer."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True
        output.note("Stopping when this chunk is done; Ctrl+C again ends at once.")
