"""Goes down the events' ids in stretches, each so wide that it takes a fraction of a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from jobdesk_core.chunk_size import ChunkSize
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.limited import StatementTooLong

T = TypeVar("T")
#: Events per stretch: the first, the fewest and the most; and the seconds that one should take.
FIRST_STRETCH, SHORTEST_STRETCH, LONGEST_STRETCH = 20_000, 500, 100_000
STRETCH_AIM_S = 0.1


class Stretches:
    """`high` is the highest id that is still to be read; None: none is. Whoever has read a stretch sets it."""

    def __init__(self, highest: int) -> None:
        self.high: int | None = highest or None
        self._width = ChunkSize(FIRST_STRETCH, SHORTEST_STRETCH, LONGEST_STRETCH, STRETCH_AIM_S)

    def timed(self, make: Callable[[int], Statement[T]]) -> Asking[T]:
        """Run the statement of the stretch above an id, which is so far away that it takes little time.

        Raises StatementTooLong when even the shortest one takes longer than the runner allows.
        """
        assert self.high is not None
        while True:
            started = time.monotonic()
            try:
                found: T = yield make(self.high - self._width.size)
            except StatementTooLong:
                if self._width.is_least:
                    raise
                self._width.shrink(8)
                continue
            self._width.note(time.monotonic() - started)
            return found
