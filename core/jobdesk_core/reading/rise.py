"""That failures have risen: within the last minutes, the running one included, beside the hour before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.reading.pace import PACE_MINUTES, minute_of

#: Failures that are worth a word, and how many times the usual pace.
FEWEST_FAILURES, TIMES_USUAL = 5, 3.0


@dataclass(frozen=True, slots=True)
class Rise:
    """Failures of a queue or task that have risen: so many within `minutes`, where `usual` were to be expected."""

    kind: Literal["queue", "task"]
    name: str
    failures: int
    usual: float
    minutes: int
    since: dt.datetime


def has_risen(failed: Sequence[int]) -> bool:
    """Whether the failures per minute of an hour, the running one last, have risen at its end.

    The running minute counts as a whole one: what it lacks can only make it less.
    """
    recent, before = failed[-PACE_MINUTES - 1 :], failed[: -PACE_MINUTES - 1]
    is_more = sum(recent) * len(before) >= TIMES_USUAL * sum(before) * len(recent)
    return sum(recent) >= FEWEST_FAILURES and is_more


def rise_of(kind: Literal["queue", "task"], name: str, failed: Sequence[int], now: dt.datetime) -> Rise:
    """What has risen, from the first minute with more failures than usual on."""
    recent, before = failed[-PACE_MINUTES - 1 :], failed[: -PACE_MINUTES - 1]
    usual = sum(before) / len(before)
    first = next((place for place, count in enumerate(recent) if count > usual), 0)
    minutes = len(recent) - first
    since = dt.datetime.fromtimestamp(60 * (minute_of(now) - minutes + 1), dt.UTC)
    return Rise(kind, name, sum(recent[first:]), usual * minutes, minutes, since)
