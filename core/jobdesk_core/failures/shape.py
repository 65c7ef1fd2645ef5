"""What the course of failures over the buckets of a range looks like: rising, and bursts. No table is asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.failures.exact import binomial_tail, poisson_tail
from jobdesk_core.failures.records import Burst

#: Fewer failures are neither rising nor a burst.
FEWEST = 5
#: Rising: this many times the rate of the three quarters before, and by chance at most once in a hundred.
RISING_RATIO, RISING_CHANCE = 2.0, 0.01
#: A burst: this many times what the quieter buckets have, and by chance at most once in a thousand such ranges.
BURST_RATIO, BURST_CHANCE = 3.0, 0.001
#: Buckets that are quiet have at least so many failures on average, or one failure would be infinitely many.
_QUIETEST = 0.1


def is_rising(trend: Sequence[int]) -> bool:
    """Whether the newest quarter of the buckets has far more failures than the three quarters before."""
    quarter = len(trend) // 4
    if not quarter:
        return False
    total, recent = sum(trend), sum(trend[-quarter:])
    share = quarter / len(trend)
    earlier_rate = (total - recent) / (len(trend) - quarter)
    return (
        recent >= FEWEST
        and recent / quarter >= RISING_RATIO * earlier_rate
        and binomial_tail(recent, total, share) <= RISING_CHANCE
    )


def bursts(trend: Sequence[int], start: dt.datetime, bucket_s: int) -> tuple[Burst, ...]:
    """The runs of buckets that have far more failures than the quieter three quarters of all have on average."""
    quieter = sorted(trend)[: max(1, len(trend) * 3 // 4)]
    usual = max(_QUIETEST, sum(quieter) / len(quieter)) if quieter else 0.0
    found: list[Burst] = []
    for place, failed in enumerate(trend):
        if not _is_burst(failed, usual, len(trend)):
            continue
        begins, ends = (start + dt.timedelta(seconds=bucket_s * each) for each in (place, place + 1))
        if found and found[-1].end == begins:
            begins, failed = found[-1].start, found[-1].failed + failed
            del found[-1]
        found.append(Burst(begins, ends, failed))
    return tuple(found)


def _is_burst(failed: int, usual: float, buckets: int) -> bool:
    return failed >= FEWEST and failed >= BURST_RATIO * usual and poisson_tail(failed, usual) <= BURST_CHANCE / buckets
