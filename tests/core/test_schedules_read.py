"""Periodic tasks read from databases of every release: their runs, whose they are, and what has become of them."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import Any

import pytest
import reports
from database import role, run_sql
from failing import able_of, connected_now
from jobdesk_core import Job, JobManager, Status
from jobdesk_core.clock import ServerClock
from jobdesk_core.database.asking import ask
from jobdesk_core.database.limited import ask_limited, ask_limited_async
from jobdesk_core.schedules import reader as reading
from jobdesk_core.schedules.reader import ScheduleReader, Schedules
from jobdesk_core.schedules.schedule import Schedule
from managing import managing, worker_of
from periodic import Planned, plant
from releases import STATES

MINUTE = 60


def read(dsn: str, reader: ScheduleReader | None = None, budget_s: float = 5.0) -> Schedules:
    """One reading, by a reader of its own or by this one."""
    with connected_now(dsn) as connector:
        used = reader or ScheduleReader(able_of(dsn))
        return ask_limited(used.more(budget_s), connector, 30)


def of(found: Schedules, task: str, periodic_id: str = "") -> Schedule:
    return next(each for each in found.schedules if each.key == (task, periodic_id))


def this_minute() -> int:
    return int(time.time()) // MINUTE * MINUTE


async def defer(manager: JobManager, task: str, at: int, periodic_id: str = "", **options: Any) -> int:
    """Defer a periodic task as a worker does."""
    arguments = options.pop("task_kwargs", {}) | {"timestamp": at}
    job = Job(task_name=task, task_kwargs=arguments, **options)
    job_id = await manager.defer_periodic_job(job, periodic_id, at)
    assert job_id is not None
    return job_id


async def run_some(manager: JobManager, count: int) -> None:
    """Run so many jobs, one after the other."""
    worker_id = await worker_of(manager)
    for _ in range(count):
        job = await manager.fetch_job(None, worker_id)
        assert job is not None
        await manager.finish_job(job, Status.SUCCEEDED, False)


@pytest.mark.parametrize("state", STATES)
async def test_every_release_tells_its_periodic_tasks(released_dsn: str, state: str) -> None:
    last = this_minute()
    async with managing(released_dsn) as manager:
        able = await manager.capabilities_async()
        ids = [await defer(manager, "report", last - n * MINUTE, queue="reports") for n in (4, 3, 2, 1, 0)]
        await run_some(manager, 4)
        await manager.fetch_job(None, await worker_of(manager))
        found = await ask_limited_async(ScheduleReader(able).more(5.0), manager.connector, 30)
        (only,) = found.schedules
        assert (only.name, only.queue, only.state) == ("report", "reports", "on time")
        assert found.is_whole and found.untold is not None
        assert only.words(found.read_at, dt.UTC) == "about every 1 min" and only.is_inferred
        assert [run.job_id for run in only.runs] == ids
        assert [run.expected_at.timestamp() for run in only.runs] == [last - n * MINUTE for n in (4, 3, 2, 1, 0)]
        assert [run.status for run in only.runs[-2:]] == [Status.SUCCEEDED, Status.DOING]
        fourth, fifth = only.runs[-2:]
        assert None not in (fourth.deferred_at, fourth.started_at, fourth.ended_at, fourth.ran_s, fifth.started_at)
        assert fifth.ended_at is None and only.last == fifth
        # A minute may turn on a busy machine between the deferral and the look.
        assert only.next_at is not None and only.next_at.timestamp() - last in (MINUTE, 2 * MINUTE)
        # A row of deferrals whose job is gone: it was deferred, and that is all that is known.
        run_sql(released_dsn, "DELETE FROM procrastinate_jobs WHERE id = %s", ids[4])
        found = await ask_limited_async(ScheduleReader(able).more(5.0), manager.connector, 30)
        (only,) = found.schedules
        assert only.last is not None and only.last.is_job_gone and only.last.job_id is None
        assert only.last.expected_at.timestamp() == last and only.state == "on time"


@pytest.mark.parametrize("is_free", [True, False])
def test_the_hours_in_which_one_usually_runs_are_looked_for(dsn: str, is_free: bool) -> None:
    """Every minute, but for this hour and the next, for three days; its last 40 runs tell nothing of that."""
    end = int(time.time()) // 3_600 * 3_600
    condition = f"AND at / 3600 % 24 NOT IN ({end // 3_600 % 24}, {(end // 3_600 + 1) % 24})"
    run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status) SELECT 'q', 'office', "
        f"jsonb_build_object('timestamp', at), 'succeeded' FROM generate_series({end} - 259200, {end} - 60, 60) AS at "
        f"WHERE true {condition if is_free else ''} ORDER BY at",
    )
    run_sql(
        dsn,
        "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp, job_id) "
        f"SELECT 'office', '', {end} - 60, max(id) FROM procrastinate_jobs",
    )
    # They were written just now, which would tell of clocks that are wrong.
    run_sql(dsn, "DELETE FROM procrastinate_events")
    clock, asked = ServerClock(), time.monotonic()
    clock.note(dt.datetime.fromtimestamp(end + 600, dt.UTC), asked, asked)
    found = read(dsn, ScheduleReader(replace(able_of(dsn), clock=clock)))
    assert found.is_whole and of(found, "office").state == ("on time" if is_free else "late")


async def test_runs_go_to_the_schedule_that_deferred_them(dsn: str) -> None:
    """One task with three ids, of which two differ in their arguments and the third in its queue alone."""
    last = this_minute()
    mine: dict[str, list[int]] = {"clients": [], "orders": [], "tickets": []}
    given: dict[str, dict[str, Any]] = {
        "clients": {"task_kwargs": {"kind": "clients"}},
        "orders": {"task_kwargs": {"kind": "orders"}},
        "tickets": {"task_kwargs": {"kind": "orders"}, "queue": "slow"},
    }
    async with managing(dsn) as manager:
        for n in (3, 2, 1, 0):
            for name, options in given.items():
                mine[name].append(await defer(manager, "sync", last - n * MINUTE, name, **dict(options)))
        # By hand, with other arguments: nobody's.
        await manager.defer_job_async(Job(task_name="sync", task_kwargs={"timestamp": last, "kind": "all"}))
    found = read(dsn)
    assert {name: [run.job_id for run in of(found, "sync", name).runs] for name in mine} == mine
    assert len(found.schedules) == 3


async def test_alike_schedules_are_told_apart_by_their_times(dsn: str) -> None:
    last = this_minute() // 600 * 600
    async with managing(dsn) as manager:
        even = [await defer(manager, "t", last - n * 600, "even") for n in (2, 1, 0)]
        odd = [await defer(manager, "t", last - n * 600 + 300 - 600, "odd") for n in (2, 1, 0)]
    stated = {"app": "shop", "task_name": "t", "zone": "UTC"}
    reports.insert(dsn, "schedules", periodic_id="even", cron="*/10 * * * *", **stated)
    reports.insert(dsn, "schedules", periodic_id="odd", cron="5-59/10 * * * *", **stated)
    found = read(dsn)
    assert [run.job_id for run in of(found, "t", "even").runs if run.job_id] == even
    assert [run.job_id for run in of(found, "t", "odd").runs if run.job_id] == odd


async def test_times_that_alike_schedules_share_are_runs_of_each(dsn: str) -> None:
    last = this_minute() // 1_800 * 1_800
    async with managing(dsn) as manager:
        for at in range(last - 3_600, last + 1, 300):
            for name, period in (("ten", 600), ("fifteen", 900)):
                if at % period == 0:
                    await defer(manager, "t", at, name)
    stated = {"app": "shop", "task_name": "t", "zone": "UTC"}
    reports.insert(dsn, "schedules", periodic_id="ten", cron="*/10 * * * *", **stated)
    reports.insert(dsn, "schedules", periodic_id="fifteen", cron="*/15 * * * *", **stated)
    found = read(dsn)
    runs = {
        name: [run for run in of(found, "t", name).runs if run.expected_at.timestamp() <= last]
        for name in ("ten", "fifteen")
    }
    assert [run.job_id is not None for run in runs["ten"]] == [True] * 7
    assert [run.job_id is not None for run in runs["fifteen"]] == [True] * 5
    assert not {run.job_id for run in runs["ten"]} & {run.job_id for run in runs["fifteen"]}


async def test_alike_schedules_of_which_nothing_is_told_are_judged_by_their_common_times_alone(dsn: str) -> None:
    last = this_minute() // 1_800 * 1_800
    async with managing(dsn) as manager:
        for at in range(last - 3_600, last + 1, 300):
            for task, name, period in (
                ("same", "eu", 300),
                ("same", "us", 300),
                ("own", "ten", 600),
                ("own", "all", 300),
            ):
                if at % period == 0:
                    await defer(manager, task, at, name)
    found = read(dsn)
    eu, us = of(found, "same", "eu"), of(found, "same", "us")
    assert (eu.every_s, us.every_s) == (300, 300) and eu.is_inferred
    jobs = [{run.job_id for run in each.runs if run.job_id} for each in (eu, us)]
    assert [len(each) for each in jobs] == [13, 13] and not jobs[0] & jobs[1]
    # Whose the jobs of the other times are nobody knows: of the times that both have no cadence follows.
    assert {of(found, "own", name).every_s for name in ("ten", "all")} == {None}


async def test_old_runs_are_found_a_stretch_at_a_time(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in (("_FIRST", 50), ("_LEAST", 50), ("_MOST", 50)):
        monkeypatch.setattr(reading, name, number)
    last = this_minute()
    fill = (
        "INSERT INTO procrastinate_jobs (task_name, queue_name, args) "
        "SELECT 'other', 'q', '{}' FROM generate_series(1, 120)"
    )
    ids = []
    async with managing(dsn) as manager:
        for n in (4, 3, 2, 1, 0):
            ids.append(await defer(manager, "t", last - n * MINUTE))
            run_sql(dsn, fill)
        reader = ScheduleReader(able_of(dsn))
        seen = []
        for _ in range(40):
            found = read(dsn, reader, budget_s=0.0)
            seen.append(len([run for run in of(found, "t").runs if run.job_id]))
            if found.is_whole:
                break
        assert found.is_whole and seen[-1] == 5 and seen == sorted(seen) and len(set(seen)) > 2
        # What comes later is found without looking through anything twice.
        newest = await defer(manager, "t", last + MINUTE)
        texts: list[Any] = []
        with connected_now(dsn) as connector:

            def answer(statement: Any) -> Any:
                texts.append(statement)
                return connector.run(statement)

            found = ask(reader.more(5.0), answer)
        assert [run.job_id for run in of(found, "t").runs] == [*ids, newest]
        assert all(each.parameters.get("low", 10**6) >= 600 - 200 for each in texts)


async def test_a_database_of_any_size_is_read_only_so_far_back(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_READ", 150)
    last = this_minute()
    fill = "INSERT INTO procrastinate_jobs (task_name, queue_name) SELECT 'other', 'q' FROM generate_series(1, 60)"
    async with managing(dsn) as manager:
        ids = []
        for n in (4, 3, 2, 1, 0):
            ids.append(await defer(manager, "t", last - n * MINUTE))
            run_sql(dsn, fill)
    reader = ScheduleReader(able_of(dsn))
    found = read(dsn, reader)
    assert found.is_whole and found.is_cut
    assert [run.job_id for run in of(found, "t").runs if run.job_id] == ids[-2:]
    assert read(dsn, reader).is_cut, "it is said again"


async def test_reports_tell_the_cadence_and_why_a_run_is_missed(dsn: str) -> None:
    now = dt.datetime.now(dt.UTC)
    due = now.replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=2)
    cron = f"0 {due.hour} * * *"
    yesterday = int((due - dt.timedelta(days=1)).timestamp())
    async with managing(dsn) as manager:
        await defer(manager, "nightly", yesterday, queue="reports")
        await run_some(manager, 1)
    reports.insert(dsn, "schedules", app="shop", task_name="nightly", periodic_id="", cron=cron, zone="UTC", queue="r")
    ago = (now - due).total_seconds()
    reports.add_worker(dsn, started_at=reports.ago(ago + 7200), ended_at=reports.ago(ago + 480), beat_s=ago + 480)
    reports.add_worker(dsn, started_at=reports.ago(ago - 660), beat_s=1)
    # The test writes that job just now, a day late: no sign of a clock that is wrong.
    run_sql(dsn, "UPDATE procrastinate_events SET at = to_timestamp(%s) WHERE type = 'deferred'", yesterday + 1)
    found = read(dsn)
    (only,) = found.schedules
    assert (only.state, only.missed, only.expected_at, only.cron) == ("missed", 1, due, cron)
    assert only.source == "reported" and only.reason.startswith("No worker was alive from ")
    assert only.reason.endswith(", and missed runs are only caught up within 10 min.") and found.untold is None
    assert found.late == (only,)


async def test_what_may_not_be_read_is_said_and_an_emptied_database_is_forgotten(dsn: str) -> None:
    async with managing(dsn) as manager:
        await defer(manager, "t", this_minute())
    reader = ScheduleReader(able_of(dsn))
    assert len(read(dsn, reader).schedules) == 1
    run_sql(dsn, "TRUNCATE procrastinate_jobs, procrastinate_periodic_defers RESTART IDENTITY CASCADE")
    assert read(dsn, reader).schedules == ()
    reports.install(dsn)
    grants = ("SELECT ON ALL TABLES IN SCHEMA public",)
    with role(dsn, *grants) as theirs:
        found = read(theirs)
        assert found.schedules == () and "may not read" in (found.untold or "")


async def test_a_server_whose_clock_is_a_day_off_makes_nothing_missed(dsn: str) -> None:
    for number, off_s in enumerate((86_400, -86_400)):
        run_sql(dsn, "TRUNCATE procrastinate_jobs, procrastinate_periodic_defers RESTART IDENTITY CASCADE")
        now = time.time() - off_s  # by the workers' clocks
        minute = now // MINUTE * MINUTE
        planned = [
            Planned("each", [minute - n * MINUTE for n in range(5, -1, -1)], cron="* * * * *", late_s=off_s + 0.5),
            Planned("daily", [minute - n * 86_400 for n in range(3, -1, -1)], late_s=off_s + 0.4),
        ]
        plant(dsn, planned if not number else [replace(each, cron=None) for each in planned])
        found = read(dsn)
        assert {each.state for each in found.schedules} == {"on time"}, off_s
        side = "behind" if off_s > 0 else "ahead of"
        assert found.clocks == f"The workers' clocks are 1 d {side} the server's; times are judged by the workers'."


async def test_two_applications_tell_of_one_task_and_one_tells_no_longer_of_another(dsn: str) -> None:
    minute = time.time() // MINUTE * MINUTE
    hours = [minute - n * 3_600 for n in (6, 5, 4)]
    plant(dsn, [Planned("both", [minute - MINUTE, minute]), Planned("gone", hours), Planned("young", [minute])])
    for app, task, cron, ago in (
        ("old", "both", "0 3 * * *", 900),
        ("new", "both", "* * * * *", 60),
        ("new", "gone", f"{int(minute) // 60 % 60} * * * *", 5_000),
        ("new", "fresh", "*/20 * * * *", 60),
    ):
        told = {"app": app, "task_name": task, "periodic_id": "", "cron": cron, "zone": "UTC"}
        reports.insert(dsn, "schedules", **told, reported_at=reports.ago(ago))
    found = read(dsn)
    assert (of(found, "both").app, of(found, "both").cron) == ("new", "* * * * *")
    gone = of(found, "gone")
    assert (gone.state, gone.next_at) == ("abandoned", None) and "no longer of this one" in gone.reason
    # What was told a minute ago and has not come since is not missed; of one run alone nothing is judged.
    assert of(found, "fresh").state in ("on time", "late") and of(found, "fresh").last is None
    assert of(found, "young").state == "unknown"
