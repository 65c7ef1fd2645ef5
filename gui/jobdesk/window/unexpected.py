"""The last net: an error that is our own fault is written down and told in one window, and the program goes on."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QWidget

from jobdesk.runtime.logs import fault

if TYPE_CHECKING:
    from jobdesk.window.error_dialog import ErrorDialog

#: Seconds for which an error from the same place, told and closed, is only written down.
QUIET_S = 600.0
_MOST_PLACES = 500


class Unexpected(QObject):
    """Catches what nobody else has caught, in any thread. One window at a time tells of all there were."""

    interrupted = Signal()
    _came = Signal(BaseException)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._told: dict[str, float] = {}
        self.dialog: ErrorDialog | None = None
        # Emitted in another thread it arrives in this one.
        self._came.connect(self._tell)

    def install(self) -> None:
        """Be asked by Python from now on."""
        sys.excepthook = self.caught
        threading.excepthook = lambda found: self.caught(found.exc_type, found.exc_value, found.exc_traceback)

    def caught(
        self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None = None
    ) -> None:
        """Write an error down and tell it."""
        if issubclass(kind, KeyboardInterrupt):
            self.interrupted.emit()
            return
        error = error or kind()
        sys.__excepthook__(kind, error, trace)
        fault("An error of the program", error.with_traceback(trace), is_ours=True)
        self._came.emit(error)

    def _tell(self, error: BaseException) -> None:
        from jobdesk.window.error_dialog import ErrorDialog

        if self.dialog is not None:
            self.dialog.add(error)
            return
        place, now = _place(error), time.monotonic()
        if now - self._told.get(place, -QUIET_S) < QUIET_S:
            return
        if len(self._told) >= _MOST_PLACES:
            self._told.clear()
        self._told[place] = now
        self.dialog = ErrorDialog(QApplication.activeModalWidget() or self._window, error=error)
        self.dialog.finished.connect(self._forget)
        self.dialog.open()

    def _forget(self, _result: int) -> None:
        if self.dialog is not None:
            for error in self.dialog.errors:
                self._told[_place(error)] = time.monotonic()
        self.dialog = None


def _place(error: BaseException) -> str:
    """Where an error comes from: its kind and the innermost place in the code."""
    frames = traceback.extract_tb(error.__traceback__)
    return (
        f"{type(error).__qualname__} {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__qualname__
    )
