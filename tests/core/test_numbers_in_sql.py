"""Every number of the overview, of its pages and of `jobdesk status`, computed again in plain SQL to the digit."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import connected, run_sql
from histories import monitor_of
from jobdesk_core.feed.counts import Counts
from jobdesk_core.feed.feed import Feed
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.reading.series import Series
from jobdesk_core.watching.overview import Overview
from waiting import until

#: A day of three queues and four tasks: retries, failures, aborted, cancelled, scheduled and locked jobs, three workers
#: of which two are dead, orphans. Durations are skewed, so that no percentile is met by accident.
RICH = """
SELECT setseed(0.42);
INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() + interval '10 minutes'), (now() - interval '50 s'),
    (now() - interval '9 hours');
ALTER TABLE procrastinate_jobs DISABLE TRIGGER USER;
INSERT INTO procrastinate_jobs (id, queue_name, task_name, status, attempts, lock, scheduled_at, worker_id)
SELECT n, (ARRAY['mail', 'billing', 'a "b"'])[1 + n % 3], (ARRAY['send', 'render', 'sync', 'sum'])[1 + n % 4],
    (CASE WHEN n <= 1400 THEN
    (ARRAY['succeeded', 'succeeded', 'succeeded', 'failed', 'aborted', 'cancelled'])[1 + n % 6]
    WHEN n <= 1500 THEN 'todo' ELSE 'doing' END)::procrastinate_job_status,
    CASE WHEN n <= 1400 THEN 1 ELSE 0 END,
    CASE WHEN n BETWEEN 1401 AND 1500 AND n % 5 = 0 THEN 'lock ' || n % 4 WHEN n = 1521 THEN 'lock 1' END,
    CASE WHEN n BETWEEN 1401 AND 1500 AND n % 7 = 0 THEN now() + n * interval '1 minute'
    WHEN n % 11 = 0 THEN now() - interval '3 minutes' - (n % 50) * interval '1 second' END,
    CASE WHEN n > 1500 THEN (ARRAY[1, 2, NULL])[1 + n % 3] END
FROM generate_series(1, 1530) AS n;
INSERT INTO procrastinate_events (job_id, type, at)
SELECT id, type::procrastinate_job_event_type, at FROM (
    SELECT id, 1 AS part, 'deferred' AS type, began - interval '40 s' - random() * interval '90 s' AS at FROM job
    UNION ALL SELECT id, 2, 'started', began FROM job WHERE status NOT IN ('todo', 'cancelled')
    UNION ALL SELECT id, 3, 'deferred_for_retry', began + power(random(), 4) * interval '60 s' FROM job
        WHERE id <= 1400 AND id % 10 = 3 AND status <> 'cancelled'
    UNION ALL SELECT id, 4, 'started', began + interval '70 s' FROM job
        WHERE id <= 1400 AND id % 10 = 3 AND status <> 'cancelled'
    UNION ALL SELECT id, 5, CASE status WHEN 'cancelled' THEN 'cancelled' ELSE status END,
        began + interval '75 s' + power(random(), 3) * interval '100 s' FROM job WHERE id <= 1400
) AS event ORDER BY at, part;
ALTER TABLE procrastinate_jobs ENABLE TRIGGER USER;
UPDATE procrastinate_jobs SET attempts = 2 WHERE id <= 1400 AND id % 10 = 3 AND status <> 'cancelled';
SELECT setval('procrastinate_jobs_id_seq', 2000);
"""
RICH = RICH.replace(
    "FROM job",
    "FROM (SELECT *, status::text AS state, now() - (3 + (1530 - id) * 0.06) * interval '1 minute' AS began "
    "FROM procrastinate_jobs) AS job",
).replace("CASE status WHEN 'cancelled' THEN 'cancelled' ELSE status END", "state")

DUE = "(scheduled_at IS NULL OR scheduled_at <= now())"
HELD = f"""
SELECT count(*) FROM procrastinate_jobs AS job WHERE status = 'todo' AND {DUE} AND {{of}} AND lock IS NOT NULL AND (
    EXISTS (SELECT FROM procrastinate_jobs WHERE lock = job.lock AND status = 'doing') OR
    (SELECT scheduled_at > now() FROM procrastinate_jobs WHERE lock = job.lock AND status = 'todo'
     ORDER BY priority DESC, id LIMIT 1))
"""
STALLED = (
    "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND {of} AND NOT EXISTS (SELECT FROM "
    "procrastinate_workers AS worker WHERE worker.id = worker_id AND last_heartbeat >= now() - interval '30 s')"
)
OLDEST = (
    f"SELECT min(coalesce(scheduled_at, (SELECT min(at) FROM procrastinate_events WHERE job_id = job.id AND "
    f"type = 'deferred'))) FROM procrastinate_jobs AS job WHERE status = 'todo' AND {DUE} AND {{of}}"
)
EVENTS = "procrastinate_events AS event JOIN procrastinate_jobs AS job ON job.id = job_id WHERE {of} AND event.at >= %s"
ENDS = "type IN ('succeeded', 'failed', 'aborted', 'deferred_for_retry')"
RAN = (
    "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM event.at - (SELECT max(at) FROM "
    "procrastinate_events AS before WHERE before.job_id = event.job_id AND before.id < event.id AND type = 'started')))"
    f"::float FROM {EVENTS} AND {ENDS}"
)
WAITED = (
    "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY greatest(0, extract(epoch FROM event.at - greatest("
    "job.scheduled_at, (SELECT max(at) FROM procrastinate_events AS before WHERE before.job_id = event.job_id AND "
    f"before.id < event.id AND type = 'deferred')))))::float FROM {EVENTS} AND type = 'started' AND status <> 'todo' "
    "AND attempts = CASE WHEN status = 'doing' THEN 0 ELSE 1 END"
)


def one(dsn: str, text: str, of: str, *values: Any) -> Any:
    return run_sql(dsn, text.format(of=of.replace("%", "%%") if values else of), *values)[0]


def jobs(dsn: str, of: str, condition: str) -> int:
    return int(one(dsn, f"SELECT count(*) FROM procrastinate_jobs WHERE {{of}} AND {condition}", of))


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def hour_began(now: dt.datetime) -> dt.datetime:
    return now.replace(second=0, microsecond=0) - dt.timedelta(minutes=59)


def in_minutes(dsn: str, of: str, condition: str, now: dt.datetime) -> float:
    """Per minute, over the last five whole minutes."""
    end = now.replace(second=0, microsecond=0)
    text = f"SELECT count(*) FROM {EVENTS} AND event.at < %s AND {condition}"
    return float(one(dsn, text, of, end - dt.timedelta(minutes=5), end)) / 5


async def overview_of(monitor: Any) -> Overview:
    def whole() -> Overview | None:
        now = monitor.now()
        for board in (monitor.queues, monitor.tasks):
            board.look(now)
            while board.is_due:
                board.work(1)
        found: Overview | None = monitor.overview()
        return found if found is not None and found.was_due and found.failed_now.is_exact else None

    seen: Overview = await until(whole, what="the overview")
    return seen


async def test_every_number_of_the_overview_and_its_pages_is_what_sql_says(dsn: str) -> None:
    run_sql(dsn, RICH)
    async with monitor_of(dsn) as monitor:
        # The minute must not turn between the two.
        await until(lambda: dt.datetime.now(dt.UTC).second < 50, what="the next minute")
        found = await overview_of(monitor)
        now, began = found.now, hour_began(found.now)
        rows = [("true", found.open, None)]
        for kind, board in (("queue_name", monitor.queues), ("task_name", monitor.tasks)):
            assert len(board.rows) == (3 if kind == "queue_name" else 4)
            rows += [(f"{kind} = {literal(name)}", row.open, row) for name, row in board.rows.items()]
        for of, group, row in rows:
            told = {
                "due": jobs(dsn, of, f"status = 'todo' AND {DUE}"),
                "scheduled": jobs(dsn, of, f"status = 'todo' AND NOT {DUE}"),
                "running": jobs(dsn, of, "status = 'doing'"),
                "held": one(dsn, HELD, of),
                "stalled": one(dsn, STALLED, of),
                "orphans": jobs(dsn, of, "status = 'doing' AND worker_id IS NULL"),
                "oldest": one(dsn, OLDEST, of),
            }
            assert {name: getattr(group, name) for name in told} == told, of
            if row is None:
                continue
            for status in Status:
                if status is not Status.ABORTING:
                    assert row.count(status) == jobs(dsn, of, f"status = '{status.value}'"), (of, status)
            failed = one(dsn, f"SELECT count(*) FROM {EVENTS} AND type = 'failed'", of, began)
            ended = one(dsn, f"SELECT count(*) FROM {EVENTS} AND {ENDS}", of, began)
            assert (row.failed_in_hour, row.ended_in_hour) == (failed, ended), of
            assert row.started_rate == in_minutes(dsn, of, "type = 'started'", now)
            assert row.ended_rate == in_minutes(dsn, of, ENDS, now)
            assert row.ran_s == pytest.approx(one(dsn, RAN, of, began), abs=1e-5), of
            assert row.waited_s == pytest.approx(one(dsn, WAITED, of, began), abs=1e-5), of
        assert found.open.held and found.open.stalled and found.open.orphans and found.open.scheduled
        assert found.failed_now.is_exact and found.failed_now.value == jobs(dsn, "true", "status = 'failed'")
        assert (found.live_workers, found.dead_workers) == (1, 2)
        for name in ("mail", "billing"):
            last = monitor.series.last_start(name)
            text = f"SELECT max(event.at) FROM {EVENTS} AND type = 'started'"
            assert last == one(dsn, text, f"queue_name = '{name}'", began)
        failed = monitor.series.total(EventType.FAILED, now)
        assert found.failed_now.value != failed, "or the test could not tell them apart"
        # Those that ran when the feed began and end now are measured from their start, too.
        run_sql(dsn, "SELECT procrastinate_finish_job_v1(id, 'failed', false) FROM procrastinate_jobs WHERE id >= 1510")
        await until(lambda: monitor.series.total(EventType.FAILED, now) == failed + 21)
        assert monitor.series.ran_s(None, now) == pytest.approx(one(dsn, RAN, "true", began), abs=1e-5)


def test_status_counts_in_one_moment_what_sql_counts(dsn: str, tmp_path: Path) -> None:
    run_sql(dsn, RICH)
    command = [sys.executable, "-m", "jobdesk_core", "status", "--json", "--dsn", dsn]
    environment = os.environ | {
        "XDG_STATE_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    status = json.loads(ended.stdout)
    for of, told in [
        ("true", status["open"]),
        *((f"queue_name = {literal(n)}", q) for n, q in status["queues"].items()),
    ]:
        assert told["due"] == jobs(dsn, of, f"status = 'todo' AND {DUE}")
        assert told["scheduled"] == jobs(dsn, of, f"status = 'todo' AND NOT {DUE}")
        assert (told["held_by_locks"], told["stalled"]) == (one(dsn, HELD, of), one(dsn, STALLED, of))
        assert dt.datetime.fromisoformat(told["oldest_due_since"]) == one(dsn, OLDEST, of)
        counts = status["counts"] if of == "true" else told
        for each in ("todo", "doing", "succeeded", "failed", "cancelled", "aborted"):
            assert counts[each] == jobs(dsn, of, f"status = '{each}'")
    assert [worker["is_alive"] for worker in status["workers"]] == [True, False, False]
    assert status["running_without_worker"] == jobs(dsn, "true", "status = 'doing' AND worker_id IS NULL")


async def test_a_moment_is_of_one_snapshot_however_much_goes_on(dsn: str) -> None:
    """Every job is started and ended in one transaction each: at no moment may one be counted twice or not at all."""
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 400)")
    async with connected(dsn) as (connector, able):
        feed = Feed(connector, able, Counts(), Series())
        await feed.start()
        seen = set()
        jobs_of = "FROM procrastinate_jobs WHERE status = 'doing' AND id % 2 = 0"
        for turn in range(40):
            first, last = 10 * turn, 10 * turn + 9
            run_sql(dsn, f"UPDATE procrastinate_jobs SET status = 'doing' WHERE id BETWEEN {first} AND {last}")
            run_sql(dsn, f"SELECT procrastinate_finish_job_v1(id, 'succeeded', false) {jobs_of}")
            feed._open_counting.share._next_at = feed._open_stale_at = 0.0
            if await feed.has_news():
                while (await feed.read())[1]:
                    pass
            moment = feed.moment
            assert moment is not None
            (queue,) = moment.queues
            if moment.is_exact:
                assert queue.total == 400 == sum(moment.statuses.values())
                assert moment.open.all.waiting == queue.count(Status.TODO)
                assert moment.open.all.running == queue.count(Status.DOING)
                seen.add(moment.open.all.running)
        assert len(seen) > 5


async def test_a_count_that_takes_long_does_not_set_the_clock_back(dsn: str) -> None:
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 't')")
    async with connected(dsn) as (connector, able):
        feed = Feed(connector, able, Counts(), Series())
        with psycopg.connect(dsn) as blocking:
            blocking.execute("LOCK TABLE procrastinate_workers")
            started = asyncio.create_task(feed.start())
            await asyncio.sleep(2)
            assert not started.done()
        await started
        assert abs(connector.clock.ahead_s) < 1, connector.clock.ahead_s
