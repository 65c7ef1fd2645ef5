"""Times are told by the server's clock, whatever this machine's says."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from pathlib import Path

import pytest
from database import connected, run_sql
from jobdesk_core import App, PsycopgConnector
from jobdesk_core.cli.program import main
from jobdesk_core.clock import ServerClock, follow
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.journal import Header, Journal, Search, recorded
from jobdesk_core.journal.undo_apply import undo
from jobdesk_core.monitor import Monitor
from jobdesk_core.operations import Cancel, Chosen, Reschedule, plan, run_async
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.probe import probe
from jobdesk_core.reading.pages import Order
from shifted import shifted

DAY, NOON = 86_400.0, dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)


def jobdesk(arguments: list[str]) -> int:
    return main(arguments, "jobdesk")


def at(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def test_a_measurement_is_as_sure_as_half_its_round_trip() -> None:
    clock, now = ServerClock(), time.monotonic()
    assert clock.uncertainty_s is None and not clock.differs_by(0)
    clock.note(NOON, now - 3, now - 1)
    assert clock.uncertainty_s == 1
    assert abs((clock.now() - at(2)).total_seconds()) < 0.1, "it was noon in the middle of the question"


@pytest.mark.parametrize(
    ("later", "round_trip", "expected"),
    [(10.0, 0.01, 10.0), (10.4, 2.0, 10.0), (70.0, 2.0, 70.0), (-50.0, 0.2, -50.0)],
    ids=["a surer one", "one that is less sure", "the clock was set", "another server"],
)
def test_which_measurement_is_believed(later: float, round_trip: float, expected: float) -> None:
    clock, now = ServerClock(), time.monotonic()
    clock.note(NOON, now - 10.05, now - 9.95)
    clock.note(at(later), now - round_trip / 2, now + round_trip / 2)
    assert abs((clock.now() - at(expected)).total_seconds()) < 0.3


@pytest.mark.parametrize("wrong", [40.0, -DAY, 7200.0, -0.1])
async def test_ages_heartbeats_and_dues_are_the_servers(dsn: str, wrong: float) -> None:
    for statement in (
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now() - interval '2 h')",
        "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) "
        "VALUES ('q', 't', now() + interval '1 h')",
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id) "
        "VALUES ('q', 't', 'doing', (SELECT min(id) FROM procrastinate_workers))",
        "UPDATE procrastinate_events SET at = now()",
    ):
        run_sql(dsn, statement)
    with shifted(wrong):
        async with connected(dsn) as (connector, able):
            monitor = Monitor(connector, able)
            workers = await monitor.workers()
            assert [each.is_alive(monitor.now()) for each in workers] == [True, False]
            waiting, running = [await monitor.detail(job_id) for job_id in (1, 2)]
            assert waiting is not None and "59 min" in waiting.reason.headline + " ".join(waiting.reason.sentences)
            assert running is not None and "stalled" not in running.reason.headline.lower()
            (today,) = (await monitor.pages.read(JobFilter.parse("deferred:today"), Order.NEWEST, limit=1)).rows
            assert today.id == 1
            assert connector.clock.differs_by(1) is (abs(wrong) > 1)
            assert connector.clock.uncertainty_s is not None and connector.clock.uncertainty_s < 1


def test_the_command_line_reckons_with_the_servers_time(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    left = "SELECT extract(epoch FROM scheduled_at - now())::float FROM procrastinate_jobs ORDER BY id"
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('q', 't', 'failed')")
    with shifted(-DAY):
        assert jobdesk(["--dsn", dsn, "defer", "t", "--queue", "q", "--in", "1h"]) == 0
        assert jobdesk(["--dsn", dsn, "retry", "1", "--in", "2h", "--yes"]) == 0
        retried, deferred = run_sql(dsn, left)
        assert 7100 < retried < 7201 and 3500 < deferred < 3601
        capsys.readouterr()
        assert jobdesk(["--dsn", dsn, "why", "2"]) == 0
        assert "59 min" in capsys.readouterr().out
        assert jobdesk(["--dsn", dsn, "status"]) == 0
        assert "This machine's clock is 24 h behind the server's, whose time is used." in capsys.readouterr().out
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'failed', scheduled_at = NULL WHERE id = 1")
        assert jobdesk(["--dsn", dsn, "retry", "1", "--yes"]) == 0
    assert -60 < run_sql(dsn, left)[0] <= 0


def test_what_is_suggested_for_a_filter_is_of_the_servers_day() -> None:
    clock, now = ServerClock(), time.monotonic()
    clock.note(dt.datetime(2031, 1, 8, 12, tzinfo=dt.UTC), now, now)
    follow(clock)
    try:
        for typed, meant in {
            "14:30": 'deferred:>"2031-01-08 14:30"',
            "monday": "deferred:2031-01-06",
            "ended:8.1.": "ended:2031-01-08",
            "failed since 9:05": 'status:failed ended:>="2031-01-08 09:05"',
            "last week": "deferred:2030-12-30..2031-01-05",
        }.items():
            with pytest.raises(FilterError) as refused:
                JobFilter.parse(typed)
            assert meant in refused.value.suggestions, (typed, refused.value.suggestions)
    finally:
        follow(None)


@pytest.mark.parametrize("wrong", [DAY, -7200.0])
async def test_an_undo_reckons_with_the_servers_time(dsn: str, tmp_path: Path, wrong: float) -> None:
    run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) "
        "SELECT 'q', 't', now() + interval '1 h' FROM generate_series(1, 2)",
    )
    profile, journal = Profile(name="test", method="dsn", dsn="dbname=x"), Journal(tmp_path / "journal.sqlite")
    with shifted(wrong):
        async with connected(dsn) as (connector, able):
            able = replace(able, clock=connector.clock)
            for change, job_id in ((Reschedule(None), 1), (Cancel(), 2)):
                made = await run_async(plan(Chosen((job_id,)), change, able), connector)
                await recorded.act(made, connector, profile, journal, on_trouble=print)
                (entry,) = await journal.entries(Search(), limit=1)
                assert abs(entry.ahead_s - wrong) < 5
                header = Header(action="undo", sentence="Undo", profile="test", place="", role="r", undoes=entry.id)
                assert await undo(journal, connector, able, entry, header) == (1, {})
    left = "SELECT extract(epoch FROM scheduled_at - now())::float FROM procrastinate_jobs WHERE status = 'todo'"
    assert all(3500 < seconds <= 3600 for seconds in run_sql(dsn, left)) and len(run_sql(dsn, left)) == 2


async def test_the_library_makes_jobs_due_by_the_servers_clock(dsn: str) -> None:
    left = "SELECT extract(epoch FROM scheduled_at - now())::float FROM procrastinate_jobs ORDER BY id"
    with shifted(-DAY):
        app = App(connector=PsycopgConnector(conninfo=dsn))
        async with app.open_async():
            for _ in range(2):
                await app.configure_task("t", schedule_in={"hours": 1}).defer_async()
            run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 1")
            (job,) = await app.job_manager.list_jobs_async(id=1)
            await app.job_manager.retry_job(job)
    retried, deferred = run_sql(dsn, left)
    assert -60 < retried <= 0 and 3500 < deferred < 3601


async def test_testing_a_connection_tells_of_the_clock(dsn: str) -> None:
    told = {}
    for wrong in (0.0, -40.0):
        with shifted(wrong):
            steps = {step.name: step async for step in probe(Profile(name="test", method="dsn", dsn=dsn))}
            told[wrong] = steps["Clock"]
    assert told[0.0].result == "good" and told[0.0].sentence == "This machine's clock and the server's agree."
    assert told[-40.0].result == "warning"
    assert told[-40.0].sentence == "This machine's clock is 40 s behind the server's, whose time is used."


def test_in_is_reckoned_by_the_servers_clock_when_a_job_is_deferred_through_an_app(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "off_by_a_day.py").write_text(
        "from jobdesk_core import App, PsycopgConnector\n"
        f"app = App(connector=PsycopgConnector(conninfo={dsn!r}))\n"
        "@app.task(name='t')\ndef t(): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with shifted(DAY):
        assert jobdesk(["defer", "t", "--in", "1h", "--app", "off_by_a_day.app"]) == 0
    (ahead_s,) = run_sql(dsn, "SELECT extract(epoch FROM scheduled_at - now())::float8 FROM procrastinate_jobs")
    assert 3_000 < ahead_s <= 3_600
