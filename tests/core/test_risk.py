"""Unresponsive is not dead: what is said before a retry that may run a job twice, and after one that nobody takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from acting import acting
from database import defer, run_sql, start
from jobdesk_core.operations import Fail, Retry, look_at_risk, not_served

#: What 97.5 s ago is when it is read, on a machine with much to do too.
SOON_AFTER = r"(3[789]|4\d|5\d) s\."
SILENT = "now() - interval '44 seconds'"


def ran(dsn: str, task: str, *seconds: float) -> None:
    """Runs of a task that took so long each."""
    for took in seconds:
        job_id = defer(dsn, task_name=task, status="succeeded")
        at = "INSERT INTO procrastinate_events (job_id, type, at) VALUES (%s, %s, now() - %s * interval '1 second')"
        run_sql(dsn, at, job_id, "started", 3600 + took)
        run_sql(dsn, at, job_id, "succeeded", 3600)


def started(dsn: str, job_id: int, seconds: float) -> None:
    """The job's start was so long ago."""
    later = (
        "UPDATE procrastinate_events SET at = now() - %s * interval '1 second' WHERE job_id = %s AND type = 'started'"
    )
    run_sql(dsn, later, seconds, job_id)


async def said(dsn: str, change: Any, *ids: int) -> list[str]:
    async with acting(dsn) as actor:
        risk = await actor.run(look_at_risk(await actor.plan(change, *ids)))
    return risk.sentences() if risk is not None else []


@pytest.mark.parametrize("change", [Retry(), Retry(only_stalled=True), Retry(is_forced=True), Fail(), Fail(True)])
async def test_an_unresponsive_workers_job_is_told_of_with_its_usual_time(dsn: str, change: Any) -> None:
    ran(dsn, "mail.send", *[80] * 5)
    defer(dsn, task_name="mail.send")
    job_id, worker_id = start(dsn, heartbeat=SILENT)
    started(dsn, job_id, 50.5)
    assert await said(dsn, change, job_id) == [
        f"Worker #{worker_id} has sent no heartbeat for 44 s. It may still run this job: "
        "a worker that is shutting down sends none until its jobs have ended.",
        "mail.send usually runs for 1 min 20 s (95 % of its runs end within 1 min 20 s); this job started 50 s ago.",
    ]


async def test_several_workers_and_tasks_are_told_of_together(dsn: str) -> None:
    ids = []
    for number, task in enumerate(["a", "a", "b\n"]):
        defer(dsn, task_name=task)
        job_id, _ = start(dsn, heartbeat=f"now() - interval '{44 + 300 * number} seconds'")
        started(dsn, job_id, 60.1 + 600 * number)
        ids.append(job_id)
    assert await said(dsn, Retry(), *ids) == [
        "3 workers have sent no heartbeat for 44 s to 10 min 44 s. They may still run these 3 jobs: "
        "a worker that is shutting down sends none until its jobs have ended.",
        "How long a usually runs is not known; the first of these 2 jobs started 11 min ago.",
        "How long b usually runs is not known; this job started 21 min ago.",
    ]


async def test_nothing_is_said_of_living_and_gone_workers(dsn: str) -> None:
    defer(dsn), defer(dsn)
    alive, _ = start(dsn)
    orphaned, worker_id = start(dsn)
    run_sql(dsn, "DELETE FROM procrastinate_workers WHERE id = %s", worker_id)
    assert await said(dsn, Retry(), alive, orphaned, 999) == []


# After it


def failed(dsn: str, queue: str = "mail") -> int:
    job_id = defer(dsn, queue_name=queue)
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", job_id)
    run_sql(dsn, "SELECT procrastinate_finish_job_v1(%s, 'failed', false)", job_id)
    return job_id


async def after(dsn: str, *ids: int) -> list[str]:
    async with acting(dsn) as actor:
        ledger = await actor.apply(await actor.plan(Retry(), *ids))

        def ask() -> Any:
            return (yield not_served(ledger, actor.able))

        found: list[str] = await actor.run(ask())
    return found


async def test_a_retry_that_nobody_takes_says_so(dsn: str) -> None:
    job_id, other = failed(dsn), failed(dsn)
    started(dsn, job_id, 200)
    started(dsn, other, 97.5)
    [told] = await after(dsn, job_id)
    began = f"Job #{job_id} is waiting to run again, but no worker is alive, and no job in mail has started for 1 min "
    assert re.fullmatch(re.escape(began) + SOON_AFTER, told), told
    worker_id = run_sql(dsn, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0]
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'failed'")
    assert await after(dsn, job_id, other) == [], "a worker is alive, and nothing else has waited"
    waits = defer(dsn, queue_name="mail")
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'failed' WHERE id <> %s", waits)
    assert await after(dsn, job_id, other) == [], "it has not been due for long"
    run_sql(dsn, "UPDATE procrastinate_events SET at = now() - interval '60 seconds' WHERE job_id = %s", waits)
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'failed' WHERE id <> %s", waits)
    [told] = await after(dsn, job_id, other)
    began = "2 jobs are waiting to run again, but no job in mail has started for 1 min "
    assert re.fullmatch(re.escape(began) + SOON_AFTER, told), told
    started(dsn, other, 10)
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'failed' WHERE id <> %s", waits)
    assert await after(dsn, job_id, other) == [], "the queue moves"
    run_sql(dsn, f"UPDATE procrastinate_workers SET last_heartbeat = {SILENT} WHERE id = %s", worker_id)
    later = "UPDATE procrastinate_jobs SET status = 'failed', scheduled_at = NULL WHERE id <> %s"
    run_sql(dsn, later, waits)
    ids = [failed(dsn, queue) for queue in ("a", "b", "c", "d", "e")]
    found = await after(dsn, *ids, other)
    assert len(found) == 4 and found[-1] == "The same goes for 3 more queues.", found
