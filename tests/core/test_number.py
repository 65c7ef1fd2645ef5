"""Numbers say what they are worth, in the same words everywhere, and what is not known is never a zero."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from jobdesk_core import moments
from jobdesk_core.cli import output
from jobdesk_core.number import (
    Number,
    at_least,
    estimated,
    exact,
    known_at,
    rounded,
    sentence,
    short,
    so_far,
    text,
    unknown,
)

#: Long ago: with its date, whatever day it is.
AT = dt.datetime(2026, 1, 2, 22, 40, 2, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def in_utc() -> Iterator[None]:
    moments.tell_in(dt.UTC)
    yield
    moments.tell_in(None)


@pytest.mark.parametrize(
    ("number", "whole", "narrow", "says"),
    [
        (exact(1_234), "1,234", "1,234", ""),
        (exact(0), "0", "0", ""),
        (
            known_at(1_234, AT),
            "1,234 as of 2026-01-02 22:40:02",
            "1,234",
            "As of 2026-01-02 22:40:02; it may have changed since.",
        ),
        (known_at(7, None), "7", "7", "As of –; it may have changed since."),
        (estimated(1_234_567), "≈1.2 M", "≈1.2 M", "Estimated, not counted."),
        (estimated(0, AT), "≈0", "≈0", "Estimated, not counted; as of 2026-01-02 22:40:02."),
        (estimated(None), "–", "–", "Not known."),
        (so_far(1_234), "1,234 so far", "1,234+", "Counted so far; counting goes on."),
        (at_least(1_000), "1,000+", "1,000+", "At least this many: no more were counted."),
        (at_least(9, "Only the newest jobs were searched."), "9+", "9+", None),
        (unknown("It took too long."), "–", "–", "Not known. It took too long."),
    ],
)
def test_a_number_says_what_it_is(number: Number, whole: str, narrow: str, says: str | None) -> None:
    assert (text(number), short(number)) == (whole, narrow)
    told = sentence(number)
    assert told == says if says is not None else told.endswith(number.reason)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        *((0, "0"), (840, "840"), (1_234, "1,230"), (12_345, "12,300"), (999_499, "999,000")),
        *((999_999, "1.0 M"), (1_249_999, "1.2 M"), (9_999_999, "10 M"), (123_456_789, "123 M")),
        (12_345_678_901, "12,300 M"),
    ],
)
def test_an_estimate_has_no_more_digits_than_it_is_good_for(value: int, told: str) -> None:
    assert rounded(value) == told


def test_json_has_the_number_and_what_it_is_worth() -> None:
    assert output.as_json(known_at(3, AT)) == {
        "value": 3,
        "kind": "as of",
        "as_of": "2026-01-02T22:40:02+00:00",
        "reason": "",
    }
    assert output.as_json(unknown()) == {"value": None, "kind": "unknown", "as_of": None, "reason": ""}
