"""The worker: it ends within its time when the server is away or frozen, and at once when told twice."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jobdesk_core.worker
import pytest
from database import run_sql
from jobdesk_core import Worker
from pooler import Pooler
from programs import started
from waiting import until
from working import opened_app


class Breaking(Pooler):
    """A link that can freeze, or be cut so that nobody answers any more."""

    def __init__(self, dsn: str, folder: Path) -> None:
        folder.mkdir()
        super().__init__(dsn, folder)

    async def break_(self, how: str) -> None:
        self.flowing.clear()
        if how == "away":
            await self.__aexit__(None, None, None)


async def stopped_without_server(dsn: str, folder: Path, how: str, moment: str) -> float:
    """The seconds that a worker takes from its stop to its end when its server is gone at such a moment."""
    gate, reached = asyncio.Event(), asyncio.Event()
    async with Breaking(dsn, folder) as link, opened_app(link.dsn) as app:

        @app.task(name=f"{how} {moment}", queue=f"{how} {moment}", retry=moment == "retry")
        async def wait() -> None:
            reached.set()
            await gate.wait()
            if moment == "retry":
                raise ValueError("on purpose")

        if moment != "idle":
            await wait.defer_async()
        grace = {"shutdown_graceful_timeout": 0.5} if moment == "goes on" else {}
        options = {"concurrency": 2, "fetch_job_polling_interval": 0.2, "install_signal_handlers": False}
        worker = Worker(app, queues=[wait.queue], **options, **grace)
        running = asyncio.create_task(worker.run())
        await until(lambda: worker.worker_id)
        if moment == "idle":
            await asyncio.sleep(0.5)
        else:
            await asyncio.wait_for(reached.wait(), 60)
        await link.break_(how)
        if moment == "exchange":  # on its way when the worker is told to stop
            gate.set()
            await asyncio.sleep(0.5)
        worker.stop()
        started = time.monotonic()
        if moment != "goes on":
            gate.set()
        await asyncio.wait({running}, timeout=60)
        await app.close_async()
        seconds = time.monotonic() - started
        running.result()
        return seconds


# A link that is cut may just have accepted what it never serves: asyncio leaves that to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning")
async def test_a_stopped_worker_ends_in_time_without_its_server(
    dsn: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jobdesk_core.worker, "RECORDING_S", 2.0)
    monkeypatch.setattr(jobdesk_core.worker, "RECORDING_AFTER_JOBS_S", 2.0)
    moments = ["idle", "job ends", "exchange", "retry", "goes on"]
    cases = [(how, moment) for how in ("frozen", "away") for moment in moments]
    with caplog.at_level(logging.ERROR):
        took = await asyncio.gather(
            *(stopped_without_server(dsn, folder / f"{n}", *case) for n, case in enumerate(cases))
        )
    assert {case: seconds for case, seconds in zip(cases, took, strict=True) if seconds > 40} == {}
    told = [record.getMessage() for record in caplog.records if "could not be recorded" in record.getMessage()]
    jobs = run_sql(dsn, "SELECT id FROM procrastinate_jobs ORDER BY id")
    assert sorted(told) == [f"How job {job} ended could not be recorded; it counts as stalled soon." for job in jobs]
    assert len(jobs) == 8


PROGRAM = """
import asyncio, sys, time
from jobdesk_core import App, PsycopgConnector
app = App(connector=PsycopgConnector(conninfo=sys.argv[1]))
@app.task(name="async")
async def waits():
    await asyncio.sleep(60)
@app.task(name="sync")
def blocks():
    time.sleep(60)
app.run_worker()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("task", ["async", "sync"])
def test_a_second_signal_ends_the_process_at_once(dsn: str, number: Any, task: str) -> None:
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', %s)", task)
    with started([sys.executable, "-c", PROGRAM, dsn]) as process:
        asyncio.run(until(lambda: run_sql(dsn, "SELECT status::text FROM procrastinate_jobs") == ["doing"]))
        time.sleep(0.3)
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(number)
        assert process.wait(30) == -number
