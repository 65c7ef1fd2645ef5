"""SIGINT and SIGTERM: the first asks for a stop in good order, the second ends the process at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator
from typing import Any

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def on_stop(callback: Callable[[], None]) -> Iterator[None]:
    """Call back at the first SIGINT or SIGTERM within the block, and then leave both to whoever had them before.

    Where Python alone, or `asyncio.run`, had SIGINT, the second one ends the process as SIGTERM does: nothing that
    runs is waited for. Nothing is installed beside the main thread, and on platforms whose loops take no signals.
    """
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}

    def restore() -> None:
        logger.debug("Resetting the signal handlers", extra={"action": "uninstall_signal_handlers"})
        while before:
            number, handler = before.popitem()
            loop.remove_signal_handler(number)
            # None was not installed by Python, which cannot put it back.
            if handler is not None:
                signal.signal(number, handler)

    def stop() -> None:
        restore()
        if _is_of_asyncio(signal.getsignal(signal.SIGINT)):
            # It would cancel the worker, which is stopping already and waits for its jobs.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        callback()

    logger.debug("Installing signal handlers", extra={"action": "install_signal_handlers"})
    for number in SIGNALS:
        handler = signal.getsignal(number)
        # Not in every thread and not on every platform.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop)
            before[number] = handler
    try:
        yield
    finally:
        restore()


def _is_of_asyncio(handler: Any) -> bool:
    """Whether it is the handler of `asyncio.run`, which cancels the main task before it interrupts anything."""
    return isinstance(getattr(getattr(handler, "func", None), "__self__", None), asyncio.Runner)
