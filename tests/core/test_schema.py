"""The schema: installed on an empty database, refused on any other, and behaving as described."""

from __future__ import annotations

import pytest
from jobdesk_core import Job, JobManager, PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.schema import install
from jobdesk_core.exceptions import SchemaRefused
from jobdesk_core.jobs import Status
from managing import ids_of


async def test_the_schema_is_installed_on_an_empty_database(empty_dsn: str) -> None:
    connector = PsycopgConnector(conninfo=empty_dsn)
    await connector.open_async()
    try:
        assert not (await connector.run_async(DETECT)).has_schema
        await install(connector)
        able = await connector.run_async(DETECT)
        assert able.has_schema
        assert able.release == "3.4–3.10"
        assert able.rights.is_complete
    finally:
        await connector.close_async()


async def test_a_second_schema_is_refused_with_the_reason(dsn: str) -> None:
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    try:
        with pytest.raises(SchemaRefused, match=r"has the schema of Procrastinate 3\.4–3\.10 already"):
            await install(connector)
    finally:
        await connector.close_async()


async def test_events_are_written_in_the_order_of_what_happened(dsn: str) -> None:
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    manager = JobManager(connector)
    try:
        (job_id,) = ids_of([await manager.defer_job_async(Job(task_name="t"))])
        worker_id = await manager.register_worker()
        assert await manager.fetch_job(None, worker_id) is not None
        assert not await manager.cancel_job_by_id_async(job_id)
        assert await manager.cancel_job_by_id_async(job_id, abort=True)
        await manager.finish_job_by_id_async(job_id, Status.ABORTED, False)
        events = await connector.run_async(
            Statement("SELECT type::text FROM procrastinate_events ORDER BY id", lambda rows: [r["type"] for r in rows])
        )
        assert events == ["deferred", "started", "abort_requested", "aborted"]
        job = (await manager.list_jobs_async(id=job_id))[0]
        assert (Status(job.status), job.attempts, job.abort_requested) == (Status.ABORTED, 1, False)
    finally:
        await connector.close_async()
