"""The order of a rule's lines where there may be thousands, of which the first few are told."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from jobdesk_core.reading.open_jobs import OpenGroup


def most_due(groups: Iterable[tuple[str, OpenGroup]]) -> Iterator[tuple[str, OpenGroup]]:
    """Those with the most due jobs first; each is looked for when it is asked for."""
    heap = [(-group.due, name, group) for name, group in groups]
    heapq.heapify(heap)
    while heap:
        _, name, group = heapq.heappop(heap)
        yield name, group
