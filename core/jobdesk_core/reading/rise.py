"""That failures have risen: within the last minutes, the running one included, beside the hour before."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.reading.pace import PACE_MINUTES, minute_of

#: Failures that are worth a word, and how many times the usual pace.
FEWEST_FAILURES, TIMES_USUAL = 5, 3.0
#: Chance alone brings more than usual now and then; that many times its standard deviation it hardly ever does.
DEVIATIONS = 5.0
#: With fewer minutes before than this nothing is known of the usual, and this share of the runs has to have failed.
FEWEST_MINUTES, SHARE = PACE_MINUTES + 1, 0.05


@dataclass(frozen=True, slots=True)
class Rise:
    """Failures of a queue or task that have risen: so many within `minutes`, where `usual` were to be expected.

    `is_retried`: what has risen are attempts of a task that failed and are tried again by themselves.
    """

    kind: Literal["queue", "task"]
    name: str
    failures: int
    usual: float
    minutes: int
    since: dt.datetime
    is_retried: bool = False


def has_risen(failed: Sequence[int], ended: Sequence[int]) -> bool:
    """Whether the failures per minute of an hour, the running one last, have risen at its end.

    `ended` are the runs that ended. The running minute counts as a whole one: what it lacks can only make it less.
    """
    recent, before = failed[-PACE_MINUTES - 1 :], _before(failed, ended)
    failures = sum(recent)
    if failures < FEWEST_FAILURES:
        return False
    if len(before) < FEWEST_MINUTES:
        return failures >= SHARE * sum(ended[-PACE_MINUTES - 1 :])
    return is_clear(failures, sum(before), len(recent) / len(before))


def is_storm(retried: Sequence[int], ended: Sequence[int]) -> bool:
    """Whether half of the attempts that `ended` in each of these minutes were to be `retried`, from the first minute
    with such a one on, and this in more than one minute.

    Of some that fail now and then their being tried again takes care; and stalled jobs that somebody has set back
    look alike, but come at once.
    """
    first = next((place for place, count in enumerate(retried) if count), 0)
    return 2 * sum(retried) >= sum(ended[first:]) and sum(count > 0 for count in retried) > 1


def is_clear(failures: float, before: float, part: float) -> bool:
    """Whether so many are more than usual and more than chance brings, after `before` in the time of which this is a
    `part` long.
    """
    usual = part * before
    # Of none before it is not known that there never are any: half a one stands for that.
    chance = DEVIATIONS * math.sqrt(part * (before + 0.5) * (1 + part))
    return failures >= max(TIMES_USUAL * usual, usual + chance)


def rise_of(
    kind: Literal["queue", "task"], name: str, failed: Sequence[int], ended: Sequence[int], now: dt.datetime
) -> Rise:
    """What has risen, from the first minute with more failures than usual on."""
    recent, before = failed[-PACE_MINUTES - 1 :], _before(failed, ended)
    usual = sum(before) / len(before) if before else 0.0
    first = next((place for place, count in enumerate(recent) if count > usual), 0)
    minutes = len(recent) - first
    since = dt.datetime.fromtimestamp(60 * (minute_of(now) - minutes + 1), dt.UTC)
    return Rise(kind, name, sum(recent[first:]), usual * minutes, minutes, since)


def _before(failed: Sequence[int], ended: Sequence[int]) -> Sequence[int]:
    """The failures of the minutes before, from the first run on: until then there was nothing that could fail."""
    until = len(failed) - PACE_MINUTES - 1
    first = next((place for place in range(until) if ended[place]), until)
    return failed[first:until]
