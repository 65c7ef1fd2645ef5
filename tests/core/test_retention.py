"""A purge of old jobs beside working workers: it locks what it deletes alone, and its estimate is near what it does."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from aged import fill
from database import defer, run_sql
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.limited import ask_limited
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.health import FINISHED, LIMIT_S, freed, read
from jobdesk_core.operations import Matching, Purge, plan, run
from jobdesk_core.operations.change.action_sql import chunk

#: All that a worker asks for, one after the other, and what a program does that defers.
WORKER = [
    "SELECT procrastinate_register_worker_v1()",
    "SELECT procrastinate_update_heartbeat_v1(1)",
    "SELECT procrastinate_prune_stalled_workers_v1(30)",
    "SELECT id FROM procrastinate_fetch_job_v2(NULL, 1)",
    "SELECT procrastinate_finish_job_v1({job}, 'succeeded', false)",
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('q', 't', 0, NULL, NULL, '{{}}', NULL)]::"
    "procrastinate_job_to_defer_v1[])",
    "SELECT procrastinate_unregister_worker_v1(1)",
]


def test_a_chunk_of_a_purge_holds_up_no_worker(dsn: str) -> None:
    fill(dsn, ("succeeded", "40 days", 300))
    job = defer(dsn)
    old = run_sql(dsn, "SELECT id FROM procrastinate_jobs WHERE status = 'succeeded' ORDER BY id")
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        capabilities = connector.run(DETECT)
        versions = run_sql(
            dsn, "SELECT xmin::text::bigint FROM procrastinate_jobs WHERE id = ANY (%s) ORDER BY id", old
        )
        statement = chunk(Purge(frozenset(FINISHED), dt.timedelta(days=30)), capabilities, old, versions)
        with connector.transaction() as holding:
            rows = connector.run(statement, connection=holding)
            assert sum(row["is_done"] for row in rows) == len(old)
            # Not committed yet: whoever waited for it now would wait for good.
            with psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=1500") as worker:
                for asked in WORKER:
                    worker.execute(asked.format(job=job).encode())
    finally:
        connector.close()
    assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs WHERE id = ANY (%s)", old) == [0]
    assert run_sql(dsn, "SELECT status::text FROM procrastinate_jobs WHERE id = %s", job) == ["succeeded"]
    # The events are gone with their jobs.
    assert run_sql(
        dsn, "SELECT count(*) FROM procrastinate_events WHERE job_id <> ALL (ARRAY[%s, %s])", job, job + 1
    ) == [0]


@pytest.mark.parametrize(("days", "purged"), [(7, 12), (30, 8), (90, 3)])
def test_the_filter_and_the_purge_mean_the_jobs_that_were_estimated(dsn: str, days: int, purged: int) -> None:
    fill(dsn, ("succeeded", "100 days", 2), ("failed", "95 days", 1), ("aborted", "50 days", 5))
    fill(dsn, ("cancelled", "8 days", 4), ("succeeded", "6 days", 9), ("todo", "200 days", 2))
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        capabilities = connector.run(DETECT)
        found = freed(ask_limited(read(capabilities), connector, LIMIT_S), days)
        assert found is not None and found.jobs == purged and found.cell.is_exact
        target = Matching(JobFilter.parse(found.filter_text))
        made = run(plan(target, Purge(frozenset(found.statuses), found.older_than), capabilities), connector)
        assert (made.ready, made.total) == (purged, purged)
    finally:
        connector.close()
