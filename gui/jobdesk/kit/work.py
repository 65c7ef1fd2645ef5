"""The one way a widget starts work: tasks that are owned, ended with their widget, and never lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from PySide6.QtCore import QMetaMethod, QObject, Signal

T = TypeVar("T")

#: What a task says that it does; one that tells how far it is, is asked anew.
Says = str | Callable[[], str]
#: Tasks under way that a person should hear of when they take long: what they do, and since when (`time.monotonic`).
_TOLD: dict[asyncio.Task[Any], tuple[Says, float]] = {}


def under_way(longer_than_s: float) -> tuple[str, Callable[[], object]] | None:
    """What has been under way for longest and longer than so many seconds, as a sentence, and how to stop it."""
    now = time.monotonic()
    for task, (sentence, since) in _TOLD.items():
        if now - since >= longer_than_s and not task.cancelling():
            return sentence if isinstance(sentence, str) else sentence(), task.cancel
    return None


class Work(QObject):
    """Owns the tasks of one parent and cancels them when the parent goes.

    An error goes to the task's `failed` callback, or else to the signal `failed`; when nobody is
    connected to that either, it is raised in the loop, so that the error window shows it.
    """

    failed = Signal(Exception)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._newest: dict[str, asyncio.Task[Any]] = {}
        owner = self._owner = _Owner()
        tasks = self._tasks
        # Not a method of ours: Qt has taken this object apart by then.
        parent.destroyed.connect(lambda: owner.leave(tasks))

    def start(
        self,
        coroutine: Coroutine[Any, Any, T],
        *,
        name: str,
        then: Callable[[T], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
        replaces: bool = False,
        says: Says = "",
    ) -> asyncio.Task[T]:
        """Run `coroutine`, then call `then` with its value in the UI thread.

        While it takes long, the footer `says` what it does and offers to stop it.

        With `replaces` an older task of the same name is cancelled and its answer never delivered.
        """
        if replaces:
            self.cancel(name)
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks[task] = name
        self._newest[name] = task
        if says:
            _TOLD[task] = says, time.monotonic()
        task.add_done_callback(lambda done: self._finish(done, then, failed, replaces))
        return task

    def cancel(self, name: str) -> None:
        """Cancel every running task of this name."""
        for task, its_name in list(self._tasks.items()):
            # Not twice: the second would break off the driver's own cancelling, and cost the connection.
            if its_name == name and not task.cancelling():
                task.cancel()

    def is_running(self, name: str) -> bool:
        """Whether a task of this name has not ended yet."""
        return name in self._tasks.values()

    async def stop(self, timeout_s: float = 2.0) -> None:
        """Cancel everything and wait for it, at most `timeout_s` seconds."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)

    def _finish(
        self,
        task: asyncio.Task[Any],
        then: Callable[[Any], None] | None,
        failed: Callable[[Exception], None] | None,
        replaces: bool,
    ) -> None:
        name = self._tasks.pop(task)
        _TOLD.pop(task, None)
        is_newest = self._newest.get(name) is task
        if is_newest:
            del self._newest[name]
        if task.cancelled() or self._owner.is_gone or (replaces and not is_newest):
            if not task.cancelled():
                task.exception()  # mark as seen: nobody is there any more, or has asked anew since
            return
        error = task.exception()
        if error is None:
            if then is not None:
                then(task.result())
        elif not isinstance(error, Exception):
            raise error
        elif failed is not None:
            failed(error)
        elif self.isSignalConnected(QMetaMethod.fromSignal(self.failed)):
            self.failed.emit(error)
        else:
            raise error


class _Owner:
    """Whether a task's widget still exists: a task may end in the same turn of the loop as the widget."""

    is_gone = False

    def leave(self, tasks: dict[asyncio.Task[Any], str]) -> None:
        self.is_gone = True
        for task in list(tasks):
            task.cancel()
