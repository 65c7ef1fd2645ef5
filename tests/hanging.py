"""A test that hangs costs itself and not the run: its process tells where every thread stands, and ends.

pytest-timeout raises an exception in the main thread, once. Whoever catches it and waits on is not told again, and
neither is a shutdown that waits for a task or a thread. So a watchdog that needs no interpreter follows: pytest-xdist
then reports the test as failed, and goes on with the others in a new process.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
from collections.abc import Coroutine, Generator
from typing import Any

import pytest

#: How long after its time-out a test may still run, and the process after its last test.
GRACE_S = 60.0
_stderr = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the standard error that people see: each test has one of its own."""
    config.stash[_stderr] = os.dup(2)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Watch one test with its fixtures."""
    _watch(item)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Go on: pytest calls every watchdog off at a failure, and what comes then may hang as well."""
    if isinstance(node, pytest.Item) and not node.config.getoption("usepdb"):
        _watch(node)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Watch the end of the process, which waits for threads. One of pytest-xdist's goes on until all have ended."""
    if not hasattr(config, "workerinput"):
        faulthandler.dump_traceback_later(GRACE_S, file=config.stash[_stderr], exit=True)


async def in_time(item: pytest.Item, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Break a test off where it waits, just before pytest-timeout does: Qt's loop swallows that one's exception."""
    async with asyncio.timeout(max(1.0, 0.9 * _timeout_of(item))):
        return await coroutine


def _timeout_of(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker else item.config.getini("timeout"))


def _watch(item: pytest.Item) -> None:
    faulthandler.dump_traceback_later(_timeout_of(item) + GRACE_S, file=item.config.stash[_stderr], exit=True)
