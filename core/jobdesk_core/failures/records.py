"""The values that tell of failures: groups, a time line with its bursts and marks, and what the failed have in common.

A *failed run* is one that ended in the event `failed`, or in `deferred_for_retry`: its error led to another attempt.
So one job can have several of them. A stalled job that somebody put back counts too: both write the same event.
An *ended run* is a failed run, or one that ended in `succeeded` or `aborted`. Jobs that were deleted have left no
events, and an `aborting` job of releases 2.7 to 2.15 writes none at its end: neither is counted.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
from dataclasses import dataclass


class By(enum.Enum):
    """What failures are grouped by first."""

    TASK = "task"
    ERROR = "error"
    WORKER = "worker"


class Range(enum.Enum):
    """How far back failures are counted. The value is what is typed; `all` has no beginning."""

    QUARTER_HOUR = "15m"
    HOUR = "1h"
    SIX_HOURS = "6h"
    DAY = "24h"
    WEEK = "7d"
    ALL = "all"

    @property
    def seconds(self) -> int | None:
        """The length; None for all. What is counted begins at a whole bucket, hence up to one bucket earlier."""
        return _LENGTHS[self][0]

    @property
    def bucket_s(self) -> int | None:
        """The seconds of one bucket of the time line; None for all, where it depends on how far the events reach."""
        return _LENGTHS[self][1]


_LENGTHS: dict[Range, tuple[int | None, int | None]] = {
    Range.QUARTER_HOUR: (900, 30),
    Range.HOUR: (3_600, 60),
    Range.SIX_HOURS: (21_600, 300),
    Range.DAY: (86_400, 1_800),
    Range.WEEK: (604_800, 10_800),
    Range.ALL: (None, None),
}


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """What the workers reported of an error: what groups it, its type, and one of its messages."""

    fingerprint: str
    type: str
    message: str


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures that belong together: of a task, of an error, of a worker; `children` divide them further.

    What a group is not of is None: a task's group has no `error` when its errors differ or are not reported, its
    children are its errors, and the child without one is "not reported by this worker". A group of By.WORKER without
    a `worker` has those runs whose worker is not known any more; releases before 3.1 know of none.
    """

    task: str | None
    error: ErrorKind | None
    worker: int | None
    #: Failed runs of the range, and of how many ended runs of the same task (or worker); None: not known by error.
    failed: int
    runs: int | None
    #: The share of failed runs in the time before the range; None: not known, or not read yet.
    usual: float | None
    #: Failed runs per bucket, the oldest first.
    trend: tuple[int, ...]
    #: The first and the last failed run within the range (UTC).
    first: dt.datetime
    last: dt.datetime
    #: Jobs that have failed in the range and are failed now.
    still_failed: int
    #: Since when it fails, when it never did before in what the database holds; None: it did, or that is not known.
    new_since: dt.datetime | None = None
    #: How long it had not failed before the range's first; None: not for long, never, or not known.
    back_after: dt.timedelta | None = None
    #: At least five failures in the newest quarter of the range, twice the rate of before, and hardly by chance.
    is_rising: bool = False
    #: The filter that finds the jobs which are still failed; None when no filter does.
    filter: str | None = None
    children: tuple[FailureGroup, ...] = ()
    #: Whether it is the runs of a task of which no error was reported, beside others of which one was.
    is_unreported: bool = False

    @property
    def share(self) -> float | None:
        """The share of failed runs, from 0 to 1."""
        return self.failed / self.runs if self.runs else None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that had not run before did at this time (UTC): `kind` is "task" or "worker"; whatever deploys tell."""

    at: dt.datetime
    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Burst:
    """Buckets beside each other with far more failures than the others: from, to (UTC), and how many."""

    start: dt.datetime
    end: dt.datetime
    failed: int


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures of a range, as far as they have been counted.

    While `is_counted` is False the numbers are those from `read_back_to` on: older runs, or what was reported of
    them, are still to be read, and nothing is rising or a burst yet. When it is, and `is_whole` is not, what was usual,
    new or back is still to be found out.
    """

    read_at: dt.datetime
    #: The beginning of the range (UTC); None: all that there is.
    since: dt.datetime | None
    by: By
    #: The beginning of the first bucket (UTC), the seconds of each, and failed runs per bucket, the oldest first.
    start: dt.datetime
    bucket_s: int
    trend: tuple[int, ...]
    #: The rising ones first, then those with most failures.
    groups: tuple[FailureGroup, ...]
    failed: int
    runs: int
    still_failed: int
    #: Failed runs by queue, most first.
    queues: tuple[tuple[str, int], ...]
    bursts: tuple[Burst, ...]
    marks: tuple[Mark, ...]
    is_counted: bool
    is_whole: bool
    #: How far back all runs have been looked at (UTC); None before the first answer, or when there is nothing.
    read_back_to: dt.datetime | None
    #: Why groups are not divided by errors, in a sentence; empty when they are.
    unreported: str = ""


@dataclass(frozen=True, slots=True)
class Common:
    """Something that is true of more of the failed than of the succeeded.

    `what` is "args.template", "worker", "hour", ..., `value` as it is told: "eu-2026", "over 50", "present". `p` is
    the chance of such a difference where there is none, corrected for how many were looked at.
    """

    what: str
    value: str
    failed: int
    failed_share: float
    succeeded: int
    succeeded_share: float
    p: float
    #: Why it is true anyway, in a sentence: then it is no finding. Empty otherwise.
    trivial: str = ""
    #: The filter that finds the jobs with this; None when no filter does.
    filter: str | None = None

    @property
    def ratio(self) -> float:
        """How many times as frequent among the failed; infinite when no succeeded one has it."""
        return self.failed_share / self.succeeded_share if self.succeeded_share else math.inf


@dataclass(frozen=True, slots=True)
class Contrast:
    """What the failed jobs of a task have in common, against its succeeded ones of the same range.

    Each job counts once, with its newest run, however often it was retried. `failed` and `succeeded` are the jobs
    that were compared; where there are very many, an even sample of them: `is_sample`.
    """

    task: str
    error: ErrorKind | None
    failed: int
    succeeded: int
    is_sample: bool
    #: The surest first.
    values: tuple[Common, ...]
    #: What differs surely, too, but by less than twice.
    slight: tuple[Common, ...]
    #: "Too few to compare.", "Nothing stands out.", or empty.
    note: str
    is_whole: bool
