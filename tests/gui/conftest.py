"""Qt and asyncio together in one test: the pattern that proved sound with qasync."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from jobdesk.kit.theme import theme
from jobdesk.runtime.loop import create_loop
from PySide6.QtCore import QEvent, QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

gc.disable()  # see the end of event_loop


def pytest_collection_finish() -> None:
    """Have what all tests share left alone when a test's leavings are collected: it takes a tenth of a second each."""
    importlib.import_module("jobdesk.window.main_window")
    gc.collect()
    gc.freeze()


@pytest.fixture
def event_loop(qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
    """An asyncio loop that rides on Qt's for the whole test; an error nobody handled fails the test."""
    theme().install(qapp)
    # Otherwise Qt's loops refuse to run once a test has closed its window.
    qapp.setQuitOnLastWindowClosed(False)
    loop = create_loop(qapp, already_running=True)
    unhandled: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: unhandled.append(context))
    yield loop
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        _drive(loop, asyncio.wait(tasks, timeout=5))
    # A loop that rides on Qt's says that it runs until it is told to stop, and refuses to close before.
    loop.stop()
    # It has told Qt to quit, and every later QEventLoop would at once: one round of the application forgets it.
    QTimer.singleShot(0, qapp.quit)
    qapp.exec()
    loop.close()
    asyncio.events._set_running_loop(None)
    # What the test has left goes here and now: in another thread's turn it would take the process with it.
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    assert not unhandled, unhandled


@pytest.fixture
def run_coroutine(event_loop: asyncio.AbstractEventLoop) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine test on the loop that Qt drives."""
    return lambda coroutine: _drive(event_loop, coroutine)


def _drive(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]) -> Any:
    nested = QEventLoop()
    task = loop.create_task(coroutine)
    task.add_done_callback(lambda _task: nested.quit())
    nested.exec()
    return task.result()
