"""A rate of so many jobs a second: never more in any second, even, and what waits can be stopped and paused."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from acting import KINDS, Actor, acting
from database import run_sql
from jobdesk_core.jobs import Job
from jobdesk_core.operations import Cancel, NewJob, Progress, Rate, Result, apply_defers, plan_defers
from jobdesk_core.operations.change.apply import apply
from jobdesk_core.operations.rate import MOST_A_SECOND

each_kind = pytest.mark.parametrize("kind", KINDS)
TIMES = "SELECT extract(epoch FROM at)::float8 FROM procrastinate_events WHERE type = %s ORDER BY at"
OPEN = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL"
)


def fill(dsn: str, jobs: int) -> list[int]:
    return run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, %s) "
        "RETURNING id",
        jobs,
    )


def most_in_a_second(moments: list[float]) -> int:
    return max(sum(first <= moment < first + 1 for moment in moments) for first in moments)


async def cancel(actor: Actor, dsn: str, rate: Rate | None) -> Any:
    ids = fill(dsn, 30)
    return await actor.apply(await actor.plan(Cancel(), *ids), rate=rate)


async def defer_rows(actor: Actor, dsn: str, rate: Rate | None) -> Any:
    made = await actor.run(plan_defers([NewJob(n, Job(task_name="t")) for n in range(1, 31)], actor.able))
    return await actor.run(apply_defers(made, rate=rate))


@each_kind
@pytest.mark.parametrize(("act", "event"), [(cancel, "cancelled"), (defer_rows, "deferred")])
async def test_no_more_jobs_than_the_rate_are_done_in_any_second(
    dsn: str, kind: str, act: Callable[..., Any], event: str
) -> None:
    async with acting(dsn, kind) as actor:
        started = time.monotonic()
        ledger = await act(actor, dsn, Rate(20))
        took_s = time.monotonic() - started
    moments = run_sql(dsn, TIMES, event)
    assert ledger.counts[Result.DONE] == len(moments) == 30
    assert took_s > 1
    assert most_in_a_second(moments) <= 20
    assert len(set(moments)) == 15, "evenly, two jobs at a time"


@each_kind
async def test_without_a_rate_nothing_waits(dsn: str, kind: str) -> None:
    async with acting(dsn, kind) as actor:
        await cancel(actor, dsn, None)
    assert len(set(run_sql(dsn, TIMES, "cancelled"))) == 1, "one chunk"


@each_kind
async def test_a_stop_ends_the_wait_at_once(dsn: str, kind: str) -> None:
    ids = fill(dsn, 10)
    stopped: list[float] = []

    def watch(progress: Progress) -> bool:
        if progress.wait_s:
            stopped.append(time.monotonic() + progress.wait_s)
        return len(stopped) < 3

    async with acting(dsn, kind) as actor:
        ledger = await actor.apply(await actor.plan(Cancel(), *ids), rate=Rate(1), watch=watch)
        # The third time it was asked the same wait was still going on.
        assert time.monotonic() < stopped[0]
    assert ledger.is_stopped and ledger.counts == {Result.DONE: 1, Result.NOT_REACHED: 9}


@each_kind
async def test_while_it_waits_no_transaction_is_open(dsn: str, kind: str) -> None:
    ids = fill(dsn, 4)
    seen = []

    def watch(progress: Progress) -> bool:
        seen.append(run_sql(dsn, OPEN)[0] if progress.wait_s else 0)
        return True

    async with acting(dsn, kind) as actor:
        await actor.apply(await actor.plan(Cancel(), *ids), rate=Rate(4), watch=watch)
    assert len(seen) > 6 and set(seen) == {0}


async def test_after_a_pause_what_was_missed_is_not_made_up_for(dsn: str) -> None:
    ids = fill(dsn, 60)
    paused = []

    def watch(progress: Progress) -> bool:
        if progress.at == 12 and not paused:
            paused.append(True)
            time.sleep(1.5)
        return True

    async with acting(dsn) as actor:
        await actor.apply(await actor.plan(Cancel(), *ids), rate=Rate(40), watch=watch)
    moments = run_sql(dsn, TIMES, "cancelled")
    assert len(moments) == 60 and most_in_a_second(moments) <= 40


@pytest.mark.parametrize("act", [apply, apply_defers])
async def test_one_transaction_has_no_rate(dsn: str, act: Callable[..., Any]) -> None:
    async with acting(dsn) as actor:
        made = await actor.plan(Cancel(), *fill(dsn, 3))
        if act is apply_defers:
            made = await actor.run(plan_defers([NewJob(1, Job(task_name="t"))], actor.able))
        with pytest.raises(ValueError, match="no rate"):
            await actor.run(act(made, is_one_transaction=True, rate=Rate(5)), whole=True)


@pytest.mark.parametrize("answer_s", [0.0, 0.004, 0.3, 1.7])
@pytest.mark.parametrize("per_second", [1, 5, 7, 19, 20, 25, 99, 5_000])
def test_a_chunk_is_small_and_the_rate_is_kept_however_slow_the_server_is(per_second: int, answer_s: float) -> None:
    now = 100.0
    rate = Rate(per_second, lambda: now)
    size = rate.most(2_000)
    assert size <= max(1, per_second // 10)
    late: list[float] = []
    for number in itertools.count():
        now += max(0.0, rate.wait_s(size))
        for _ in rate.turn(size, Progress(0, 1)):
            raise AssertionError("it had waited already")
        # The server may do it as late as in its answer, and the next as soon as it is sent.
        late += [now + (answer_s if number % 2 == 0 else 0.0)] * size
        now += answer_s
        rate.note(size)
        if now > 104:
            break
    for start, moment in enumerate(late[:: max(1, size)]):
        after = [each for each in late[start * size :] if each < moment + 1 - 1e-9]
        assert len(after) <= per_second
    if answer_s <= 0.004:
        assert len(late) / (now - 100) > 0.85 * per_second


def test_no_rate_changes_no_chunk_and_a_wrong_one_is_refused() -> None:
    assert Rate().most(2_000) == 2_000 and Rate().wait_s(10) < 0
    for wrong in (-1, MOST_A_SECOND + 1):
        with pytest.raises(ValueError, match="from 0 to 100,000"):
            Rate(wrong)
