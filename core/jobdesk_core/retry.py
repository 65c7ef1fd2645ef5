"""When a job that raised is to run again."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from jobdesk_core.exceptions import JobRetry, require_aware
from jobdesk_core.jobs import Job
from jobdesk_core.types import TimeDeltaParams
from jobdesk_core.utils import datetime_from_timedelta_params, utcmax, utcnow


class RetryDecision:
    """Run again at `retry_at` (aware) or in `retry_in` (keywords of timedelta), by default at once.

    None for priority, queue or lock leaves it as it is. Both times together, or a naive one, raise ValueError.
    """

    def __init__(
        self,
        *,
        retry_at: dt.datetime | None = None,
        retry_in: TimeDeltaParams | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        if retry_at is not None and retry_in is not None:
            raise ValueError("Cannot set both retry_at and retry_in")
        if retry_in is not None:
            retry_at = datetime_from_timedelta_params(retry_in)
        #: None: at once.
        self.retry_at = require_aware(retry_at) if retry_at is not None else None
        self.priority = priority
        self.queue = queue
        self.lock = lock

    @classmethod
    def in_seconds(
        cls, seconds: float, *, priority: int | None = None, queue: str | None = None, lock: str | None = None
    ) -> RetryDecision:
        """Decide for so many seconds from now; a time beyond the last that there is becomes that one."""
        try:
            retry_at = utcnow() + dt.timedelta(seconds=seconds)
        except OverflowError:
            retry_at = utcmax()
        return cls(retry_at=retry_at, priority=priority, queue=queue, lock=lock)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if value is not None)
        return f"RetryDecision({values})"


class BaseRetryStrategy:
    """Decides about retries: a subclass has `get_retry_decision`, which the worker asks after each exception."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when to run again, or None to let the job fail."""
        raise NotImplementedError("A retry strategy needs a method get_retry_decision.")

    def get_schedule_in(self, *, exception: BaseException, attempts: int) -> int | None:
        """The seconds to wait, or None: what older strategies have instead of `get_retry_decision`."""
        raise NotImplementedError()

    def get_retry_exception(self, exception: BaseException, job: Job) -> JobRetry | None:
        """The decision as an exception, or None to let the job fail. An older strategy is asked in its own way."""
        try:
            seconds = self.get_schedule_in(exception=exception, attempts=job.attempts)
        except NotImplementedError:
            decision = self.get_retry_decision(exception=exception, job=job)
        else:
            warnings.warn("get_schedule_in is deprecated: use get_retry_decision.", DeprecationWarning, stacklevel=2)
            decision = RetryDecision.in_seconds(seconds) if seconds is not None else None
        return JobRetry(decision) if decision is not None else None


@dataclass(kw_only=True)
class RetryStrategy(BaseRetryStrategy):
    """Retry up to `max_attempts` times (None or 0: for ever) on `retry_exceptions` (None or empty: on any).

    The wait in seconds after the n-th run (from 0) is `wait` + n * `linear_wait` +
    `exponential_wait` to the power of n + 1.
    """

    max_attempts: int | None = None
    wait: float = 0
    linear_wait: float = 0
    exponential_wait: float = 0
    retry_exceptions: Iterable[type[Exception]] | None = None

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if self.max_attempts and job.attempts >= self.max_attempts:
            return None
        if self.retry_exceptions and not isinstance(exception, tuple(self.retry_exceptions)):
            return None
        return RetryDecision.in_seconds(self._seconds_after(job.attempts))

    def _seconds_after(self, attempts: int) -> float:
        try:
            exponential = self.exponential_wait ** (attempts + 1) if self.exponential_wait else 0
            return float(self.wait + self.linear_wait * attempts + exponential)
        except OverflowError:
            return dt.timedelta.max.total_seconds()


RetryValue: TypeAlias = bool | int | BaseRetryStrategy


def get_retry_strategy(retry: RetryValue) -> BaseRetryStrategy | None:
    """A task's `retry` option as a strategy: False none, True for ever, a number that many times."""
    if isinstance(retry, BaseRetryStrategy):
        return retry
    if retry is True:
        return RetryStrategy()
    return RetryStrategy(max_attempts=retry) if retry else None


#: By its other name.
strategy_of = get_retry_strategy
