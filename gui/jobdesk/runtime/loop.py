"""The one place that knows qasync: asyncio on Qt's event loop, on every platform the same way."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

os.environ.setdefault("QT_API", "pyside6")

import qasync
from PySide6.QtCore import QObject, QSocketNotifier, Qt, QTimerEvent, Signal
from PySide6.QtWidgets import QApplication

_Callback = Callable[..., object]
_PRECISE = Qt.TimerType.PreciseTimer
#: Seconds after which a thread that reckons lets the window's thread go on.
SWITCH_S = 0.001

#: Milliseconds between two looks whether a task's step, within which Qt's loop runs, is over.
_WITHIN_A_STEP_MS = 5


class _Turns(QObject):
    """Runs what is due, all of it in one turn of Qt's loop, by one timer for now and one for later.

    qasync has a timer for each callback, also for those that were cancelled: most of what a window at rest does.
    """

    #: From any thread: a handle that is to run in the next turn.
    asked = Signal(object)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._is_over = False
        self.asked.connect(self.soon, Qt.ConnectionType.QueuedConnection)
        self._ready: deque[asyncio.Handle] = deque()
        self._later: list[tuple[float, int, asyncio.Handle]] = []
        self._numbers = itertools.count()
        self._turn = self._alarm = 0  # the timers' ids, 0 while they do not run
        self._at = math.inf

    def soon(self, handle: asyncio.Handle) -> None:
        """Run this in the next turn; what a thread asks for after the end is passed over."""
        if self._is_over:
            return
        self._ready.append(handle)
        if not self._turn:
            self._turn = self.startTimer(0)

    def later(self, handle: asyncio.Handle, when: float) -> None:
        """Run this at a time (`time.monotonic`), never before."""
        heapq.heappush(self._later, (when, next(self._numbers), handle))
        self._set_alarm()

    def stop(self) -> None:
        """Run nothing any more."""
        self._is_over = True
        self._ready.clear()
        self._later.clear()
        for timer in filter(None, (self._turn, self._alarm)):
            self.killTimer(timer)

    def timerEvent(self, event: QTimerEvent) -> None:
        timer = event.timerId()
        self.killTimer(timer)
        if timer == self._turn:
            self._turn = 0
        else:
            self._alarm, self._at = 0, math.inf
        if asyncio.current_task(self._loop) is not None:
            # A Qt loop within a task's step: asyncio refuses the steps of others until that is over.
            self._turn = self._turn or self.startTimer(_WITHIN_A_STEP_MS)
            return
        now = time.monotonic()
        while self._later and (self._later[0][0] <= now or self._later[0][2].cancelled()):
            self._ready.append(heapq.heappop(self._later)[2])
        self._set_alarm()
        # What these add has to wait for the next turn: Qt paints and hears the operator in between.
        for _ in range(len(self._ready)):
            if not self._ready:
                break  # a Qt loop within a callback has run the rest
            handle = self._ready.popleft()
            if self._ready and not self._turn:
                self._turn = self.startTimer(0)  # for such a loop, and for when a callback ends the program
            if not handle.cancelled():
                handle._run()

    def _set_alarm(self) -> None:
        """Wake at the earliest time that is waited for, if that is not so yet."""
        if not self._later or self._later[0][0] >= self._at:
            return
        if self._alarm:
            self.killTimer(self._alarm)
        self._at = self._later[0][0]
        milliseconds = math.ceil(1000 * max(0.0, self._at - time.monotonic()))
        self._alarm = self.startTimer(milliseconds, _PRECISE)


class _Watch:
    """Calls back while a socket is ready. The notifier stays when nobody waits: making one takes long."""

    def __init__(self, fd: int, kind: QSocketNotifier.Type) -> None:
        self.handle: asyncio.Handle | None = None
        self._notifier = QSocketNotifier(fd, kind)
        self._notifier.activated.connect(self._call)

    def begin(self, handle: asyncio.Handle) -> None:
        self.handle = handle
        self._notifier.setEnabled(True)

    def end(self) -> bool:
        """Whether anybody waited."""
        was_waited_for, self.handle = self.handle is not None, None
        self._notifier.setEnabled(False)
        return was_waited_for

    def _call(self) -> None:
        if self.handle is not None and not self.handle.cancelled():
            self.handle._run()


class _Loop(qasync.QSelectorEventLoop):  # type: ignore[misc]  # qasync has no types
    """qasync's loop with fewer timers and notifiers: a question to PostgreSQL costs it a third."""

    def __init__(self, app: QApplication, *, already_running: bool) -> None:
        self._turns = _Turns(self)
        self._watches: dict[tuple[int, QSocketNotifier.Type], _Watch] = {}
        super().__init__(app, already_running=already_running)

    def call_soon(self, callback: _Callback, *args: Any, context: Context | None = None) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._turns.soon(handle)
        return handle

    def call_soon_threadsafe(self, callback: _Callback, *args: Any, context: Context | None = None) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._turns.asked.emit(handle)
        return handle

    def call_later(
        self, delay: float, callback: _Callback, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: _Callback, *args: Any, context: Context | None = None) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._turns.later(handle, when)
        return handle

    def close(self) -> None:
        super().close()
        self._turns.stop()
        self._watches.clear()

    def _watch(self, fd: Any, kind: QSocketNotifier.Type, callback: _Callback, args: tuple[Any, ...]) -> asyncio.Handle:
        self._check_closed()
        number = fd if isinstance(fd, int) else fd.fileno()
        watch = self._watches.get((number, kind))
        if watch is None:
            watch = self._watches[number, kind] = _Watch(number, kind)
        handle = asyncio.Handle(callback, args, self)
        watch.begin(handle)
        return handle

    def _unwatch(self, fd: Any, kind: QSocketNotifier.Type) -> bool:
        watch = self._watches.get((fd if isinstance(fd, int) else fd.fileno(), kind))
        return watch is not None and watch.end()

    def _add_reader(self, fd: Any, callback: _Callback, *args: Any) -> asyncio.Handle:
        return self._watch(fd, QSocketNotifier.Type.Read, callback, args)

    def _remove_reader(self, fd: Any) -> bool:
        return self._unwatch(fd, QSocketNotifier.Type.Read)

    def _add_writer(self, fd: Any, callback: _Callback, *args: Any) -> asyncio.Handle:
        return self._watch(fd, QSocketNotifier.Type.Write, callback, args)

    def _remove_writer(self, fd: Any) -> bool:
        return self._unwatch(fd, QSocketNotifier.Type.Write)


def create_loop(app: QApplication, *, already_running: bool = False) -> asyncio.AbstractEventLoop:
    """Return an event loop driven by `app`.

    The selector loop everywhere: psycopg refuses the proactor loop that is the default on Windows.
    `already_running=True` is for tests, in which Qt's loop runs and asyncio is to ride on it.
    """
    return _Loop(app, already_running=already_running)


def run(app: QApplication, main: Coroutine[Any, Any, int]) -> int:
    """Run `main` to its end on the application's loop and return its exit code."""
    # A frame asks for the interpreter a few times over; each time it would wait for 5 ms while a thread reckons.
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=lambda: create_loop(app)) as runner:
        return runner.run(main)
