"""The one place that knows qasync: asyncio on Qt's event loop, on every platform the same way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

os.environ.setdefault("QT_API", "pyside6")

import qasync
from PySide6.QtWidgets import QApplication


def create_loop(app: QApplication, *, already_running: bool = False) -> asyncio.AbstractEventLoop:
    """Return an event loop driven by `app`.

    The selector loop everywhere: psycopg refuses the proactor loop that is the default on Windows.
    `already_running=True` is for tests, in which Qt's loop runs and asyncio is to ride on it.
    """
    loop: asyncio.AbstractEventLoop = qasync.QSelectorEventLoop(app, already_running=already_running)
    return loop


def run(app: QApplication, main: Coroutine[Any, Any, int]) -> int:
    """Run `main` to its end on the application's loop and return its exit code."""
    with asyncio.Runner(loop_factory=lambda: create_loop(app)) as runner:
        return runner.run(main)
