"""Schemas that are newer than any release: what is announced is bound and explained, what is unknown is said to be.

Each is made of what the database has: the announced functions are the present ones, changed where they will be.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections.abc import Callable

import pytest
import releases
from acting import acting, outcome_of
from database import connected, defer, run_sql, start
from jobdesk_core import App, Job, PsycopgConnector, SyncPsycopgConnector
from jobdesk_core.cli import main
from jobdesk_core.database.capabilities import DETECT, NEWEST, Capabilities
from jobdesk_core.job.details import read_detail
from jobdesk_core.jobs import Status
from jobdesk_core.operations.change.changes import Retry
from jobdesk_core.operations.ledger import Result

PAUSE = """
CREATE TABLE procrastinate_paused_queues (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, queue_name varchar NOT NULL,
    pause_key varchar NOT NULL DEFAULT 'default', paused_at timestamptz NOT NULL DEFAULT now());
"""
LOCK_MODE = """
CREATE TYPE procrastinate_lock_mode AS ENUM ('ordered', 'mutex');
ALTER TABLE procrastinate_jobs ADD COLUMN lock_mode procrastinate_lock_mode NOT NULL DEFAULT 'ordered';
CREATE TYPE procrastinate_job_to_defer_v2 AS (queue_name varchar, task_name varchar, priority integer, lock text,
    queueing_lock text, args jsonb, scheduled_at timestamptz, lock_mode procrastinate_lock_mode);
CREATE FUNCTION procrastinate_defer_jobs_v2(jobs procrastinate_job_to_defer_v2[]) RETURNS bigint[] LANGUAGE sql AS $$
    WITH made AS (INSERT INTO procrastinate_jobs
        (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at, lock_mode)
        SELECT queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at, coalesce(lock_mode, 'ordered')
          FROM unnest(jobs) RETURNING id)
    SELECT array_agg(id ORDER BY id) FROM made $$;
CREATE FUNCTION procrastinate_defer_periodic_job_v3(queue varchar, lock varchar, mode procrastinate_lock_mode,
    queueing_lock varchar, task varchar, priority integer, periodic varchar, at bigint, args jsonb)
    RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp) VALUES ($5, $7, $8);
    SELECT (procrastinate_defer_jobs_v2(ARRAY[ROW($1, $5, $6, $2, $4, $9, NULL, $3)::procrastinate_job_to_defer_v2]))[1]
    $$;
DROP FUNCTION procrastinate_defer_periodic_job_v2, procrastinate_defer_jobs_v1;
"""
RESULT = """
ALTER TABLE procrastinate_jobs ADD COLUMN result text;
ALTER FUNCTION procrastinate_finish_job_v1(bigint, procrastinate_job_status, boolean) RENAME TO old_finish;
CREATE FUNCTION procrastinate_finish_job_v1(id bigint, status procrastinate_job_status, gone boolean,
    told text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    UPDATE procrastinate_jobs SET result = $4 WHERE id = $1; SELECT old_finish($1, $2, $3) $$;
"""
#: The condition of the present fetch function that a job be due, for a copy to say more.
IS_DUE = "(job.scheduled_at IS NULL OR job.scheduled_at <= now())"


def detect(dsn: str) -> Capabilities:
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        return connector.run(DETECT)
    finally:
        connector.close()


def change_fetch(dsn: str, change: Callable[[str], str]) -> None:
    """Put another text of the fetching function beside the present one, or in its place."""
    (text,) = run_sql(dsn, "SELECT pg_get_functiondef('procrastinate_fetch_job_v2'::regproc)")
    changed = change(text)
    assert changed != text
    run_sql(dsn, changed)


def pause(dsn: str) -> None:
    run_sql(dsn, PAUSE)
    is_running = "NOT EXISTS (SELECT FROM procrastinate_paused_queues AS p WHERE p.queue_name = job.queue_name)"
    change_fetch(
        dsn, lambda text: text.replace("fetch_job_v2", "fetch_job_v3").replace(IS_DUE, f"{IS_DUE} AND {is_running}")
    )
    run_sql(dsn, "DROP FUNCTION procrastinate_fetch_job_v2")


def lock_mode(dsn: str) -> None:
    run_sql(dsn, LOCK_MODE)
    waits = "(other.lock_mode = 'ordered' OR other.scheduled_at IS NULL OR other.scheduled_at <= now())"
    change_fetch(dsn, lambda text: text.replace("(other.status = 'todo'", f"(other.status = 'todo' AND {waits}"))


async def reason(dsn: str, job_id: int) -> tuple[str, list[str]]:
    async with connected(dsn) as (connector, able):
        detail = await read_detail(connector, able, job_id)
        assert detail is not None
        return detail.reason.headline, detail.reason.sentences


async def work(dsn: str) -> list[str]:
    """Run a worker until nothing is left, and return what ran."""
    ran: list[str] = []
    app = App(connector=PsycopgConnector(conninfo=dsn))

    @app.task(name="t", pass_context=False)
    async def task(name: str = "") -> str:
        ran.append(name)
        return name

    async with app.open_async():
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
    return ran


@pytest.mark.parametrize("state", releases.STATES)
def test_every_function_of_every_release_is_known(state: str, empty_dsn: str) -> None:
    releases.apply(empty_dsn, releases.scripts_of(state))
    able = detect(empty_dsn)
    assert able.unknown_functions == () and able.strangeness is None
    assert "newer" not in able.release and "altered" not in able.release and able.extra_columns == ()


def test_our_own_schema_is_known(dsn: str) -> None:
    assert detect(dsn).strangeness is None and detect(dsn).release == "3.4–3.10"


def test_the_release_that_spares_jobs_without_a_lock_is_known(empty_dsn: str) -> None:
    releases.apply(empty_dsn, releases.scripts_of("3.10.0"))
    change_fetch(
        empty_dsn,
        lambda text: text.replace("NOT EXISTS (", "(jobs.lock IS NULL OR NOT EXISTS (", 1).replace(
            "AND jobs.status = 'todo'", ") AND jobs.status = 'todo' -- spared\n", 1
        ),
    )
    able = detect(empty_dsn)
    assert (able.release, able.strangeness, able.has_priority_locks) == ("3.11", None, True)


@pytest.mark.parametrize(
    "name", ["cancel_job_v1", "retry_job_v2", "fetch_job_v2", "trigger_function_scheduled_events_v1"]
)
def test_an_unknown_text_was_altered_and_an_unknown_function_is_newer(
    name: str, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (text,) = run_sql(dsn, f"SELECT pg_get_functiondef('procrastinate_{name}'::regproc)")
    run_sql(dsn, text.replace("BEGIN", "BEGIN PERFORM 1;", 1))
    able = detect(dsn)
    assert able.release == "3.4–3.10, 1 function altered" and able.unknown_functions == (f"procrastinate_{name}",)
    assert able.is_fetch_unknown == (name == "fetch_job_v2")
    assert main(["status", "--dsn", dsn]) == 0
    told = capsys.readouterr().out
    assert "1 function altered" in told and f"procrastinate_{name}" in told
    run_sql(dsn, "CREATE FUNCTION procrastinate_cancel_job_v9() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    assert detect(dsn).release == f"newer than {NEWEST}"


def test_a_comment_a_blank_and_a_function_of_the_deployments_own_make_nothing_unknown(dsn: str) -> None:
    (text,) = run_sql(dsn, "SELECT pg_get_functiondef('procrastinate_fetch_job_v2'::regproc)")
    run_sql(dsn, text.replace("BEGIN", "BEGIN   -- ours\n", 1))
    run_sql(dsn, "CREATE FUNCTION procrastinate_of_our_own() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    assert detect(dsn).strangeness is None


async def test_an_older_schema_that_was_altered_is_not_called_newer(empty_dsn: str) -> None:
    releases.apply(empty_dsn, releases.scripts_of("2.8.0"))
    (text,) = run_sql(empty_dsn, "SELECT pg_get_functiondef('procrastinate_cancel_job'::regproc)")
    run_sql(empty_dsn, text.replace("BEGIN", "BEGIN PERFORM 1;", 1))
    assert detect(empty_dsn).release == "2.7–2.8, 1 function altered"


async def test_a_paused_queue_is_read_explained_and_left_alone_by_the_worker(dsn: str) -> None:
    pause(dsn)
    job_id, other = defer(dsn, queue_name="mail", args='{"name": "a"}'), defer(dsn, args='{"name": "b"}')
    run_sql(
        dsn,
        "INSERT INTO procrastinate_paused_queues (queue_name, paused_at) VALUES ('mail', now() - '5 min'::interval)",
    )
    headline, sentences = await reason(dsn, job_id)
    assert headline == "Its queue is paused."
    assert sentences[0].startswith("Queue mail has been paused for 5 m") and "newer than this Jobdesk" in sentences[-1]
    assert (await reason(dsn, other))[0] != "Its queue is paused."
    assert await work(dsn) == ["b"]
    run_sql(dsn, "DELETE FROM procrastinate_paused_queues")
    assert await work(dsn) == ["a"]


async def test_a_mutex_that_is_scheduled_for_later_holds_nobody_back(dsn: str) -> None:
    lock_mode(dsn)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=24)
    first = defer(dsn, lock="l", lock_mode="mutex", scheduled_at=later)
    second = defer(dsn, lock="l", args='{"name": "b"}')
    headline, sentences = await reason(dsn, second)
    assert headline == "No worker is alive." and not any("blocks it" in each for each in sentences)
    async with connected(dsn) as (connector, able):
        assert able.has_mutex_locks
        run_sql(dsn, "UPDATE procrastinate_jobs SET lock_mode = 'ordered'")
        detail = await read_detail(connector, able, second)
        assert detail is not None and detail.lock_holder is not None and detail.lock_holder.id == first
        run_sql(dsn, "UPDATE procrastinate_jobs SET lock_mode = 'mutex'")
    assert await work(dsn) == ["b"]


async def test_jobs_are_deferred_one_many_and_periodic_by_the_functions_to_come(dsn: str) -> None:
    lock_mode(dsn)
    app = App(connector=PsycopgConnector(conninfo=dsn))
    async with app.open_async():
        manager = app.job_manager
        await manager.defer_job_async(Job(id=None, queue="q", lock="x", queueing_lock=None, task_name="t"))
        jobs = [Job(id=None, queue="q", lock=None, queueing_lock=None, task_name="t", priority=n) for n in range(3)]
        await manager.batch_defer_jobs_async(jobs)
        await manager.defer_periodic_job(
            Job(id=None, queue="q", lock="p", queueing_lock=None, task_name="t"), periodic_id="", defer_timestamp=60
        )
    rows = run_sql(dsn, "SELECT lock, priority, lock_mode::text FROM procrastinate_jobs ORDER BY id")
    assert rows == [("x", 0, "ordered"), *((None, n, "ordered") for n in range(3)), ("p", 0, "ordered")]


async def test_a_result_is_read_and_explained_and_our_worker_ends_jobs(dsn: str) -> None:
    run_sql(dsn, RESULT)
    defer(dsn, args='{"name": "a"}')
    assert await work(dsn) == ["a"]
    assert run_sql(dsn, "SELECT status::text FROM procrastinate_jobs") == ["succeeded"]
    failed, _ = defer(dsn), start(dsn)
    run_sql(dsn, "SELECT procrastinate_finish_job_v1(%s, 'failed', false, 'KeyError: 3')", failed)
    _, sentences = await reason(dsn, failed)
    assert "Its result: KeyError: 3" in sentences and not any("no traceback" in each for each in sentences)
    assert (await outcome_of(dsn, Retry(), failed)).result is Result.DONE
    async with acting(dsn) as actor:
        assert actor.able.extra_columns == ("result",)


async def test_all_that_is_announced_at_once(dsn: str) -> None:
    lock_mode(dsn)
    run_sql(dsn, RESULT)
    pause(dsn)
    run_sql(dsn, "ALTER TABLE procrastinate_jobs ADD COLUMN deferred_at timestamptz DEFAULT now()")
    job_id = defer(dsn, args='{"name": "a"}')
    assert await work(dsn) == ["a"]
    able = await asyncio.to_thread(detect, dsn)
    assert able.extra_columns == ("lock_mode", "result", "deferred_at")
    assert able.function("fetch") == "procrastinate_fetch_job_v3(character varying[],bigint)"
    assert run_sql(dsn, "SELECT status::text FROM procrastinate_jobs WHERE id = %s", job_id) == [Status.SUCCEEDED.value]


async def test_added_columns_results_and_pauses_are_filters(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_sql(dsn, RESULT)
    pause(dsn)
    run_sql(dsn, 'ALTER TABLE procrastinate_jobs ADD COLUMN dataset text, ADD COLUMN "odd name%" integer')
    first = defer(dsn, queue_name="mail", dataset="x")
    run_sql(dsn, 'UPDATE procrastinate_jobs SET "odd name%" = 7')
    second = defer(dsn, dataset="y z", result="KeyError: 3")
    run_sql(dsn, "INSERT INTO procrastinate_paused_queues (queue_name) VALUES ('mail')")
    for text, expected in {
        "column.dataset:x": [first],
        'column.dataset:"y z"': [second],
        "column.dataset:x,y*": [first, second],
        "-column.dataset:x": [second],
        'column."odd name%":>5': [first],
        'column."odd name%":none': [second],
        "result:KeyError*": [second],
        "result:none": [first],
        "paused": [first],
        "-is:paused": [second],
    }.items():
        assert (main(["jobs", "--json", "--order", "oldest", "--dsn", dsn, text]) == 0, text) == (True, text)
        assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == expected, text
    assert main(["jobs", "--dsn", dsn, "column.nothing:x"]) == 4
    assert "no added column nothing. There are: result, dataset" in capsys.readouterr().err
    assert main(["jobs", "--dsn", dsn, "column:x"]) == 2 and "Name one column" in capsys.readouterr().err
    assert main(["status", "--json", "--dsn", dsn]) == 0
    told = json.loads(capsys.readouterr().out)["attention"]
    (line,) = [each["text"] for each in told if each["filter"] == "is:paused queue:mail"]
    assert re.fullmatch(r"mail: Paused for \d+ s\. 1 job is due\.", line)


def test_nothing_is_paused_and_no_result_is_kept_where_the_schema_knows_of_none(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    defer(dsn)
    assert main(["jobs", "--dsn", dsn, "paused"]) == 1
    assert main(["jobs", "--dsn", dsn, "result:x"]) == 4 and "no added column result" in capsys.readouterr().err
