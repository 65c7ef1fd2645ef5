"""Histograms of durations: how far their percentiles are off, that they add up, and their bytes."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobdesk_core.history.histogram import ERROR, LAST, Histogram, bucket_of, merged

DURATIONS = st.lists(st.floats(0.001, 40 * 86_400), min_size=1, max_size=60)


def exact(durations: list[float], part: float) -> float:
    """As percentile_cont."""
    ordered, place = sorted(durations), part * (len(durations) - 1)
    low = int(place)
    return ordered[low] + (ordered[math.ceil(place)] - ordered[low]) * (place - low)


@given(DURATIONS, st.floats(0, 1))
def test_a_percentile_is_off_by_the_stated_share_at_most(durations: list[float], part: float) -> None:
    """Against the exact percentile of the same durations."""
    found, wanted = Histogram.of(durations).percentile(part), exact(durations, part)
    assert found is not None
    assert abs(found - wanted) <= ERROR * wanted * (1 + 1e-9)
    assert ERROR < 0.045


def test_the_median_of_a_real_distribution() -> None:
    """A check that does not use the same formula."""
    durations = [1.7**n for n in range(-5, 12)]
    found = Histogram.of(durations).percentile(0.5)
    assert found == pytest.approx(statistics.median(durations), rel=0.045)


@given(DURATIONS, DURATIONS)
def test_the_sum_of_two_is_the_histogram_of_all(some: list[float], others: list[float]) -> None:
    """In any order, and by way of their bytes, however large the numbers are."""
    both = Histogram.of(some) + Histogram.of(others)
    assert both == Histogram.of([*others, *some])
    assert both.count == len(some) + len(others)
    many = Histogram({bucket: number * 10_000_019 for bucket, number in both.counts.items()})
    for each in (both, many, Histogram()):
        again = Histogram.from_bytes(each.to_bytes())
        assert again == each
        assert hash(again) == hash(each)
        assert bool(again) == bool(each.count)
    assert merged([both, both]).count == 2 * both.count


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (-1.0, 0), (0.00099, 0), (0.001, 1), (0.002, 9), (1e12, LAST), (math.inf, LAST), (86_400 * 42, LAST)],
)
def test_what_is_out_of_bounds_is_in_the_first_or_the_last_bucket(seconds: float, bucket: int) -> None:
    """Nothing is lost."""
    assert bucket_of(seconds) == bucket


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_longer_duration_is_in_no_earlier_bucket(one: float, other: float) -> None:
    """Buckets are in order, and no more than a byte."""
    first, second = sorted((one, other))
    assert 0 <= bucket_of(first) <= bucket_of(second) <= LAST


def test_of_nothing_there_is_no_percentile() -> None:
    """None, not zero. What cannot be read to its end gives what can."""
    assert Histogram().percentile(0.5) is None
    assert not Histogram()
    assert Histogram.from_bytes(b"\x05").count == 0
