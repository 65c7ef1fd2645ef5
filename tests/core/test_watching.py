"""What the rules need beside the feed, read from a real database, and told in the window and by `status` alike."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import connected, defer, finish, run_sql
from jobdesk_core.database.limited import ask_limited_async
from jobdesk_core.database.marks import read_server
from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.history.place import history_path
from jobdesk_core.monitor import Monitor
from jobdesk_core.profiles.profile import profile_of_dsn
from jobdesk_core.reading.open_jobs import OpenGroup, OpenJobs
from jobdesk_core.reading.rise import Rise
from jobdesk_core.reported.detection import detect
from jobdesk_core.watching import facts, watch
from jobdesk_core.watching.attention import attention
from jobdesk_core.watching.facts import BLOCKER, read_facts
from jobdesk_core.watching.situation import Cause, Situation
from reports import add_error, install
from waiting import until


@contextlib.asynccontextmanager
async def monitoring(dsn: str) -> AsyncIterator[Monitor]:
    async with connected(dsn) as (connector, able):
        monitor = Monitor(connector, replace(able, reported=await connector.run_async(detect())))
        task = asyncio.create_task(monitor.run(lambda changes: None, lambda state: None))
        try:
            await until(lambda: monitor.moment is not None and monitor.series.is_whole, what="the first read")
            yield monitor
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def started(dsn: str, job_id: int, worker: int) -> None:
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s", worker, job_id)


def register(dsn: str) -> int:
    worker: int = run_sql(dsn, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0]
    return worker


async def test_causes_lines_at_locks_and_hanging_runs_are_found(dsn: str) -> None:
    install(dsn)
    worker, dead = register(dsn), register(dsn)
    quick = [defer(dsn, task_name="quick") for _ in range(12)]
    failing = [defer(dsn, task_name="pay") for _ in range(6)]
    for job in (*quick, *failing):
        started(dsn, job, worker)
        finish(dsn, job, "succeeded" if job in quick else "failed")
    for job in failing[:5]:
        add_error(dsn, job, "httpx.ConnectTimeout", task_name="pay")
    add_error(dsn, failing[5], "KeyError", task_name="pay")
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'todo' WHERE id = %s", failing[5])
    hanging, head = defer(dsn, task_name="quick"), defer(dsn, lock="smtp", queue_name="smtp")
    started(dsn, hanging, worker)
    started(dsn, head, dead)
    for _ in range(6):
        defer(dsn, lock="smtp", queue_name="smtp")
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '200 s' WHERE job_id >= %s", hanging)
    run_sql(dsn, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '40 s' WHERE id = %s", dead)
    async with monitoring(dsn) as monitor:

        def lines() -> dict[str, str]:
            situation = monitor.situation()
            return {line.rule: line.text for line in attention(situation)} if situation is not None else {}

        await until(lambda: {"failures", "long_run", "idle_queue"} <= lines().keys(), what="the lines")
        await until(lambda: "ConnectTimeout 5 of 6" in lines()["failures"], what="the cause")
        assert lines()["failures"].startswith("pay: 6 failures in ")
        assert lines()["long_run"].startswith(f"quick: #{hanging} has run for 3 min")
        assert "smtp: 6 jobs due" in lines()["idle_queue"] and "held by a stalled job" in lines()["idle_queue"]
        situation = monitor.situation()
        assert situation is not None and situation.lock_lines is not None
        (at_lock,) = situation.lock_lines
        assert (at_lock.lock, at_lock.head, at_lock.waiting) == ("smtp", head, 6)
        assert situation.causes["task", "pay"] == Cause("ConnectTimeout", 5, 6, 5)


async def test_a_session_that_keeps_others_waiting_is_named(dsn: str) -> None:
    async with connected(dsn) as (connector, _):
        assert await connector.run_async(BLOCKER) == ""
        with psycopg.connect(dsn, application_name="migration") as holder:
            holder.execute("LOCK TABLE procrastinate_jobs IN SHARE ROW EXCLUSIVE MODE")
            waiting = asyncio.create_task(asyncio.to_thread(defer, dsn))
            found = ""
            for _ in range(100):
                found = await connector.run_async(BLOCKER)
                if found:
                    break
                await asyncio.sleep(0.1)
            pid = holder.info.backend_pid
            holder.rollback()
            await waiting
        expected = f"1 session waits for a lock that the session with pid {pid} of migration holds"
        assert found.startswith(expected)


async def test_a_session_that_holds_the_row_of_a_locks_head_is_named(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "HELD_S", 0.2)
    head = defer(dsn, lock="smtp", queue_name="smtp")
    for _ in range(6):
        defer(dsn, lock="smtp", queue_name="smtp")
    now = dt.datetime.now(dt.UTC)
    jobs = OpenJobs(now, all=OpenGroup(due=7), workers=(WorkerRow(1, now, 0),))
    async with connected(dsn) as (connector, able):

        async def lines() -> list[str]:
            found = await ask_limited_async(read_facts(able, jobs, []), connector, 5.0)
            told = attention(Situation(now, jobs, lock_lines=watch.lock_lines(found, now)))
            return [line.text for line in told if line.rule == "lock"]

        # In a part of a transaction, as what maps objects to rows does it.
        with psycopg.connect(dsn, application_name="migration") as holder, holder.transaction(), holder.transaction():
            holder.execute("SELECT FROM procrastinate_jobs WHERE id = %s FOR UPDATE", [head])
            await asyncio.sleep(0.3)
            assert await lines() == [
                f"lock smtp: 6 jobs wait behind #{head}, which cannot run: the session with pid "
                f"{holder.info.backend_pid} of migration holds its row (idle in transaction)."
            ]
        assert await lines() == []


async def test_what_may_not_be_read_is_not_known_and_no_reason_to_fail(dsn: str) -> None:
    async with connected(dsn) as (connector, able):
        jobs = OpenJobs(dt.datetime.now(dt.UTC), workers=(WorkerRow(1, dt.datetime.now(dt.UTC), 0),))
        rise = Rise("task", "pay", 6, 0.0, 1, dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1))
        found = await ask_limited_async(read_facts(able, jobs, [rise]), connector, 5.0)
        assert (found.served, found.causes["task", "pay"]) == (None, Cause(still_failed=0))


WORKER = """
import asyncio, sys
from procrastinate import App, PsycopgConnector
app = App(connector=PsycopgConnector(conninfo=sys.argv[1]))

async def hang():
    await asyncio.sleep(300)

app.task(name="hang", queue="mail")(hang)

async def main():
    async with app.open_async():
        await app.run_worker_async(update_heartbeat_interval=0.5)

asyncio.run(main())
"""


@contextlib.contextmanager
def hanging_worker(dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    """The library's own, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", WORKER, dsn]) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_real_worker_killed_or_frozen_is_told_and_named(dsn: str, sign: signal.Signals) -> None:
    defer(dsn, queue_name="mail", task_name="hang")
    with hanging_worker(dsn) as process:
        running = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
        await until(lambda: run_sql(dsn, running) == [1], what="the run")
        defer(dsn, queue_name="mail", task_name="hang")
        os.kill(process.pid, sign)
        # Time goes by.
        run_sql(dsn, "UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat - interval '31 s'")
        run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '31 s'")
        async with monitoring(dsn) as monitor:
            situation = monitor.situation()
            assert situation is not None
            lines = attention(situation)
            assert lines[0].text == "No worker is alive. 1 job is due."
            assert "mail: 1 running job has stalled. Worker #" in lines[1].text
            assert (lines[1].remedy, lines[1].count) == ("rescue", 1)


async def test_workers_that_nobody_has_looked_for_since_are_not_called_silent(dsn: str) -> None:
    # While the open jobs cannot be read, as a session has locked their table, their workers grow no older.
    defer(dsn, queue_name="mail")
    register(dsn)
    async with monitoring(dsn) as monitor:
        moment = monitor.moment
        assert moment is not None
        later = moment.open.read_at + dt.timedelta(seconds=90)
        told = {line.rule for line in attention(monitor.watching.situation(moment, later))}
        assert "no_worker" not in told and "unresponsive_worker" not in told


async def test_at_rest_workers_are_looked_for_also_without_any_open_job(dsn: str) -> None:
    register(dsn)
    async with monitoring(dsn) as monitor:

        def told() -> list[str]:
            situation = monitor.situation()
            return [line.text for line in attention(situation)] if situation is not None else []

        assert told() == []
        run_sql(dsn, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 s'")
        await until(lambda: told() == ["No worker is alive. No job is waiting."], what="its silence")
        run_sql(dsn, "UPDATE procrastinate_workers SET last_heartbeat = now() + interval '15 s'")
        await until(lambda: told() == [], what="its return")


async def test_what_was_over_last_is_remembered_for_this_session(dsn: str) -> None:
    defer(dsn, queue_name="mail")
    async with monitoring(dsn) as monitor:
        overview = monitor.overview()
        assert overview is not None and overview.last is None
        (line,) = overview.attention
        register(dsn)
        until_then = dt.datetime.now(dt.UTC)
        monitor.watching._told[line.key] = line, until_then - dt.timedelta(minutes=3)

        def last() -> watch.Past | None:
            found = monitor.overview()
            return found.last if found is not None else None

        await until(last, what="the end of it")
        past = last()
        assert past is not None and past.was == "No worker was alive"
        assert past.since == until_then - dt.timedelta(minutes=3)


async def test_status_tells_the_same_lines(dsn: str, tmp_path: Path) -> None:
    worker = register(dsn)
    for _ in range(6):
        job = defer(dsn, task_name="pay", queue_name="mail")
        started(dsn, job, worker)
        finish(dsn, job, "failed")
    environment = os.environ | {
        "XDG_STATE_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "jobdesk_core", "status", "--json", "--dsn", dsn]

    def attending(most_bytes: int = -1) -> list[Any]:
        """What `status` tells where no file may grow beyond this, as on a disk that is full."""
        limit = (most_bytes, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        ended = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=60, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return list(json.loads(ended.stdout)["attention"])

    # Where a window of this machine has recorded this database, that it cannot do so now is told, too.
    async with connected(dsn) as (connector, _):
        server = await read_server(connector.run_async)
    path = history_path(profile_of_dsn(dsn)[0], server, folder=tmp_path / "jobdesk" / "history")
    path.parent.mkdir(parents=True)
    path.touch()
    (line,) = attending()
    assert (line["rule"], line["subject"], line["title"], line["number"]) == ("failures", "pay", "pay fails", 6)
    assert line["text"].startswith("pay: 6 failures in ") and line["filter"].startswith(
        "task:pay status:failed ended:>-"
    )
    _, told = attending(10_000)
    assert (told["rule"], told["title"]) == ("unrecorded", "The history is not written")
    assert f"there is no room left for {path}" in told["text"]


def test_a_situation_that_knows_nothing_says_nothing() -> None:
    now = dt.datetime.now(dt.UTC)
    assert attention(Situation(now, OpenJobs(now))) == []
