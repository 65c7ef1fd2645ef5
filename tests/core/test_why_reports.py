"""Why a job is where it is, by what its workers have reported: its error, who runs it, and who serves its queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from database import connected, defer, finish, role, run_sql, start
from jobdesk_core import SyncPsycopgConnector
from jobdesk_core.cli import main
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.job.details import read_detail, read_detail_now
from jobdesk_core.job.why import Explanation
from jobdesk_core.reported.detection import detect
from reports import add_error, add_worker, ago, insert, install

Why = Callable[[int], Explanation]


def explained(dsn: str, job_id: int) -> Explanation:
    """The reason, as the command line reads it."""
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        able = replace(connector.run(DETECT), clock=connector.clock, reported=connector.run(detect()))
        detail = read_detail_now(connector, able, job_id)
        assert detail is not None
        return detail.reason
    finally:
        connector.close()


@pytest.fixture
def why(dsn: str) -> Why:
    return lambda job_id: explained(dsn, job_id)


def failed(dsn: str) -> int:
    """A job that has been run once, and failed."""
    job = defer(dsn)
    start(dsn)
    finish(dsn, job, "failed")
    return job


def test_why_a_job_failed(dsn: str, why: Why) -> None:
    job = failed(dsn)
    assert why(job).headline == "It failed."
    assert any("keeps no traceback" in each and "Why did it fail?" in each for each in why(job).sentences)
    install(dsn)
    assert any("No error of it has been reported" in each for each in why(job).sentences)

    worker = add_worker(dsn, "worker-3")
    insert(dsn, "tasks", name="t", retry='{"max_attempts": 3}')
    add_error(dsn, job, "KeyError", attempt=2, at=ago(0.5), outcome="retried")
    add_error(dsn, job, "httpx.ConnectTimeout", "timed\nout \u202e", attempt=3, worker=worker, fingerprint="f")
    for other in range(34):
        add_error(dsn, 1_000 + other, "httpx.ConnectTimeout", fingerprint="f", at=ago(500))
    add_error(dsn, 5_000, "httpx.ConnectTimeout", fingerprint="f", at=ago(700))
    add_error(dsn, 5_001, fingerprint="g")
    reason = why(job)
    assert reason.headline == "It failed: ConnectTimeout: timed out \\u202e."
    assert reason.sentences[:2] == [
        "It was attempt 3 of 3, on worker-3, process 7.",
        "34 other jobs failed the same way within 10 min of it.",
    ]
    assert not any("traceback" in each for each in reason.sentences)


def test_without_a_fingerprint_the_type_tells_what_is_alike(dsn: str, why: Why) -> None:
    job = failed(dsn)
    add_error(dsn, job, "LostWithItsWorker", fingerprint="", outcome="lost")
    add_error(dsn, 1_000, "LostWithItsWorker", fingerprint="", outcome="lost")
    add_error(dsn, 1_001, "Odd", fingerprint="")
    assert "1 other job failed the same way within 10 min of it." in why(job).sentences


@pytest.mark.parametrize(
    ("report", "headline", "sentence"),
    [
        ({"outcome": "lost"}, "It was lost with its worker.", "It was attempt 1."),
        ({"message": "x" * 999}, f"It failed: ValueError: {'x' * 160}…", "It was attempt 1."),
        ({"message": "What?"}, "It failed: ValueError: What?", "No other job failed the same way within 10 min of it."),
        (
            {"message": "old", "at": ago(300)},
            "It failed.",
            "Its last error was not reported. An earlier attempt failed: ValueError: old.",
        ),
        # The clocks of a worker and of the server may differ.
        ({"message": "new", "at": ago(60)}, "It failed: ValueError: new.", "It was attempt 1."),
    ],
)
def test_what_was_reported_in_other_ways(
    dsn: str, why: Why, report: dict[str, Any], headline: str, sentence: str
) -> None:
    job = failed(dsn)
    add_error(dsn, job, **report)
    reason = why(job)
    assert (reason.headline, sentence in reason.sentences) == (headline, True), reason


def test_a_job_that_waits_to_be_retried(dsn: str, why: Why) -> None:
    job = failed(dsn)
    add_error(dsn, job, "ConnectTimeout", "timed out", outcome="retried")
    add_worker(dsn)
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = now() + interval '1 hour'")
    assert "Attempt 1 failed: ConnectTimeout: timed out." in why(job).sentences
    run_sql(dsn, "UPDATE procrastinate_jobs SET scheduled_at = NULL")
    assert "Attempt 1 failed: ConnectTimeout: timed out." in why(job).sentences


def test_who_serves_its_queue(dsn: str, why: Why) -> None:
    job = defer(dsn, queue_name="mail")
    first, second = run_sql(
        dsn, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now()) RETURNING id"
    )
    # One of the two live workers reports: who serves the queue is not known.
    add_worker(dsn, worker_id=first, queues=["billing", "push"])
    reason = why(job)
    assert "No live worker" not in reason.headline
    told = "The one worker that reports does not serve queue mail; another live worker does not report."
    assert told in reason.sentences
    # Now both do.
    add_worker(dsn, worker_id=second, queues=["push"])
    reason = why(job)
    assert (reason.headline, reason.tone) == ("No live worker serves queue mail.", "bad")
    assert reason.sentences == ["The 2 live workers serve billing, push."]
    # A worker that has died serves nothing.
    add_worker(dsn, queues=["mail"], beat_s=60)
    assert why(job).headline == "No live worker serves queue mail."
    run_sql(
        dsn, "UPDATE jobdesk.workers SET queues = NULL, concurrency = 4, running = '{7,8}' WHERE worker_id = %s", first
    )
    reason = why(job)
    assert "No live worker" not in reason.headline
    assert "1 live worker serves its queue: 2 of 4 slots are taken." in reason.sentences


def test_who_runs_a_job_and_how_far_it_has_come(dsn: str, why: Why) -> None:
    job = defer(dsn)
    _, number = start(dsn)
    worker = add_worker(dsn, "worker-3", worker_id=number, running=[job])
    insert(dsn, "progress", job_id=job, attempt=1, done=1500, total=2000, note="rows \x1b", at=ago(3))
    told = why(job).sentences
    assert "It runs on worker-3, process 7." in told
    add_error(dsn, job, "KeyError", "x", outcome="retried")
    assert "Attempt 1 failed: KeyError: x." in why(job).sentences
    assert any(each.endswith("ago it had done 1,500 of 2,000 (75%): rows \\u001b.") for each in told), told
    run_sql(dsn, "UPDATE jobdesk.workers SET beat_at = now() - interval '3 min'")
    assert "It runs on worker-3, process 7, whose worker last reported 3 min ago." in why(job).sentences
    run_sql(dsn, "UPDATE jobdesk.workers SET ended_at = now()")
    add_error(dsn, job, "WorkerLost", attempt=2, outcome="lost", worker=worker)
    run_sql(dsn, "DELETE FROM procrastinate_workers")
    reason = why(job)
    assert reason.headline.startswith("Orphaned")
    assert "The worker that had it, on worker-3, process 7, has ended." in reason.sentences
    assert "It has been reported as lost with its worker." in reason.sentences


def test_a_periodic_job_has_its_cron_expression(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    periodic = "SELECT procrastinate_defer_periodic_job_v2('q', NULL, NULL, 't', 0, %s, 1795000000, '{}')"
    (plain,), (named,) = run_sql(dsn, periodic, ""), run_sql(dsn, periodic, "eu")
    other = defer(dsn)
    insert(dsn, "schedules", app="old", task_name="t", cron="1 1 * * *", reported_at=ago(900))
    insert(dsn, "schedules", app="shop", task_name="t", cron="*/5 * * * *", zone="Europe/Berlin")
    for job, told in ((plain, "  schedule       */5 * * * * Europe/Berlin"), (named, None), (other, None)):
        assert main(["--dsn", dsn, "show", str(job)], "jobdesk") == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if "schedule  " in line]
        assert lines == ([told] if told else []), job


async def test_the_window_reads_the_same_and_loses_nothing_to_a_report_that_cannot_be_read(dsn: str) -> None:
    job = failed(dsn)
    add_error(dsn, job, "ConnectTimeout", "timed out")
    tables = [f"SELECT ON procrastinate_{name}" for name in ("jobs", "events", "workers", "periodic_defers")]

    async def reason_of(place: str) -> Explanation:
        async with connected(place) as (connector, able):
            able = replace(able, clock=connector.clock, reported=await connector.run_async(detect()))
            if place != dsn:
                # As if the right had been taken away since.
                able = replace(able, reported=replace(able.reported, readable=frozenset(("errors", "workers"))))
            detail = await read_detail(connector, able, job)
            assert detail is not None
            return detail.reason

    assert (await reason_of(dsn)).headline == "It failed: ConnectTimeout: timed out."
    with role(dsn, *tables) as few:
        reason = await reason_of(few)
        assert reason.headline == "It failed."
        assert any("could not be read: permission denied" in each for each in reason.sentences)
        other = explained(few, job)
        assert any("may not read the schema jobdesk" in each for each in other.sentences)
    with role(dsn, *tables, "USAGE ON SCHEMA jobdesk", "SELECT ON jobdesk.version, jobdesk.errors") as some:
        assert explained(some, job).headline == "It failed: ConnectTimeout: timed out."


def test_a_newer_schema_is_read_as_far_as_it_is_known(dsn: str, why: Why) -> None:
    job = failed(dsn)
    add_error(dsn, job, "ConnectTimeout")
    run_sql(dsn, "UPDATE jobdesk.version SET version = 9")
    assert why(job).headline == "It failed: ConnectTimeout."
    run_sql(dsn, "ALTER TABLE jobdesk.errors DROP COLUMN message")
    assert why(job).headline == "It failed."
