"""What the events still hold is filled in: the same numbers as theirs, at least, and never over what was recorded."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from database import connected, defer, finish, run_sql, start
from jobdesk_core import EventType
from jobdesk_core.history import filling, recording
from jobdesk_core.history.filling import Filler, Gap, gaps
from jobdesk_core.history.histogram import bucket_of, bucket_sql
from jobdesk_core.history.history import History
from jobdesk_core.history.minutes import Minute
from jobdesk_core.monitor import Monitor
from jobdesk_core.reading.pace import minute_of
from waiting import until

#: Jobs of six hours, one every half minute: deferred, started five seconds later, ended after ten. The ids of events
#: are in the order of their times. Nothing happens in the midst of them for two and a half hours, and once for 20 min.
LIVED = """
INSERT INTO procrastinate_jobs (queue_name, task_name)
    SELECT 'q' || g % 3, 't' || g % 2 FROM generate_series(1, 720) g;
UPDATE procrastinate_jobs SET status = 'doing';
UPDATE procrastinate_jobs SET attempts = 1, status =
    CASE WHEN id % 5 = 0 THEN 'failed' ELSE 'succeeded' END::procrastinate_job_status;
CREATE TEMP TABLE told AS SELECT event.*, date_trunc('minute', now()) - interval '6 hours' + interval '3 seconds'
    + (job_id - 1) * interval '30 seconds' + CASE type WHEN 'deferred' THEN interval '0'
    WHEN 'started' THEN interval '5 seconds' ELSE interval '15 seconds' END AS moment
    FROM procrastinate_events AS event;
DELETE FROM procrastinate_events;
INSERT INTO procrastinate_events (job_id, type, at) SELECT job_id, type, moment FROM told ORDER BY moment, id;
DELETE FROM procrastinate_jobs WHERE id BETWEEN 201 AND 500 OR id BETWEEN 601 AND 640;
"""
ENDS = (
    "SELECT floor(extract(epoch FROM at) / 60)::int, count(*)::int FROM procrastinate_events "
    "WHERE type IN ('failed', 'succeeded') GROUP BY 1"
)


def lived(dsn: str) -> dict[int, int]:
    """Fill the database, and tell how many runs ended in each minute."""
    run_sql(dsn, LIVED)
    return dict(run_sql(dsn, ENDS))


async def filled(dsn: str, history: History, **settings: Any) -> Filler:
    async with connected(dsn) as (connector, _):
        filler = Filler(history, connector, sleep=lambda seconds: asyncio.sleep(0), **settings)
        await filler.fill(minute_of(dt.datetime.now(dt.UTC)))
        return filler


def ends(history: History, first: int, end: int) -> dict[int, int]:
    columns = history.read(first, end, 1).columns
    return {
        column.minute: column.counts[EventType.SUCCEEDED] + column.counts[EventType.FAILED]
        for column in columns
        if column.recorded
    }


async def test_what_the_events_hold_is_filled_in_and_long_silence_stays_a_gap(dsn: str, tmp_path: Path) -> None:
    wanted = lived(dsn)
    first, end = min(wanted), max(wanted) + 1
    history = History(tmp_path / "h.sqlite")
    # Something was recorded already, otherwise than the events have it: it stays.
    history.keep({first + 10: Minute()})
    await filled(dsn, history)
    found = ends(history, first, end)
    assert found.pop(first + 10) == 0
    assert {minute: number for minute, number in found.items() if number} == {
        minute: number for minute, number in wanted.items() if minute != first + 10
    }
    silent = [minute for minute in range(first, end) if minute not in wanted]
    assert len(silent) == 150 + 20
    assert [minute for minute in silent if minute in found] == silent[-20:], "twenty minutes are nothing, hours a gap"
    whole = history.read(first, end, end - first)
    assert whole.filled == whole.recorded - 1
    assert whole.ran.percentile(0.5) == pytest.approx(10, rel=0.045)
    assert whole.waited.percentile(0.5) == pytest.approx(5, rel=0.045)
    assert whole.waited.count + 2 == whole.ran.count + 2 == sum(wanted.values())
    names = {name.name: name.counts for name in history.names(first, end, of="queue")}
    assert set(names) == {"q0", "q1", "q2"}
    assert sum(counts[EventType.FAILED] for counts in names.values()) == whole.counts[EventType.FAILED]


async def test_it_costs_no_more_than_it_may_and_goes_on_the_next_time(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "STRETCH", (300, 300, 300, 1.0))
    wanted = lived(dsn)
    history = History(tmp_path / "h.sqlite")
    filler = await filled(dsn, history, most_s=0.0)
    assert filler.is_spent
    assert sum(ends(history, min(wanted), max(wanted) + 1).values()) < sum(wanted.values()) / 2
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with connected(dsn) as (connector, _):
        filler = Filler(history, connector, sleep=sleep)
        assert await filler.fill(minute_of(dt.datetime.now(dt.UTC)))
    assert sum(slept) == pytest.approx(9 * filler.cost_s, rel=0.01), "a tenth of the time"
    assert sum(ends(history, min(wanted), max(wanted) + 1).values()) == sum(wanted.values())


def test_gaps_are_told_the_latest_first() -> None:
    assert list(gaps({3, 4, 7}, 2, 10)) == [Gap(8, 10), Gap(5, 7), Gap(2, 3, is_open=True)]
    assert list(gaps(set(), 2, 4)) == [Gap(2, 4, is_open=True)]
    assert list(gaps({2, 3}, 2, 4)) == []


def test_the_server_has_the_same_buckets(dsn: str) -> None:
    durations = [0.0, 0.0005, 0.001, 0.00109, *(0.0011 * 1.31**n for n in range(90)), 1e9]
    found = run_sql(dsn, f"SELECT d, {bucket_sql('d')} FROM unnest(%s::float8[]) AS d", durations)
    assert [bucket for _, bucket in found] == [bucket_of(seconds) for seconds in durations]
    assert run_sql(dsn, f"SELECT {bucket_sql('NULL::float8')}") == [None]


async def test_a_monitor_records_what_happens_and_fills_in_what_did(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into a file that is named by the database that the server says it is."""
    monkeypatch.setattr(recording, "FILL_AFTER_S", 0.1)
    monkeypatch.setattr(recording, "SAVE_S", 0.1)
    wanted = lived(dsn)
    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, able)
        monitor.recording.path_of = lambda server: tmp_path / f"{server.name.replace('/', '-')}.sqlite"
        tasks = [
            asyncio.create_task(each)
            for each in (monitor.run(lambda changes: None, lambda state: None), monitor.recording.keep_saved())
        ]
        try:
            await until(lambda: monitor.history.path is not None)
            path = monitor.history.path
            assert path is not None
            oid = run_sql(dsn, "SELECT oid FROM pg_database WHERE datname = current_database()")[0]
            assert path.stem.endswith(f"-{oid}")
            span = min(wanted), max(wanted) + 1
            await until(lambda: sum(ends(monitor.history, *span).values()) == sum(wanted.values()))
            assert monitor.recording.recorder.first is not None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await monitor.recording.close()
        assert sum(ends(History(path), *span).values()) == sum(wanted.values()), "all is on disk"


async def test_what_has_happened_is_told_as_the_tables_have_it(dsn: str) -> None:
    """The recorder is told of each event once, with how long a run had waited and taken."""
    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, able)
        told: list[Any] = []
        recorder = monitor.recording.recorder
        add = recorder.add

        def heard(occurrences: Any, now: dt.datetime) -> None:
            told.extend(occurrences)
            add(occurrences, now)

        recorder.add = heard  # type: ignore[method-assign]
        task = asyncio.create_task(monitor.run(lambda changes: None, lambda state: None))
        try:
            await until(lambda: monitor.state.mode == "live")
            for _ in range(3):
                defer(dsn, queue_name="mail")
                finish(dsn, start(dsn)[0], "succeeded")
            await until(lambda: len([each for each in told if each.kind is EventType.SUCCEEDED]) == 3)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert sorted(each.kind.value for each in told) == ["deferred"] * 3 + ["started"] * 3 + ["succeeded"] * 3
    assert {each.queue for each in told} == {"mail"}
    assert all(each.seconds is not None for each in told if each.kind is not EventType.DEFERRED)
    assert sum(sum(each.numbers) for minute in recorder._open.values() for each in minute.cells.values()) in (0, 9)
