"""The window and a worker of the real Procrastinate on one database: it runs what the window defers, and obeys it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from interop import theirs
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.window.desk_view import DeskView
from opened import Others, closed, desk_of, dialog_of, live
from programs import started
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from waiting import until


@pytest.fixture
def with_worker(dsn: str) -> Iterator[str]:
    """A database that a worker process of the library serves, with a table for its tasks' notes."""
    with Others(dsn) as others:
        others.run("CREATE TABLE notes (id serial PRIMARY KEY, text text)")
    with started([sys.executable, str(theirs.__file__), dsn, "2"]) as worker:
        try:
            yield dsn
        finally:
            worker.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(20)


async def defer(window: DeskView, task: str, arguments: str) -> int:
    """Defer a job by the dialog and return its id."""
    window.all_actions["job.defer"].trigger()
    dialog = await dialog_of(window, DeferDialog)
    QTest.keyClicks(dialog.task, task)
    dialog.arguments.set_text(arguments)
    QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
    await closed(window)
    return int(window.banners.sentence.split("#")[1].split(":")[0].replace(",", ""))


async def act(window: DeskView, job_id: int, action: str) -> None:
    """Select the job and take the action through its dialog."""
    await until(lambda: window.jobs.inspect(job_id), what="the job to show")
    await until(window.all_actions[action].isEnabled, what=f"{action} to be possible")
    window.all_actions[action].trigger()
    dialog = await dialog_of(window, PreflightDialog)
    await until(dialog.verb.isEnabled, what="the preflight")
    QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
    await closed(window)


async def shows(window: DeskView, job_id: int, status: str) -> None:
    """Until the table says so."""

    def is_shown() -> bool:
        row = window.jobs.model.row(job_id)
        return row is not None and row.status.value == status

    await until(is_shown, timeout_s=60, what=f"job {job_id} to be {status}")


async def test_their_worker_runs_what_the_dialog_defers(with_worker: str, tmp_path: Path) -> None:
    async with live(tmp_path, with_worker) as window:
        await until(lambda: desk_of(window).live_worker_ids, timeout_s=60, what="their worker to register")
        job_id = await defer(window, "write", '{"text": "from the window, ünïcode"}')
        await shows(window, job_id, "succeeded")
        with Others(with_worker) as others:
            assert others.run("SELECT text FROM notes") == "from the window, ünïcode"


@pytest.mark.parametrize("task", ["wait", "poll"])
async def test_their_worker_stops_what_the_window_aborts(with_worker: str, tmp_path: Path, task: str) -> None:
    async with live(tmp_path, with_worker) as window:
        await until(lambda: desk_of(window).live_worker_ids, timeout_s=60, what="their worker to register")
        running = await defer(window, task, '{"text": "runs"}')
        waiting = await defer(window, "write", '{"text": "never"}')
        await shows(window, running, "doing")
        window.jobs.inspect(running)
        await until(window.all_actions["job.retry"].isEnabled, what="a retry to be offered")
        window.all_actions["job.retry"].trigger()
        dialog = await dialog_of(window, PreflightDialog)
        await until(lambda: any("would run twice" in text for text in dialog.outcomes.texts()), what="the danger")
        assert not dialog.verb.isEnabled()
        dialog.reject()
        await act(window, waiting, "job.cancel")
        await shows(window, waiting, "cancelled")
        await act(window, running, "job.abort")
        await shows(window, running, "aborted")
        with Others(with_worker) as others:
            assert others.run("SELECT array_agg(text) FROM notes") == ["runs"]


async def test_their_worker_runs_again_what_the_window_retries(with_worker: str, tmp_path: Path) -> None:
    async with live(tmp_path, with_worker) as window:
        await until(lambda: desk_of(window).live_worker_ids, timeout_s=60, what="their worker to register")
        job_id = await defer(window, "fail_first", '{"text": "run"}')
        await shows(window, job_id, "failed")
        await act(window, job_id, "job.retry")
        await shows(window, job_id, "succeeded")
        with Others(with_worker) as others:
            assert len(others.run("SELECT array_agg(text) FROM notes")) == 2
