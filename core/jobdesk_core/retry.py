"""When a job that raised is to run again."""

from __future__ import annotations

import abc
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from jobdesk_core.exceptions import require_aware
from jobdesk_core.jobs import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """Run again at `retry_at` (aware); None for priority, queue or lock leaves it as it is."""

    retry_at: dt.datetime
    priority: int | None = None
    queue: str | None = None
    lock: str | None = None

    @classmethod
    def in_seconds(
        cls, seconds: float, *, priority: int | None = None, queue: str | None = None, lock: str | None = None
    ) -> RetryDecision:
        """Decide for so many seconds from now."""
        retry_at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        return cls(retry_at=retry_at, priority=priority, queue=queue, lock=lock)

    def __post_init__(self) -> None:
        require_aware(self.retry_at)


class BaseRetryStrategy(abc.ABC):
    """Decides about retries; the worker asks it after each exception of its task."""

    @abc.abstractmethod
    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when to run again, or None to let the job fail."""


@dataclass(frozen=True, kw_only=True)
class RetryStrategy(BaseRetryStrategy):
    """Retry up to `max_attempts` times (None: for ever) on `retry_exceptions` (None: on any).

    The wait in seconds after the n-th run (from 0) is `wait` + n * `linear_wait` +
    `exponential_wait` to the power of n + 1.
    """

    max_attempts: int | None = None
    wait: float = 0
    linear_wait: float = 0
    exponential_wait: float = 0
    retry_exceptions: Iterable[type[Exception]] | None = None

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if self.max_attempts is not None and job.attempts >= self.max_attempts:
            return None
        if self.retry_exceptions is not None and not isinstance(exception, tuple(self.retry_exceptions)):
            return None
        seconds = self.wait + self.linear_wait * job.attempts
        if self.exponential_wait:
            seconds += self.exponential_wait ** (job.attempts + 1)
        return RetryDecision.in_seconds(seconds)


def strategy_of(retry: bool | int | BaseRetryStrategy) -> BaseRetryStrategy | None:
    """A task's `retry` option as a strategy: False none, True for ever, a number that many times."""
    if isinstance(retry, BaseRetryStrategy):
        return retry
    if retry is True:
        return RetryStrategy()
    return RetryStrategy(max_attempts=retry) if retry else None
