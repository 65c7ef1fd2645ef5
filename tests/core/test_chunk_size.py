"""How much is asked for at once follows from how long the last chunk took, and stays within its bounds."""

from __future__ import annotations

import pytest
from jobdesk_core.chunk_size import ChunkSize


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [([], 100), ([0.3], 50), ([0.3] * 9, 10), ([0.05], 200), ([0.05] * 9, 1_000), ([0.15], 100), ([0.3, 0.01], 100)],
)
def test_the_next_size_follows_the_last_time(seconds: list[float], expected: int) -> None:
    size = ChunkSize(100, 10, 1_000, 0.2)
    for each in seconds:
        size.note(each)
    assert size.size == expected


def test_what_would_hold_no_more_does_not_grow() -> None:
    size = ChunkSize(100, 10, 1_000, 0.2, short=0.25)
    size.note(0.01, may_grow=False)
    assert size.size == 100
    size.note(0.06)
    assert size.size == 100, "not short enough"
    size.note(0.04)
    assert size.size == 200


def test_sizes_keep_their_bounds() -> None:
    size = ChunkSize(100, 10, 1_000, 0.2)
    size.grow(0.5)
    assert size.size == 100, "it never grows smaller"
    size.grow(99)
    assert size.size == 1_000
    size.shrink(99)
    assert (size.size, size.is_least) == (10, True)
