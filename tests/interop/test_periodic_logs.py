"""What people's logging reads of periodic tasks: the same actions with the same extras as the library's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import jobdesk_core
import jobdesk_core.testing
import procrastinate
import procrastinate.testing
import pytest

OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


async def logged(library: Any, testing: Any, caplog: pytest.LogCaptureFixture) -> dict[str, tuple[str, set[str]]]:
    """Per action its level and extras: of a schedule whose jobs run, and one whose queueing lock stays taken."""
    app = library.App(connector=testing.InMemoryConnector())

    @app.periodic(cron="* * * * * *")
    @app.task(name="often", queue="served")
    async def often(timestamp: int) -> None: ...

    @app.periodic(cron="* * * * * *")
    @app.task(name="stuck", queue="elsewhere", queueing_lock="one")
    async def stuck(timestamp: int) -> None: ...

    async with app.open_async():
        working = asyncio.create_task(app.run_worker_async(queues=["served"], install_signal_handlers=False))
        await asyncio.sleep(3.2)
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
    records = [each for each in caplog.records if each.name == f"{library.__name__}.periodic"]
    caplog.clear()
    return {each.action: (each.levelname, set(vars(each)) - OWN) for each in records}  # type: ignore[attr-defined]


async def test_the_records_of_periodic_tasks_carry_what_the_librarys_do(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    theirs = await logged(procrastinate, procrastinate.testing, caplog)
    ours = await logged(jobdesk_core, jobdesk_core.testing, caplog)
    assert {"periodic_task_deferred", "skip_periodic_task_queueing_lock", "wait_next_tick"} <= set(theirs)
    assert ours == theirs
