"""When a job runs again: the waits, the limits, the exceptions, and what the `retry` option may be."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from jobdesk_core import BaseRetryStrategy, Job, RetryDecision, RetryStrategy
from jobdesk_core.retry import strategy_of


def job_after(attempts: int) -> Job:
    return Job(id=1, task_name="t", attempts=attempts)


@pytest.mark.parametrize(
    ("options", "waits"),
    [
        ({}, [0, 0, 0, 0]),
        ({"wait": 3}, [3, 3, 3, 3]),
        ({"linear_wait": 3}, [0, 3, 6, 9]),
        ({"exponential_wait": 3}, [3, 9, 27, 81]),
        ({"wait": 1, "linear_wait": 10, "exponential_wait": 2}, [3, 15, 29, 47]),
        ({"wait": 0.5}, [0.5, 0.5]),
    ],
)
def test_the_wait_after_each_run(options: dict[str, float], waits: list[float]) -> None:
    strategy = RetryStrategy(**options)
    for attempts, seconds in enumerate(waits):
        before = dt.datetime.now(dt.UTC)
        decision = strategy.get_retry_decision(exception=ValueError(), job=job_after(attempts))
        after = dt.datetime.now(dt.UTC)
        assert decision is not None
        assert before <= decision.retry_at - dt.timedelta(seconds=seconds) <= after
        assert (decision.priority, decision.queue, decision.lock) == (None, None, None)


@pytest.mark.parametrize(("attempts", "is_retried"), [(0, True), (1, True), (2, False), (3, False)])
def test_as_many_retries_as_max_attempts(attempts: int, is_retried: bool) -> None:
    decision = RetryStrategy(max_attempts=2).get_retry_decision(exception=ValueError(), job=job_after(attempts))
    assert (decision is not None) is is_retried


@pytest.mark.parametrize(
    ("exception", "is_retried"),
    [(KeyError("x"), True), (UnicodeError(), True), (OSError(), False), (Exception(), False)],
)
def test_only_the_named_exceptions_and_their_kinds_are_retried(exception: Exception, is_retried: bool) -> None:
    strategy = RetryStrategy(retry_exceptions=[KeyError, ValueError])
    for _ in range(2):
        decision = strategy.get_retry_decision(exception=exception, job=job_after(0))
        assert (decision is not None) is is_retried


def test_a_decision_for_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        RetryDecision(retry_at=dt.datetime(2030, 1, 1))


def test_a_decision_in_seconds_carries_its_changes() -> None:
    decision = RetryDecision.in_seconds(60, priority=1, queue="q", lock="l")
    assert dt.timedelta(0) < decision.retry_at - dt.datetime.now(dt.UTC) <= dt.timedelta(seconds=60)
    assert (decision.priority, decision.queue, decision.lock) == (1, "q", "l")


class Never(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        return None


NEVER = Never()


@pytest.mark.parametrize(
    ("option", "strategy"),
    [
        (False, None),
        (0, None),
        (True, RetryStrategy()),
        (1, RetryStrategy(max_attempts=1)),
        (5, RetryStrategy(max_attempts=5)),
        (NEVER, NEVER),
    ],
)
def test_the_retry_option_as_a_strategy(option: Any, strategy: BaseRetryStrategy | None) -> None:
    assert strategy_of(option) == strategy


def test_a_strategy_must_decide() -> None:
    with pytest.raises(NotImplementedError, match="get_retry_decision"):
        BaseRetryStrategy().get_retry_decision(exception=ValueError(), job=job_after(0))
