"""One contract for ours and the real Procrastinate: cron expressions, and the times that a busy worker missed."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from croniter import CroniterBadDateError
from database import run_sql
from interop.twins import MODULES, twin_of
from jobdesk_core.cron import Schedule
from procrastinate.periodic import PeriodicDeferrer, PeriodicTask
from working import opened_app

#: Expressions with the number of their fields, wrapped ranges, names, days of the week and of the month, and seconds.
GOOD = """
* * * * * */15 | */15 * * * * * | 0 4 * * * 30 | * * * * * 55-5 | */7 * * * * 0 | * * * * * * | * * * * * * *
0 0 1 1 * 0 2030 | @daily | @DAILY | @hourly | @midnight | @weekly | @monthly | @yearly | @annually
0 22-2 * * * | 50-10 * * * * | 0 0 5-2 * * | 0 0 * 11-2 * | 0 0 * * fri-mon | 0 0 * * sun-tue | 0 0 * * 0-7 | 0 0 * * 7
0 0 ? * 1 | 0 0 1 * ? | 0 0 15W * * | 0 0 1W * * | 0 0 L * * | 0 0 * * L5 | 0 0 * * fri#2 | 0 0 * * 5#2,1#1
5/15 * * * * | */61 * * * * | 0-30/7 3,4 * * * | 0 0 1,15 * 5 | 0 0 29 2 * | 0 0 * jan mon | 30 2 * * * | 0  0 * *  1
15,45 8-18/2 * mar,jul-sep 1-5
""".replace("\n", "|").split("|")
BAD: list[Any] = [
    "",
    " ",
    "* * * *",
    "60 * * * *",
    "0 0 0 * *",
    "? * * * *",
    "0 0 * * 5L",
    "0 0 LW * *",
    "@reboot",
    "every day",
]
BAD += ["@every 5m", "H * * * *", "0 0 30 2 *", "0 0 31 4,6 *", "* * * * * 0 1990", "* * * * * * * *", None, 5]
#: Before a leap day, before clocks are set in Europe and in America, and within a minute.
FROM = [dt.datetime(2028, 2, 27, 22, 59, 59), dt.datetime(2026, 3, 7, 1, 30, 0, 500_000), dt.datetime(2026, 10, 24, 23)]


def theirs(cron: Any, since: float) -> Iterator[float]:
    """The times by their own reading. The timestamps of theirs are whole seconds."""
    task = PeriodicTask(task=None, cron=cron, periodic_id="", configure_kwargs={})  # type: ignore[arg-type]
    with contextlib.suppress(CroniterBadDateError):  # its last year is over
        yield from PeriodicDeferrer(registry=None).get_timestamps(task, int(since), since + 9e8)  # type: ignore[arg-type]


def ours(cron: Any, since: float) -> Iterator[float]:
    schedule, moment = Schedule(cron), float(int(since))
    while True:
        yield (moment := schedule.after(moment))


@pytest.mark.parametrize("cron", [text.strip() for text in GOOD if text.strip()])
def test_a_cron_expression_is_read_as_theirs_is(cron: str) -> None:
    for moment in FROM:
        since = moment.replace(tzinfo=dt.UTC).timestamp()
        expected = list(itertools.islice(theirs(cron, since), 4))
        assert list(itertools.islice(ours(cron, since), len(expected))) == expected
        assert len(expected) == 4 or cron.endswith("2030")
        first = Schedule(cron).after(since)
        assert first - 1 <= Schedule(cron).before(first + 1) <= first


@pytest.mark.parametrize("cron", BAD)
def test_what_is_no_cron_expression_for_them_is_none_for_us(cron: Any) -> None:
    with pytest.raises((ValueError, AttributeError, StopIteration)):
        next(theirs(cron, time.time()))
    with pytest.raises(ValueError, match="cron expression"):
        next(ours(cron, time.time()))


def test_what_is_left_to_chance_is_drawn_once() -> None:
    for cron in ("R * * * *", "R(0-10) R * * *", "0 0 * * * R"):
        schedule = Schedule(cron)
        first = schedule.after(1e9)
        assert {(schedule.after(first + n * 86400 - 1) - first) % 86400 for n in range(5)} == {0}
    assert len({Schedule("R R * * *").after(1e9) for _ in range(50)}) > 1


@pytest.mark.parametrize("module", list(MODULES.values()), ids=list(MODULES))
async def test_the_times_that_a_busy_loop_missed_are_made_up_for(dsn: str, module: Any) -> None:
    async with twin_of(module, dsn) as twin:
        twin.app.periodic(cron="* * * * * *")(twin.app.task(name="tick", queue="nobody")(lambda timestamp: None))

        @twin.app.task(name="block")
        async def block() -> None:
            time.sleep(3.5)  # noqa: ASYNC251 - on purpose

        await twin.defer("block")
        started = time.time()
        running = asyncio.create_task(
            twin.app.run_worker_async(queues=["default"], fetch_job_polling_interval=0.2, install_signal_handlers=False)
        )
        await asyncio.sleep(max(0, started + 6.5 - time.time()))
        running.cancel()
        await asyncio.wait({running}, timeout=60)
    due = run_sql(dsn, "SELECT (args->>'timestamp')::int FROM procrastinate_jobs WHERE task_name = 'tick' ORDER BY id")
    assert len(due) >= 6
    assert due == list(range(due[0], due[0] + len(due)))


async def test_several_late_workers_defer_each_time_once(dsn: str) -> None:
    """Theirs doubles some: the database forgets a time when a later one is deferred, and then takes it for new."""
    times = range(1000, 1040)
    async with opened_app(dsn) as app:
        job = app.task(name="tick", queue="nobody")(lambda timestamp: None).configure().job

        async def worker(seed: int) -> None:
            pauses = random.Random(seed)
            for timestamp in times:
                await asyncio.sleep(pauses.choice([0, 0, 0.001, 0.01]))
                await app.job_manager.defer_due_job(job, periodic_id="", defer_timestamp=timestamp)

        await asyncio.gather(*map(worker, range(4)))
        for late in times:
            assert await app.job_manager.defer_due_job(job, periodic_id="", defer_timestamp=late) is None
    assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs") == [len(times)]
