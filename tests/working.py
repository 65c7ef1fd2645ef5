"""An app on a test's database, and a worker of it that runs beside the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from jobdesk_core import App, PsycopgConnector, Status, Worker
from waiting import until


@contextlib.asynccontextmanager
async def opened_app(dsn: str) -> AsyncIterator[App]:
    """An open app without tasks."""
    app = App(connector=PsycopgConnector(conninfo=dsn, max_size=4))
    async with app.open_async():
        yield app


@contextlib.asynccontextmanager
async def working(app: App, **options: Any) -> AsyncIterator[Worker]:
    """A worker that runs within the block, and then stops in good order. It hardly ever polls."""
    rarely = {"fetch_job_polling_interval": 100, "abort_job_polling_interval": 100}
    worker = Worker(app, **{**rarely, "install_signal_handlers": False, **options})
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(running, 60)


async def run_out(app: App, **options: Any) -> None:
    """Run every job that is due, and then those that these deferred."""
    await asyncio.wait_for(Worker(app, **{"wait": False, "install_signal_handlers": False, **options}).run(), 60)


async def comes_to(app: App, job_id: int, status: Status, *, timeout_s: float = 60.0) -> None:
    """Wait for a job's status."""

    async def is_there() -> bool:
        return await app.job_manager.get_job_status_async(job_id) is status

    await until(is_there, timeout_s=timeout_s, what=f"job {job_id} being {status.value}")


async def ends_of(app: App) -> list[tuple[str, int]]:
    """Status and attempts of every job."""
    return [(str(job.status), job.attempts) for job in await app.job_manager.list_jobs_async()]
