"""Ctrl+C between two steps of an act, not in the middle of one, unless the server does not answer."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from jobdesk_core.cli import output
from jobdesk_core.connectors import limits

#: Seconds that the server has for the chunk under way, once Ctrl+C was pressed; then what became of it is unknown.
GRACE_S = 2.0


class Interrupt:
    """Holds Ctrl+C back until the chunk is done, for a while. The second one ends at once."""

    def __init__(self) -> None:
        self.is_set = False
        self._before: Any = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Interrupt:
        self._patience = self._stack.enter_context(limits.patience())
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._stack.close()

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
        self._patience.end(GRACE_S)
        output.note("Stopping after this chunk; press Ctrl+C again to quit at once.")
