"""The worker while its database is restored: the schema goes away under it, and comes back with other rows."""

from __future__ import annotations

import asyncio

from database import run_sql
from jobdesk_core import Status
from jobdesk_core.database.schema import schema_sql
from working import comes_to, opened_app, working

AWAY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


async def test_a_running_worker_outlives_a_restore(dsn: str) -> None:
    gate, reached = asyncio.Event(), asyncio.Event()
    async with opened_app(dsn) as app:

        @app.task(name="t")
        async def t() -> None:
            pass

        @app.task(name="wait")
        async def wait() -> None:
            reached.set()
            await gate.wait()

        app.periodic(cron="* * * * * *")(app.task(name="tick", queue="nobody")(lambda timestamp: None))
        often = {"update_heartbeat_interval": 0.2, "fetch_job_polling_interval": 0.3, "abort_job_polling_interval": 0.3}
        async with working(app, concurrency=2, queues=["default"], **often) as worker:
            await wait.defer_async()
            await asyncio.wait_for(reached.wait(), 60)
            before = worker.worker_id
            run_sql(dsn, AWAY)
            gate.set()
            await asyncio.sleep(1)
            # Half of it is there for a while, and then all.
            run_sql(dsn, "CREATE TABLE procrastinate_jobs (id bigint)")
            await asyncio.sleep(1)
            run_sql(dsn, AWAY)
            run_sql(dsn, schema_sql())
            run_sql(dsn, "SELECT setval('procrastinate_workers_id_seq', 100), setval('procrastinate_jobs_id_seq', 100)")
            await comes_to(app, await t.defer_async(), Status.SUCCEEDED, timeout_s=30)
            assert before != worker.worker_id
            assert run_sql(dsn, "SELECT id FROM procrastinate_workers") == [worker.worker_id]
            ticks = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'tick'"
            for _ in range(100):
                if run_sql(dsn, ticks) >= [2]:
                    break
                await asyncio.sleep(0.1)
            assert run_sql(dsn, ticks) >= [2]
