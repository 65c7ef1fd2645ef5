"""What becomes of retried jobs while the act goes on: every sum adds up, a brake holds it, a stop is answered soon."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from acting import KINDS, acting
from database import run_sql
from jobdesk_core.jobs import Status
from jobdesk_core.operations import Brake, Cancel, Ledger, Progress, Rate, Result, Retried, Retry, apply, what_became
from jobdesk_core.operations.change.retried import FOLLOWED

each_kind = pytest.mark.parametrize("kind", KINDS)


def fail(dsn: str, jobs: int) -> list[int]:
    """So many failed jobs."""
    return run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts) "
        "SELECT 'q', 't', 'failed', 1 FROM generate_series(1, %s) RETURNING id",
        jobs,
    )


def end(dsn: str, status: str, *ids: int) -> None:
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = ANY (%s)", list(ids))
    call = "SELECT procrastinate_finish_job_v1(id, %s::procrastinate_job_status, false)"
    run_sql(dsn, f"{call} FROM unnest(%s::bigint[]) AS id", status, list(ids))


def check(found: Retried) -> None:
    """The two sums."""
    not_retried = found.skipped + found.refused + found.unknown + found.not_reached + found.rolled_back
    assert found.chosen == found.to_go + found.retried + not_retried, found
    open_, ended = found.waiting + found.running, found.succeeded + found.failed + found.cancelled + found.aborted
    assert found.retried == open_ + ended + found.gone + found.not_followed, found


@each_kind
async def test_what_became_of_retried_jobs_adds_up_at_every_moment(dsn: str, kind: str) -> None:
    ids = fail(dsn, 30)
    run_sql(dsn, "UPDATE procrastinate_jobs SET queueing_lock = 'only' WHERE id = ANY (%s)", ids[:2])
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", ids[2])
    seen: list[tuple[Progress, Retried]] = []
    async with acting(dsn, kind) as actor, acting(dsn, "sync") as other:
        made = await actor.plan(Retry(), *ids, 99_999)
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'cancelled' WHERE id = %s", ids[29])
        ledger = Ledger(made)

        def watch(progress: Progress) -> bool:
            seen.append((progress, other.connector.run(what_became(ledger))))
            return True

        steps = apply(made, chunk_size=10, ledger=ledger)
        assert await actor.run(steps, watch=watch) is ledger
        for _, found in seen:
            check(found)
        assert [found.to_go for _, found in seen] == sorted((found.to_go for _, found in seen), reverse=True)
        assert seen[0][1].to_go == 18 and seen[0][1].retried == 10
        last, found = seen[-1]
        assert (found.chosen, found.retried, found.skipped, found.to_go) == (31, 27, 4, 0)
        assert (last.at, last.of, last.done, last.skipped) == (28, 28, 27, 1), "beside what the preflight had skipped"
        assert last.per_second > 0
        retried = [*ids[:1], *ids[3:29]]
        assert list(ledger.done_ids) == retried
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = ANY (%s)", retried[:3])
        end(dsn, "succeeded", *retried[3:8])
        end(dsn, "failed", *retried[8:12])
        end(dsn, "aborted", *retried[12:13])
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'cancelled' WHERE id = ANY (%s)", retried[13:15])
        run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id = ANY (%s)", retried[15:16])
        later = "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE id = ANY (%s)"
        run_sql(dsn, later, retried[16:18])
        found = other.connector.run(what_became(ledger))
    check(found)
    assert (found.waiting, found.scheduled, found.running, found.succeeded, found.failed) == (11, 2, 3, 5, 4)
    assert (found.aborted, found.cancelled, found.gone, found.ended, found.is_over) == (1, 2, 1, 13, False)


async def test_more_jobs_than_are_followed_are_told_as_such(dsn: str) -> None:
    async with acting(dsn) as actor:
        made = await actor.plan(Retry(), 1)
        ledger = Ledger(made)
        ledger.add_done(ledger.outcomes_of(list(range(1, FOLLOWED + 11)), None, Status.FAILED), Status.FAILED)
        found = await actor.run(_asking(what_became(ledger)))
    assert (found.not_followed, found.gone, found.retried) == (10, FOLLOWED, FOLLOWED + 10)


def _asking(statement: Any) -> Any:
    return (yield statement)


# The brake


@pytest.mark.parametrize(
    ("share", "ended", "failed", "is_held"),
    [
        (0.1, 100, 10, False),
        (0.1, 100, 11, True),
        (0.1, 9, 9, False),
        (0.1, 10, 2, True),
        (0.5, 10, 5, False),
        (0.5, 10, 6, True),
        (0.001, 100, 0, False),
        (0.001, 100, 1, True),
    ],
)
def test_a_brake_holds_above_its_share_of_enough_jobs(share: float, ended: int, failed: int, is_held: bool) -> None:
    said = Brake(share).reason(ended, failed)
    assert bool(said) is is_held
    assert not said or said == f"{failed} of the last {ended} retried jobs that ended have failed again."


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 10.0, float("nan")])
def test_a_brake_has_a_share_between_none_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Brake(share)


@each_kind
@pytest.mark.parametrize("goes_on", [True, False], ids=["goes on", "stops"])
async def test_a_retry_is_held_while_too_many_of_its_jobs_fail_again(dsn: str, kind: str, goes_on: bool) -> None:
    fail(dsn, 60)
    held: list[Progress] = []
    async with acting(dsn, kind) as actor:
        made = await actor.plan(Retry(), text="status:failed")

        def watch(progress: Progress) -> bool:
            if progress.held:
                held.append(progress)
                return goes_on
            waiting = run_sql(dsn, "SELECT id FROM procrastinate_jobs WHERE status = 'todo'")
            # Until it is held, each of the retried jobs fails again; then they succeed.
            end(dsn, "succeeded" if held else "failed", *waiting)
            return True

        clock = iter(range(10_000))
        brake = Brake(0.1, clock=lambda: float(next(clock)))
        ledger = await actor.run(apply(made, rate=Rate(100), brake=brake), watch=watch)
    assert len(held) == 1, "released, it looks at the jobs retried since"
    assert held[0].held.startswith("10 of the last 10 retried jobs") and held[0].at == 10
    if goes_on:
        assert ledger.counts[Result.DONE] == 60 and not ledger.held and not ledger.is_stopped
    else:
        assert (ledger.counts[Result.DONE], ledger.counts[Result.NOT_REACHED]) == (10, 50)
        assert ledger.is_stopped and ledger.held == held[0].held


async def test_the_brake_looks_at_the_last_that_ended_and_not_at_those_before(dsn: str) -> None:
    ids = fail(dsn, 40)
    end(dsn, "succeeded", *ids[20:30])
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'todo' WHERE id = ANY (%s)", ids[30:])
    async with acting(dsn) as actor:
        brake = Brake(0.1, last=15)
        assert await actor.run(_asking(brake.look(ids))) == (15, 5), "the first failed ones are too long ago"
        assert await actor.run(_asking(brake.look(ids[::-1]))) == (15, 15), "by the order in which they were retried"
        brake.release(20)
        assert await actor.run(_asking(brake.look(ids))) == (10, 0)


async def test_a_brake_is_for_a_retry_with_a_rate(dsn: str) -> None:
    fail(dsn, 1)
    async with acting(dsn) as actor:
        made, other = await actor.plan(Retry(), 1), await actor.plan(Cancel(), 1)
        for plan, rate in ((made, None), (other, Rate(10))):
            with pytest.raises(ValueError, match="brake"):
                await actor.run(apply(plan, rate=rate, brake=Brake(0.1)))


# A stop


@each_kind
@pytest.mark.parametrize("rate", [None, Rate(5)], ids=["chunks", "rate"])
async def test_a_stop_is_answered_within_a_tenth_of_a_second(dsn: str, kind: str, rate: Rate | None) -> None:
    fail(dsn, 3_000)
    run_sql(
        dsn,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END$$; "
        "CREATE TRIGGER slow BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    asked: list[float] = []
    began = time.monotonic()

    def watch(progress: Progress) -> bool:
        asked.append(time.monotonic())
        return time.monotonic() - began < 1

    async with acting(dsn, kind) as actor:
        made = await actor.plan(Retry(), text="status:failed")
        began = time.monotonic()
        ledger = await actor.run(apply(made, rate=rate), watch=watch)
    assert ledger.is_stopped and ledger.counts[Result.NOT_REACHED]
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(asked))
    assert gaps[len(gaps) // 2] < 0.6, "it is asked whether to go on at least so often, once chunks have their size"
